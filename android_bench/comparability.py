"""Which latencies may be compared: a ratio is about the model only where all else is equal."""

from collections.abc import Callable
from typing import Any

from android_bench.plan import Cell
from android_bench.results import Header, Session
from pipeline import errors

# Of the settings, those that change which rounds there are and not what a round measures.
_FREE_SETTINGS = ("num_rounds", "seed", "profile_ops")
_MAX_SHOWN = 80

# What must be equal -> where it stands.
_OF_SESSION: dict[str, Callable[[Header], Any]] = {
    "phone (units of one type differ, too)": lambda header: header.serial,
    "build of the device": lambda header: header.fingerprint,
    "benchmark binary": lambda header: header.binary_sha256,
    "LiteRT's library": lambda header: header.library_sha256,
}
_OF_CELL: dict[str, Callable[[Cell], Any]] = {
    "cluster": lambda cell: cell.cluster,
    "number of threads": lambda cell: cell.num_threads,
}


def reasons(
    session: Session,
    cell: Cell,
    other_session: Session,
    other_cell: Cell,
    *,
    same_model: bool = True,
    same_runtime: bool = True,
) -> tuple[str, ...]:
    """Returns why the latencies of two cells must not be compared; empty where they may be.

    Args:
      session: Of the one.
      cell: The one.
      other_session: Of the other; the same perhaps.
      other_cell: The other.
      same_model: Whether both must be of one model; False where models are what is compared.
      same_runtime: Whether both must be of one runtime; False where runtimes are compared.
    """
    one, other = session.header, other_session.header
    found = [*_emulated(one, other)]
    pairs = [(what, read(one), read(other)) for what, read in _OF_SESSION.items()]
    pairs += [(what, read(cell), read(other_cell)) for what, read in _OF_CELL.items()]
    pairs += [
        (f"setting of {name}", one.settings.get(name), other.settings.get(name))
        for name in dict.fromkeys((*one.settings, *other.settings))
        if name not in _FREE_SETTINGS
    ]
    if same_runtime:
        pairs.append(("runtime", cell.runtime, other_cell.runtime))
    if same_model:
        pairs.append(
            ("model", one.sha256_by_model[cell.model], other.sha256_by_model[other_cell.model])
        )
    found += [
        f"another {what}: {_shown(value)} against {_shown(other_value)}"
        for what, value, other_value in pairs
        if value != other_value
    ]
    if None in (one.fingerprint, other.fingerprint) and one is not other:
        found.append("the build of a device is unknown")
    return tuple(found)


def check(
    session: Session, cell: Cell, other_session: Session, other_cell: Cell, **same: bool
) -> None:
    """Refuses what reasons() finds reasons against.

    Raises:
      IncomparableError: There are reasons; the message has them all.
    """
    found = reasons(session, cell, other_session, other_cell, **same)
    if found:
        raise errors.IncomparableError(
            f"{cell.model} in {session.path} cannot be compared with {other_cell.model} in "
            f"{other_session.path}: {'; '.join(found)}. Measure both in one session"
        )


def _emulated(one: Header, other: Header) -> list[str]:
    if one.is_emulated != other.is_emulated:
        return ["an emulated phone against a real one"]
    return ["emulated phones: their times are no latency"] if one.is_emulated else []


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
