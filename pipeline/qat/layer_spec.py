"""How one layer is quantized: what apply() asks for by the layer's name."""

import dataclasses

from pipeline.quant_params import QuantScheme


@dataclasses.dataclass(frozen=True)
class LayerSpec:
    """How one layer is quantized.

    Attributes:
      scheme: Bits and granularity of its weights and its output.
      range_learner: Of the output's range: one of ranges.LEARNERS.
      weight_learner: Of the weights' range: one of ranges.WEIGHT_LEARNERS.
      quant_noise: Share of the weights that a training step rounds, in (0, 1].
      ema_decay: Smoothing of what learners average over batches.
    """

    scheme: QuantScheme
    range_learner: str = "ema"
    weight_learner: str = "max"
    quant_noise: float = 1.0
    ema_decay: float = 0.99
