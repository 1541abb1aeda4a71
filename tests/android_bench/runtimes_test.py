import pytest

from android_bench import parse, runtimes
from android_bench.runtimes import RUNTIMES, Evidence
from pipeline.errors import DelegationError, LogError
from tests.android_bench import log_texts

_FULL_XNNPACK = [
    line for line in log_texts.PREFIXED.split("\n") if "Replacing" in line or "Explicitly" in line
]


def _log(*lines: str, xnnpack: str | None = None):
    """A log in which only what delegates say differs; `xnnpack` is the echoed flag."""
    kept = [
        line
        for line in log_texts.PREFIXED.split("\n")
        if line not in _FULL_XNNPACK and "XNNPACK" not in line and "Use xnnpack" not in line
    ]
    echoed = [] if xnnpack is None else [f"INFO: Use xnnpack: [{xnnpack}]"]
    return parse.parse("\n".join([kept[0], *echoed, *lines, *kept[1:]]))


def _replacing(taken: int, total: int, name: str, partitions: int = 1, subgraph: int = 0) -> str:
    return (
        f"VERBOSE: Replacing {taken} out of {total} node(s) with delegate ({name}) node, yielding "
        f"{partitions} partitions for subgraph {subgraph}."
    )


def test_full_xnnpack():
    evidence = runtimes.prove(RUNTIMES["xnnpack"], parse.parse(log_texts.PREFIXED))
    assert evidence == Evidence("TfLiteXNNPackDelegate", "full", 31, 31, 1)


def test_partial_xnnpack_is_evidence_too():
    log = _log(_replacing(2136, 2168, "TfLiteXNNPackDelegate", 65))
    evidence = runtimes.prove(RUNTIMES["xnnpack"], log)
    assert evidence == Evidence("TfLiteXNNPackDelegate", "partial", 2136, 2168, 65)


def test_partial_in_words_only():
    log = _log(
        "INFO: Explicitly applied XNNPACK delegate, and the model graph will be partially executed "
        "by the delegate w/ 3 delegate kernels."
    )
    evidence = runtimes.prove(RUNTIMES["xnnpack"], log)
    assert evidence == Evidence("XNNPACK", "partial", None, None, 3)


def test_nodes_are_summed_over_subgraphs():
    log = _log(
        _replacing(4, 5, "TfLiteXNNPackDelegate", 2, 0),
        _replacing(7, 7, "TfLiteXNNPackDelegate", 1, 1),
    )
    evidence = runtimes.prove(RUNTIMES["xnnpack"], log)
    assert evidence == Evidence("TfLiteXNNPackDelegate", "partial", 11, 12, 3)


def test_xnnpack_that_was_created_but_took_nothing():
    log = _log("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.", xnnpack="1")
    with pytest.raises(DelegationError, match="no line says that it took a node"):
        runtimes.prove(RUNTIMES["xnnpack"], log)


def test_builtin_kernels():
    evidence = runtimes.prove(RUNTIMES["no_xnnpack"], _log(xnnpack="0"))
    assert evidence == Evidence("", "none", 0, None, None)


@pytest.mark.parametrize(
    ("lines", "xnnpack", "complaint"),
    [
        ((), None, "needs 'Use xnnpack: "),
        ((), "1", "needs 'Use xnnpack: "),
        ((_replacing(31, 31, "TfLiteXNNPackDelegate"),), "0", "a delegate was there"),
        (("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",), "0", "XNNPACK was created"),
    ],
)
def test_builtin_kernels_unproved(lines, xnnpack, complaint):
    with pytest.raises(DelegationError, match=complaint):
        runtimes.prove(RUNTIMES["no_xnnpack"], _log(*lines, xnnpack=xnnpack))


@pytest.mark.parametrize("name", ["TfLiteGpuDelegateV2", "LITERT_CL", "LITERT_OPENGL"])
def test_gpu(name):
    evidence = runtimes.prove(RUNTIMES["gpu"], _log(_replacing(66, 66, name)))
    assert evidence == Evidence(name, "full", 66, 66, 1)


def test_gpu_in_words_only():
    evidence = runtimes.prove(RUNTIMES["gpu"], parse.parse(log_texts.PLAIN))
    assert evidence == Evidence("GPU", "full", None, None, None)


