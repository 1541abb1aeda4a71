"""The road's stages run in one folder, for tools that take many models down it.

Each stage is the tool that a user would run, in a process of its own, with its output in a log. A
stage that is done is not run again, so that a killed tool goes on where it was.
"""

import contextlib
import fcntl
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Generator, Sequence

from pipeline.errors import TrainingError

_MAY_FIND_FAULT = ("certify", "verify")


class Stages:
    """Runs tools; holds the folder's lock, and so does every stage while it runs."""

    def __init__(self, lock: int):
        self._lock = lock

    def run(self, log: pathlib.Path, tool: str, *arguments: str) -> None:
        """Runs a tool; its output goes to the end of `log`.

        Raises:
          TrainingError: It failed; "certify" and "verify" may end with a verdict.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as output:
            output.write(f"$ python -m tools.{tool} {' '.join(arguments)}\n")
            output.flush()
            code = subprocess.run(
                [sys.executable, "-m", f"tools.{tool}", *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(self._lock,),
            ).returncode
        if code != 0 and not (code == 1 and tool in _MAY_FIND_FAULT):
            raise TrainingError(f"tools.{tool} ended with exit code {code}; see {log}")

    def train_float(self, log: pathlib.Path, run_dir: pathlib.Path, flags: Sequence[str]) -> None:
        """Trains a float model in `run_dir` with these flags of tools.train, unless it is there."""
        if (run_dir / "train.json").exists():
            return
        begun = (run_dir / "run.json").exists()
        given = ["--resume"] if begun else [*flags, "--qat_epochs=0"]
        self.run(log, "train", f"--run_dir={run_dir}", *given)

    def train_quantized(
        self,
        log: pathlib.Path,
        float_dir: pathlib.Path,
        run_dir: pathlib.Path,
        flags: Sequence[str],
    ) -> None:
        """Trains a copy of the float run `float_dir` on, unless it is trained.

        Its layers are not measured; tools.layers does that on request.

        Args:
          log: Where output goes.
          float_dir: The finished float run.
          run_dir: The copy.
          flags: Of tools.train: what quantization-aware training is to be.
        """
        if not run_dir.exists():
            partial = run_dir.parent / f".{run_dir.name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(float_dir, partial)
            (partial / "train.json").unlink()
            partial.rename(run_dir)
        if (run_dir / "train.json").exists():
            return
        begun = any((run_dir / "checkpoints").glob("qat-*"))
        given = ["--resume", "--layer_images=0", *([] if begun else flags)]
        self.run(log, "train", f"--run_dir={run_dir}", *given)


@contextlib.contextmanager
def in_folder(folder: pathlib.Path) -> Generator[Stages, None, None]:
    """Yields what runs stages in `folder`, one tool at a time.

    Where another tool works there, this one waits. A killed tool's last stage lives on and counts
    as working, so that two never write the same files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for what else runs in {folder}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield Stages(lock.fileno())
