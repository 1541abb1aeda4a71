"""The road of a small model: annotated, applied, calibrated, converted, certified, compared."""

import dataclasses

import numpy as np

from pipeline import certificate, convert, fidelity, flatbuffer, qat, verify
from pipeline.graph import Graph
from pipeline.legacy_keras import tf, tf_keras
from pipeline.quant_params import SCHEMES, QuantParams

INPUT = QuantParams((1 / 128,), (0,))


@dataclasses.dataclass(frozen=True)
class Road:
    """What a model became.

    Attributes:
      twin: The quantization-aware model.
      graph: The flatbuffer.
      codes: Inputs, int8[N, ...] each.
      float_outputs, twin_outputs: Of the float and of the quantization-aware model.
    """

    twin: tf_keras.Model
    graph: Graph
    codes: list[np.ndarray]
    float_outputs: list[np.ndarray]
    twin_outputs: list[np.ndarray]

    @property
    def ops(self) -> list[str]:
        return [op.op for op in self.graph.main.operators]

    @property
    def largest_error(self) -> float:
        """Of the quantization-aware model, in parts of the largest float output."""
        return max(
            float(np.abs(ours - theirs).max() / np.abs(theirs).max())
            for ours, theirs in zip(self.twin_outputs, self.float_outputs, strict=True)
        )


def travel(model: tf_keras.Model, scheme="int8_per_channel", count=4, input_params=INPUT) -> Road:
    """Asserts that the model ends integer-only, exact and faithful in every layer."""
    rng = np.random.default_rng(7)
    codes = [
        rng.integers(-128, 128, (count, *tensor.shape[1:])).astype(np.int8)
        for tensor in model.inputs
    ]
    reals = [tf.constant(input_params.dequantize(stack), tf.float32) for stack in codes]
    batch = reals if len(reals) > 1 else reals[0]
    twin = qat.apply(qat.annotate_model(model), SCHEMES[scheme], input_params)
    qat.calibrate(twin, [batch])
    converted = convert.convert(twin)
    graph = flatbuffer.read(converted)
    certified = certificate.certify(graph)
    assert certified.passes, certified.failures
    verification = verify.compare(converted, *(stack[:, np.newaxis] for stack in codes))
    assert verification.is_exact, verification.reason
    result = fidelity.compare(converted, twin, *codes)
    assert result.holds(), (result.unmatched, [it for it in result.layers if it.reason])
    return Road(
        twin=twin,
        graph=graph,
        codes=codes,
        float_outputs=[out.numpy() for out in tf.nest.flatten(model(batch))],
        twin_outputs=[out.numpy() for out in tf.nest.flatten(twin(batch))],
    )
