"""What all quantization-aware layers share: a phase, and a quantized output."""

import dataclasses
from collections.abc import Callable, Mapping

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import activation_names, container, fake_quant
from pipeline.qat.phase import Phase
from pipeline.qat.ranges import learner_for_activation
from pipeline.quant_params import QUANTIZED_LIMITS, Storage


@dataclasses.dataclass(frozen=True)
class ActivationSpec:
    """How a layer's output is activated and quantized.

    Attributes:
      activation: "linear", or a ReLU's name in activation_names.py.
      quantize: False where the integer graph has no range of its own here, as before a
        concatenation, which gives all its inputs one range.
      num_bits: Bits of a code.
      ema_decay: Smoothing of the range's moving average.
      learner: One of ranges.LEARNERS.
      storage: Type of the codes; fewer bits than it has use its upper end.
    """

    activation: str = "linear"
    quantize: bool = True
    num_bits: int = 8
    ema_decay: float = 0.99
    learner: str = "ema"
    storage: Storage = "int8"


class QuantizedLayer(tf_keras.layers.Layer):
    """A layer whose output lies on an integer grid.

    Called as layer(x, input_grid), where input_grid is float32[3] (see fake_quant.py) or absent
    where x is not quantized; returns (y, output_grid), or y alone where the output is not
    quantized. Grids travel beside the values, so that a layer can round its bias and its result as
    the integer kernel will. A layer of several inputs is called with a list of them, and with a
    list `input_grids` where it asks for them and all are quantized.
    """

    takes_input_grids = False
    fuses_relu = True  # Whether the converter makes one op of the layer and a ReLU.

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
            learner_for_activation(
                spec.learner, spec.ema_decay, spec.activation, spec.num_bits, "output_range"
            )
            if spec.quantize
            else None
        )

    def _should_use_autograph(self) -> bool:
        """Says no to Keras, which else translates every layer's source, at ten times the cost.

        No layer here decides anything by the value of a tensor.
        """
        return False

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
        learn = training and self.phase.update_ranges
        if learn:
            self.output_range.update(x, self.phase.quantize_activations)
        grid = tf.stop_gradient(self.output_range.grid())
        if training and self.phase.quantize_activations:
            if learn and (penalty := self.output_range.penalty()) is not None:
                self.add_loss(penalty)
            return self.output_range.fake_quant(x, grid, learn), grid
        if not self.phase.quantize_activations:
            return fake_quant.activate(x, activation), grid
        is_int16 = self.output_spec.storage == "int16"
        if multiplier is not None and is_int16:
            if self.phase.rounding == "reference":
                x = x * fake_quant.int16_multiplier_ratio(multiplier / grid[2])
        elif multiplier is not None:
            right_shift = fake_quant.right_shift(multiplier / grid[2])
        # The range ends no later than the activation. Integer ops fuse no ceiling but 6, and not
        # all of them that one; what is spelled out the converter leaves in float. Where the range
        # starts at 0, it is the ReLU too; of int16 it does not.
        if activation_names.is_relu(activation):
            activation = "relu" if self.fuses_relu or is_int16 else "linear"
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

    def average_codes(
        self,
        average: Callable[[tf.Tensor], tf.Tensor],
        x: tf.Tensor,
        grid: tf.Tensor,
        training: bool,
    ) -> tf.Tensor:
        """Returns averages of values `x` on their own grid.

        The kernels average codes, zero point included, and round ties away from code 0.

        Args:
          average: The float function, linear, of constants the constant.
          x: float32, on the grid.
          grid: float32[3].
          training: Whether this is a training call.
        """
        if training or self.phase.rounding != "reference" or not self.phase.quantize_activations:
            return self.requantize(average(x), grid, training)
        highest = QUANTIZED_LIMITS[self.output_spec.storage][1]
        origin = grid[1] - float(highest) * grid[2]
        mean = average(tf.round((x - origin) / grid[2]))
        code = tf.sign(mean) * tf.floor(tf.abs(mean) + 0.5)
        return code * grid[2] + origin

    def get_config(self) -> dict:
        """Returns what from_config needs, phase included."""
        return {
            **super().get_config(),
            "output": dataclasses.asdict(self.output_spec),
            "phase": dataclasses.asdict(self.phase),
            "absorbed": list(self.absorbed),
        }
