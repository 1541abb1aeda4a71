#!/system/bin/python3 -IS
# benchmark_tool: tflite
"""A fake benchmark binary: the flags and the output of the real tools, and latencies of a model.

behaviour.write() makes one of this file and a Behaviour. It neither computes nor sleeps, unless
told to: its clock is simulated, and goes on from process to process in a state file, so that
drift and heat do. Imports only what starts fast; runs alone, on the fake phone.
"""

import base64
import hashlib
import json
import math
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import time

BEHAVIOUR = json.loads("{}")

_COMMON_FLAGS = """graph num_runs min_secs max_secs run_delay num_threads warmup_runs
    warmup_min_secs report_peak_memory_footprint memory_footprint_check_interval_ms
    signature_to_run_for
    result_file_path use_gpu require_full_delegation verbose"""
_FLAGS = {
    "tflite": f"""{_COMMON_FLAGS} input_layer input_layer_shape input_layer_value_range
        input_layer_value_files output_filepath enable_op_profiling op_profiling_output_mode
        op_profiling_output_file use_xnnpack use_nnapi nnapi_accelerator_name
        external_delegate_path external_delegate_options max_delegated_partitions
        min_nodes_per_partition""",
    "litert": f"""{_COMMON_FLAGS} use_cpu use_npu use_profiler gpu_backend dispatch_library_path
        compiler_plugin_library_path""",
}

# Flag -> what the tools call it, in the order in which they say it.
_WORDS = {
    "num_runs": "Min num runs",
    "min_secs": "Min runs duration (seconds)",
    "max_secs": "Max runs duration (seconds)",
    "num_threads": "Num threads",
    "warmup_runs": "Min warmup runs",
    "warmup_min_secs": "Min warmup runs duration (seconds)",
    "report_peak_memory_footprint": "Report the peak memory footprint",
}
_TFLITE_WORDS = {
    "graph": "Graph",
    "input_layer": "Input layers",
    "input_layer_shape": "Input shapes",
    "input_layer_value_files": "Input value files",
    "enable_op_profiling": "Enable op profiling",
    "op_profiling_output_mode": "Op profiling output mode.",
    "op_profiling_output_file": "Op profiling output file.",
    "output_filepath": "File path to export outputs layer to",
    "result_file_path": "File path to save the benchmark result in binary proto format",
    "external_delegate_path": "External delegate path",
    "external_delegate_options": "External delegate options",
    "use_gpu": "Use gpu",
    "use_nnapi": "Use NNAPI",
    "use_xnnpack": "Use xnnpack",
}
# Runtime -> the tool's name of its delegate, and the delegate's own.
_TFLITE_DELEGATES = {
    "xnnpack": ("XNNPACK", "TfLiteXNNPackDelegate"),
    "gpu": ("GPU", "TfLiteGpuDelegateV2"),
    "nnapi": ("NNAPI", "TfLiteNnapiDelegate"),
    "external": ("EXTERNAL", "FakeExternalDelegate"),
}
_XNNPACK = "TfLiteXNNPackDelegate"

# KERNELS MODEL OUTPUT INPUT...: what benchmark_model computes, by the LiteRT of this machine.
_COMPUTE = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
kernels, model, output, *inputs = sys.argv[1:]
interpreter = Interpreter(model, experimental_op_resolver_type=OpResolverType[kernels])
interpreter.allocate_tensors()
for detail, path in zip(interpreter.get_input_details(), inputs, strict=True):
    values = np.fromfile(path, detail["dtype"]).reshape(detail["shape"])
    interpreter.set_tensor(detail["index"], values)
interpreter.invoke()
with open(output, "wb") as file:
    for detail in interpreter.get_output_details():
        file.write(interpreter.get_tensor(detail["index"]).tobytes())
