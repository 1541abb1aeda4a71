"""Settings that no integer op has, whichever layer has them."""

from pipeline.errors import UnsupportedLayerError
from pipeline.qat.keras_graph import Call


def check(call: Call) -> None:
    """Checks the settings of a layer that is to be quantized.

    Raises:
      UnsupportedLayerError: One is in the way; names the layer, the setting and what to do.
    """
    data_format = getattr(call.layer, "data_format", None)
    if data_format == "channels_first":
        _refuse(call, "data_format channels_last", data_format, "transpose the model's data")
    if call.kwargs.get("training") is True:
        _refuse(
            call,
            "a call that leaves it to the model whether it trains",
            "training=True",
            "leave the argument out",
        )
    for operand in call.operands:
        if None in operand.shape[1:]:
            _refuse(
                call,
                "an input of known shape",
                list(operand.shape),
                "give tf_keras.Input a full shape",
            )


def _refuse(call: Call, needed: str, got: object, remedy: str) -> None:
    raise UnsupportedLayerError(f"layer {call.name!r}: needed {needed}, got {got}; {remedy}")
