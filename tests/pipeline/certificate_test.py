"""What the certificate finds, and what it proves."""

import dataclasses
import itertools

import numpy as np
import pytest

from pipeline import certificate, flatbuffer
from tests.pipeline.interpreter import edges
from tests.pipeline.interpreter.one_op import Operand, constant, model

_INPUT = Operand((1, 4), 0.5, 2)
_WEIGHTS = np.array([[1, -2, 3, 4], [100, -100, 50, 7]], np.int8)
_BIAS = np.array([10, -20], np.int32)


def _fully_connected(weights=_WEIGHTS, bias=_BIAS, bias_scale=0.5 * 0.25, weight_zero_point=0):
    filters = dataclasses.replace(constant(weights, 0.25), zero_point=weight_zero_point)
    return flatbuffer.read(
        model(
            "FULLY_CONNECTED",
            [_INPUT, filters, constant(bias, bias_scale)],
            Operand((1, 2), 0.75, -1),
            fused_activation_function="NONE",
        )
    )


def test_sound_model_passes():
    certified = certificate.certify(_fully_connected())
    assert certified.passes
    assert certified.op_counts == {"FULLY_CONNECTED": 1}


def test_accumulator_bound_is_the_worst_case():
    certified = certificate.certify(_fully_connected())
    corners = itertools.product((-128 - 2, 127 - 2), repeat=4)
    worst = 0
    for corner in corners:
        sums = _WEIGHTS.astype(int) @ np.array(corner) + _BIAS
        worst = max(worst, int(np.abs(sums).max()))
    assert certified.tightest is not None
    # The proof bounds partial sums in any order, so it may exceed the whole sum a little.
    assert worst <= certified.tightest.bound <= worst * 1.1


def test_float_op_is_named_with_its_layer():
    graph = flatbuffer.read(
        model(
            "FULLY_CONNECTED",
            [
                Operand((1, 4), dtype="float32"),
                constant(_WEIGHTS.astype(np.float32)),
                constant(_BIAS.astype(np.float32)),
            ],
            Operand((1, 2), dtype="float32"),
            fused_activation_function="NONE",
        )
    )
    certified = certificate.certify(graph)
    assert not certified.is_integer_only
    (found,) = certified.float_ops
    assert found.op == "FULLY_CONNECTED"
    assert found.layer == "layer"
    assert len(certified.boundary) == 2


def test_floats_at_the_edges_alone_need_the_boundary():
    certified = certificate.certify(flatbuffer.read(edges.float_edges()))
    assert not certified.passes
    assert certified.needs_float_boundary
    assert "4 floats at the edges, none between" in certified.verdict
    assert [found.op for found in certified.boundary] == [None, None, "QUANTIZE", "DEQUANTIZE"]


def test_detections_are_floats_behind_the_integer_graph():
    codes = Operand((1, 2, 4), 0.5, 3, "uint8")
    detection = model("RELU", [codes], Operand((1, 2, 4), dtype="float32"))
    graph = flatbuffer.read(detection)
    (op,) = graph.main.operators
    custom = dataclasses.replace(op, op="TFLite_Detection_PostProcess", options={}, is_custom=True)
    main = dataclasses.replace(graph.main, operators=(custom,))
    certified = certificate.certify(dataclasses.replace(graph, subgraphs=(main,)))
    assert certified.needs_float_boundary
    assert "behind the integer graph" in certified.boundary[-1].reason


def test_clipped_bias_is_a_defect():
    bias = np.array([2**31 - 1, 0], np.int32)
    certified = certificate.certify(_fully_connected(bias=bias))
    assert not certified.passes


def test_bias_of_another_scale_is_a_defect():
    assert not certificate.certify(_fully_connected(bias_scale=0.2)).passes


def test_missing_quantization_is_a_defect():
    graph = flatbuffer.read(
        model(
            "ADD",
            [Operand((1, 4), 0.5), Operand((1, 4), None)],
            Operand((1, 4), 0.5),
            fused_activation_function="NONE",
        )
    )
    certified = certificate.certify(graph)
    assert certified.is_integer_only
    assert certified.defects


@pytest.mark.parametrize("name", ["pretrainedResnet_quant.tflite", "kws_ref_model.tflite"])
def test_real_integer_models_are_judged(shared_dir, name):
    paths = list((shared_dir / "tflite_models").rglob(name))
    if not paths:
        pytest.skip(f"no {name} in the shared models")
    assert certificate.certify(flatbuffer.read(paths[0])).op_counts
