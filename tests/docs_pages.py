"""What README.md and docs/ say that can be held against the sources: commands, flags, messages.

A fence says what becomes of a block:
  ```bash     run by docs_test.py, as it stands or with its table of substitutions
  ```console  not run (hours, a cluster, a phone's NDK), but its tools, flags and targets exist
others hold no commands.
"""

import ast
import dataclasses
import functools
import pathlib
import re
import textwrap
from collections.abc import Iterator

from tests.conftest import REPO

TROUBLESHOOTING = "docs/troubleshooting.md"

FENCES = frozenset(("bash", "console", "python", "json", "yaml", ""))

_FENCE = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"``(.+?)``|`([^`\n]+)`")
_COMMAND = re.compile(r"python -m ((?:tools|tests)[\w.]*)(.*)")
_FLAG = re.compile(r"(?<![\w-])--(\w[\w-]*)")
_MAKE = re.compile(r"(?:^|[\s`])make ([a-z][\w-]*)", re.MULTILINE)
_MODULE = re.compile(r"\b((?:android_bench|models|pipeline|tests|tools)(?:\.[a-z_]\w*)+)")
_PATH = re.compile(r"\b((?:android_bench|docs|models|pipeline|tests|tools)/[\w./{},-]*)")
_LINK = re.compile(r"\]\(([^)#:]+)\)")
_ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)

# Of other programs in the pages.
_FOREIGN_FLAGS = frozenset(
    (
        *("check", "extract", "quiet"),  # sha256sum, python -m zipfile
        *("editable", "prefix"),  # pip, kubectl
        *("cpus-per-task", "gpus-per-task", "job-name", "kill-on-bad-exit", "nodes"),  # Slurm
        *("ntasks-per-node", "requeue", "time"),
    )
)
_PLACEHOLDER = "\0"


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
      page: Path in the repository.
      line: Of its fence, from 1.
      fence: The word behind the backticks.
      text: What is between the fences.
    """

    page: str
    line: int
    fence: str
    text: str


def pages() -> tuple[str, ...]:
    """Returns the pages in reading order."""
    return ("README.md", *sorted(f"docs/{path.name}" for path in (REPO / "docs").glob("*.md")))


def blocks(page: str, text: str | None = None) -> tuple[Block, ...]:
    """Returns the fenced blocks of a page, or of `text` in its place."""
    content = (REPO / page).read_text() if text is None else text
    return tuple(
        Block(page, content.count("\n", 0, match.start()) + 1, match[2], textwrap.dedent(match[3]))
        for match in _FENCE.finditer(content)
    )


def problems(page: str, text: str) -> Iterator[str]:
    """Yields what a page names that does not exist: targets, tools, flags, modules, files."""
    code = "\n".join(_code(text))
    for target in _MAKE.findall(code):
        if target not in _targets():
            yield f"{page}: no target `make {target}` in the Makefile"
    for module in _MODULE.findall(code):
        if not _is_module(module):
            yield f"{page}: no module or name {module}"
    for path in _PATH.findall(text):
        if not any((REPO / one).exists() for one in _expanded(path.rstrip(".,"))):
            yield f"{page}: no file {path}"
    for target in _LINK.findall(text):
        if not (REPO / page).parent.joinpath(target).exists():
            yield f"{page}: a link leads to {target}, which does not exist"
    yield from (f"{page}: {problem}" for problem in _flag_problems(code))


def quoted_messages(text: str) -> tuple[str, ...]:
    """Returns the messages that the rows of the troubleshooting page are about."""
    return tuple(_ROW.findall(text))


def is_in_sources(message: str) -> bool:
    """Returns whether a string of the sources reads like this; "..." stands for anything."""
    parts = [re.escape(part) for part in message.split("...")]
    pattern = re.compile(".*".join(parts), re.DOTALL)
    return any(pattern.search(text) for text in _strings())


def _code(text: str) -> Iterator[str]:
    """Yields blocks of commands, and code within lines; continued lines are one."""
    for block in blocks("", text):
        if block.fence in ("bash", "console"):
            yield re.sub(r"\\\n\s*", " ", block.text)
    for match in _CODE.finditer(_FENCE.sub("", text)):
        yield match[1] or match[2]


def _flag_problems(code: str) -> Iterator[str]:
    of_any = frozenset().union(*(flags_of(path.stem) for path in (REPO / "tools").glob("*.py")))
    for line in code.splitlines():
        command = _COMMAND.search(line)
        if command and command[1].startswith("tools."):
            name = command[1].removeprefix("tools.")
            known = flags_of(name) if name != "NAME" else of_any
        else:
            known = of_any | _FOREIGN_FLAGS
        for flag in _FLAG.findall(command[2] if command else line):
            if flag not in known and flag.removeprefix("no") not in known:
                yield f"no flag --{flag} in {line.strip()!r}"


@functools.cache
def flags_of(tool: str) -> frozenset[str]:
    """Returns the names of a tool's flags, read from its source."""
    path = REPO / "tools" / f"{tool}.py"
    if not path.exists():
        return frozenset()
    tree = ast.parse(path.read_text())
    defining = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and any(map(_defines, ast.walk(node)))
    }
    found = {
        str(node.args[0].value).removeprefix("--")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (_defines(node) or (isinstance(node.func, ast.Name) and node.func.id in defining))
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    return frozenset(found | {"debug", "help"})  # Those of tools/cli.py.


def _defines(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (node.func.attr.startswith("DEFINE_") or node.func.attr == "add_argument")
    )


@functools.cache
def _targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z][\w-]*):", (REPO / "Makefile").read_text(), re.MULTILINE))


def _is_module(name: str) -> bool:
    """Whether it is a module or package, or a name in one."""
    if name == "tools.NAME":
        return True
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        path = REPO.joinpath(*parts[:end])
        source = (
            path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
        )
        if source.exists():
            rest = parts[end:]
            return not rest or re.search(rf"\b{rest[0]}\b", source.read_text()) is not None
        if path.is_dir() and end == len(parts):
            return True
    return False


def _expanded(path: str) -> Iterator[pathlib.Path]:
    """Yields a path, with .py where it has no suffix; `a::b` of pytest is a."""
    plain = path.split("::")[0]
    yield pathlib.Path(plain)
    yield pathlib.Path(plain + ".py")
    if braces := re.search(r"\{(\w+),", plain):
        yield pathlib.Path(re.sub(r"\{.*\}", braces[1], plain))


@functools.cache
def _strings() -> tuple[str, ...]:
    """Returns all strings of the sources, a placeholder for each value that is filled in."""
    found = [(REPO / "Makefile").read_text()]
    sources = [REPO / "setup.py"]
    for folder in ("android_bench", "pipeline", "tools"):
        sources += sorted((REPO / folder).rglob("*.py"))
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(_literal(value) for value in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return tuple(found)


def _literal(value: ast.expr) -> str:
    return str(value.value) if isinstance(value, ast.Constant) else _PLACEHOLDER
