"""Real models over several steps: every tensor of every step, with the state carried on."""

import pathlib

import numpy as np
import pytest

from pipeline import flatbuffer, verify
from pipeline.interpreter import Interpreter
from pipeline.interpreter.engines import ENGINES

_NUM_STEPS = 5
_WITHOUT_STATE = (
    "micro/hello_world_int8",
    "micro/micro_speech_quantized",
    "mlperf_tiny/str_ww_ref_model",
)
_WITH_STATE = ("micro/trained_lstm_int8", "wake_word/okay_nabu", "wake_word/vad")
_SEANET = (
    "add",
    "conv",
    "leaky_relu",
    "pad",
    "quantize",
    "strided_slice",
    "sub",
    "transpose_conv",
)
_CASES = [
    *((name, kernels) for name in _WITHOUT_STATE for kernels in ("reference", "tflm")),
    *((name, kernels) for name in _WITH_STATE for kernels in ENGINES),
]


def _steps(content: bytes) -> list[np.ndarray]:
    """Returns random codes for each input, [steps, *shape]."""
    rng = np.random.default_rng(0)
    main = flatbuffer.read(content).main
    tensors = [main.tensors[index] for index in main.inputs]
    return [
        rng.integers(-128, 128, (_NUM_STEPS, *tensor.shape)).astype(tensor.dtype)
        for tensor in tensors
    ]


@pytest.mark.parametrize(("name", "kernels"), _CASES)
def test_every_tensor_of_every_step(shared_dir: pathlib.Path, name: str, kernels: str) -> None:
    content = (shared_dir / "tflite_models" / f"{name}.tflite").read_bytes()
    result = verify.compare(content, *_steps(content), kernels=kernels)
    assert result.is_exact, result.reason


@pytest.mark.parametrize(
    ("name", "tensor"), [("micro/trained_lstm_int8", 23), ("wake_word/vad", 50)]
)
def test_reset_begins_anew(shared_dir: pathlib.Path, name: str, tensor: int) -> None:
    content = (shared_dir / "tflite_models" / f"{name}.tflite").read_bytes()
    interpreter = Interpreter(content, keep_tensors=True)
    (steps,) = _steps(content)

    def outputs() -> list[object]:
        """Returns what an op behind the state gives in every step."""
        values = []
        for codes in steps:
            interpreter.run(codes)
            values.append(interpreter.tensor(tensor).tolist())
        return values

    first = outputs()
    assert outputs() != first
    interpreter.reset()
    assert outputs() == first


@pytest.mark.parametrize("kind", _SEANET)
def test_golden_files_of_seanet(shared_dir: pathlib.Path, kind: str) -> None:
    """Each folder holds models of one op, their inputs and what a runtime gave."""
    folder = shared_dir / "tflite_models" / "seanet" / kind
    checked = 0
    for path in sorted(folder.glob("*.tflite")):
        for golden in folder.glob(f"{path.stem}_golden*.csv"):
            interpreter = Interpreter(path)
            inputs = [
                np.loadtxt(next(folder.glob(f"{path.stem}_input{position}*.csv")), delimiter=",")
                .astype(details.dtype)
                .reshape(details.shape)
                for position, details in enumerate(interpreter.input_details)
            ]
            (output,) = interpreter.run(*inputs)
            expected = np.loadtxt(golden, delimiter=",").reshape(output.shape)
            np.testing.assert_array_equal(output, expected, path.stem)
            checked += 1
    assert checked
