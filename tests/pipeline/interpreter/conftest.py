"""Fixtures of the interpreter's tests."""

from collections.abc import Iterator

import pytest

from tests.pipeline.interpreter.oracle import Oracle


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """TFLite's BUILTIN_REF, in one process for the whole session."""
    instance = Oracle()
    yield instance
    instance.close()
