"""Which layer's rounding harms the network's answers most?

A quantization-aware network answers the same pictures in states that differ in which layers round:
none (float, the reference), all, one alone, all but one. A layer rounds its weights, its bias and
its output, each once, as in training. What one alone harms shows where quantization hurts; what all
but one harm shows what leaving that layer in float, or giving it more bits, can gain.

Answers are logits: of a network that ends in a softmax, what goes into that.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
import scipy.special

from pipeline import noise, qat
from pipeline.errors import ModelError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers import KeptGrid, QuantizedSoftmax

Mode = Literal["one", "all_but_one"]
Job = tuple[Mode, qat.QuantizedLayer]

_ROUNDED = dataclasses.replace(qat.EVALUATION, rounding="single")
_REFERENCE_RUNS = 2  # Float, and all layers rounded.


@dataclasses.dataclass(frozen=True)
class Harm:
    """How far the answers of a network are from those of the same network in float.

    Attributes:
      logits_db: Signal-to-noise ratio of the logits; None without signal or noise.
      mean_kl: Kullback-Leibler divergence of the probabilities from float's, in nats; the mean over
        the pictures.
      num_flipped: Pictures put into another class than by float.
      num_correct: Pictures put into their own class.
    """

    logits_db: float | None
    mean_kl: float
    num_flipped: int
    num_correct: int


@dataclasses.dataclass(frozen=True)
class LayerSensitivity:
    """One layer.

    Attributes:
      layer: Its Keras name.
      one: Harm where it alone rounds; None where that was not measured.
      all_but_one: Harm where all layers but it round; likewise.
    """

    layer: str
    one: Harm | None
    all_but_one: Harm | None


@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """A network and its layers.

    Attributes:
      num_images: Pictures measured on.
      float_correct: Pictures that the network in float puts into their own class.
      quantized: Harm where all layers round.
      layers: The most sensitive first: the one that alone harms most, or where that was not
        measured, the one without which the others harm least.
    """

    num_images: int
    float_correct: int
    quantized: Harm
    layers: tuple[LayerSensitivity, ...]


def num_runs(qat_model: tf_keras.Model, modes: Sequence[Mode]) -> int:
    """Returns how often `measure` has the network answer all pictures."""
    return _REFERENCE_RUNS + len(modes) * len(_rounding_layers(_without_softmax(qat_model)))


def measure(
    qat_model: tf_keras.Model,
    batches: Sequence[tf.Tensor],
    labels: np.ndarray,
    modes: Sequence[Mode],
    progress: Callable[[Iterable[Job], int], Iterable[Job]] = lambda jobs, _: jobs,
) -> Sensitivity:
    """Runs the network once for each mode of each layer, and twice more.

    Args:
      qat_model: A classifier, from `qat.load`; left as it is.
      batches: float32 pictures as the model takes them.
      labels: int[N], their classes.
      modes: What to measure of each layer, at least one.
      progress: Wraps the sequence of runs, whose length it is told, to show how far it is.

    Raises:
      ModelError: The model does not answer with one number for each class.
    """
    network = _without_softmax(qat_model)
    layers, rounding = qat.quantized_layers(network), _rounding_layers(network)

    def logits(rounded: Sequence[qat.QuantizedLayer]) -> np.ndarray:
        with qat.in_phase(layers, qat.FLOAT), qat.in_phase(rounded, _ROUNDED):
            return np.concatenate([_logits(network, batch) for batch in batches])

    reference = logits([])
    quantized = _harm(reference, logits(layers), labels)
    found: dict[str, dict[Mode, Harm]] = {layer.name: {} for layer in rounding}
    jobs: list[Job] = [(mode, layer) for mode in modes for layer in rounding]
    for mode, layer in progress(jobs, len(jobs)):
        rounded = [layer] if mode == "one" else [it for it in layers if it is not layer]
        found[layer.name][mode] = _harm(reference, logits(rounded), labels)
    results = (
        LayerSensitivity(name, harms.get("one"), harms.get("all_but_one"))
        for name, harms in found.items()
    )
    return Sensitivity(
        num_images=len(labels),
        float_correct=_num_correct(reference, labels),
        quantized=quantized,
        layers=tuple(sorted(results, key=_most_sensitive_first)),
    )


def _without_softmax(model: tf_keras.Model) -> tf_keras.Model:
    """Returns the network up to its logits, layers shared with `model`."""
    last = model.layers[-1]
    if not isinstance(last, QuantizedSoftmax):
        return model
    (node,) = last.inbound_nodes
    return tf_keras.Model(model.inputs, node.call_args[0])


def _rounding_layers(network: tf_keras.Model) -> list[qat.QuantizedLayer]:
    return [it for it in qat.quantized_layers(network) if not isinstance(it, KeptGrid)]


def _logits(network: tf_keras.Model, batch: tf.Tensor) -> np.ndarray:
    # Eagerly: a state's few batches take less time than tracing it.
    answer: Any = network(batch, training=False)
    if not isinstance(answer, tf.Tensor) or answer.shape.rank != 2:
        raise ModelError(
            f"model {network.name!r}: needed one output [pictures, classes] to measure sensitivity "
            f"by, got {tf.nest.map_structure(lambda it: it.shape, answer)}"
        )
    return answer.numpy().astype(np.float64)


def _harm(reference: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> Harm:
    expected, found = (scipy.special.log_softmax(it, axis=-1) for it in (reference, logits))
    return Harm(
        logits_db=noise.decibel(reference, logits - reference),
        mean_kl=float((np.exp(expected) * (expected - found)).sum(-1).mean()),
        num_flipped=int(np.count_nonzero(logits.argmax(-1) != reference.argmax(-1))),
        num_correct=_num_correct(logits, labels),
    )


def _num_correct(logits: np.ndarray, labels: np.ndarray) -> int:
    return int(np.count_nonzero(logits.argmax(-1) == labels))


def _most_sensitive_first(it: LayerSensitivity) -> float:
    if it.one is not None:
        return -it.one.mean_kl
    return 0.0 if it.all_but_one is None else it.all_but_one.mean_kl
