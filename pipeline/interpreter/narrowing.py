"""How TFLite's optimized ops on two 8-bit operands narrow: to int16, add the zero point, to 8 bits.

The zero point is added modulo 2**16, and where `wrap` narrows so does the first step: an overflow
of the runtime, of which extreme scales give codes at the wrong end.
"""

import numpy as np

from pipeline.interpreter.output_stage import OutputStage

_INT16 = np.iinfo(np.int16)


def all_codes(dtype: str) -> np.ndarray:
    """Returns every code of an 8-bit type."""
    limits = np.iinfo(dtype)
    return np.arange(limits.min, limits.max + 1).astype(dtype)


def wrap(stage: OutputStage, scaled: np.ndarray) -> np.ndarray:
    """Returns output codes of int32, narrowed to int16 modulo 2**16 first."""
    return _finish(stage, scaled.astype(np.int16))


def saturate(stage: OutputStage, scaled: np.ndarray) -> np.ndarray:
    """Returns output codes of int32, clamped to int16 first."""
    return _finish(stage, np.clip(scaled, _INT16.min, _INT16.max).astype(np.int16))


def _finish(stage: OutputStage, scaled: np.ndarray) -> np.ndarray:
    codes = scaled + np.int16(stage.zero_point)
    limits = np.iinfo(stage.dtype)
    codes = np.clip(codes, limits.min, limits.max)
    return np.clip(codes, stage.activation_min, stage.activation_max).astype(stage.dtype)
