"""Trains a network: float, then quantization-aware.

  python -m tools.train --model=resnet_cifar --dataset=digits --run_dir=out/run
  python -m tools.train --run_dir=out/run --resume                  after an interruption
  python -m tools.train --run_dir=out/run --resume --qat_epochs=3   QAT of a finished float run
  TF_CONFIG=... python -m tools.train ... --strategy=multi_worker   on each of several machines

--model is also the path of a model that Keras saved (.keras, .h5, SavedModel), which may be
quantized as it is: --model=mine.keras --float_epochs=0. It takes the data set's pictures and gives
logits, one per class; a softmax at its end is left out.

A resumed run keeps its settings; flags that are left out stand for those it began with. Steps are
optimizer steps, counted from 0 in each phase. After QAT the layers are measured; tools.layers says
how to read their table.

Exit code 0: trained; 1: training went wrong (a NaN loss); 2: the request cannot be served.
"""

import dataclasses
import pathlib
from typing import Any

from absl import flags

import models
from pipeline import cluster, data, run_dir, strategy, train_config
from pipeline.errors import RunDirError
from pipeline.quant_params import SCHEMES
from pipeline.run_dir import RunDir
from pipeline.train_config import TrainConfig
from tools import cli, meeting, own_model

_RUN_DIR = flags.DEFINE_string("run_dir", None, "Where to train; see README.", required=True)
_RESUME = flags.DEFINE_bool("resume", False, "Go on with the run in --run_dir, if one was begun.")
_LAYER_IMAGES = flags.DEFINE_integer(
    "layer_images", 256, "Held-out pictures to measure layers on after QAT; 0: do not.", 0
)

_CONNECT_TIMEOUT_S = flags.DEFINE_float(
    "connect_timeout_s",
    600.0,
    "How long the processes of --strategy=multi_worker wait for each other at the start.",
    lower_bound=1.0,
)

_DEFAULTS = {field.name: field.default for field in dataclasses.fields(TrainConfig)}


def _string(name: str, text: str) -> flags.FlagHolder:
    return flags.DEFINE_string(name, None, text)


def _bool(name: str, text: str) -> flags.FlagHolder:
    return flags.DEFINE_bool(name, _DEFAULTS[name], text)


def _integer(name: str, text: str, lower_bound: int) -> flags.FlagHolder:
    return flags.DEFINE_integer(name, _DEFAULTS[name], text, lower_bound=lower_bound)


def _float(name: str, text: str, lower_bound: float, upper_bound: float | None = None):
    return flags.DEFINE_float(
        name, _DEFAULTS[name], text, lower_bound=lower_bound, upper_bound=upper_bound
    )


