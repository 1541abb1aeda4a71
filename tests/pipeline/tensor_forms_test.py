"""What a converted model's tensors are told to be."""

import numpy as np

from pipeline import clamping, tensor_forms
from pipeline.graph import Graph, Operator, Subgraph
from tests.pipeline.interpreter.one_op import Operand, constant, integers

_NONE = {"fused_activation_function": "NONE"}


def _graph(weights: Operand) -> Graph:
    """FULLY_CONNECTED of layer fc, then RESHAPE of layer flat."""
    operands = [
        (Operand((1, 2), 0.5, 0), "input"),
        (weights, "net/fc/weights"),
        (integers([0, 0]), "net/fc/bias"),
        (Operand((1, 2), 0.5, 120), "net/fc/MatMul"),
        (integers([2]), "net/flat/shape"),
        (Operand((2,), 0.5, 120), "net/flat/Reshape"),
    ]
    tensors = tuple(operand.tensor(index, name) for index, (operand, name) in enumerate(operands))
    operators = (
        Operator(0, "FULLY_CONNECTED", 4, (0, 1, 2), (3,), _NONE),
        Operator(1, "RESHAPE", 1, (3, 4), (5,)),
    )
    return Graph((Subgraph("main", tensors, (0,), (5,), operators),))


_CODES = np.array([[-3, 2], [1, 0]], np.int8)


def test_fewer_bits_in_a_wider_type():
    weights, activation, kept = tensor_forms.describe(
        _graph(constant(_CODES, 0.25)), {"fc": 3}, {"fc": 4}
    )
    assert (weights.role, weights.layer, weights.num_bits) == ("weights", "fc", 3)
    assert weights.form == "codes -3 to 3 of int8"
    assert activation.form == "codes 112 to 127 of int8"
    # It keeps its input's codes, and no layer of its own says otherwise.
    assert (kept.layer, kept.form) == ("flat", "codes 112 to 127 of int8")


def test_all_bits():
    forms = tensor_forms.describe(_graph(constant(_CODES, 0.25)), {"fc": 8}, {})
    assert [form.form for form in forms] == ["int8", "int8", "int8"]
    assert (forms[1].lowest_code, forms[1].highest_code) == (-128, 127)


def test_packed():
    packed = Operand(_CODES.shape, 0.25, 0, "int4", _CODES)
    weights, *_ = tensor_forms.describe(_graph(packed), {"fc": 2}, {})
    assert (weights.form, weights.num_bits) == ("INT4, packed", 2)


def test_what_a_maximum_ends_has_all_codes_before():
    unclamped = clamping.clamp(_graph(constant(_CODES, 0.25)), {"fc": 4})
    _, computed, ended, _ = tensor_forms.describe(unclamped, {"fc": 8}, {"fc": 4})
    assert (computed.op, computed.form) == ("FULLY_CONNECTED", "int8")
    assert (ended.op, ended.form) == ("MAXIMUM", "codes 112 to 127 of int8")
