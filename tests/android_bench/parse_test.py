import pathlib

import hypothesis
import hypothesis.strategies as st
import pytest

from android_bench import parse
from android_bench.parse import Delegation, Memory
from pipeline.errors import LogError
from tests.android_bench import fuzz_parse, log_texts


def test_generation_a():
    log = parse.parse(log_texts.AVERAGE_LINE)
    assert (log.tool, log.init_us, log.first_inference_us) == ("tflite", 2500.0, 9100.0)
    assert (log.warm_up.count, log.warm_up.mean_us) == (4, 8250.5)
    assert (log.inference.count, log.inference.mean_us) == (50, 8123.25)
    assert log.inference.median_us is None
    assert log.parameters["Use nnapi"] == "0"
    assert len(log.op_profiles[0].run_order) == 2
    assert log.unknown_lines == ("resolved reporter",)


def test_the_other_wording_of_generation_a():
    text = log_texts.AVERAGE_LINE.replace("no stats:", "Inference:")
    assert parse.parse(text).inference.mean_us == 8123.25


def test_generation_b_scientific_notation_and_duplicate_flags():
    log = parse.parse(log_texts.PLAIN + log_texts.PEAK_2020)
    assert log.inference.mean_us == 2.95034e6
    assert (log.warm_up.count, log.warm_up.mean_us) == (1, 3512391.0)
    assert log.first_inference_us == 3512391.0
    assert log.memory == Memory(init_mb=0.0, overall_mb=12.875)
    assert log.warnings == ("Duplicate flags: num_threads",)
    assert log.delegations == (Delegation("GPU", "full"),)
    assert log.created_delegates == ("GPU",)


def test_generation_c_memory():
    log = parse.parse(log_texts.PLAIN + log_texts.DELTA_2021)
    assert log.memory == Memory(init_mb=4.25, overall_mb=46.125, peak_mb=51.5)


def test_generation_d_logcat_is_the_same_log():
    logcat, plain = parse.parse(log_texts.LOGCAT), parse.parse(log_texts.PLAIN)
    assert logcat.inference == plain.inference
    assert logcat.parameters == plain.parameters
    assert logcat.delegations == plain.delegations


def test_generation_d_brief_logcat():
    text = "".join(f"I/tflite  ( 4669): {line}\n" for line in log_texts.PLAIN.splitlines())
    assert parse.parse(text).inference == parse.parse(log_texts.PLAIN).inference


def test_generation_e_percentiles():
    log = parse.parse(log_texts.PREFIXED)
    assert (log.inference.p5_us, log.inference.median_us, log.inference.p95_us) == (
        4962.0,
        5189.0,
        6862.0,
    )
    assert log.delegations == (
        Delegation("TfLiteXNNPackDelegate", "full", 31, 31, 1, 0),
        Delegation("XNNPACK", "full"),
    )
    assert log.unknown_lines == ()


def test_without_warm_up_the_first_run_is_the_first_timed_one():
    warm_up = next(line for line in log_texts.PREFIXED.split("\n") if "count=9 " in line)
    text = log_texts.PREFIXED.replace(warm_up, "INFO: count=0 p5=0 median=0 p95=0")
    log = parse.parse(text.replace("First inference: 8711", "First inference: 0"))
    assert log.warm_up.count == 0
    assert log.first_inference_us == 5216.0


def test_generation_f_with_count_lines():
    log = parse.parse(log_texts.LITERT)
    assert log.tool == "litert"
    assert (log.inference.count, log.inference.median_us) == (135, 7428.0)
    assert (log.init_us, log.first_inference_us) == (23470.0, 7440.0)
    assert log.memory == Memory(init_mb=91.25, overall_mb=93.5)
    assert log.delegations == (Delegation("LITERT_CL", "full", 66, 66, 1, 0),)


def test_generation_f_results_only():
    log = parse.parse(log_texts.LITERT_RESULTS)
    assert log.tool == "litert"
    assert (log.inference.count, log.inference.mean_us) == (135, 7430.0)
    assert (log.inference.min_us, log.inference.max_us, log.inference.std_us) == (7410, 7980, 20)
    assert log.inference.median_us is None
    assert (log.warm_up.count, log.warm_up.first_us) == (68, 7440.0)


def test_multi_run_summary():
    log = parse.parse(log_texts.SUMMARY)
    assert [run.name for run in log.runs] == [
        "cpu w/ 4 threads (xnnpack)",
        "cpu w/ 2 threads",
        "gpu-default",
    ]
    assert log.runs[1].timing.mean_us == 4457.5
    assert log.runs[2].timing is None
    assert log.inference.mean_us is None


