"""Our own runner, the real one with the real library, in a session on the fake phone."""

import pytest

from android_bench import benchmark_binary, session
from android_bench.adb import Adb
from android_bench.plan import Cell
from android_bench.session import Settings
from tests.fakephone.phone import phone


@pytest.fixture(scope="module")
def binary(runner_program, litert_library) -> benchmark_binary.Binary:
    return benchmark_binary.inspect(runner_program, litert_library)


def test_a_session_keeps_every_sample(binary, shared_dir, tmp_path):
    model = shared_dir / "tflite_models" / "mobilenet" / "mobilenet_v1_0.25_224_quant.tflite"
    cells = [Cell(str(model), runtime, 1, "big") for runtime in ("xnnpack", "no_xnnpack")]
    settings = Settings(num_rounds=1, num_runs=3, min_time_s=0, warmup_s=0)
    with phone() as running:
        records = list(
            session.run(Adb(running.serial), cells, binary, settings, tmp_path / "p.jsonl")
        )
        assert running.files() == []
    by_runtime = {record["cell"]["runtime"]: record for record in records}
    assert by_runtime.keys() == {"xnnpack", "no_xnnpack"}
    for record in records:
        assert record["accepted"], record["rejected_because"]
        assert len(record["samples_us"]) == 3
        assert record["log"]["median_us"] == sorted(record["samples_us"])[1]
    taken = by_runtime["xnnpack"]["evidence"]
    assert (taken["nodes_taken"], taken["nodes_total"]) == (29, 31)
