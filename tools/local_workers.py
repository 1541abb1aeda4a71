"""Runs the processes of a small cluster on this machine, for benchmarks and tests.

TensorFlow's servers listen on all interfaces and trust whoever connects. So where Linux lets a user
make one (unshare), the processes get a network of their own that has a loopback and nothing else.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

_REPO = pathlib.Path(__file__).resolve().parents[1]
_LOOPBACK_ALONE = ("unshare", "--map-root-user", "--net", "--kill-child")
_UP = ("sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def run(
    commands: Sequence[Sequence[str]], timeout_s: float
) -> list[subprocess.CompletedProcess[str]]:
    """Runs one command per process of a cluster, each with its TF_CONFIG; returns how they ended.

    Args:
      commands: Of the chief, then of each worker.
      timeout_s: After this, what still runs is killed (return code -9).
    """
    arguments = (sys.executable, "-m", "tools.local_workers")
    prefix = (*_LOOPBACK_ALONE, *_UP) if _can_isolate() else ()
    request = json.dumps({"commands": [list(command) for command in commands], "s": timeout_s})
    done = subprocess.run(
        [*prefix, *arguments],
        input=request,
        capture_output=True,
        text=True,
        check=True,
        cwd=_REPO,
        timeout=timeout_s + 30,
    )
    return [
        subprocess.CompletedProcess(command, *result)
        for command, result in zip(commands, json.loads(done.stdout), strict=True)
    ]


def _can_isolate() -> bool:
    if not all(shutil.which(name) for name in ("unshare", "ip")):
        return False
    command = [*_LOOPBACK_ALONE, *_UP, "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


def _main() -> None:
    request: dict[str, Any] = json.load(sys.stdin)
    commands = request["commands"]
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(len(commands))]
    processes: list[subprocess.Popen[str]] = []
    for index, command in enumerate(commands):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        processes.append(
            subprocess.Popen(
                command,
                env={**os.environ, "TF_CONFIG": config},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    results: list[tuple[int, str, str]] = []
    for process in processes:  # Their outputs are short, so none waits for its pipe to be read.
        try:
            out, err = process.communicate(timeout=request["s"])
        except subprocess.TimeoutExpired:
            for each in processes:
                each.kill()
            out, err = process.communicate()
        results.append((process.returncode, out, err))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    _main()
