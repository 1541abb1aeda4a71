"""What is in a bundle, and that it is always the same."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from pipeline import bundle, flatbuffer, stored_zip, tflite_metadata
from pipeline.data import InputSpec
from pipeline.errors import InputError, ModelError, NotIntegerOnlyError
from pipeline.litert import Litert
from tests.pipeline import bundles
from tests.pipeline.interpreter.one_op import Operand, constant, model


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return stored_zip.read(bundle.build(bundles.contents()))


def test_the_same_contents_give_the_same_bytes_in_every_process():
    code = (
        "import hashlib; from pipeline import bundle; from tests.pipeline import bundles;"
        "print(hashlib.sha256(bundle.build(bundles.contents())).hexdigest())"
    )
    here = hashlib.sha256(bundle.build(bundles.contents())).hexdigest()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == here


def test_the_table_is_that_of_training(files):
    contract = json.loads(files[bundle.CONTRACT])
    spec = InputSpec(4, 5, 1)
    assert spec.pixel_rule() == bundles.RULE
    assert contract["table"] == spec.table().tolist()
    assert len(contract["table"]) == 256
    assert contract["pixels"] == dataclasses.asdict(bundles.RULE)
    assert contract["inputs"] == [
        {
            "name": "model/layer/input0",
            "dtype": "int8",
            "shape": [1, 4, 5, 1],
            "scale": 1 / 128,
            "zero_point": 0,
        }
    ]


@pytest.mark.parametrize(
    ("engine", "kernels"), [("reference", "reference"), ("xnnpack_arm64", "xnnpack")]
)
def test_golden_outputs_are_the_runtimes(files, engine, kernels):
    contents = bundles.contents()
    runtime = Litert(contents.model, kernels=kernels)
    answers = np.frombuffer(files[f"golden/{engine}/output_0.bin"], np.int8).reshape(3, 1, 3)
    inputs = np.frombuffer(files["golden/input_0.bin"], np.int8).reshape(3, 1, 4, 5, 1)
    for values, answer in zip(inputs, answers, strict=True):
        np.testing.assert_array_equal(runtime.run(values)[0], answer)


def test_metadata_says_what_the_contract_says(files):
    told, labels = tflite_metadata.detach(files[bundle.MODEL])
    assert labels == bundles.LABELS
    assert files[bundle.LABELS].decode() == "cat\ndog\nÜbel\n"
    (image,) = told.inputs
    assert image.image == tflite_metadata.Image(5, 4, "GRAYSCALE", 128.0, 128.0)
    assert (image.minimum, image.maximum) == (-1.0, 127 / 128)
    assert told.outputs[0].labels_file == "labels.txt"
    assert told.license == "Apache-2.0"


def test_the_card_tells_figures(files):
    card, page = json.loads(files[bundle.CARD]), files["MODEL_CARD.md"].decode()
    measured = card["measured"]
    assert measured["sha256"] == hashlib.sha256(files[bundle.MODEL]).hexdigest()
    assert measured["size_bytes"] == len(files[bundle.MODEL])
    assert measured["ops"] == {"FULLY_CONNECTED": 1}
    assert measured["macs"] == 60
    assert measured["peak_activation_bytes"] == 23
    for shown in ("90.00 %", "60.00 to 100.00 %", "2.5 us", "Apache-2.0", "random codes, seed 0"):
        assert shown in page


@pytest.mark.parametrize(
    ("dtype", "zero_point", "zero_pixel", "told"),
    [
        ("int8", 0, 128, "refuse int8 inputs"),
        ("uint8", 128, 128, "a pixel is its own code"),
        ("uint8", 127, 128, "give wrong codes"),
        ("uint8", 127, None, "takes no pictures"),
    ],
)
def test_the_card_tells_what_mediapipe_does(dtype, zero_point, zero_pixel, told):
    picture = Operand((1, 4, 5, 1), 1 / 128, zero_point, dtype)
    statement = bundles.contents().statement
    rule = zero_pixel and dataclasses.replace(bundles.RULE, zero_pixel=zero_pixel)
    carried = bundle.with_metadata(model("RELU", [picture], picture), rule, (), statement)
    vectors = bundle.random_vectors(carried, 1, 0)
    files = bundle.members(bundle.Contents(carried, rule, vectors, "random", statement))
    assert told in files["MODEL_CARD.md"].decode()


def test_the_manifest_is_what_sha256sum_reads(files, tmp_path):
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", bundle.MANIFEST],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK") == len(files) - 1


def test_state_lives_from_vector_to_vector():
    statement = bundles.contents().statement
    carried = bundle.with_metadata(_remembering(), None, (), statement)
    vectors = (np.full((3, 1, 4), 100, np.int8),)
    contents = bundle.Contents(carried, None, vectors, "the same thrice", statement)
    answers = np.frombuffer(bundle.members(contents)["golden/reference/output_0.bin"], np.int8)
    first, second, third = answers.reshape(3, 2)
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)


def _remembering() -> bytes:
    """Returns a model whose answer depends on its last three inputs."""
    return model(
        "SVDF",
        [
            Operand((1, 4), 0.5),
            constant(np.full((2, 4), 9, np.int8), 0.25),
            constant(np.full((2, 3), 99, np.int16), 0.125),
            constant(np.zeros(2, np.int32), 0.0625),
            Operand((1, 6), 0.5, 0, "int16", is_variable=True),
        ],
        Operand((1, 2), 500.0, -128),
        rank=1,
        fused_activation_function="RELU",
    )


def test_a_model_with_floats_is_refused():
    weights = constant(np.ones((4, 4), np.float32))
    floats = model(
        "FULLY_CONNECTED",
        [Operand((1, 4), dtype="float32"), weights, None],
        Operand((1, 4), dtype="float32"),
        fused_activation_function="NONE",
    )
    statement = bundles.contents().statement
    with pytest.raises(NotIntegerOnlyError, match="FULLY_CONNECTED"):
        bundle.with_metadata(floats, None, (), statement)
    contents = dataclasses.replace(bundles.contents(), model=floats)
    with pytest.raises(NotIntegerOnlyError, match="FULLY_CONNECTED"):
        bundle.build(contents)
    with pytest.raises(ModelError, match="random inputs need one of int8"):
        bundle.random_vectors(floats, 1, 0)


def test_what_does_not_fit_the_model_is_refused():
    contents = bundles.contents()
    with pytest.raises(InputError, match="2 labels need one output with as many entries"):
        bundle.with_metadata(bundles.network(), bundles.RULE, ("a", "b"), contents.statement)
    rule = dataclasses.replace(bundles.RULE, height=6)
    with pytest.raises(InputError, match=r"need one quantized input \[1, 6, 5, 1\]"):
        bundle.with_metadata(bundles.network(), rule, (), contents.statement)
    for vectors in ((), (contents.vectors[0][:0],), (contents.vectors[0].astype(np.uint8),)):
        with pytest.raises(InputError, match="golden vectors: needed 1 to 256"):
            bundle.build(dataclasses.replace(contents, vectors=vectors))


def test_weights_of_zeros_have_a_certificate_in_json():
    zeros = model(
        "FULLY_CONNECTED",
        [Operand((1, 4), 0.5), constant(np.zeros((3, 4), np.int8), 0.25), None],
        Operand((1, 3), 0.5),
        fused_activation_function="NONE",
    )
    statement = bundles.contents().statement
    carried = bundle.with_metadata(zeros, None, (), statement)
    vectors = bundle.random_vectors(carried, 1, 0)
    files = bundle.members(bundle.Contents(carried, None, vectors, "random", statement))
    assert json.loads(files["certificate.json"])["is_integer_only"]


def test_nothing_of_the_network_changes():
    before, after = (
        flatbuffer.read(content).main for content in (bundles.network(), bundles.contents().model)
    )
    assert before.operators == after.operators
    for old, new in zip(before.tensors, after.tensors, strict=True):
        assert (old.name, old.shape, old.quantization) == (new.name, new.shape, new.quantization)
        np.testing.assert_array_equal(old.data, new.data)
