"""Reading in a process of its own: what comes through, and what becomes of one that dies."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest

from pipeline import errors
from pipeline.errors import ModelError, UnsupportedLayerError
from pipeline.keras_files import reply, user_model
from pipeline.legacy_keras import tf_keras

_L = tf_keras.layers


def _save(path, *layers) -> None:
    tf_keras.Sequential([tf_keras.Input((4,), name="numbers"), *layers], name="net").save(path)


def test_a_model_comes_through(tmp_path):
    _save(tmp_path / "m.keras", _L.Dense(3, activation="relu", name="dense"))
    loaded = user_model.load(tmp_path / "m.keras")
    assert loaded.difference == 0.0
    assert [layer.name for layer in loaded.model.layers] == ["dense"]


def test_errors_come_through_with_their_class_and_the_path_as_given(tmp_path, monkeypatch):
    _save(tmp_path / "m.keras", _L.Lambda(lambda x: x, name="code"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnsupportedLayerError, match=r"^m\.keras: layer 'code'"):
        user_model.load("m.keras")


def test_hdf5_that_only_its_library_can_judge(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "2.15.0"}')
        archive.writestr("config.json", '{"class_name": "Sequential", "config": {}}')
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ModelError, match="HDF5 is damaged"):
        user_model.load(tmp_path / "m.keras")


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("exit 3", "ended with 3; .*It wrote: nothing"),
        ("echo out of memory >&2; kill -9 $$", "was killed by SIGKILL.*It wrote: out of memory"),
        ("sleep 60", "could not be read within 1 s"),
    ],
)
def test_a_process_that_dies(tmp_path, monkeypatch, script, told):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(user_model, "_TIMEOUT_S", 1 if "sleep" in script else 60)
    with pytest.raises(ModelError, match=told):
        user_model.load(tmp_path / "m.keras")


def test_memory_is_limited(tmp_path):
    script = (
        "import resource, sys; from pipeline.keras_files import reader;"
        "reader.serve = lambda *_, **__: print(resource.getrlimit(resource.RLIMIT_AS),"
        " resource.getrlimit(resource.RLIMIT_CPU));"
        "reader.main(['m.keras', sys.argv[1]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert done.stdout == f"{(2**34, 2**34)} {(900, 900)}\n"


def test_replies_round_trip(tmp_path):
    arrays = [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros((0, 2), np.int32)]
    written = reply.Reply(
        True, {"class_name": "x"}, "abc", [("a/b", arrays), ("c", [])], arrays[:1], [], [("a", [])]
    )
    reply.write(tmp_path, written)
    read = reply.read(tmp_path)
    assert (read.by_keras_3, read.document, read.sha256) == (True, {"class_name": "x"}, "abc")
    assert [name for name, _ in read.weights] == ["a/b", "c"]
    for got, expected in zip(read.weights[0][1], arrays, strict=True):
        np.testing.assert_array_equal(got, expected)
    assert (read.outputs, read.layers) == ([], [("a", [])])
    reply.write_error(tmp_path, errors.ModelError("why"))
    assert reply.read(tmp_path) == ("ModelError", "why")
    (tmp_path / "reply.json").write_text("{")
    assert reply.read(tmp_path) is None
