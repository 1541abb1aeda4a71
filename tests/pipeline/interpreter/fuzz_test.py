"""A few hostile models in every run of the suite; `make fuzz` runs many."""

import pathlib

from tests.pipeline.interpreter import fuzz


def test_nothing_but_our_own_errors_comes_out(tmp_path: pathlib.Path) -> None:
    attempts = fuzz.mutated(fuzz.seeds(), 300, seed=1, folder=tmp_path)
    assert not attempts.escapes
    assert attempts.outcomes["ran"] > 20
    assert attempts.outcomes.total() == 300
