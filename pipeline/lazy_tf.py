"""TensorFlow and Keras, imported when first used: for modules that many need for something else.

from pipeline.lazy_tf import tf, tf_keras
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.legacy_keras import tf, tf_keras
else:

    class _Module:
        """The module of this name in legacy_keras.py."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, name: str) -> Any:
            from pipeline import legacy_keras  # Here, and nowhere before.

            return getattr(getattr(legacy_keras, self._name), name)

    tf, tf_keras = _Module("tf"), _Module("tf_keras")

__all__ = ["tf", "tf_keras"]
