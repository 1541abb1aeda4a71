"""Quantization-aware training: tfmot's annotations, our folding, ranges and rounding.

annotated = qat.annotate_model(float_model)
model = qat.apply(annotated, SCHEMES["int8_per_channel"], input_spec.params)
qat.calibrate(model, batches)
... train ...
qat.measure_batch_norm(model, batches)
qat.set_phase(model, dataclasses.replace(phase, freeze_batch_norm=True))
"""

from pipeline.qat.annotate_model import annotate_model
from pipeline.qat.annotation import annotate_layer
from pipeline.qat.apply import apply
from pipeline.qat.control import (
    calibrate,
    in_phase,
    load,
    measure_batch_norm,
    quantized_layers,
    ranges,
    set_phase,
)
from pipeline.qat.layer_spec import LayerSpec
from pipeline.qat.layers import FoldedLayer, QuantizedLayer
from pipeline.qat.phase import CALIBRATION, EVALUATION, EXPORT, FLOAT, Phase
from pipeline.qat.ranges import LEARNERS, WEIGHT_LEARNERS

__all__ = [
    "CALIBRATION",
    "EVALUATION",
    "EXPORT",
    "FLOAT",
    "LEARNERS",
    "WEIGHT_LEARNERS",
    "FoldedLayer",
    "LayerSpec",
    "Phase",
    "QuantizedLayer",
    "annotate_layer",
    "annotate_model",
    "apply",
    "calibrate",
    "in_phase",
    "load",
    "measure_batch_norm",
    "quantized_layers",
    "ranges",
    "set_phase",
]
