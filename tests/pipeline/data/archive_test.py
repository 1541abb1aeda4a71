"""Folders and zips behind one interface, and what is refused."""

import concurrent.futures
import zipfile

import pytest

from pipeline.data.archive import open_archive
from pipeline.errors import DataError

_FILES = {"a/x.png": b"one", "a/b/y.png": b"two", "z.txt": b"three"}


def _zip(path, files, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture(params=["folder", "stored", "deflated"])
def archive(request, tmp_path):
    if request.param == "folder":
        for name, content in _FILES.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        (tmp_path / "empty").mkdir()
        return open_archive(tmp_path)
    compression = zipfile.ZIP_STORED if request.param == "stored" else zipfile.ZIP_DEFLATED
    return open_archive(_zip(tmp_path / "files.zip", _FILES | {"empty/": b""}, compression))


def test_lists_and_reads(archive):
    assert archive.files == ("a/b/y.png", "a/x.png", "z.txt")
    assert archive.folders == ("a", "a/b", "empty")
    assert {name: archive.read(name) for name in archive.files} == _FILES


def test_threads_read_at_once(archive):
    names = list(_FILES) * 200
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(archive.read, names)) == [_FILES[name] for name in names]


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "..", "../x", "a/../../x", "a\\..\\x", "\\share\\x", "C:\\x", "C:/x", "a/.."],
)
def test_unsafe_member_is_refused_by_name(name, tmp_path):
    path = _zip(tmp_path / "files.zip", _FILES | {name: b""})
    with pytest.raises(DataError, match="absolute or climbs") as caught:
        open_archive(path)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["a/..b/x", "a/b..", "...", "a:b/x"])
def test_dots_and_colons_inside_names_are_fine(name, tmp_path):
    assert open_archive(_zip(tmp_path / "files.zip", {name: b"1"})).files == (name,)


def test_a_flipped_byte_is_reported(tmp_path):
    path = _zip(tmp_path / "files.zip", _FILES)
    path.write_bytes(path.read_bytes().replace(b"one", b"onf"))
    archive = open_archive(path)
    with pytest.raises(DataError, match="damaged"):
        archive.read("a/x.png")
    assert archive.read("z.txt") == b"three"


def test_an_encrypted_member_is_reported(tmp_path):
    path = _zip(tmp_path / "files.zip", {"x": b"1"})
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        open_archive(path).read("x")


def test_a_folder_that_links_to_itself_ends(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"1")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert "a/x" in open_archive(tmp_path).files


def test_a_file_that_vanishes_is_reported(tmp_path):
    (tmp_path / "x").write_bytes(b"1")
    archive = open_archive(tmp_path)
    (tmp_path / "x").unlink()
    with pytest.raises(DataError, match="No such file"):
        archive.read("x")
