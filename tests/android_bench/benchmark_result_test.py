import contextlib
import struct

import hypothesis
import hypothesis.strategies as st
import pytest

from android_bench import benchmark_result
from android_bench.parse import Memory
from pipeline.errors import LogError


def _proto(**latency_ms: float) -> bytes:
    proto = benchmark_result.message_class()()
    times = {
        "avg_ms": 5.5,
        "min_ms": 5.0,
        "max_ms": 8.0,
        "stddev_ms": 0.25,
        "median_ms": 5.25,
        "p5_ms": 5.125,
        "p95_ms": 7.0,
        "init_ms": 100.0,
        "first_inference_ms": 9.0,
        "average_warm_up_ms": 6.0,
    } | latency_ms
    for field, value in times.items():
        setattr(proto.latency_metrics, field, value)
    proto.memory_metrics.init_footprint_kb = 2048
    proto.memory_metrics.overall_footprint_kb = 3072
    proto.misc_metrics.model_size_mb = 4.25
    proto.misc_metrics.num_runs = 50
    proto.misc_metrics.num_warmup_runs = 3
    return proto.SerializeToString()


def test_every_field():
    result = benchmark_result.parse(_proto())
    inference = result.inference
    assert (inference.count, inference.mean_us, inference.median_us) == (50, 5500.0, 5250.0)
    assert (inference.min_us, inference.max_us, inference.std_us) == (5000.0, 8000.0, 250.0)
    assert (inference.p5_us, inference.p95_us) == (5125.0, 7000.0)
    assert (result.init_us, result.first_inference_us) == (100_000.0, 9000.0)
    assert (result.warm_up.count, result.warm_up.mean_us) == (3, 6000.0)
    assert result.memory == Memory(init_mb=2.0, overall_mb=3.0)
    assert result.model_size_mb == 4.25


def test_bytes_as_the_wire_format_has_them():
    # Field 2 (latency): 1 = 2.5f, 5 = 2.0f; field 4 (misc): 2 = 7.
    latency = b"\x0d" + struct.pack("<f", 2.5) + b"\x2d" + struct.pack("<f", 2.0)
    misc = b"\x10\x07"
    content = b"\x12" + bytes([len(latency)]) + latency + b"\x22" + bytes([len(misc)]) + misc
    inference = benchmark_result.parse(content).inference
    assert (inference.count, inference.mean_us, inference.median_us) == (7, 2500.0, 2000.0)
    assert inference.min_us is None


def test_unknown_fields_of_a_newer_tool_are_ignored():
    assert benchmark_result.parse(_proto() + b"\x98\x06\x01") == benchmark_result.parse(_proto())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no timed run"),
        (_proto()[:-1], "cut off while writing"),
        (b"\xff" * 40, "needed a BenchmarkResult"),
        (_proto(median_ms=80.0), "median=80000 is above"),
        (_proto(avg_ms=float("nan")), "no timed run"),
    ],
)
def test_what_cannot_be_used_is_an_error(content, complaint):
    with pytest.raises(LogError, match=complaint):
        benchmark_result.parse(content)


@hypothesis.given(st.integers(0, len(_proto()) - 1), st.integers(0, 255))
def test_damaged_bytes_raise_nothing_else(position, byte):
    content = bytearray(_proto())
    content[position] = byte
    with contextlib.suppress(LogError):
        benchmark_result.parse(bytes(content))


@hypothesis.given(st.binary())
def test_any_bytes_raise_nothing_else(content):
    with contextlib.suppress(LogError):
        benchmark_result.parse(content)
