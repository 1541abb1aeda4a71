"""Training: float, then quantization-aware, interruptible at any moment.

Every step follows from the configuration alone: initial weights from the seed, batches from (seed,
epoch, position), TensorFlow's ops in their deterministic form. A checkpoint holds the model's
weights (ranges and batch statistics among them), the optimizer's state and the position, so that a
run which was killed and resumed ends in the same bits as one which was not. Layers that draw random
numbers while training (Dropout) are outside of that promise: their state is not in the checkpoint.
"""

import dataclasses
import itertools
import pathlib
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from absl import logging

from pipeline import batch_norm, checkpoint, files, history, report, strategy
from pipeline.checkpoint import Progress
from pipeline.distillation import Distillation, Loss, check_teacher, cross_entropy
from pipeline.errors import RunDirError
from pipeline.keras_files import user_model
from pipeline.legacy_keras import tf, tf_keras
from pipeline.phase_trainer import Batch, PhasePlan, PhaseTrainer
from pipeline.run_dir import RunDir, is_begun
from pipeline.strategy import Replicas
from pipeline.train_config import TrainConfig, default_freeze_bn_step

# From which batch norm's statistics are measured before they are frozen: enough for the mean of
# 2,000 pictures at the default batch size.
MEASURED_BATCHES = 32


@dataclasses.dataclass(frozen=True)
class Stages:
    """What training uses of the stages that it does not import.

    Attributes:
      build: Returns the float model to begin with, from pictures to logits; always the same.
      train_batches: (epoch, number of batches to leave out) -> the epoch's other batches, unchanged
        by those left out; all of one size. Where several processes train, this one's share of each.
      eval_batches: Returns the held-out batches; of several processes, those that this one judges.
      quantize: float model -> quantization-aware model with the same weights.
      calibrate: Sets the activation ranges of a quantization-aware model from batches of pictures.
      measure_batch_norm: Sets its moving statistics from batches of pictures.
      set_phase: (quantization-aware model, **fields of qat.Phase); what was traced before does not
        see it.
    """

    build: Callable[[], tf_keras.Model]
    train_batches: Callable[[int, int], Iterable[Batch]]
    eval_batches: Callable[[], Iterable[Batch]]
    quantize: Callable[[tf_keras.Model], tf_keras.Model]
    calibrate: Callable[[tf_keras.Model, Iterable[tf.Tensor]], None]
    measure_batch_norm: Callable[[tf_keras.Model, Iterable[tf.Tensor]], None]
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


def run(run_dir: RunDir, stages: Stages, replicas: Replicas | None = None) -> TrainResult:
    """Trains what `run_dir.config` says, from where the directory's last checkpoint stands.

    Writes the models, the history and the report into the directory. A finished run is left as it
    is, and told again.

    Args:
      run_dir: Where to train what; each process of a cluster has a directory of its own.
      stages: The other stages.
      replicas: Who computes; TensorFlow's default device if None.

    Raises:
      TrainingError: The loss or the weights stopped being finite, or the teacher does not fit.
      RunDirError: A checkpoint or model in the directory is damaged or missing.
      StrategyError: A batch cannot be shared equally, or another process of the cluster is gone.
      OSError: The directory cannot be written, or the disk is full.
    """
    replicas = replicas or strategy.single()
    replicas.check_batch_size(run_dir.config.batch_size)
    with replicas.together():
        result = _run(run_dir, stages, replicas)
        replicas.total([0])  # No process leaves while another still needs it.
        return result


def _run(run_dir: RunDir, stages: Stages, replicas: Replicas) -> TrainResult:
    if (file := checkpoint.latest(run_dir.checkpoints)) is not None:
        # A kill may have come between the checkpoint and the history.
        history.write_csv(run_dir.history, checkpoint.load(file)[0].epochs)
    teacher_file = _teacher_file(run_dir.config)
    teacher = None
    if teacher_file:  # Looked at first: a wrong one should not be met after hours.
        allowed = run_dir.config.allow_unsafe_model
        teacher = user_model.load(teacher_file, allow_unsafe_model=allowed).model
        check_teacher(teacher, run_dir.input_spec.shape, run_dir.num_classes)
    progress = _train_float(run_dir, stages, replicas)
    if run_dir.config.qat_epochs:
        progress = _train_qat(run_dir, stages, replicas, progress, teacher)
    result = _result(run_dir, progress)
    report.write(
        run_dir.report,
        "train",
        {
            **dataclasses.asdict(result),
            "epochs": progress.epochs,
            "config": run_dir.config,
            "num_replicas": replicas.count,
            "num_workers": replicas.num_workers,
        },
        inputs=[
            path
            for path in (run_dir.float_model, run_dir.qat_model, teacher_file)
            if path and path.exists()
        ],
        seed=run_dir.config.seed,
    )
    return result


def _train_float(run_dir: RunDir, stages: Stages, replicas: Replicas) -> Progress:
    """Makes float.keras, unless it is there; returns the progress of the newest checkpoint."""
    config = run_dir.config
    file = checkpoint.latest(run_dir.checkpoints)
    if run_dir.float_model.exists():
        if file is None:
            raise RunDirError(
                f"{run_dir.checkpoints}: needed the checkpoint of the finished float training, "
                "found none; train into a new --run_dir"
            )
        return checkpoint.load(file)[0]
    tf_keras.utils.set_random_seed(config.seed)
    plan = PhasePlan(
        name="float",
        num_epochs=config.float_epochs,
        learning_rate=config.float_learning_rate,
        train_batches=stages.train_batches,
        eval_batches=stages.eval_batches,
    )
    model = stages.build()
    batch_norm.synchronize(model)
    trainer = PhaseTrainer(plan, model, run_dir, replicas)
    if file is not None:
        trainer.restore(file)
    elif config.float_epochs == 0:
        trainer.progress = Progress("float", given_accuracy=trainer.evaluate())
        trainer.save()
    trainer.run()
    _save_model(trainer.model, run_dir.float_model)
    return trainer.progress


