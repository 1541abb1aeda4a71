"""Zip files of one form only: the same members give the same bytes, and no other bytes are read.

The canonical form: members in ascending order of their names, stored (method 0), dated 1980-01-01,
without extra fields, comments, data descriptors or zip64; local headers from the first byte on,
then the directory, then the end record, and nothing behind it. Every byte is thus a function of
names and contents, so that a byte changed anywhere is found; stored members cannot be bombs.

Source: PKWARE's APPNOTE.TXT 6.3, sections 4.3.7 (local header), 4.3.12 (directory) and 4.3.16 (end
record).
"""

import re
import struct
import zlib
from collections.abc import Iterator, Mapping

from pipeline.errors import BundleError

MAX_BYTES = 1 << 30  # Of an archive; far below 4 GiB, where zip64 would begin.
MAX_MEMBERS = 64

# Folders and plain ASCII: no absolute path, no "..", no hidden file, no backslash.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_MAX_NAME_BYTES = 255

# What all members have: version to extract, flags, method, time, date (1980-01-01).
_COMMON = (20, 0, 0, 0, 0x21)
_MADE_BY = 20

_LOCAL = struct.Struct("<4s5H3I2H")
_LOCAL_MARK = b"PK\3\4"
_ENTRY = struct.Struct("<4s6H3I5H2I")
_ENTRY_MARK = b"PK\1\2"
_END = struct.Struct("<4s4H2IH")
_END_MARK = b"PK\5\6"


def write(members: Mapping[str, bytes], offset: int = 0) -> bytes:
    """Returns the archive of `members`.

    Args:
      members: Content by name.
      offset: Bytes that stand before the archive in its file; positions count from the file's
        beginning.

    Raises:
      BundleError: A name is not plain, or there is too much of something; see the limits above.
    """
    for name in members:
        _check_name(name)
    size_bytes = offset + sum(len(content) for content in members.values())
    if len(members) > MAX_MEMBERS or size_bytes > MAX_BYTES:
        raise BundleError(
            f"an archive holds at most {MAX_MEMBERS} members and {MAX_BYTES} bytes, got "
            f"{len(members)} members and {size_bytes} bytes"
        )
    pieces: list[bytes] = []
    for name in sorted(members):
        pieces += [_local_header(name, members[name]), members[name]]
    pieces += [piece for _, piece in _directory(members, offset)]
    return b"".join(pieces)


def read(content: bytes, offset: int = 0) -> dict[str, bytes]:
    """Returns the members of a canonical archive that begins at byte `offset` of `content`.

    Raises:
      BundleError: A byte is not as `write` would have written it; names the part.
    """
    if len(content) > MAX_BYTES:
        raise BundleError(f"needed at most {MAX_BYTES} bytes, got {len(content)}")
    members: dict[str, bytes] = {}
    position, last = offset, ""
    while content[position : position + 4] == _LOCAL_MARK:
        name, member = _member(content, position, last)
        members[name] = member
        if len(members) > MAX_MEMBERS:
            raise BundleError(f"needed at most {MAX_MEMBERS} members, got more")
        position, last = position + _LOCAL.size + len(name) + len(member), name
    if not members:
        raise BundleError(
            f"byte {offset}: needed a zip member ({_LOCAL_MARK!r}), got "
            f"{content[position : position + 4]!r}: not a bundle, or its beginning is damaged"
        )
    for part, expected in _directory(members, offset):
        actual = content[position : position + len(expected)]
        if actual != expected:
            at = position + _first_difference(actual, expected)
            raise BundleError(
                f"{part}: byte {at} of the zip is not what its members ask for, up to {last!r}"
            )
        position += len(expected)
    if position != len(content):
        raise BundleError(f"{len(content) - position} bytes behind the zip's end record")
    return members


def start(content: bytes) -> int | None:
    """Returns where the archive at the end of `content` begins, None where there is none.

    Says nothing about whether it is canonical: that is for `read`.
    """
    if len(content) < _END.size or content[-_END.size :][:4] != _END_MARK:
        return None
    directory = _END.unpack(content[-_END.size :])[6]
    if content[directory : directory + 4] != _ENTRY_MARK:
        return None
    entry = content[directory : directory + _ENTRY.size]
    return _ENTRY.unpack(entry)[-1] if len(entry) == _ENTRY.size else None


def _member(content: bytes, position: int, last: str) -> tuple[str, bytes]:
    header = content[position : position + _LOCAL.size]
    if len(header) < _LOCAL.size:
        raise BundleError(f"the zip ends inside the header at byte {position}, behind {last!r}")
    *_, crc, _, size, name_size, _ = _LOCAL.unpack(header)
    begin = position + _LOCAL.size + name_size
    try:
        name = content[position + _LOCAL.size : begin].decode("ascii")
    except UnicodeDecodeError:
        name = ""
    _check_name(name, f" in the zip header at byte {position}, behind {last!r}")
    if name <= last:
        raise BundleError(
            f"zip header of {name!r}: it stands behind {last!r}, needed each name once, ascending"
        )
    if header != _header_of(name, crc, size):
        raise BundleError(f"zip header of {name!r}: not canonical (stored, 1980, no extra fields)")
    if begin + size > len(content):
        raise BundleError(f"{name}: needed {size} bytes, the file ends after {len(content)} bytes")
    member = content[begin : begin + size]
    if zlib.crc32(member) != crc:
        raise BundleError(f"{name}: its content or its checksum in the zip was changed")
    return name, member


def _check_name(name: str, where: str = "") -> None:
    if len(name) > _MAX_NAME_BYTES or not _NAME.fullmatch(name):
        raise BundleError(
            f"{name[:_MAX_NAME_BYTES]!r}{where}: needed a plain relative name (letters, digits, "
            "'_', '-', '.', folders by '/')"
        )


def _local_header(name: str, content: bytes) -> bytes:
    return _header_of(name, zlib.crc32(content), len(content)) + name.encode("ascii")


def _header_of(name: str, crc: int, size: int) -> bytes:
    return _LOCAL.pack(_LOCAL_MARK, *_COMMON, crc, size, size, len(name), 0)


def _directory(members: Mapping[str, bytes], offset: int) -> Iterator[tuple[str, bytes]]:
    """Yields (what it is, bytes) of each directory entry and of the end record."""
    position, directory_bytes = offset, 0
    for name in sorted(members):
        content = members[name]
        entry = _ENTRY.pack(
            *(_ENTRY_MARK, _MADE_BY, *_COMMON, zlib.crc32(content), len(content), len(content)),
            *(len(name), 0, 0, 0, 0, 0, position),
        )
        entry += name.encode("ascii")
        yield f"zip directory entry of {name!r}", entry
        position += _LOCAL.size + len(name) + len(content)
        directory_bytes += len(entry)
    count = len(members)
    end = _END.pack(_END_MARK, 0, 0, count, count, directory_bytes, position, 0)
    yield "zip end record", end


def _first_difference(actual: bytes, expected: bytes) -> int:
    pairs = zip(actual, expected, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), len(actual))
