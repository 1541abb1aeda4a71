"""Converts a trained run to an integer-only .tflite model.

  python -m tools.convert --run_dir=out/run --output=model.tflite

Exit code 0: written; 1: an op stayed in float, nothing is written; 2: the request cannot be served.
"""

from typing import Any

from absl import flags

from pipeline import certificate, convert, files, flatbuffer, qat
from pipeline.legacy_keras import tf_keras
from pipeline.run_dir import RunDir
from tools import cli

_RUN_DIR = flags.DEFINE_string("run_dir", None, "The trained run.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "The .tflite file to write.", required=True)
_INFERENCE_IO = flags.DEFINE_enum(
    "inference_io", "int8", ["int8", "uint8"], "Type of the model's inputs and outputs."
)
_FLOAT = flags.DEFINE_bool(
    "float", False, "Convert the run's float model instead, to compare with."
)


def main() -> None:
    """Converts --run_dir and writes --output."""
    if _FLOAT.value:
        run_dir = RunDir.open(_RUN_DIR.value, "float_model")
        float_model: Any = tf_keras.models.load_model(run_dir.float_model, compile=False)
        files.write_bytes(_OUTPUT.value, convert.convert_float(float_model))
        return
    run_dir = RunDir.open(_RUN_DIR.value)
    model = convert.convert(qat.load(run_dir.qat_model), _INFERENCE_IO.value)
    files.write_bytes(_OUTPUT.value, model)
    certified = certificate.certify(flatbuffer.read(model))
    print(f"{_OUTPUT.value}: {len(model):,} bytes; {certified.verdict}")


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
