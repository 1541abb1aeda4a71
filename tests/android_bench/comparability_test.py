"""Which latencies may be compared."""

import dataclasses

import pytest

from android_bench import comparability, results
from android_bench.plan import Cell
from pipeline import errors
from tests.android_bench import synthetic_journal as synthetic

_CELL, _INT8 = Cell(synthetic.FLOAT, "xnnpack", 1, "big"), Cell(synthetic.INT8, "xnnpack", 1, "big")


@pytest.fixture
def session_of(tmp_path):
    def read(name="a", **changes):
        path = tmp_path / f"{name}.jsonl"
        return results.read(synthetic.write(path, [synthetic.header(**changes)]))

    return read


def test_the_same_again_is_comparable(session_of):
    one, other = session_of("a"), session_of("b", num_rounds=20, seed=3)
    assert comparability.reasons(one, _CELL, other, _CELL) == ()
    comparability.check(one, _CELL, other, _CELL)


def test_two_models_of_one_session_are_comparable_when_asked_for(session_of):
    one = session_of()
    assert comparability.reasons(one, _CELL, one, _INT8, same_model=False) == ()
    (reason,) = comparability.reasons(one, _CELL, one, _INT8)
    assert reason.startswith("another model: 000")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"facts": dataclasses.replace(synthetic.FACTS, serial="P2")}, "another phone .*P2"),
        ({"facts": dataclasses.replace(synthetic.FACTS, fingerprint="new")}, "build .*: new"),
        ({"binary": "c" * 64}, "another benchmark binary"),
        ({"fixed_performance_mode": True}, "another setting of fixed_performance_mode: True"),
        ({"num_runs": 7}, "another setting of num_runs: 7 against 50"),
        ({"facts": dataclasses.replace(synthetic.FACTS, is_emulated=True)}, "emulated phone again"),
        ({"facts": dataclasses.replace(synthetic.FACTS, fingerprint=None)}, "is unknown"),
    ],
)
def test_another_session_is_refused_with_the_reason(session_of, changes, reason):
    one, other = session_of("a", **changes), session_of("b")
    with pytest.raises(errors.IncomparableError, match=reason) as raised:
        comparability.check(one, _CELL, other, _CELL)
    assert raised.value.exit_code == 2
    assert "a.jsonl" in str(raised.value)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (dataclasses.replace(_CELL, cluster="little"), "another cluster: big against little"),
        (dataclasses.replace(_CELL, num_threads=4), "another number of threads: 1 against 4"),
        (dataclasses.replace(_CELL, runtime="gpu"), "another runtime: xnnpack against gpu"),
    ],
)
def test_another_cell_is_refused_with_the_reason(session_of, cell, reason):
    one = session_of()
    assert comparability.reasons(one, _CELL, one, cell) == (reason,)


def test_runtimes_are_comparable_when_asked_for(session_of):
    one, gpu = session_of(), dataclasses.replace(_CELL, runtime="gpu")
    assert comparability.reasons(one, _CELL, one, gpu, same_runtime=False) == ()


def test_emulated_latencies_are_never_compared(session_of):
    emulated = session_of(facts=dataclasses.replace(synthetic.FACTS, is_emulated=True))
    (reason,) = comparability.reasons(emulated, _CELL, emulated, _CELL)
    assert "no latency" in reason


def test_every_reason_is_told(session_of):
    one = session_of("a", binary="c" * 64, num_runs=7)
    assert len(comparability.reasons(one, _CELL, session_of("b"), _INT8)) == 3
