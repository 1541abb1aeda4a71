"""Runs integer-only TFLite models bit for bit, in integers alone."""

from pipeline.interpreter.interpreter import Interpreter, TensorDetails

__all__ = ["Interpreter", "TensorDetails"]
