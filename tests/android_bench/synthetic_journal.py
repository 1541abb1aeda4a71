"""Journals as sessions write them, with figures from a random number generator."""

import dataclasses
import datetime
import itertools
import json
import random

from android_bench.cores import Cluster
from android_bench.device import Facts, State
from android_bench.parse import Memory
from android_bench.plan import Cell
from android_bench.runtimes import Evidence
from android_bench.timing import Timing

STARTED = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
FLOAT, INT8 = "nets/float.tflite", "nets/int8.tflite"

FACTS = Facts(
    serial="PHONE1",
    fingerprint="maker/phone/phone:14/AB1/2:user/release-keys",
    model="Phone 1",
    soc="Maker SoC",
    android_version="14",
    sdk=34,
    kernel_version="5.10.1",
    abi="arm64-v8a",
    clusters=(Cluster("little", (0, 1, 2, 3), 1_800_000), Cluster("big", (4, 5, 6, 7), 2_400_000)),
    total_memory_bytes=8 << 30,
    is_emulated=False,
    has_dot_product=True,
)
STATE = State(
    thermal_status=0,
    sensors=(),
    zones_c={"cpu-0": 35.0, "skin": 30.0},
    battery_percent=80,
    battery_c=29.0,
    charging=False,
    screen_on=False,
    online_cores=tuple(range(8)),
    free_memory_bytes=4 << 30,
    time_in_state={},
)
EVIDENCE = Evidence("TfLiteXNNPackDelegate", "full", 31, 31, 1)
OP_TABLES = "\n".join(
    (
        "Operator-wise Profiling Info for Regular Benchmark Runs:",
        "============================== Run Order ==============================",
        "\t[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]",
        "\tSOFTMAX\t2.4\t2.5\t25%\t25%\t0.0\t1\t[softmax]:0",
        "\tCONV_2D\t5.1\t5.0\t50%\t75%\t0.0\t1\t[first]:1",
        "\tCONV_2D\t2.6\t2.5\t25%\t100%\t0.0\t1\t[second]:2",
        "",
    )
)

# Model -> cluster -> milliseconds with one thread.
LATENCY_MS = {FLOAT: {"little": 100.0, "big": 44.0}, INT8: {"little": 67.0, "big": 28.0}}
CELLS = tuple(
    Cell(model, "xnnpack", threads, cluster)
    for model, cluster, threads in itertools.product((FLOAT, INT8), ("little", "big"), (1, 2, 4))
)


def header(*, facts=FACTS, cells=CELLS, binary="b" * 64, **settings):
    """Returns the first record of a journal."""
    return {
        "kind": "session",
        "serial": facts.serial,
        "facts": dataclasses.asdict(facts),
        "binary": {"path": "bin/benchmark_model", "sha256": binary, "tool": "tflite"},
        "models": [
            {"path": model, "sha256": f"{number:064x}", "size_bytes": 1000}
            for number, model in enumerate(dict.fromkeys(cell.model for cell in cells))
        ],
        "cells": [dataclasses.asdict(cell) for cell in cells],
        "settings": {"num_rounds": 10, "num_runs": 50, "fixed_performance_mode": False} | settings,
        "started_at": STARTED.isoformat(timespec="milliseconds"),
    }


def sample(cell, round_, at_s, latency_us, **changes):
    """Returns the record of an accepted process; `changes` replace fields of it."""
    timing = Timing(
        count=50,
        first_us=latency_us * 1.2,
        min_us=latency_us * 0.98,
        max_us=latency_us * 3,
        mean_us=latency_us * 1.1,
        std_us=latency_us * 0.2,
        median_us=latency_us,
        p5_us=latency_us * 0.99,
        p95_us=latency_us * 1.3,
    )
    memory = Memory(init_mb=4.0, overall_mb=12.5)
    khz = {"little": 1_800_000, "big": 2_400_000}[cell.cluster]
    record = {
        "kind": "sample",
        "cell": dataclasses.asdict(cell),
        "round": round_,
        "position": 0,
        "at": (STARTED + datetime.timedelta(seconds=at_s)).isoformat(timespec="milliseconds"),
        "accepted": True,
        "rejected_because": "",
        "samples_us": None,
        "log": {
            **dataclasses.asdict(timing),
            "init_us": 5000.0,
            "first_inference_us": latency_us * 1.5,
            "memory": dataclasses.asdict(memory),
        },
        "evidence": dataclasses.asdict(EVIDENCE),
        "state_before": dataclasses.asdict(STATE),
        "state_after": dataclasses.asdict(STATE),
        "time_in_state_delta": {cell.cluster: {str(khz): 750, str(khz // 2): 250}},
        "mask": "f0",
        "cpus_allowed": "f0",
        "wall_s": 2.0,
        "text": "a log",
    }
    return record | changes


def profile(cell, **changes):
    """Returns the record of a process that timed ops; `changes` replace fields of it."""
    record = {
        "kind": "profile",
        "at": STARTED.isoformat(timespec="milliseconds"),
        "cell": dataclasses.asdict(cell),
        "rejected_because": "",
        "text": OP_TABLES,
    }
    return record | changes


def records(*, cells=CELLS, num_rounds=10, seed=0, factor=1.0, head=None, noise=0.01):
    """Returns the records of a whole session; latencies are `factor` times LATENCY_MS."""
    rng = random.Random(seed)
    found = [head or header(cells=cells)]
    for round_ in range(num_rounds):
        drift = 1 + 0.01 * round_
        for cell in rng.sample(cells, len(cells)):
            threads = cell.num_threads**0.7
            cool_us = 1000 * LATENCY_MS[cell.model][cell.cluster] / threads
            latency_us = cool_us * factor * drift * rng.lognormvariate(0, noise)
            found.append(sample(cell, round_, 4.0 * len(found), latency_us))
    return found + [profile(cell) for cell in cells]


def write(path, found=None, **arguments):
    """Writes a journal and returns its path."""
    lines = [json.dumps(record) for record in found or records(**arguments)]
    path.write_text("\n".join(lines) + "\n")
    return path
