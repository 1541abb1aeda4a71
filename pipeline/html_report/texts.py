"""How the page writes numbers and names."""

from pipeline.graph import Tensor
from pipeline.quant_params import QUANTIZED_LIMITS

_REPLACEMENT = "\ufffd"


def printable(text: object) -> str:
    """Returns text without what cannot be shown: control characters, lone surrogates."""
    return "".join(
        character if character.isprintable() or character == "\n" else _REPLACEMENT
        for character in str(text)
    )


def short(text: str, length: int) -> str:
    """Returns text of at most `length` printable characters, cut in the middle."""
    text = printable(text).replace("\n", " ")
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[head + 1 - length :]}"


def percent(share: float | None, digits: int = 2) -> str:
    """Returns a share as percents; "" of None."""
    return "" if share is None else f"{100 * share:.{digits}f} %"


def small_percent(share: float) -> str:
    """Returns a share that is mostly 0."""
    if 0 < share < 0.0001:
        return "< 0.01 %"
    return percent(share)


def nearly_all(share: float) -> str:
    """Returns a share that is mostly 1, never rounded up to it."""
    if 0.99999 < share < 1.0:
        return "> 99.999 %"
    return "100 %" if share == 1.0 else percent(share, 3)


def decibel(value: float | None) -> str:
    """Returns a ratio; "" of None."""
    return "" if value is None else f"{value:.1f} dB"


def latency(value_us: float) -> str:
    """Returns a time in the unit that suits it."""
    return f"{value_us / 1000:.2f} ms" if value_us >= 1000 else f"{value_us:.1f} µs"


def size(count: int) -> str:
    """Returns a number of bytes."""
    return f"{count:,} B"


def grid(tensor: Tensor) -> str:
    """Returns type, scale and zero point of a tensor; of several scales, their number."""
    params = tensor.quantization
    if params is None:
        return tensor.dtype
    if len(params.scale) > 1:
        return f"{tensor.dtype}  {len(params.scale)} scales"
    scale, zero_point = params.per_tensor
    return f"{tensor.dtype}  {scale:.4g}, {zero_point}"


def scales(tensor: Tensor) -> str:
    """Returns the scale of a tensor, or the smallest and largest."""
    params = tensor.quantization
    if params is None:
        return ""
    low, high = min(params.scale), max(params.scale)
    return f"{low:.6g}" if low == high else f"{low:.4g} to {high:.4g}"


def zero_points(tensor: Tensor) -> str:
    """Returns the zero point of a tensor, or the smallest and largest."""
    params = tensor.quantization
    if params is None:
        return ""
    low, high = min(params.zero_point), max(params.zero_point)
    return str(low) if low == high else f"{low} to {high}"


def real_range(tensor: Tensor) -> str:
    """Returns the real values that a per-tensor grid spans; "" of others."""
    params = tensor.quantization
    if params is None or len(params.scale) > 1 or tensor.dtype not in QUANTIZED_LIMITS:
        return ""
    low, high = QUANTIZED_LIMITS[tensor.dtype]
    scale, zero_point = params.per_tensor
    return f"{(low - zero_point) * scale:.4g} to {(high - zero_point) * scale:.4g}"