@pytest.mark.parametrize(
    ("line", "delegation"),
    [
        (
            "VERBOSE: Replacing 2136 out of 2168 node(s) with delegate (TfLiteXNNPackDelegate) "
            "node, yielding 65 partitions for subgraph 0.",
            Delegation("TfLiteXNNPackDelegate", "partial", 2136, 2168, 65, 0),
        ),
        (
            "Replacing 5 out of 9 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 3 "
            "partitions.",
            Delegation("TfLiteGpuDelegateV2", "partial", 5, 9, 3),
        ),
        (
            "INFO: Replacing 0 out of 9 node(s) with delegate (My Delegate (v2)) node, yielding 1 "
            "partitions for subgraph 2 (while_body (copy)).",
            Delegation("My Delegate (v2)", "none", 0, 9, 1, 2),
        ),
        (
            "INFO: Explicitly applied XNNPACK delegate, and the model graph will be partially "
            "executed by the delegate w/ 4 delegate kernels.",
            Delegation("XNNPACK", "partial", partitions=4),
        ),
        (
            "Though NNAPI delegate is explicitly applied, the model graph will no",
            Delegation("NNAPI", "none"),
        ),
    ],
)
def test_delegation_lines(line, delegation):
    log = parse.parse(f"{line}\n{log_texts.LITERT_RESULTS}")
    assert log.delegations == (delegation,)


def test_unconsumed_flags():
    log = parse.parse("WARN: Unconsumed cmdline flags: --use_magic --x=1\n" + log_texts.PREFIXED)
    assert log.unconsumed_flags == ("--use_magic", "--x=1")
    assert log.warnings == ("Unconsumed cmdline flags: --use_magic --x=1",)


def test_unknown_lines_are_kept():
    log = parse.parse("$ ./benchmark_model --graph=x\n" + log_texts.PREFIXED + "what is this\n")
    assert log.unknown_lines == ("$ ./benchmark_model --graph=x", "what is this")


def test_windows_line_ends():
    crlf = log_texts.PREFIXED.replace("\n", "\r\n")
    assert parse.parse(crlf) == parse.parse(log_texts.PREFIXED)


def test_standard_error_may_come_last():
    lines = log_texts.PREFIXED.split("\n")
    errors = [line for line in lines if line.startswith("VERBOSE")]
    moved = "\n".join([line for line in lines if line not in errors] + errors)
    assert set(parse.parse(moved).delegations) == set(parse.parse(log_texts.PREFIXED).delegations)


def test_a_failed_benchmark_is_an_error_with_its_reason_and_tail():
    with pytest.raises(LogError) as error:
        parse.parse(log_texts.FAILED)
    assert "was not true" in str(error.value)
    assert str(error.value).endswith("ERROR: Benchmarking failed.")


def test_a_failed_benchmark_can_still_be_scanned():
    assert parse.scan(log_texts.FAILED).delegations[0].nodes_taken == 2


@pytest.mark.parametrize("name", sorted(log_texts.WHOLE.keys() - {"multi-run", "E op tables"}))
def test_a_log_cut_short_is_refused_or_has_the_right_figures(name):
    text = log_texts.WHOLE[name]
    inference = parse.parse(text).inference
    refused = 0
    for cut in range(len(text)):
        try:
            assert parse.parse(text[:cut]).inference == inference
        except LogError:
            refused += 1
    assert refused >= text.index("nference (avg)" if "Inference (avg)" in text else "no stats")


def test_the_warm_up_is_never_taken_for_the_runs():
    lines = log_texts.PREFIXED.split("\n")
    (runs,) = (line for line in lines if line.startswith("INFO: count=100"))
    with pytest.raises(LogError, match="needed two count= lines"):
        parse.parse(log_texts.PREFIXED.replace(runs, "INFO: count=1"))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("Inference (avg): 6374.32", "Inference (avg): 637", "mean is 6374.32 us in one line"),
        ("median=5189", "median=518", "p5=4962 is above median=518"),
        ("count=100 first", "count=0 first", "no timed run"),
        ("INFO: Loaded model", "INFO: STARTING!\nINFO: Loaded model", "one process, got 2"),
        ("INFO: Note", "FATAL: aborted\nINFO: Note", "failed: aborted"),
    ],
)
def test_contradictions_are_errors(old, new, complaint):
    with pytest.raises(LogError, match=complaint.replace("(", r"\(")):
        parse.parse(log_texts.PREFIXED.replace(old, new))


def test_the_two_counts_of_litert_must_agree():
    with pytest.raises(LogError, match="counts 135 runs in one line, 13 in another"):
        parse.parse(log_texts.LITERT.replace("(135 runs)", "(13 runs)"))


@hypothesis.given(st.text())
def test_no_text_raises_anything_else(text):
    parse.scan(text)
    with pytest.raises(LogError):
        parse.parse(text)


