"""From the real adb to a claim: sessions on the fake phone, read back as reports."""

import pytest

from android_bench import benchmark_binary, report, results, session
from android_bench.adb import Adb
from android_bench.plan import Cell
from pipeline import errors
from tests.fakephone.binaries import behaviour
from tests.fakephone.binaries.behaviour import Behaviour
from tests.fakephone.phone import phone
from tests.fakephone.scenario import Scenario

_BASE_US = 20_000
_BASE_BYTES = 10_000
# So that a model's size is its latency: 2 us a byte.
_BINARY = Behaviour(latency_us={"xnnpack": 0.0}, us_per_model_kb=2000)
_SETTINGS = session.Settings(num_rounds=7, num_runs=1, min_time_s=0)
_REAL = {"ro.boot.qemu": "0", "ro.kernel.qemu": "0"}


def _measure(tmp_path, scenario, *models):
    cells = [Cell(str(model), "xnnpack", 1, "big") for model in models]
    binary = benchmark_binary.inspect(behaviour.write(tmp_path / "benchmark_model", _BINARY))
    path = tmp_path / "phone.jsonl"
    with phone(scenario) as running:
        list(session.run(Adb(running.serial), cells, binary, _SETTINGS, path))
    return results.read(path)


def _model(path, size_bytes):
    path.write_bytes(bytes(size_bytes))
    return path


def test_a_planted_slowdown_is_claimed_and_no_other(tmp_path):
    models = [
        _model(tmp_path / name, size_bytes)
        for name, size_bytes in (("old", _BASE_BYTES), ("same", _BASE_BYTES), ("slow", 10_300))
    ]
    measured = report.of_session(_measure(tmp_path, Scenario(properties=_REAL), *models))
    assert [cell.num_accepted for cell in measured.cells] == [7, 7, 7]
    assert measured.cells[0].latency is not None
    assert measured.cells[0].latency.median_us.median == _BASE_US
    assert measured.cells[0].held_mhz["big"].median == 2400
    assert measured.cells[0].evidence[0].nodes_taken == 31
    same, slow = measured.pairs
    assert same.difference.claim == "no difference claimed"
    assert slow.difference.claim == "slower"
    assert slow.difference.ratio == pytest.approx(1.03)
    assert slow.is_slower_by(0.02)
    assert not slow.is_slower_by(0.05)


def test_a_phone_in_qemu_has_no_latency(tmp_path):
    model = _model(tmp_path / "net", _BASE_BYTES)
    emulated = Scenario(properties={"ro.boot.qemu": "1"})
    measured = _measure(tmp_path, emulated, model)
    (cell,) = report.of_session(measured).cells
    assert cell.num_accepted == 7
    assert cell.latency is None
    with pytest.raises(errors.IncomparableError, match="no latency"):
        report.against(measured, measured)
