"""Fuzzes the interpreter by coverage: models that reach new branches are mutated further.

  python -m tests.pipeline.interpreter.fuzz_coverage [--seconds=3600] [--corpus=out/corpus]

Needs atheris (`make fuzz-coverage` installs it). A case is a model and one byte that chooses its
variant, see fuzz.py, which also says what may come of a case and what becomes of an escape. Cases
that reach new branches stay in out/fuzz/coverage for the next time.

atheris runs in a process of its own, so that a model that kills it is an escape too: libFuzzer
leaves that one in out/fuzz/.
"""

import argparse
import os
import pathlib
import random
import re
import subprocess
import sys
import time

_MAX_CASE_BYTES = 2**16
# For what no signal of ours interrupts, because it never comes back to Python.
_HANG_S = 20
_STATUS_EVERY_S = 60


def _work(corpus: pathlib.Path | None, seconds: float) -> None:
    """Fuzzes; ends the process with 1 if anything escaped, else with 0."""
    import atheris  # here: the parent process does without it

    with atheris.instrument_imports(include=["pipeline"], enable_loader_override=False):
        from tests.pipeline.interpreter import fuzz, mutations

    fuzz.limit_memory()
    deadline = time.monotonic() + seconds
    attempts = fuzz.Attempts(fuzz.FOLDER)
    cases = fuzz.FOLDER / "coverage"
    cases.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(fuzz.corpus(corpus)):
        (cases / f"seed{number}").write_bytes(content + bytes([number % len(fuzz.VARIANTS)]))

    def attempt(case: bytes) -> None:
        if time.monotonic() > deadline:
            print(attempts.summary(), flush=True)
            os._exit(1 if attempts.escapes else 0)
        if case:
            attempts.add(case[:-1], fuzz.VARIANTS[case[-1] % len(fuzz.VARIANTS)])

    def mutate(case: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        content, choice = case[:-1], case[-1] if case else 0
        if rng.random() < 0.5:
            choice = rng.randrange(len(fuzz.VARIANTS))
        kind = rng.random()
        if kind < 0.1:
            content = atheris.Mutate(content, max_size - 1)
        elif kind < 0.3:
            content = mutations.mutate(rng, content)
        else:
            content = mutations.restructure(rng, content)
        return content[: max_size - 1] + bytes([choice])

    arguments = [
        *(sys.argv[0], f"-max_len={_MAX_CASE_BYTES}", f"-timeout={_HANG_S}"),
        *("-rss_limit_mb=4096", f"-artifact_prefix={fuzz.FOLDER}/", str(cases)),
    ]
    atheris.Setup(arguments, attempt, custom_mutator=mutate)
    atheris.Fuzz()


def _watch(corpus: pathlib.Path | None, seconds: float) -> int:
    """Runs _work() in a child process; prints what it says, and the branches it reached."""
    command = [sys.executable, "-m", "tests.pipeline.interpreter.fuzz_coverage", "--worker"]
    command += [f"--seconds={seconds}", *([f"--corpus={corpus}"] if corpus else [])]
    branches, shown_at = 0, 0.0
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as worker:
        for line in worker.stderr or ():
            status = re.match(r"#\d+\t.* cov: (\d+) ", line)
            if status is not None:
                branches = int(status[1])
                if time.monotonic() < shown_at + _STATUS_EVERY_S:
                    continue
                shown_at = time.monotonic()
            if not line.startswith(("INFO: Instrumenting", "NEW_FUNC")):
                print(line, end="", flush=True)
    print(f"{branches:9,} branches reached")
    if worker.returncode not in (0, 1):
        print(f"escape: a model ended the process with {worker.returncode}; see out/fuzz/")
    return min(abs(worker.returncode), 1)


def main() -> None:
    """Parses the command line and fuzzes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--corpus", type=pathlib.Path)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        _work(options.corpus, options.seconds)
    sys.exit(_watch(options.corpus, options.seconds))


if __name__ == "__main__":
    main()
