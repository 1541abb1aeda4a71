"""The one form of zip: what stdlib reads, and what is refused."""

import io
import random
import struct
import zipfile

import pytest

from pipeline import stored_zip
from pipeline.errors import BundleError

_MEMBERS = {"b/data.bin": bytes(range(40)), "a.txt": b"hello\n", "empty": b""}


@pytest.mark.parametrize("prefix", [b"", b"something before"])
def test_the_standard_library_reads_the_same(prefix):
    content = prefix + stored_zip.write(_MEMBERS, offset=len(prefix))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == _MEMBERS
    assert stored_zip.start(content) == len(prefix)
    assert stored_zip.read(content, len(prefix)) == _MEMBERS


def test_every_single_byte_is_guarded():
    content = stored_zip.write(_MEMBERS)
    for position in range(len(content)):
        for change in (1, 0x20, 0x80):
            changed = bytearray(content)
            changed[position] ^= change
            with pytest.raises(BundleError):
                stored_zip.read(bytes(changed))


def test_every_truncation_and_any_trailing_byte_is_refused():
    content = stored_zip.write(_MEMBERS)
    for size in range(len(content)):
        with pytest.raises(BundleError):
            stored_zip.read(content[:size])
    with pytest.raises(BundleError, match="1 bytes behind"):
        stored_zip.read(content + b"\0")


@pytest.mark.parametrize(
    "name", ["../up", "/absolute", "a/../b", "a//b", "back\\slash", ".hidden", "", "ü", "a" * 256]
)
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(BundleError, match="plain relative name"):
        stored_zip.write({name: b""})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr(zipfile.ZipInfo(name or " "), b"")
    with pytest.raises(BundleError):
        stored_zip.read(archive.getvalue())


def test_duplicates_and_bombs_are_refused():
    one = stored_zip.write({"a": b"x"})
    member = one[: one.index(b"PK\1\2")]
    with pytest.raises(BundleError, match="each name once"):
        stored_zip.read(member + member + one[len(member) :])
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr(zipfile.ZipInfo("zeros"), bytes(1 << 24), zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match="not canonical"):
        stored_zip.read(bomb.getvalue())
    with pytest.raises(BundleError, match="at most 64 members"):
        stored_zip.write({str(number): b"" for number in range(65)})
    huge = bytearray(one)
    struct.pack_into("<2I", huge, 18, 2**32 - 1, 2**32 - 1)
    with pytest.raises(BundleError, match="needed 4294967295 bytes"):
        stored_zip.read(bytes(huge))


def test_the_part_at_fault_is_named():
    content = stored_zip.write(_MEMBERS)
    for position, part in (
        (content.index(b"hello"), "a.txt"),
        (content.index(b"PK\1\2") + 10, "directory entry of 'a.txt'"),
        (len(content) - 5, "end record"),
    ):
        changed = bytearray(content)
        changed[position] ^= 1
        with pytest.raises(BundleError, match=part):
            stored_zip.read(bytes(changed))


def test_arbitrary_bytes_never_escape():
    rng = random.Random(0)
    content = stored_zip.write(_MEMBERS)
    for _ in range(2000):
        begin, end = sorted(rng.randrange(len(content)) for _ in range(2))
        changed = content[:begin] + rng.randbytes(rng.randrange(8)) + content[end:]
        if changed != content:
            with pytest.raises(BundleError):
                stored_zip.read(changed)
            stored_zip.start(changed)
