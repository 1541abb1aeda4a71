"""LiteRT (ai-edge-litert) with the face of our own interpreter: one .tflite, arrays in and out.

LiteRT can crash the process it runs in; outside of tests use it through engine_process.py.
"""

from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from pipeline import errors

# What our names for arithmetics are in LiteRT. xnnpack is its default delegate.
_RESOLVERS: dict[str, OpResolverType] = {
    "reference": OpResolverType.BUILTIN_REF,
    "ruy": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "xnnpack": OpResolverType.BUILTIN,
}


class Litert:
    """Runs one model with LiteRT.

    Attributes:
      output_indices: Tensor index of each output, in graph order.
    """

    def __init__(
        self,
        model: bytes,
        kernels: str = "xnnpack",
        keep_tensors: bool = False,
        num_threads: int = 1,
    ) -> None:
        """Loads `model` and allocates its tensors.

        Args:
          model: Content of a .tflite file.
          kernels: "reference" (BUILTIN_REF), "ruy" (builtin, no delegate) or "xnnpack" (the
            default delegate).
          keep_tensors: Keep every intermediate value for tensor(). The delegate of "xnnpack"
            never fills the tensors between the ops it takes.
          num_threads: Threads of the runtime.

        Raises:
          ModelError: LiteRT refuses the model.
        """
        if keep_tensors and kernels == "xnnpack":
            raise ValueError("kernels 'xnnpack' cannot keep tensors: use 'reference' or 'ruy'")
        try:
            self._interpreter = Interpreter(
                model_content=model,
                num_threads=num_threads,
                experimental_op_resolver_type=_RESOLVERS[kernels],
                experimental_preserve_all_tensors=keep_tensors,
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise errors.ModelError(f"LiteRT cannot load the model: {error}") from error
        self._inputs: list[dict[str, Any]] = self._interpreter.get_input_details()
        self.output_indices: tuple[int, ...] = tuple(
            detail["index"] for detail in self._interpreter.get_output_details()
        )

    def run(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the outputs for `inputs`, both in graph order.

        Raises:
          InputError: Number, shape or dtype of the inputs is not the model's.
          ModelError: A kernel fails.
        """
        self._check(inputs)
        for detail, value in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(detail["index"], value)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise errors.ModelError(f"LiteRT cannot run the model: {error}") from error
        return tuple(self.tensor(index) for index in self.output_indices)

    def tensor(self, index: int) -> np.ndarray:
        """Returns a copy of a tensor's value after run()."""
        return self._interpreter.get_tensor(index)

    def reset(self) -> None:
        """Sets variable tensors back to zero."""
        self._interpreter.reset_all_variables()

    def _check(self, inputs: tuple[np.ndarray, ...]) -> None:
        needed = [(tuple(map(int, d["shape"])), np.dtype(d["dtype"]).name) for d in self._inputs]
        got = [(value.shape, value.dtype.name) for value in inputs]
        if needed != got:
            raise errors.InputError(f"the model needs inputs {needed}, got {got}")
