"""Converts a trained run to an integer-only .tflite model.

  python -m tools.convert --run_dir=out/run --output=model.tflite

--report says of each tensor in which form it is stored: packed INT4, or codes of a wider type.
Exit code 0: written; 1: an op stayed in float, nothing is written; 2: the request cannot be served.
"""

import collections
import dataclasses
import pathlib
from typing import Any

from absl import flags

from pipeline import certificate, files, flatbuffer, report
from pipeline.run_dir import RunDir
from tools import cli

_RUN_DIR = flags.DEFINE_string("run_dir", None, "The trained run.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "The .tflite file to write.", required=True)
_INFERENCE_IO = flags.DEFINE_enum(
    "inference_io",
    None,
    ["int8", "uint8"],
    "Type of the model's inputs and outputs; default: that of its activations.",
)
_FLOAT = flags.DEFINE_bool(
    "float", False, "Convert the run's float model instead, to compare with."
)
_REPORT = flags.DEFINE_string("report", None, "Where to write the tensors' forms as JSON.")


def main() -> None:
    """Converts --run_dir and writes --output."""
    if _FLOAT.value:
        _convert_float(RunDir.open(_RUN_DIR.value, "float_model").float_model)
        return
    run_dir = RunDir.open(_RUN_DIR.value)
    from pipeline import convert, qat  # here: they import TensorFlow

    qat_model = qat.load(run_dir.qat_model)
    model = convert.convert(qat_model, _INFERENCE_IO.value)
    files.write_bytes(_OUTPUT.value, model)
    certified = certificate.certify(flatbuffer.read(model))
    forms = convert.forms(model, qat_model)
    if _REPORT.value:
        results = {
            "size_bytes": len(model),
            "verdict": certified.verdict,
            "tensors": [{**dataclasses.asdict(form), "form": form.form} for form in forms],
        }
        report.write(_REPORT.value, "convert", results, inputs=[run_dir.qat_model])
    print(f"{_OUTPUT.value}: {len(model):,} bytes; {certified.verdict}")
    for role in ("weights", "activation"):
        counts = collections.Counter(form.form for form in forms if form.role == role)
        shown = "; ".join(f"{count} of {form}" for form, count in counts.most_common())
        print(f"  {role}: {shown}")


def _convert_float(path: pathlib.Path) -> None:
    from pipeline import convert
    from pipeline.legacy_keras import tf_keras

    float_model: Any = tf_keras.models.load_model(path, compile=False)
    files.write_bytes(_OUTPUT.value, convert.convert_float(float_model))


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
