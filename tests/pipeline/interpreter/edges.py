"""Models with floats at their edges and with variables, for tests of several modules."""

import numpy as np

from pipeline import flatbuffer
from pipeline.graph import Graph, Operator, Subgraph, Tensor
from pipeline.quant_params import QuantParams

_HALVES = QuantParams((0.5,), (3,))


def float_edges() -> bytes:
    """Returns QUANTIZE, RELU, DEQUANTIZE of three values; codes are steps of 1/2 around 3."""
    tensors = (
        Tensor(0, "input", (3,), "float32"),
        Tensor(1, "codes", (3,), "int8", _HALVES),
        Tensor(2, "model/relu/Relu", (3,), "int8", _HALVES),
        Tensor(3, "output", (3,), "float32"),
    )
    operators = (
        Operator(0, "QUANTIZE", 1, (0,), (1,)),
        Operator(1, "RELU", 1, (1,), (2,)),
        Operator(2, "DEQUANTIZE", 1, (2,), (3,)),
    )
    return flatbuffer.write(Graph((Subgraph("main", tensors, (0,), (3,), operators),)))


def delay() -> bytes:
    """Returns a model that gives RELU of what the last run was given; before that, of 1 to 3."""
    name = {"container": "", "shared_name": "state"}
    main = Subgraph(
        "main",
        (
            Tensor(0, "input", (1, 3), "int8", _HALVES),
            Tensor(1, "handle", (), "resource"),
            Tensor(2, "model/state/Read", (1, 3), "int8", _HALVES),
            Tensor(3, "model/relu/Relu", (1, 3), "int8", _HALVES),
        ),
        (0,),
        (3,),
        (
            Operator(0, "CALL_ONCE", 1, (), (), {"init_subgraph_index": 1}),
            Operator(1, "VAR_HANDLE", 1, (), (1,), name),
            Operator(2, "READ_VARIABLE", 1, (1,), (2,)),
            Operator(3, "ASSIGN_VARIABLE", 1, (1, 0), ()),
            Operator(4, "RELU", 1, (2,), (3,)),
        ),
    )
    first = np.array([[1, 2, 3]], np.int8)
    initialization = Subgraph(
        "initialization",
        (Tensor(0, "handle", (), "resource"), Tensor(1, "first", (1, 3), "int8", _HALVES, first)),
        (),
        (),
        (
            Operator(0, "VAR_HANDLE", 1, (), (0,), name),
            Operator(1, "ASSIGN_VARIABLE", 1, (0, 1), ()),
        ),
    )
    return flatbuffer.write(Graph((main, initialization)))
