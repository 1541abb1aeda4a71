"""The errors this project raises on purpose, each with the exit code a tool answers with.

A message says what was needed, what was got, where (op, tensor, Keras layer, device serial)
and what to do.
"""


class IntonlyError(Exception):
    """Base of all errors below: the request cannot be served."""

    exit_code = 2


class ImportOrderError(IntonlyError):
    """TensorFlow was imported before the legacy Keras switch was set."""


class DataError(IntonlyError):
    """A data set is missing, corrupt or not of the promised layout."""


class RunDirError(IntonlyError):
    """A run directory is missing, unfinished, unwritable or of another version."""


class StrategyError(IntonlyError):
    """Several replicas or workers cannot train together, or one of them was lost."""


class RecipeError(IntonlyError):
    """A quantization recipe is malformed or does not fit the model; names the rule."""


class ReportError(IntonlyError):
    """A report file is not JSON, of another kind or of another schema version."""


class SchemeError(IntonlyError):
    """A quantization scheme has no form for what was asked (a number of bits, an edge's type)."""


class ModelError(IntonlyError):
    """A flatbuffer or Keras model cannot be used; names the tensor, op or layer."""


class UnsupportedLayerError(ModelError):
    """Quantization-aware training does not know this Keras layer."""


class UnsupportedOpError(ModelError):
    """The interpreter or the flatbuffer reader does not know this op or this form of it."""


class InputError(IntonlyError):
    """Values given to a model do not fit its inputs (count, shape, dtype)."""


class DeviceError(IntonlyError):
    """A phone, or the way to it, failed; names the serial."""


class DeviceLostError(DeviceError):
    """The phone or the adb server vanished in the middle; either may return."""


class CommandError(DeviceError):
    """A command on the phone ended with another exit code than 0, or passed its time."""


class LogError(DeviceError):
    """A benchmark log cannot be used; carries its tail."""


class DelegationError(DeviceError):
    """A delegate did not run what it was asked to run; says what the log shows."""


class NotIntegerOnlyError(IntonlyError):
    """The model is well formed but not integer-only; lists ops and tensors."""

    exit_code = 1


class BundleError(IntonlyError):
    """A bundle is damaged, forged or not what it says; names the file and the bytes in it."""

    exit_code = 1


class TrainingError(IntonlyError):
    """Training went wrong (for example a NaN loss); names the step."""

    exit_code = 1


class IncomparableError(IntonlyError):
    """Two measurements differ in more than what is to be compared; says in what."""
