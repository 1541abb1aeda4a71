"""A folder or a zip of data files behind one interface. Zips are read in place."""

import dataclasses
import functools
import os
import pathlib
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable

from pipeline.errors import DataError

# Deeper than any layout read here; ends the walk where a symbolic link leads back up.
_MAX_DEPTH = 8


@dataclasses.dataclass(frozen=True)
class Archive:
    """Files below a folder or inside a zip.

    Attributes:
      path: The folder or the zip.
      files: Names relative to it, with "/" between the parts, sorted.
      folders: Names of all folders below it, empty ones included, sorted.
      read: Returns a file's content by its name; safe to call from several threads. Raises
        DataError, which does not repeat the name.
    """

    path: pathlib.Path
    files: tuple[str, ...]
    folders: tuple[str, ...]
    read: Callable[[str], bytes]


def open_archive(path: os.PathLike[str] | str) -> Archive:
    """Lists a folder or zip; contents are read later, by Archive.read.

    Raises:
      DataError: The path is missing or unreadable, is neither a folder nor a zip, or the zip is
        damaged or has a member whose name is absolute or climbs with "..".
    """
    path = pathlib.Path(path)
    try:
        if path.is_dir():
            return _open_folder(path)
        return _open_zip(path)
    except FileNotFoundError as error:
        raise DataError(f"needed a data folder or zip, but there is no {path}") from error
    except zipfile.BadZipFile as error:
        raise DataError(
            f"needed a folder or a zip, but {path} is not a zip or is damaged ({error}); fetch or "
            "build it again"
        ) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def refuse_unsafe_names(names: Iterable[str], path: pathlib.Path) -> None:
    r"""Refuses member names that point outside their archive; "\" counts as a separator too.

    Raises:
      DataError: A name is absolute, has a drive letter or a ".." part.
    """
    for name in names:
        parts = re.split(r"[/\\]", name)
        if parts[0] == "" or parts[0].endswith(":") or ".." in parts:
            raise DataError(
                f"refused {path}: member {name!r} is absolute or climbs with '..'; build the "
                "archive with relative names"
            )


def _open_folder(path: pathlib.Path) -> Archive:
    files: list[str] = []
    folders: list[str] = []
    for directory, subdirectories, file_names in os.walk(path, onerror=_raise, followlinks=True):
        relative = pathlib.Path(directory).relative_to(path)
        if len(relative.parts) == _MAX_DEPTH:
            subdirectories.clear()
        files += [(relative / name).as_posix() for name in file_names]
        folders += [(relative / name).as_posix() for name in subdirectories]
    read = functools.partial(_read_file, path)
    return Archive(path, tuple(sorted(files)), tuple(sorted(folders)), read)


def _open_zip(path: pathlib.Path) -> Archive:
    # Left open as long as the archive is in use: pictures are read while training goes on.
    zip_file = zipfile.ZipFile(path)
    names = zip_file.namelist()
    refuse_unsafe_names(names, path)
    files = sorted({name for name in names if not name.endswith("/")})
    nearest = {name.rpartition("/")[0] for name in names}
    folders = {
        str(folder)
        for name in nearest
        for folder in (pathlib.PurePosixPath(name), *pathlib.PurePosixPath(name).parents)
    }
    read = functools.partial(_read_member, zip_file)
    return Archive(path, tuple(files), tuple(sorted(folders - {"."})), read)


def _read_file(folder: pathlib.Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})") from error


def _read_member(zip_file: zipfile.ZipFile, name: str) -> bytes:
    try:
        return zip_file.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DataError(f"is damaged in the zip ({error})") from error
    except (RuntimeError, NotImplementedError) as error:
        raise DataError(f"is encrypted or compressed in an unknown way ({error})") from error


def _raise(error: OSError) -> None:
    raise error
