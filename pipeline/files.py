"""Files that are either whole or absent: write beside, sync, rename."""

import contextlib
import hashlib
import os
import pathlib
import tempfile
from collections.abc import Generator

_CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def replacing(path: os.PathLike[str] | str) -> Generator[pathlib.Path, None, None]:
    """Yields a temporary path beside `path`; on success it becomes `path`, else it is removed.

    The temporary name keeps the suffix, so that writers which look at it still work.

    Raises:
      OSError: The directory cannot be written, or the disk is full; `path` is untouched.
    """
    target = pathlib.Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(
        prefix=f".{target.stem}.", suffix=f".partial{target.suffix}", dir=target.parent
    )
    os.close(descriptor)
    temporary = pathlib.Path(name)
    try:
        yield temporary
        _sync(temporary)
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(target.parent)


def write_bytes(path: os.PathLike[str] | str, content: bytes) -> None:
    """Writes `content` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: os.PathLike[str] | str, content: str) -> None:
    """Writes UTF-8 `content` to `path`, whole or not at all."""
    write_bytes(path, content.encode("utf-8"))


def sha256(path: os.PathLike[str] | str) -> str:
    """Returns the hex SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _sync(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
