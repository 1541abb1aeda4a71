"""Pictures that do not decode: all are found before training starts, named and counted."""

import concurrent.futures
from collections.abc import Callable, Mapping, Sequence

from absl import logging

from pipeline.data import progress
from pipeline.errors import DataError

_MAX_NAMED = 10
_CHUNK = 64


def find(
    names: Sequence[str], attempt: Callable[[int], object], *, title: str
) -> dict[int, DataError]:
    """Calls attempt(i) for each i < len(names), in threads; returns those that raised DataError."""

    def attempt_chunk(start: int) -> dict[int, DataError]:
        errors = {}
        for index in range(start, min(start + _CHUNK, len(names))):
            try:
                attempt(index)
            except DataError as error:
                errors[index] = error
        return errors

    starts = range(0, len(names), _CHUNK)
    found: dict[int, DataError] = {}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for errors in progress.track(pool.map(attempt_chunk, starts), title, len(starts)):
            found |= errors
    return found


def settle(errors: Mapping[str, DataError], num_images: int, *, skip: bool) -> tuple[str, ...]:
    """Fails on bad pictures, or reports them once and returns their names, sorted.

    Args:
      errors: What is wrong with each bad picture, by its name.
      num_images: Number of pictures looked at.
      skip: Go on without the bad ones.

    Raises:
      DataError: There are bad pictures, and `skip` is not set.
    """
    names = tuple(sorted(errors))
    if not names:
        return names
    shown = "".join(f"\n  {name}: {errors[name]}" for name in names[:_MAX_NAMED])
    more = f"\n  ... and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    found = f"{len(names)} of {num_images} pictures cannot be used:{shown}{more}"
    if not skip:
        raise DataError(f"{found}\nrepair or remove them, or skip them with --skip_bad_images")
    logging.warning("skipped %s", found)
    return names
