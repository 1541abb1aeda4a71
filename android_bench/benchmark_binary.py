"""The benchmark binary that runs on the phone: which tool it is, its command line, where to get it.

Two tools go by the name benchmark_model: TFLite's and LiteRT's (benchmark_litert_model). They share
most flags; LiteRT's takes no input files, writes no outputs and profiles ops by another flag. The
third is our own runner (runner_binary.py): it takes LiteRT's library, and prints every sample.
"""

import dataclasses
import http.client
import os
import pathlib
import re
import struct
import urllib.error
import urllib.request
from collections.abc import Mapping

from android_bench import runner_log
from android_bench.parse import INTONLY, LITERT, TFLITE
from android_bench.runtimes import Runtime
from pipeline import files
from pipeline.errors import DeviceError

# ELF e_machine (ELF specification and its processor supplements) -> Android's name of the ABI.
_ABIS = {3: "x86", 40: "armeabi-v7a", 62: "x86_64", 183: "arm64-v8a", 243: "riscv64"}
_ELF_HEADER_BYTES = 20
_LITTLE_ENDIAN = 1

# What only one of the tools prints; LiteRT's holds TFLite's runtime too, but not its tool.
_MARKS = {
    LITERT: b"========== BENCHMARK RESULTS ==========",
    TFLITE: b"Inference timings in us: ",
    INTONLY: runner_log.TOOL.encode(),
}

# A script that starts the binary (to set LD_LIBRARY_PATH, say) cannot be looked into, so it says.
SCRIPT = "script"
_SCRIPT_MARK = re.compile(rb"^# benchmark_tool: (\w+)$", re.MULTILINE)

# Where Google publishes nightly builds for Android: tflite/g3doc/performance/measurement.md of
# LiteRT at f67457790c9c, and ai.google.dev/edge/litert/next/benchmark. They change every night,
# so there is no checksum to pin here: the user's, or the one printed at the first download.
URLS: dict[str, str] = {
    TFLITE: (
        "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/"
        "tools/nightly/latest/android_aarch64_benchmark_model"
    ),
    LITERT: ("https://storage.googleapis.com/litert/binaries/latest/android_arm64/benchmark_model"),
}

_CHUNK_BYTES = 1 << 20
_DOWNLOAD_TIMEOUT_S = 60.0  # Without a byte.


@dataclasses.dataclass(frozen=True)
class Binary:
    """A benchmark binary on this machine.

    Attributes:
      path: Where it is.
      tool: parse.TFLITE, parse.LITERT or parse.INTONLY.
      abi: Android's name of what it runs on, "arm64-v8a", ...; SCRIPT for a script.
      sha256: Of its content, hex.
      size_bytes: Its size.
      library: libLiteRt.so for the phone, which parse.INTONLY loads; None for the others.
      library_sha256: Of its content, hex; "" where there is none.
    """

    path: pathlib.Path
    tool: str
    abi: str
    sha256: str
    size_bytes: int
    library: pathlib.Path | None = None
    library_sha256: str = ""


def inspect(path: os.PathLike[str] | str, library: os.PathLike[str] | str | None = None) -> Binary:
    """Returns what a local benchmark binary, or a script that starts one, is.

    Args:
      path: Of the binary.
      library: libLiteRt.so for the phone; our own runner needs it, the others hold theirs.

    Raises:
      DeviceError: It is neither, or of no tool, or lacks its library, or needs none.
      OSError: It cannot be read.
    """
    local = pathlib.Path(path)
    content = local.read_bytes()
    if content.startswith(b"#!"):
        abi, tool = SCRIPT, _script_tool(local, content)
    else:
        abi, tool = _abi(local, content), _tool(local, content)
    if (tool == INTONLY) != (library is not None):
        raise DeviceError(
            f"{local}: needed "
            + ("the libLiteRt.so that it loads, got none" if library is None else "no library")
        )
    sha256 = files.sha256(local)
    if library is None:
        return Binary(local, tool, abi, sha256, len(content))
    loaded = pathlib.Path(library)
    return Binary(local, tool, abi, sha256, len(content), loaded, files.sha256(loaded))


