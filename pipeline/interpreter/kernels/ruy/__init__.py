"""TFLite's builtin optimized kernels (x86-64), where their bits differ from the reference."""

from pipeline.interpreter.kernel import Kernel

KERNELS: dict[str, Kernel] = {}
