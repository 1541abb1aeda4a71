"""Settings of a float layer that training under quantization does not have, and a word of each."""

from absl import logging

from pipeline.qat.keras_graph import Graph

# Kernels' regularizers are taken along. The others would act on what folding does away with: a
# convolution's output before batch normalization, a norm over axes that an integer op has not.
_SETTINGS = (
    "activity_regularizer",
    "bias_regularizer",
    "beta_regularizer",
    "gamma_regularizer",
    "kernel_constraint",
    "depthwise_constraint",
    "pointwise_constraint",
    "bias_constraint",
    "beta_constraint",
    "gamma_constraint",
    "alpha_constraint",
)


def warn(graph: Graph) -> None:
    """Logs a warning for each annotated layer that loses settings; names both."""
    for layer in {id(call.layer): call.layer for call in graph.calls if call.is_annotated}.values():
        lost = [name for name in _SETTINGS if getattr(layer, name, None) is not None]
        if lost:
            logging.warning(
                "layer %r: quantization-aware training goes on without its %s; what it did to the "
                "float weights stays, but if QAT depends on it, lower --qat_learning_rate",
                layer.name,
                ", ".join(lost),
            )
