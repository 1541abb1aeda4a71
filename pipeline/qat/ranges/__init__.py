"""Who decides the range of a tensor: one learner a file, behind RangeLearner and WeightRange."""

from pipeline.qat import activation_names
from pipeline.qat.ranges.base import RangeLearner
from pipeline.qat.ranges.ema import EmaRange
from pipeline.qat.ranges.lsq import LsqRange
from pipeline.qat.ranges.lsq_plus import LsqPlusRange
from pipeline.qat.ranges.lsq_weights import LsqWeightRange
from pipeline.qat.ranges.pact import PactRange
from pipeline.qat.ranges.percentile import PercentileRange
from pipeline.qat.ranges.weights import WeightRange

# name: (learner behind a ReLU, learner of every other output). An offset has nothing to
# learn where the range starts at 0; PACT is a parameter of the ReLU, so without one it is EMA.
_ACTIVATIONS: dict[str, tuple[type[RangeLearner], type[RangeLearner]]] = {
    "ema": (EmaRange, EmaRange),
    "percentile": (PercentileRange, PercentileRange),
    "lsq": (LsqRange, LsqRange),
    "lsq_plus": (LsqRange, LsqPlusRange),
    "pact": (PactRange, EmaRange),
}
_WEIGHTS: dict[str, type[WeightRange]] = {"max": WeightRange, "lsq": LsqWeightRange}

LEARNERS = tuple(_ACTIVATIONS)
WEIGHT_LEARNERS = tuple(_WEIGHTS)


def learner_for_activation(
    learner: str, decay: float, activation: str, num_bits: int, name: str
) -> RangeLearner:
    """Returns the learner of an output's range.

    Args:
      learner: One of LEARNERS.
      decay: Smoothing of what is averaged over batches.
      activation: "linear", or a ReLU's name in activation_names.py.
      num_bits: Bits of a code.
      name: Of the layer that is returned.

    Raises:
      ValueError: There is no such learner.
    """
    if learner not in _ACTIVATIONS:
        raise ValueError(f"needed a range learner of {', '.join(LEARNERS)}, got {learner!r}")
    behind_relu, other = _ACTIVATIONS[learner]
    kind = behind_relu if activation_names.is_relu(activation) else other
    return kind(decay, activation, num_bits, name=name)


def learner_for_weights(learner: str, num_bits: int, per_channel: bool, name: str) -> WeightRange:
    """Returns the learner of a weight range.

    Args:
      learner: One of WEIGHT_LEARNERS.
      num_bits: Bits of a code.
      per_channel: One range per output channel, else one for all.
      name: Of the layer that is returned.

    Raises:
      ValueError: There is no such learner.
    """
    if learner not in _WEIGHTS:
        raise ValueError(
            f"needed a weight learner of {', '.join(WEIGHT_LEARNERS)}, got {learner!r}"
        )
    return _WEIGHTS[learner](num_bits, per_channel, name=name)


__all__ = [
    "LEARNERS",
    "WEIGHT_LEARNERS",
    "EmaRange",
    "LsqPlusRange",
    "LsqRange",
    "LsqWeightRange",
    "PactRange",
    "PercentileRange",
    "RangeLearner",
    "WeightRange",
    "learner_for_activation",
    "learner_for_weights",
]
