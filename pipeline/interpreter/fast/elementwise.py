"""ADD, SUB and MUL of 8 bits: what they share.

The second operand may be shorter: it is then repeated along the first one's leading dimensions. A
constant that broadcasts in another way is repeated when the op is prepared.
"""

import dataclasses
import math

import numpy as np

from pipeline.graph import Tensor
from pipeline.interpreter.fast import int8, simd
from pipeline.interpreter.fast.command import OUTPUT, SLACK_BYTES
from pipeline.interpreter.fast.compiled import compiled
from pipeline.interpreter.op_context import OpContext

FIELDS = [
    ("first", "i8"),
    ("second", "i8"),
    ("output", "i8"),
    ("constant", "i8"),  # Address of the second operand's codes; 0 where it is a value.
    ("num_repeats", "i8"),
    ("num_codes", "i8"),
    ("first_zero_point", "i8"),
    ("second_zero_point", "i8"),
    ("activation_min", "i8"),
    ("activation_max", "i8"),
]
_MAX_REPEATED = 2**20  # Bytes of a constant that is repeated.


@dataclasses.dataclass(frozen=True, eq=False)
class Operands:
    """How two operands are read.

    Attributes:
      is_swapped: Whether the op's second operand comes first.
      slots: As Command's.
      fields: Values of FIELDS that follow from shapes.
      kept: The repeated constant, if there is one.
    """

    is_swapped: bool
    slots: dict[str, int]
    fields: dict[str, int]
    kept: tuple[np.ndarray, ...]

    @property
    def positions(self) -> tuple[int, int]:
        """Of the op's inputs: which comes first, which second."""
        return (1, 0) if self.is_swapped else (0, 1)


def operands(context: OpContext) -> Operands | None:
    """Returns how to read the operands, or None for a form of broadcasting not known here."""
    shape = context.output.shape
    tensors = context.input(0), context.input(1)
    for is_swapped in (False, True):
        first, second = tensors[::-1] if is_swapped else tensors
        if first.shape != shape or first.data is not None:
            continue
        slots = {"first": int(is_swapped), "output": OUTPUT}
        count = math.prod(shape)
        num_codes = math.prod(second.shape)
        if _is_tail(second, shape) and (second.data is None or num_codes >= simd.NUM_LANES):
            slots["second"] = int(not is_swapped)
            fields = {"num_repeats": count // num_codes, "num_codes": num_codes}
            return Operands(is_swapped, slots, fields, ())
        if second.data is not None and count <= _MAX_REPEATED:
            repeated = np.zeros(count + SLACK_BYTES, second.dtype)
            int8.store(repeated[:count].reshape(shape), np.broadcast_to(second.data, shape))
            fields = {"constant": repeated.ctypes.data, "num_repeats": 1, "num_codes": count}
            return Operands(is_swapped, slots, fields, (repeated,))
    return None


def _is_tail(tensor: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether a tensor has the last dimensions of `shape`, after ones."""
    own = list(tensor.shape)
    while own and own[0] == 1 and tuple(own) != shape[len(shape) - len(own) :]:
        del own[0]
    return bool(own) and tuple(own) == shape[len(shape) - len(own) :]


@compiled
def store(target, codes, smallest, largest, count):
    """Clamps 16 codes and writes the first `count`."""
    codes = simd.minimum(simd.maximum(codes, smallest), largest)
    if count >= simd.NUM_LANES:
        simd.store_codes(target, codes)
    else:
        simd.store_some_codes(target, codes, count)
