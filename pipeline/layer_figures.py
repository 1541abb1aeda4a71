"""What is known of each layer after quantization-aware training: plain numbers, no TensorFlow.

Measured by qat/layer_report.py, judged by layer_warnings.py, kept as JSON in the run directory.
"""

import dataclasses
import statistics
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class RangeFigures:
    """The grid of a layer's output, and what the measured examples make of it.

    Attributes:
      learner: Who learned the range; None where it is the layer input's, or fixed.
      updated: Whether the learner has ever seen a batch; True without a learner.
      minimum, maximum, scale: The grid; real numbers.
      zero_point: Code of 0.0, as the flatbuffer has it.
      num_codes: Codes of the grid, 2**bits.
      num_used: Codes that occur.
      num_values: Values measured.
      num_saturated: Values, activated but not rounded yet, whose code lies outside of the grid.
    """

    learner: str | None
    updated: bool
    minimum: float
    maximum: float
    scale: float
    zero_point: int
    num_codes: int
    num_used: int
    num_values: int
    num_saturated: int

    @property
    def bits(self) -> int:
        """Bits of a code."""
        return (self.num_codes - 1).bit_length()

    @property
    def used_share(self) -> float:
        """Share of the codes that occur."""
        return self.num_used / self.num_codes

    @property
    def saturation(self) -> float:
        """Share of the values that saturate."""
        return self.num_saturated / self.num_values


@dataclasses.dataclass(frozen=True)
class NoiseFigures:
    """Signal-to-quantization-noise ratios of a layer's output, in dB; the signal is the float one.

    Each is None where there is no noise, no signal, or nothing to compare with.

    Attributes:
      layer: Against the same layer unrounded (weights, bias and output), on the same input: what
        this layer's own rounding costs.
      network: Against the same network unrounded: what all rounding up to here costs.
      float_model: Against the layer of the float model: rounding, and what training has changed.
    """

    layer: float | None
    network: float | None
    float_model: float | None


@dataclasses.dataclass(frozen=True)
class WeightFigures:
    """The folded weights of a layer, as the integer kernel gets them.

    Attributes:
      bits: Bits of a code.
      per_channel: Whether each output channel has a scale of its own.
      smallest_scale, largest_scale: Of the channels; equal where there is one for all.
      weights_per_channel: Number of weights of one output channel.
      codes_used: How many different codes each output channel's weights have.
    """

    bits: int
    per_channel: bool
    smallest_scale: float
    largest_scale: float
    weights_per_channel: int
    codes_used: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class BatchNormFigures:
    """How far a folded batch normalization's moving statistics are from the measured examples'.

    Attributes:
      drift: Of each output channel: the 2-Wasserstein distance between the normal distributions
        with the measured and with the moving mean and variance, in moving standard deviations;
        None where gamma is 0, so that the statistics do not matter.
    """

    drift: tuple[float | None, ...]

    @property
    def median(self) -> float | None:
        """Median over the channels that have one."""
        known = [value for value in self.drift if value is not None]
        return statistics.median(known) if known else None


@dataclasses.dataclass(frozen=True)
class LayerFigures:
    """One quantized layer.

    Attributes:
      layer: Its name.
      kind: The Keras class that it stands for, in the words of pipeline.qat.layers.
      output: The grid of its output; None where another layer quantizes it.
      noise: Its signal-to-quantization-noise ratios.
      num_channels: Size of its output's last axis.
      dead_channels: Those whose output is the same for every example and position.
      rounded_to_death: Those of them that are not dead in float, on the same input.
      weights: None where it has none.
      batch_norm: None where none is folded into it.
    """

    layer: str
    kind: str
    output: RangeFigures | None
    noise: NoiseFigures
    num_channels: int
    dead_channels: tuple[int, ...]
    rounded_to_death: tuple[int, ...]
    weights: WeightFigures | None
    batch_norm: BatchNormFigures | None


def from_json(fields: Mapping[str, Any]) -> LayerFigures:
    """Returns what dataclasses.asdict made of LayerFigures, after a trip through JSON.

    Raises:
      KeyError, TypeError: A field is missing, or is none of LayerFigures.
    """
    given: dict[str, Any] = {
        **fields,
        "output": _part(RangeFigures, fields["output"]),
        "noise": NoiseFigures(**fields["noise"]),
        "weights": _part(WeightFigures, fields["weights"], "codes_used"),
        "batch_norm": _part(BatchNormFigures, fields["batch_norm"], "drift"),
        "dead_channels": tuple(fields["dead_channels"]),
        "rounded_to_death": tuple(fields["rounded_to_death"]),
    }
    return LayerFigures(**given)


def _part(kind: type[Any], fields: Mapping[str, Any] | None, *tuples: str) -> Any:
    if fields is None:
        return None
    return kind(**{**fields, **{name: tuple(fields[name]) for name in tuples}})
