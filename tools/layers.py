"""Prints what quantization-aware training made of each layer, and what to do where that is bad.

  python -m tools.layers --run_dir=out/run
  python -m tools.layers --run_dir=out/run --num_images=2048

tools.train measures at its end and leaves layers.json in the run directory. It is printed again;
with --num_images, or where it does not belong to qat.keras, the layers are measured first.

  range         of the layer's output; without a learner it is its input's, or fixed by the op
  codes used    of the range's codes, those that occur
  saturated     values outside of the range
  SQNR dB       signal to quantization noise of the output: what this layer's rounding costs
  in network    the same for all rounding up to here
  to float      the difference to the float model: all rounding, and what training has changed
  BN drift      distance of the moving statistics from the pictures' own, in standard deviations;
                median of the channels
  dead          channels whose output is constant
  fewest codes  that the weights of a channel have

Exit code 0: printed; 2: the request cannot be served.
"""

import pathlib

from absl import flags

from pipeline import layer_file
from pipeline.layer_file import LayerFile
from tools import cli, layer_table

_RUN_DIR = flags.DEFINE_string("run_dir", None, "A run after QAT.", required=True)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder or zip of the run's data set.")
_NUM_IMAGES = flags.DEFINE_integer(
    "num_images", None, "Held-out pictures to measure on; default: 256, if that is to be done.", 1
)

_DEFAULT_NUM_IMAGES = 256


def main() -> None:
    """Measures, where that is asked for or not done yet, and prints."""
    path = pathlib.Path(_RUN_DIR.value)
    content = None
    if _NUM_IMAGES.value is None and (model := path / "qat.keras").exists():
        content = layer_file.read(path, model)
    layer_table.show(content or _measure(path))


def _measure(path: pathlib.Path) -> LayerFile:
    from pipeline import run_layers  # here: TensorFlow takes seconds to import
    from pipeline.run_dir import RunDir
    from tools import held_out

    run_dir = RunDir.open(path)
    spec, dataset = held_out.of_run(run_dir, None, _DATA_DIR.value)
    count = _NUM_IMAGES.value or _DEFAULT_NUM_IMAGES
    return run_layers.measure(run_dir, held_out.pictures(spec, dataset, count))


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
