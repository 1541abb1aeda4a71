"""Opens a user's model file: within limits, and as a clean copy of what was looked at.

Nothing of Keras or TensorFlow is used here. HDF5's library is, and hostile bytes can crash it: call
this in a process that may die (reader.py).
"""

import dataclasses
import hashlib
import io
import json
import os
import pathlib
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, Literal

import h5py

from pipeline.errors import ModelError

Kind = Literal["keras", "h5", "saved_model"]

_MAX_BYTES = 2**31  # Of a file, and of all that it holds when unpacked.
_MAX_JSON_BYTES = 2**26
_MAX_OBJECTS = 100_000  # In an HDF5 file.
_CHUNK_BYTES = 2**20

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_SAVED_MODEL_FILES = ("saved_model.pb", "keras_metadata.pb", "fingerprint.pb")
_ZIP_MAGIC, _H5_MAGIC = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"


@dataclasses.dataclass(frozen=True)
class Opened:
    """A model file that was opened.

    Attributes:
      kind: Its format.
      by_keras_3: Whether Keras 3 wrote it, else tf_keras or an older Keras.
      document: The model's description, {"class_name": ..., "config": ...}; None for a SavedModel,
        whose description only TensorFlow reads.
      copy: A copy that holds what was looked at and nothing else.
      sha256: As checksum() of the original.
    """

    kind: Kind
    by_keras_3: bool
    document: dict[str, Any] | None
    copy: pathlib.Path
    sha256: str


def checksum(path: os.PathLike[str] | str) -> str:
    """Returns the hex SHA-256 of a model file, or of the names and contents in a SavedModel.

    Raises:
      ModelError: There is no such file, or it is too large.
    """
    path = pathlib.Path(path)
    digest = hashlib.sha256()
    if not path.is_dir():
        _update(digest, _sized(path))
        return digest.hexdigest()
    for name in _saved_model_names(path):
        digest.update(name.encode() + b"\0")
        _update(digest, _sized(path / name))
    return digest.hexdigest()


def open_model(
    path: os.PathLike[str] | str, folder: pathlib.Path, *, allow_unsafe: bool = False
) -> Opened:
    """Opens a model file.

    Args:
      path: A .keras or .h5 file, or the folder of a SavedModel.
      folder: Where the copy goes.
      allow_unsafe: Take archives with more in them than Keras writes for a plain model.

    Raises:
      ModelError: It is missing, damaged, too large, or of no known format.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        return _open_saved_model(path, folder)
    original = folder / "original"
    with open(_sized(path), "rb") as source, open(original, "wb") as target:
        shutil.copyfileobj(source, target, _CHUNK_BYTES)
    with open(original, "rb") as file:
        magic = file.read(len(_H5_MAGIC))
    if magic.startswith(_ZIP_MAGIC):
        return _open_archive(original, folder, path, allow_unsafe)
    if magic == _H5_MAGIC:
        return _open_h5(original, folder, path)
    raise ModelError(
        f"{path}: needed a model saved by Keras as .keras, .h5 or SavedModel, got a file that "
        f"begins with {magic!r}"
    )


def _open_archive(
    original: pathlib.Path, folder: pathlib.Path, path: pathlib.Path, allow_unsafe: bool
) -> Opened:
    try:
        members = _members(original, path, allow_unsafe)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError) as error:
        raise ModelError(f"{path}: is damaged ({error}); save the model again") from error
    except (RuntimeError, NotImplementedError) as error:
        raise ModelError(
            f"{path}: is encrypted or compressed in an unknown way ({error})"
        ) from error
    document = _json(members[_CONFIG], path, _CONFIG)
    metadata = _json(members[_METADATA], path, _METADATA)
    weights = folder / _WEIGHTS
    weights.write_bytes(members[_WEIGHTS])
    with _h5(weights, path):
        pass
    sha256 = checksum(original)
    copy = folder / "model.keras"
    if allow_unsafe:
        original.rename(copy)
    else:
        # Written anew, so that Keras reads what was checked, whatever else an archive can hide;
        # training settings, whose classes may be the user's own, are not needed.
        document = _without_training(document)
        with zipfile.ZipFile(copy, "w") as archive:
            archive.writestr(_METADATA, members[_METADATA])
            archive.writestr(_CONFIG, json.dumps(document))
            archive.write(weights, _WEIGHTS)
    return Opened("keras", _by_keras_3(metadata), document, copy, sha256)


def _members(original: pathlib.Path, path: pathlib.Path, allow_unsafe: bool) -> dict[str, bytes]:
    """Returns the archive's three members by name, after a look at all."""
    with zipfile.ZipFile(io.BytesIO(original.read_bytes())) as archive:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        needed = {_CONFIG, _METADATA, _WEIGHTS}
        if not needed.issubset(names) or len(set(names)) < len(names):
            raise ModelError(
                f"{path}: needed an archive of {', '.join(sorted(needed))}, each once, got "
                f"{', '.join(map(repr, names[:8])) or 'nothing'}; save the model with "
                "model.save('NAME.keras')"
            )
        if not allow_unsafe and (more := sorted(set(names) - needed)):
            raise ModelError(
                f"{path}: holds {more[0]!r}, which is no part of a plain Keras model; if you trust "
                "whoever made the file, load it with --allow_unsafe_model"
            )
        if (unpacked := sum(info.file_size for info in infos)) > _MAX_BYTES:
            raise ModelError(
                f"{path}: needed at most {_MAX_BYTES:,} bytes when unpacked, got {unpacked:,}"
            )
        for name in (_CONFIG, _METADATA):
            if (size := archive.getinfo(name).file_size) > _MAX_JSON_BYTES:
                raise ModelError(
                    f"{path}: needed at most {_MAX_JSON_BYTES:,} bytes in {name}, got {size:,}"
                )
        return {name: archive.read(name) for name in needed}