def test_mutated_logs_raise_nothing_else():
    assert fuzz_parse.run(num_mutations=3000, seed=1).num_escapes == 0


# The logs of strangers. ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_logs(shared_dir: pathlib.Path) -> dict[str, str]:
    folder = shared_dir / "facts" / "benchmark_logs"
    if not folder.is_dir():
        pytest.skip(f"no logs at {folder}")
    return {path.name[:2]: path.read_text() for path in folder.glob("*.log")}


def test_real_01_percentiles_and_failure(real_logs):
    good, bad = real_logs["01"].split("=== separate invocation, FAILS ===")
    log = parse.parse(good)
    assert (log.inference.count, log.inference.mean_us) == (1000, 63743.2)
    assert (log.inference.median_us, log.inference.max_us) == (51891.0, 686105.0)
    assert (log.inference.p5_us, log.inference.p95_us) == (49620.0, 68628.0)
    assert (log.init_us, log.first_inference_us) == (119515.0, 87112.0)
    assert log.warm_up.count == 9
    assert log.memory.overall_mb == 55.4961
    assert log.delegations == (Delegation("TfLiteXNNPackDelegate", "full", 2168, 2168, 1, 0),)
    with pytest.raises(LogError, match="batch_matmul"):
        parse.parse(bad)
    assert parse.scan(bad).delegations[0].nodes_taken == 2136
    with pytest.raises(LogError, match="failed"):
        parse.parse(real_logs["01"])


def test_real_02_summary(real_logs):
    log = parse.parse(real_logs["02"])
    assert len(log.runs) == 7
    means = {run.name: run.timing.mean_us for run in log.runs}
    assert means["cpu w/ 4 threads"] == 33904.9
    assert means["gpu-default"] == 57705.5


def test_real_03_oldest(real_logs):
    log = parse.parse(real_logs["03"])
    assert (log.inference.count, log.inference.mean_us, log.inference.std_us) == (50, 115062, 7678)
    assert (log.init_us, log.first_inference_us) == (1892.0, 91810.0)
    assert log.parameters["Num threads"] == "1"
    assert [row.mean_ms for row in log.op_profiles[0].run_order] == [7.237, 3.726, 0.293]
    assert log.op_profiles[0].run_order[2].start_ms == 53.313


def test_real_04_scientific_notation_and_op_tables(real_logs):
    log = parse.parse(real_logs["04"])
    assert (log.inference.mean_us, log.warm_up.mean_us) == (2950340.0, 3512391.0)
    initialization, runs = log.op_profiles
    assert initialization.run_order[0].mean_ms == 1.356
    assert [row.mean_ms for row in runs.run_order] == [60.957, 49.87, 0.017, 0.233]
    assert runs.by_time[0].first_ms == 263.724
    assert [(row.node_type, row.count) for row in runs.by_type] == [
        ("CONV_2D", 15),
        ("DEPTHWISE_CONV_2D", 13),
        ("AVERAGE_POOL_2D", 1),
        ("SOFTMAX", 1),
        ("SQUEEZE", 1),
    ]
    assert runs.total.std_us == 109770
    assert log.unknown_lines == ()


def test_real_05_litert(real_logs):
    log = parse.parse(real_logs["05"])
    assert log.tool == "litert"
    assert (log.inference.count, log.inference.mean_us) == (10, 7430200.0)
    assert (log.inference.min_us, log.inference.max_us) == (7416400.0, 7448860.0)
    assert log.inference.std_us == pytest.approx(9920)
    assert (log.init_us, log.first_inference_us) == (23744730.0, 7441040.0)
    assert log.memory.init_mb == 6391.74


def test_real_06_gpu(real_logs):
    log = parse.parse(real_logs["06"])
    assert log.inference.mean_us == 119375.0
    assert log.delegations == (Delegation("GPU", "full"),)


def test_real_07_logcat_cut_short(real_logs):
    with pytest.raises(LogError, match="did not get to its end"):
        parse.parse(real_logs["07"])
    log = parse.scan(real_logs["07"])
    assert log.parameters["Use NNAPI"] == "1"
    assert log.delegations == (Delegation("NNAPI", "none"),)
    assert log.created_delegates == ("NNAPI",)


def test_real_08_duplicate_flags(real_logs):
    log = parse.parse(real_logs["08"])
    assert (log.inference.mean_us, log.warm_up.count) == (33209.4, 15)
    assert log.warnings == ("Duplicate flags: num_threads",)
    assert log.memory.overall_mb == 12.8672


def test_real_09_partial_xnnpack(real_logs):
    log = parse.parse(real_logs["09"])
    assert (log.inference.median_us, log.warm_up.count) == (899281.0, 1)
    assert log.delegations == (Delegation("XNNPACK", "partial", partitions=1),)
