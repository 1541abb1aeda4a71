"""TFLite Metadata: written, read back, by us and by whoever else is installed."""

import contextlib
import dataclasses
import io
import json
import random
import zipfile

import numpy as np
import pytest

from pipeline import flatbuffer, tflite_metadata
from pipeline.errors import BundleError, ModelError
from pipeline.interpreter import Interpreter
from pipeline.litert import Litert
from pipeline.tflite_metadata import Image, ModelMetadata, TensorMetadata
from tests.pipeline.interpreter.one_op import Operand, model

_LABELS = ("cat", "dog", "Übel", "two words")
_METADATA = ModelMetadata(
    *("animals", "What is on a picture.", "1.2", "somebody", "Apache-2.0"),
    inputs=(
        TensorMetadata("image", "A picture.", -1.0, 0.9921875, Image(2, 3, "RGB", 128.0, 128.0)),
    ),
    outputs=(TensorMetadata("class", "Scores.", 0.0, 2.5, labels_file="labels.txt"),),
)


def _model() -> bytes:
    return model("RELU", [Operand((1, 3, 2, 3), 0.5)], Operand((1, 3, 2, 3), 0.5))


def test_read_back():
    carried = tflite_metadata.attach(_model(), _METADATA, _LABELS)
    assert tflite_metadata.detach(carried) == (_METADATA, _LABELS)
    again = tflite_metadata.attach(carried, _METADATA, _LABELS)
    assert again == carried, "attaching twice gives the same bytes"
    bare = tflite_metadata.attach(_model(), _METADATA)
    assert tflite_metadata.detach(bare) == (_METADATA, ())


def test_the_model_computes_as_before_in_both_engines():
    carried = tflite_metadata.attach(_model(), _METADATA, _LABELS)
    codes = np.random.default_rng(0).integers(-128, 128, (1, 3, 2, 3)).astype(np.int8)
    (expected,) = Interpreter(_model()).run(codes)
    np.testing.assert_array_equal(Interpreter(carried).run(codes)[0], expected)
    np.testing.assert_array_equal(Litert(carried).run(codes)[0], expected)


def test_the_label_file_is_where_a_zip_reader_looks():
    carried = tflite_metadata.attach(_model(), _METADATA, _LABELS)
    with zipfile.ZipFile(io.BytesIO(carried)) as archive:
        (info,) = archive.infolist()
        assert info.compress_type == zipfile.ZIP_STORED  # MediaPipe maps it into memory.
        assert archive.read(info).decode().splitlines() == list(_LABELS)


def test_the_number_of_tensors_is_checked():
    none = dataclasses.replace(_METADATA, outputs=())
    with pytest.raises(ModelError, match="needed metadata of 1 outputs, got 0"):
        tflite_metadata.attach(_model(), none)
    with pytest.raises(ModelError, match="TFLITE_METADATA"):
        tflite_metadata.detach(_model())


@pytest.mark.parametrize("labels", [("a", ""), ("a\nb",), ("a\u2028b",)])
def test_a_label_is_one_line(labels):
    with pytest.raises(BundleError, match="one line of text"):
        tflite_metadata.labels_text(labels)


def test_arbitrary_bytes_never_escape():
    rng = random.Random(0)
    content = tflite_metadata.build(_METADATA)
    for _ in range(3000):
        changed = bytearray(content)
        for _ in range(rng.randrange(1, 4)):
            changed[rng.randrange(8, len(changed))] = rng.randrange(256)
        with contextlib.suppress(ModelError):
            tflite_metadata.parse(bytes(changed[: rng.randrange(8, len(changed) + 1)]))


def test_the_official_reader_agrees(tmp_path):
    """With mediapipe or tflite-support on the path; neither is among the project's packages."""
    try:
        from tensorflow_lite_support.metadata.python import metadata
    except ImportError:
        metadata = pytest.importorskip("mediapipe.tasks.python.metadata.metadata")
    path = tmp_path / "model.tflite"
    path.write_bytes(tflite_metadata.attach(_model(), _METADATA, _LABELS))
    shown = metadata.MetadataDisplayer.with_model_file(str(path))
    assert shown.get_packed_associated_file_list() == ["labels.txt"]
    assert shown.get_associated_file_buffer("labels.txt").decode().splitlines() == list(_LABELS)
    document = json.loads(shown.get_metadata_json())
    assert document["name"] == "animals"
    assert document["license"] == "Apache-2.0"
    assert document["min_parser_version"] == "1.0.0"
    (subgraph,) = document["subgraph_metadata"]
    (image,), (scores,) = subgraph["input_tensor_metadata"], subgraph["output_tensor_metadata"]
    assert image["content"]["content_properties_type"] == "ImageProperties"
    assert image["content"]["content_properties"] == {
        "color_space": "RGB",
        "default_size": {"width": 2, "height": 3},
    }
    assert image["process_units"] == [
        {"options_type": "NormalizationOptions", "options": {"mean": [128.0], "std": [128.0]}}
    ]
    assert image["stats"] == {"max": [0.992188], "min": [-1.0]}  # It prints 6 digits.
    assert scores["content"]["content_properties_type"] == "FeatureProperties"
    (file,) = scores["associated_files"]
    assert (file["name"], file["type"]) == ("labels.txt", "TENSOR_AXIS_LABELS")


def test_metadata_that_was_there_stays():
    graph = flatbuffer.read(_model())
    kept = dataclasses.replace(graph, metadata={"min_runtime_version": b"1.5.0"})
    carried = tflite_metadata.attach(flatbuffer.write(kept), _METADATA)
    entries = flatbuffer.read(carried).metadata
    assert entries["min_runtime_version"] == b"1.5.0"
    assert set(entries) == {"min_runtime_version", tflite_metadata.ENTRY}