# Named as the fields of TrainConfig.
_CONFIG_FLAGS = (
    _string("model", f"Architecture: {', '.join(models.MODELS)}; or a model's path."),
    _string("model_args", "Arguments of the architecture, as name=value,name=value."),
    _string("dataset", f"Data set: {', '.join(data.DATASETS)}."),
    _string("data_dir", "Folder or zip of the data set."),
    _integer("input_size", "Height and width of the input; default: the data set's.", 1),
    _float("input_mean", "Pixel value of real 0.0; default: the data set's.", 0.0, 255.0),
    _float("input_scale", "Real value of one pixel step; default: the data set's.", 0.0),
    _bool("allow_unsafe_model", "Load --model=PATH even if it carries code."),
    _float("validation_fraction", "Held out where the data set has no split.", 0.0, 1.0),
    _bool("skip_bad_images", "Go on without pictures that do not decode."),
    _integer("seed", "Of initial weights, data order, augmentation and split.", 0),
    _integer("batch_size", "Pictures per step.", 1),
    _integer("float_epochs", "Passes over the data in float; 0 for a --model=PATH as it is.", 0),
    _float("float_learning_rate", "Peak of the float phase.", 0.0),
    _integer("qat_epochs", "Passes over the data with fake quantization.", 0),
    _float("qat_learning_rate", "Peak of the QAT phase.", 0.0),
    flags.DEFINE_enum("scheme", _DEFAULTS["scheme"], list(SCHEMES), "Quantization scheme."),
    _string("recipe", "JSON file of rules for single layers; see pipeline/qat/recipe.py."),
    flags.DEFINE_enum(
        "range_learner",
        _DEFAULTS["range_learner"],
        train_config.RANGE_LEARNERS,
        "Of activation ranges.",
    ),
    flags.DEFINE_enum(
        "weight_learner",
        _DEFAULTS["weight_learner"],
        train_config.WEIGHT_LEARNERS,
        "Of weight ranges.",
    ),
    _float("quant_noise", "Share of the weights that a QAT step rounds, above 0.", 0.0, 1.0),
    _integer("weight_bits", "Bits of a weight, 2 to 8; default: the scheme's.", 2),
    _integer("activation_bits", "Bits of an activation, 4 to 8; default: the scheme's.", 4),
    _float("ema_decay", "Smoothing of activation ranges, per step.", 0.0, 1.0),
    _integer("quant_delay", "First QAT step that rounds activations.", 0),
    _integer("freeze_bn_step", "First QAT step with frozen batch norm; default: never.", 0),
    _integer("freeze_ranges_step", "First QAT step with frozen ranges; default: never.", 0),
    _integer("calibration_batches", "Batches that set the ranges before QAT.", 1),
    _string(
        "teacher", "QAT learns from it too: float (this run's), a run directory, a Keras file."
    ),
    _float("distill_temperature", "Softens the answers of teacher and student.", 1e-3),
    _float("distill_alpha", "Weight of the labels, where there is a teacher.", 0.0),
    _float("distill_beta", "Weight of the teacher.", 0.0),
    _integer("checkpoint_steps", "Steps between checkpoints besides one per epoch; 0: none.", 0),
    _integer("num_threads", "Of TensorFlow; 0: one per core. The last bits depend on it.", 0),
    flags.DEFINE_enum(
        "strategy",
        _DEFAULTS["strategy"],
        strategy.NAMES,
        "one_device, all devices of this machine, or all processes that TF_CONFIG names.",
    ),
)


flags.register_validator("quant_noise", lambda rate: rate > 0.0, "needed a share above 0")


def main() -> int:
    """Trains, prints a summary and returns the exit code."""
    processes = cluster.from_environment()
    timeout_s, strategy_name = _CONNECT_TIMEOUT_S.value, flags.FLAGS["strategy"].value
    folder = pathlib.Path(_RUN_DIR.value)
    with meeting.met(folder, processes, _settled, strategy_name, timeout_s) as settled:
        path, begun, config = settled
        own_model.check(config)
        data.default_spec(config.dataset)  # Refuses a wrong name.
        from tools import training  # here: TensorFlow takes seconds to import

        training.train(path, begun, config, processes, timeout_s, _LAYER_IMAGES.value)
    return 0


def _settled(path: pathlib.Path) -> tuple[RunDir | None, TrainConfig]:
    """Returns the run that was begun in a folder, and the settings to train by."""
    begun = _open_begun(path)
    return begun, _config(begun)


def _open_begun(path: pathlib.Path) -> RunDir | None:
    if not run_dir.is_begun(path):
        return None
    if not _RESUME.value:
        raise RunDirError(
            f"{path}: holds a run already; go on with it by --resume, or choose another --run_dir"
        )
    return RunDir.open(path, needs="nothing")


def _config(begun: RunDir | None) -> TrainConfig:
    given: dict[str, Any] = {
        flag.name: flag.value for flag in _CONFIG_FLAGS if flags.FLAGS[flag.name].present
    }
    if "model_args" in given:
        given["model_args"] = models.parse_args(given["model_args"])
    if "recipe" in given:
        from pipeline.qat import recipe  # here, as above

        given["recipe"] = recipe.read(given["recipe"])
    if "model" in given and own_model.is_path(given["model"]):
        given["model"] = str(pathlib.Path(given["model"]).absolute())
    if begun:
        return begun.config.resumed_with(given, qat_begun=begun.qat_begun)
    for name in ("model", "dataset"):
        if name not in given:
            raise RunDirError(f"needed --{name}=NAME for a new run")
    return TrainConfig(**given)


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
