"""Do the large packages load, and what do they make of this processor? Each in its own process."""

import json
import os
import pathlib
import platform
import subprocess
import sys
from collections.abc import Mapping

from pipeline.doctor.check import Check

_TIMEOUT_S = 300.0  # TensorFlow takes 4 s, on a busy machine a minute.
_LAST_LINES = 3

_TENSORFLOW = """
from pipeline.legacy_keras import tf, tf_keras
import tensorflow_model_optimization
print(f"TensorFlow {tf.__version__} with Keras {tf_keras.__version__}")
"""
_LITERT = """
from importlib import metadata
from ai_edge_litert import interpreter, schema_py_generated
print(f"ai-edge-litert {metadata.version('ai-edge-litert')}")
"""
_FAST = """
import json
import numba
from pipeline.interpreter.fast import compiled, simd
folder = compiled.cache_folder()
print(json.dumps({
    "jit": not numba.config.DISABLE_JIT,
    "vnni": simd.HAS_VNNI,
    "avx2": "avx2" in simd.FEATURES,
    "cache": None if folder is None else str(folder),
}))
"""

_REINSTALL = "install requirements.txt anew in an environment of its own"


def check(root: pathlib.Path) -> list[Check]:
    """Returns whether TensorFlow, LiteRT and the fast backend load in the checkout at `root`."""
    return [
        *keras_environment(os.environ, set(sys.modules)),
        _loads("TensorFlow", _TENSORFLOW, root),
        _loads("LiteRT", _LITERT, root),
        *_fast_backend(root),
    ]


def keras_environment(environment: Mapping[str, str], modules: set[str]) -> list[Check]:
    """Returns whether Keras 2 will be chosen.

    Args:
      environment: Of this process.
      modules: What a fresh Python has loaded before anything of ours.
    """
    chosen = environment.get("TF_USE_LEGACY_KERAS")
    early = sorted(modules & {"tensorflow", "keras"})
    if early and chosen != "1":
        return [
            Check(
                "Keras 2",
                "broken",
                f"{' and '.join(early)} loaded when Python starts, with Keras 3",
                "set TF_USE_LEGACY_KERAS=1, or take the import out of sitecustomize, usercustomize "
                "and .pth files",
            )
        ]
    if chosen not in (None, "1"):
        return [
            Check(
                "Keras 2",
                "note",
                f"TF_USE_LEGACY_KERAS={chosen}: the tools set it to 1 for themselves; a script "
                "that imports tensorflow before pipeline gets Keras 3 and is refused",
                "unset TF_USE_LEGACY_KERAS or set it to 1",
            )
        ]
    return [Check("Keras 2", "fine", f"TF_USE_LEGACY_KERAS is {chosen or 'chosen on import'}")]


def fast_backend(facts: Mapping[str, object], machine: str) -> list[Check]:
    """Returns what compiled kernels have to work with.

    Args:
      facts: What the process that loaded them wrote: jit, vnni, avx2, cache.
      machine: As platform.machine() names it.
    """
    if not facts["jit"]:
        found = "NUMBA_DISABLE_JIT is set: nothing is compiled"
        return [Check("fast backend", "broken", found, "unset NUMBA_DISABLE_JIT")]
    if facts["cache"] is None:
        cache = Check(
            "kernel cache",
            "note",
            "no folder for compiled kernels can be written: they are compiled in each process",
            "make the checkout writable, or set XDG_CACHE_HOME to a folder that is",
        )
    else:
        cache = Check("kernel cache", "fine", str(facts["cache"]))
    return [_processor(facts, machine), cache]


def _processor(facts: Mapping[str, object], machine: str) -> Check:
    if facts["vnni"]:
        return Check("fast backend", "fine", f"{machine} with VNNI")
    if machine.lower() in ("x86_64", "amd64"):
        has = "AVX2, no VNNI: convolutions take about twice as long" if facts["avx2"] else "no AVX2"
        remedy = "none here; same bits on a processor with AVX512-VNNI or AVX-VNNI, sooner"
        return Check("fast backend", "note", f"{machine} with {has}", remedy)
    return Check("fast backend", "fine", f"{machine}, in the vectors that LLVM finds there")


def _fast_backend(root: pathlib.Path) -> list[Check]:
    loaded = _loads("fast backend", _FAST, root)
    if loaded.state != "fine":
        return [loaded]
    return fast_backend(json.loads(loaded.found), platform.machine())


def _loads(subject: str, code: str, root: pathlib.Path) -> Check:
    """Returns as found the last line that `code` prints, or what it died of."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        found = f"did not load within {_TIMEOUT_S:g} s"
        return Check(subject, "broken", found, f"look what else runs here, or {_REINSTALL}")
    if done.returncode == 0:
        return Check(subject, "fine", done.stdout.splitlines()[-1])
    how = f"was killed by signal {-done.returncode}" if done.returncode < 0 else "did not load"
    words = " | ".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
    return Check(subject, "broken", f"{how}: {words or 'without a word'}", _REINSTALL)
