"""Bytes of a .tflite file -> Graph.

Trusts nothing: the generated accessors raise on any offset outside the file, and every vector is
paid for from a budget proportional to the file's size before it is walked, so that a hostile file
costs no more time and memory than an honest one of its size.
"""

import os
import pathlib
import struct
from collections.abc import Iterator
from typing import Any, SupportsIndex

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline import graph_check, tensor_data
from pipeline.errors import ModelError, UnsupportedOpError
from pipeline.flatbuffer import schema_names
from pipeline.graph import Graph, Operator, Signature, Subgraph, Tensor
from pipeline.quant_params import QUANTIZED_LIMITS, QuantParams

_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3

# What flatbuffers, struct and numpy raise over malformed bytes.
_MALFORMED = (
    struct.error,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)

# An honest file holds every table and vector once; tools that share equal parts stay within twice.
_BUDGET_FACTOR = 2
_BUDGET_FLOOR_BYTES = 1 << 16
_TABLE_BYTES = (
    16  # A table, its entry in a vector and its fields take at least this much of a file.
)

_MAX_TENSOR_BYTES = 2**31 - 1  # A runtime counts bytes and elements of a tensor in int32.
_MAX_RANK = 32


def read(model: bytes | os.PathLike[str] | str) -> Graph:
    """Reads a .tflite model, from its bytes or from a file.

    Options are complete: fields, or whole options tables, that the file leaves out have the
    schema's defaults.

    Raises:
      ModelError: The bytes are no well-formed model; names the part at fault.
      UnsupportedOpError: Well-formed, but with a form of op or tensor that Graph cannot express.
      OSError: The file cannot be read.
    """
    content = model if isinstance(model, bytes) else pathlib.Path(model).read_bytes()
    if content[4:8] != _IDENTIFIER:
        raise ModelError(
            f"needed a .tflite model ({_IDENTIFIER!r} at byte 4), got {content[4:8]!r} in "
            f"{len(content)} bytes"
        )
    reader = _Reader(content)
    try:
        graph = reader.graph()
    except _MALFORMED as error:
        raise ModelError(
            f"{reader.where} is malformed: {error}; the file may be truncated or damaged"
        ) from error
    graph_check.check(graph)
    return graph


class _StrictBytes(bytes):
    """Bytes whose slices are whole or an error, so that a string cannot run past the file's end."""

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        if isinstance(key, slice) and key.stop > len(self):
            raise IndexError(f"text ends at byte {key.stop} of {len(self)}")
        return super().__getitem__(key)


