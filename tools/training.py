"""What tools.train does once its flags are known to be good."""

import dataclasses
import pathlib
import zlib
from collections.abc import Iterable

import rich.box
from rich.console import Console
from rich.table import Table

import models
from pipeline import data, layer_file, qat, run_layers, strategy
from pipeline import train as stage
from pipeline.cluster import Cluster
from pipeline.errors import DataError, RunDirError
from pipeline.legacy_keras import tf_keras
from pipeline.qat import recipe
from pipeline.quant_params import SCHEMES
from pipeline.run_dir import RunDir
from pipeline.strategy import Replicas
from pipeline.train_config import TrainConfig
from tools import held_out, layer_table, own_model


def train(
    path: pathlib.Path,
    begun: RunDir | None,
    config: TrainConfig,
    processes: Cluster | None,
    connect_timeout_s: float,
    layer_images: int,
) -> None:
    """Trains and prints a summary.

    Args:
      path: The run directory.
      begun: The run that was begun there.
      config: The settings.
      processes: Those that train together, where there are several; they have met.
      connect_timeout_s: How long TensorFlow may take to connect them.
      layer_images: Held-out pictures to measure layers on after QAT; 0: do not.
    """
    _default_spec(config)  # Refuses bits and learners that do not go together, at once.
    stage.make_repeatable(config.num_threads)
    replicas = strategy.create(config.strategy, processes, connect_timeout_s)
    replicas.check_batch_size(config.batch_size)
    with replicas.together():
        run, dataset, start = _prepare(path, begun, config, replicas)
    result = stage.run(run, _stages(run, dataset, start, replicas), replicas)
    if replicas.worker == 0:
        _print(run, result)
        if result.qat_accuracy is not None and layer_images:
            _show_layers(run, dataset, layer_images)
    else:
        print(f"worker {replicas.worker}: done; the chief keeps models, history and report")


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
) -> stage.Stages:
    config, spec = run.config, run.input_spec
    part = data.Shard(replicas.worker, replicas.num_workers)

    def train_batches(epoch: int, skip_batches: int) -> Iterable[stage.Batch]:
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

    return stage.Stages(
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


def _print(run: RunDir, result: stage.TrainResult) -> None:
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


def _show_layers(run: RunDir, dataset: data.Dataset, layer_images: int) -> None:
    content = layer_file.read(run.path, run.qat_model)
    if content is None:
        pictures = held_out.pictures(run.input_spec, dataset, layer_images)
        content = run_layers.measure(run, pictures)
    layer_table.show(content)
