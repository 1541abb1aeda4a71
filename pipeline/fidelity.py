"""Does the integer model compute what the fake-quantized model was trained to compute?

Layer by layer: each quantization-aware layer is fed with the integer model's own input, so that
every layer answers for itself and nothing is passed on. The layer's result is compared in codes,
twice: rounded as TFLite's reference kernels round (twice: high multiply, then shift), which is how
the model evaluates, and rounded once, which is how it trained. What differs only in the second is
due to the kernel's double rounding alone. Layers that leave rounding to another one (before a
concatenation, whose inputs share its range) are not compared by themselves.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline import flatbuffer, layer_ops, qat
from pipeline.graph import Operator, Subgraph, Tensor
from pipeline.legacy_keras import tf, tf_keras


@dataclasses.dataclass(frozen=True)
class LayerMatch:
    """How one layer compares with the op it became, over all examples.

    Attributes:
      layer: Keras layer.
      op_index, op: The op.
      dtype: Type of its output.
      num_elements: Elements compared.
      num_equal: Equal codes with the reference kernels' rounding.
      max_abs_difference: In codes, likewise.
      num_equal_rounded_once: Equal codes with single rounding, as in training.
    """

    layer: str
    op_index: int
    op: str
    dtype: str
    num_elements: int
    num_equal: int
    max_abs_difference: int
    num_equal_rounded_once: int

    @property
    def equal_share(self) -> float:
        """Share of equal codes."""
        return self.num_equal / self.num_elements

    @property
    def reason(self) -> str:
        """Why codes differ, or ""."""
        if self.num_equal == self.num_elements:
            return ""
        if self.max_abs_difference > 1:
            return "parameters: more than rounding; compare scales, zero points and folding"
        return "rounding: float32 sums next to a tie"


@dataclasses.dataclass(frozen=True)
class Fidelity:
    """How the fake-quantized and the integer model compare.

    Attributes:
      layers: In order of execution.
      num_examples: Pictures compared.
      argmax_agreement: Share of pictures with the same largest output, end to end; of the first
        output, where there are several.
      outputs_within_one: Share of its outputs at most 1 code apart, end to end.
      unmatched: Keras layers of the model that no op's name leads back to.
    """

    layers: tuple[LayerMatch, ...]
    num_examples: int
    argmax_agreement: float
    outputs_within_one: float
    unmatched: tuple[str, ...]

    @property
    def first_divergent(self) -> LayerMatch | None:
        """The first layer that differs, in order of execution."""
        return next((match for match in self.layers if match.reason), None)

    def holds(self, min_equal: float = 0.999) -> bool:
        """Whether every layer is equal in `min_equal` of its codes and never more than 1 off.

        One code may always be, or a layer of fewer than 1 / (1 - min_equal) codes would have to be
        equal in all. Codes of int16 need not be equal: they are as fine as what float32 and the
        tables of the int16 kernels leave of a sum or a function, so there 1 off is as good as can
        be told.
        """
        return not self.unmatched and all(
            match.max_abs_difference <= 1
            and (
                match.dtype == "int16"
                or match.equal_share >= min_equal
                or match.num_elements - match.num_equal <= 1
            )
            for match in self.layers
        )


def compare(model: bytes, qat_model: tf_keras.Model, *codes: np.ndarray) -> Fidelity:
    """Compares a converted model with the quantization-aware model it came from.

    Args:
      model: The flatbuffer.
      qat_model: From `qat.load`.
      *codes: Of each input of the model: int8[N, *shape of one example].

    Raises:
      ModelError: The flatbuffer was not converted from this model.
    """
    graph = flatbuffer.read(model).main
    pairs = layer_ops.pair(graph, qat_model)
    values = layer_ops.record(model, graph, codes)
    results: dict[str, list[np.ndarray]] = {}
    for rounding in ("reference", "single"):
        qat.set_phase(qat_model, dataclasses.replace(qat.EVALUATION, rounding=rounding))
        results[rounding] = [
            _codes(layer_ops.result(graph, op), layer_ops.call(graph, op, layer, values))
            for op, layer in pairs
        ]
    qat.set_phase(qat_model, qat.EVALUATION)
    matches = tuple(
        _match(op, layer.name, layer_ops.result(graph, op), values, twice, once)
        for (op, layer), twice, once in zip(pairs, *results.values(), strict=True)
    )
    argmax_agreement, outputs_within_one = _end_to_end(graph, qat_model, codes, values)
    seen = {layer.name for _, layer in pairs}
    unmatched = [
        layer.name
        for layer in qat.quantized_layers(qat_model)
        if layer.name not in seen and layer.output_range is not None
    ]
    return Fidelity(matches, len(codes[0]), argmax_agreement, outputs_within_one, tuple(unmatched))


def _match(
    op: Operator,
    layer: str,
    output: Tensor,
    values: Mapping[int, np.ndarray],
    twice: np.ndarray,
    once: np.ndarray,
) -> LayerMatch:
    expected = values[output.index]
    difference = np.abs(twice.reshape(expected.shape) - expected.astype(np.int64))
    return LayerMatch(
        layer=layer,
        op_index=op.index,
        op=op.op,
        dtype=output.dtype,
        num_elements=expected.size,
        num_equal=int(np.count_nonzero(difference == 0)),
        max_abs_difference=int(difference.max()),
        num_equal_rounded_once=int(np.count_nonzero(once.reshape(expected.shape) == expected)),
    )


def _end_to_end(
    graph: Subgraph,
    qat_model: tf_keras.Model,
    codes: Sequence[np.ndarray],
    values: dict[int, np.ndarray],
) -> tuple[float, float]:
    target = graph.tensors[graph.outputs[0]]
    outputs = tf.nest.flatten(qat_model(layer_ops.real_inputs(graph, codes)))
    ours = _codes(target, outputs[0].numpy())
    theirs = values[target.index].astype(np.int64)
    agreement = np.mean(ours.argmax(-1) == theirs.argmax(-1))
    return float(agreement), float(np.mean(np.abs(ours - theirs) <= 1))


def _codes(tensor: Tensor, reals: np.ndarray) -> np.ndarray:
    """Returns int64 codes of values that lie on the tensor's grid."""
    assert tensor.quantization is not None
    scale, zero_point = tensor.quantization.per_tensor
    return np.rint(reals / scale).astype(np.int64) + zero_point