def _abi(path: pathlib.Path, content: bytes) -> str:
    if not content.startswith(b"\x7fELF") or len(content) < _ELF_HEADER_BYTES:
        raise DeviceError(
            f"{path}: needed a benchmark binary for Android (an ELF file), got {len(content)} "
            f"bytes that begin {content[:8]!r}; give the command-line tool, not the .apk"
        )
    order = "<" if content[5] == _LITTLE_ENDIAN else ">"
    (machine,) = struct.unpack_from(f"{order}H", content, 18)
    return _ABIS.get(machine, f"ELF machine {machine}")


def _tool(path: pathlib.Path, content: bytes) -> str:
    for tool, mark in _MARKS.items():
        if mark in content:
            return tool
    raise DeviceError(
        f"{path}: needed TFLite's benchmark_model or LiteRT's, got a binary that prints the "
        "results of neither; download one with --download_benchmark_binary"
    )


def _script_tool(path: pathlib.Path, content: bytes) -> str:
    mark = _SCRIPT_MARK.search(content)
    if mark is None or mark[1].decode() not in _MARKS:
        raise DeviceError(
            f"{path}: needed a script to say which tool it starts, by a line "
            f"'# benchmark_tool: {TFLITE}', '{LITERT}' or '{INTONLY}'; got none"
        )
    return mark[1].decode()


@dataclasses.dataclass(frozen=True)
class Run:
    """One process of a benchmark binary; paths are on the device.

    Attributes:
      model: The .tflite file.
      num_threads: Of the CPU's engines.
      num_runs: Least number of timed runs.
      min_time_s: Least time over which to repeat them.
      max_time_s: Timing stops here, even with fewer runs.
      warmup_runs: Least number of untimed runs.
      warmup_time_s: Least time over which to repeat those.
      inputs: {input tensor: (shape, file of its raw bytes)}; random values where empty.
      output_path: Where to write the raw bytes of all outputs, one after the other.
      result_path: Where to write a BenchmarkResult proto.
      profile_ops: Print tables of ops' times; profiling costs time itself.
      peak_memory: Watch the memory footprint; a thread that costs time.
      library: LiteRT's library, for parse.INTONLY.
    """

    model: str
    num_threads: int = 1
    num_runs: int = 50
    min_time_s: float = 1.0
    max_time_s: float = 150.0
    warmup_runs: int = 1
    warmup_time_s: float = 0.5
    inputs: Mapping[str, tuple[tuple[int, ...], str]] = dataclasses.field(default_factory=dict)
    output_path: str = ""
    result_path: str = ""
    profile_ops: bool = False
    peak_memory: bool = False
    library: str = ""


