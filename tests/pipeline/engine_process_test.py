"""Engines in processes of their own: stacks in and out, and what becomes of errors and deaths."""

import os
import signal

import numpy as np
import pytest

from pipeline.engine_process import EngineProcess
from pipeline.errors import InputError, ModelError, NotIntegerOnlyError
from tests.pipeline.interpreter.one_op import Operand, model

_CODES = np.random.default_rng(0).integers(-128, 128, (5, 1, 4), np.int8)


def _relu(dtype="int8"):
    scale = 0.5 if dtype == "int8" else None
    operand = Operand((1, 4), scale, dtype=dtype)
    return model("RELU", [operand], operand)


@pytest.mark.parametrize("engine", ["interpreter", "litert"])
def test_one_run_per_entry_of_the_stack(engine):
    with EngineProcess(_relu(), engine) as process:
        (outputs,) = process.run(_CODES)
    np.testing.assert_array_equal(outputs, np.maximum(_CODES, 0))


@pytest.mark.parametrize(
    ("engine", "options"),
    [("interpreter", {}), ("litert", {"kernels": "reference"}), ("litert", {"kernels": "ruy"})],
)
def test_any_tensor_of_every_run(engine, options):
    with EngineProcess(_relu(), engine, keep_tensors=True, **options) as process:
        tensors = process.run_tensors([1, 0], _CODES)
    assert list(tensors) == [1, 0]
    np.testing.assert_array_equal(tensors[0], _CODES)
    np.testing.assert_array_equal(tensors[1], np.maximum(_CODES, 0))


@pytest.mark.parametrize("engine", ["interpreter", "litert"])
def test_process_survives_inputs_that_do_not_fit(engine):
    with EngineProcess(_relu(), engine, name="net.tflite") as process:
        for wrong in (_CODES[:, :, :3], _CODES.astype(np.int16)):
            with pytest.raises(InputError, match=r"net\.tflite"):
                process.run(wrong)
        assert len(process.run(_CODES)) == 1


def test_stacks_of_no_or_unequal_length_are_refused():
    with EngineProcess(_relu(), "litert") as process:
        with pytest.raises(InputError, match="at least one example"):
            process.run(_CODES[:0])
        with pytest.raises(InputError, match="as many of each input"):
            process.run(_CODES, _CODES[:2])


def test_error_keeps_its_class():
    with pytest.raises(NotIntegerOnlyError, match=r"net\.tflite under interpreter"):
        EngineProcess(_relu("float32"), "interpreter", name="net.tflite")


@pytest.mark.parametrize("engine", ["interpreter", "litert"])
@pytest.mark.parametrize("content", [b"", b"nonsense", _relu()[:40]])
def test_bytes_that_are_no_model_are_refused(engine, content):
    with pytest.raises(ModelError):
        EngineProcess(content, engine)


def test_death_names_model_and_signal():
    with EngineProcess(_relu(), "litert", name="net.tflite") as process:
        os.kill(process._process.pid, signal.SIGSEGV)
        with pytest.raises(ModelError, match=r"net\.tflite.*SIGSEGV"):
            process.run(_CODES)


def test_no_process_is_left_behind():
    with EngineProcess(_relu(), "litert") as process:
        child = process._process
    assert child.returncode is not None
