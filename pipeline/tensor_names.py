"""From the names a converter gives tensors back to the Keras layers they came from."""

from collections.abc import Collection

# What a traced function call puts in front of the names inside it.
_CALL_PREFIXES = ("StatefulPartitionedCall", "PartitionedCall")


def keras_layer(tensor_name: str, known: Collection[str] = ()) -> str | None:
    """Returns the Keras layer in a converted tensor's name, or None where it holds none.

    The output of an op is named after the layers it fuses, the last one first:
    "model/relu/Relu;model/bn/FusedBatchNormV3;model/conv/Conv2D" came out of layer "relu".

    Args:
      tensor_name: Of the output of an op.
      known: Names of layers; where one with slashes leads the path, it is meant, the longest first.
    """
    path = tensor_name.split(";")[0].split("/")
    while path and path[0] in _CALL_PREFIXES:
        del path[0]
    if len(path) <= 2:
        return None
    prefixes = ("/".join(path[1:end]) for end in range(len(path), 1, -1))
    return next((name for name in prefixes if name in known), path[1])
