"""TensorFlow, imported when it is first used: for modules that many tools need for something else.

from pipeline.lazy_tf import tf
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.legacy_keras import tf
else:

    class _TensorFlow:
        def __getattr__(self, name: str) -> Any:
            from pipeline import legacy_keras  # Here, and nowhere before.

            return getattr(legacy_keras.tf, name)

    tf = _TensorFlow()

__all__ = ["tf"]
