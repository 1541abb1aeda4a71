"""Graph -> bytes of a .tflite file."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline import tensor_data
from pipeline.errors import ModelError
from pipeline.flatbuffer import schema_names
from pipeline.graph import Graph, Operator, Signature, Subgraph, Tensor
from pipeline.quant_params import QuantParams

_IDENTIFIER = b"TFL3"

# Runtimes read constants by 16-byte loads; the schema promises this alignment.
_BUFFER_ALIGNMENT = 16


def write(graph: Graph) -> bytes:
    """Returns the .tflite bytes of `graph`: equal graphs give equal bytes.

    Raises:
      ModelError: A tensor's data does not fit its shape and dtype, or an op or option is unknown.
    """
    return _Writer().write(graph)


class _Writer:
    """Collects what the subgraphs share: buffers and operator codes."""

    def __init__(self) -> None:
        self._buffers = [schema.BufferT()]  # Buffer 0 is the empty one, by convention.
        self._buffer_of_array: dict[int, int] = {}
        self._op_codes: dict[tuple[str, int, bool], int] = {}

    def write(self, graph: Graph) -> bytes:
        model = schema.ModelT()
        model.version = graph.schema_version
        model.description = graph.description
        model.subgraphs = [self._subgraph(subgraph) for subgraph in graph.subgraphs]
        model.signatureDefs = [_signature(signature) for signature in graph.signatures]
        model.metadata = [self._metadata(*entry) for entry in graph.metadata.items()]
        model.operatorCodes = [_op_code(*code) for code in self._op_codes]
        model.buffers = self._buffers
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), _IDENTIFIER)
        return bytes(builder.Output())

    def _subgraph(self, subgraph: Subgraph) -> schema.SubGraphT:
        written = schema.SubGraphT()
        written.name = subgraph.name
        written.inputs = list(subgraph.inputs)
        written.outputs = list(subgraph.outputs)
        written.tensors = [self._tensor(tensor) for tensor in subgraph.tensors]
        written.operators = [self._operator(op) for op in subgraph.operators]
        return written

    def _tensor(self, tensor: Tensor) -> schema.TensorT:
        written = schema.TensorT()
        written.name = tensor.name
        written.shape = list(tensor.shape)
        written.hasRank = True
        if tensor.is_dynamic:
            written.shapeSignature = list(tensor.shape_signature or ())
        written.type = schema_names.enum_value(schema.TensorType, tensor.dtype.upper())
        written.isVariable = tensor.is_variable
        if tensor.quantization is not None:
            written.quantization = _quantization(tensor.quantization)
        if tensor.data is not None:
            written.buffer = self._constant(tensor, tensor.data)
        return written

    def _constant(self, tensor: Tensor, data: np.ndarray) -> int:
        expected = np.dtype(tensor_data.NUMPY_DTYPES[tensor.dtype])
        if data.dtype != expected or (tensor.dtype != "string" and data.shape != tensor.shape):
            raise ModelError(
                f"tensor {tensor.index} {tensor.name!r} needs data {expected}{list(tensor.shape)}, "
                f"got {data.dtype}{list(data.shape)}"
            )
        if id(data) not in self._buffer_of_array:  # Tensors that share an array share its bytes.
            content = tensor_data.encode(tensor.dtype, data)
            self._buffer_of_array[id(data)] = self._buffer(content)
        return self._buffer_of_array[id(data)]

    def _buffer(self, content: bytes) -> int:
        self._buffers.append(_AlignedBuffer(content))
        return len(self._buffers) - 1

    def _operator(self, op: Operator) -> schema.OperatorT:
        written = schema.OperatorT()
        code = op.op, op.version, op.is_custom
        written.opcodeIndex = self._op_codes.setdefault(code, len(self._op_codes))
        written.inputs = list(op.inputs)
        written.outputs = list(op.outputs)
        written.intermediates = list(op.intermediates) or None
        written.customOptions = list(op.custom_options) or None
        if not op.is_custom:
            _set_options(written, op)
        return written

    def _metadata(self, name: str, content: bytes) -> schema.MetadataT:
        written = schema.MetadataT()
        written.name = name
        written.buffer = self._buffer(content)
        return written


class _AlignedBuffer(schema.BufferT):
    """A buffer with the alignment the schema promises; the generated code writes none."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = content

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802  (the generated name)
        size_bytes = len(self._content)
        builder.StartVector(1, size_bytes, _BUFFER_ALIGNMENT)
        start = builder.head = builder.Head() - size_bytes
        builder.Bytes[start : start + size_bytes] = self._content
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def _quantization(parameters: QuantParams) -> schema.QuantizationParametersT:
    written = schema.QuantizationParametersT()
    written.scale = list(parameters.scale)
    written.zeroPoint = list(parameters.zero_point)
    written.quantizedDimension = parameters.quantized_dimension or 0
    return written


def _op_code(op: str, version: int, is_custom: bool) -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.version = version
    code.builtinCode = schema_names.enum_value(
        schema.BuiltinOperator, "CUSTOM" if is_custom else op
    )
    code.deprecatedBuiltinCode = min(
        code.builtinCode, schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES
    )
    code.customCode = op if is_custom else None
    return code


def _set_options(written: schema.OperatorT, op: Operator) -> None:
    name = schema_names.options_class(op.op)
    if name is None:
        if op.options:
            raise ModelError(f"op {op.index} {op.op} has no options, got {dict(op.options)}")
        return
    options = getattr(schema, f"{name}T")()
    fields = {schema_names.snake_case(field): field for field in vars(options)}
    for key, value in op.options.items():
        if key not in fields:
            raise ModelError(f"op {op.index} {op.op} has no option {key!r}; it has {list(fields)}")
        if isinstance(value, str) and key in schema_names.ENUM_OF_FIELD:
            value = schema_names.enum_value(schema_names.ENUM_OF_FIELD[key], value)
        setattr(options, fields[key], value)
    if hasattr(schema.BuiltinOptions, name):
        written.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        written.builtinOptions = options
    else:
        written.builtinOptions2Type = getattr(schema.BuiltinOptions2, name)
        written.builtinOptions2 = options


def _signature(signature: Signature) -> schema.SignatureDefT:
    written = schema.SignatureDefT()
    written.signatureKey = signature.key
    written.subgraphIndex = signature.subgraph
    written.inputs = [_tensor_map(*entry) for entry in signature.inputs.items()]
    written.outputs = [_tensor_map(*entry) for entry in signature.outputs.items()]
    return written


def _tensor_map(name: str, index: int) -> schema.TensorMapT:
    entry = schema.TensorMapT()
    entry.name = name
    entry.tensorIndex = index
    return entry
