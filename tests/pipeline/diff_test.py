"""What differs between two flatbuffers: each planted change is found, and only that one."""

import dataclasses

import numpy as np
import pytest

from pipeline import diff, flatbuffer
from pipeline.errors import ModelError
from pipeline.graph import ABSENT, Graph, Operator, Subgraph, Tensor
from pipeline.quant_params import QuantParams
from tests.pipeline.interpreter.one_op import Operand, constant, model

_ALL = ("ops", "shapes", "parameters", "weights", "certificate", "size")


def _dense(weights=None, bias=None, *, scale=0.25, out_scale=8.0, activation="NONE", batch=1):
    weights = np.arange(40, dtype=np.int8).reshape(10, 4) if weights is None else weights
    bias = np.zeros(10, np.int32) if bias is None else bias
    return model(
        "FULLY_CONNECTED",
        [Operand((batch, 4), 0.5, -128), constant(weights, scale, 0), constant(bias, 0.125)],
        Operand((batch, 10), out_scale),
        fused_activation_function=activation,
    )


def _chain(*ops, names=None):
    """A model of unary ops in a row over int8[1, 4]."""
    names = names or [f"{op.lower()}{position}" for position, op in enumerate(ops)]
    tensors = tuple(
        Tensor(index, name, (1, 4), "int8", QuantParams((0.5,), (0,)))
        for index, name in enumerate(["x", *(f"model/{name}/out" for name in names)])
    )
    operators = tuple(
        Operator(index, op, 1, (index,), (index + 1,)) for index, op in enumerate(ops)
    )
    return flatbuffer.write(Graph((Subgraph("main", tensors, (0,), (len(ops),), operators),)))


def _aspects(found):
    return {aspect for aspect, differs in found.differs.items() if differs}


def test_a_model_and_itself():
    found = diff.compare(_dense(), _dense())
    assert found.same_bytes
    assert found.differs == dict.fromkeys(_ALL, False)
    assert found.a == found.b
    assert found.a.macs == 40


def test_names_do_not_count():
    graph = flatbuffer.read(_dense())
    tensors = tuple(
        dataclasses.replace(tensor, name=f"{tensor.name}_other") for tensor in graph.main.tensors
    )
    renamed = Graph((dataclasses.replace(graph.main, tensors=tensors),))
    found = diff.compare(_dense(), flatbuffer.write(renamed))
    assert not found.same_bytes
    assert _aspects(found) <= {"size"}


def test_option():
    found = diff.compare(_dense(), _dense(activation="RELU"))
    assert _aspects(found) - {"size"} == {"ops"}
    (op,) = found.ops
    assert (op.index_a, op.index_b, op.op) == (0, 0, "FULLY_CONNECTED")
    assert op.change == "fused_activation_function: NONE, in B RELU"


def test_shape():
    found = diff.compare(_dense(), _dense(batch=2))
    assert _aspects(found) - {"size"} == {"shapes"}
    assert [(it.a, it.b) for it in found.shapes] == [
        ("int8 1x4", "int8 2x4"),
        ("int8 1x10", "int8 2x10"),
    ]
    assert [it.tensor.op for it in found.shapes] == ["input", "FULLY_CONNECTED"]


def test_parameters():
    found = diff.compare(_dense(), _dense(out_scale=4.0))
    assert _aspects(found) == {"parameters"}
    (parameters,) = found.parameters
    assert parameters.a == QuantParams((8.0,), (0,))
    assert parameters.b == QuantParams((4.0,), (0,))


def test_weights():
    weights = np.arange(40, dtype=np.int8).reshape(10, 4)
    weights[2, 1] += 1
    weights[3] -= 3
    found = diff.compare(_dense(), _dense(weights))
    assert _aspects(found) == {"weights"}
    (changed,) = found.weights
    assert changed.tensor.name.endswith("input1")
    assert changed.difference.histogram == {"0": 35, "1": 1, "3 to 4": 4}


def test_certificate_that_is_lost():
    bias = np.full(10, 2**31 - 1, np.int32)
    lost = diff.compare(_dense(), _dense(bias=bias))
    assert _aspects(lost) == {"weights", "certificate"}
    assert lost.a.passes
    assert not lost.b.passes
    regained = diff.compare(_dense(bias=bias), _dense())
    assert _aspects(regained) == {"weights"}
    assert len(regained.gone_failures) == len(lost.new_failures) > 0


def test_size_counts_where_it_grows():
    small, large = _chain("RELU"), _chain("RELU", "RELU")
    assert diff.compare(small, large).differs["size"]
    assert not diff.compare(large, small).differs["size"]


@pytest.mark.parametrize("names", [None, ["first", "new", "second", "third"]])
def test_inserted_op_shifts_no_other(names):
    a = _chain("RELU", "TANH", "RELU6", names=["a", "b", "c"])
    b = _chain("RELU", "LOGISTIC", "TANH", "RELU6", names=names)
    found = diff.compare(a, b)
    added, rewired = found.ops
    assert (added.index_a, added.index_b, added.op, added.change) == (None, 1, "LOGISTIC", "added")
    assert (rewired.index_a, rewired.index_b, rewired.op) == (1, 2, "TANH")
    assert rewired.change.startswith("input 0: ")


def test_inserted_op_of_the_same_kind_is_told_by_its_name():
    a = _chain("RELU", "RELU", names=["first", "second"])
    b = _chain("RELU", "RELU", "RELU", names=["first", "between", "second"])
    added = diff.compare(a, b).ops[0]
    assert (added.index_b, added.layer, added.change) == (1, "between", "added")


def test_operand_that_comes_from_elsewhere():
    def add(operand):
        """x -> TANH -> ADD with x or with itself."""
        graph = flatbuffer.read(_chain("TANH", "TANH"))
        options = {"fused_activation_function": "NONE"}
        addition = Operator(1, "ADD", 1, (1, operand), (2,), options)
        operators = (graph.main.operators[0], addition)
        return flatbuffer.write(Graph((dataclasses.replace(graph.main, operators=operators),)))

    found = diff.compare(add(0), add(1))
    assert _aspects(found) == {"ops"}
    (op,) = found.ops
    assert op.change == "input 1: 'x', in B 'model/tanh0/out'"


def test_operand_left_out():
    graph = flatbuffer.read(_dense())
    (op,) = graph.main.operators
    operators = (dataclasses.replace(op, inputs=(*op.inputs[:2], ABSENT)),)
    without = flatbuffer.write(Graph((dataclasses.replace(graph.main, operators=operators),)))
    (found,) = diff.compare(_dense(), without).ops
    assert found.change == "input 2: constant 'model/layer/input2', in B none"


def test_other_output_of_the_model():
    graph = flatbuffer.read(_chain("RELU", "TANH"))
    early = flatbuffer.write(Graph((dataclasses.replace(graph.main, outputs=(1,)),)))
    (found,) = diff.compare(flatbuffer.write(graph), early).ops
    assert (found.op, found.index_a) == ("", None)
    assert found.change.startswith("the model's output 0: 'model/tanh1/out'")


def test_more_subgraphs():
    graph = flatbuffer.read(_chain("RELU"))
    twice = flatbuffer.write(Graph((graph.main, graph.main)))
    found = diff.compare(flatbuffer.write(graph), twice)
    assert (1, "added") in [(op.subgraph, op.change) for op in found.ops]


def test_no_model_is_named():
    with pytest.raises(ModelError, match=r"model B: needed a \.tflite"):
        diff.compare(_dense(), b"text")
