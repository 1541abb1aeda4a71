"""How the bytes of a constant tensor stand for its values.

Leaf module: no TensorFlow, no schema.
"""

import math

import numpy as np

# What holds a tensor's values in memory. Sub-byte integers are unpacked to whole bytes. bfloat16
# and the 8-bit floats stay bit patterns, strings stay the stored bytes (one dimension): nothing
# here computes with them.
NUMPY_DTYPES: dict[str, type[np.generic]] = {
    "bool": np.bool_,
    "int2": np.int8,
    "int4": np.int8,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint4": np.uint8,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "float16": np.float16,
    "float32": np.float32,
    "float64": np.float64,
    "bfloat16": np.uint16,
    "float8_e4m3fn": np.uint8,
    "float8_e5m2": np.uint8,
    "complex64": np.complex64,
    "complex128": np.complex128,
    "string": np.uint8,
}

_PACKED_BITS = {"int2": 2, "int4": 4, "uint4": 4}


def size_bytes(dtype: str, shape: tuple[int, ...]) -> int:
    """Returns how many bytes a tensor of `dtype` and `shape` takes in a model file."""
    count = math.prod(shape)
    if dtype in _PACKED_BITS:
        return -(-count * _PACKED_BITS[dtype] // 8)
    return count * np.dtype(NUMPY_DTYPES[dtype]).itemsize


def decode(dtype: str, shape: tuple[int, ...], content: np.ndarray) -> np.ndarray:
    """Returns the values that `content` (uint8[n]) holds, read-only, in NUMPY_DTYPES[dtype].

    Sub-byte integers lie several to a byte, the lowest bits first, and are sign-extended.

    Raises:
      ValueError: The sizes of content and shape disagree.
    """
    if dtype == "string":
        return content
    needed = size_bytes(dtype, shape)
    if content.size != needed:
        raise ValueError(
            f"{dtype}{list(shape)} needs {needed} bytes of data, its buffer holds {content.size}"
        )
    if dtype in _PACKED_BITS:
        values = _unpack(content, math.prod(shape), _PACKED_BITS[dtype], signed=dtype[0] == "i")
    elif dtype == "bool":
        values = content != 0
    else:
        values = np.frombuffer(content, NUMPY_DTYPES[dtype])
    # Files need not align their buffers, and compiled kernels need aligned arrays.
    values = np.require(values, requirements="A").reshape(shape)
    values.flags.writeable = False
    return values


def encode(dtype: str, values: np.ndarray) -> bytes:
    """Returns the bytes that stand for `values`; the inverse of decode()."""
    if dtype in _PACKED_BITS:
        values = _pack(values, _PACKED_BITS[dtype])
    return values.tobytes()


def _unpack(content: np.ndarray, count: int, bits: int, signed: bool) -> np.ndarray:
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    codes = (content[:, np.newaxis] >> shifts & (1 << bits) - 1).reshape(-1)[:count]
    if not signed:
        return codes
    sign = 1 << bits - 1
    return (codes ^ sign).astype(np.int8) - np.int8(sign)


def _pack(values: np.ndarray, bits: int) -> np.ndarray:
    per_byte = 8 // bits
    codes = values.reshape(-1).astype(np.uint8) & (1 << bits) - 1
    codes = np.pad(codes, (0, -codes.size % per_byte)).reshape(-1, per_byte)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    return np.bitwise_or.reduce(codes << shifts, axis=1).astype(np.uint8)
