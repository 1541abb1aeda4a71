"""A session under Android's own shell and tools: mksh and toybox, arm64, emulated."""

import pytest

from android_bench import benchmark_binary, device, journal, report, results, session
from android_bench.adb import Adb
from android_bench.plan import Cell
from android_bench.session import Settings
from tests.fakephone.phone import phone
from tests.fakephone.scenario import Scenario

# For mksh alone: Python takes seconds to start under emulation.
_PROGRAM = """#!/system/bin/sh
# benchmark_tool: tflite
echo "INFO: STARTING!"
for flag in "$@"; do
  case $flag in
    --graph=*) echo "INFO: Graph: [${flag#*=}]" ;;
    --use_xnnpack=*) echo "INFO: Use xnnpack: [${flag#*=}]" ;;
  esac
done
echo "VERBOSE: Replacing 31 out of 31 node(s) with delegate (TfLiteXNNPackDelegate) node," \\
  "yielding 1 partitions for subgraph 0." >&2
echo "INFO: count=2 first=9000 curr=9000 min=9000 max=9000 avg=9000 std=0"
echo "INFO: count=50 first=9000 curr=9000 min=9000 max=9000 avg=9000 std=0"
echo "INFO: Inference timings in us: Init: 20000, First inference: 9000, Warmup (avg): 9000," \\
  "Inference (avg): 9000"
"""


@pytest.fixture(scope="module")
def running():
    with phone(Scenario(processor="dotprod", thermal=(0,))) as emulated:
        yield emulated


def test_facts_and_state(running):
    facts = device.read_facts(Adb(running.serial))
    assert device.cores.describe(facts.clusters) == "little (cores 0 to 3), big (cores 4 to 7)"
    assert [cluster.max_khz for cluster in facts.clusters] == [1_800_000, 2_400_000]
    assert facts.has_dot_product
    assert facts.is_emulated
    assert facts.total_memory_bytes == running.scenario.memory_total_kb * 1024
    state = device.read_state(Adb(running.serial))
    assert list(state.time_in_state) == [0, 4]
    assert len(state.zones_c) == len(state.sensors) == len(running.scenario.zones)
    assert state.screen_on is True


def test_session(running, tmp_path):
    program = tmp_path / "benchmark_model"
    program.write_text(_PROGRAM)
    model = tmp_path / "m.tflite"
    model.write_bytes(bytes(1000))
    path = tmp_path / "phone.jsonl"
    records = list(
        session.run(
            Adb(running.serial),
            [Cell(str(model), "xnnpack", 2, "big")],
            benchmark_binary.inspect(program),
            Settings(num_rounds=2, num_runs=1, min_time_s=0, fixed_performance_mode=True),
            path,
        )
    )
    assert [record["kind"] for record in records] == ["sample", "sample"]
    assert all(record["accepted"] and record["cpus_allowed"] == "c0" for record in records)
    assert running.files() == []
    assert not running.is_fixed_performance()
    assert journal.to_undo(journal.read(path)) == set()
    (cell,) = report.of_session(results.read(path)).cells
    assert cell.latency is None
    assert "emulated" in cell.no_latency_because
