"""Hostile models: real ones, changed in their bytes or in their structure."""

import dataclasses
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pipeline import flatbuffer
from pipeline.graph import ABSENT, Operator, Subgraph, Tensor
from pipeline.interpreter.kernels import KERNELS
from pipeline.quant_params import QuantParams

_WORDS = (0, 1, 2, 3, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)
_SIZES = (0, 1, 2, 3, 5, 7, 64, 1000, 2**16, 2**31 - 1)
_NUMBERS = (-(2**31), -1000, -2, -1, 0, 1, 2, 3, 7, 1000, 2**31 - 1)
_DTYPES = ("int8", "uint8", "int16", "int32", "int64", "bool", "float32", "int4", "string")
_MAX_ELEMENTS = 2**14  # Of a constant that grows.
_SCALES = (2.0**-126, 1e-30, 1e-6, 0.5, 1.0, 3.0, 1e6, 1e30)


def mutate(rng: random.Random, model: bytes) -> bytes:
    """Returns `model` with one to four changes."""
    for _ in range(rng.randint(1, 4)):
        change = rng.choice((_flip, _overwrite, _truncate, _move, _restructure, _restructure))
        model = change(rng, model)
    return model


def restructure(rng: random.Random, model: bytes) -> bytes:
    """Returns `model` with one to four changes of its tensors and ops; it stays well-formed."""
    return _restructure(rng, model, rng.randint(1, 4))