def _train_qat(
    run_dir: RunDir,
    stages: Stages,
    replicas: Replicas,
    progress: Progress,
    teacher: tf_keras.Model | None,
) -> Progress:
    """Makes qat.keras from float.keras, unless it is there; returns the progress at its end."""
    if run_dir.qat_model.exists():
        return progress
    config = run_dir.config
    # Read back even where it was just trained: a resumed run has no other, and must not differ.
    float_model = _load_float_model(run_dir)
    model = stages.quantize(float_model)
    batch_norm.synchronize(model)  # Of layers that stay in float.

    def train_batches(epoch: int, skip: int) -> Iterable[Batch]:
        return stages.train_batches(config.float_epochs + epoch, skip)

    num_steps = config.qat_epochs * run_dir.steps_per_epoch
    freeze_bn_step = _freeze_bn_step(config, num_steps)

    def before_step(step: int) -> None:
        if 0 < step == freeze_bn_step:
            batches = itertools.islice(train_batches(config.qat_epochs, 0), MEASURED_BATCHES)
            stages.measure_batch_norm(model, (pictures for pictures, _ in batches))

    plan = PhasePlan(
        name="qat",
        num_epochs=config.qat_epochs,
        learning_rate=config.qat_learning_rate,
        train_batches=train_batches,
        eval_batches=stages.eval_batches,
        flags_at=_qat_flags(config, num_steps, freeze_bn_step),
        set_flags=lambda flags: stages.set_phase(model, **flags),
        before_step=before_step,
        loss=_qat_loss(config, teacher or float_model),
    )
    trainer = PhaseTrainer(plan, model, run_dir, replicas)
    if (file := checkpoint.latest(run_dir.checkpoints)) is not None and progress.phase == "qat":
        trainer.restore(file)
    else:
        batches = itertools.islice(train_batches(0, 0), config.calibration_batches)
        stages.calibrate(model, (pictures for pictures, _ in batches))
        trainer.progress = Progress(
            "qat",
            epochs=progress.epochs,
            given_accuracy=progress.given_accuracy,
            calibrated_accuracy=trainer.evaluate(),
        )
        trainer.save()
    trainer.run()
    stages.set_phase(model, update_ranges=False, freeze_batch_norm=True)
    _save_model(model, run_dir.qat_model)
    return trainer.progress


def _qat_loss(config: TrainConfig, teacher: tf_keras.Model) -> Loss:
    if config.teacher is None:
        return cross_entropy
    weights = config.distill_temperature, config.distill_alpha, config.distill_beta
    return Distillation(*weights).loss(teacher)


def _teacher_file(config: TrainConfig) -> pathlib.Path | None:
    """Returns the file of a teacher that is not the run's own float model."""
    if config.teacher in (None, "float"):
        return None
    path = pathlib.Path(config.teacher)
    is_run = path.is_dir() and is_begun(path)
    return RunDir.open(path, "float_model").float_model if is_run else path


def _freeze_bn_step(config: TrainConfig, num_steps: int) -> int:
    step = config.freeze_bn_step
    return default_freeze_bn_step(num_steps) if step is None else step


def _qat_flags(
    config: TrainConfig, num_steps: int, freeze_bn_step: int
) -> Callable[[int], Mapping[str, bool]]:
    """Returns a function from a QAT step to the fields of its qat.Phase; warns where it is odd."""
    freeze_ranges_step = config.freeze_ranges_step
    if config.quant_delay >= num_steps:
        logging.warning(
            "activations are never rounded in training: --quant_delay=%d, and QAT has %d steps",
            config.quant_delay,
            num_steps,
        )

    def flags_at(step: int) -> Mapping[str, bool]:
        return {
            "quantize_activations": step >= config.quant_delay,
            "update_ranges": freeze_ranges_step is None or step < freeze_ranges_step,
            "freeze_batch_norm": step >= freeze_bn_step,
        }

    return flags_at


def _result(run_dir: RunDir, progress: Progress) -> TrainResult:
    by_phase = {
        name: [epoch for epoch in progress.epochs if epoch.phase == name]
        for name in ("float", "qat")
    }
    has_qat = bool(by_phase["qat"])
    return TrainResult(
        num_parameters=_load_float_model(run_dir).count_params(),
        float_seconds=sum(epoch.seconds for epoch in by_phase["float"]),
        float_accuracy=_float_accuracy(progress),
        calibrated_accuracy=progress.calibrated_accuracy,
        qat_seconds=sum(epoch.seconds for epoch in by_phase["qat"]) if has_qat else None,
        qat_accuracy=by_phase["qat"][-1].eval_accuracy if has_qat else None,
    )


def _float_accuracy(progress: Progress) -> float:
    if progress.given_accuracy is not None:
        return progress.given_accuracy
    return [epoch for epoch in progress.epochs if epoch.phase == "float"][-1].eval_accuracy


def _save_model(model: tf_keras.Model, path: pathlib.Path) -> None:
    with files.replacing(path) as temporary:
        model.save(temporary)


def _load_float_model(run_dir: RunDir) -> tf_keras.Model:
    path = run_dir.float_model
    try:
        model: Any = tf_keras.models.load_model(
            path, compile=False, safe_mode=not run_dir.config.allow_unsafe_model
        )
        return model
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise RunDirError(f"{path}: does not load ({error}); train into a new --run_dir") from error
