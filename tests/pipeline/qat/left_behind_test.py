"""Settings that are not taken along are named; those that are, are not."""

import logging

from pipeline import qat
from pipeline.legacy_keras import tf_keras
from pipeline.quant_params import SCHEMES
from tests.pipeline.qat import road

_keras = tf_keras.layers


def test_each_layer_that_loses_settings_is_named_with_them(caplog):
    x = inputs = _keras.Input((8, 8, 3), name="input")
    x = _keras.Conv2D(
        4,
        3,
        kernel_regularizer="l2",
        kernel_constraint="max_norm",
        bias_regularizer="l1",
        name="conv",
    )(x)
    x = _keras.BatchNormalization(gamma_constraint="non_neg", name="bn")(x)
    x = _keras.Flatten(name="flatten")(x)
    model = tf_keras.Model(inputs, _keras.Dense(3, kernel_regularizer="l2", name="fc")(x))
    with caplog.at_level(logging.WARNING):
        applied = qat.apply(qat.annotate_model(model), SCHEMES["int8_per_channel"], road.INPUT)
    said = [it.getMessage() for it in caplog.records if "goes on without" in it.getMessage()]
    assert len(said) == 2
    assert "'conv'" in said[0]
    assert "without its bias_regularizer, kernel_constraint;" in said[0]
    assert "'bn'" in said[1]
    assert "gamma_constraint" in said[1]
    assert len(applied.losses) == 2  # The kernels' regularizers.
