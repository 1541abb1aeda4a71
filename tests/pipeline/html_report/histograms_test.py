"""Counts of codes, against numpy's own on hand-made models."""

import numpy as np
import pytest

from pipeline import flatbuffer
from pipeline.html_report import histograms
from pipeline.html_report.histograms import MAX_BINS
from pipeline.interpreter import Interpreter
from tests.pipeline.html_report import pages


def test_weights():
    graph = pages.graph().main
    found = histograms.of_weights(graph, graph.operators[3])
    assert found is not None
    codes = graph.tensors[6].data
    expected, _ = np.histogram(codes, MAX_BINS, (-128, 128))
    np.testing.assert_array_equal(found.counts, expected)
    assert (found.low, found.high) == (-128, 128)
    assert found.shares.sum() == pytest.approx(1.0)


def test_ops_without_weights_have_none():
    graph = pages.graph().main
    assert histograms.of_weights(graph, graph.operators[2]) is None


def test_activations_of_all_examples_together():
    model, rng = pages.network(), np.random.default_rng(1)
    codes = rng.integers(-128, 128, (3, 1, 8, 8, 1)).astype(np.int8)
    graph = flatbuffer.read(model).main
    found = histograms.of_activations(model, graph, [codes])
    assert sorted(found) == [2, 4, 5, 7]
    interpreter = Interpreter(model, keep_tensors=True)
    values = []
    for example in codes:
        interpreter.run(example)
        values.append(interpreter.tensor(5))
    expected, _ = np.histogram(values, MAX_BINS, (-128, 128))
    np.testing.assert_array_equal(found[5].counts, expected)
