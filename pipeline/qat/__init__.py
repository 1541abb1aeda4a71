"""Quantization-aware training: tfmot's annotations, our folding, ranges and rounding.

annotated = qat.annotate_model(float_model)  # tfmot's quantize_annotate_model
model = qat.apply(annotated, SCHEMES["int8_per_channel"], input_spec.params)
qat.calibrate(model, batches)
... train ...
qat.set_phase(model, dataclasses.replace(phase, freeze_batch_norm=True))
"""

from pipeline.qat.annotation import annotate_layer, annotate_model
from pipeline.qat.apply import apply
from pipeline.qat.control import calibrate, load, quantized_layers, ranges, set_phase
from pipeline.qat.layers import FoldedLayer, QuantizedLayer
from pipeline.qat.phase import CALIBRATION, EXPORT, Phase

__all__ = [
    "CALIBRATION",
    "EXPORT",
    "FoldedLayer",
    "Phase",
    "QuantizedLayer",
    "annotate_layer",
    "annotate_model",
    "apply",
    "calibrate",
    "load",
    "quantized_layers",
    "ranges",
    "set_phase",
]
