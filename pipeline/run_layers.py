"""The figures of all layers of a trained run, left in its directory."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline import layer_file, qat
from pipeline.layer_file import LayerFile
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import layer_report
from pipeline.run_dir import RunDir

_MAX_BATCH_SIZE = 128
_MAX_BATCH_VALUES = 2**22  # Of the input; the values of all layers are held at once.


def measure(run_dir: RunDir, pictures: np.ndarray) -> LayerFile:
    """Measures a run's quantization-aware model, writes layers.json and returns what it says.

    Args:
      run_dir: A run after QAT.
      pictures: float32[N, H, W, C] as the model takes them, best held-out ones.

    Raises:
      InputError: There is no picture.
      OSError: The run directory cannot be written.
    """
    float_model: Any = tf_keras.models.load_model(run_dir.float_model, compile=False)
    layers = layer_report.measure(qat.load(run_dir.qat_model), batches(pictures), float_model)
    content = LayerFile(len(pictures), layers)
    layer_file.write(run_dir.path, content, [run_dir.float_model, run_dir.qat_model])
    return content


def batches(pictures: np.ndarray) -> Iterator[tf.Tensor]:
    """Yields float32[N, H, W, C] pictures, so many at once as all layers' values are few enough."""
    per_picture = max(pictures[:1].size, 1)
    batch_size = max(min(_MAX_BATCH_VALUES // per_picture, _MAX_BATCH_SIZE), 1)
    for start in range(0, len(pictures), batch_size):
        yield tf.constant(pictures[start : start + batch_size])