def _open_h5(original: pathlib.Path, folder: pathlib.Path, path: pathlib.Path) -> Opened:
    with _h5(original, path) as file:
        attributes = {name: file.attrs.get(name) for name in ("model_config", "keras_version")}
    text, version = (
        value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for value in attributes.values()
    )
    if not isinstance(text, str):
        raise ModelError(
            f"{path}: needed a whole model, got an HDF5 file without 'model_config', which may "
            "hold weights alone; save it with model.save('NAME.keras')"
        )
    document = _json(text.encode(), path, "'model_config'")
    copy = original.rename(folder / "model.h5")
    return Opened("h5", _by_keras_3({"keras_version": version}), document, copy, checksum(copy))


class _h5:  # noqa: N801 - a context manager that reads as a function.
    """An HDF5 file, opened after a look at all it holds."""

    def __init__(self, file: pathlib.Path, path: pathlib.Path) -> None:
        self._path = path
        try:
            self._file = h5py.File(file, "r")
        except (OSError, ValueError, RuntimeError) as error:
            raise self._damaged(error) from error

    def __enter__(self) -> h5py.File:
        try:
            self._check()
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            self._file.close()
            raise self._damaged(error) from error
        return self._file

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _check(self) -> None:
        num_bytes = 0
        for name, dataset in _datasets(self._file, self._path):
            if dataset.external or dataset.is_virtual or dataset.dtype.kind not in "biuf":
                raise ModelError(
                    f"{self._path}: {name!r}: needed numbers in the file itself, got values of "
                    f"type {dataset.dtype}, external or virtual storage"
                )
            num_bytes += dataset.size * dataset.dtype.itemsize
            if num_bytes > _MAX_BYTES:
                raise ModelError(
                    f"{self._path}: needed at most {_MAX_BYTES:,} bytes of weights, got "
                    f"{num_bytes:,} up to {name!r}"
                )

    def _damaged(self, error: Exception) -> ModelError:
        return ModelError(f"{self._path}: its HDF5 is damaged ({error}); save the model again")


def _datasets(file: h5py.File, path: pathlib.Path) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yields name and dataset of all; groups that contain themselves are entered once."""
    seen: set[Any] = set()
    pending: list[tuple[str, h5py.Group]] = [("", file)]
    num_objects = 0
    while pending:
        prefix, group = pending.pop()
        for name in group:
            num_objects += 1
            where = f"{prefix}/{name}"
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink) or num_objects > _MAX_OBJECTS:
                raise ModelError(
                    f"{path}: {where!r}: needed at most {_MAX_OBJECTS:,} datasets and groups in "
                    f"the file itself, got {type(link).__name__} {num_objects:,}"
                )
            member = group[name]
            if isinstance(member, h5py.Dataset):
                yield where, member
            elif isinstance(member, h5py.Group):
                address = h5py.h5o.get_info(member.id).addr
                if address not in seen:
                    seen.add(address)
                    pending.append((where, member))


def _open_saved_model(path: pathlib.Path, folder: pathlib.Path) -> Opened:
    copy = folder / "saved_model"
    for name in _saved_model_names(path):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_sized(path / name), target)
    return Opened("saved_model", False, None, copy, checksum(copy))


def _saved_model_names(path: pathlib.Path) -> list[str]:
    """Returns what belongs to a plain SavedModel, sorted; refuses folders that hold more."""
    names = sorted(
        file.relative_to(path).as_posix()
        for file in path.rglob("*")
        if file.is_symlink() or not file.is_dir()
    )
    other = [
        name
        for name in names
        if name not in _SAVED_MODEL_FILES
        and not (name.startswith("variables/variables.") and name.count("/") == 1)
    ]
    if other or "saved_model.pb" not in names or (path / "saved_model.pb").is_symlink():
        raise ModelError(
            f"{path}: needed the folder of a SavedModel: {', '.join(_SAVED_MODEL_FILES)} and "
            f"variables/variables.*, got {', '.join((other or names)[:8]) or 'nothing'}"
        )
    return names


def _sized(path: pathlib.Path) -> pathlib.Path:
    if not path.is_file():
        raise ModelError(f"{path}: needed a model file, but there is none")
    if (size := path.stat().st_size) > _MAX_BYTES:
        raise ModelError(f"{path}: needed at most {_MAX_BYTES:,} bytes, got {size:,}")
    return path


def _update(digest: Any, path: pathlib.Path) -> None:
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)


def _json(content: bytes, path: pathlib.Path, name: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: {name} is no JSON ({error})") from error
    if not isinstance(document, dict):
        raise ModelError(f"{path}: {name}: needed a JSON object, got {type(document).__name__}")
    return document


def _without_training(value: Any) -> Any:
    """Returns the description without compile_config, at any depth."""
    if isinstance(value, list):
        return [_without_training(item) for item in value]
    if isinstance(value, dict):
        return {
            key: _without_training(item) for key, item in value.items() if key != "compile_config"
        }
    return value


def _by_keras_3(metadata: dict[str, Any]) -> bool:
    return str(metadata.get("keras_version", "")).startswith("3.")
