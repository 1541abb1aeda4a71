"""tools.bundle and tools.verify_bundle, run as a user runs them."""

import ast
import hashlib
import io
import json
import pathlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from pipeline import report
from pipeline.data import InputSpec
from pipeline.run_dir import RunDir
from pipeline.train_config import TrainConfig
from tests.conftest import REPO
from tests.pipeline import bundles
from tests.pipeline.interpreter.one_op import Operand, constant, model


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> pathlib.Path:
    """A model that takes digits' pictures."""
    path = tmp_path_factory.mktemp("model") / "digits.tflite"
    weights = constant(np.random.default_rng(0).integers(-9, 9, (10, 64)).astype(np.int8), 0.25)
    path.write_bytes(
        model(
            "FULLY_CONNECTED",
            [Operand((1, 8, 8, 1), 1 / 128), weights, None],
            Operand((1, 10), 0.5),
            fused_activation_function="NONE",
        )
    )
    return path


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> pathlib.Path:
    """A folder with private.pem, public.pem and other.pem."""
    folder = tmp_path_factory.mktemp("keys")
    key, other = (ed25519.Ed25519PrivateKey.generate() for _ in range(2))
    pem = serialization.Encoding.PEM
    (folder / "private.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    for name, owner in (("public.pem", key), ("other.pem", other)):
        public = serialization.PublicFormat.SubjectPublicKeyInfo
        (folder / name).write_bytes(owner.public_key().public_bytes(pem, public))
    return folder


def _members(path: pathlib.Path) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def bundled(run_tool, digits, keys, tmp_path_factory) -> pathlib.Path:
    """A signed bundle with pictures, labels and figures."""
    folder = tmp_path_factory.mktemp("bundled")
    row = {"num_correct": 3, "num_images": 4, "low": 0.25, "high": 0.95, "share": 0.75}
    figures = {"digits.tflite (interpreter)": {**row, "recall_at_5": None}}
    report.write(folder / "evaluate.json", "evaluate", figures, inputs=[digits])
    latency = {"median_us": {"median": 12.5, "low": 12.0, "high": 13.0}}
    results = {
        "device": "host",
        "runtime": "LiteRT",
        "settings": {"num_threads": 1},
        "models": [{"model": digits, "latency": latency}],
    }
    report.write(folder / "benchmark.json", "benchmark", results, inputs=[digits])
    evidence = f"--evidence={folder / 'evaluate.json'},{folder / 'benchmark.json'}"
    for name in ("b.zip", "again.zip"):
        done = run_tool(
            *("bundle", f"--model={digits}", f"--output={folder / name}", "--dataset=digits"),
            *("--license=Apache-2.0", "--name=digits", f"--signing_key={keys / 'private.pem'}"),
            *("--num_vectors=4", evidence),
        )
        assert done.returncode == 0, done.stderr
    return folder / "b.zip"


def test_the_same_bytes_twice(bundled):
    assert bundled.read_bytes() == bundled.with_name("again.zip").read_bytes()


def test_pictures_labels_and_figures_are_in_it(bundled, digits):
    files = _members(bundled)
    assert files["labels.txt"].decode().split() == list("0123456789")
    index = json.loads(files["golden/index.json"])
    assert (index["num_vectors"], index["source"]) == (4, "held-out pictures of digits")
    contract = json.loads(files["input_contract.json"])
    assert contract["table"] == list(range(-128, 128))
    page = files["MODEL_CARD.md"].decode()
    for shown in (
        "75.00 %",
        "25.00 to 95.00 %",
        "| host |  | LiteRT | 1 | digits.tflite | 12.5 us |",
        "Apache-2.0",
    ):
        assert shown in page
    assert hashlib.sha256(digits.read_bytes()).hexdigest() in page
    assert str(bundled.parent) not in page, "no path of this machine"


def test_verified(run_tool, bundled, keys):
    done = run_tool("verify_bundle", f"--bundle={bundled}", f"--public_key={keys / 'public.pem'}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ok  MANIFEST.ed25519: signed by the given key" in done.stdout
    done = run_tool("verify_bundle", f"--bundle={bundled}")
    assert done.returncode == 0
    assert "the signature was not checked" in done.stdout


def test_tampered_or_signed_by_somebody_else(run_tool, bundled, keys, tmp_path):
    done = run_tool("verify_bundle", f"--bundle={bundled}", f"--public_key={keys / 'other.pem'}")
    assert done.returncode == 1
    assert done.stderr.startswith("error: MANIFEST.ed25519: is not that of MANIFEST.sha256")
    content = bytearray(bundled.read_bytes())
    content[content.index(b"TFL3") + 100] ^= 1
    (tmp_path / "changed.zip").write_bytes(content)
    done = run_tool("verify_bundle", f"--bundle={tmp_path / 'changed.zip'}")
    assert done.returncode == 1
    assert done.stderr.startswith("error: model.tflite: ")
    assert "Traceback" not in done.stderr


def test_random_inputs_and_labels_of_a_file(run_tool, tmp_path):
    (tmp_path / "m.tflite").write_bytes(bundles.network())
    (tmp_path / "names.txt").write_bytes(b"a\r\nb b\r\n\xc3\xbc")
    paths = [f"--model={tmp_path / 'm.tflite'}", f"--output={tmp_path / 'b.zip'}"]
    done = run_tool("bundle", *paths, f"--labels={tmp_path / 'names.txt'}", "--seed=3")
    assert done.returncode == 0, done.stderr
    files = _members(tmp_path / "b.zip")
    assert files["labels.txt"].decode() == "a\nb b\nü\n"
    assert json.loads(files["input_contract.json"])["pixels"] is None
    assert json.loads(files["golden/index.json"])["source"] == "random codes, seed 3"
    done = run_tool("verify_bundle", f"--bundle={tmp_path / 'b.zip'}")
    assert done.returncode == 0, done.stderr
    assert "not signed" in done.stdout


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("bundle", ["--output=b.zip"], "needed --run_dir or --model"),
        ("bundle", ["--model=nowhere.tflite", "--output=b.zip"], "nowhere.tflite"),
        ("bundle", ["--model=setup.py", "--output=b.zip"], "needed a .tflite model"),
        ("bundle", ["--run_dir=docs", "--output=b.zip"], "needed a run directory"),
        ("bundle", ["--model={digits}"], "--output"),
        ("bundle", ["--model={digits}", "--output=b.zip", "--num_vectors=0"], "num_vectors"),
        (
            "bundle",
            ["--model={digits}", "--output=b.zip", "--signing_key=setup.py"],
            "needed an unencrypted Ed25519 private key",
        ),
        (
            "bundle",
            ["--model={digits}", "--output=b.zip", "--evidence={other}"],
            "measure this model",
        ),
        ("verify_bundle", [], "--bundle"),
        ("verify_bundle", ["--bundle=nowhere.zip"], "nowhere.zip"),
        (
            "verify_bundle",
            ["--bundle=setup.py", "--public_key=setup.py"],
            "needed an Ed25519 public key",
        ),
    ],
)
def test_bad_requests(run_tool, digits, tmp_path, tool, arguments, message):
    other = tmp_path / "other.json"
    report.write(other, "evaluate", {}, inputs=["setup.py"])
    places = {"digits": digits, "other": other}
    done = run_tool(tool, *(argument.format(**places) for argument in arguments))
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not pathlib.Path("b.zip").exists()


