"""README.md and docs/, followed by the letter: every command runs, in the order of the page.

The README comes first: its `make demo` makes what the other pages go on with. _SUBSTITUTIONS is all
that differs from what a reader types: less training, pictures and weights of a few kilobytes, a
fake phone. What the demo leaves is then looked at more closely than a reader would.
"""

import dataclasses
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest
from PIL import Image

from android_bench import fleet
from tests import docs_pages
from tests.conftest import REPO
from tests.docs_pages import TROUBLESHOOTING, Block
from tests.fakephone.binaries import behaviour
from tests.fakephone.binaries.behaviour import Behaviour
from tests.fakephone.phone import phone
from tests.fakephone.scenario import Scenario
from tests.pipeline.interpreter.one_op import Operand, model

_DEMO = "python -m tools.run_pipeline --output_dir=out/demo --resume"

# (what a page says, what is run); {journal}, {runner} and {library} are filled in.
_SUBSTITUTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "README.md": (
        ("make demo", f"{_DEMO} --float_epochs=6 --qat_epochs=1 --num_inputs=8"),
        ("source .venv/bin/activate", "true"),
    ),
    "docs/app_teams.md": (
        # Without a run: random golden inputs, and no TensorFlow to load.
        (
            "--model=out/demo/model_int8.tflite --run_dir=out/demo/run",
            "--model=out/demo/model_int8.tflite",
        ),
    ),
    "docs/debugging.md": (("--num_inputs=32", "--num_inputs=4"),),
    "docs/phones.md": (
        ("--download_benchmark_binary=tflite", "--benchmark_binary=../benchmark_model"),
        ("--num_rounds=10", "--num_rounds=2 --num_runs=1 --min_time_s=0"),
        ("out/phones/SERIAL.jsonl", "{journal}"),
        ("--benchmark_binary=FILE", "--benchmark_binary={runner} --library={library}"),
    ),
    "docs/troubleshooting.md": (("tools.doctor", "tools.doctor --noimports"),),
    "docs/your_model.md": (
        ("SIZE, EPOCHS = 128, 5", "SIZE, EPOCHS = 16, 1"),
        (
            "keras.applications.MobileNet((SIZE, SIZE, 3), alpha=0.25, include_top=False, "
            "weights=None)",
            "keras.Sequential([keras.Input((SIZE, SIZE, 3)), "
            'keras.layers.Conv2D(8, 3, 2, name="conv1")])',
        ),
        ("--qat_epochs=2", "--qat_epochs=1"),
    ),
}
_NEEDS_PHONE = ("adb ", "tools.benchmark", "tools.doctor")  # The doctor asks adb, too.

_BLOCKS = [
    block
    for page in docs_pages.pages()
    for block in docs_pages.blocks(page)
    if block.fence == "bash"
]
_TIMEOUT_S = 800  # The demo, on a machine with much other work.


@dataclasses.dataclass
class _Reader:
    """Someone who follows the pages in a checkout, beside which the shared data lies.

    Attributes:
      checkout: Where they type.
      names: What substitutions are filled in with.
    """

    checkout: pathlib.Path
    names: dict[str, str] = dataclasses.field(default_factory=dict)
    _done: dict[Block, subprocess.CompletedProcess[str]] = dataclasses.field(default_factory=dict)

    def follow(self, block: Block) -> subprocess.CompletedProcess[str]:
        """Runs a block, and before it what stands above it and the README's first."""
        for before in _BLOCKS:
            is_above = before.page == block.page and before.line < block.line
            if (is_above or before == _BLOCKS[0]) and before != block:
                assert self._run(before).returncode == 0, f"{_name(before)} failed"
        return self._run(block)

    def _run(self, block: Block) -> subprocess.CompletedProcess[str]:
        if block not in self._done:
            path = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            self._done[block] = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", self._commands(block)],
                cwd=self.checkout,
                env=os.environ | {"PATH": path, "PYTHONPATH": str(REPO)},
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT_S,
            )
        return self._done[block]

    def _commands(self, block: Block) -> str:
        commands = block.text
        for said, run in _SUBSTITUTIONS.get(block.page, ()):
            for name, value in self.names.items():
                run = run.replace(f"{{{name}}}", value)
            commands = commands.replace(said, run)
        return commands


