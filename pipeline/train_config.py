"""Everything a training run's result depends on, as the user says it.

Leaf module: imports no stage and no TensorFlow.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import RunDirError

# They say where and how, not what: a resumed run may have others and still end in the same weights
# (of another strategy: but for rounding, as sums are taken in another order).
FREE = frozenset(("data_dir", "checkpoint_steps", "strategy"))

# They say what happens after float training, so they are open until that begins.
_QAT = frozenset(
    (
        "qat_epochs",
        "qat_learning_rate",
        "scheme",
        "recipe",
        "range_learner",
        "weight_learner",
        "quant_noise",
        "weight_bits",
        "activation_bits",
        "ema_decay",
        "quant_delay",
        "freeze_bn_step",
        "freeze_ranges_step",
        "calibration_batches",
        "teacher",
        "distill_temperature",
        "distill_alpha",
        "distill_beta",
    )
)

# Names of qat.LEARNERS and qat.WEIGHT_LEARNERS, for those who need no TensorFlow.
RANGE_LEARNERS = ("ema", "percentile", "lsq", "lsq_plus", "pact")
WEIGHT_LEARNERS = ("max", "lsq")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One training run. Fields are named as the flags of tools.train.

    "Steps" are optimizer steps, counted from 0 in each phase (float, QAT).

    Attributes:
      model: Key of models.MODELS, or the absolute path of a user's model, see keras_files.
      dataset: Key of pipeline.data.DATASETS.
      model_args: Arguments of the model's build().
      data_dir: Where the data lies; None where the data set needs none.
      input_size: Height and width of the input; None for the data set's own, or the user's model's.
      input_mean: Pixel value of real 0.0; None for the data set's own, see InputSpec.
      input_scale: Real value of one pixel step; None for the data set's own.
      allow_unsafe_model: Load a user's model even if it carries code.
      validation_fraction: Share held out where the data set has no split of its own.
      skip_bad_images: Go on without pictures that do not decode.
      seed: Of initial weights, data order, augmentation and split.
      batch_size: Pictures per step, on all replicas together; the last, smaller batch of an epoch
        is dropped.
      float_epochs: Passes over the data in float; >= 1, or 0 for a user's model as it is.
      float_learning_rate: Peak, after the warm-up.
      qat_epochs: Passes over the data with fake quantization; may be 0.
      qat_learning_rate: Peak, after the warm-up.
      scheme: Key of quant_params.SCHEMES.
      recipe: Rules for single layers, as the JSON of qat/recipe.py has them; None for none.
      range_learner: Of activation ranges; one of qat.ranges.LEARNERS.
      weight_learner: Of weight ranges; one of qat.ranges.WEIGHT_LEARNERS.
      quant_noise: Share of the weights that a QAT step rounds (Fan et al. 2020); 1 for all.
      weight_bits: Bits of a weight, 2 to 8; None for the scheme's.
      activation_bits: Bits of an activation, 4 to 8; None for the scheme's.
      ema_decay: Smoothing of activation ranges, per step.
      quant_delay: First QAT step that rounds activations (Jacob et al. 2018, section 3.1).
      freeze_bn_step: First QAT step with frozen batch-norm statistics; None for none.
      freeze_ranges_step: First QAT step with frozen activation ranges; None for never.
      calibration_batches: Training batches that set the activation ranges before QAT; >= 1.
      teacher: Whose answers QAT also learns from: "float", the run's own float model; or another
        run's directory, or a Keras file; None for nobody.
      distill_temperature: Softens both answers; above 0.
      distill_alpha: Weight of the labels in QAT's loss, where there is a teacher.
      distill_beta: Weight of the teacher.
      checkpoint_steps: A checkpoint every so many steps besides one per epoch; 0 for none.
      num_threads: Of TensorFlow; 0 for one per core. Sums depend on it in their last bits.
      strategy: One of strategy.NAMES: how training spreads over devices and processes.
    """

    model: str
    dataset: str
    model_args: Mapping[str, bool | int | float | str] = dataclasses.field(
        default_factory=dict[str, bool | int | float | str]
    )
    data_dir: str | None = None
    input_size: int | None = None
    input_mean: float | None = None
    input_scale: float | None = None
    allow_unsafe_model: bool = False
    validation_fraction: float = 0.2
    skip_bad_images: bool = False
    seed: int = 0
    batch_size: int = 64
    float_epochs: int = 8
    float_learning_rate: float = 0.1
    qat_epochs: int = 2
    qat_learning_rate: float = 0.01
    scheme: str = "int8_per_channel"
    recipe: Sequence[Mapping[str, Any]] | None = None
    range_learner: str = "ema"
    weight_learner: str = "max"
    quant_noise: float = 1.0
    weight_bits: int | None = None
    activation_bits: int | None = None
    ema_decay: float = 0.99
    quant_delay: int = 0
    freeze_bn_step: int | None = None
    freeze_ranges_step: int | None = None
    calibration_batches: int = 8
    teacher: str | None = None
    distill_temperature: float = 4.0
    distill_alpha: float = 0.5
    distill_beta: float = 0.5
    checkpoint_steps: int = 0
    num_threads: int = 0
    strategy: str = "one_device"

    def resumed_with(self, given: Mapping[str, Any], *, qat_begun: bool) -> "TrainConfig":
        """Returns this configuration with what a resuming user says anew.

        Args:
          given: Fields that the user named; all others stay as they are.
          qat_begun: Whether QAT has taken its first step.

        Raises:
          RunDirError: A field was given another value than the run began with, where that would
            change what has been computed already.
        """
        open_fields = FREE if qat_begun else FREE | _QAT
        changed = [
            f"--{name}={_shown(given[name])} (the run has {_shown(getattr(self, name))})"
            for name in sorted(given)
            if name not in open_fields and given[name] != getattr(self, name)
        ]
        if changed:
            raise RunDirError(
                f"a resumed run keeps its settings, got {', '.join(changed)}; leave these flags "
                "out, or train into another --run_dir"
            )
        return dataclasses.replace(self, **given)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}={item}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return json.dumps(value)
    return str(value)