def _flip(rng: random.Random, model: bytes) -> bytes:
    content = bytearray(model)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if content:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def _overwrite(rng: random.Random, model: bytes) -> bytes:
    if len(model) < 8:
        return model
    start = rng.randrange(len(model) // 4 - 1) * 4
    word = rng.choice((*_WORDS, rng.getrandbits(32), len(model)))
    return model[:start] + (word % 2**32).to_bytes(4, "little") + model[start + 4 :]


def _truncate(rng: random.Random, model: bytes) -> bytes:
    return model[: rng.randrange(len(model) + 1)] if rng.random() < 0.2 else model


def _move(rng: random.Random, model: bytes) -> bytes:
    """Copies a stretch of bytes over another place."""
    if len(model) < 64:
        return model
    length = rng.randint(1, 32)
    source, target = (rng.randrange(len(model) - length) for _ in range(2))
    return model[:target] + model[source : source + length] + model[target + length :]


def _restructure(rng: random.Random, model: bytes, num_changes: int = 1) -> bytes:
    try:
        graph = flatbuffer.read(model)
        subgraphs = list(graph.subgraphs)
        for _ in range(num_changes):
            position = rng.randrange(len(subgraphs))
            change = rng.choice((_change_tensor, _change_tensor, _change_op, _change_tensors))
            subgraphs[position] = change(rng, subgraphs[position])
        return flatbuffer.write(dataclasses.replace(graph, subgraphs=tuple(subgraphs)))
    except Exception:  # It was hostile already, or the writer has no form for it.
        return model


def _change_tensor(rng: random.Random, subgraph: Subgraph) -> Subgraph:
    position = rng.randrange(len(subgraph.tensors))
    tensor = subgraph.tensors[position]
    change = rng.choice((_reshape, _retype, _requantize, _refill))
    tensors = list(subgraph.tensors)
    tensors[position] = change(rng, tensor)
    return dataclasses.replace(subgraph, tensors=tuple(tensors))


def _reshape(rng: random.Random, tensor: Tensor) -> Tensor:
    shape = list(tensor.shape)
    if shape and rng.random() < 0.8:
        shape[rng.randrange(len(shape))] = rng.choice(_SIZES)
    else:
        shape.insert(rng.randint(0, len(shape)), rng.choice(_SIZES[:7]))
    return dataclasses.replace(tensor, shape=tuple(shape), shape_signature=None)


def _retype(rng: random.Random, tensor: Tensor) -> Tensor:
    return dataclasses.replace(tensor, dtype=rng.choice(_DTYPES))


def _requantize(rng: random.Random, tensor: Tensor) -> Tensor:
    scale = float(np.float32(rng.choice(_SCALES)))
    channels = rng.choice((1, 1, 1, max(1, min(tensor.shape[-1:] or (1,)) % 64)))
    params = QuantParams(
        (scale,) * channels, (rng.choice(_NUMBERS),) * channels, 0 if channels > 1 else None
    )
    return dataclasses.replace(tensor, quantization=rng.choice((None, params, params)))


def _refill(rng: random.Random, tensor: Tensor) -> Tensor:
    if tensor.data is None or tensor.data.size == 0:
        return dataclasses.replace(tensor, is_variable=not tensor.is_variable)
    if tensor.data.dtype.kind not in "iu":
        return tensor
    data = tensor.data.copy()
    limits = np.iinfo(data.dtype)
    data.flat[rng.randrange(data.size)] = min(max(rng.choice(_NUMBERS), limits.min), limits.max)
    return dataclasses.replace(tensor, data=data)


def _change_tensors(rng: random.Random, subgraph: Subgraph) -> Subgraph:
    """Changes a size or a type wherever it occurs, so that tensors still fit each other."""
    change = rng.choice((_resize_all, _resize_all, _retype_all))
    return dataclasses.replace(subgraph, tensors=tuple(change(rng, subgraph.tensors)))


def _resize_all(rng: random.Random, tensors: Sequence[Tensor]) -> Iterator[Tensor]:
    old = rng.choice(rng.choice(tensors).shape)
    new = rng.choice((*_SIZES[:7], max(old - 1, 0), old + 1, 2 * old))
    for tensor in tensors:
        shape = tuple(new if size == old else size for size in tensor.shape)
        data = tensor.data
        if data is not None and math.prod(shape) <= _MAX_ELEMENTS:
            data = np.resize(data, shape)
        yield dataclasses.replace(tensor, shape=shape, shape_signature=None, data=data)


def _retype_all(rng: random.Random, tensors: Sequence[Tensor]) -> Iterator[Tensor]:
    old, new = rng.choice(tensors).dtype, rng.choice(_DTYPES[:6])
    for tensor in tensors:
        if tensor.dtype != old:
            yield tensor
        else:
            data = None if tensor.data is None else tensor.data.astype(new)
            yield dataclasses.replace(tensor, dtype=new, data=data)


def _change_op(rng: random.Random, subgraph: Subgraph) -> Subgraph:
    if not subgraph.operators:
        return subgraph
    position = rng.randrange(len(subgraph.operators))
    change = rng.choice((_rename, _rewire, _change_option, _change_option))
    operators = list(subgraph.operators)
    operators[position] = change(rng, operators[position], len(subgraph.tensors))
    return dataclasses.replace(subgraph, operators=tuple(operators))


def _rename(rng: random.Random, op: Operator, _: int) -> Operator:
    return dataclasses.replace(op, op=rng.choice(list(KERNELS)))


def _rewire(rng: random.Random, op: Operator, num_tensors: int) -> Operator:
    field = rng.choice(("inputs", "inputs", "outputs"))
    indices = list(getattr(op, field))
    place = rng.randint(0, len(indices))
    if place < len(indices) and rng.random() < 0.7:
        indices[place] = rng.choice((ABSENT, rng.randrange(num_tensors)))
    elif place < len(indices):
        del indices[place]
    else:
        indices.append(rng.randrange(num_tensors))
    return dataclasses.replace(op, **{field: tuple(indices)})


def _change_option(rng: random.Random, op: Operator, _: int) -> Operator:
    if not op.options:
        return op
    name = rng.choice(sorted(op.options))
    options: dict[str, Any] = dict(op.options)
    replace: dict[type, Callable[[Any], Any]] = {
        bool: lambda value: not value,
        int: lambda _: rng.choice(_NUMBERS),
        float: lambda _: rng.choice((0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"))),
        str: lambda _: rng.choice(("SAME", "VALID", "RELU", "RELU6", "NONE", "TANH", "SIGN_BIT")),
    }
    options[name] = replace.get(type(options[name]), lambda value: value)(options[name])
    return dataclasses.replace(op, options=options)
