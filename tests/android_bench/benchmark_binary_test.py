import contextlib
import hashlib
import http.server
import struct
import threading
from collections.abc import Iterator

import pytest

from android_bench import benchmark_binary
from android_bench.benchmark_binary import Run
from android_bench.runtimes import RUNTIMES
from pipeline.errors import DelegationError, DeviceError


def _elf(machine: int, *texts: bytes, bits: int = 64, big_endian: bool = False) -> bytes:
    order = ">" if big_endian else "<"
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 2 if big_endian else 1, 1]) + bytes(9)
    return ident + struct.pack(f"{order}HHI", 3, machine, 1) + bytes(44) + b"\0".join(texts)


_TFLITE = _elf(183, b"count=", b"Inference timings in us: ")
_LITERT = _elf(183, b"Inference (avg): ", b"\n========== BENCHMARK RESULTS ==========")


@pytest.mark.parametrize(
    ("content", "tool", "abi"),
    [
        (_TFLITE, "tflite", "arm64-v8a"),
        (_LITERT, "litert", "arm64-v8a"),
        (_elf(40, b"Inference timings in us: ", bits=32), "tflite", "armeabi-v7a"),
        (_elf(62, b"Inference timings in us: "), "tflite", "x86_64"),
        (_elf(22, b"Inference timings in us: ", big_endian=True), "tflite", "ELF machine 22"),
        (b"#!/bin/sh\n# benchmark_tool: litert\nexec ./b $@\n", "litert", "script"),
    ],
)
def test_inspect(tmp_path, content, tool, abi):
    path = tmp_path / "benchmark_model"
    path.write_bytes(content)
    binary = benchmark_binary.inspect(path)
    assert (binary.tool, binary.abi, binary.size_bytes) == (tool, abi, len(content))
    assert binary.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"PK\x03\x04 an apk", "not the .apk"),
        (b"", "needed a benchmark binary"),
        (b"\x7fELF", "needed a benchmark binary"),
        (_elf(183, b"hello"), "the results of neither"),
        (b"#!/bin/sh\nexec ./b\n", "say which tool"),
        (b"#!/bin/sh\n# benchmark_tool: other\n", "say which tool"),
    ],
)
def test_inspect_refuses(tmp_path, content, complaint):
    path = tmp_path / "benchmark_model"
    path.write_bytes(content)
    with pytest.raises(DeviceError, match=complaint):
        benchmark_binary.inspect(path)


def test_command_of_tflite():
    run = Run(
        model="/d/m.tflite",
        num_threads=4,
        num_runs=20,
        min_time_s=0.25,
        inputs={"a": ((1, 8, 8, 3), "/d/a.bin"), "b:0": ((1, 2), "/d/b.bin")},
        output_path="/d/out.bin",
        result_path="/d/result.pb",
        profile_ops=True,
        peak_memory=True,
    )
    assert benchmark_binary.command("tflite", "/d/bm", RUNTIMES["no_xnnpack"], run) == [
        "/d/bm",
        "--graph=/d/m.tflite",
        "--num_threads=4",
        "--num_runs=20",
        "--min_secs=0.25",
        "--max_secs=150",
        "--warmup_runs=1",
        "--warmup_min_secs=0.5",
        "--input_layer=a,b:0",
        "--input_layer_shape=1,8,8,3:1,2",
        "--input_layer_value_files=a:/d/a.bin,b::0:/d/b.bin",
        "--output_filepath=/d/out.bin",
        "--result_file_path=/d/result.pb",
        "--enable_op_profiling=true",
        "--report_peak_memory_footprint=true",
        "--use_xnnpack=false",
    ]


def test_command_of_litert():
    command = benchmark_binary.command(
        "litert", "/d/bm", RUNTIMES["gpu"], Run(model="/d/m.tflite", result_path="/d/r.pb")
    )
    assert command[1] == "--graph=/d/m.tflite"
    assert command[-2:] == ["--result_file_path=/d/r.pb", "--use_gpu=true"]


def test_what_litert_cannot_do():
    with pytest.raises(DeviceError, match="which has no such flags"):
        benchmark_binary.command("litert", "b", RUNTIMES["gpu"], Run("m", output_path="o"))
    with pytest.raises(DelegationError):
        benchmark_binary.command("litert", "b", RUNTIMES["no_xnnpack"], Run("m"))


