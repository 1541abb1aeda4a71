"""One run of a model on a phone, for its bits: chosen inputs in, the bytes of all outputs back."""

import dataclasses
import pathlib
import tempfile
import uuid
from collections.abc import Mapping

import numpy as np

from android_bench import benchmark_binary, parse, runtimes
from android_bench.benchmark_binary import Binary, Run
from android_bench.run_directory import RunDirectory
from android_bench.runtimes import Evidence, Runtime

_TIMEOUT_S = 600.0  # Reference kernels on a slow core.


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What a run computed.

    Attributes:
      content: Raw bytes of all outputs, one after the other: see equality.py.
      evidence: Proof of what computed them.
    """

    content: bytes
    evidence: Evidence


class Phone:
    """A phone with a benchmark binary on it.

    Attributes:
      directory: On the phone, entered.
      binary: What was brought there: TFLite's benchmark_model or our own runner; LiteRT's cannot.
    """

    def __init__(self, directory: RunDirectory, binary: Binary) -> None:
        """Brings the binary there.

        Raises:
          DeviceError: The phone cannot be used.
          OSError: The binary cannot be read.
        """
        self.directory = directory
        self.binary = binary
        self._remote = directory.put(binary.path, binary.path.name, executable=True)
        self._library = ""
        if binary.library is not None:
            self._library = directory.put(binary.library, binary.library.name)

    def run(
        self,
        runtime: Runtime,
        model: bytes,
        inputs: Mapping[str, np.ndarray],
        *,
        num_threads: int = 1,
    ) -> Outputs:
        """Runs a model once, in a process of its own.

        Args:
          runtime: What is to compute; a delegate may leave a part of the graph to the CPU.
          model: Content of the .tflite file.
          inputs: Name of the tensor -> values, in the order of the graph.
          num_threads: Of the CPU's engines.

        Raises:
          CommandError: The process failed or passed its time.
          DelegationError: Something else than `runtime` computed it all.
          DeviceError: The binary cannot, or the phone cannot be used.
          LogError: The log is not that of a whole run.
        """
        # New for each run: a process that writes nothing must not seem to have written it.
        output_path = f"{self.directory.path}/{uuid.uuid4().hex}"
        with tempfile.TemporaryDirectory() as name:
            local = pathlib.Path(name)
            command = benchmark_binary.command(
                self.binary.tool,
                self._remote,
                runtime,
                Run(
                    model=self._put(local / "model.tflite", model),
                    num_threads=num_threads,
                    # State that a model keeps from run to run is as at its first.
                    num_runs=1,
                    min_time_s=0.0,
                    warmup_runs=0,
                    warmup_time_s=0.0,
                    inputs={
                        tensor: (
                            values.shape,
                            self._put(local / f"input{position}", values.tobytes()),
                        )
                        for position, (tensor, values) in enumerate(inputs.items())
                    },
                    output_path=output_path,
                    library=self._library,
                ),
            )
            done = self.directory.adb.shell(command, timeout_s=_TIMEOUT_S)
            log = parse.parse(f"{done.stderr}\n{done.stdout}")
            evidence = runtimes.prove(runtime, log, arguments=command[1:], allow_partial=True)
            self.directory.get(output_path, local / "output")
            return Outputs((local / "output").read_bytes(), evidence)

    def _put(self, local: pathlib.Path, content: bytes) -> str:
        local.write_bytes(content)
        return self.directory.put(local, local.name)