def test_what_is_no_bundle_is_not_good(run_tool):
    done = run_tool("verify_bundle", "--bundle=setup.py")
    assert done.returncode == 1
    assert "needed a zip member" in done.stderr


def test_a_model_with_floats_is_not_bundled(run_tool, tmp_path):
    weights = constant(np.ones((4, 4), np.float32))
    (tmp_path / "float.tflite").write_bytes(
        model(
            "FULLY_CONNECTED",
            [Operand((1, 4), 0.5), weights, None],
            Operand((1, 4), 0.5),
            fused_activation_function="NONE",
        )
    )
    output = tmp_path / "b.zip"
    done = run_tool("bundle", f"--model={tmp_path / 'float.tflite'}", f"--output={output}")
    assert done.returncode == 1
    assert "NOT integer-only" in done.stderr
    assert not output.exists()


def test_the_contract_of_a_run(run_tool, digits, tmp_path):
    """With a model given, the run needs to hold no trained one."""
    spec = InputSpec(8, 8, 1, mean=127.0)
    config = TrainConfig(model="/nowhere/else/net.keras", dataset="digits", seed=5)
    run = RunDir(tmp_path / "run", config, spec, tuple("0123456789"), 1438)
    run.path.mkdir()
    run.save()
    output = tmp_path / "b.zip"
    done = run_tool("bundle", f"--run_dir={run.path}", f"--model={digits}", f"--output={output}")
    assert done.returncode == 0, done.stderr
    files = _members(output)
    contract = json.loads(files["input_contract.json"])
    assert contract["pixels"]["zero_pixel"] == 127
    assert contract["table"] == [min(code, 127) for code in range(-127, 129)]
    page = files["MODEL_CARD.md"].decode()
    assert "| training, seed | 5 |" in page
    assert "| training, model | net.keras |" in page
    assert "nowhere" not in page
    done = run_tool("verify_bundle", f"--bundle={output}")
    assert done.returncode == 0, done.stderr


def test_verify_bundle_starts_with_few_packages():
    code = (
        "import sys; import tools.verify_bundle;"
        "print(sorted({name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True
    )
    heavy = {"tensorflow", "keras", "tf_keras", "scipy", "numba", "rich", "cryptography", "PIL"}
    assert not heavy & set(ast.literal_eval(done.stdout))
