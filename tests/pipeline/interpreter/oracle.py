"""TFLite's BUILTIN_REF in one child process that serves a whole test session.

A kernel of the runtime can end its process; then the case is an error and the next one gets a new
process. Frames are pickles: both ends are this file.
"""

import pathlib
import pickle
import subprocess
import sys
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

_ROOT = pathlib.Path(__file__).parents[3]


class OracleError(Exception):
    """The runtime refused a model, or died of it."""


class Oracle:
    """Runs models in the child process; starts it when first asked."""

    def __init__(self) -> None:
        """Starts nothing yet."""
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, model: bytes, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the model's outputs."""
        return self._ask((model, inputs, None))

    def tensors(
        self, model: bytes, indices: Sequence[int], *inputs: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Returns the values of tensors, intermediate ones included."""
        return self._ask((model, inputs, tuple(indices)))

    def close(self) -> None:
        """Ends the child process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, request: object) -> tuple[np.ndarray, ...]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.pipeline.interpreter.oracle"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_ROOT,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
            reply = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError):
            returncode = self._process.wait()
            self.close()
            raise OracleError(f"the runtime ended its process with {returncode}") from None
        if isinstance(reply, str):
            raise OracleError(reply)
        return reply


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    from pipeline import errors, litert

    while True:
        try:
            model, inputs, indices = pickle.load(requests)
        except EOFError:
            return
        try:
            runtime = litert.Litert(model, "reference", keep_tensors=indices is not None)
            outputs = runtime.run(*inputs)
            reply = outputs if indices is None else tuple(runtime.tensor(i) for i in indices)
        except errors.IntonlyError as error:
            reply = str(error)
        pickle.dump(reply, replies)
        replies.flush()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
