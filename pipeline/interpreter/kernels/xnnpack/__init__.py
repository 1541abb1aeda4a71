"""XNNPACK's kernels: each says by takes() which ops TFLite's delegate hands to it."""

from pipeline.interpreter.kernel import Kernel

KERNELS: dict[str, Kernel] = {}
