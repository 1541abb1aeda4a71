"""docs/many_machines.md: what its scripts start, with stand-ins for Slurm, Kubernetes and Python.

The stand-ins run a job's tasks one after the other, and write down what each was given.
"""

import json
import os
import pathlib
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from pipeline import cluster
from tests import docs_pages

_PAGE = "docs/many_machines.md"
_PYTHON = r"""#!/bin/sh
{ printf '%s\n' "$*"; printf '%s' "$TF_CONFIG" | tr -d '\n'; printf '\n'; } >> started.txt
exit ${EXIT_CODE:-0}
"""
_SCONTROL = r"""#!/bin/sh
case "$1 $2" in
  "show hostnames") test "$3" = "node[1-2]" && printf 'node1\nnode2\n' ;;
  *) printf '%s\n' "$*" >> requeued.txt ;;
esac
"""
_SRUN = r"""#!/bin/sh
shift  # --kill-on-bad-exit=1
for rank in 0 1; do SLURM_PROCID=$rank "$@" || exit; done
"""


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with the stand-ins; those of commands are in bin/."""
    scripts = {".venv/bin/python": _PYTHON, "bin/scontrol": _SCONTROL, "bin/srun": _SRUN}
    for name, text in scripts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return tmp_path


def test_slurm_starts_both_workers(checkout: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = _sbatch(checkout)
    assert done.returncode == 0, done.stderr
    _check_started(checkout, monkeypatch, ["node1:2222", "node2:2222"])
    assert not (checkout / "requeued.txt").exists()


def test_slurm_queues_a_job_with_a_dead_process_again(checkout: pathlib.Path) -> None:
    done = _sbatch(checkout, EXIT_CODE="137")
    assert done.returncode == 0, done.stderr
    assert (checkout / "requeued.txt").read_text() == "requeue 7\n"


def test_kubernetes_starts_both_workers(
    checkout: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _manifests()["Job"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    for index in range(job["spec"]["completions"]):
        command = [*container["command"], *container["args"]]
        done = _run(command, checkout, JOB_COMPLETION_INDEX=str(index))
        assert done.returncode == 0, done.stderr
    _check_started(checkout, monkeypatch, ["intonly-0.intonly:2222", "intonly-1.intonly:2222"])


def test_kubernetes_names_agree() -> None:
    """The names of TF_CONFIG resolve only where Job, Service and policy mean the same pods."""
    manifests = _manifests()
    job, service, policy = (manifests[kind] for kind in ("Job", "Service", "NetworkPolicy"))
    labels = job["spec"]["template"]["metadata"]["labels"]
    pod = job["spec"]["template"]["spec"]
    assert pod["subdomain"] == service["metadata"]["name"] == job["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == labels
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    assert job["spec"]["completionMode"] == "Indexed"
    assert job["spec"]["parallelism"] == job["spec"]["completions"] == 2
    (container,) = pod["containers"]
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}


def _sbatch(checkout: pathlib.Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (script,) = [
        block.text for block in docs_pages.blocks(_PAGE) if block.text.startswith("#!/bin/bash")
    ]
    given = {"SLURM_JOB_NODELIST": "node[1-2]", "SLURM_JOB_ID": "7"}
    given["SLURM_SUBMIT_DIR"] = str(checkout)
    return _run(
        ["bash", "-c", script], pathlib.Path("/"), **given, **environment, checkout=checkout
    )


def _run(
    command: Sequence[str],
    folder: pathlib.Path,
    checkout: pathlib.Path | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    path = f"{(checkout or folder) / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def _manifests() -> Mapping[str, Any]:
    """Returns the page's manifests by kind."""
    (text,) = [block.text for block in docs_pages.blocks(_PAGE) if block.fence == "yaml"]
    return {manifest["kind"]: manifest for manifest in yaml.safe_load_all(text)}


def _check_started(
    checkout: pathlib.Path, monkeypatch: pytest.MonkeyPatch, addresses: Sequence[str]
) -> None:
    """Checks that each worker was started with the same command and its own place."""
    lines = (checkout / "started.txt").read_text().splitlines()
    commands, configs = lines[::2], lines[1::2]
    assert len(configs) == len(addresses)
    assert len(set(commands)) == 1
    assert commands[0].startswith("-m tools.train --strategy=multi_worker ")
    assert commands[0].endswith(" --resume")
    for index, text in enumerate(configs):
        monkeypatch.setenv("TF_CONFIG", json.dumps(json.loads(text)))
        found = cluster.from_environment()
        assert found is not None
        assert found.addresses == tuple(addresses)
        assert found.index == index
