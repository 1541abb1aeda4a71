"""Sessions on the fake phone through the real adb: whole ones, and with everything going wrong."""

import collections
import dataclasses
import itertools
import pathlib
import threading

import pytest

from android_bench import (
    benchmark_binary,
    fixed_performance,
    journal,
    results,
    run_directory,
    session,
)
from android_bench.adb import Adb
from android_bench.benchmark_binary import Binary
from android_bench.gate import Patience
from android_bench.plan import Cell
from android_bench.session import Endurance, Settings
from pipeline.errors import DeviceError, DeviceLostError, ReportError
from tests.fakephone.binaries import behaviour
from tests.fakephone.binaries.behaviour import Behaviour
from tests.fakephone.phone import phone
from tests.fakephone.scenario import Battery, Fault, Scenario

_QUICK = Settings(num_rounds=2, num_runs=1, min_time_s=0)


class _Time:
    """A clock that only waiting moves."""

    def __init__(self):
        self.now_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


_TIME = _Time()
_PATIENCE = Patience(limit_s=30, now_s=lambda: _TIME.now_s, sleep=_TIME.sleep)
_ENDURANCE = Endurance(_PATIENCE, return_timeout_s=5)


@pytest.fixture
def bench(tmp_path):
    return _Bench(tmp_path)


@pytest.fixture(scope="module")
def running():
    """A phone that nothing goes wrong with."""
    with phone() as plain:
        yield plain


