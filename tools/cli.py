"""What every tool shares: flags, exit codes, and errors told in one message.

0    done and good
1    the thing checked is not good
2    the request cannot be served: bad flag, missing file, unsupported op, ...
130  interrupted from the keyboard
"""

import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn, TypeVar

from absl import flags

from pipeline import errors

if TYPE_CHECKING:
    from rich.console import Console

EXIT_CANNOT_SERVE = 2
_WIDTH = 160  # Of tables in files and pipes, which do not wrap.
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells count.

_Item = TypeVar("_Item")

_DEBUG = flags.DEFINE_bool("debug", False, "Show the traceback of an error.")


class _HelpRequestedError(Exception):
    """--help was met; stops parsing before required flags are missed."""


class _HelpFlag(flags.BooleanFlag):
    """Unlike absl's own, leads to exit code 0."""

    def __init__(self) -> None:
        super().__init__("help", False, "Show this help.", short_name="h")

    def parse(self, argument: str | bool | None) -> None:
        super().parse(argument)
        if self.value:
            raise _HelpRequestedError


flags.DEFINE_flag(_HelpFlag())


def run(main: Callable[..., int | None], operands: Sequence[str] = ()) -> NoReturn:
    """Parses the command line's flags, runs `main` and exits with its answer (None is 0).

    Errors end in one message on stderr and their exit code, without traceback unless --debug.

    Args:
      main: What to run.
      operands: What the arguments that are no flags are called, in order. Every one of them is
        needed, and `main` is called with them.
    """
    try:
        exit_code = _run(main, operands, sys.argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output left early (`| head`). Python flushes stdout once more on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        exit_code = EXIT_CANNOT_SERVE
    sys.exit(exit_code)


def console() -> "Console":
    """Returns where tables go: as wide as the terminal, wide enough for all columns elsewhere."""
    from rich.console import Console  # Here: tools without tables do without it.

    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


def track(title: str, items: Iterable[_Item], total: int) -> Iterable[_Item]:
    """Returns `items`, of which there are `total`; shows on a terminal how far they have come."""
    from rich import progress
    from rich.console import Console

    stderr = Console(stderr=True)
    return progress.track(
        items, title, total, console=stderr, transient=True, disable=not stderr.is_terminal
    )


def _run(main: Callable[..., int | None], operands: Sequence[str], argv: Sequence[str]) -> int:
    try:
        arguments = _parse(argv, operands)
    except _HelpRequestedError:
        print(_help(main))
        return 0
    except flags.Error as error:
        return _fail(f"{error} (--help lists the flags)")
    try:
        return main(*arguments) or 0
    except errors.IntonlyError as error:
        return _fail(str(error), error.exit_code)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED)
    except Exception as error:
        # Ours to mend: Python's own exit code 1 would read as a verdict.
        return _fail(f"unexpected {type(error).__name__}: {error} (--debug shows where)")


def _parse(argv: Sequence[str], operands: Sequence[str]) -> Sequence[str]:
    arguments = flags.FLAGS(argv)[1:]
    if len(arguments) < len(operands):
        raise flags.Error(f"needed {' '.join(operands)}, got {' '.join(arguments) or 'none'}")
    if len(arguments) > len(operands):
        needed = f"{' '.join(operands)} and flags" if operands else "flags"
        surplus = arguments[len(operands)]
        raise flags.Error(f"needed {needed} only, got {surplus!r}: write --NAME=VALUE")
    return arguments


def _help(main: Callable[..., int | None]) -> str:
    module = sys.modules[main.__module__]
    tool_flags = flags.FLAGS.module_help(module)
    return "\n".join(filter(None, (module.__doc__, tool_flags, flags.FLAGS.module_help(__name__))))


def _fail(message: str, exit_code: int = EXIT_CANNOT_SERVE) -> int:
    if sys.exc_info()[1] is not None and flags.FLAGS.is_parsed() and _DEBUG.value:
        traceback.print_exc()
    print(f"error: {message}", file=sys.stderr)
    return exit_code
