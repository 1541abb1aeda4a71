"""Files are whole or absent, whatever happens while they are written."""

import errno
import hashlib
import os

import pytest

from pipeline import files


def test_writes_into_folders_that_are_not_there_yet(tmp_path):
    path = tmp_path / "a" / "b" / "c.txt"
    files.write_text(path, "scale é")
    assert path.read_bytes() == "scale é".encode()


def test_replaces_what_was_there_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "model.tflite"
    files.write_bytes(path, b"old")
    files.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    files.write_bytes(path, b"old")

    def no_space(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_writer_that_fails_leaves_nothing(tmp_path):
    path = tmp_path / "table.csv"

    def write():
        with files.replacing(path) as temporary:
            assert temporary.suffix == ".csv"
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert list(tmp_path.iterdir()) == []


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    ordinary, ours = tmp_path / "ordinary", tmp_path / "ours"
    ordinary.write_bytes(b"")
    files.write_bytes(ours, b"")
    assert ours.stat().st_mode == ordinary.stat().st_mode


@pytest.mark.parametrize("size_bytes", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_sha256_of_files_smaller_and_larger_than_a_chunk(tmp_path, size_bytes):
    content = bytes(i % 251 for i in range(size_bytes))
    path = tmp_path / "file"
    path.write_bytes(content)
    assert files.sha256(path) == hashlib.sha256(content).hexdigest()
