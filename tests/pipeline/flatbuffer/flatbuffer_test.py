"""Bytes to Graph and back; hostile bytes."""

import random
import time

import numpy as np
import pytest

from pipeline import flatbuffer
from pipeline.engine_process import EngineProcess
from pipeline.errors import ModelError
from tests.pipeline.interpreter.one_op import Operand, constant, model

_MAX_SECONDS = 2.0


def _convolution():
    rng = np.random.default_rng(0)
    weights = constant(rng.integers(-127, 128, (4, 3, 3, 2), np.int8), [0.01, 0.02, 0.03, 0.04], 0)
    bias = constant(
        rng.integers(-500, 500, 4, np.int32), [scale * 0.5 for scale in (0.01, 0.02, 0.03, 0.04)], 0
    )
    return model(
        "CONV_2D",
        [Operand((1, 5, 5, 2), 0.5, 3), weights, bias],
        Operand((1, 5, 5, 4), 0.7, -5),
        padding="SAME",
        stride_w=1,
        stride_h=1,
        dilation_w_factor=1,
        dilation_h_factor=1,
        fused_activation_function="RELU",
    )


def _same(a, b):
    assert a.main.inputs == b.main.inputs
    assert a.main.outputs == b.main.outputs
    assert a.main.operators == b.main.operators
    for ours, theirs in zip(a.main.tensors, b.main.tensors, strict=True):
        assert (ours.name, ours.shape, ours.dtype, ours.quantization) == (
            *(theirs.name, theirs.shape, theirs.dtype),
            theirs.quantization,
        )
        assert (ours.data is None) == (theirs.data is None)
        if ours.data is not None:
            np.testing.assert_array_equal(ours.data, theirs.data)


def test_round_trip():
    first = _convolution()
    graph = flatbuffer.read(first)
    second = flatbuffer.write(graph)
    _same(graph, flatbuffer.read(second))
    assert flatbuffer.write(graph) == second


def test_options_are_words():
    (op,) = flatbuffer.read(_convolution()).main.operators
    assert op.op == "CONV_2D"
    assert op.options["padding"] == "SAME"
    assert op.options["fused_activation_function"] == "RELU"


def test_litert_runs_what_is_written():
    codes = np.arange(50, dtype=np.int8).reshape(1, 1, 5, 5, 2)
    with EngineProcess(_convolution(), "litert", kernels="reference") as oracle:
        expected = oracle.run(codes)[0]
    with EngineProcess(_convolution(), "interpreter") as ours:
        np.testing.assert_array_equal(ours.run(codes)[0], expected)


@pytest.mark.parametrize(
    "name",
    ["mobilenet/mobilenet_v1_0.25_224_quant.tflite", "wake_word/vad.tflite"],
)
def test_real_file_keeps_its_meaning(shared_dir, name):
    path = shared_dir / "tflite_models" / name
    graph = flatbuffer.read(path)
    _same(graph, flatbuffer.read(flatbuffer.write(graph)))


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\0" * 64, b"\xff" * 64, b"PK\x03\x04" * 9])
def test_other_bytes_are_refused(content):
    with pytest.raises(ModelError):
        flatbuffer.read(content)


def _mutants(original, count):
    rng = random.Random(0)
    for _ in range(count):
        content = bytearray(original)
        if rng.random() < 0.1:
            content = content[: rng.randrange(len(content))]
        for _ in range(rng.choice((1, 1, 2, 4))):
            if not content:
                continue
            position = rng.randrange(len(content))
            if rng.random() < 0.5:
                content[position] = rng.randrange(256)
            else:
                word = rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, len(content)))
                content[position : position + 4] = word.to_bytes(4, "little")
        yield bytes(content)


def test_mutants_never_escape_our_errors():
    refused = 0
    for mutant in _mutants(_convolution(), 3000):
        start = time.perf_counter()
        try:
            flatbuffer.read(mutant)
        except ModelError:
            refused += 1
        assert time.perf_counter() - start < _MAX_SECONDS
    assert refused > 300
