"""TF_CONFIG: what is understood, and what is told about what is not."""

import json

import pytest

from pipeline import cluster
from pipeline.errors import StrategyError

_TWO = {"worker": ["10.0.0.1:2222", "[::1]:2223"]}


def _read(monkeypatch, config):
    text = config if isinstance(config, str) else json.dumps(config)
    monkeypatch.setenv("TF_CONFIG", text)
    return cluster.from_environment()


@pytest.mark.parametrize("text", ["", " ", "{}"])
def test_none(monkeypatch, text):
    assert _read(monkeypatch, text) is None
    monkeypatch.delenv("TF_CONFIG")
    assert cluster.from_environment() is None


def test_workers(monkeypatch):
    got = _read(monkeypatch, {"cluster": _TWO, "task": {"type": "worker", "index": 1}})
    assert (got.size, got.index, got.is_chief) == (2, 1, False)
    assert got.host_and_port(0) == ("10.0.0.1", 2222)
    assert got.host_and_port(1) == ("::1", 2223)


@pytest.mark.parametrize(("job", "index", "rank"), [("chief", 0, 0), ("worker", 1, 2)])
def test_a_chief_comes_first(monkeypatch, job, index, rank):
    jobs = {**_TWO, "chief": ["c:1"]}
    got = _read(monkeypatch, {"cluster": jobs, "task": {"type": job, "index": index}})
    assert got.addresses[0] == "c:1"
    assert (got.index, got.is_chief) == (rank, rank == 0)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("{", "is no JSON"),
        ("[]", "has no object 'cluster'"),
        ({"cluster": _TWO}, "has no object 'task'"),
        ({"cluster": {**_TWO, "ps": ["a:1"]}, "task": {}}, "has tasks of type ps"),
        ({"cluster": {"worker": ["here"]}, "task": {}}, "lists no HOST:PORT"),
        ({"cluster": {"worker": ["a:99999"]}, "task": {}}, "lists no HOST:PORT"),
        ({"cluster": {"worker": "a:1"}, "task": {}}, "lists no HOST:PORT"),
        ({"cluster": {}, "task": {}}, "one task at least"),
        ({"cluster": {"worker": ["a:1", "a:1"]}, "task": {}}, "no address twice"),
        ({"cluster": {"chief": ["a:1", "b:1"]}, "task": {}}, "one chief at most"),
        (
            {"cluster": _TWO, "task": {"type": "worker", "index": 2}},
            "this is task 2 of type 'worker'; there are worker 0 to 1",
        ),
        ({"cluster": _TWO, "task": {"type": "worker", "index": "0"}}, "this is task '0'"),
        ({"cluster": _TWO, "task": {"type": "chief", "index": 0}}, "of type 'chief'"),
    ],
)
def test_malformed(monkeypatch, config, told):
    with pytest.raises(StrategyError) as failure:
        _read(monkeypatch, config)
    assert told in str(failure.value)
    assert '; needed {"cluster": {"worker":' in str(failure.value)
