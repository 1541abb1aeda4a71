"""The BenchmarkResult proto that both tools write with --result_file_path.

The only place where LiteRT's tool of early 2025 leaves a median; times are float32 milliseconds.

Source: tflite/tools/benchmark/proto/benchmark_result.proto of LiteRT (proto2, package
tflite.tools.benchmark); its descriptor is built here, so that no generated code is needed.
"""

import dataclasses
import functools
import math
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from android_bench.parse import Memory
from android_bench.timing import Timing
from pipeline.errors import LogError

_PACKAGE = "tflite.tools.benchmark"

# {message: {field: (number, type)}}; a type that is no scalar is another message of the table.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "LatencyMetrics": {
        "avg_ms": (1, "FLOAT"),
        "min_ms": (2, "FLOAT"),
        "max_ms": (3, "FLOAT"),
        "stddev_ms": (4, "FLOAT"),
        "median_ms": (5, "FLOAT"),
        "p5_ms": (6, "FLOAT"),
        "p95_ms": (7, "FLOAT"),
        "init_ms": (8, "FLOAT"),
        "first_inference_ms": (9, "FLOAT"),
        "average_warm_up_ms": (10, "FLOAT"),
    },
    "MemoryMetrics": {
        "init_footprint_kb": (1, "INT64"),
        "overall_footprint_kb": (2, "INT64"),
        "peak_mem_mb": (3, "FLOAT"),
    },
    "MiscMetrics": {
        "model_size_mb": (1, "FLOAT"),
        "num_runs": (2, "INT32"),
        "num_warmup_runs": (3, "INT32"),
        "model_throughput_in_mb_per_sec": (4, "FLOAT"),
    },
    "BenchmarkResult": {
        "name": (1, "STRING"),
        "latency_metrics": (2, "LatencyMetrics"),
        "memory_metrics": (3, "MemoryMetrics"),
        "misc_metrics": (4, "MiscMetrics"),
    },
}


@dataclasses.dataclass(frozen=True)
class BenchmarkResult:
    """One benchmark's results.

    Attributes:
      inference: Timed runs; `first_us` is None, the proto has only the first run of all.
      warm_up: Untimed runs: count, first and mean.
      init_us: Load and initialization.
      first_inference_us: The first run of all.
      memory: Footprints.
      model_size_mb: In units of 10**6 bytes.
    """

    inference: Timing
    warm_up: Timing
    init_us: float | None
    first_inference_us: float | None
    memory: Memory
    model_size_mb: float | None


def parse(content: bytes) -> BenchmarkResult:
    """Returns the results in a file that --result_file_path wrote.

    Raises:
      LogError: It is no such proto, has no timed runs, or contradicts itself.
    """
    proto = message_class()()
    try:
        proto.ParseFromString(content)
    except message.DecodeError as error:
        raise LogError(
            f"needed a BenchmarkResult proto, got {len(content)} bytes that are none ({error}); "
            "the benchmark may have been cut off while writing it"
        ) from error
    latency, misc = proto.latency_metrics, proto.misc_metrics
    inference = Timing(
        count=_value(misc, "num_runs"),
        min_us=_us(latency, "min_ms"),
        max_us=_us(latency, "max_ms"),
        mean_us=_us(latency, "avg_ms"),
        std_us=_us(latency, "stddev_ms"),
        median_us=_us(latency, "median_ms"),
        p5_us=_us(latency, "p5_ms"),
        p95_us=_us(latency, "p95_ms"),
    )
    first_inference_us = _us(latency, "first_inference_ms")
    problem = inference.contradiction()
    if inference.mean_us is None or not inference.count:
        problem = "it holds no timed run"
    if problem:
        raise LogError(f"unusable BenchmarkResult proto of {len(content)} bytes: {problem}")
    return BenchmarkResult(
        inference=inference,
        warm_up=Timing(
            count=_value(misc, "num_warmup_runs"),
            first_us=first_inference_us,
            mean_us=_us(latency, "average_warm_up_ms"),
        ),
        init_us=_us(latency, "init_ms"),
        first_inference_us=first_inference_us,
        memory=_memory(proto.memory_metrics),
        model_size_mb=_value(misc, "model_size_mb"),
    )


@functools.cache
def message_class() -> type[Any]:
    """Returns the class of the proto message."""
    file = descriptor_pb2.FileDescriptorProto(
        name="benchmark_result.proto", package=_PACKAGE, syntax="proto2"
    )
    types = descriptor_pb2.FieldDescriptorProto
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            entry = described.field.add(name=field, number=number, label=types.LABEL_OPTIONAL)
            if kind in _MESSAGES:
                entry.type = types.TYPE_MESSAGE
                entry.type_name = f".{_PACKAGE}.{kind}"
            else:
                entry.type = types.Type.Value(f"TYPE_{kind}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f"{_PACKAGE}.BenchmarkResult")
    )


def _value(proto: Any, field: str) -> Any:
    """Returns a field; None where it is absent or not finite."""
    if not proto.HasField(field):
        return None
    value = getattr(proto, field)
    return value if math.isfinite(value) else None


def _us(latency: Any, field: str) -> float | None:
    value_ms = _value(latency, field)
    return None if value_ms is None else value_ms * 1e3


def _memory(metrics: Any) -> Memory:
    init_kb, overall_kb = (
        _value(metrics, field) for field in ("init_footprint_kb", "overall_footprint_kb")
    )
    return Memory(
        init_mb=None if init_kb is None else init_kb / 1024,
        overall_mb=None if overall_kb is None else overall_kb / 1024,
        peak_mb=_value(metrics, "peak_mem_mb"),
    )
