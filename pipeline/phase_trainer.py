"""The steps of one training phase, with checkpoints, evaluation and history."""

import dataclasses
import math
import pathlib
import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from rich.console import Console
from rich.progress import Progress as ProgressBar

from pipeline import checkpoint, history
from pipeline.checkpoint import Epoch, PhaseName, Progress
from pipeline.errors import RunDirError, TrainingError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.run_dir import RunDir

Batch = tuple[tf.Tensor, tf.Tensor]  # float32[B, H, W, C] pictures, int32[B] labels.

_MOMENTUM = 0.9
_WARM_UP_FRACTION = 0.05  # Of a phase's steps.


@dataclasses.dataclass(frozen=True)
class PhasePlan:
    """What one phase of training does.

    Attributes:
      name: "float" or "qat".
      num_epochs: Passes over the data.
      steps_per_epoch: Batches in a pass.
      learning_rate: SGD's with Nesterov momentum 0.9: linear warm-up to this, then cosine to 0.
      train_batches: (epoch of this phase, number of batches to leave out) -> the others.
      eval_batches: Returns the held-out batches.
      flags_at: step -> flags of the model in that step; constant over long stretches.
      set_flags: Sets such flags; the training step is traced anew whenever they change.
    """

    name: PhaseName
    num_epochs: int
    steps_per_epoch: int
    learning_rate: float
    train_batches: Callable[[int, int], Iterable[Batch]]
    eval_batches: Callable[[], Iterable[Batch]]
    flags_at: Callable[[int], Mapping[str, bool]] = lambda step: {}
    set_flags: Callable[[Mapping[str, bool]], None] = lambda flags: None

    @property
    def num_steps(self) -> int:
        """Steps of the whole phase."""
        return self.num_epochs * self.steps_per_epoch


class PhaseTrainer:
    """Trains one model through one phase; `progress` says where it stands."""

    def __init__(self, plan: PhasePlan, model: tf_keras.Model, run_dir: RunDir):
        self.model = model
        self.progress = Progress(plan.name)
        self._plan = plan
        self._run_dir = run_dir
        self._schedule = _warm_up_and_cosine(plan.learning_rate, plan.num_steps)
        self._optimizer = tf_keras.optimizers.SGD(
            self._schedule, momentum=_MOMENTUM, nesterov=True
        )
        self._optimizer.build(model.trainable_variables)
        # Traced now: what the model's flags become later shall not change what is measured.
        self._count_correct = _counter_of_correct(model)
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
        weights = self.model.get_weights()
        optimizer_state = [variable.numpy() for variable in self._optimizer.variables]
        if not all(np.isfinite(values).all() for values in (*weights, *optimizer_state)):
            raise self._failure("a weight is not finite", self.progress.step - 1)
        checkpoint.save(self._run_dir.checkpoints, self.progress, weights, optimizer_state)

    def run(self) -> None:
        """Trains to the end of the phase.

        Raises:
          TrainingError: The loss or a weight is not finite.
        """
        console = Console()
        with ProgressBar(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(self._plan.name, total=self._plan.num_steps)
            while self.progress.step < self._plan.num_steps:
                self._run_epoch(lambda: bar.update(task, completed=self.progress.step))
                bar.console.print(_line(self.progress.epochs[-1], self._plan.num_epochs))

    def evaluate(self) -> float:
        """Returns the share of held-out pictures that are classified right."""
        num_correct = num_seen = 0
        for pictures, labels in self._plan.eval_batches():
            num_correct += int(self._count_correct(pictures, labels))
            num_seen += len(labels)
        return num_correct / num_seen

    def _run_epoch(self, show: Callable[[], None]) -> None:
        steps_per_epoch = self._plan.steps_per_epoch
        epoch, done = divmod(self.progress.step, steps_per_epoch)
        started = time.monotonic() - self.progress.seconds
        batches = self._plan.train_batches(epoch, done)
        for position, batch in zip(range(done, steps_per_epoch), batches, strict=True):
            self._step(*batch)
            self._advance(seconds=time.monotonic() - started)
            show()
            every = self._run_dir.config.checkpoint_steps
            if every and self.progress.step % every == 0 and position + 1 < steps_per_epoch:
                self.save()
        self._end_epoch(epoch + 1)
