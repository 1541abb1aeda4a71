"""SOFTMAX in tflite-micro: as the reference, but the tables of int16 are computed in float32.

Source: SoftmaxPrepare, tensorflow/lite/micro/kernels/softmax_common.cc.
"""

import dataclasses

from pipeline.interpreter import softmax16
from pipeline.interpreter.kernels import softmax
from pipeline.interpreter.kernels.softmax import evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> softmax.Params | softmax16.Params:
    """Checks the constraints of the reference kernel; tabulates the exponentials."""
    params = softmax.prepare(context)
    if isinstance(params, softmax16.Params):
        return dataclasses.replace(params, tables=softmax16.tables(double=False))
    return params
