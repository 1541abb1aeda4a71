"""What a quantization-aware model does at this point of its training."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Phase:
    """Python flags that layers read while they are traced; change them with `qat.set_phase`.

    Attributes:
      quantize_activations: False during the quantization delay (Jacob et al. 2018, section 3.1):
        ranges are learned, values pass unrounded.
      quantize_weights: False where weights and bias pass unrounded.
      update_ranges: Whether a training call moves the activation ranges.
      freeze_batch_norm: Fold the moving statistics instead of normalizing with the batch's.
      average_batch_norm: Whether moving statistics average over batches; else each training call
        leaves those of its batch.
      quant_noise: Whether training leaves a random part of the weights unrounded, where a layer is
        made so.
      rounding: How activations round outside training. "reference" rounds as TFLite's reference
        kernels do, twice (SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT); "single"
        uses TensorFlow's FakeQuant ops, as training does; "container" as well, in the form that the
        converter needs (see container.py).
    """

    quantize_activations: bool = True
    quantize_weights: bool = True
    update_ranges: bool = True
    freeze_batch_norm: bool = False
    average_batch_norm: bool = True
    quant_noise: bool = True
    rounding: Literal["reference", "single", "container"] = "reference"


CALIBRATION = Phase(
    quantize_activations=False, update_ranges=True, freeze_batch_norm=True, quant_noise=False
)
MEASUREMENT = Phase(update_ranges=False, average_batch_norm=False, quant_noise=False)
EVALUATION = Phase(freeze_batch_norm=True, update_ranges=False)
FLOAT = dataclasses.replace(EVALUATION, quantize_activations=False, quantize_weights=False)
EXPORT = dataclasses.replace(EVALUATION, rounding="container")
