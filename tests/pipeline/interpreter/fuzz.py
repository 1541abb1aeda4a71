"""Runs hostile models: nothing may come out of the interpreter but its own errors, in time.

  python -m tests.pipeline.interpreter.fuzz --mutations=20000 [--corpus=out/corpus] [--seed=0]
  python -m tests.pipeline.interpreter.fuzz --minutes=60 --corpus=out/corpus

The first mutates the models of the corpus (and a few built in) blindly. The second lets atheris
choose by the branches that a model reaches. Both run in a process that may take 4 GiB and 2 s a
model. `INTONLY_CORPUS=out/corpus make test` collects models of all kernels' tests, some of each op
and type. An escape is written to out/fuzz/ and ends the run with exit code 1.
"""

import argparse
import hashlib
import pathlib
import random
import resource
import signal
import sys
import time
from collections.abc import Sequence

import numpy as np

from pipeline import files
from pipeline.errors import IntonlyError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import mutations
from tests.pipeline.interpreter.one_op import Operand, constant, integers, model

TIME_LIMIT_S = 2.0
_HANG_S = 20.0
_MEMORY_LIMIT_BYTES = 4 * 2**30
# An input that the caller has to provide is the caller's memory.
_LARGEST_INPUT = 2**22
_OPTIONS = {"fused_activation_function": "NONE"}
_STRIDES = {"padding": "SAME", "stride_h": 1, "stride_w": 2}


class EscapeError(Exception):
    """Something else than an error of ours came out, or it took too long."""


def attempt(content: bytes) -> str:
    """Loads a model, runs it on zeros and on random values; returns what came of it.

    Raises:
      EscapeError: Anything but a result or an error of ours, within the time limit.
    """
    start = time.process_time()
    signal.setitimer(signal.ITIMER_REAL, _HANG_S)
    try:
        outcome = _run(content)
    except IntonlyError as error:
        outcome = type(error).__name__
    except Exception as error:
        raise EscapeError(f"{type(error).__name__}: {error}") from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    took_s = time.process_time() - start
    if took_s > TIME_LIMIT_S:
        raise EscapeError(f"took {took_s:.1f} s")
    return outcome


def _run(content: bytes) -> str:
    interpreter = Interpreter(content)
    shapes = [(details.shape, details.dtype) for details in interpreter.input_details]
    if sum(np.prod(shape, dtype=object) for shape, _ in shapes) > _LARGEST_INPUT:
        return "giant input"
    interpreter.run(*(np.zeros(shape, dtype) for shape, dtype in shapes))
    rng = np.random.default_rng(0)
    interpreter.run(*(_random_values(rng, shape, dtype) for shape, dtype in shapes))
    return "ran"


def _random_values(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def seeds() -> list[bytes]:
    """Small models of ops with much structure."""
    image = Operand((1, 6, 6, 4), 0.5, 3)
    filter_ = constant(np.ones((4, 3, 3, 4), np.int8), [0.1, 0.2, 0.3, 0.4], 0)
    bias = constant(np.arange(4, dtype=np.int32))
    dilation = {"dilation_h_factor": 1, "dilation_w_factor": 1}
    strided = Operand((1, 6, 3, 4), 0.25, -1)
    return [
        model("CONV_2D", [image, filter_, bias], strided, **_STRIDES, **dilation, **_OPTIONS),
        model(
            "DEPTHWISE_CONV_2D",
            [image, constant(np.ones((1, 3, 3, 4), np.int8), 0.1), bias],
            strided,
            **_STRIDES,
            **dilation,
            **_OPTIONS,
            depth_multiplier=1,
        ),
        model(
            "FULLY_CONNECTED",
            [Operand((2, 8), 0.5, 1), constant(np.ones((4, 8), np.int8), 0.1), bias],
            Operand((2, 4), 0.5, 1),
            **_OPTIONS,
        ),
        model("ADD", [image, image], image, **_OPTIONS),
        model(
            "AVERAGE_POOL_2D",
            [image],
            Operand((1, 6, 3, 4), 0.5, 3),
            **{"filter_height": 2, "filter_width": 2},
            **_STRIDES,
            **_OPTIONS,
        ),
        model("MEAN", [image, integers([1, 2])], Operand((1, 4), 0.5), keep_dims=False),
        model("PAD", [image, integers([[0, 0], [1, 1], [2, 0], [0, 0]])], _padded()),
        model("CONCATENATION", [image, image], Operand((1, 6, 6, 8), 0.5, 3), axis=3, **_OPTIONS),
        model("SOFTMAX", [Operand((2, 9), 0.5)], Operand((2, 9), 1 / 256, -128), beta=1.0),
        model("TRANSPOSE", [image, integers([0, 3, 1, 2])], Operand((1, 4, 6, 6), 0.5, 3)),
    ]


def _padded() -> Operand:
    return Operand((1, 8, 8, 4), 0.5, 3)


def corpus(folder: pathlib.Path | None) -> list[bytes]:
    """Returns the built-in models, and those of a folder in the order of their names."""
    found = [] if folder is None else sorted(folder.glob("**/*.tflite"))
    return seeds() + [path.read_bytes() for path in found]


def mutated(models: Sequence[bytes], count: int, seed: int) -> dict[str, int]:
    """Runs `count` mutated models; returns how often each outcome came.

    Raises:
      EscapeError: See attempt(); the model lies in out/fuzz/.
    """
    outcomes: dict[str, int] = {}
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        content = mutations.mutate(rng, rng.choice(models))
        outcome = _kept(content)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes


def _kept(content: bytes) -> str:
    """As attempt(), but writes the model where it escapes."""
    try:
        return attempt(content)
    except EscapeError as escape:
        path = pathlib.Path("out", "fuzz", f"{hashlib.sha256(content).hexdigest()[:16]}.tflite")
        files.write_bytes(path, content)
        raise EscapeError(f"{path}: {escape}") from escape


def limit_this_process() -> None:
    """Lets the operating system end what takes too much memory, and a signal what hangs."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))

    def stop(*_: object) -> None:
        raise TimeoutError("hangs")

    signal.signal(signal.SIGALRM, stop)


def _guided(folder: pathlib.Path | None, minutes: float) -> None:
    import atheris  # here: only this way of fuzzing needs it

    models = corpus(folder)
    seeded = pathlib.Path("out", "fuzz_corpus")
    for number, content in enumerate(models):
        files.write_bytes(seeded / f"seed{number}", content)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.3:
            return atheris.Mutate(data, max_size)
        return mutations.mutate(rng, data)[:max_size]

    atheris.instrument_all()
    arguments = [sys.argv[0], f"-max_total_time={int(minutes * 60)}", "-timeout=10", str(seeded)]
    atheris.Setup(arguments, lambda data: _kept(data) and None, custom_mutator=mutate)
    atheris.Fuzz()


def main() -> None:
    """Parses the command line and fuzzes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=20000)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--corpus", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    limit_this_process()
    if options.minutes:
        _guided(options.corpus, options.minutes)
        return
    models = corpus(options.corpus)
    start = time.monotonic()
    try:
        outcomes = mutated(models, options.mutations, options.seed)
    except EscapeError as escape:
        sys.exit(f"escape: {escape}")
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:7,} {outcome}")
    print(f"{options.mutations:,} models of {len(models)} in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