"""
_LITERT_GPU = "LITERT_CL"


class _FailedError(Exception):
    """The benchmark fails, with what it says first."""


class _Log:
    """What the process prints: all at its end, so that faults can strike anywhere in it."""

    def __init__(self, generation):
        self.has_prefixes = generation >= "D"
        self._parts = []  # (file descriptor, text)

    def info(self, text, severity="INFO"):
        descriptor = 2 if severity in ("ERROR", "FATAL") else 1
        prefix = f"{severity}: " if self.has_prefixes else ""
        self._parts.append((descriptor, f"{prefix}{text}\n"))

    def runtime(self, text, severity="INFO"):
        """A line of the runtime, which has had a prefix always, on standard error."""
        self._parts.append((2, f"{severity}: {text}\n"))

    def litert(self, line, text):
        self.runtime(f"[benchmark_litert_model.h:{line}] {text}")

    def write(self, fault, rng):
        parts = [(descriptor, text.encode()) for descriptor, text in self._parts]
        size = sum(len(data) for _, data in parts)
        cut = int(size * rng.uniform(0.2, 0.8))
        for descriptor, data in parts:
            if fault in ("truncate", "crash") and cut < len(data):
                os.write(descriptor, data[: max(cut, 0)])
                return
            if fault == "garbage" and cut < len(data):
                data = rng.randbytes(len(data)) + b"\n"
            os.write(descriptor, data)
            cut -= len(data)


class _Clock:
    """The phone's noise and its simulated time; goes on from one process to the next."""

    def __init__(self):
        folder = pathlib.Path("/fake")
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            folder = pathlib.Path(sys.argv[0]).parent
        self._path = folder / BEHAVIOUR["state_file"]
        state = json.loads(self._path.read_text()) if self._path.exists() else {}
        self.process = state.get("process", 0) + 1
        self.rng = random.Random(f"{BEHAVIOUR['seed']}/{self.process}")
        self._noise = BEHAVIOUR["noise"]
        self._heat = state.get("heat", 0.0)
        self._is_throttled = state.get("is_throttled", False)
        self._wander = state.get("wander", 0.0) + self.rng.gauss(0, self._noise["wander"])
        self._offset = self.rng.gauss(0, self._noise["offset"])
        self._burst_left_s, self._burst_factor = 0.0, 1.0
        self._approach(0.0, self._noise["pause_s"])

    def run_us(self, latency_us):
        """Returns what one run takes now that takes `latency_us` on a cool and quiet phone."""
        noise, rng = self._noise, self.rng
        drift = noise["drift_per_process"] * self.process
        log = self._offset + self._wander + drift + rng.gauss(0, noise["jitter"])
        taken_us = latency_us * math.exp(log) * self._burst(latency_us * 1e-6)
        taken_us *= noise["throttled"] if self._is_throttled else 1.0
        self._approach(noise["equilibrium"], taken_us * 1e-6)
        return max(1, round(taken_us))

    def save(self):
        state = {
            "process": self.process,
            "heat": self._heat,
            "is_throttled": self._is_throttled,
            "wander": self._wander,
        }
        self._path.write_text(json.dumps(state))

    def _burst(self, duration_s):
        """Returns the factor of whatever else runs meanwhile."""
        noise, rng = self._noise, self.rng
        self._burst_left_s -= duration_s
        if self._burst_left_s <= 0 and rng.random() < noise["burst_rate_hz"] * duration_s:
            self._burst_left_s = rng.expovariate(1 / noise["burst_s"])
            self._burst_factor = rng.uniform(1, noise["burst_slowdown"])
        return self._burst_factor if self._burst_left_s > 0 else 1.0

    def _approach(self, heat, duration_s):
        self._heat += (heat - self._heat) * -math.expm1(-duration_s / self._noise["heating_s"])
        if self._heat > 1:
            self._is_throttled = True
        elif self._heat < self._noise["resume"]:
            self._is_throttled = False


def main(arguments):
    clock = _Clock()
    fault = BEHAVIOUR["faults"].get(str(clock.process), BEHAVIOUR["fault"])
    log = _Log(BEHAVIOUR["generation"])
    flags, unknown = _parse(arguments)
    try:
        _benchmark(flags, unknown, clock, log, fault)
        code = 0
    except _FailedError as error:
        log.info(str(error), "ERROR")
        log.info("Benchmarking failed.", "ERROR")
        code = 1
    clock.save()
    log.write(fault, clock.rng)
    if fault == "crash":
        os.kill(os.getpid(), signal.SIGABRT)
    return code


def _parse(arguments):
    known = set(_FLAGS[BEHAVIOUR["tool"]].split()) - set(BEHAVIOUR["unknown_flags"])
    flags, unknown = {}, []
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        if argument.startswith("--") and name in known:
            flags[name] = {"true": "1", "false": "0"}.get(value, value)
        else:
            unknown.append(argument)
    return flags, unknown


