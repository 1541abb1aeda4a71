"""The one place that imports TensorFlow, with `tf.keras` set to Keras 2.

tensorflow-model-optimization only knows Keras 2 (`tf_keras`), and TensorFlow chooses its Keras
while it is imported. Hence every module that needs it says

  from pipeline.legacy_keras import tf, tf_keras

Raises:
  ImportOrderError: TensorFlow was imported earlier and has chosen Keras 3.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Generator
from typing import Any

from pipeline import errors

_STDERR = 2  # File descriptor: TensorFlow's libraries do not write through sys.stderr.

_came_late = "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1"
os.environ["TF_USE_LEGACY_KERAS"] = "1"

# 3 hides even ERROR, which is cuInit failing where there is no GPU; exceptions tell the rest.
_quiet = int(os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")) >= 2


@contextlib.contextmanager
def _stderr_kept_for_failure() -> Generator[None, None, None]:
    """Holds back what TensorFlow logs while it loads, before it reads its log level."""
    with tempfile.TemporaryFile() as log:
        stderr = os.dup(_STDERR)
        os.dup2(log.fileno(), _STDERR)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(stderr, log.read())
            raise
        finally:
            os.dup2(stderr, _STDERR)
            os.close(stderr)


with _stderr_kept_for_failure() if _quiet else contextlib.nullcontext():
    import tensorflow as tf
    import tf_keras

if _came_late or tf.keras.Model is not tf_keras.Model:
    raise errors.ImportOrderError(
        "needed TensorFlow with Keras 2 (tf_keras), but tensorflow was imported earlier and chose "
        "Keras 3: import pipeline.legacy_keras before tensorflow and keras, or set "
        "TF_USE_LEGACY_KERAS=1 in the environment"
    )

if _quiet:
    tf.get_logger().setLevel("ERROR")  # The Python half of TensorFlow knows no such variable.

# TensorFlow's stubs know no type for it.
custom_gradient: Callable[[Callable[..., Any]], Callable[..., tf.Tensor]] = tf.custom_gradient

__all__ = ["custom_gradient", "tf", "tf_keras"]
