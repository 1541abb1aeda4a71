"""Bytes of a .tflite file <-> Graph. The only package that sees the schema; no TensorFlow."""

from pipeline.flatbuffer.reader import read
from pipeline.flatbuffer.writer import write

__all__ = ["read", "write"]
