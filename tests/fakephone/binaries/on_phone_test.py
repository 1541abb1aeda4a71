"""Sessions with the fake binaries on the fake phone: what they play is what the journal says."""

import itertools
import pathlib
import statistics

import pytest

from android_bench import benchmark_binary, journal, session
from android_bench.adb import Adb
from android_bench.gate import Patience
from android_bench.plan import Cell
from android_bench.session import Endurance, Settings
from tests.fakephone.binaries import behaviour
from tests.fakephone.binaries.behaviour import PHONE_NOISE, Behaviour
from tests.fakephone.phone import phone

_SETTINGS = Settings(num_rounds=2, num_runs=20, min_time_s=0.2, warmup_s=0.05)
_ENDURANCE = Endurance(Patience(limit_s=1), return_timeout_s=5)


@pytest.fixture(scope="module")
def running():
    with phone() as plain:
        yield plain


@pytest.fixture(autouse=True)
def _first_process(running):
    (running.root / "fake" / Behaviour().state_file).unlink(missing_ok=True)


def _model(folder: pathlib.Path, size_kb: int) -> str:
    path = folder / f"net{size_kb}.tflite"
    path.write_bytes(bytes(size_kb * 1000))
    return str(path)


def _run(running, folder: pathlib.Path, how: Behaviour, cells) -> list[journal.Record]:
    binary = benchmark_binary.inspect(behaviour.write(folder / "benchmark_model", how))
    path = folder / "journal.jsonl"
    adb = Adb(running.serial)
    list(session.run(adb, cells, binary, _SETTINGS, path, endurance=_ENDURANCE))
    assert running.files() == []
    return journal.read(path)


def _samples(records, **cell) -> list[journal.Record]:
    return [
        record
        for record in journal.of_kind(records, "sample")
        if cell.items() <= record["cell"].items()
    ]


@pytest.mark.parametrize("tool", ["tflite", "litert"])
def test_models_threads_and_clusters(running, tmp_path, tool):
    models = [_model(tmp_path, size_kb) for size_kb in (10, 60)]
    cells = [
        Cell(*cell) for cell in itertools.product(models, ["xnnpack"], [1, 2], ["little", "big"])
    ]
    how = Behaviour(tool=tool, noise=PHONE_NOISE, us_per_model_kb=100)
    records = _run(running, tmp_path, how, cells)
    assert all(record["accepted"] for record in _samples(records))

    def median_us(**cell) -> float:
        samples = _samples(records, **cell)
        assert len(samples) == _SETTINGS.num_rounds
        return statistics.median(sample["log"]["median_us"] for sample in samples)

    quickest = median_us(model=models[0], num_threads=1, cluster="big")
    assert quickest == pytest.approx(10000, rel=0.15)
    for changed, factor in (
        ({"cluster": "little"}, 2.5),
        ({"model": models[1]}, 1.5),
        ({"num_threads": 2}, 0.15 + 0.85 / 2),
    ):
        slower = median_us(**{"model": models[0], "num_threads": 1, "cluster": "big"} | changed)
        assert slower / quickest == pytest.approx(factor, rel=0.2)


def test_processes_that_fail_are_repeated(running, tmp_path):
    faults = {2: "garbage", 3: "truncate", 5: "fail", 6: "crash"}
    cells = [Cell(_model(tmp_path, 1), "xnnpack", threads, "big") for threads in (1, 2)]
    records = _run(running, tmp_path, Behaviour(faults=faults, seed=1), cells)
    samples = _samples(records)
    rejected = [number for number, sample in enumerate(samples, 1) if not sample["accepted"]]
    assert rejected == sorted(faults)
    assert len(samples) == len(faults) + len(cells) * _SETTINGS.num_rounds


@pytest.mark.parametrize("tool", ["tflite", "litert"])
@pytest.mark.parametrize(
    ("extent", "complaint"),
    [("partial", "23 of 31"), ("silent", "ran elsewhere")],
)
def test_fallback_is_a_failure_of_that_runtime_only(running, tmp_path, tool, extent, complaint):
    model = _model(tmp_path, 1)
    cells = [Cell(model, runtime, 1, "big") for runtime in ("gpu", "xnnpack")]
    records = _run(running, tmp_path, Behaviour(tool=tool, delegation={"gpu": extent}), cells)
    (failure,) = journal.of_kind(records, "failure")
    assert failure["cell"]["runtime"] == "gpu"
    assert complaint in failure["message"]
    accepted = [sample for sample in _samples(records) if sample["accepted"]]
    assert [sample["cell"]["runtime"] for sample in accepted] == ["xnnpack"] * 2
