"""Who trains together: the cluster that TF_CONFIG describes.

  TF_CONFIG='{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]},
              "task": {"type": "worker", "index": 0}}'

As TensorFlow and the schedulers that know it (Kubeflow's TFJob) write it: a list of workers, or a
chief and workers. The chief is the first of all.
"""

import dataclasses
import json
import os
import re
from typing import Any

from pipeline.errors import StrategyError

_JOBS = ("chief", "worker")  # In the order of TensorFlow's ranks.
_EXAMPLE = (
    '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'
)
_ADDRESS = re.compile(r"(?P<host>.+):(?P<port>\d{1,5})")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes of a multi-worker training, and which of them this is.

    Attributes:
      addresses: HOST:PORT of each, the chief's first.
      index: This process's position in it.
      jobs: ((name, number of tasks), ...), as TF_CONFIG groups them.
    """

    addresses: tuple[str, ...]
    index: int
    jobs: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Number of processes."""
        return len(self.addresses)

    @property
    def is_chief(self) -> bool:
        """Whether this process keeps the results."""
        return self.index == 0

    def host_and_port(self, index: int) -> tuple[str, int]:
        """Returns the address of a process."""
        host, _, port = self.addresses[index].rpartition(":")
        return host.strip("[]"), int(port)


def from_environment() -> Cluster | None:
    """Returns what TF_CONFIG describes, None where it is unset or empty.

    Raises:
      StrategyError: It is malformed.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _malformed(f"is no JSON ({error})") from error
    return _parse(config)


def _parse(config: Any) -> Cluster | None:
    if config == {}:
        return None
    jobs = _entry(config, "cluster", dict)
    task = _entry(config, "task", dict)
    foreign = sorted(set(jobs) - set(_JOBS))
    if foreign:
        raise _malformed(
            f"has tasks of type {', '.join(foreign)}; needed chief and worker alone: there are no "
            "parameter servers here, and the workers evaluate"
        )
    sizes = []
    addresses: list[str] = []
    for job in _JOBS:
        listed = jobs.get(job, [])
        if not isinstance(listed, list) or not all(_is_address(item) for item in listed):
            raise _malformed(f"lists no HOST:PORT addresses under cluster.{job}: {listed!r}")
        addresses += listed
        if listed:
            sizes.append((job, len(listed)))
    if len(jobs.get("chief", [])) > 1 or not addresses or len(set(addresses)) != len(addresses):
        raise _malformed("needs one chief at most, one task at least, and no address twice")
    job, index = task.get("type"), task.get("index")
    count = dict(sizes).get(job)
    if count is None or not isinstance(index, int) or not 0 <= index < count:
        present = ", ".join(f"{name} 0 to {number - 1}" for name, number in sizes)
        raise _malformed(f"says that this is task {index!r} of type {job!r}; there are {present}")
    before = 0 if job == sizes[0][0] else sizes[0][1]
    return Cluster(tuple(addresses), before + index, tuple(sizes))


def _entry(config: Any, name: str, kind: type) -> Any:
    if not isinstance(config, dict) or not isinstance(config.get(name), kind):
        raise _malformed(f"has no object {name!r}")
    return config[name]


def _is_address(item: Any) -> bool:
    match = _ADDRESS.fullmatch(item) if isinstance(item, str) else None
    return match is not None and 1 <= int(match["port"]) <= 65535


def _malformed(what: str) -> StrategyError:
    return StrategyError(f"TF_CONFIG {what}; needed {_EXAMPLE}")