def _benchmark(flags, unknown, clock, log, fault):
    log.info("STARTING!")
    if not log.has_prefixes:
        log.info("Duplicate flags: num_threads")
    if unknown:
        log.info(f"Unconsumed cmdline flags: {' '.join(unknown)}", "WARN")
    _echo(flags, log)
    model = _model(flags, log)
    runtime = _runtime(flags)
    log.runtime("Initialized TensorFlow Lite runtime.")
    _delegate(runtime, flags, log)
    if fault == "fail":
        log.runtime("Node number 3 (BATCH_MATMUL) failed to prepare.", "ERROR")
        raise _FailedError("Failed to allocate tensors!")
    if fault == "hang":
        time.sleep(BEHAVIOUR["hang_s"])
    latency_us = _latency_us(runtime, flags, len(model))
    init_us = clock.run_us(BEHAVIOUR["init_us"])
    log.info(f"The input model file size (MB): {len(model) / 1e6:g}")
    log.info(f"Initialized session in {init_us / 1e3:g}ms.")
    first_us = latency_us * BEHAVIOUR["first_factor"]
    warm_up = _series(
        flags, "warmup_runs", "warmup_min_secs", 1, 0.5, clock, log, latency_us, first_us
    )
    runs = _series(flags, "num_runs", "min_secs", 50, 1.0, clock, log, latency_us, latency_us)
    if BEHAVIOUR["is_real_time"]:
        time.sleep((init_us + sum(warm_up) + sum(runs)) * 1e-6)
    _results(flags, log, init_us, warm_up, runs, len(model))
    _files(flags, log, init_us, warm_up, runs, model)


def _echo(flags, log):
    log.info("Log parameter values verbosely: [0]")
    words = dict(_WORDS, **(_TFLITE_WORDS if BEHAVIOUR["tool"] == "tflite" else {}))
    for flag, name in words.items():
        if flag in flags:
            value = flags[flag]
            log.info(f"{name}: [{float(value):g}]" if "secs" in flag else f"{name}: [{value}]")


def _model(flags, log):
    path = flags.get("graph", "")
    if not path:
        raise _FailedError("Please specify the name of your TF Lite input file with --graph")
    try:
        content = pathlib.Path(path).read_bytes()
    except OSError:
        raise _FailedError(f"Failed to initialize model loader with path {path}") from None
    for file in _input_files(flags):
        if not pathlib.Path(file).exists():
            raise _FailedError(f"Failed to read the input_layer_value_file:{file}")
    verb = "Loaded model" if BEHAVIOUR["tool"] == "tflite" else "Loading model from:"
    log.info(f"{verb} {path}")
    return content


def _input_files(flags):
    items = filter(None, flags.get("input_layer_value_files", "").split(","))
    return [item.rsplit(":", 1)[-1] for item in items]


def _runtime(flags):
    if flags.get("external_delegate_path"):
        return "external"
    for name in ("gpu", "nnapi"):
        if flags.get(f"use_{name}") == "1":
            return name
    return "no_xnnpack" if flags.get("use_xnnpack") == "0" else "xnnpack"


def _delegate(runtime, flags, log):
    """Says what the delegate takes; XNNPACK takes the rest unless it is switched off."""
    total = rest = BEHAVIOUR["num_nodes"]
    extent = BEHAVIOUR["delegation"].get(runtime, "full")
    is_tflite = BEHAVIOUR["tool"] == "tflite"
    if runtime not in ("no_xnnpack", "xnnpack"):
        name, kernel = _TFLITE_DELEGATES[runtime]
        rest = _apply(name, kernel if is_tflite else _LITERT_GPU, extent, total, log, is_tflite)
    if runtime == "no_xnnpack" or rest == 0 or flags.get("use_xnnpack") == "0":
        return
    log.runtime("Created TensorFlow Lite XNNPACK delegate for CPU.")
    is_explicit = is_tflite and flags.get("use_xnnpack") == "1"
    _apply("XNNPACK", _XNNPACK, extent if runtime == "xnnpack" else "full", rest, log, is_explicit)


def _apply(name, kernel, extent, total, log, is_explicit):
    """Returns how many nodes the delegate leaves."""
    taken = {"full": total, "partial": total * 3 // 4}.get(extent, 0)
    if extent == "silent":
        log.info(f"{name} acceleration is unsupported on this platform.", "WARN")
        return total
    if is_explicit:
        log.info(f"{name} delegate created.")
    if taken:
        partitions = 1 if extent == "full" else 3
        log.runtime(
            f"Replacing {taken} out of {total} node(s) with delegate ({kernel}) node, yielding "
            f"{partitions} partitions for subgraph 0.",
            "VERBOSE",
        )
    if is_explicit:
        log.info(
            f"Though {name} delegate is explicitly applied, the model graph will not be executed "
            "by the delegate."
            if not taken
            else f"Explicitly applied {name} delegate, and the model graph will be "
            + ("completely" if taken == total else "partially")
            + " executed by the delegate"
            + ("." if taken == total else " w/ 2 delegate kernels.")
        )
    return total - taken


def _latency_us(runtime, flags, size_bytes):
    latency_us = BEHAVIOUR["latency_us"][runtime] + BEHAVIOUR["us_per_model_kb"] * size_bytes / 1e3
    if runtime in ("xnnpack", "no_xnnpack"):
        mask = _mask()
        threads = max(1, int(flags.get("num_threads", "-1")))
        threads = min(threads, mask.bit_count() if mask else threads)
        serial = BEHAVIOUR["serial_share"]
        latency_us *= serial + (1 - serial) / threads
        slowest = [c["slowdown"] for c in BEHAVIOUR["clusters"] if int(c["mask"], 16) & mask]
        latency_us *= max(slowest, default=1.0)
    return latency_us * BEHAVIOUR["slowdown"]


def _mask():
    """Returns the cores that this process may use, 0 where the system does not tell."""
    try:
        status = pathlib.Path("/proc/self/status").read_text()
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("Cpus_allowed:")]
    return int(lines[0].split(":")[1].replace(",", ""), 16) if lines else 0


