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
import zlib
from collections.abc import Iterable
from typing import Any

import rich.box
from absl import flags
from rich.console import Console
from rich.table import Table

import models
from pipeline import (
    cluster,
    data,
    layer_file,
    qat,
    run_dir,
    run_layers,
    strategy,
    train,
)
from pipeline.errors import DataError, RunDirError
from pipeline.legacy_keras import tf_keras
from pipeline.qat import recipe
from pipeline.quant_params import SCHEMES
from pipeline.run_dir import RunDir
from pipeline.strategy import Replicas
from pipeline.train_config import TrainConfig
from tools import cli, held_out, layer_table, meeting, own_model

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
        "range_learner", _DEFAULTS["range_learner"], qat.LEARNERS, "Of activation ranges."
    ),
    flags.DEFINE_enum(
        "weight_learner", _DEFAULTS["weight_learner"], qat.WEIGHT_LEARNERS, "Of weight ranges."
    ),
    _float("quant_noise", "Share of the weights that a QAT step rounds, above 0.", 0.0, 1.0),
    _integer("weight_bits", "Bits of a weight, 2 to 8; default: the scheme's.", 2),
    _integer("activation_bits", "Bits of an activation, 4 to 8; default: the scheme's.", 4),
    _float("ema_decay", "Smoothing of activation ranges, per step.", 0.0, 1.0),
    _integer("quant_delay", "First QAT step that rounds activations.", 0),
    _integer(
        "freeze_bn_step", "First QAT step with frozen batch norm; default: at 9/10 of QAT.", 0
    ),
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
        _default_spec(config)  # Refuses bits and learners that do not go together, at once.
        train.make_repeatable(config.num_threads)
        replicas = strategy.create(config.strategy, processes, timeout_s)
        replicas.check_batch_size(config.batch_size)
        with replicas.together():
            run, dataset, start = _prepare(path, begun, config, replicas)
        result = train.run(run, _stages(run, dataset, start, replicas), replicas)
        if replicas.worker == 0:
            _print(run, result)
            if result.qat_accuracy is not None and _LAYER_IMAGES.value:
                _show_layers(run, dataset)
        else:
            print(f"worker {replicas.worker}: done; the chief keeps models, history and report")
    return 0


def _settled(path: pathlib.Path) -> tuple[RunDir | None, TrainConfig]:
    """Returns the run that was begun in a folder, and the settings to train by."""
    begun = _open_begun(path)
    return begun, _config(begun)


def _prepare(
    path: pathlib.Path, begun: RunDir | None, config: TrainConfig, replicas: Replicas
) -> tuple[RunDir, data.Dataset, tf_keras.Model | None]:
    """Returns the run, as run.json now says it, its data and the user's model, if there is one.

    Nothing is written on an error.
    """
    own = own_model.load(config, begun)
    # A model that is read again is folded again.
    spec = begun.input_spec if begun and not (own and own.model) else _input_spec(config, own)
    if own:
        own, spec, rescaling = own_model.fold_rescaling(own, spec)
        if rescaling:
            print(
                f"{config.model}: layer {rescaling!r} is folded into the input parameters: "
                f"real_value = (pixel - {spec.mean:g}) * {spec.scale:g}"
            )
    # Refuses a wrong name or argument at once; the number of classes is not known yet.
    float_model = own.model if own else _ours(config, spec, 2)
    is_own = own is not None and config.qat_epochs > 0
    if float_model is not None and (is_own or config.recipe is not None):
        _quantize(float_model, config, spec)  # What it cannot do is refused at once, too.
    dataset = data.load(
        config.dataset,
        spec,
        data_dir=config.data_dir,
        seed=config.seed,
        validation_fraction=config.validation_fraction,
        skip_bad_images=config.skip_bad_images,
    )
    if config.batch_size > dataset.num_train:
        raise DataError(
            f"--batch_size={config.batch_size} exceeds the {dataset.num_train} training pictures "
            f"of {dataset.name}; lower it"
        )
    start = None if own is None else own_model.fitted(own, config, len(dataset.class_names))
    sha256 = None if own is None else own.sha256
    run = RunDir(path, config, spec, dataset.class_names, dataset.num_train, sha256)
    if begun and dataclasses.replace(begun, config=config) != run:
        raise RunDirError(
            f"{path}: the data has changed since the run began: it had {begun.num_train} training "
            f"pictures in {begun.num_classes} classes, got {run.num_train} in {run.num_classes}, "
            "or other class names; train into another --run_dir"
        )
    contents = f"{run.num_train} {dataset.num_eval} {run.class_names}"
    replicas.check_agreement("data set", zlib.crc32(contents.encode()))
    run.save()
    return run, dataset, start


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
        given["recipe"] = recipe.read(given["recipe"])
    if "model" in given and own_model.is_path(given["model"]):
        given["model"] = str(pathlib.Path(given["model"]).absolute())
    if begun:
        return begun.config.resumed_with(given, qat_begun=begun.qat_begun)
    for name in ("model", "dataset"):
        if name not in given:
            raise RunDirError(f"needed --{name}=NAME for a new run")
    return TrainConfig(**given)


