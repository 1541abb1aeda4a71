"""Measuring on this machine: who runs when, where, for how long, and what may go wrong."""

import itertools
import os

import numpy as np
import pytest

from android_bench import host, host_process
from pipeline.errors import DeviceError, ModelError
from tests.pipeline.interpreter.one_op import Operand, model

_QUICK = host.Settings(num_rounds=3, num_runs=4, min_time_s=0, warmup_s=0, seed=1)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "relu.tflite"
    path.write_bytes(model("RELU", [Operand((1, 4), 0.5)], Operand((1, 4), 0.5)))
    return path


def _request(net, **changes):
    fields = {
        **{"model": str(net), "cores": (), "num_threads": 1, "num_runs": 5, "seed": 0},
        **{"min_time_s": 0.0, "max_time_s": 60.0, "warmup_s": 0.0},
    }
    return host_process.Request(**(fields | changes))


def test_every_round_has_every_model_once(net):
    samples = list(host.measure([net, net], _QUICK))
    assert [(s.round, s.position) for s in samples] == [(r, p) for r in range(3) for p in (0, 1)]
    for round_ in range(3):
        assert {s.model for s in samples if s.round == round_} == {0, 1}
    assert all(len(s.reply.samples_us) == 4 and min(s.reply.samples_us) > 0 for s in samples)
    assert all(s.reply.load_us > 0 and s.reply.first_inference_us > 0 for s in samples)


@pytest.fixture
def orders(monkeypatch):
    """seed -> the order of three models in each of ten rounds, without running them."""
    monkeypatch.setattr(host, "_run", lambda request: host.Reply(1, 1, (1,)))

    def of_seed(seed, net):
        settings = host.Settings(num_rounds=10, seed=seed)
        order = [sample.model for sample in host.measure([net] * 3, settings)]
        return [tuple(order[i : i + 3]) for i in range(0, 30, 3)]

    return of_seed


def test_order_is_drawn_anew_in_each_round_and_follows_from_the_seed(net, orders):
    assert orders(0, net) == orders(0, net)
    assert orders(0, net) != orders(1, net)
    assert len(set(orders(0, net))) > 2


def test_one_core_per_thread():
    available = os.sched_getaffinity(0)
    assert len(host.cores(1)) == 1
    assert set(host.cores(len(available))) == available
    with pytest.raises(DeviceError, match="--num_threads"):
        host.cores(len(available) + 1)


def test_process_stays_on_its_cores(net):
    before = os.sched_getaffinity(0)
    try:
        host_process.measure(_request(net, cores=(min(before),)))
        assert os.sched_getaffinity(0) == {min(before)}
    finally:
        os.sched_setaffinity(0, before)


def test_runs_until_both_count_and_time_are_reached(net, monkeypatch):
    # A clock that each look at it moves on by a millisecond, however busy the machine is.
    clock = itertools.count(step=1000.0)
    monkeypatch.setattr(host_process, "_now_us", lambda: next(clock))
    assert len(host_process.measure(_request(net)).samples_us) == 5
    long = host_process.measure(_request(net, min_time_s=0.05)).samples_us
    assert 10 <= len(long) <= 50
    assert set(long) == {1000.0}


def test_max_time_ends_a_model_too_slow_for_its_runs(net):
    samples_us = host_process.measure(_request(net, num_runs=10**9, max_time_s=0.05)).samples_us
    assert 1 <= len(samples_us) < 10**9


@pytest.mark.parametrize("dtype", ["int8", "uint8", "float32"])
def test_inputs_of_every_kind(tmp_path, dtype):
    operand = Operand((1, 64), 0.5 if dtype != "float32" else None, dtype=dtype)
    path = tmp_path / "reshape.tflite"
    path.write_bytes(model("RELU", [operand], operand))
    assert len(host_process.measure(_request(path)).samples_us) == 5


def test_random_codes_span_the_type():
    codes = host_process._random_input(np.random.default_rng(0), (10000,), np.dtype("int8"))
    assert (codes.min(), codes.max()) == (-128, 127)


def test_refused_model_is_named(net, tmp_path):
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(net.read_bytes()[:50])
    with pytest.raises(ModelError, match=r"damaged\.tflite.*XNNPACK.*ended with 1"):
        list(host.measure([damaged], _QUICK))


def test_death_is_told_by_its_signal(net, monkeypatch):
    # An interpreter that dies as LiteRT might: this is all that measure() sees of it.
    killer = net.parent / "killer.sh"
    killer.write_text("#!/bin/sh\nkill -SEGV $$\n")
    killer.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(killer))
    with pytest.raises(ModelError, match=r"relu\.tflite.*SIGSEGV"):
        list(host.measure([net], _QUICK))
