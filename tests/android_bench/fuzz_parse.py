"""Mutates whole logs; whatever happens, only our own errors may leave the parser.

  python -m tests.android_bench.fuzz_parse --mutations=50000 [--seed=0]

Exit code 0: nothing else escaped.
"""

import argparse
import dataclasses
import os
import pathlib
import random
import sys
import traceback
from collections.abc import Callable

from android_bench import parse
from pipeline.errors import LogError
from tests.android_bench import log_texts

_ALPHABET = "\n\t\r 0123456789.,:=-+eE%[]()/naif\x00\x0b\u0663\u2028\ud800é"
_TOKENS = (
    *("count=", "count=1 curr=", "nan", "-nan", "inf", "1e999", "9" * 500, "INFO: ", "\n", "\t"),
    *("[", "]", "%", "=====", "STARTING!", "ERROR: Benchmarking failed.", "ms (0 runs)", "p95="),
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How many mutated logs parsed, were refused, or raised something else."""

    num_parsed: int
    num_refused: int
    num_escapes: int


def run(num_mutations: int, seed: int) -> Outcome:
    """Parses mutated logs; prints the traceback of what escapes."""
    rng = random.Random(seed)
    logs = [*log_texts.WHOLE.values(), log_texts.FAILED, log_texts.OP_CSV, *_shared_logs()]
    parsed = refused = escapes = 0
    for _ in range(num_mutations):
        text = rng.choice(logs)
        for _ in range(rng.choice((1, 1, 2, 4, 16))):
            text = rng.choice(_MUTATIONS)(text, rng, logs)
        try:
            log = parse.parse(text)
        except LogError:
            refused += 1
        except Exception:
            traceback.print_exc()
            escapes += 1
        else:
            # A figure that is reported is possible.
            assert log.runs or log.inference.contradiction() is None
            parsed += 1
        parse.scan(text)
    return Outcome(parsed, refused, escapes)


def _shared_logs() -> list[str]:
    default = pathlib.Path(__file__).parents[3] / "shared"
    folder = pathlib.Path(os.environ.get("INTONLY_SHARED", default)) / "facts" / "benchmark_logs"
    return [path.read_text() for path in sorted(folder.glob("*.log"))]


def _place(text: str, rng: random.Random) -> int:
    return rng.randint(0, len(text))


def _span(text: str, rng: random.Random) -> tuple[int, int]:
    begin = _place(text, rng)
    return begin, min(len(text), begin + rng.choice((1, 2, 8, 64, 512)))


def _cut_end(text: str, rng: random.Random, _: list[str]) -> str:
    return text[: _place(text, rng)]


def _cut_span(text: str, rng: random.Random, _: list[str]) -> str:
    begin, end = _span(text, rng)
    return text[:begin] + text[end:]


def _repeat_span(text: str, rng: random.Random, _: list[str]) -> str:
    begin, end = _span(text, rng)
    return text[:end] + text[begin:end] + text[end:]


def _insert_token(text: str, rng: random.Random, _: list[str]) -> str:
    at = _place(text, rng)
    return text[:at] + rng.choice(_TOKENS) + text[at:]


def _replace_characters(text: str, rng: random.Random, _: list[str]) -> str:
    characters = list(text)
    for _ in range(rng.choice((1, 3, 30)) if characters else 0):
        characters[rng.randrange(len(characters))] = rng.choice(_ALPHABET)
    return "".join(characters)


def _swap_lines(text: str, rng: random.Random, _: list[str]) -> str:
    lines = text.split("\n")
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return "\n".join(lines)


def _splice(text: str, rng: random.Random, logs: list[str]) -> str:
    other = rng.choice(logs)
    return text[: _place(text, rng)] + other[_place(other, rng) :]


_MUTATIONS: tuple[Callable[[str, random.Random, list[str]], str], ...] = (
    _cut_end,
    _cut_span,
    _repeat_span,
    _insert_token,
    _replace_characters,
    _swap_lines,
    _splice,
)


def _main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutations", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    outcome = run(arguments.mutations, arguments.seed)
    print(
        f"{arguments.mutations} mutated logs: {outcome.num_parsed} parsed, "
        f"{outcome.num_refused} refused, {outcome.num_escapes} escaped"
    )
    return int(outcome.num_escapes > 0)


if __name__ == "__main__":
    sys.exit(_main())