class _Bench:
    """Files of a session, and its cells."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.binary = self.program(Behaviour())
        self.journal = folder / "journals" / "phone.jsonl"

    def program(self, how: Behaviour) -> Binary:
        return benchmark_binary.inspect(behaviour.write(self.folder / "benchmark_model", how))

    def model(self, name: str = "a.tflite", size_bytes: int = 1000) -> str:
        (self.folder / name).write_bytes(bytes(size_bytes))
        return str(self.folder / name)

    def cells(self, *models: str, runtimes=("xnnpack",), threads=(1,), clusters=("big",)):
        return [Cell(*cell) for cell in itertools.product(models, runtimes, threads, clusters)]

    def run(self, running, cells, settings=_QUICK, **options):
        options = {"endurance": _ENDURANCE, **options}
        adb = Adb(running.serial, return_timeout_s=5)
        return session.run(adb, cells, self.binary, settings, self.journal, **options)

    def records(self, kind: str) -> list[journal.Record]:
        return journal.of_kind(journal.read(self.journal), kind)

    def accepted(self) -> list[journal.Record]:
        return [sample for sample in self.records("sample") if sample["accepted"]]


def _left_clean(running) -> bool:
    return (
        running.files() == []
        and not running.is_fixed_performance()
        and not running.has_process("benchmark_model")
    )


def _is_whole(bench: _Bench, cells, num_rounds: int) -> bool:
    """Every cell has exactly one accepted sample in each round."""
    counted = collections.Counter(
        (sample["round"], Cell(**sample["cell"])) for sample in bench.accepted()
    )
    return counted == collections.Counter(itertools.product(range(num_rounds), cells))


def test_whole_session(bench, running):
    models = [bench.model("small.tflite", 1000), bench.model("large.tflite", 9000)]
    bench.binary = bench.program(Behaviour(us_per_model_kb=1000, serial_share=0.2))
    engines = ("xnnpack", "no_xnnpack")
    cells = [
        *bench.cells(*models, runtimes=engines),
        *bench.cells(*models, runtimes=engines, threads=(4,), clusters=("little",)),
    ]
    records = list(bench.run(running, cells))
    assert _left_clean(running)
    assert _is_whole(bench, cells, 2)
    samples = bench.records("sample")
    assert records == samples
    orders = [
        [sample["cell"] for sample in samples if sample["round"] == round_] for round_ in (0, 1)
    ]
    assert orders[0] != orders[1]
    masks = {"little": "f", "big": "80"}
    for sample in samples:
        cell = Cell(**sample["cell"])
        assert sample["mask"] == sample["cpus_allowed"] == masks[cell.cluster]
        # Of the fake binary: by the model's size, the runtime, and the cores it was allowed.
        one_core_us = 10000 if cell.model == models[0] else 18000
        one_core_us += 6000 if cell.runtime == "no_xnnpack" else 0
        one_core_us *= 2.5 if cell.cluster == "little" else 1
        latency_us = one_core_us * (0.2 + 0.8 / cell.num_threads)
        assert sample["log"]["median_us"] == pytest.approx(latency_us, abs=1)
        assert sample["log"]["init_us"] == 20000
        assert sample["evidence"]["nodes_taken"] == (31 if cell.runtime == "xnnpack" else 0)
        assert sample["state_before"]["thermal_status"] == 0
        assert {*sample["time_in_state_delta"]} == {"little", "big"}
        assert {*sample["time_in_state_delta"]["big"]} == {"2400000"}
    (header,) = bench.records("session")
    assert header["facts"]["model"] == "Fake Phone"
    assert [model["path"] for model in header["models"]] == models
    assert len(header["binary"]["sha256"]) == 64


def test_rounds_are_resumed_where_they_ended(bench, running):
    cells = bench.cells(bench.model(), threads=(1, 2, 4))
    first = list(itertools.islice(session_records := bench.run(running, cells), 4))
    session_records.close()
    assert _left_clean(running)
    second = list(bench.run(running, cells))
    third = list(bench.run(running, cells))
    assert (len(first), len(second), third) == (4, 2, [])
    assert _is_whole(bench, cells, 2)
    assert len(bench.records("session")) == 1


def test_another_request_is_not_resumed(bench):
    cells = bench.cells(bench.model())
    with phone() as running:
        whole = list(bench.run(running, cells))
        bench.model(size_bytes=1001)
        with pytest.raises(ReportError, match="another models"):
            next(bench.run(running, cells))
        bench.model()
        with pytest.raises(ReportError, match=r"settings.num_rounds \(2 then, 3 now\)"):
            next(bench.run(running, cells, dataclasses.replace(_QUICK, num_rounds=3)))
        program, bench.binary = bench.binary, bench.program(Behaviour(seed=1))
        with pytest.raises(ReportError, match=r"binary.sha256"):
            next(bench.run(running, cells))
        bench.binary = program
        running.update(properties={"ro.build.fingerprint": "fake/fake/fake:14"})
        with pytest.raises(ReportError, match=r"facts.fingerprint"):
            next(bench.run(running, cells))
        assert _left_clean(running)
    assert bench.records("sample") == whole


@pytest.mark.parametrize(
    ("effect", "after_bytes"), [("vanish", 0), ("vanish", 300), ("kill_server", 300)]
)
def test_lost_in_mid_run_and_back(bench, effect, after_bytes):
    cells = bench.cells(bench.model(), threads=(1, 2))
    fault = Fault("command", effect, "--graph=", nth=2, after_bytes=after_bytes)
    settings = dataclasses.replace(_QUICK, fixed_performance_mode=True)
    with phone(Scenario(faults=(fault,))) as running:
        kinds = [record["kind"] for record in bench.run(running, cells, settings)]
        assert _left_clean(running)
    assert kinds == ["sample", "lost", "returned", "sample", "sample", "sample"]
    assert _is_whole(bench, cells, 2)
    assert "the phone or adb's server was lost" in bench.records("lost")[0]["message"]


def test_lost_in_mid_push_and_back(bench):
    cells = bench.cells(bench.model())
    fault = Fault("push", "vanish", after_bytes=50)
    with phone(Scenario(faults=(fault,))) as running:
        list(bench.run(running, cells))
        assert _left_clean(running)
    assert _is_whole(bench, cells, 2)


def test_lost_for_good_keeps_what_was_measured(bench, monkeypatch):
    monkeypatch.setattr(run_directory, "_FAREWELL_S", 0.1)
    monkeypatch.setattr(fixed_performance, "_FAREWELL_S", 0.1)
    cells = bench.cells(bench.model(), threads=(1, 2))
    fault = Fault("command", "vanish", "--graph=", nth=3, back_after_s=None)
    settings = dataclasses.replace(_QUICK, fixed_performance_mode=True)
    endurance = dataclasses.replace(_ENDURANCE, return_timeout_s=0.3)
    with phone(Scenario(faults=(fault,))) as running:
        records = bench.run(running, cells, settings, endurance=endurance)
        with pytest.raises(DeviceLostError, match=f"{running.serial}: waited 0.3 s"):
            list(records)
    assert len(bench.accepted()) == 2
    assert journal.to_undo(journal.read(bench.journal)) == {fixed_performance.WHAT}


def test_lost_again_and_again_is_given_up(bench):
    cells = bench.cells(bench.model())
    faults = tuple(Fault("command", "vanish", "--graph=", nth=nth) for nth in range(1, 9))
    with phone(Scenario(faults=faults)) as running:
        with pytest.raises(DeviceLostError):
            list(bench.run(running, cells))
        assert _left_clean(running)
    assert len(bench.records("lost")) == _ENDURANCE.max_losses + 1


def test_back_with_another_system(bench):
    cells = bench.cells(bench.model())
    fault = Fault("command", "vanish", "--graph=", nth=2)
    with phone(Scenario(faults=(fault,))) as running:
        records = bench.run(running, cells)
        for record in records:
            if record["kind"] == "lost":
                break
        running.update(properties={"ro.build.fingerprint": "fake/fake/fake:14"})
        with pytest.raises(DeviceError, match=r"return with the system .* got fake/fake/fake:14"):
            list(records)


def test_hot_before_waits(bench):
    cells = bench.cells(bench.model())
    with phone(Scenario(thermal=(3, 2, 1, 0))) as running:
        kinds = [record["kind"] for record in bench.run(running, cells)]
    assert kinds == ["cooled_down", "sample", "sample"]
    assert bench.records("cooled_down")[0]["waited_s"] == 3 * _PATIENCE.poll_s
    assert _is_whole(bench, cells, 2)


def test_hot_after_rejects_and_repeats(bench):
    cells = bench.cells(bench.model(), threads=(1, 2))
    # Questions: before, after; before, after (hot), before (hot, then cool), ...
    with phone(Scenario(thermal=(0, 0, 0, 3, 3, 0))) as running:
        list(bench.run(running, cells))
        assert _left_clean(running)
    samples = bench.records("sample")
    assert [sample["accepted"] for sample in samples] == [True, False, True, True, True]
    assert samples[1]["cell"] == samples[2]["cell"]
    assert "thermal status is 3 (severe)" in samples[1]["rejected_because"]
    assert _is_whole(bench, cells, 2)


def test_a_phone_that_stays_hot(bench):
    cells = bench.cells(bench.model())
    settings = dataclasses.replace(_QUICK, fixed_performance_mode=True)
    with phone(Scenario(thermal=(0, 0, 4))) as running:
        with pytest.raises(DeviceError, match=r"stays hot.*4 \(critical\)"):
            list(bench.run(running, cells, settings))
        assert _left_clean(running)
        running.update(thermal=(0,))
        list(bench.run(running, cells, settings))
    assert _is_whole(bench, cells, 2)


def test_a_phone_that_heats_in_every_process(bench):
    cells = bench.cells(bench.model())
    with phone(Scenario(thermal=(0, 3) * 9)) as running:
        with pytest.raises(DeviceError, match=r"gets too warm whenever it measures .*3 samples"):
            list(bench.run(running, cells))
        assert _left_clean(running)
    assert len(bench.records("sample")) == _ENDURANCE.max_rejected


def test_an_empty_battery_is_refused_before_anything_is_measured(bench):
    cells = bench.cells(bench.model())
    with phone(Scenario(battery=Battery(level=7))) as running:
        with pytest.raises(DeviceError, match="battery holds 7 %, needed at least 20 %"):
            list(bench.run(running, cells))
        assert _left_clean(running)
    assert bench.records("sample") == []


def test_impossible_cells_are_refused_before_a_journal_is_begun(bench):
    cells = bench.cells(bench.model(), clusters=("prime",))
    with phone() as running, pytest.raises(DeviceError, match="no cluster 'prime'"):
        list(bench.run(running, cells))
    assert not bench.journal.exists()


def test_a_runtime_that_the_binary_lacks_is_refused_before_a_journal_is_begun(bench, running):
    bench.binary = bench.program(Behaviour(tool="litert"))
    cells = bench.cells(bench.model(), runtimes=("xnnpack", "nnapi"))
    with pytest.raises(DeviceError, match="'nnapi' needs a benchmark binary of kind tflite"):
        list(bench.run(running, cells))
    assert not bench.journal.exists()


def test_the_other_tool(bench, running):
    bench.binary = bench.program(Behaviour(tool="litert"))
    cells = bench.cells(bench.model(), runtimes=("xnnpack", "gpu"))
    list(bench.run(running, cells))
    assert _is_whole(bench, cells, 2)
    latencies = {s["cell"]["runtime"]: s["log"]["median_us"] for s in bench.accepted()}
    assert latencies == {"xnnpack": 9000, "gpu": 4000}


def test_ops_are_profiled_once_after_all_rounds(bench, running):
    cells = bench.cells(bench.model(), runtimes=("xnnpack", "no_xnnpack"))
    settings = dataclasses.replace(_QUICK, profile_ops=True)
    list(bench.run(running, cells, settings))
    assert _is_whole(bench, cells, 2)
    kinds = [record["kind"] for record in journal.read(bench.journal)]
    assert kinds[-2:] == ["profile", "profile"]
    assert kinds.count("profile") == 2
    ms_by_op = results.read(bench.journal).ms_by_op
    assert list(ms_by_op) == list(cells)
    assert all(set(ops) == {"CONV_2D", "DEPTHWISE_CONV_2D"} for ops in ms_by_op.values())
    assert list(bench.run(running, cells, settings)) == []


def test_a_binary_that_cannot_profile_is_refused(bench, running):
    bench.binary = bench.program(Behaviour(tool="litert"))
    settings = dataclasses.replace(_QUICK, profile_ops=True)
    with pytest.raises(DeviceError, match="op profiles, got LiteRT's"):
        list(bench.run(running, bench.cells(bench.model()), settings))
    assert not bench.journal.exists()


def test_partial_delegation_is_a_failure_and_the_others_go_on(bench, running):
    bench.binary = bench.program(Behaviour(delegation={"gpu": "partial"}))
    cells = bench.cells(bench.model(), runtimes=("gpu", "xnnpack"))
    list(bench.run(running, cells))
    assert _left_clean(running)
    (failure,) = bench.records("failure")
    assert failure["cell"]["runtime"] == "gpu"
    assert "took only 23 of 31 nodes" in failure["message"]
    assert [sample["cell"]["runtime"] for sample in bench.accepted()] == ["xnnpack", "xnnpack"]


def test_a_silent_fallback_is_a_failure_even_where_partial_is_allowed(bench, running):
    bench.binary = bench.program(Behaviour(delegation={"gpu": "silent"}))
    settings = dataclasses.replace(_QUICK, allow_partial_delegation=True)
    list(bench.run(running, bench.cells(bench.model(), runtimes=("gpu",)), settings))
    (failure,) = bench.records("failure")
    assert "the model ran elsewhere" in failure["message"]
    assert bench.accepted() == []


def test_partial_delegation_where_it_is_allowed(bench, running):
    bench.binary = bench.program(Behaviour(delegation={"gpu": "partial"}))
    settings = dataclasses.replace(_QUICK, allow_partial_delegation=True)
    list(bench.run(running, bench.cells(bench.model(), runtimes=("gpu",)), settings))
    assert [sample["evidence"]["nodes_taken"] for sample in bench.accepted()] == [23, 23]


@pytest.mark.parametrize("fault", ["fail", "crash", "garbage", "truncate"])
def test_a_process_that_always_fails(bench, running, fault):
    bench.binary = bench.program(Behaviour(fault=fault))
    list(bench.run(running, bench.cells(bench.model())))
    assert _left_clean(running)
    (failure,) = bench.records("failure")
    assert len(bench.records("sample")) == _ENDURANCE.max_rejected
    assert bench.accepted() == []
    assert fault != "fail" or "Benchmarking failed" in failure["message"]


@pytest.mark.parametrize(
    ("effect", "after_bytes"), [("garbage", 0), ("truncate", 0), ("truncate", 400)]
)
def test_unusable_logs_are_rejected_and_repeated(bench, effect, after_bytes):
    cells = bench.cells(bench.model(), threads=(1, 2))
    fault = Fault("command", effect, "--graph=", nth=2, after_bytes=after_bytes)
    with phone(Scenario(faults=(fault,))) as running:
        list(bench.run(running, cells))
        assert _left_clean(running)
    assert _is_whole(bench, cells, 2)
    assert len({sample["log"]["median_us"] for sample in bench.accepted()}) == len(cells)


def test_a_process_that_hangs_is_ended_and_repeated(bench, monkeypatch):
    monkeypatch.setattr(session, "_START_UP_S", 3.0)
    cells = bench.cells(bench.model())
    settings = dataclasses.replace(_QUICK, max_time_s=0.2, warmup_s=0)
    with phone(Scenario(faults=(Fault("command", "hang", "--graph="),))) as running:
        list(bench.run(running, cells, settings))
        assert _left_clean(running)
    samples = bench.records("sample")
    assert [sample["accepted"] for sample in samples] == [False, True, True]
    assert "did not end within 3.2 s" in samples[0]["rejected_because"]


def test_fixed_performance_mode_is_on_only_meanwhile(bench, running):
    cells = bench.cells(bench.model())
    settings = dataclasses.replace(_QUICK, fixed_performance_mode=True)
    modes = [running.is_fixed_performance() for _ in bench.run(running, cells, settings)]
    assert _left_clean(running)
    assert modes == [True, True]


def test_a_phone_without_that_mode(bench):
    cells = bench.cells(bench.model())
    settings = dataclasses.replace(_QUICK, fixed_performance_mode=True)
    with phone(Scenario(has_fixed_performance_mode=False)) as running:
        with pytest.raises(DeviceError, match=r"leave out --fixed_perf.*FIXED_PERFORMANCE"):
            list(bench.run(running, cells, settings))
        assert _left_clean(running)


def test_what_a_killed_session_left_on_is_undone_by_the_next(bench, running):
    cells = bench.cells(bench.model())
    # The state a kill leaves: told to the journal, told to the phone, not undone.
    list(itertools.islice(records := bench.run(running, cells), 1))
    records.close()
    with journal.Journal(bench.journal) as opened:
        fixed_performance.turn_on(Adb(running.serial), opened)
    assert running.is_fixed_performance()
    assert not any(running.is_fixed_performance() for _ in bench.run(running, cells))
    assert _left_clean(running)
    assert journal.to_undo(journal.read(bench.journal)) == set()


def test_stopped_from_another_thread_in_mid_run(bench, running):
    bench.binary = bench.program(Behaviour(fault="hang"))
    cells = bench.cells(bench.model())
    settings = dataclasses.replace(_QUICK, fixed_performance_mode=True)
    stop = threading.Event()
    threading.Timer(1.0, stop.set).start()
    assert list(bench.run(running, cells, settings, stop=stop)) == []
    assert _left_clean(running)
    assert bench.records("sample") == []


def test_interrupted_in_mid_run(bench, running, monkeypatch):
    bench.binary = bench.program(Behaviour(fault="hang"))
    cells = bench.cells(bench.model())
    settings = dataclasses.replace(_QUICK, fixed_performance_mode=True)
    stop = threading.Event()

    def interrupt_once_it_runs() -> bool:
        if running.has_process("--graph="):
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(stop, "is_set", interrupt_once_it_runs)
    with pytest.raises(KeyboardInterrupt):
        list(bench.run(running, cells, settings, stop=stop))
    assert _left_clean(running)
    assert bench.records("sample") == []
