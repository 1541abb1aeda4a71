"""Models for tests of what differs on arm64."""

import numpy as np

from pipeline import flatbuffer
from pipeline.graph import Graph, Operator, Subgraph, Tensor
from pipeline.quant_params import QuantParams


def mul_mean_softmax() -> bytes:
    """Returns a net whose bits under XNNPACK are others on arm64 and on x86-64."""
    values = QuantParams((0.5,), (0,))
    axes = np.array([1, 2], np.int32)
    tensors = (
        Tensor(0, "one", (1, 7, 9, 10), "int8", values),
        Tensor(1, "other", (1, 7, 9, 10), "int8", values),
        Tensor(2, "product", (1, 7, 9, 10), "int8", QuantParams((32.0,), (0,))),
        Tensor(3, "axes", (2,), "int32", None, axes),
        Tensor(4, "mean", (1, 10), "int8", QuantParams((5.0,), (3,))),
        Tensor(5, "output", (1, 10), "int8", QuantParams((1 / 256,), (-128,))),
    )
    operators = (
        Operator(0, "MUL", 2, (0, 1), (2,), {"fused_activation_function": "NONE"}),
        Operator(1, "MEAN", 2, (2, 3), (4,), {"keep_dims": False}),
        Operator(2, "SOFTMAX", 2, (4,), (5,), {"beta": 0.05}),
    )
    return flatbuffer.write(Graph((Subgraph("main", tensors, (0, 1), (5,), operators),)))