class _Reader:
    """One pass over one file.

    Attributes:
      where: The part being read, for messages.
    """

    def __init__(self, content: bytes) -> None:
        self.where = "the model"
        self._content = content
        self._budget_bytes = _BUDGET_FACTOR * len(content) + _BUDGET_FLOOR_BYTES
        self._buffers: list[np.ndarray | None] = []
        self._op_codes: list[tuple[str, int, bool]] = []
        self._decoded: dict[tuple[int, str, tuple[int, ...]], np.ndarray] = {}

    def graph(self) -> Graph:
        model = schema.Model.GetRootAs(_StrictBytes(self._content))
        if model.Version() != _SCHEMA_VERSION:
            raise ValueError(f"needed schema version {_SCHEMA_VERSION}, got {model.Version()}")
        self.where = "the table of buffers"
        self._buffers = [self._buffer(buffer) for buffer in self._tables(model, "Buffers")]
        self.where = "the table of operator codes"
        self._op_codes = [self._op_code(code) for code in self._tables(model, "OperatorCodes")]
        subgraphs = tuple(
            self._subgraph(subgraph, number)
            for number, subgraph in enumerate(self._tables(model, "Subgraphs"))
        )
        self.where = "the table of signatures"
        signatures = tuple(
            self._signature(signature) for signature in self._tables(model, "SignatureDefs")
        )
        self.where = "the metadata"
        metadata = {
            self._text(entry.Name()): self._metadata(entry.Buffer())
            for entry in self._tables(model, "Metadata")
        }
        self.where = "the description"
        description = self._text(model.Description())
        return Graph(subgraphs, signatures, metadata, description, model.Version())

    def _spend(self, size_bytes: int) -> None:
        self._budget_bytes -= size_bytes
        if self._budget_bytes < 0:
            raise ValueError("its vectors claim more than the file can hold")

    def _tables(self, table: Any, field: str) -> Iterator[Any]:
        count = getattr(table, f"{field}Length")()
        self._spend(count * _TABLE_BYTES)
        element = getattr(table, field)
        for index in range(count):
            yield element(index)

    def _numbers(self, table: Any, field: str) -> np.ndarray:
        if getattr(table, f"{field}IsNone")():
            return np.zeros(0, np.int32)
        numbers = getattr(table, f"{field}AsNumpy")()
        self._spend(numbers.nbytes)
        return numbers

    def _integers(self, table: Any, field: str) -> tuple[int, ...]:
        return tuple(self._numbers(table, field).tolist())

    def _text(self, text: bytes | None) -> str:
        self._spend(len(text or b""))
        return (text or b"").decode("utf-8")

    def _buffer(self, buffer: schema.Buffer) -> np.ndarray | None:
        """Returns the buffer's content as uint8[n], or None for a buffer that holds nothing."""
        if (
            buffer.Offset() > 1
        ):  # 0 and 1 mean: inside; models over 2 GB put data behind the tables.
            end = buffer.Offset() + buffer.Size()
            if end > len(self._content):
                raise ValueError(f"buffer data ends at byte {end} of {len(self._content)}")
            return np.frombuffer(self._content, np.uint8, buffer.Size(), buffer.Offset())
        content = self._numbers(buffer, "Data")
        return content if content.size else None

    def _op_code(self, code: schema.OperatorCode) -> tuple[str, int, bool]:
        # Old files know only the deprecated int8 field; new ones cap it at 127.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if number == schema.BuiltinOperator.CUSTOM:
            return self._text(code.CustomCode()), code.Version(), True
        name = schema_names.enum_names(schema.BuiltinOperator).get(number)
        if name is None:
            raise UnsupportedOpError(f"builtin operator code {number} is not known to this schema")
        return name, code.Version(), False

    def _subgraph(self, subgraph: schema.SubGraph, number: int) -> Subgraph:
        self.where = f"subgraph {number}"
        name = self._text(subgraph.Name())
        inputs = self._integers(subgraph, "Inputs")
        outputs = self._integers(subgraph, "Outputs")
        operators = []
        for index, operator in enumerate(self._tables(subgraph, "Operators")):
            self.where = f"subgraph {number}, op {index}"
            operators.append(self._operator(operator, index))
        written = {index for op in operators for index in op.outputs}
        tensors = []
        for index, tensor in enumerate(self._tables(subgraph, "Tensors")):
            self.where = f"subgraph {number}, tensor {index}"
            computed = index in written or index in inputs
            tensors.append(self._tensor(tensor, index, computed))
        return Subgraph(name, tuple(tensors), inputs, outputs, tuple(operators))

    def _tensor(self, tensor: schema.Tensor, index: int, computed: bool) -> Tensor:
        name = self._text(tensor.Name())
        self.where += f" {name!r}"
        if tensor.Sparsity() is not None:
            raise UnsupportedOpError(f"{self.where}: sparse tensors are not supported")
        if tensor.ExternalBuffer():
            raise UnsupportedOpError(f"{self.where}: its data lies in another file")
        dtype = schema_names.enum_name(schema.TensorType, tensor.Type()).lower()
        shape = self._integers(tensor, "Shape")
        _check_shape(dtype, shape)
        return Tensor(
            index=index,
            name=name,
            shape=shape,
            dtype=dtype,
            quantization=self._quantization(tensor.Quantization(), dtype, shape),
            data=self._data(tensor.Buffer(), dtype, shape, computed),
            is_variable=tensor.IsVariable(),
            shape_signature=self._integers(tensor, "ShapeSignature") or shape,
        )

    def _data(
        self, buffer: int, dtype: str, shape: tuple[int, ...], computed: bool
    ) -> np.ndarray | None:
        if buffer >= len(self._buffers):
            raise ValueError(f"it names buffer {buffer}, there are {len(self._buffers)}")
        content = self._buffers[buffer]
        if content is None:
            # A constant without elements looks like a computed tensor: both have an empty buffer.
            if computed or 0 not in shape or dtype not in tensor_data.NUMPY_DTYPES:
                return None
            content = np.zeros(0, np.uint8)
        if dtype not in tensor_data.NUMPY_DTYPES:
            raise ValueError(f"a {dtype} tensor cannot be a constant")
        key = buffer, dtype, shape
        if key not in self._decoded:
            self._spend(content.size)
            self._decoded[key] = tensor_data.decode(dtype, shape, content)
        return self._decoded[key]

    def _quantization(
        self, parameters: schema.QuantizationParameters | None, dtype: str, shape: tuple[int, ...]
    ) -> QuantParams | None:
        if parameters is None:
            return None
        details = parameters.DetailsType()
        if details != schema.QuantizationDetails.NONE:
            kind = schema_names.enum_name(schema.QuantizationDetails, details)
            raise UnsupportedOpError(f"{self.where}: {kind} is not supported")
        scale = tuple(self._numbers(parameters, "Scale").tolist())
        zero_point = self._integers(parameters, "ZeroPoint")
        if not any(scale):  # Absent, or the zeros that converters give tensors they leave alone.
            return None
        low, high = QUANTIZED_LIMITS.get(dtype, (-(2**63), 2**63 - 1))
        if zero_point and not low <= min(zero_point) <= max(zero_point) <= high:
            raise ValueError(f"zero points must lie in [{low}, {high}], got {zero_point}")
        if len(scale) == 1:
            return QuantParams(scale, zero_point)
        axis = parameters.QuantizedDimension()
        if not 0 <= axis < len(shape) or shape[axis] != len(scale):
            raise ValueError(f"{len(scale)} scales along dimension {axis} of shape {list(shape)}")
        return QuantParams(scale, zero_point, axis)

    def _operator(self, operator: schema.Operator, index: int) -> Operator:
        if operator.OpcodeIndex() >= len(self._op_codes):
            raise ValueError(
                f"it names operator code {operator.OpcodeIndex()}, there are {len(self._op_codes)}"
            )
        name, version, is_custom = self._op_codes[operator.OpcodeIndex()]
        self.where += f" {name}"
        if operator.LargeCustomOptionsSize():
            raise UnsupportedOpError(f"{self.where}: custom options outside the flatbuffer")
        return Operator(
            index=index,
            op=name,
            version=version,
            inputs=self._integers(operator, "Inputs"),
            outputs=self._integers(operator, "Outputs"),
            options={} if is_custom else self._options(operator, name),
            intermediates=self._integers(operator, "Intermediates"),
            custom_options=self._numbers(operator, "CustomOptions").tobytes(),
            is_custom=is_custom,
        )

    def _options(self, operator: schema.Operator, op: str) -> dict[str, object]:
        needed = schema_names.options_class(op)
        if needed is None:
            return {}
        options = getattr(schema, f"{needed}T")()
        for union, kind, table in (
            (schema.BuiltinOptions, operator.BuiltinOptionsType(), operator.BuiltinOptions()),
            (schema.BuiltinOptions2, operator.BuiltinOptions2Type(), operator.BuiltinOptions2()),
        ):
            if kind == union.NONE or table is None:
                continue
            stored = schema_names.enum_name(union, kind)
            if stored != needed:
                raise ValueError(f"needed {needed}, got {stored}")
            options = type(options).InitFromBuf(table.Bytes, table.Pos)
        return {
            schema_names.snake_case(field): self._option(schema_names.snake_case(field), value)
            for field, value in vars(options).items()
        }

    def _option(self, field: str, value: object) -> object:
        if isinstance(value, np.ndarray):
            self._spend(value.nbytes)
            return tuple(value.tolist())
        if isinstance(value, bytes):
            return self._text(value)
        if field in schema_names.ENUM_OF_FIELD and isinstance(value, int):
            return schema_names.enum_name(schema_names.ENUM_OF_FIELD[field], value)
        return value

    def _signature(self, signature: schema.SignatureDef) -> Signature:
        return Signature(
            key=self._text(signature.SignatureKey()),
            subgraph=signature.SubgraphIndex(),
            inputs=self._tensor_map(signature, "Inputs"),
            outputs=self._tensor_map(signature, "Outputs"),
        )

    def _tensor_map(self, signature: schema.SignatureDef, field: str) -> dict[str, int]:
        return {
            self._text(entry.Name()): entry.TensorIndex()
            for entry in self._tables(signature, field)
        }

    def _metadata(self, buffer: int) -> bytes:
        content = self._buffers[buffer]
        if content is None:
            return b""
        self._spend(content.size)
        return content.tobytes()


def _check_shape(dtype: str, shape: tuple[int, ...]) -> None:
    if len(shape) > _MAX_RANK or any(size < 0 for size in shape):
        raise ValueError(f"needed at most {_MAX_RANK} sizes >= 0, got shape {list(shape[:40])}")
    if dtype in tensor_data.NUMPY_DTYPES:
        # numpy refuses huge sizes even beside a size of 0.
        size_bytes = tensor_data.size_bytes(dtype, tuple(max(size, 1) for size in shape))
        if size_bytes > _MAX_TENSOR_BYTES:
            raise ValueError(f"{dtype}{list(shape)} would take {size_bytes} bytes")
