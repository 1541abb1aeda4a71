"""Plots show what they are given; without figures there is none."""

import numpy as np
import pytest

from pipeline.html_report import plots
from pipeline.html_report.evidence import Accuracy, Latency, LayerNoise, OpTimes
from pipeline.html_report.histograms import Histogram
from pipeline.range_proof import AccumulatorBound

_INT8 = Accuracy("m.tflite (litert)", True, False, 100, 0.9, 0.85, 0.95)
_KERAS = Accuracy("float", False, True, 100, 0.92, 0.87, 0.96)
_LATENCY = Latency("m.tflite", True, "phone", 1500.0, 1400.0, 1600.0)
_BOUND = AccumulatorBound(0, 3, "CONV_2D", "t", "conv", 1, 2**20, 2**31 - 1)


def _texts(plot) -> list[str]:
    assert plot is not None
    return ["".join(text.itertext()) for text in plot.iter("text")]


def test_nothing_of_nothing():
    assert plots.latency_against_accuracy([], [], "p") is None
    assert plots.noise_by_layer([], "p") is None
    assert plots.noise_by_op([], "p") is None
    assert plots.causes([], "p") is None
    assert plots.range_use([], "p") is None
    assert plots.saturation([], "p") is None
    assert plots.headroom([], [], "p") is None
    assert plots.op_times([], "p") is None
    assert plots.histograms(None, None, None, None, "p") is None


def test_latency_against_accuracy_needs_both_of_one_model():
    other = Latency("other.tflite", False, "phone", 9.0, 8.0, 10.0)
    assert plots.latency_against_accuracy([other], [_INT8], "p") is None
    assert plots.latency_against_accuracy([_LATENCY], [_KERAS], "p") is None
    shown = _texts(plots.latency_against_accuracy([other, _LATENCY], [_INT8, _KERAS], "p"))
    assert "m.tflite, phone" in shown
    assert "float (Keras)" in shown
    assert not any("other" in text for text in shown)


def test_layers_are_named_until_they_are_too_many():
    noise = [LayerNoise(f"layer{n}", n, 30.0 + n, None, None, {}, (), "") for n in range(41)]
    assert "layer40" not in _texts(plots.noise_by_op(noise, "p"))
    assert "layer39" in _texts(plots.noise_by_op(noise[:40], "p"))


def test_headroom_on_any_input_and_on_pictures():
    assert "on pictures" not in _texts(plots.headroom([_BOUND], [], "p"))
    assert {"conv", "on pictures"} <= set(_texts(plots.headroom([_BOUND], [_BOUND], "p")))


def test_ops_that_take_least_are_told_together():
    times = OpTimes("phone", {f"op{n}": 10.0 - n for n in range(9)})
    shown = _texts(plots.op_times([times], "p"))
    assert "other" in shown
    assert "op6" in shown
    assert "op7" not in shown


@pytest.mark.parametrize(
    ("weights", "activations", "titles"),
    [
        (True, True, {"weight codes", "output values"}),
        (True, False, {"weight codes"}),
        (False, True, {"output values"}),
    ],
)
def test_histograms_of_what_there_is(weights, activations, titles):
    counted = Histogram(-128, 128, np.arange(64))
    plot = plots.histograms(
        counted if weights else None,
        counted if activations else None,
        (-1.0, 1.0) if activations else None,
        None,
        "p",
    )
    assert {text for text in _texts(plot) if text[0].isalpha()} == titles
