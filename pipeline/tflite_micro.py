"""tflite-micro with the face of our own interpreter: one .tflite, arrays in and out.

tflite-micro can crash the process it runs in; outside of tests use it through engine_process.py.
"""

import numpy as np
from tflite_micro.python.tflite_micro import runtime

from pipeline import errors, flatbuffer

_ARENA_SIZE_BYTES = 256 * 2**20


class TfliteMicro:
    """Runs one model with tflite-micro."""

    def __init__(self, model: bytes, keep_tensors: bool = False) -> None:
        """Loads `model` and plans its memory.

        Args:
          model: Content of a .tflite file.
          keep_tensors: Keep every intermediate value for tensor().

        Raises:
          ModelError: tflite-micro refuses the model.
        """
        kinds = runtime.InterpreterConfig
        config = kinds.kPreserveAllTensors if keep_tensors else kinds.kAllocationRecording
        main = flatbuffer.read(model).main
        self._inputs = [main.tensors[index] for index in main.inputs]
        self._num_outputs = len(main.outputs)
        try:
            self._interpreter = runtime.Interpreter.from_bytes(
                model, arena_size=_ARENA_SIZE_BYTES, intrepreter_config=config
            )
        except (ValueError, RuntimeError) as error:
            raise errors.ModelError(f"tflite-micro cannot load the model: {error}") from error

    def run(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the outputs for `inputs`, both in graph order.

        Raises:
          InputError: Number, shape or dtype of the inputs is not the model's.
          ModelError: A kernel fails.
        """
        needed = [(tensor.shape, tensor.dtype) for tensor in self._inputs]
        got = [(value.shape, value.dtype.name) for value in inputs]
        if needed != got:
            raise errors.InputError(f"the model needs inputs {needed}, got {got}")
        try:
            for index, value in enumerate(inputs):
                self._interpreter.set_input(value, index)
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise errors.ModelError(f"tflite-micro cannot run the model: {error}") from error
        return tuple(
            np.array(self._interpreter.get_output(index)) for index in range(self._num_outputs)
        )

    def tensor(self, index: int) -> np.ndarray:
        """Returns a copy of a tensor's value after run()."""
        return np.array(self._interpreter.GetTensor(index, 0)["tensor_data"])

    def reset(self) -> None:
        """Sets variable tensors back to zero."""
        self._interpreter.reset()
