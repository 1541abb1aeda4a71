"""How one layer is quantized: what apply() asks for by the layer's name."""

import dataclasses

from pipeline.errors import SchemeError
from pipeline.quant_params import QuantScheme

# Of 16 bits ranges are symmetric, which these two alone can be.
_INT16_LEARNERS = ("ema", "percentile")


@dataclasses.dataclass(frozen=True)
class LayerSpec:
    """How one layer is quantized.

    Attributes:
      scheme: Bits and granularity of its weights and its output.
      range_learner: Of the output's range: one of ranges.LEARNERS.
      weight_learner: Of the weights' range: one of ranges.WEIGHT_LEARNERS.
      quant_noise: Share of the weights that a training step rounds, in (0, 1].
      ema_decay: Smoothing of what learners average over batches.

    Raises:
      SchemeError: The scheme's codes are none for the learner.
    """

    scheme: QuantScheme
    range_learner: str = "ema"
    weight_learner: str = "max"
    quant_noise: float = 1.0
    ema_decay: float = 0.99

    def __post_init__(self) -> None:
        if self.scheme.storage == "int16" and self.range_learner not in _INT16_LEARNERS:
            raise SchemeError(
                f"scheme {self.scheme.name}: needed a range learner of "
                f"{', '.join(_INT16_LEARNERS)}, whose ranges can be symmetric, got "
                f"{self.range_learner!r}"
            )
        if not self.scheme.symmetric_weights and self.weight_learner != "max":
            raise SchemeError(
                f"scheme {self.scheme.name}: needed weight learner 'max', as its weights have a "
                f"zero point, got {self.weight_learner!r}"
            )
        if not self.scheme.symmetric_weights and self.scheme.weight_granularity != "per_tensor":
            raise SchemeError(
                f"scheme {self.scheme.name}: needed weight granularity per_tensor, as TFLite's "
                f"{self.scheme.storage} kernels take it, got {self.scheme.weight_granularity}"
            )