def _series(flags, runs_flag, time_flag, runs, time_s, clock, log, latency_us, first_us):
    least_runs = int(flags.get(runs_flag, runs))
    least_s = float(flags.get(time_flag, time_s))
    most_s = float(flags.get("max_secs", 150))
    ending = (
        ""
        if BEHAVIOUR["generation"] == "A"
        else (f" but terminate if exceeding {most_s:g} seconds.")
    )
    log.info(
        f"Running benchmark for at least {least_runs} iterations and at least {least_s:g} "
        f"seconds{ending}"
    )
    samples, elapsed_us = [], 0
    while (len(samples) < least_runs or elapsed_us < least_s * 1e6) and elapsed_us <= most_s * 1e6:
        samples.append(clock.run_us(latency_us if samples else first_us))
        elapsed_us += samples[-1]
    log.info(_count_line(samples) + "\n")
    return samples


def _count_line(samples):
    if not samples:
        line = "count=0"
    elif min(samples) == max(samples):
        same = "(all same)" if len(samples) > 1 else ""
        line = f"count={len(samples)} curr={samples[-1]}{same}"
    else:
        line = (
            f"count={len(samples)} first={samples[0]} curr={samples[-1]} min={min(samples)} "
            f"max={max(samples)} avg={_mean(samples):g} std={int(_std(samples))}"
        )
    if BEHAVIOUR["generation"] >= "E":
        p5, median, p95 = (_percentile(samples, percent) for percent in (5, 50, 95))
        line += f" p5={p5} median={median} p95={p95}"
    return line


def _mean(samples):
    return sum(samples) / len(samples) if samples else 0.0


def _std(samples):
    mean = _mean(samples)
    return math.sqrt(_mean([(sample - mean) ** 2 for sample in samples]))


