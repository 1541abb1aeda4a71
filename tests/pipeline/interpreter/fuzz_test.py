"""A few hostile models in every run of the suite; `make fuzz` runs many."""

from tests.pipeline.interpreter import fuzz


def test_nothing_but_our_own_errors_comes_out() -> None:
    outcomes = fuzz.mutated(fuzz.seeds(), 300, seed=1)
    assert outcomes["ran"] > 20
    assert sum(outcomes.values()) == 300
