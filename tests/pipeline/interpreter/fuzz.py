"""Runs hostile models: nothing may come out of the interpreter but its own errors, in time.

  python -m tests.pipeline.interpreter.fuzz --mutations=20000 [--corpus=out/corpus] [--seed=0]

Mutates the models of the corpus (and a few built in) blindly, under all engines by turns, in a
process that may take 4 GiB and 2 s of processor time a model; fuzz_coverage.py lets the branches
that a model reaches choose. `INTONLY_CORPUS=out/corpus make test` collects models of all kernels'
tests, some of each op and type. Of escapes at one place, the first is written to out/fuzz/ with its
traceback; after any, the exit code is 1.
"""

import argparse
import collections
import dataclasses
import hashlib
import itertools
import pathlib
import random
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Sequence

import numpy as np

from pipeline import files
from pipeline.errors import IntonlyError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import edges, mutations
from tests.pipeline.interpreter.one_op import Operand, constant, integers, model

FOLDER = pathlib.Path("out", "fuzz")
TIME_LIMIT_S = 2.0
_MEMORY_LIMIT_BYTES = 4 * 2**30
# An input that the caller has to provide is the caller's memory.
_LARGEST_INPUT = 2**22
_REALS = (0.0, -0.5, 1.0, 100.0, -1e30, float("inf"), float("nan"))
_OPTIONS = {"fused_activation_function": "NONE"}
_STRIDES = {"padding": "SAME", "stride_h": 1, "stride_w": 2}


@dataclasses.dataclass(frozen=True)
class Variant:
    """Arguments of Interpreter that choose what is checked."""

    kernels: str
    target: str
    allow_float_boundary: bool


VARIANTS = tuple(
    Variant(*engine, allow_float_boundary)
    for allow_float_boundary, engine in itertools.product(
        (False, True),
        (
            ("reference", "x86_64"),
            ("tflm", "x86_64"),
            ("ruy", "x86_64"),
            ("xnnpack", "x86_64"),
            ("ruy", "arm64"),
            ("xnnpack", "arm64"),
        ),
    )
)


class Attempts:
    """Models that were run, and what came of them.

    Attributes:
      outcomes: How often each came: "ran", the names of errors, "escape".
      longest_s: Processor time of the longest case.
      longest: Which that was.
      escapes: Of each place in the code that one came from, what escaped first.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        """Nothing ran yet; escapes and the longest case go to `folder`."""
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.longest_s = 0.0
        self.longest = ""
        self.escapes: dict[str, str] = {}
        self._folder = folder

    def add(self, content: bytes, variant: Variant) -> None:
        """Loads a model, runs it on zeros and on random values; nothing is raised."""
        name = f"{hashlib.sha256(content).hexdigest()[:16]} {variant}"
        start = time.process_time()
        try:
            self.outcomes[_attempt(content, variant)] += 1
        except Exception as error:
            self.outcomes["escape"] += 1
            self._keep(content, name, error)
        took_s = time.process_time() - start
        if took_s > self.longest_s:
            self.longest_s, self.longest = took_s, name
            files.write_bytes(self._folder / "longest.tflite", content)

    def _keep(self, content: bytes, name: str, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "pipeline" in pathlib.Path(frame.filename).parts]
        place = f"{type(error).__name__} at {ours[-1].filename}:{ours[-1].lineno}"
        if place in self.escapes:
            return
        self.escapes[place] = f"{name}: {error}"
        print(f"escape: {place}: {name}: {error}", flush=True)
        path = self._folder / f"{name.partition(' ')[0]}.tflite"
        files.write_bytes(path, content)
        text = f"{name}\n{''.join(traceback.format_exception(error))}"
        files.write_bytes(path.with_suffix(".txt"), text.encode())

    def summary(self) -> str:
        """Returns the figures, a line each."""
        lines = [f"{count:9,} {outcome}" for outcome, count in sorted(self.outcomes.items())]
        lines.append(f"{self.outcomes.total():9,} models; {len(self.escapes)} places of escape")
        lines.append(f"the longest took {self.longest_s:.2f} s: {self.longest}")
        return "\n".join(lines)


def _attempt(content: bytes, variant: Variant) -> str:
    """Returns "ran" or the name of an error of ours; raises everything else, in time."""
    start = time.process_time()

    def stop(*_: object) -> None:
        # The timer counts in ticks, and may be early.
        if time.process_time() - start > TIME_LIMIT_S:
            raise TimeoutError(f"takes more than {TIME_LIMIT_S} s")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, TIME_LIMIT_S, 0.1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # numpy's, where a float is no number or does not fit an integer.
            warnings.simplefilter("error", RuntimeWarning)
            outcome = _run(content, variant)
    except IntonlyError as error:
        outcome = type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    took_s = time.process_time() - start
    if took_s > TIME_LIMIT_S:
        raise TimeoutError(f"took {took_s:.1f} s")
    return outcome


def _run(content: bytes, variant: Variant) -> str:
    interpreter = Interpreter(content, backend="numpy", **dataclasses.asdict(variant))
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
    if dtype.kind == "f":
        return rng.choice(_REALS, shape).astype(dtype)
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
        edges.float_edges(),
    ]


def _padded() -> Operand:
    return Operand((1, 8, 8, 4), 0.5, 3)


def corpus(folder: pathlib.Path | None) -> list[bytes]:
    """Returns the built-in models, and those of a folder in the order of their names."""
    found = [] if folder is None else sorted(folder.glob("**/*.tflite"))
    return seeds() + [path.read_bytes() for path in found]


def mutated(
    models: Sequence[bytes], count: int, seed: int, folder: pathlib.Path = FOLDER
) -> Attempts:
    """Runs `count` mutated models."""
    attempts = Attempts(folder)
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        content = mutations.mutate(rng, rng.choice(models))
        attempts.add(content, VARIANTS[number % len(VARIANTS)])
    return attempts


def limit_memory() -> None:
    """Lets the operating system end what takes too much memory."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))


def main() -> None:
    """Parses the command line and fuzzes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=20000)
    parser.add_argument("--corpus", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    limit_memory()
    models = corpus(options.corpus)
    start = time.monotonic()
    attempts = mutated(models, options.mutations, options.seed)
    print(attempts.summary())
    print(f"from {len(models)} models, in {time.monotonic() - start:.0f} s")
    sys.exit(1 if attempts.escapes else 0)


if __name__ == "__main__":
    main()
