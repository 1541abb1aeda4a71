r"""Writes one HTML page about a model: what every stage found, and the model itself.

  python -m tools.report --run_dir=out/run --model=M.tflite --output=report.html \
      --evidence=certify.json,verify.json,evaluate.json,benchmark.json,debug.json

The page opens anywhere, offline: nothing is fetched. A stage without evidence is shown as not run,
with its command. With a run or a data set, the model is run on held-out pictures for the histograms
of its activations. The same request gives the same bytes.

Exit code 0: written, and no verdict is bad; 1: written, and one is (not integer-only, tensors
differ); 2: the request cannot be served.
"""

import hashlib
import pathlib

import numpy as np
from absl import flags

from pipeline import files
from pipeline.html_report import evidence, page
from pipeline.html_report.page import Contents
from pipeline.html_report.road import Names
from pipeline.run_dir import RunDir
from tools import cli

_MODEL = flags.DEFINE_string("model", None, "The .tflite model.", required=True)
_RUN_DIR = flags.DEFINE_string("run_dir", None, "The run that the model was converted from.")
_OUTPUT = flags.DEFINE_string("output", None, "The page to write.", required=True)
_EVIDENCE = flags.DEFINE_list(
    "evidence", [], "Reports of tools.certify, verify, evaluate, benchmark and debug."
)
_NAME = flags.DEFINE_string("name", None, "What the model is called; default: its file's name.")
_DATASET = flags.DEFINE_string("dataset", None, "Pictures to run on; default: the run's data set.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder or zip of the data set.")
_NUM_INPUTS = flags.DEFINE_integer("num_inputs", 32, "Pictures to run on; 0 runs none.", 0)

_EXIT_NOT_GOOD = 1


def main() -> int:
    """Writes --output."""
    model = pathlib.Path(_MODEL.value).read_bytes()
    run_dir = None if _RUN_DIR.value is None else RunDir.open(_RUN_DIR.value, "nothing")
    digest = hashlib.sha256(model).hexdigest()
    found = evidence.read(_MODEL.value, digest, run_dir, _EVIDENCE.value)
    pictures, source = _pictures(model, run_dir)
    contents = Contents(
        title=_NAME.value or pathlib.Path(_MODEL.value).stem,
        model=model,
        evidence=found,
        names=Names(_MODEL.value, _RUN_DIR.value),
        pictures=pictures,
        pictures_source=source,
    )
    rendered = page.render(contents)
    files.write_text(_OUTPUT.value, rendered.html)
    verdict = "no verdict in it is bad" if rendered.is_good else "a verdict in it is BAD"
    print(f"{_OUTPUT.value}: {len(rendered.html.encode()):,} bytes; {verdict}")
    return 0 if rendered.is_good else _EXIT_NOT_GOOD


def _pictures(model: bytes, run_dir: RunDir | None) -> tuple[list[np.ndarray], str]:
    if (run_dir is None and _DATASET.value is None) or not _NUM_INPUTS.value:
        return [], ""
    from tools import held_out  # here: it imports TensorFlow

    count = _NUM_INPUTS.value
    codes = held_out.codes(model, run_dir, _DATASET.value, _DATA_DIR.value, count)
    name = _DATASET.value or (run_dir.config.dataset if run_dir else "")
    return [codes], f"{len(codes)} held-out pictures of {name}"


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
