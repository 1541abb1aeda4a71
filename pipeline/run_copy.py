"""What a worker has to know of the chief's run directory to go on where it stands."""

import io
import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

from pipeline import checkpoint, files
from pipeline.errors import StrategyError

_CONFIG = "config.json"
_FILES = ("run.json", "float.keras", "qat.keras")
_CHECKPOINTS = "checkpoints/"


def pack(path: pathlib.Path, config: Mapping[str, Any]) -> bytes:
    """Returns the chief's settings and what its run directory holds of a run begun before.

    Args:
      path: The run directory; need not exist.
      config: Of the run, as JSON has it.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(_CONFIG, json.dumps(config))
        for name in _FILES:
            if (path / name).is_file():
                archive.write(path / name, name)
        if (last := checkpoint.latest(path / _CHECKPOINTS)) is not None:
            archive.write(last, _CHECKPOINTS + last.name)
    return content.getvalue()


def unpack(message: bytes, path: pathlib.Path) -> dict[str, Any]:
    """Fills the empty folder `path` as the chief's run directory; returns the chief's settings."""
    with zipfile.ZipFile(io.BytesIO(message)) as archive:
        for name in archive.namelist():
            # Names are looked up, not trusted.
            if name in _FILES:
                files.write_bytes(path / name, archive.read(name))
            elif name.startswith(_CHECKPOINTS):
                file = path / _CHECKPOINTS / pathlib.PurePosixPath(name).name
                files.write_bytes(file, archive.read(name))
        return json.loads(archive.read(_CONFIG))


def check_same(config: Mapping[str, Any], chief: Mapping[str, Any], free: frozenset[str]) -> None:
    """Checks that a worker was given the settings of the chief.

    Args:
      config: The worker's.
      chief: The chief's, as JSON has it.
      free: Names of settings that may differ.

    Raises:
      StrategyError: They differ; names the settings.
    """
    config = json.loads(json.dumps(config))  # What JSON makes of it, as of the chief's.
    differing = [
        f"--{name}={config.get(name)} (the chief has {chief.get(name)})"
        for name in sorted({*config, *chief} - free)
        if config.get(name) != chief.get(name)
    ]
    if differing:
        raise StrategyError(
            f"needed the chief's flags on every worker, got {', '.join(differing)}; start all of "
            "them with the same flags"
        )
