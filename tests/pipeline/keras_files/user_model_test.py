"""Models saved by either Keras come back equal, or not at all."""

import subprocess
import sys

import numpy as np
import pytest

from pipeline.errors import ModelError, UnsupportedLayerError
from pipeline.keras_files import contents, proof, reader, rebuild, user_model
from pipeline.legacy_keras import tf, tf_keras
from tests.conftest import REPO

_L = tf_keras.layers


@pytest.fixture(autouse=True)
def _reads_here(monkeypatch):
    """Reads in this process, which saves many starts of TensorFlow; reader_test.py does not."""

    def read(path, folder, allow_unsafe):
        return reader.read(path, folder, allow_unsafe=allow_unsafe)

    monkeypatch.setattr(user_model, "_read", read)


@pytest.fixture(scope="module")
def keras3(tmp_path_factory):
    """A folder of models that Keras 3 saved."""
    folder = tmp_path_factory.mktemp("keras3")
    done = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.keras_files.keras3_zoo", str(folder)],
        cwd=REPO,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def tf_keras_model():
    """A functional model with a nested one, TFOpLambdas and a batch normalization."""
    x = picture = tf_keras.Input((8, 8, 1), name="picture")
    x = _L.Conv2D(4, 3, kernel_regularizer="l2", name="conv")(x)
    x = _L.BatchNormalization(name="bn")(x)
    x = _L.ReLU(6.0, name="relu6")(x + 3.0) * (1 / 6)
    inner = tf_keras.Sequential([_L.Flatten(), _L.Dense(3, name="dense")], name="inner")
    model = tf_keras.Model(picture, inner(x), name="net")
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.1, 1, weight.shape) for weight in model.get_weights()])
    return model


def test_keras3_is_rebuilt(keras3):
    loaded = user_model.load(keras3 / "zoo.keras")
    assert loaded.by_keras_3
    assert loaded.difference <= 1e-5
    assert loaded.sha256 == contents.checksum(keras3 / "zoo.keras")
    model = loaded.model
    assert [tensor.name for tensor in model.inputs] == ["picture", "number"]
    assert len(model.outputs) == 2
    names = [layer.name for layer in model.layers]
    assert names.count("shared") == 1
    assert isinstance(model.get_layer("head"), tf_keras.Model)
    assert model.get_layer("conv").kernel_regularizer.l2 == pytest.approx(0.01)
    assert model.get_layer("conv").trainable


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "saved_model"])
def test_tf_keras_is_rebuilt(tf_keras_model, tmp_path, name):
    tf_keras_model.save(tmp_path / name)
    loaded = user_model.load(tmp_path / name)
    assert (loaded.by_keras_3, loaded.difference) == (False, 0.0)
    pictures = np.random.default_rng(1).normal(size=(3, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(loaded.model(pictures), tf_keras_model(pictures))


def test_saved_model_with_two_outputs(tmp_path):
    x = picture = tf_keras.Input((8, 8, 1), name="picture")
    x = _L.UpSampling2D(2, name="up")(_L.ZeroPadding2D(((0, 1), (2, 0)), name="pad")(x))
    x = _L.Flatten(name="flatten")(x)
    outputs = [_L.Dense(2, name="second")(x), _L.Dense(3, name="first")(x)]
    tf_keras.Model(picture, outputs, name="net").save(tmp_path / "m")
    loaded = user_model.load(tmp_path / "m")
    assert loaded.difference == 0.0
    assert loaded.model.output_names == ["second", "first"]
    assert loaded.sha256 == contents.checksum(tmp_path / "m")
    (tmp_path / "m" / "assets" / "more").touch()
    with pytest.raises(ModelError, match="got assets/more"):
        user_model.load(tmp_path / "m")


def test_saved_model_whose_program_writes_files(tf_keras_model, tmp_path):
    trace = tmp_path / "trace"

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 1), name="picture")])
    def serve(picture):
        tf.io.write_file(str(trace), "here")
        return {"inner": tf_keras_model(picture)}

    tf_keras_model.save(tmp_path / "m", signatures=serve)
    with pytest.raises(UnsupportedLayerError, match=r"got the op WriteFile.*--allow_unsafe_model"):
        user_model.load(tmp_path / "m")
    assert not trace.exists()
    user_model.load(tmp_path / "m", allow_unsafe_model=True)
    assert trace.exists()