def _input_spec(config: TrainConfig, own: own_model.OwnModel | None) -> data.InputSpec:
    spec = data.default_spec(config.dataset)
    if config.input_mean is not None:
        spec = dataclasses.replace(spec, mean=config.input_mean)
    if config.input_scale is not None:
        spec = dataclasses.replace(spec, scale=config.input_scale)
    if own is not None:
        return own_model.fitted_spec(spec, config, own)
    if config.input_size is None:
        return spec
    return dataclasses.replace(spec, height=config.input_size, width=config.input_size)


def _ours(config: TrainConfig, spec: data.InputSpec, num_classes: int) -> tf_keras.Model:
    return models.build(config.model, spec.shape, num_classes, **config.model_args)


def _quantize(
    float_model: tf_keras.Model, config: TrainConfig, spec: data.InputSpec
) -> tf_keras.Model:
    rules = recipe.parse(config.recipe or [])
    annotated_model = qat.annotate_model(float_model)
    return recipe.apply(annotated_model, rules, _default_spec(config), spec.params)


def _default_spec(config: TrainConfig) -> qat.LayerSpec:
    return qat.LayerSpec(
        SCHEMES[config.scheme].with_bits(config.weight_bits, config.activation_bits),
        config.range_learner,
        config.weight_learner,
        config.quant_noise,
        config.ema_decay,
    )


def _stages(
    run: RunDir, dataset: data.Dataset, start: tf_keras.Model | None, replicas: Replicas
) -> train.Stages:
    config, spec = run.config, run.input_spec
    part = data.Shard(replicas.worker, replicas.num_workers)

    def train_batches(epoch: int, skip_batches: int) -> Iterable[train.Batch]:
        return data.iterate(
            data.train_batches(
                dataset,
                spec,
                batch_size=config.batch_size,
                seed=config.seed,
                epoch=epoch,
                skip_batches=skip_batches,
                part=part,
            )
        )

    def build() -> tf_keras.Model:
        return start if start is not None else _ours(config, spec, run.num_classes)

    return train.Stages(
        build=build,
        train_batches=train_batches,
        eval_batches=lambda: data.iterate(
            data.eval_batches(dataset, spec, config.batch_size, part)
        ),
        quantize=lambda float_model: _quantize(float_model, config, spec),
        calibrate=qat.calibrate,
        measure_batch_norm=qat.measure_batch_norm,
        set_phase=lambda model, **fields: qat.set_phase(model, qat.Phase(**fields)),
    )


def _print(run: RunDir, result: train.TrainResult) -> None:
    config = run.config
    table = Table("", "accuracy", "epochs", "seconds", box=rich.box.SIMPLE_HEAD)
    table.title = f"{config.model} on {config.dataset}, {result.num_parameters:,} parameters"
    table.add_row(
        "float",
        f"{result.float_accuracy:.2%}",
        str(config.float_epochs),
        f"{result.float_seconds:.0f}",
    )
    if result.qat_accuracy is not None:
        table.add_row("fake-quant, calibrated", f"{result.calibrated_accuracy:.2%}", "0", "")
        table.add_row(
            f"fake-quant, {_scheme_name(config)}",
            f"{result.qat_accuracy:.2%}",
            str(config.qat_epochs),
            f"{result.qat_seconds:.0f}",
        )
    Console(highlight=False).print(table)
    print(f"models, history and report: {run.path}")


def _scheme_name(config: TrainConfig) -> str:
    scheme = SCHEMES[config.scheme].with_bits(config.weight_bits, config.activation_bits)
    if scheme == SCHEMES[config.scheme]:
        return scheme.name
    return f"{scheme.name}, W{scheme.weight_bits}A{scheme.activation_bits}"


def _show_layers(run: RunDir, dataset: data.Dataset) -> None:
    content = layer_file.read(run.path, run.qat_model)
    if content is None:
        pictures = held_out.pictures(run.input_spec, dataset, _LAYER_IMAGES.value)
        content = run_layers.measure(run, pictures)
    layer_table.show(content)


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
