"""Which kernel computes an op, for each engine whose bits can be asked for.

An engine is a stack of layers. The first layer that has a kernel for the op, and whose kernel takes
this very op, computes it: XNNPACK's delegate lies above TFLite's builtin optimized kernels, and
those above the reference kernels, as in the runtime.
"""

import dataclasses
from collections.abc import Mapping

from pipeline.errors import UnsupportedOpError
from pipeline.interpreter.kernel import Kernel
from pipeline.interpreter.kernels import KERNELS, ruy, tflm, xnnpack
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantize import ARITHMETICS, Arithmetic


@dataclasses.dataclass(frozen=True)
class Layer:
    """Kernels under one arithmetic. A kernel with `takes(context)` may leave an op to the next.

    Attributes:
      arithmetic: On x86-64, and on arm64 where there is no other.
      kernels: By op.
      arm64: The arithmetic on arm64, where it is another.
    """

    arithmetic: Arithmetic
    kernels: Mapping[str, Kernel]
    arm64: Arithmetic | None = None

    def on(self, target: str) -> Arithmetic:
        """Returns the arithmetic on a target."""
        return self.arm64 if self.arm64 and target == "arm64" else self.arithmetic


# TFLite's builtin optimized kernels, and the reference kernels for what has no other.
_BUILTIN = (
    Layer(ARITHMETICS["ruy"], ruy.KERNELS, ARITHMETICS["ruy_arm64"]),
    Layer(ARITHMETICS["ruy"], KERNELS, ARITHMETICS["ruy_arm64"]),
)

ENGINES: dict[str, tuple[Layer, ...]] = {
    # TFLite BUILTIN_REF.
    "reference": (Layer(ARITHMETICS["reference"], KERNELS),),
    # tflite-micro.
    "tflm": (
        Layer(ARITHMETICS["tflm"], tflm.KERNELS),
        Layer(ARITHMETICS["tflm"], KERNELS),
    ),
    # No delegate.
    "ruy": _BUILTIN,
    # TFLite's default delegate on Android, and what it leaves to the builtin optimized kernels.
    "xnnpack": (
        Layer(ARITHMETICS["xnnpack"], xnnpack.KERNELS, ARITHMETICS["xnnpack_arm64"]),
        *_BUILTIN,
    ),
}


def choose(engine: str, context: OpContext) -> tuple[Kernel, OpContext]:
    """Returns the kernel that computes an op, and the op under that kernel's arithmetic.

    Raises:
      UnsupportedOpError: No layer has a kernel for the op.
    """
    for layer in ENGINES[engine]:
        kernel = layer.kernels.get(context.operator.op)
        layered = dataclasses.replace(context, arithmetic=layer.on(context.target))
        if kernel is not None and (not hasattr(kernel, "takes") or kernel.takes(layered)):
            return kernel, layered
    raise UnsupportedOpError(f"{context.where}: no kernel of engine {engine!r} takes this op")
