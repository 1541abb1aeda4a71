"""A progress bar on stderr, only when it is a terminal."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

_Item = TypeVar("_Item")


def track(items: Iterable[_Item], title: str, total: int) -> Iterator[_Item]:
    """Yields `items`, of which there are `total`, and shows how many have been asked for."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        yield from progress.track(items, total=total, description=title)
