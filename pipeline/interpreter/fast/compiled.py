"""Compiles the kernels with numba, and keeps what was compiled on disk where it can.

A kernel is a function of two addresses: its integers (one numpy record) and the table of values it
reads and writes (see segment.py). Its machine code is a plain C function, so that a whole network
runs without coming back to Python.
"""

import ctypes
import functools
import hashlib
import itertools
import os
import pathlib
import re
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import caching
from numba.core.bytecode import FunctionIdentity
from numba.core.ccallback import CFunc
from numba.core.runtime import rtsys
from numba.extending import intrinsic

from pipeline.errors import NotIntegerOnlyError

_FOLDER = pathlib.Path(__file__).parent
# LLVM's float types, which stand with every operation on them.
_FLOAT = re.compile(r"\b(?:half|bfloat|float|double|x86_fp80|fp128)\b")
_C_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)

# Numbers in compiled functions' names. numba counts from 1 in every process; but what several
# processes compiled and kept comes together in one, where the linker takes functions of one name,
# such as closures of one factory, for the same.
_FIRST = int.from_bytes(os.urandom(6), "big")
FunctionIdentity._unique_ids = itertools.count(_FIRST)  # pyright: ignore[reportPrivateUsage]

# Compiles what kernels call, as part of each kernel.
compiled = numba.njit(error_model="numpy")


class Kernel:
    """A compiled function of two addresses; compiled when first used."""

    def __init__(self, function: Callable[[int, int], None], name: str) -> None:
        """Names what is to be compiled; among all kernels, the name is its own."""
        function.__qualname__ = name
        self._function = function

    @functools.cached_property
    def code(self) -> CFunc:
        """Its machine code: new, or what an earlier process compiled of the same sources.

        Raises:
          NotIntegerOnlyError: It computes with floats.
        """
        code = CFunc(
            self._function, ((types.int64, types.int64), types.void), {}, {"error_model": "numpy"}
        )
        # Without a folder to write, every process compiles anew.
        code._cache = _NoCache() if cache_folder() is None else _Cache(self._function)
        code.compile()
        return code

    @property
    def address(self) -> int:
        """Of its machine code."""
        address = self.code.address
        assert address is not None  # It is compiled.
        return address

    @functools.cached_property
    def run(self) -> Callable[[int, int], None]:
        """Runs it; other Python threads go on meanwhile."""
        return _C_FUNCTION(self.address)


@intrinsic
def _pointer(_: Any, address: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(address), generate


@intrinsic
def call(_: Any, address: Any, first: Any, second: Any) -> Any:
    """Calls the machine code at an address with two addresses."""
    word = ir.IntType(64)
    function = ir.FunctionType(ir.VoidType(), [word, word])

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        target = builder.inttoptr(arguments[0], function.as_pointer())
        builder.call(target, arguments[1:])
        return context.get_dummy_value()

    return types.void(address, first, second), generate


@compiled
def view(address: int, count: int, dtype: Any) -> Any:
    """Returns the `count` values that begin at an address, as an array of `dtype`."""
    return numba.carray(_pointer(address), count, dtype)


@functools.cache
def _sources() -> bytes:
    """Returns a digest of this folder: kernels share code, so they grow old together."""
    digest = hashlib.sha256()
    for path in sorted(_FOLDER.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


def _cache_folders() -> list[pathlib.Path]:
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path("~/.cache").expanduser()
    return [_FOLDER / "__pycache__", pathlib.Path(home) / "intonly"]


@functools.cache
def cache_folder() -> pathlib.Path | None:
    """Returns the first folder that can be written, or None."""
    for folder in _cache_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return folder
    return None


class _Locator(caching.UserWideCacheLocator):
    """Where a kernel's machine code lies, and what it was compiled from."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._py_file = __file__  # numba's messages ask for it.

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "_Locator | None":  # noqa: ARG003
        folder = cache_folder()
        return None if folder is None else cls(folder)

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> bytes:
        return _sources()

    def get_disambiguator(self) -> str:
        return "fast"


class _CacheFiles(caching.CompileResultCacheImpl):
    _locator_classes = (_Locator,)


class _Cache(caching.FunctionCache):
    _impl_class = _CacheFiles

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """As numba's, but without what only compiling needs: half of a warm start-up."""
        rtsys.initialize(target_context)  # Machine code calls it.
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        """Returns what tells machine code from other of the same name and sources."""
        return sig, codegen.magic_tuple()

    def save_overload(self, sig: Any, data: Any) -> None:
        """As numba's, but refuses floats; and a full disk is no reason to fail."""
        _refuse_floats(data)
        try:
            super().save_overload(sig, data)
        except OSError as error:
            print(f"compiled kernels are not kept: {error}", file=sys.stderr)


class _NoCache(caching.NullCache):
    def save_overload(self, sig: Any, cres: Any) -> None:  # noqa: ARG002
        """Keeps nothing, but refuses floats."""
        _refuse_floats(cres)


def _refuse_floats(compiled_: Any) -> None:
    floats = sorted(set(_FLOAT.findall(compiled_.library.get_llvm_str())))
    if floats:
        raise NotIntegerOnlyError(f"kernel {compiled_.fndesc.qualname} computes with {floats}")


# "runs" is the address of int64[count, 2]: addresses of kernels and of their integers.
PLAN = np.dtype([("runs", "i8"), ("count", "i8")])


def _execute(plan_address: int, values_address: int) -> None:
    """Runs the kernels of a plan in order, each with its own integers and the one table."""
    plan = view(plan_address, 1, PLAN)[0]
    runs = view(plan.runs, 2 * plan.count, np.int64)
    for index in range(plan.count):
        call(runs[2 * index], runs[2 * index + 1], values_address)


execute = Kernel(_execute, "execute")
