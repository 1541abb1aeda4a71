"""What all quantization-aware layers share: a phase, and a quantized output."""

import dataclasses
from collections.abc import Mapping

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import container, fake_quant
from pipeline.qat.ema_range import EmaRange
from pipeline.qat.phase import Phase
from pipeline.quant_params import Storage


@dataclasses.dataclass(frozen=True)
class ActivationSpec:
    """How a layer's output is activated and quantized.

    Attributes:
      activation: One of fake_quant.ACTIVATIONS.
      quantize: False where the integer graph has no range of its own here, as before a
        concatenation, which gives all its inputs one range.
      num_bits: Bits of a code.
      ema_decay: Smoothing of the range's moving average.
      storage: Type of the codes; fewer bits than it has use its upper end.
    """

    activation: str = "linear"
    quantize: bool = True
    num_bits: int = 8
    ema_decay: float = 0.99
    storage: Storage = "int8"


class QuantizedLayer(tf_keras.layers.Layer):
    """A layer whose output lies on an integer grid.

    Called as layer(x, input_grid), where input_grid is float32[3] (see fake_quant.py) or absent
    where x is not quantized; returns (y, output_grid), or y alone where the output is not
    quantized. Grids travel beside the values, so that a layer can round its bias and its result as
    the integer kernel will.
    """

    def __init__(
        self,
        output: Mapping | ActivationSpec,
        phase: Mapping | Phase | None = None,
        absorbed: tuple[str, ...] | list[str] = (),
        **kwargs,
    ):
        """Makes the layer.

        Args:
          output: The output's ActivationSpec, or its fields.
          phase: A Phase, or its fields; the default phase if None.
          absorbed: Names of the Keras layers fused into this one.
          **kwargs: Of tf_keras.layers.Layer.
        """
        super().__init__(**kwargs)
        self.output_spec = (
            output if isinstance(output, ActivationSpec) else ActivationSpec(**output)
        )
        self.phase = phase if isinstance(phase, Phase) else Phase(**(phase or {}))
        self.absorbed = tuple(absorbed)
        spec = self.output_spec
        self.output_range = (
            EmaRange(spec.ema_decay, spec.activation, spec.num_bits, name="output_range")
            if spec.quantize
            else None
        )

    def build(self, input_shape) -> None:
        if self.output_range is not None:
            with tf.name_scope(self.output_range.name):
                self.output_range.build(None)
        super().build(input_shape)

    def finish(
        self,
        x: tf.Tensor,
        training: bool,
        multiplier: tf.Tensor | None = None,
        right_shift: tf.Tensor | None = None,
    ):
        """Activates the layer's result and quantizes it to the learned range.

        Args:
          x: float32, any shape; the result before its activation function.
          training: Whether this is a training call.
          multiplier: Scale of the kernel's accumulator, scalar or per channel, where the kernel
            requantizes by a multiplier and a shift.
          right_shift: That shift, where the kernel derives it in another way.

        Returns:
          (y, grid), or y where the output is not quantized.
        """
        activation = self.output_spec.activation
        if self.output_range is None:
            return fake_quant.activate(x, activation)
        if training and self.phase.update_ranges:
            self.output_range.update(x)
        grid = self.output_range.grid()
        if training and self.phase.quantize_activations:
            num_bits = self.output_spec.num_bits
            return fake_quant.fake_quant_activation(x, grid, activation, num_bits), grid
        if multiplier is not None and self.output_spec.storage == "int16":
            if self.phase.rounding == "reference":
                x = x * fake_quant.int16_multiplier_ratio(multiplier / grid[2])
        elif multiplier is not None:
            right_shift = fake_quant.right_shift(multiplier / grid[2])
        return self.requantize(
            fake_quant.activate(x, activation), grid, training, right_shift
        ), grid

    def requantize(
        self,
        x: tf.Tensor,
        grid: tf.Tensor,
        training: bool,
        right_shift: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns activated values `x` (float32, any shape) on a given grid, as the phase says."""
        if not self.phase.quantize_activations:
            return x
        if training or self.phase.rounding == "single":
            return fake_quant.fake_quant_on_grid(x, grid)
        if self.phase.rounding == "container":
            return container.activation(x, grid, self.output_spec.storage)
        return fake_quant.fake_quant_reference(x, grid, right_shift)

    def get_config(self) -> dict:
        """Returns what from_config needs, phase included."""
        return {
            **super().get_config(),
            "output": dataclasses.asdict(self.output_spec),
            "phase": dataclasses.asdict(self.phase),
            "absorbed": list(self.absorbed),
        }