def test_gpu_that_silently_fell_back():
    log = _log(_replacing(31, 31, "TfLiteXNNPackDelegate"))
    with pytest.raises(DelegationError, match="not in the log: the model ran elsewhere") as error:
        runtimes.prove(RUNTIMES["gpu"], log)
    assert "TfLiteXNNPackDelegate took full (31 of 31 nodes)" in str(error.value)


def test_gpu_that_could_not_be_applied():
    log = _log(
        "WARN: GPU acceleration is unsupported on this platform.",
        "INFO: Though GPU delegate is explicitly applied, the model graph will not be executed by "
        "the delegate.",
    )
    with pytest.raises(DelegationError, match="GPU took no node") as error:
        runtimes.prove(RUNTIMES["gpu"], log)
    assert "unsupported on this platform" in str(error.value)


@pytest.mark.parametrize(
    ("runtime", "name"),
    [
        (RUNTIMES["gpu"], "TfLiteGpuDelegateV2"),
        (RUNTIMES["nnapi"], "TfLiteNnapiDelegate"),
        (runtimes.external("/data/local/tmp/libmy.so"), "MyDelegate"),
    ],
)
def test_a_partial_accelerator_is_a_failure_unless_allowed(runtime, name):
    log = _log(_replacing(60, 62, name, 3), _replacing(2, 3, "TfLiteXNNPackDelegate", 2))
    with pytest.raises(DelegationError, match=r"took only 60 of 62 nodes in 3 partitions"):
        runtimes.prove(runtime, log)
    evidence = runtimes.prove(runtime, log, allow_partial=True)
    assert evidence == Evidence(name, "partial", 60, 62, 3, ("TfLiteXNNPackDelegate",))


def test_the_external_delegate_is_not_xnnpack():
    log = _log(_replacing(31, 31, "TfLiteXNNPackDelegate"))
    with pytest.raises(DelegationError, match="not in the log"):
        runtimes.prove(runtimes.external("/data/local/tmp/libmy.so"), log)


def test_unconsumed_flags_are_a_failure():
    log = _log("WARN: Unconsumed cmdline flags: --use_xnnpack=true", *_FULL_XNNPACK)
    with pytest.raises(LogError, match="does not know --use_xnnpack=true"):
        runtimes.prove(RUNTIMES["xnnpack"], log)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--num_threads=2", "--num_runs=100", "--use_xnnpack=true"],
        ["--graph=/data/local/tmp/net.tflite", "--use_xnnpack=1", "--other=3", "positional"],
    ],
)
def test_echoed_parameters_that_agree(arguments):
    log = parse.parse(log_texts.PREFIXED)
    assert runtimes.prove(RUNTIMES["xnnpack"], log, arguments=arguments).extent == "full"


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--num_threads=4", r"needed --num_threads=4, but the tool ran with Num threads: \[2\]"),
        ("--graph=/data/local/tmp/other.tflite", "net.tflite"),
        ("--use_xnnpack=false", r"Use xnnpack: \[1\]"),
        ("--use_gpu=true", "echoes no such parameter"),
    ],
)
def test_echoed_parameters_that_differ(argument, complaint):
    log = parse.parse(log_texts.PREFIXED)
    with pytest.raises(LogError, match=complaint):
        runtimes.prove(RUNTIMES["xnnpack"], log, arguments=[argument])


def test_seconds_are_compared_as_numbers():
    log = parse.parse(
        log_texts.PREFIXED.replace(
            "INFO: Num threads", "INFO: Min runs duration (seconds): [0.5]\nINFO: Num threads"
        )
    )
    runtimes.prove(RUNTIMES["xnnpack"], log, arguments=["--min_secs=0.50"])
    with pytest.raises(LogError):
        runtimes.prove(RUNTIMES["xnnpack"], log, arguments=["--min_secs=5"])


def test_names():
    assert runtimes.from_name("gpu") is RUNTIMES["gpu"]
    runtime = runtimes.from_name("external:/tmp/lib.so?a:1;b:2")
    assert runtime.flags_for("tflite") == (
        "--external_delegate_path=/tmp/lib.so",
        "--external_delegate_options=a:1;b:2",
    )
    assert runtimes.from_name(runtime.name) == runtime
    for name in ("tpu", "external:", ""):
        with pytest.raises(DelegationError, match="needed a runtime"):
            runtimes.from_name(name)


def test_a_tool_without_the_runtime_says_so():
    with pytest.raises(DelegationError, match="of kind tflite, got 'litert'"):
        RUNTIMES["no_xnnpack"].flags_for("litert")
