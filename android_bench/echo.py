"""Did the tool understand the flags? It prints what it took, and does not stop at what it did not.

Sources: LogParams() in tflite/tools/benchmark/{benchmark_model,benchmark_tflite_model}.cc and
tflite/tools/delegates/*_provider.cc of LiteRT at f67457790c9c; the older wordings are those of
logs of 2019 and 2020. LiteRT's tool echoes only the flags that both tools share.
"""

from collections.abc import Sequence

from android_bench.parse import TFLITE, BenchmarkLog
from pipeline.errors import LogError

# {flag: the tool's words for it}, all wordings that were ever in use.
_WORDINGS: dict[str, tuple[str, ...]] = {
    "enable_op_profiling": ("Enable op profiling",),
    "external_delegate_options": ("External delegate options",),
    "external_delegate_path": ("External delegate path",),
    "graph": ("Graph",),
    "input_layer": ("Input layers",),
    "input_layer_shape": ("Input shapes",),
    "input_layer_value_files": ("Input value files", "Input layer values files"),
    "max_secs": ("Max runs duration (seconds)",),
    "min_secs": ("Min runs duration (seconds)",),
    "num_runs": ("Min num runs", "Num runs"),
    "num_threads": ("Num threads", "#threads used for CPU inference"),
    "op_profiling_output_file": ("Op profiling output file.",),
    "op_profiling_output_mode": ("Op profiling output mode.",),
    "output_filepath": ("File path to export outputs layer to",),
    "report_peak_memory_footprint": ("Report the peak memory footprint",),
    "result_file_path": ("File path to save the benchmark result in binary proto format",),
    "signature_to_run_for": ("Signature to run",),
    "use_gpu": ("Use gpu",),
    "use_nnapi": ("Use NNAPI", "Use nnapi"),
    "use_xnnpack": ("Use xnnpack",),
    "warmup_min_secs": ("Min warmup runs duration (seconds)",),
    "warmup_runs": ("Min warmup runs",),
}

# Flags that every tool which has them echoes: silence means that the flag was not understood.
_ALWAYS_ECHOED = ("external_delegate_path", "graph", "use_gpu", "use_nnapi", "use_xnnpack")


def check(arguments: Sequence[str], log: BenchmarkLog) -> None:
    """Compares the `--flag=value` arguments of a run with what its log says they were.

    Raises:
      LogError: The tool did not know a flag, or took another value.
    """
    if log.unconsumed_flags:
        raise LogError(
            f"the benchmark binary does not know {' '.join(log.unconsumed_flags)} and ran without; "
            "use a newer binary or other settings"
        )
    for argument in arguments:
        if argument.startswith("--") and "=" in argument:
            flag, value = argument.removeprefix("--").split("=", 1)
            _check_flag(flag, value, log)


def _check_flag(flag: str, asked: str, log: BenchmarkLog) -> None:
    echoed = {
        words: log.parameters[words] for words in _WORDINGS.get(flag, ()) if words in log.parameters
    }
    for words, value in echoed.items():
        if _plain(value) != _plain(asked):
            raise LogError(f"needed --{flag}={asked}, but the tool ran with {words}: [{value}]")
    if not echoed and flag in _ALWAYS_ECHOED and log.tool == TFLITE:
        raise LogError(
            f"needed --{flag}={asked}, but the tool echoes no such parameter; the binary may be "
            f"built without it. It echoes: {', '.join(log.parameters) or 'nothing'}"
        )


def _plain(value: str) -> float | str:
    """Returns a value in the one form that "true" and "1", "0.50" and "0.5" share."""
    lowered = {"true": "1", "false": "0"}.get(value.lower(), value)
    try:
        return float(lowered)
    except ValueError:
        return value
