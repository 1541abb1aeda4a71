"""A model engine in a child process: one that crashes is an error here, not our own end.

Requests and replies are frames on the child's standard input and output: 8 bytes of length, low
byte first, then an .npz archive without pickles. The first request holds the model.
"""

import dataclasses
import importlib
import io
import json
import os
import pathlib
import platform
import signal
import struct
import subprocess
import sys
import tempfile
import types
from collections.abc import Mapping, Sequence
from typing import IO, Literal, Protocol

import numpy as np

from pipeline import errors

_Arrays = Mapping[str, np.ndarray]
_LENGTH = struct.Struct("<Q")
_LAST_WORDS_BYTES = 2000

EngineName = Literal["interpreter", "litert", "tflite_micro"]


@dataclasses.dataclass(frozen=True)
class Machine:
    """Where a child runs.

    Attributes:
      name: What reports call it.
      architecture: "x86_64" or "arm64".
      python: The command that starts a Python which finds numpy and the engine's package.
    """

    name: str
    architecture: str
    python: tuple[str, ...]


HERE = Machine(
    platform.machine(),
    "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64",
    (sys.executable,),
)


class Engine(Protocol):
    """What a child needs of an engine; Interpreter and Litert have it."""

    def run(self, *inputs: np.ndarray) -> Sequence[np.ndarray]: ...
    def tensor(self, index: int) -> np.ndarray: ...
    def reset(self) -> None: ...


# Module and class, imported in the child alone.
_ENGINES: dict[str, tuple[str, str]] = {
    "interpreter": ("pipeline.interpreter", "Interpreter"),
    "litert": ("pipeline.litert", "Litert"),
    "tflite_micro": ("pipeline.tflite_micro", "TfliteMicro"),
}


class EngineProcess:
    """One model, loaded by one engine in a process of its own. A context manager.

    Attributes:
      machine: Where it runs.
    """

    def __init__(
        self,
        model: bytes,
        engine: EngineName,
        *,
        name: str = "model",
        machine: Machine = HERE,
        **options: str | bool | int,
    ) -> None:
        """Starts the process and loads the model there.

        Args:
          model: Content of a .tflite file.
          engine: "interpreter" (ours), "litert" or "tflite_micro".
          name: What messages call the model; a path, usually.
          machine: Where to run.
          **options: Keyword arguments of the engine's class, such as kernels.

        Raises:
          ModelError: The engine refuses the model, or the process died of it.
        """
        self.machine = machine
        self._engine = engine
        self._what = ""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close().
        self._process = subprocess.Popen(
            [*machine.python, "-m", "pipeline.engine_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            # So that -m finds this very package, wherever the caller stands.
            cwd=pathlib.Path(__file__).parents[1],
        )
        try:
            self.load(model, name=name, **options)
        except BaseException:
            self.close()
            raise

    def load(self, model: bytes, *, name: str = "model", **options: str | bool | int) -> None:
        """Loads another model in place of the one before.

        Raises:
          ModelError: The engine refuses the model, or the process died of it.
        """
        of = f"{name} under {self._engine}"
        self._what = f"{of} ({options})" if options else of
        self._call(
            {
                "model": np.frombuffer(model, np.uint8),
                "engine": np.array(self._engine),
                "options": np.array(json.dumps(options)),
            }
        )

    @property
    def is_alive(self) -> bool:
        """Whether the process did not die."""
        return self._process.poll() is None

    def run(self, *inputs: np.ndarray, keep_state: bool = False) -> tuple[np.ndarray, ...]:
        """Runs the model once for each entry along the leading axis of the inputs.

        Args:
          *inputs: In graph order, each [N, *shape of the model's input].
          keep_state: Let each run begin with the state that the last one left.

        Returns:
          The outputs in graph order, each [N, *shape of the model's output].

        Raises:
          InputError: The inputs do not fit the model.
          ModelError: The engine cannot run the model, or the process died of it.
        """
        reply = self._call({**_stacks(inputs), "keep_state": np.array(keep_state)})
        return tuple(reply[str(position)] for position in range(len(reply)))

    def run_tensors(
        self, indices: Sequence[int], *inputs: np.ndarray, keep_state: bool = False
    ) -> dict[int, np.ndarray]:
        """As run(), but returns the tensors of these indices, each [N, *shape]."""
        request = {"keep_state": np.array(keep_state), "tensors": np.array(indices, np.int64)}
        reply = self._call({**_stacks(inputs), **request})
        return {index: reply[str(position)] for position, index in enumerate(indices)}

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()
        self._stderr.close()

    def __enter__(self) -> "EngineProcess":
        """Returns self."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Ends the process."""
        self.close()

    def _call(self, request: _Arrays) -> dict[str, np.ndarray]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            _write(self._process.stdin, request)
            reply = _read(self._process.stdout)
        except BrokenPipeError:
            reply = None
        if reply is None:
            raise errors.ModelError(f"{self._what}: {self._cause_of_death()}")
        if "error" in reply:
            raise getattr(errors, str(reply["class"]), errors.ModelError)(
                f"{self._what}: {reply['error']}"
            )
        return reply

    def _cause_of_death(self) -> str:
        code = self._process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _LAST_WORDS_BYTES))
        words = self._stderr.read().decode(errors="replace").strip()
        return f"its process {how}; it wrote: {words or 'nothing'}"


def _stacks(inputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    if len({len(array) for array in inputs}) != 1 or len(inputs[0]) == 0:
        raise errors.InputError(
            "needed at least one example, and as many of each input; "
            f"got inputs of shapes {[array.shape for array in inputs]}"
        )
    return _numbered(inputs)


def _numbered(arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    return {str(position): array for position, array in enumerate(arrays)}


def _write(stream: IO[bytes], arrays: _Arrays) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    stream.write(_LENGTH.pack(buffer.tell()))
    stream.write(buffer.getbuffer())
    stream.flush()


def _read(stream: IO[bytes]) -> dict[str, np.ndarray] | None:
    """Returns the next frame, or None where the stream ends before it is whole."""
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(header)
    content = stream.read(length)
    if len(content) < length:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return dict(archive)


def _serve() -> None:
    """The child: loads models and runs them until the input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What native code prints must not end up between the frames.
    engine: Engine | None = None
    while (request := _read(sys.stdin.buffer)) is not None:
        try:
            if "model" in request:
                engine = None  # Its memory goes before the next engine takes any.
                engine = _load(request)
                reply = {}
            elif engine is None:
                raise errors.ModelError("no model is loaded")
            else:
                reply = _run(engine, request)
        except Exception as error:
            text = str(error) if isinstance(error, errors.IntonlyError) else repr(error)
            reply = {"error": np.array(text), "class": np.array(type(error).__name__)}
        _write(replies, reply)


def _load(request: _Arrays) -> Engine:
    options = json.loads(str(request["options"]))
    module, name = _ENGINES[str(request["engine"])]
    return getattr(importlib.import_module(module), name)(request["model"].tobytes(), **options)


def _run(engine: Engine, request: _Arrays) -> dict[str, np.ndarray]:
    inputs = [request[key] for key in sorted((k for k in request if k.isdigit()), key=int)]
    results: list[Sequence[np.ndarray]] = []
    for example in zip(*inputs, strict=True):
        if not request["keep_state"]:
            engine.reset()
        outputs = engine.run(*example)
        if "tensors" in request:
            outputs = [engine.tensor(int(index)) for index in request["tensors"]]
        results.append(outputs)
    return _numbered([np.stack(values) for values in zip(*results, strict=True)])


if __name__ == "__main__":
    _serve()