def _name(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> _Reader:
    root = tmp_path_factory.mktemp("docs")
    (root / "checkout").mkdir()
    _write_flowers(root / "shared" / "data" / "flowers.zip")
    weights = "shared/tflite_models/mobilenet/mobilenet_v1_0.25_224_imagenet.h5"
    _write_weights(root / weights)
    return _Reader(root / "checkout")


def _write_flowers(path: pathlib.Path) -> None:
    """Writes 20 pictures of 20x20 for each of 5 classes; a class is a color."""
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(100):
            pixels = rng.integers(0, 80, (20, 20, 3))
            pixels[..., number % 5 % 3] += 30 * (1 + number % 5)
            encoded = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(encoded, "JPEG")
            archive.writestr(f"train/flower{number % 5}/{number}.jpg", encoded.getvalue())


def _write_weights(path: pathlib.Path) -> None:
    """Writes a weight file of Keras with the one convolution of the network above."""
    path.parent.mkdir(parents=True)
    values = {"conv1/kernel:0": np.full((3, 3, 3, 8), 0.1), "conv1/bias:0": np.zeros(8)}
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv1"]
        group = file.create_group("conv1")
        group.attrs["weight_names"] = [name.encode() for name in values]
        for name, value in values.items():
            group[name] = value.astype(np.float32)


@pytest.fixture(scope="module")
def plugged_in(reader, runner_program, litert_library):
    """A phone on this machine's processor, so that our own program runs on it."""
    behaviour.write(reader.checkout.parent / "benchmark_model", Behaviour())
    with phone(Scenario(properties={"ro.product.cpu.abi": "x86_64"})) as running:
        journal = fleet.journal_path(pathlib.Path("out/phones"), running.serial)
        reader.names |= {
            "journal": str(journal),
            "runner": str(runner_program),
            "library": str(litert_library),
        }
        yield running


@pytest.fixture(scope="module")
def demo(reader) -> tuple[pathlib.Path, str]:
    """What the README's first block leaves, and what it shows."""
    done = reader.follow(_BLOCKS[0])
    assert done.returncode == 0, done.stdout + done.stderr
    return reader.checkout / "out" / "demo", done.stdout


@pytest.mark.timeout(_TIMEOUT_S + 100)
@pytest.mark.parametrize("block", _BLOCKS, ids=_name)
def test_block_runs(block, reader, request):
    if any(word in block.text for word in _NEEDS_PHONE):
        request.getfixturevalue("plugged_in")
    done = reader.follow(block)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_block_is_what_make_demo_runs():
    assert _BLOCKS[0].page == "README.md"
    assert "make demo" in _BLOCKS[0].text
    makefile = (REPO / "Makefile").read_text()
    recipe = makefile[makefile.index("\ndemo:") :].splitlines()[2]
    assert recipe == "\t" + _DEMO.replace("python", "$(BIN)/python", 1)


@pytest.mark.parametrize("page", _SUBSTITUTIONS)
def test_every_substitution_is_of_use(page):
    commands = "".join(block.text for block in _BLOCKS if block.page == page)
    for said, _ in _SUBSTITUTIONS[page]:
        assert said in commands


@pytest.mark.parametrize("page", docs_pages.pages())
def test_everything_named_exists(page):
    assert list(docs_pages.problems(page, (REPO / page).read_text())) == []
    assert {block.fence for block in docs_pages.blocks(page)} <= docs_pages.FENCES


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("`make bench-nothing`", "make bench-nothing"),
        ("```bash\nmake dmeo\n```\n", "make dmeo"),
        ("```console\npython -m tools.train \\\n  --no_such=1\n```\n", "--no_such"),
        ("`--no_such=1`", "--no_such"),
        ("`python -m tools.certify --run_dirs=R`", "--run_dirs"),
        ("`tools.nothing`", "tools.nothing"),
        ("see docs/nothing.md.", "docs/nothing.md"),
        ("[page](nothing.md)", "nothing.md"),
    ],
)
def test_what_does_not_exist_is_found(text, problem):
    (found,) = set(docs_pages.problems("README.md", text))
    assert problem in found


def test_python_snippets_compile():
    for page in docs_pages.pages():
        for block in docs_pages.blocks(page):
            if block.fence == "python":
                compile(block.text, _name(block), "exec")


def test_messages_of_the_troubleshooting_page_exist():
    messages = docs_pages.quoted_messages((REPO / TROUBLESHOOTING).read_text())
    assert len(messages) >= 25
    assert [it for it in messages if not docs_pages.is_in_sources(it)] == []
    assert min(len(message.replace("...", "").strip()) for message in messages) >= 12


def test_a_message_that_nobody_writes_is_found():
    assert docs_pages.is_in_sources("holds a run already; go on with it by --resume")
    assert not docs_pages.is_in_sources("holds a run already; " + "go away")


def test_demo_ends_with_verdicts_and_files(demo):
    folder, shown = demo
    table = shown[shown.rindex("accuracy") :]
    assert table.count("yes") == 3
    assert "out/demo/model_int8.tflite" in table
    assert re.search(r"^out/demo/bundle.zip +for the app team", table, re.MULTILINE)
    assert re.search(r"^out/demo/report.html +for a reviewer", table, re.MULTILINE)
    assert "</html>" in (folder / "report.html").read_text()


def test_demo_ends_with_a_bundle_that_proves_itself(demo):
    folder, shown = demo
    assert "ok  model.tflite" in shown[shown.index("$ python -m tools.verify_bundle") :]
    with zipfile.ZipFile(folder / "bundle.zip") as bundle:
        card = json.loads(bundle.read("model_card.json"))
    (int8,) = _results(folder, "evaluate_int8").values()
    rows = card["stated"]["accuracy"]
    assert [row["model"] for row in rows[:2]] == ["float", "fake-quant"]
    assert rows[2]["share"] == int8["share"]