def _percentile(samples, percent):
    return sorted(samples)[len(samples) * percent // 100] if samples else 0


def _results(flags, log, init_us, warm_up, runs, size_bytes):
    first_us = warm_up[0] if warm_up else 0
    init_mb, overall_mb = 1.5 + size_bytes / 2**20, 2.5 + size_bytes / 2**20
    peak_mb = overall_mb + 0.5 if flags.get("report_peak_memory_footprint") == "1" else -1
    if BEHAVIOUR["tool"] == "litert":
        _litert_results(log, init_us, warm_up, runs, (init_mb, overall_mb, peak_mb))
        return
    if BEHAVIOUR["generation"] == "A":
        log.info(
            f"Average inference timings in us: Warmup: {_mean(warm_up):g}, Init: {init_us}, no "
            f"stats: {_mean(runs):g}"
        )
        return
    log.info(
        f"Inference timings in us: Init: {init_us}, First inference: {first_us}, Warmup (avg): "
        f"{_mean(warm_up):g}, Inference (avg): {_mean(runs):g}"
    )
    log.info(
        "Note: as the benchmark tool itself affects memory footprint, the following is only "
        "APPROXIMATE to the actual memory footprint of the model at runtime. Take the information "
        "at your discretion."
    )
    if BEHAVIOUR["generation"] == "B":
        log.info(f"Peak memory footprint (MB): init={init_mb:g} overall={overall_mb:g}")
        return
    log.info(
        f"Memory footprint delta from the start of the tool (MB): init={init_mb:g} "
        f"overall={overall_mb:g}"
    )
    if peak_mb > 0:
        log.info(f"Overall peak memory footprint (MB) via periodic monitoring: {peak_mb:g}")


def _litert_results(log, init_us, warm_up, runs, memory_mb):
    init_mb, overall_mb, peak_mb = memory_mb
    log.litert(90, "\n========== BENCHMARK RESULTS ==========")
    log.litert(92, "Signature name:       serving_default")
    log.litert(94, f"Model initialization: {init_us / 1e3:.2f} ms")
    log.litert(96, f"Warmup (first):       {(warm_up or [0])[0] / 1e3:.2f} ms")
    log.litert(98, f"Warmup (avg):         {_mean(warm_up) / 1e3:.2f} ms ({len(warm_up)} runs)")
    log.litert(100, f"Inference (avg):      {_mean(runs) / 1e3:.2f} ms ({len(runs)} runs)")
    if runs:
        log.litert(104, f"Inference (min):      {min(runs) / 1e3:.2f} ms")
        log.litert(106, f"Inference (max):      {max(runs) / 1e3:.2f} ms")
        log.litert(108, f"Inference (std):      {_std(runs) / 1e3:.2f}")
    else:
        log.litert(110, "No inference runs were performed.")
    log.litert(115, "Throughput:           27.46 MB/s")
    log.litert(124, "\nMemory Usage:")
    log.litert(126, f"Init footprint:       {init_mb:.2f} MB")
    log.litert(128, f"Overall footprint:    {overall_mb:.2f} MB")
    if peak_mb > 0:
        log.litert(132, f"Peak memory:          {peak_mb:.2f} MB")
    else:
        log.litert(135, "Peak memory usage not available. (peak_mem_mb <= 0)")
    log.litert(138, "======================================\n")


def _files(flags, log, init_us, warm_up, runs, model):
    if flags.get("enable_op_profiling") == "1":
        _op_profile(log, _mean(runs))
    if flags.get("result_file_path"):
        proto = _proto(init_us, warm_up, runs, len(model))
        pathlib.Path(flags["result_file_path"]).write_bytes(proto)
    if flags.get("output_filepath") and BEHAVIOUR["computes"]:
        _compute(flags)
    elif flags.get("output_filepath"):
        encoded = BEHAVIOUR["outputs"].get(hashlib.sha256(model).hexdigest(), "")
        pathlib.Path(flags["output_filepath"]).write_bytes(base64.b64decode(encoded))


def _compute(flags):
    is_xnnpack = _runtime(flags) == "xnnpack"
    kernels = "BUILTIN" if is_xnnpack else "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
    paths = (flags["graph"], flags["output_filepath"], *_input_files(flags))
    command = ["python3", "-c", _COMPUTE, kernels, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _FailedError(f"Failed to invoke: {done.stderr.strip()}")


def _op_profile(log, mean_us):
    """Writes the run order of nodes that share the time unequally."""
    headings = ("node type", "first", "avg ms", "%", "cdf%", "mem KB", "times called", "Name")
    title = "=" * 30
    lines = ["Operator-wise Profiling Info for Regular Benchmark Runs:"]
    lines.append(f"{title} Run Order {title}")
    lines.append("".join(f"\t[{name}]" for name in headings))
    nodes = BEHAVIOUR["num_nodes"]
    share, done = 200.0 / (nodes * (nodes + 1)), 0.0
    for node in range(nodes):
        percent = share * (nodes - node)
        done += percent
        ms = mean_us * 1e-3 * percent / 100
        kind = "CONV_2D" if node % 2 == 0 else "DEPTHWISE_CONV_2D"
        cells = [kind, f"{ms:.3f}", f"{ms:.3f}", f"{percent:.3f}%", f"{done:.3f}%", "0", "1"]
        cells.append(f"[fake/node_{node}]:{node}")
        lines.append("".join(f"\t{cell}" for cell in cells))
    lines += ["", f"Number of nodes executed: {nodes}", ""]
    log.info("\n".join(lines))


def _proto(init_us, warm_up, runs, size_bytes):
    """Returns a serialized BenchmarkResult: fields 1 to 10 of its field 2, and so on."""
    times_us = (
        *(_mean(runs), min(runs, default=0), max(runs, default=0), _std(runs)),
        *(_percentile(runs, percent) for percent in (50, 5, 95)),
        *(init_us, (warm_up or [0])[0], _mean(warm_up)),
    )
    latency = b"".join(
        _varint(number << 3 | 5) + struct.pack("<f", time_us / 1e3)
        for number, time_us in enumerate(times_us, 1)
    )
    misc = b"\x0d" + struct.pack("<f", size_bytes / 1e6)
    misc += b"\x10" + _varint(len(runs)) + b"\x18" + _varint(len(warm_up))
    return b"\x12" + _varint(len(latency)) + latency + b"\x22" + _varint(len(misc)) + misc


def _varint(value):
    low, value = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(value) if value else bytes([low])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