def test_a_name_with_a_comma_is_refused():
    run = Run("m", inputs={"a,b": ((1,), "/d/a")})
    with pytest.raises(DeviceError, match="cannot take a comma"):
        benchmark_binary.command("tflite", "b", RUNTIMES["xnnpack"], run)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves `content`; claims `missing` bytes more than it sends."""

    content = b""
    missing = 0
    num_requests = 0

    def do_GET(self):
        type(self).num_requests += 1
        if self.path != "/bm":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content) + self.missing))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def _serving(content: bytes, missing: int = 0) -> Iterator[tuple[str, type[_Handler]]]:
    handler = type("Handler", (_Handler,), {"content": content, "missing": missing})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", handler
        finally:
            server.shutdown()
            thread.join()


def test_download_happens_once(tmp_path):
    target = tmp_path / "tools" / "benchmark_model"
    digest = hashlib.sha256(_TFLITE).hexdigest()
    with _serving(_TFLITE) as (url, handler):
        first = benchmark_binary.download(f"{url}/bm", target)
        again = benchmark_binary.download(f"{url}/bm", target, digest.upper())
        assert handler.num_requests == 1
    assert first == again
    assert (first.sha256, first.tool) == (digest, "tflite")
    assert [path.name for path in target.parent.iterdir()] == ["benchmark_model"]


@pytest.mark.parametrize(
    ("content", "missing", "path", "sha256", "complaint"),
    [
        (_TFLITE, 7, "/bm", None, "before the connection ended"),
        (_TFLITE, 0, "/other", None, "404"),
        (_TFLITE, 0, "/bm", "0" * 64, "needed sha256 0000"),
        (b"<html>Sign in</html>", 0, "/bm", None, "needed a benchmark binary"),
    ],
)
def test_a_bad_download_leaves_nothing(tmp_path, content, missing, path, sha256, complaint):
    with (
        _serving(content, missing) as (url, _),
        pytest.raises(DeviceError, match=complaint),
    ):
        benchmark_binary.download(url + path, tmp_path / "bm", sha256)
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(tmp_path):
    with _serving(b"") as (url, _):
        pass
    with pytest.raises(DeviceError, match="cannot be downloaded"):
        benchmark_binary.download(f"{url}/bm", tmp_path / "bm")


def test_a_kept_file_with_another_checksum_is_refused(tmp_path):
    (tmp_path / "bm").write_bytes(_TFLITE)
    with pytest.raises(DeviceError, match="pin its checksum"):
        benchmark_binary.download("http://127.0.0.1:1/bm", tmp_path / "bm", "0" * 64)


def test_our_own_runner_needs_its_library_and_the_others_none(tmp_path):
    runner, library = tmp_path / "runner", tmp_path / "libLiteRt.so"
    runner.write_bytes(_elf(183, b"intonly_litert_runner"))
    library.write_bytes(b"library")
    binary = benchmark_binary.inspect(runner, library)
    assert (binary.tool, binary.library) == ("intonly", library)
    assert binary.library_sha256 == hashlib.sha256(b"library").hexdigest()
    with pytest.raises(DeviceError, match=r"needed the libLiteRt\.so"):
        benchmark_binary.inspect(runner)
    runner.write_bytes(_TFLITE)
    with pytest.raises(DeviceError, match="needed no library"):
        benchmark_binary.inspect(runner, library)


def test_command_of_our_own_runner():
    run = Run(
        "/m.tflite",
        num_threads=2,
        inputs={"a,b": ((1, 4), "/in0"), "c": ((2,), "/in1")},
        output_path="/out",
        library="/l.so",
    )
    command = benchmark_binary.command("intonly", "/runner", RUNTIMES["no_xnnpack"], run)
    assert command == [
        "/runner",
        *("--library=/l.so", "--graph=/m.tflite", "--num_threads=2", "--num_runs=50"),
        *("--min_secs=1", "--max_secs=150", "--warmup_runs=1", "--warmup_min_secs=0.5"),
        *("--output_filepath=/out", "--input_file=/in0", "--input_file=/in1"),
        "--kernels=builtin",
    ]
    with pytest.raises(DeviceError, match="no such flags"):
        benchmark_binary.command("intonly", "/r", RUNTIMES["xnnpack"], Run("/m", peak_memory=True))
    with pytest.raises(DelegationError, match="runtime 'gpu' needs"):
        benchmark_binary.command("intonly", "/r", RUNTIMES["gpu"], Run("/m"))
