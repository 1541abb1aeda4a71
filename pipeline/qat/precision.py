"""Quantization-aware training computes in float32: why other precisions are refused."""

from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf_keras


def check_float32(model: tf_keras.Model) -> None:
    """Checks that a model computes in float32, and that layers made now will.

    Fake quantization puts integers in the place of real numbers, and a sum of products of 8-bit
    codes needs more than the 11 significant bits of float16, or the 8 of bfloat16, to stay an
    integer; TensorFlow's FakeQuant ops take nothing but float32.

    Raises:
      UnsupportedLayerError: A layer, or the global policy, has another precision; names it.
    """
    policy = tf_keras.mixed_precision.global_policy()
    if policy.compute_dtype != "float32":
        raise UnsupportedLayerError(
            f"model {model.name!r}: {_NEEDED}, got the global policy {policy.name!r}; call "
            f'tf_keras.mixed_precision.set_global_policy("float32") and {_REMEDY}'
        )
    for layer in model.submodules:
        if isinstance(layer, tf_keras.layers.Layer) and layer.compute_dtype != "float32":
            raise UnsupportedLayerError(
                f"layer {layer.name!r}: {_NEEDED}, got {layer.compute_dtype} (policy "
                f"{layer.dtype_policy.name!r}); {_REMEDY}"
            )


_NEEDED = (
    "quantization-aware training needs float32, since float16 and bfloat16 do not hold the sums of "
    "8-bit integers exactly"
)
_REMEDY = (
    "build the model anew in float32, with model.set_weights(trained.get_weights()): the weights "
    "of a model in mixed precision are float32"
)
