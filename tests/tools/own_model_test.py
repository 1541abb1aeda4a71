"""tools.train on models that users saved: the whole road, and what is refused."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from pipeline.data.digits import to_pixels
from pipeline.data.input_spec import InputSpec
from pipeline.legacy_keras import tf_keras
from tests.conftest import REPO
from tools import own_model

_RUN = ("--dataset=digits", "--batch_size=128", "--qat_epochs=1", "--num_threads=1")
_L = tf_keras.layers


@pytest.fixture(scope="module")
def keras3_model(tmp_path_factory):
    """A digits network that Keras 3 trained and saved."""
    folder = tmp_path_factory.mktemp("keras3")
    subprocess.run(
        [sys.executable, "-m", "tests.pipeline.keras_files.keras3_digits", str(folder)],
        cwd=REPO,
        check=True,
        capture_output=True,
    )
    return folder / "digits3.keras"


@pytest.fixture(scope="module")
def tf_keras_model(tmp_path_factory):
    """A digits network that tf_keras trained, scales pixels 0..255 itself, and saved as .h5."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    tf_keras.utils.set_random_seed(0)
    model = tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 1), name="picture"),
            _L.Rescaling(1 / 255, name="rescaling"),
            _L.Conv2D(8, 3, strides=2, activation="relu", name="first"),
            _L.Flatten(name="flatten"),
            _L.Dense(10, name="classes"),
        ],
        name="digits2",
    )
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.Adam(0.01), loss)
    pixels = to_pixels(bunch.images)[..., None].astype(np.float32)
    model.fit(pixels, bunch.target, batch_size=64, epochs=3, verbose=0)
    path = tmp_path_factory.mktemp("tf_keras") / "digits2.h5"
    model.save(path)
    return path


@pytest.mark.timeout(900)
def test_keras3_model_goes_the_whole_road_as_it_is(keras3_model, run_tool, tmp_path):
    done = run_tool(
        *("run_pipeline", f"--output_dir={tmp_path}", f"--model={keras3_model}"),
        *("--float_epochs=0", "--qat_epochs=1", "--batch_size=128", "--num_inputs=4"),
        timeout_s=800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the softmax at its end is left out" in done.stdout
    assert done.stdout[done.stdout.rindex("accuracy") :].count("yes") == 3
    train = json.loads((tmp_path / "run" / "train.json").read_text())["results"]
    # As it was trained, on pictures it has seen: nothing was lost on the way.
    assert train["float_accuracy"] > 0.9
    assert train["float_seconds"] == 0
    assert abs(train["calibrated_accuracy"] - train["float_accuracy"]) < 0.03
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["config"]["model"] == str(keras3_model)
    assert (run["input_spec"]["height"], run["input_spec"]["width"]) == (8, 8)


@pytest.mark.timeout(900)
def test_tf_keras_model_on_its_own_pixels_and_resumption(tf_keras_model, run_tool, tmp_path):
    path = shutil.copy(tf_keras_model, tmp_path / "mine.h5")
    run = tmp_path / "run"
    arguments = ("--input_mean=0", "--input_scale=1", "--float_epochs=0")
    done = run_tool(
        "train", f"--model={path}", f"--run_dir={run}", *_RUN, *arguments, "--qat_epochs=0"
    )
    assert done.returncode == 0, done.stderr
    assert "layer 'rescaling' is folded into the input parameters" in done.stdout
    fields = json.loads((run / "run.json").read_text())
    assert len(fields["model_sha256"]) == 64
    assert fields["input_spec"]["mean"] == 0
    assert fields["input_spec"]["scale"] == np.float32(1 / 255)
    given = tf_keras.models.load_model(path, compile=False).get_weights()
    kept = tf_keras.models.load_model(run / "float.keras", compile=False).get_weights()
    for expected, got in zip(given, kept, strict=True):
        np.testing.assert_array_equal(got, expected)

    with open(path, "ab") as file:
        file.write(b"x")
    done = run_tool("train", f"--run_dir={run}", "--resume", "--qat_epochs=1")
    assert done.returncode == 2
    assert "has changed since the run began" in done.stderr
    shutil.copy(tf_keras_model, path)
    done = run_tool("train", f"--run_dir={run}", "--resume", "--qat_epochs=1")
    assert done.returncode == 0, done.stderr
    results = json.loads((run / "train.json").read_text())["results"]
    assert results["float_accuracy"] > 0.9
    assert results["calibrated_accuracy"] > 0.87

    model = tmp_path / "m.tflite"
    for tool, *rest in (
        ("convert", f"--run_dir={run}", f"--output={model}"),
        ("certify", f"--model={model}"),
        ("verify", f"--model={model}", f"--run_dir={run}", "--num_inputs=4"),
    ):
        done = run_tool(tool, *rest)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--model={path}", "--model_args=depth=8"), "is a file and takes no --model_args"),
        (("--model={path}", "--input_size=16"), "and --input_size=16, as --dataset=digits has"),
        (("--model={folder}/none.keras",), "none.keras: needed a model file, but there is none"),
        (("--model=resnet_cifar", "--float_epochs=0"), "needed --float_epochs=1 or more, got 0"),
    ],
)
def test_refuses_before_anything_is_written(tf_keras_model, tmp_path, run_tool, arguments, told):
    places = {"path": tf_keras_model, "folder": tmp_path}
    done = run_tool(
        "train", *_RUN, *(text.format(**places) for text in arguments), f"--run_dir={tmp_path}/run"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_code_runs_only_when_allowed(tmp_path, run_tool):
    """A Lambda that leaves a trace where it runs."""
    trace = tmp_path / "trace"
    source = f"lambda x: (open({str(trace)!r}, 'w').close(), x)[1]"
    model = tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 1)),
            _L.Lambda(eval(source), name="innocent"),
            _L.Flatten(),
            _L.Dense(10),
        ]
    )
    path = tmp_path / "evil.h5"
    model.save(path)
    trace.unlink()
    arguments = ("train", *_RUN, f"--model={path}", "--float_epochs=0", "--qat_epochs=0")
    done = run_tool(*arguments, f"--run_dir={tmp_path}/run")
    assert done.returncode == 2
    assert "layer 'innocent'" in done.stderr
    assert "--allow_unsafe_model" in done.stderr
    assert not trace.exists()
    done = run_tool(*arguments, f"--run_dir={tmp_path}/run", "--allow_unsafe_model")
    assert done.returncode == 0, done.stderr
    assert trace.exists()


def _scaled(factor, offset=0.0):
    picture = tf_keras.Input((8, 8, 1))
    flat = _L.Flatten()(_L.Rescaling(factor, offset, name="scaled")(picture))
    return own_model.OwnModel("", tf_keras.Model(picture, _L.Dense(3)(flat)))


def test_a_rescaling_becomes_part_of_the_input_contract():
    spec = InputSpec(8, 8, 1, mean=0.0, scale=1.0)
    own, folded, name = own_model.fold_rescaling(_scaled(1 / 127.5, -1.0), spec)
    assert name == "scaled"
    assert (folded.mean, folded.scale) == (pytest.approx(127.5), np.float32(1 / 127.5))
    assert own.model is not None
    assert all(type(layer) is not _L.Rescaling for layer in own.model.layers)


@pytest.mark.parametrize(("factor", "offset"), [(-1.0, 0.0), (1.0, 3.0), (1.0, -256.0)])
def test_a_rescaling_without_a_pixel_for_zero_stays(factor, offset):
    spec, own = InputSpec(8, 8, 1, mean=0.0, scale=1.0), _scaled(factor, offset)
    assert own_model.fold_rescaling(own, spec) == (own, spec, "")
