"""Training: float, then quantization-aware, interruptible at any moment.

Every step follows from the configuration alone: initial weights from the seed, batches from (seed,
epoch, position), TensorFlow's ops in their deterministic form. A checkpoint holds the model's
weights (ranges and batch statistics among them), the optimizer's state and the position, so that a
run which was killed and resumed ends in the same bits as one which was not. Layers that draw random
numbers while training (Dropout) are outside of that promise: their state is not in the checkpoint.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Mapping

from absl import logging

from pipeline import checkpoint, files, history, report
from pipeline.checkpoint import Progress
from pipeline.errors import RunDirError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.phase_trainer import Batch, PhasePlan, PhaseTrainer
from pipeline.run_dir import RunDir
from pipeline.train_config import TrainConfig


@dataclasses.dataclass(frozen=True)
class Stages:
    """What training uses of the stages that it does not import.

    Attributes:
      build: Returns a freshly initialized float model, from pictures to logits.
      train_batches: (epoch, number of batches to leave out) -> the epoch's other batches, unchanged
        by those left out; all of one size.
      eval_batches: Returns the held-out batches.
      quantize: float model -> quantization-aware model with the same weights.
      calibrate: Sets the activation ranges of a quantization-aware model from batches of pictures.
      set_phase: (quantization-aware model, **fields of qat.Phase); what was traced before does not
        see it.
    """

    build: Callable[[], tf_keras.Model]
    train_batches: Callable[[int, int], Iterable[Batch]]
    eval_batches: Callable[[], Iterable[Batch]]
    quantize: Callable[[tf_keras.Model], tf_keras.Model]
    calibrate: Callable[[tf_keras.Model, Iterable[tf.Tensor]], None]
    set_phase: Callable[..., None]


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What a finished run tells; the last three are None without QAT.

    Attributes:
      num_parameters: Of the float model.
      float_seconds: Training time of the float phase.
      float_accuracy: Of the float model on the held-out pictures.
      calibrated_accuracy: Of the fake-quantized model before QAT's first step.
      qat_seconds: Training time of the QAT phase.
      qat_accuracy: Of the fake-quantized model after QAT.
    """

    num_parameters: int
    float_seconds: float
    float_accuracy: float
    calibrated_accuracy: float | None
    qat_seconds: float | None
    qat_accuracy: float | None


def make_repeatable(num_threads: int) -> None:
    """Makes TensorFlow's ops deterministic and fixes its threads (0: one per core).

    To be called before TensorFlow is used for anything else.
    """
    tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    tf.config.threading.set_inter_op_parallelism_threads(num_threads)
    tf.config.experimental.enable_op_determinism()


def run(run_dir: RunDir, stages: Stages) -> TrainResult:
    """Trains what `run_dir.config` says, from where the directory's last checkpoint stands.

    Writes the models, the history and the report into the directory. A finished run is left as it
    is, and told again.

    Raises:
      TrainingError: The loss or the weights stopped being finite.
      RunDirError: A checkpoint or model in the directory is damaged or missing.
      OSError: The directory cannot be written, or the disk is full.
    """
    if (file := checkpoint.latest(run_dir.checkpoints)) is not None:
        history.write_csv(run_dir.history, checkpoint.load(file)[0].epochs)
    progress = _train_float(run_dir, stages, file)
    if run_dir.config.qat_epochs:
        progress = _train_qat(run_dir, stages, progress, file)
    result = _result(run_dir, progress)
    trained = [path for path in (run_dir.float_model, run_dir.qat_model) if path.exists()]
    seed = run_dir.config.seed
    report.write(
        run_dir.report,
        "train",
        {**dataclasses.asdict(result), "epochs": progress.epochs, "config": run_dir.config},
        inputs=trained,
        seed=seed,
    )
    return result
