"""What the figures of a layer warn of: the layer, what is wrong with it, and what to do.

Thresholds stand beside the check that uses them. Recipes name single layers ({"layers": NAME, ...},
see qat/recipe.py), flags of tools.train hold for all.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Literal

from pipeline.layer_figures import BatchNormFigures, LayerFigures, RangeFigures, WeightFigures

Kind = Literal[
    "range never updated",
    "codes unused",
    "saturation",
    "dead channels",
    "few weight codes",
    "batch-norm drift",
]

_MAX_UNUSED = 0.3  # Share of the codes.
_MAX_BITS = 8  # Codes of 16 bits are symmetric, whatever the values are, and abundant.
_MIN_VALUES_PER_CODE = 64  # With fewer, a code may be missing by chance.
# Share of the values, of 8-bit codes: a range between the average extremes of batches of 100 values
# leaves 1.2 % outside.
_MAX_SATURATION = 0.02
# And for each bit less, by this factor more: the range with the least squared error cuts off 0.01 %
# of normally distributed values at 8 bits, 1.2 % at 4 and 13 % at 2.
_MORE_SATURATION_PER_BIT = 1.4
_FEW_CODES = 4
_MIN_WEIGHTS = 8  # A channel of fewer weights may need no more codes.
_MAX_DRIFT = 0.5  # Moving standard deviations, of the median channel.
_NUM_SHOWN = 8  # Channels that a message names.


@dataclasses.dataclass(frozen=True)
class LayerWarning:
    """Something a user should know of one layer.

    Attributes:
      layer: Its name.
      kind: What is the matter, in two or three words.
      message: What was measured.
      remedy: What to do.
    """

    layer: str
    kind: Kind
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.message}; {self.remedy}"


def check(layers: Iterable[LayerFigures]) -> tuple[LayerWarning, ...]:
    """Returns what the layers' figures warn of, layer by layer."""
    return tuple(warning for layer in layers for warning in _check_layer(layer))


def _check_layer(layer: LayerFigures) -> Iterator[LayerWarning]:
    output = layer.output
    if output is not None and not output.updated:
        # Everything else that one could say of its output follows from this.
        yield LayerWarning(
            layer.layer,
            "range never updated",
            f"the range of its output was never updated and is [{output.minimum:.3g}, "
            f"{output.maximum:.3g}]",
            "show the model data before QAT (--calibration_batches, qat.calibrate), and do not "
            "freeze ranges from the first step on (--freeze_ranges_step)",
        )
    else:
        if output is not None and output.learner is not None:
            yield from _check_codes(layer.layer, output)
            yield from _check_saturation(layer.layer, output)
        if layer.weights is not None:  # Others repeat what a layer before them makes.
            yield from _check_dead(layer, layer.weights)
    if layer.weights is not None:
        yield from _check_weights(layer.layer, layer.weights)
    if layer.batch_norm is not None:
        yield from _check_batch_norm(layer.layer, layer.batch_norm)


def _check_codes(layer: str, output: RangeFigures) -> Iterator[LayerWarning]:
    unused = 1.0 - output.used_share
    if (
        output.bits > _MAX_BITS
        or unused <= _MAX_UNUSED
        or output.num_values < _MIN_VALUES_PER_CODE * output.num_codes
    ):
        return
    other = "lsq" if output.learner in ("percentile", "lsq_plus") else "percentile"
    yield LayerWarning(
        layer,
        "codes unused",
        f"{unused:.0%} of its {output.num_codes} codes never occur: its range, "
        f"[{output.minimum:.3g}, {output.maximum:.3g}], is wider than its values",
        f"let another learner than {output.learner} cut off outliers, as {other} does "
        f'(--range_learner={other}, or "learner" in a recipe), or let the range forget faster '
        "(a lower --ema_decay, a longer QAT)",
    )


def _check_saturation(layer: str, output: RangeFigures) -> Iterator[LayerWarning]:
    allowed = _MAX_SATURATION * _MORE_SATURATION_PER_BIT ** max(8 - output.bits, 0)
    if output.saturation <= allowed:
        return
    yield LayerWarning(
        layer,
        "saturation",
        f"{output.saturation:.1%} of its values lie outside of its range, "
        f"[{output.minimum:.3g}, {output.maximum:.3g}], and saturate",
        "let the range follow the data: more --calibration_batches, a later "
        '--freeze_ranges_step, --range_learner=ema (or "learner" in a recipe)',
    )


def _check_dead(layer: LayerFigures, weights: WeightFigures) -> Iterator[LayerWarning]:
    alive_in_float = len(layer.rounded_to_death)
    if alive_in_float:
        yield LayerWarning(
            layer.layer,
            "dead channels",
            f"{_channels(layer.rounded_to_death, layer.num_channels)} constant, and not so in "
            "float: rounding leaves nothing of them",
            _finer(weights) + ', or give its output more bits ("activation_bits")',
        )
    others = tuple(it for it in layer.dead_channels if it not in layer.rounded_to_death)
    if others:
        yield LayerWarning(
            layer.layer,
            "dead channels",
            f"{_channels(others, layer.num_channels)} constant, in float too",
            "they cost time and tell nothing: make the layer narrower, or train the float model "
            "with a lower --float_learning_rate, so that its ReLUs stay alive",
        )


def _check_weights(layer: str, weights: WeightFigures) -> Iterator[LayerWarning]:
    needed = min(_FEW_CODES, 2**weights.bits - 2)  # Of 2 bits there are 3.
    poor = tuple(index for index, used in enumerate(weights.codes_used) if used < needed)
    if not poor or weights.weights_per_channel < _MIN_WEIGHTS:
        return
    yield LayerWarning(
        layer,
        "few weight codes",
        f"the weights of {_channels(poor, len(weights.codes_used))} left with fewer than {needed} "
        f"different codes of {weights.bits} bits",
        _finer(weights),
    )


def _check_batch_norm(layer: str, batch_norm: BatchNormFigures) -> Iterator[LayerWarning]:
    median = batch_norm.median
    if median is None or median <= _MAX_DRIFT:
        return
    yield LayerWarning(
        layer,
        "batch-norm drift",
        f"the moving statistics of its batch normalization are {median:.2g} standard deviations "
        "away from the held-out data's (median of its channels)",
        "let them follow the quantized network for longer (no --freeze_bn_step, more "
        "--qat_epochs, a lower momentum), and train on data prepared as the held-out data is",
    )


def _finer(weights: WeightFigures) -> str:
    """What gives weights more codes."""
    if not weights.per_channel:
        return (
            "give each channel a scale of its own (--scheme=int8_per_channel, or "
            '"weight_granularity": "per_channel" in a recipe)'
        )
    if weights.bits < 8:
        return f'give its weights more bits than {weights.bits} ("weight_bits" in a recipe)'
    return (
        "one weight, or the bias, dwarfs the others of such a channel: add weight decay, or remove "
        "the channel"
    )


def _channels(indices: tuple[int, ...], total: int) -> str:
    shown = ", ".join(map(str, indices[:_NUM_SHOWN]))
    more = f" and {len(indices) - _NUM_SHOWN} more" if len(indices) > _NUM_SHOWN else ""
    return f"{len(indices)} of {total} channels ({shown}{more}) are"
