"""Archives and HDF5 files within limits; what they may not hold."""

import io
import json
import pathlib
import zipfile

import h5py
import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.keras_files import contents

_DOCUMENT = {"class_name": "Sequential", "config": {"name": "net", "layers": []}}


def _h5_bytes(fill=lambda file: None) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["layers/dense/vars/0"] = np.ones((2, 3), np.float32)
        fill(file)
    return buffer.getvalue()


def _archive(path: pathlib.Path, weights: bytes | None = None, **more: bytes) -> pathlib.Path:
    members = {
        "metadata.json": json.dumps({"keras_version": "3.12.0"}).encode(),
        "config.json": json.dumps({**_DOCUMENT, "compile_config": {"loss": "mine"}}).encode(),
        "model.weights.h5": _h5_bytes() if weights is None else weights,
        **more,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _open(path: pathlib.Path, **options) -> contents.Opened:
    folder = path.parent / "copy"
    folder.mkdir(exist_ok=True)
    return contents.open_model(path, folder, **options)


def test_copy_holds_what_was_checked_and_no_training_settings(tmp_path):
    path = _archive(tmp_path / "m.keras")
    opened = _open(path)
    assert (opened.kind, opened.by_keras_3, opened.document) == ("keras", True, _DOCUMENT)
    assert opened.sha256 == contents.checksum(path)
    with zipfile.ZipFile(opened.copy) as archive:
        assert json.loads(archive.read("config.json")) == _DOCUMENT
        assert archive.read("model.weights.h5") == _h5_bytes()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("assets/payload.pkl", "holds 'assets/payload.pkl', which is no part"),
        ("../../etc/cron.d/evil", r"holds '\.\./\.\./etc/cron\.d/evil'"),
        ("/etc/passwd", "holds '/etc/passwd'"),
    ],
)
def test_other_members(tmp_path, name, told):
    path = _archive(tmp_path / "m.keras", **{name: b"x"})
    with pytest.raises(ModelError, match=told):
        _open(path)
    assert _open(path, allow_unsafe=True).document["class_name"] == "Sequential"
    assert sorted(file.name for file in (tmp_path / "copy").iterdir()) == [
        "model.keras",
        "model.weights.h5",
    ]


def test_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "_MAX_BYTES", 10**6)
    with pytest.raises(ModelError, match=r"at most 1,000,000 bytes when unpacked, got 5,0\d\d,"):
        _open(_archive(tmp_path / "weights.keras", bytes(5 * 10**6)))
    (tmp_path / "large.keras").write_bytes(b"PK\x03\x04" + bytes(10**6))
    with pytest.raises(ModelError, match=r"at most 1,000,000 bytes, got 1,000,004"):
        _open(tmp_path / "large.keras")
    monkeypatch.setattr(contents, "_MAX_JSON_BYTES", 100)
    with pytest.raises(ModelError, match=r"at most 100 bytes in config\.json, got 1,000"):
        _open(_archive(tmp_path / "config.keras", **{"config.json": b" " * 1000}))


def test_weights_declared_larger_than_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "_MAX_BYTES", 10**6)

    def declare(file):
        file.create_dataset("bomb", (10**4, 10**4), "f4", chunks=True, compression="gzip")

    with pytest.raises(ModelError, match="bytes of weights, got 400,000,000 up to '/bomb'"):
        _open(_archive(tmp_path / "m.keras", _h5_bytes(declare)))


def _external_storage(file):
    file.create_dataset("x", (9,), "u1", external=[("/etc/passwd", 0, 9)])


def _virtual(file):
    layout = h5py.VirtualLayout((9,), "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (9,))
    file.create_virtual_dataset("x", layout)


@pytest.mark.parametrize(
    ("fill", "told"),
    [
        (lambda file: file.__setitem__("x", h5py.ExternalLink("/tmp/a.h5", "/y")), "ExternalLink"),
        (lambda file: file.__setitem__("x", h5py.SoftLink("/layers")), "SoftLink"),
        (_external_storage, "external or virtual storage"),
        (_virtual, "external or virtual storage"),
        (lambda file: file.__setitem__("x", "text"), "values of type object"),
    ],
)
def test_weights_that_lie_elsewhere_or_are_no_numbers(tmp_path, fill, told):
    with pytest.raises(ModelError, match=told):
        _open(_archive(tmp_path / "m.keras", _h5_bytes(fill)))


def test_a_group_in_itself_ends(tmp_path):
    def loop(file):
        file["layers/again"] = file["layers"]

    _open(_archive(tmp_path / "m.keras", _h5_bytes(loop)))


@pytest.mark.parametrize(
    ("member", "content", "told"),
    [
        ("config.json", b"{", "config.json is no JSON"),
        ("config.json", b"[" * 100_000, "config.json is no JSON"),
        ("config.json", b"[]", "needed a JSON object, got list"),
        ("metadata.json", b"\xff", "metadata.json is no JSON"),
        ("model.weights.h5", b"\x89HDF\r\n\x1a\nxx", "HDF5 is damaged"),
        ("model.weights.h5", b"", "HDF5 is damaged"),
    ],
)
def test_damaged_members(tmp_path, member, content, told):
    with pytest.raises(ModelError, match=told):
        _open(_archive(tmp_path / "m.keras", **{member: content}))


def test_missing_and_doubled_members(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelError, match=r"each once, got 'config.json'; save the model"):
        _open(tmp_path / "m.keras")
    path = _archive(tmp_path / "twice.keras")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelError, match="each once"):
        _open(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "begins with b''"),
        (b"\x80\x04\x95", "needed a model saved by Keras"),
        (b"PK\x03\x04", "is damaged"),
    ],
)
def test_other_files(tmp_path, content, told):
    (tmp_path / "m.keras").write_bytes(content)
    with pytest.raises(ModelError, match=told):
        _open(tmp_path / "m.keras")


def test_missing_file_and_other_folder(tmp_path):
    with pytest.raises(ModelError, match="there is none"):
        _open(tmp_path / "none.keras")
    with pytest.raises(ModelError, match=r"needed the folder of a SavedModel.*got nothing"):
        _open(tmp_path / ".")


def test_h5_of_weights_alone(tmp_path):
    (tmp_path / "m.h5").write_bytes(_h5_bytes())
    with pytest.raises(ModelError, match="may hold weights alone"):
        _open(tmp_path / "m.h5")


def test_h5_tells_its_keras(tmp_path):
    def describe(file):
        file.attrs["model_config"] = json.dumps(_DOCUMENT).encode()
        file.attrs["keras_version"] = b"2.2.4-tf"

    (tmp_path / "m.h5").write_bytes(_h5_bytes(describe))
    opened = _open(tmp_path / "m.h5")
    assert (opened.kind, opened.by_keras_3, opened.document) == ("h5", False, _DOCUMENT)
