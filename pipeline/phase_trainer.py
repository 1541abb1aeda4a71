"""The steps of one training phase, with checkpoints, evaluation and history."""

import dataclasses
import math
import pathlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress as ProgressBar

from pipeline import checkpoint, history, replica_ops
from pipeline.checkpoint import Epoch, PhaseName, Progress
from pipeline.distillation import Loss, cross_entropy
from pipeline.errors import RunDirError, TrainingError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.run_dir import RunDir
from pipeline.strategy import Replicas

Batch = tuple[tf.Tensor, tf.Tensor]  # float32[B, H, W, C] pictures, int32[B] labels.

_MOMENTUM = 0.9
_WARM_UP_FRACTION = 0.05  # Of a phase's steps.


@dataclasses.dataclass(frozen=True)
class PhasePlan:
    """What one phase of training does.

    Attributes:
      name: "float" or "qat".
      num_epochs: Passes over the data.
      learning_rate: SGD's with Nesterov momentum 0.9: linear warm-up to this, then cosine to 0.
      train_batches: (epoch of this phase, number of batches to leave out) -> the others; of each,
        this process's share.
      eval_batches: Returns the held-out batches that this process judges.
      flags_at: step -> flags of the model in that step; constant over long stretches.
      set_flags: Sets such flags; the training step is traced anew whenever they change.
      before_step: Called with the number of each step before it, again where a run is resumed.
      loss: Mean over a batch; the model's own losses (regularization) are added.
    """

    name: PhaseName
    num_epochs: int
    learning_rate: float
    train_batches: Callable[[int, int], Iterable[Batch]]
    eval_batches: Callable[[], Iterable[Batch]]
    flags_at: Callable[[int], Mapping[str, bool]] = lambda _: {}
    set_flags: Callable[[Mapping[str, bool]], None] = lambda _: None
    before_step: Callable[[int], None] = lambda _: None
    loss: Loss = cross_entropy


class PhaseTrainer:
    """Trains one model through one phase; `progress` says where it stands."""

    def __init__(self, plan: PhasePlan, model: tf_keras.Model, run_dir: RunDir, replicas: Replicas):
        self.model = model
        self._replicas = replicas
        self.progress = Progress(plan.name)
        self._plan = plan
        self._run_dir = run_dir
        self._steps_per_epoch = run_dir.steps_per_epoch
        self._num_steps = plan.num_epochs * self._steps_per_epoch
        self._schedule: Any = _warm_up_and_cosine(plan.learning_rate, self._num_steps)
        self._optimizer = tf_keras.optimizers.SGD(self._schedule, momentum=_MOMENTUM, nesterov=True)
        self._optimizer.build(model.trainable_variables)
        # Traced now: what the model's flags become later shall not change what is measured.
        self._count_correct = _counter_of_correct(model, replicas)
        self._flags: Mapping[str, bool] | None = None
        self._train_step: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

    def restore(self, file: pathlib.Path) -> None:
        """Takes weights, optimizer state and progress from a checkpoint.

        Raises:
          RunDirError: It is damaged, or of another model.
        """
        self.progress, weights, optimizer_state = checkpoint.load(file)
        variables = [*self.model.weights, *self._optimizer.variables]
        values = [*weights, *optimizer_state]
        if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
            raise RunDirError(
                f"{file}: the checkpoint does not fit the model that run.json describes; train "
                "into a new --run_dir"
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def save(self) -> None:
        """Writes a checkpoint.

        Raises:
          TrainingError: A weight is not finite; the earlier checkpoints are untouched.
        """
        weights = [self._replicas.read(variable) for variable in self.model.weights]
        optimizer_state = [self._replicas.read(variable) for variable in self._optimizer.variables]
        if not all(np.isfinite(values).all() for values in (*weights, *optimizer_state)):
            raise self._failure("a weight is not finite", self.progress.step - 1)
        checkpoint.save(self._run_dir.checkpoints, self.progress, weights, optimizer_state)

    def run(self) -> None:
        """Trains to the end of the phase.

        Raises:
          TrainingError: The loss or a weight is not finite.
        """
        console = Console()
        with ProgressBar(console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task(
                self._plan.name, total=self._num_steps, completed=self.progress.step
            )
            while self.progress.step < self._num_steps:
                self._run_epoch(lambda: bar.update(task, completed=self.progress.step))
                bar.update(task, description=_description(self.progress.epochs[-1]))

    def evaluate(self) -> float:
        """Returns the share of held-out pictures that are classified right."""
        num_correct = num_seen = 0
        for pictures, labels in self._plan.eval_batches():
            num_correct += int(self._count_correct(pictures, labels))
            num_seen += len(labels)
        num_correct, num_seen = self._replicas.total([num_correct, num_seen])
        return num_correct / num_seen

    def _run_epoch(self, show: Callable[[], None]) -> None:
        steps_per_epoch = self._steps_per_epoch
        epoch, done = divmod(self.progress.step, steps_per_epoch)
        checkpoint_steps = self._run_dir.config.checkpoint_steps
        started = time.monotonic() - self.progress.seconds
        batches = self._plan.train_batches(epoch, done)
        for left, batch in zip(range(steps_per_epoch - done, 0, -1), batches, strict=True):
            self._step(*batch)
            self._update(seconds=time.monotonic() - started)
            show()
            if left > 1 and checkpoint_steps and self.progress.step % checkpoint_steps == 0:
                self.save()
        self._end_epoch(epoch + 1)

    def _step(self, pictures: tf.Tensor, labels: tf.Tensor) -> None:
        step = self.progress.step
        self._plan.before_step(step)
        if (flags := self._plan.flags_at(step)) != self._flags:
            self._plan.set_flags(flags)
            self._flags = flags
            self._train_step = _train_step(
                self.model, self._optimizer, self._plan.loss, self._replicas
            )
        loss, num_correct = self._train_step(pictures, labels)
        if not math.isfinite(loss):
            raise self._failure(f"the loss became {float(loss)}", step)
        self._update(
            step=step + 1,
            loss_sum=self.progress.loss_sum + float(loss),
            num_correct=self.progress.num_correct + int(num_correct),
        )

    def _end_epoch(self, number: int) -> None:
        done = self.progress
        steps = self._steps_per_epoch
        epoch = Epoch(
            phase=self._plan.name,
            epoch=number,
            step=done.step,
            loss=done.loss_sum / steps,
            accuracy=done.num_correct / (steps * self._run_dir.config.batch_size),
            eval_accuracy=self.evaluate(),
            learning_rate=float(self._schedule(done.step - 1)),
            seconds=done.seconds,
        )
        self._update(epochs=(*done.epochs, epoch), loss_sum=0.0, num_correct=0, seconds=0.0)
        self.save()
        history.write_csv(self._run_dir.history, self.progress.epochs)
        history.write_events(self._run_dir.tensorboard, epoch)

    def _update(self, **fields: Any) -> None:
        self.progress = dataclasses.replace(self.progress, **fields)

    def _failure(self, what: str, step: int) -> TrainingError:
        epoch = step // self._steps_per_epoch + 1
        last = checkpoint.latest(self._run_dir.checkpoints)
        kept = (
            "there is no checkpoint yet" if last is None else f"the last good checkpoint is {last}"
        )
        return TrainingError(
            f"{what} in phase {self._plan.name}, epoch {epoch}, step {step}; {kept}; train into "
            f"another --run_dir with a lower --{self._plan.name}_learning_rate"
        )


def _warm_up_and_cosine(
    learning_rate: float, num_steps: int
) -> tf_keras.optimizers.schedules.LearningRateSchedule:
    warm_up_steps = math.ceil(_WARM_UP_FRACTION * num_steps)
    return tf_keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, num_steps - warm_up_steps),
        warmup_target=learning_rate,
        warmup_steps=warm_up_steps,
    )


