"""TFLite's and tflite-micro's kernels in one child process that serves a whole test session.

A kernel of the runtime can end its process; then the case is an error and the next one gets a new
process. Frames are pickles: both ends are this file.
"""

import pathlib
import pickle
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

_ROOT = pathlib.Path(__file__).parents[3]


class OracleError(Exception):
    """The runtime refused a model, or died of it."""


class Oracle:
    """Runs models in the child process; starts it when first asked."""

    def __init__(self) -> None:
        """Starts nothing yet."""
        self._process: subprocess.Popen[bytes] | None = None

    def run(
        self, model: bytes, *inputs: np.ndarray, kernels: str = "reference"
    ) -> tuple[np.ndarray, ...]:
        """Returns the model's outputs under "reference", "ruy", "xnnpack" or "tflm"."""
        return self._ask((model, inputs, None, kernels))

    def steps(
        self, model: bytes, *inputs: Sequence[np.ndarray], kernels: str = "reference"
    ) -> tuple[tuple[np.ndarray, ...], ...]:
        """Returns the outputs of runs one after the other, for models with state."""
        return self._ask((model, inputs, "steps", kernels))

    def tensors(
        self, model: bytes, indices: Sequence[int], *inputs: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Returns the values of tensors under BUILTIN_REF, intermediate ones included."""
        return self._ask((model, inputs, tuple(indices), "reference"))

    def close(self) -> None:
        """Ends the child process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, request: object) -> Any:
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
    from pipeline import errors

    while True:
        try:
            model, inputs, wanted, kernels = pickle.load(requests)
        except EOFError:
            return
        try:
            reply = _answer(model, inputs, wanted, kernels)
        except errors.IntonlyError as error:
            reply = str(error)
        pickle.dump(reply, replies)
        replies.flush()


def _answer(model: bytes, inputs: Any, wanted: Any, kernels: str) -> Any:
    from pipeline import litert, tflite_micro

    if kernels == "tflm":
        runtime = tflite_micro.TfliteMicro(model)
    else:
        runtime = litert.Litert(model, kernels, keep_tensors=isinstance(wanted, tuple))
    if wanted == "steps":
        return tuple(runtime.run(*step) for step in inputs)
    outputs = runtime.run(*inputs)
    return outputs if wanted is None else tuple(runtime.tensor(index) for index in wanted)


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