def test_saved_model_whose_program_is_another(tf_keras_model, tmp_path):
    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 1), name="picture")])
    def serve(picture):
        return {"inner": 2.0 * tf_keras_model(picture)}

    tf_keras_model.save(tmp_path / "m", signatures=serve)
    with pytest.raises(ModelError, match=r"computes what the original does.*no single layer"):
        user_model.load(tmp_path / "m")


def test_saved_models_without_layers(tf_keras_model, tmp_path):
    class Mine(tf_keras.Model):
        def call(self, x):
            return 2 * x

    model = Mine()
    model(np.zeros((1, 8, 8, 1), np.float32))
    model.save(tmp_path / "mine")
    with pytest.raises(UnsupportedLayerError, match=r"layer 'mine'.*got 'Mine'"):
        user_model.load(tmp_path / "mine")
    tf_keras_model.export(tmp_path / "exported")
    with pytest.raises(ModelError, match=r"found no keras_metadata\.pb.*save the model as \.keras"):
        user_model.load(tmp_path / "exported")


def test_keras3_h5(keras3):
    loaded = user_model.load(keras3 / "plain.h5")
    assert (loaded.by_keras_3, loaded.difference) == (True, 0.0)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("lambda.keras", "layer 'doubled'.*got 'Lambda'.*--allow_unsafe_model"),
        ("unknown.keras", "layer 'adaptive'.*got 'AdaptiveAveragePooling2D'"),
        ("setting.keras", "layer 'antialias': tf_keras's Resizing has no antialias, got True"),
        ("operation.keras", "got a call of Keras's operation 'Sin'"),
    ],
)
def test_layers_that_cannot_be_taken(keras3, name, told):
    with pytest.raises(UnsupportedLayerError, match=told):
        user_model.load(keras3 / name)


def test_half_precision(keras3):
    with pytest.raises(ModelError, match="layer 'half': needed float32, got float16"):
        user_model.load(keras3 / "half.keras")


def test_keras3_stays_in_safe_mode(keras3):
    with pytest.raises(ModelError, match=r"Keras 3 cannot load it.*unsafe"):
        user_model.load(keras3 / "lambda.keras", allow_unsafe_model=True)


def test_names_the_first_layer_that_differs(keras3, monkeypatch):
    # tf_keras's own hard_sigmoid is another function under the same name.
    monkeypatch.delitem(rebuild._ACTIVATIONS, "hard_sigmoid")
    with pytest.raises(ModelError, match="layer 'gate' is the first to differ"):
        user_model.load(keras3 / "zoo.keras")


def test_weights_that_are_not_finite(tmp_path):
    model = tf_keras.Sequential([tf_keras.Input((2,)), _L.Dense(1, name="broken")])
    model.get_layer("broken").bias.assign([np.inf])
    model.save(tmp_path / "m.h5")
    with pytest.raises(ModelError, match="layer 'broken': a weight is not finite"):
        user_model.load(tmp_path / "m.h5")


@pytest.mark.parametrize(
    ("got", "expected", "difference"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([0.5], [0.25], 0.25),
        ([1000.0], [1001.0], 1 / 1001),
        ([np.nan], [np.nan], np.inf),
        ([np.inf], [np.inf], np.inf),
        ([1.0], [[1.0]], np.inf),
        ([], [], 0.0),
    ],
)
def test_difference(got, expected, difference):
    assert proof.difference([np.float32(got)], [np.float32(expected)]) == difference


def test_count_of_outputs_counts():
    assert proof.difference([np.float32(1)], []) == np.inf