def _train_step(
    model: tf_keras.Model,
    optimizer: tf_keras.optimizers.Optimizer,
    loss_of: Loss,
    replicas: Replicas,
) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Returns a function (pictures, labels) -> (loss, number classified right) that trains.

    It takes this process's share of a batch, and answers for the whole batch.
    """

    def step(pictures: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pictures, labels = replica_ops.local_part(pictures), replica_ops.local_part(labels)
        with tf.GradientTape() as tape:
            logits = model(pictures, training=True)
            loss = loss_of(pictures, labels, logits) + sum(model.losses)
            loss /= replica_ops.count()  # The optimizer sums the replicas' gradients.
        variables = model.trainable_variables
        gradients: list[Any] = tape.gradient(loss, variables)
        pairs = zip(gradients, variables, strict=True)
        # A frozen range has no gradient, and must not move by the optimizer's momentum either.
        optimizer.apply_gradients([pair for pair in pairs if pair[0] is not None])
        if replica_ops.count() == 1:
            return loss, _num_correct(logits, labels)
        told = replica_ops.total(
            tf.stack([loss, tf.cast(_num_correct(logits, labels), tf.float32)])
        )
        return told[0], told[1]

    def run(pictures: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return replicas.first(replicas.strategy.run(step, (pictures, labels)))

    return tf.function(run, autograph=False)


def _counter_of_correct(
    model: tf_keras.Model, replicas: Replicas
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns a function (pictures, labels) -> number classified right, traced already.

    The number is of this process's pictures, however many.
    """
    num_local = replicas.count // replicas.num_workers

    def count(pictures: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        pictures, labels = replica_ops.local_part(pictures), replica_ops.local_part(labels)
        return _num_correct(model(pictures, training=False), labels)

    def run(pictures: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        if num_local > 1:  # No picture is of class -1.
            padding: Any = tf.math.floormod(-tf.shape(labels)[0], num_local)
            pictures = tf.pad(pictures, [[0, padding], *[[0, 0]] * (pictures.shape.rank - 1)])
            labels = tf.pad(labels, [[0, padding]], constant_values=-1)
        counts = replicas.strategy.run(count, (pictures, labels))
        return tf.add_n(replicas.strategy.experimental_local_results(counts))

    signature = (
        tf.TensorSpec([None, *model.input_shape[1:]], tf.float32),
        tf.TensorSpec([None], tf.int32),
    )
    return tf.function(run, signature, autograph=False).get_concrete_function()


def _num_correct(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return tf.math.count_nonzero(tf.argmax(logits, axis=-1, output_type=tf.int32) == labels)


def _description(epoch: Epoch) -> str:
    return f"{epoch.phase} loss {epoch.loss:.3f} accuracy {epoch.eval_accuracy:.2%}"
