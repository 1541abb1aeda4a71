"""From the names a converter gives tensors back to the Keras layers they came from."""

# What a traced function call puts in front of the names inside it.
_CALL_PREFIXES = ("StatefulPartitionedCall", "PartitionedCall")


def keras_layer(tensor_name: str) -> str | None:
    """Returns the Keras layer in a converted tensor's name, or None where it holds none.

    The output of an op is named after the layers it fuses, the last one first:
    "model/relu/Relu;model/bn/FusedBatchNormV3;model/conv/Conv2D" came out of layer "relu".
    """
    path = tensor_name.split(";")[0].split("/")
    while path and path[0] in _CALL_PREFIXES:
        del path[0]
    return path[1] if len(path) > 2 else None
