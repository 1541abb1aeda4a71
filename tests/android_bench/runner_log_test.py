import json

import pytest

from android_bench import parse, runner_log, runtimes
from android_bench.parse import Delegation
from pipeline.errors import DelegationError, LogError

_PRINTED = {
    "tool": runner_log.TOOL,
    "graph": "/data/local/tmp/m.tflite",
    "kernels": "xnnpack",
    "num_threads": 4,
    "num_tasks": 4,
    "num_ops": 31,
    "num_partitions": 4,
    "delegate_kernels": ["Convolution (NHWC, QS8) IGEMM"],
    "cpu_ops": ["AVERAGE_POOL_2D", "SOFTMAX"],
    "load_ns": 1_500_000,
    "compile_ns": 500_000,
    "inputs": [],
    "outputs": [],
    "warm_up_ns": [9_000_000],
    "samples_ns": [3_000_000, 1_000_000, 2_000_000, 4_000_500],
}


def _line(**changes) -> str:
    return json.dumps({**_PRINTED, **changes})


def test_every_sample_and_the_statistics_of_benchmark_tools():
    log = parse.parse(f"INFO: [cpu_registry.cc:75] XNNPACK registered.\n{_line()}\n")
    assert log.tool == "intonly"
    assert log.samples_us == (3000.0, 1000.0, 2000.0, 4000.5)
    assert (log.init_us, log.first_inference_us) == (2000.0, 9000.0)
    assert log.warm_up is not None
    assert (log.warm_up.count, log.warm_up.mean_us) == (1, 9000.0)
    timing = log.inference
    assert (timing.count, timing.first_us, timing.min_us, timing.max_us) == (4, 3000, 1000, 4000.5)
    assert (timing.mean_us, timing.median_us) == (2500.125, 3000.0)
    assert timing.std_us == pytest.approx(1_250_375.046875**0.5)
    assert timing.contradiction() is None


def test_a_line_longer_than_any_other_tool_prints():
    log = parse.parse(_line(samples_ns=[1000] * 20_000))
    assert log.inference.count == 20_000


def test_without_warm_up_the_first_inference_is_the_first_sample():
    log = parse.parse(_line(warm_up_ns=[]))
    assert log.first_inference_us == 3000.0
    assert log.warm_up is not None
    assert log.warm_up.count == 0


def test_what_ran_the_nodes_is_proof():
    log = parse.parse(
        # On Android the library says it of both, the model and its profiled twin.
        2 * "VERBOSE: Replacing 29 out of 31 node(s) with delegate (TfLiteXNNPackDelegate) node, "
        "yielding 4 partitions for subgraph 0.\n" + _line()
    )
    assert log.delegations == (Delegation("TfLiteXNNPackDelegate", "partial", 29, 31, 4),)
    evidence = runtimes.prove(
        runtimes.RUNTIMES["xnnpack"], log, arguments=["--num_threads=4", "--kernels=xnnpack"]
    )
    assert (evidence.nodes_taken, evidence.nodes_total, evidence.partitions) == (29, 31, 4)
    with pytest.raises(DelegationError, match="a delegate was there"):
        runtimes.prove(runtimes.RUNTIMES["no_xnnpack"], log)
    with pytest.raises(LogError, match="needed --num_threads=2"):
        runtimes.prove(runtimes.RUNTIMES["xnnpack"], log, arguments=["--num_threads=2"])


def test_proof_that_no_delegate_ran():
    alone = parse.parse(_line(kernels="builtin", delegate_kernels=[], cpu_ops=["ADD"], num_ops=1))
    assert runtimes.prove(runtimes.RUNTIMES["no_xnnpack"], alone).extent == "none"
    with pytest.raises(DelegationError, match="its delegate is not in the log"):
        runtimes.prove(runtimes.RUNTIMES["xnnpack"], alone)


@pytest.mark.parametrize(
    "changes",
    [
        {"samples_ns": []},
        {"samples_ns": [1.5]},
        {"samples_ns": [-1]},
        {"samples_ns": [True]},
        {"samples_ns": [10**16]},
        {"samples_ns": None},
        {"load_ns": "1"},
        {"cpu_ops": [None]},
        {"graph": 7},
    ],
)
def test_a_line_that_is_not_of_the_runner_is_no_result(changes):
    with pytest.raises(LogError, match="did not get to its end"):
        parse.parse(_line(**changes))


def test_cut_or_doubled_output_is_no_result():
    with pytest.raises(LogError, match="did not get to its end"):
        parse.parse(_line()[:-3])
    with pytest.raises(LogError, match="one process, got two"):
        parse.parse(f"{_line()}\n{_line()}\n")
