import dataclasses

import hypothesis
import hypothesis.strategies as st
import pytest

from android_bench import timing
from android_bench.timing import Timing


def test_all_fields():
    line = "count=9 first=871 curr=516 min=516 max=871 avg=581.5 std=114 p5=516 median=519 p95=871"
    assert timing.parse_count_line(line) == Timing(
        9, 871.0, 516.0, 871.0, 581.5, 114.0, 519.0, 516.0, 871.0
    )


def test_what_an_old_tool_does_not_print_is_none():
    line = "count=50 first=3 curr=3 min=2 max=4 avg=2.95034e+00 std=1"
    parsed = timing.parse_count_line(line)
    assert parsed == Timing(50, 3.0, 2.0, 4.0, 2.95034, 1.0)
    assert (parsed.median_us, parsed.p5_us, parsed.p95_us) == (None, None, None)


def test_one_run_is_all_of_its_figures():
    parsed = timing.parse_count_line("count=1 curr=3512391")
    assert parsed.count == 1
    assert parsed.std_us == 0.0
    assert {
        value
        for name, value in dataclasses.asdict(parsed).items()
        if name not in ("count", "std_us")
    } == {3512391.0}


def test_all_same():
    line = "count=20 curr=7(all same) p5=7 median=7 p95=7"
    assert timing.parse_count_line(line) == Timing(20, 7, 7, 7, 7, 0, 7, 7, 7)


def test_no_runs():
    assert timing.parse_count_line("count=0 p5=0 median=0 p95=0") == Timing(count=0)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "count=",
        "count=50",
        "count=5 first=3 curr=3 min=2 max=4",
        "count=5 first=3 curr=3 min=2 max=4 avg=",
        "count=5 first=3 curr=x min=2 max=4 avg=3 std=1",
        "count=5first=3 curr=3 min=2 max=4 avg=3 std=1",
        "first=3 curr=3 min=2 max=4 avg=3 std=1",
        "count=5 curr=3 min=2",
        "count=5 first=3 curr=3 min=2 max=4 avg=nan std=1",
        "count=" + "9" * 400 + " curr=1",
    ],
)
def test_a_damaged_line_is_none(line):
    assert timing.parse_count_line(line) is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("count=5 first=3 curr=3 min=4 max=2 avg=3 std=1", "min=4 is above max=2"),
        ("count=5 first=3 curr=3 min=2 max=4 avg=30 std=1", "avg=30 is not within"),
        ("count=5 first=30 curr=3 min=2 max=4 avg=3 std=1", "first=30 is not within"),
        ("count=5 first=3 curr=3 min=2 max=4 avg=3 std=1 p5=2 median=5 p95=4", "median=5"),
        ("count=5 first=3 curr=3 min=2 max=4 avg=3 std=-1", "negative"),
    ],
)
def test_contradictions_are_named(line, complaint):
    assert complaint in timing.parse_count_line(line).contradiction()


@hypothesis.given(st.lists(st.integers(1, 10**7), min_size=1, max_size=200))
def test_what_the_tool_prints_of_real_runs_comes_back(runs):
    parsed = timing.parse_count_line(_printed(runs))
    assert parsed.contradiction() is None
    assert (parsed.count, parsed.first_us) == (len(runs), runs[0])
    assert (parsed.min_us, parsed.max_us) == (min(runs), max(runs))
    assert parsed.mean_us == pytest.approx(sum(runs) / len(runs), rel=1e-5)
    assert parsed.median_us == sorted(runs)[len(runs) // 2]


def _printed(runs: list[int]) -> str:
    ordered = sorted(runs)
    percentiles = " ".join(
        f"{name}={ordered[len(runs) * percent // 100]}"
        for name, percent in (("p5", 5), ("median", 50), ("p95", 95))
    )
    if ordered[0] == ordered[-1]:
        same = "(all same)" if len(runs) > 1 else ""
        return f"count={len(runs)} curr={runs[-1]}{same} {percentiles}"
    mean = sum(runs) / len(runs)
    std = (sum(run * run for run in runs) / len(runs) - mean * mean) ** 0.5
    return (
        f"count={len(runs)} first={runs[0]} curr={runs[-1]} min={ordered[0]} max={ordered[-1]} "
        f"avg={mean:g} std={int(std)} {percentiles}"
    )
