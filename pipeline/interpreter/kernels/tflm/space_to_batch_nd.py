"""SPACE_TO_BATCH_ND in tflite-micro: as TFLite, but padding holds the code 0, not the zero point.

Source: SpaceToBatchNDEval, tensorflow/lite/micro/kernels/space_to_batch_nd.cc.
"""

import dataclasses

from pipeline.interpreter.kernels import space_to_batch_nd
from pipeline.interpreter.kernels.space_to_batch_nd import Params, evaluate
from pipeline.interpreter.op_context import OpContext

__all__ = ["evaluate", "prepare"]


def prepare(context: OpContext) -> Params:
    """Checks the constraints of TFLite's kernel."""
    return dataclasses.replace(space_to_batch_nd.prepare(context), fill=0)