def command(tool: str, binary: str, runtime: Runtime, run: Run) -> list[str]:
    """Returns the command line of a benchmark process on the device.

    Raises:
      DelegationError: The tool has no such runtime.
      DeviceError: The tool cannot do what `run` asks.
    """
    if tool == LITERT and (run.inputs or run.output_path or run.profile_ops):
        raise DeviceError(
            "needed TFLite's benchmark_model for chosen inputs, outputs or op profiles, got "
            "LiteRT's, which has no such flags; give another --benchmark_binary"
        )
    if tool == INTONLY and (run.result_path or run.profile_ops or run.peak_memory):
        raise DeviceError(
            "needed TFLite's benchmark_model for protos, op profiles or peak memory, got our own "
            "runner, which has no such flags; give another --benchmark_binary"
        )
    flags: dict[str, object] = {"library": run.library} if tool == INTONLY else {}
    flags |= {
        "graph": run.model,
        "num_threads": run.num_threads,
        "num_runs": run.num_runs,
        "min_secs": run.min_time_s,
        "max_secs": run.max_time_s,
        "warmup_runs": run.warmup_runs,
        "warmup_min_secs": run.warmup_time_s,
    }
    files_of_inputs: list[str] = []
    if tool == INTONLY:
        files_of_inputs = [f"--input_file={path}" for _, path in run.inputs.values()]
    elif run.inputs:
        flags |= _input_flags(run.inputs)
    if run.output_path:
        flags["output_filepath"] = run.output_path
    if run.result_path:
        flags["result_file_path"] = run.result_path
    if run.profile_ops:
        flags["enable_op_profiling"] = "true"
    if run.peak_memory:
        flags["report_peak_memory_footprint"] = "true"
    return [
        binary,
        *(f"--{name}={_text(value)}" for name, value in flags.items()),
        *files_of_inputs,
        *runtime.flags_for(tool),
    ]


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _input_flags(inputs: Mapping[str, tuple[tuple[int, ...], str]]) -> dict[str, str]:
    """Returns the flags of inputs; the tool needs all, in the model's order, with shapes.

    Names and files are split at "," and from each other at ":"; only the latter can be escaped, by
    doubling it (SplitInputLayerNameAndValueFile in benchmark_tflite_model.cc).

    Raises:
      DeviceError: A name or path holds a comma.
    """
    for name, (_, path) in inputs.items():
        if "," in name + path:
            raise DeviceError(
                f"input {name!r}, file {path!r}: the benchmark binary cannot take a comma in "
                "either; rename the model's input"
            )
    return {
        "input_layer": ",".join(inputs),
        "input_layer_shape": ":".join(
            ",".join(str(size) for size in shape) for shape, _ in inputs.values()
        ),
        "input_layer_value_files": ",".join(
            f"{name.replace(':', '::')}:{path.replace(':', '::')}"
            for name, (_, path) in inputs.items()
        ),
    }


def download(url: str, target: os.PathLike[str] | str, sha256: str | None = None) -> Binary:
    """Returns the binary at `target`, downloaded from `url` unless it is there already.

    Args:
      url: One of URLS, or the user's own.
      target: Where to keep it. Whole or absent, whatever happens.
      sha256: What it must hash to, hex; None accepts any, for the caller to print.

    Raises:
      DeviceError: It cannot be had, is cut short, hashes to something else, or is no such binary.
      OSError: `target` cannot be written.
    """
    local = pathlib.Path(target)
    if not local.exists():
        with files.replacing(local) as temporary:
            _fetch(url, temporary)
            _check_sha256(temporary, sha256, url)
            inspect(temporary)
    _check_sha256(local, sha256, str(local))
    return inspect(local)


def _fetch(url: str, temporary: pathlib.Path) -> None:
    try:
        with (
            urllib.request.urlopen(url, timeout=_DOWNLOAD_TIMEOUT_S) as response,
            temporary.open("wb") as file,
        ):
            promised = response.headers.get("Content-Length")
            while chunk := response.read(_CHUNK_BYTES):
                file.write(chunk)
            if promised is not None and file.tell() != int(promised):
                raise DeviceError(
                    f"{url}: needed {promised} bytes, got {file.tell()} before the connection "
                    "ended; try again"
                )
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        ConnectionError,
        TimeoutError,
        ValueError,
    ) as error:
        raise DeviceError(
            f"{url}: the benchmark binary cannot be downloaded ({error}); download it by hand and "
            "give its path as --benchmark_binary"
        ) from error


def _check_sha256(path: pathlib.Path, wanted: str | None, source: str) -> None:
    if wanted is None:
        return
    got = files.sha256(path)
    if got != wanted.lower():
        raise DeviceError(
            f"{source}: needed sha256 {wanted.lower()}, got {got}; Google's nightly builds change, "
            "so check the new one and pin its checksum, or keep the old file"
        )