def test_demo_keeps_accuracy(demo):
    folder, _ = demo
    keras = _results(folder, "evaluate_keras")
    (int8,) = _results(folder, "evaluate_int8").values()
    assert keras["float"]["share"] >= 0.9
    assert abs(int8["share"] - keras["fake-quant"]["share"]) <= 0.006
    assert int8["share"] >= keras["float"]["share"] - 0.03


def test_demo_is_exact_in_every_tensor_and_faithful_in_every_layer(demo):
    folder, _ = demo
    results = _results(folder, "verify")
    assert results["is_exact"]
    assert results["fidelity_holds"]
    assert len(results["fidelity"]["layers"]) == 14
    assert results["fidelity"]["unmatched"] == []


def _results(folder: pathlib.Path, stage: str):
    return json.loads((folder / f"{stage}.json").read_text())["results"]


def test_debugging_page_names_the_planted_fault(reader):
    shown = _followed(reader, "docs/debugging.md", "tools.debug")
    assert "first suspect: layer stage2_block1_conv1, op 4 CONV_2D" in shown
    assert re.search(r"most of it weight rounding \(\d+ %\); worst channels: 5 ", shown)
    assert "the error grows most at layer stage2_block1_conv1, op 4 CONV_2D" in shown
    own, network = (
        json.loads((reader.checkout / "out" / name).read_text())["results"]
        for name in ("faulty_own.json", "faulty_network.json")
    )
    assert "stage2_block1_conv1" in min(own, key=lambda name: own[name]["value"])
    assert set(network) == set(own)
    results = json.loads((reader.checkout / "out" / "faulty.json").read_text())["results"]
    # In front of the fault nothing is lost, behind it much is.
    through = {it["op_index"]: it["network"]["db"] for it in results["layers"]}
    assert min(through[index] for index in range(4)) > 25 > through[4]


def test_debugging_page_shows_the_fault_in_the_other_tools(reader):
    shown = _followed(reader, "docs/debugging.md", "tools.verify --model=out/faulty.tflite")
    assert "parameters: more than rounding" in shown
    shown = _followed(reader, "docs/debugging.md", "tools.diff")
    assert "not allowed by --fail_on: weights" in shown


def _followed(reader: _Reader, page: str, words: str) -> str:
    """Returns what the block of a page with these words shows."""
    (block,) = (it for it in _BLOCKS if it.page == page and words in it.text)
    return reader.follow(block).stdout


def test_debug_ranks_the_layers_of_the_run(demo, run_tool, tmp_path):
    folder, _ = demo
    report = tmp_path / "debug.json"
    done = run_tool(
        *("debug", f"--model={folder / 'model_int8.tflite'}", f"--run_dir={folder / 'run'}"),
        *("--num_inputs=1", "--sensitivity=both", "--sensitivity_inputs=20"),
        f"--report={report}",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads(report.read_text())["results"]["sensitivity"]
    names = [it["layer"] for it in found["layers"]]
    assert len(names) == 15  # 14 ops and the input.
    assert f"sensitivity: {2 + 2 * len(names)} runs of the network on 20 pictures" in done.stdout
    harms = [it["one"]["mean_kl"] for it in found["layers"]]
    assert harms == sorted(harms, reverse=True)
    assert found["num_images"] == 20
    assert all(it["all_but_one"]["num_correct"] <= 20 for it in found["layers"])
    shown = done.stdout[done.stdout.index("layers by the harm") :]
    positions = [shown.index(f" {name} ") for name in names]
    assert positions == sorted(positions)


def test_uint8_edges(reader, run_tool):
    (convert,) = (block for block in _BLOCKS if "--inference_io=uint8" in block.text)
    assert reader.follow(convert).returncode == 0
    path = reader.checkout / "out/demo/model_uint8.tflite"
    done = run_tool("verify", f"--model={path}", "--num_inputs=2")
    assert done.returncode == 0, done.stdout + done.stderr


def test_float_model_is_no_integer_model(demo, run_tool):
    folder, _ = demo
    done = run_tool("certify", f"--model={folder / 'model_float.tflite'}")
    assert done.returncode == 1
    assert "conv1" in done.stdout


def test_model_of_another_run_is_refused(demo, run_tool, tmp_path):
    folder, _ = demo
    other = tmp_path / "other.tflite"
    image = Operand((1, 16, 16, 1), 1 / 128, 0)
    other.write_bytes(model("RELU", [image], image))
    done = run_tool("verify", f"--model={other}", f"--run_dir={folder / 'run'}", "--num_inputs=2")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "no op of the flatbuffer is named after a layer of the run" in done.stderr


def test_second_run_in_the_same_place_is_refused(demo, run_tool):
    folder, _ = demo
    done = run_tool("run_pipeline", f"--output_dir={folder}")
    assert done.returncode == 2
    assert "--resume" in done.stderr


def test_unfinished_run_cannot_be_converted(run_tool, tmp_path):
    done = run_tool("convert", f"--run_dir={tmp_path}", f"--output={tmp_path / 'm.tflite'}")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "m.tflite").exists()
