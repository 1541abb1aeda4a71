"""Which op of one model stands for which op of another.

Leaf module: no TensorFlow, no schema.
"""

import dataclasses
import difflib
from collections.abc import Callable, Hashable, Iterator, Sequence

from pipeline.finding import Place

_Key = Callable[[Place], Hashable]


@dataclasses.dataclass(frozen=True)
class Pair:
    """One op of model A and the op of model B that stands for it.

    Attributes:
      a: None where B added an op.
      b: None where B has the op no more.
    """

    a: Place | None
    b: Place | None

    @property
    def place(self) -> Place:
        """The op in A, or in B where it is only there."""
        place = self.a or self.b
        assert place is not None
        return place


def align(a: Sequence[Place], b: Sequence[Place]) -> Iterator[Pair]:
    """Yields every op of both sequences once, in order, as pairs of ops of the same kind.

    Ops whose outputs have the same name are paired first, then of those left between two pairs the
    ones of the same layer, of the same output shapes, and of the same kind: a renamed layer still
    finds its partner, and an inserted one shifts no other.
    """
    yield from _align(a, b, (_output_name, _layer, _output_shapes, _kind))


def _align(a: Sequence[Place], b: Sequence[Place], keys: Sequence[_Key]) -> Iterator[Pair]:
    if not keys or not a or not b:
        yield from (Pair(place, None) for place in a)
        yield from (Pair(None, place) for place in b)
        return
    key, *weaker = keys
    matcher = difflib.SequenceMatcher(None, [*map(key, a)], [*map(key, b)], autojunk=False)
    for tag, a_begin, a_end, b_begin, b_end in matcher.get_opcodes():
        sides = a[a_begin:a_end], b[b_begin:b_end]
        if tag == "equal":
            yield from map(Pair, *sides)
        else:
            yield from _align(*sides, weaker)


def _output_name(place: Place) -> Hashable:
    return _kind(place), tuple(tensor.name for tensor in place.outputs[:1])


def _layer(place: Place) -> Hashable:
    return _kind(place), place.layer


def _output_shapes(place: Place) -> Hashable:
    return _kind(place), tuple(tensor.shape for tensor in place.outputs)


def _kind(place: Place) -> Hashable:
    return place.op.op, place.op.is_custom
