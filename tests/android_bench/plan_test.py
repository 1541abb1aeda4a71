"""Rounds are whole, shuffled, repeatable; what is left follows from the records."""

import collections
import dataclasses

from android_bench import plan
from android_bench.plan import Cell

_CELLS = [
    Cell(model, "xnnpack", threads, "big")
    for model in ("a.tflite", "b.tflite")
    for threads in (1, 4)
]


def _sample(turn: plan.Turn, accepted: bool = True) -> dict:
    return {"kind": "sample", "accepted": accepted, **dataclasses.asdict(turn)}


def test_every_round_holds_every_cell_once():
    turns = plan.turns(_CELLS, 6, seed=3)
    for round_ in range(6):
        mine = [turn for turn in turns if turn.round == round_]
        assert [turn.position for turn in mine] == [0, 1, 2, 3]
        assert {turn.cell for turn in mine} == set(_CELLS)
    assert turns == plan.turns(_CELLS, 6, seed=3)
    assert turns != plan.turns(_CELLS, 6, seed=4)


def test_no_cell_is_favoured():
    turns = plan.turns(_CELLS, 2000, seed=0)
    places = collections.Counter((turn.cell, turn.position) for turn in turns)
    assert len(places) == 16
    assert all(430 < count < 570 for count in places.values())  # 500 +- 3.6 standard deviations.


def test_left_is_the_rest_in_its_order():
    turns = plan.turns(_CELLS, 3, seed=0)
    records = [
        {"kind": "session"},
        _sample(turns[0]),
        _sample(turns[2]),
        _sample(turns[1], accepted=False),
    ]
    assert plan.left(turns, records) == (turns[1], *turns[3:])
    failure = {"kind": "failure", "cell": dataclasses.asdict(turns[1].cell), "message": ""}
    assert turns[1].cell not in {turn.cell for turn in plan.left(turns, [*records, failure])}
    assert plan.left(turns, [_sample(turn) for turn in turns]) == ()
