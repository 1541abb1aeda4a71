"""How each method of tools.bench_qat makes a .tflite model of a float one.

All that train do so on equal terms: the same float weights, batches, optimizer, schedule, number of
steps. All that calibrate see the same training pictures.
"""

import dataclasses
import functools
import itertools
import pathlib
import tempfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from pipeline import convert, qat, strategy, train, train_config
from pipeline.distillation import Distillation, Loss, cross_entropy
from pipeline.legacy_keras import tf, tf_keras
from pipeline.phase_trainer import Batch, PhasePlan, PhaseTrainer
from pipeline.qat import recipe
from pipeline.run_dir import RunDir
from tools import qat_peers
from tools.channel_spread import spread_channel_scales
from tools.qat_pictures import Pictures
from tools.qat_tasks import Column

_SPREAD = 100.0
_CALIBRATION_BATCHES = 8
_NUM_WATCHED = 1000  # Test pictures for the fake-quantized model.
# As tools.train has them by default.
_DISTILLATION = Distillation(temperature=4.0, alpha=0.5, beta=0.5)


@dataclasses.dataclass(frozen=True)
class Made:
    """What a method made.

    Attributes:
      content: A .tflite model; None where the tool's own conversion failed.
      failure: Why there is none.
      trained_share: Of the first test pictures, what the fake-quantized model classifies right;
        None where the method does not train.
    """

    content: bytes | None
    failure: str | None = None
    trained_share: float | None = None


def first_line(error: Exception) -> str:
    """Returns what an error says, as far as a table's note needs it."""
    return f"{type(error).__name__}: {error}".partition("\n")[0][:200]


@dataclasses.dataclass(frozen=True, eq=False)
class Setup:
    """What the methods have in common.

    Attributes:
      pictures: Of the task, with its float run.
      steps: Optimizer steps, where a method trains.
      learning_rate: Peak, likewise.
    """

    pictures: Pictures
    steps: int
    learning_rate: float

    @property
    def seed(self) -> int:
        """Of the float model, the order of pictures, and the factors of the ill-conditioned."""
        return self.pictures.run_dir.config.seed

    def net(self, column: Column) -> tf_keras.Model:
        """Returns a fresh copy of the float model, rewritten if the column says so."""
        model: Any = tf_keras.models.load_model(self.pictures.run_dir.float_model, compile=False)
        if column.is_ill_conditioned:
            spread_channel_scales(model, _SPREAD, self.seed)
        return model

    @functools.cached_property
    def calibration(self) -> np.ndarray:
        """The training pictures that all calibrate with, float32[N, H, W, C]."""
        return self.pictures.calibration(_CALIBRATION_BATCHES)

    def train(self, model: tf_keras.Model, **plan: Any) -> float:
        """Trains in place; returns what share of the first test pictures is then right.

        Args:
          model: From pictures to logits.
          **plan: Of PhasePlan: the flags of ours, the loss.
        """
        pictures = self.pictures

        def train_batches(epoch: int, skip: int) -> Iterable[Batch]:
            del epoch  # There is one, of all steps.
            return itertools.islice(pictures.train_batches(self.seed), skip, self.steps)

        with tempfile.TemporaryDirectory(prefix="intonly_bench_") as folder:
            config = pictures.run_dir.config
            run_dir: RunDir = dataclasses.replace(
                pictures.run_dir,
                path=pathlib.Path(folder),
                num_train=self.steps * config.batch_size,
            )
            phase = PhasePlan(
                name="qat",
                num_epochs=1,
                learning_rate=self.learning_rate,
                train_batches=train_batches,
                eval_batches=lambda: pictures.test_batches(_NUM_WATCHED),
                **plan,
            )
            trainer = PhaseTrainer(phase, model, run_dir, strategy.single())
            trainer.run()
        return trainer.progress.epochs[-1].eval_accuracy


def _float(setup: Setup, column: Column) -> Made:
    return Made(convert.convert_float(setup.net(column)))


def _ours(
    setup: Setup, column: Column, range_learner: str, weight_learner: str, distilled: bool
) -> Made:
    net = setup.net(column)
    spec = qat.LayerSpec(column.scheme, range_learner, weight_learner)
    params = setup.pictures.spec.params
    model = recipe.apply(qat.annotate_model(net), (), spec, params)
    qat.calibrate(model, np.split(setup.calibration, _CALIBRATION_BATCHES))
    loss: Loss = _DISTILLATION.loss(net) if distilled else cross_entropy

    freeze_step = train_config.default_freeze_bn_step(setup.steps)

    def flags_at(step: int) -> Mapping[str, bool]:
        return {"freeze_batch_norm": step >= freeze_step}

    def before_step(step: int) -> None:
        if step == freeze_step:
            batches = setup.pictures.train_batches(setup.seed + 1)
            qat.measure_batch_norm(
                model, (x for x, _ in itertools.islice(batches, train.MEASURED_BATCHES))
            )

    share = setup.train(
        model,
        flags_at=flags_at,
        set_flags=lambda flags: qat.set_phase(model, qat.Phase(**flags)),
        before_step=before_step,
        loss=loss,
    )
    qat.set_phase(model, qat.Phase(freeze_batch_norm=True, update_ranges=False))
    return Made(convert.convert(model), trained_share=share)


def _tfmot(setup: Setup, column: Column) -> Made:
    """Calibrates with as many batches as training has: tfmot's averages are slow to come in."""
    model = qat_peers.tfmot_model(setup.net(column), column.scheme)
    observe = tf.function(lambda batch: model(batch, training=True))
    for inputs, _ in itertools.islice(setup.pictures.train_batches(setup.seed), setup.steps):
        observe(inputs)
    share = setup.train(model)
    try:
        return Made(qat_peers.tfmot_converted(model), trained_share=share)
    except Exception as error:  # The converter raises bare ones.
        return Made(None, f"the model converts not: {first_line(error)}", share)


def _post_training(setup: Setup, column: Column) -> Made:
    return Made(qat_peers.post_training(setup.net(column), column.scheme, setup.calibration))


def _litert_quantizer(setup: Setup, column: Column) -> Made:
    return Made(qat_peers.litert_quantized(setup.net(column), column.scheme, setup.calibration))


# Names as in qat_tasks.METHODS.
METHODS: dict[str, Callable[[Setup, Column], Made]] = {
    "float": _float,
    "ours_ema": functools.partial(
        _ours, range_learner="ema", weight_learner="max", distilled=False
    ),
    "ours_lsq": functools.partial(
        _ours, range_learner="lsq", weight_learner="lsq", distilled=False
    ),
    "ours_lsq_distilled": functools.partial(
        _ours, range_learner="lsq", weight_learner="lsq", distilled=True
    ),
    "tfmot": _tfmot,
    "tf_lite_ptq": _post_training,
    "litert_quantizer": _litert_quantizer,
}
