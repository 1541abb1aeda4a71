"""Names in the schema that its generated classes do not tie together: options tables and enums."""

import functools
import re
from collections.abc import Mapping

from ai_edge_litert import schema_py_generated as schema

from pipeline.errors import ModelError

# Options tables whose name does not follow from the op's.
_OPTIONS_OF_OP = {
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "CONV_3D_TRANSPOSE": "Conv3DOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "MULTINOMIAL": "RandomOptions",
    "RANDOM_STANDARD_NORMAL": "RandomOptions",
    "RANDOM_UNIFORM": "RandomOptions",
    "REDUCE_ALL": "ReducerOptions",
    "REDUCE_ANY": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "SUM": "ReducerOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
}

# The enum behind an options field; the generated classes do not record it.
ENUM_OF_FIELD: dict[str, type] = {
    "algorithm": schema.RngAlgorithm,
    "combiner": schema.CombinerType,
    "compare_type": schema.StablehloComparisonType,
    "comparison_direction": schema.StablehloComparisonDirection,
    "composite_attributes_format": schema.CustomOptionsFormat,
    "fused_activation_function": schema.ActivationFunctionType,
    "idx_out_type": schema.TensorType,
    "in_data_type": schema.TensorType,
    "kernel_type": schema.LSTMKernelType,
    "key_dtype": schema.TensorType,
    "mode": schema.MirrorPadMode,
    "out_data_type": schema.TensorType,
    "out_type": schema.TensorType,
    "output_type": schema.TensorType,
    "padding": schema.Padding,
    "quantized_bias_type": schema.TensorType,
    "reduce_function": schema.ReduceWindowFunction,
    "type": schema.LSHProjectionType,
    "value_dtype": schema.TensorType,
    "weights_format": schema.FullyConnectedOptionsWeightsFormat,
}


@functools.cache
def options_class(op: str) -> str | None:
    """Returns the name of the options table of a builtin op, None where it has none."""
    if op in _OPTIONS_OF_OP:
        return _OPTIONS_OF_OP[op]
    wanted = op.replace("_", "").lower() + "options"
    for union in (schema.BuiltinOptions, schema.BuiltinOptions2):
        for name in enum_names(union).values():
            if name.lower() == wanted:
                return name
    return None


@functools.cache
def enum_names(enum: type) -> Mapping[int, str]:
    """Returns {value: name} of a schema enum."""
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


def enum_name(enum: type, value: int) -> str:
    """Returns the name of an enum's value; raises ModelError where the schema has none."""
    name = enum_names(enum).get(value)
    if name is None:
        raise ValueError(f"{value} is no {enum.__name__}")
    return name


def enum_value(enum: type, name: str) -> int:
    """Returns the value of an enum's name; raises ModelError where the schema has none."""
    value = getattr(enum, name, None)
    if not isinstance(value, int):
        raise ModelError(f"{name!r} is no {enum.__name__}")
    return value


def snake_case(field: str) -> str:
    """Returns "stride_w" of "strideW"."""
    return re.sub("([A-Z])", r"_\1", field).lower()
