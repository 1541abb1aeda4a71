"""The user's own model as tools.train's --model: which one is meant, and does it fit the run."""

import dataclasses
import pathlib

import models
from pipeline import data
from pipeline.errors import ModelError, RunDirError
from pipeline.lazy_tf import tf_keras
from pipeline.run_dir import RunDir
from pipeline.train_config import TrainConfig

_SUFFIXES = (".keras", ".h5", ".hdf5")
_LARGEST_PIXEL = 255


@dataclasses.dataclass(frozen=True)
class OwnModel:
    """A user's model file.

    Attributes:
      sha256: Of the file, as the run began with it.
      model: None where the run's float model is there already, so that nothing is to be read.
    """

    sha256: str
    model: "tf_keras.Model | None"


def is_path(model: str) -> bool:
    """Whether --model names a file; a name of models.MODELS never does."""
    path = pathlib.Path(model)
    return model not in models.MODELS and (
        len(path.parts) > 1 or path.suffix in _SUFFIXES or path.exists()
    )


def check(config: TrainConfig) -> None:
    """Checks of --model what can be checked without TensorFlow.

    Raises:
      ModelError: No model has this name, or such arguments.
      RunDirError: It is asked for what it cannot do.
    """
    path = config.model
    if not is_path(path):
        models.check(path, config.model_args)
        if config.float_epochs == 0:
            raise RunDirError(
                f"--model={path} starts from random weights: needed --float_epochs=1 or more, got 0"
            )
    elif config.model_args:
        raise RunDirError(f"--model={path} is a file and takes no --model_args; leave them out")


def load(config: TrainConfig, begun: RunDir | None) -> OwnModel | None:
    """Returns the model of --model, None for one of ours.

    Raises:
      ModelError: The file cannot be used.
      RunDirError: It has changed since the run began.
    """
    path = config.model
    if not is_path(path):
        return None
    from pipeline.keras_files import contents, user_model  # here: TensorFlow takes seconds

    if begun and begun.model_sha256 and begun.float_model.exists():
        if pathlib.Path(path).exists():
            _check_unchanged(begun, contents.checksum(path))
        return OwnModel(begun.model_sha256, None)
    loaded = user_model.load(path, allow_unsafe_model=config.allow_unsafe_model)
    if begun:
        _check_unchanged(begun, loaded.sha256)
    return OwnModel(loaded.sha256, loaded.model)


def fitted_spec(spec: data.InputSpec, config: TrainConfig, own: OwnModel) -> data.InputSpec:
    """Returns the data set's input contract at the size of the model's input.

    Raises:
      ModelError: The model takes other pictures.
    """
    from pipeline.keras_files import fitting  # here, as above

    assert own.model is not None
    height, width, channels = fitting.picture_shape(own.model, config.model)
    size = config.input_size
    if channels != spec.channels or size not in (None, height) or size not in (None, width):
        raise ModelError(
            f"{config.model}: needed a model of pictures of {spec.channels} channels"
            f"{'' if size is None else f' and --input_size={size}'}, as --dataset={config.dataset} "
            f"has them, got {height}x{width}x{channels}"
        )
    return dataclasses.replace(spec, height=height, width=width)


def fold_rescaling(own: OwnModel, spec: data.InputSpec) -> tuple[OwnModel, data.InputSpec, str]:
    """Folds the Rescaling or Normalization that a model begins with into its input contract.

    (pixel - mean) * scale * factor + offset has the form of the contract, too. One of several
    scales or offsets, of a factor that is not positive, or whose real 0.0 is no pixel value stays
    an op.

    Returns:
      The model without it, the contract with it, and the layer's name; or what was given, and "".
    """
    from pipeline.qat import input_rescaling  # here, as above

    found = None if own.model is None else input_rescaling.find(own.model)
    if own.model is None or found is None or found.scale <= 0:
        return own, spec, ""
    scale = spec.scale * found.scale
    mean = spec.mean - found.offset / scale
    if not 0 <= mean <= _LARGEST_PIXEL:
        return own, spec, ""
    model = input_rescaling.without(own.model, found)
    folded = dataclasses.replace(spec, mean=mean, scale=scale)
    return dataclasses.replace(own, model=model), folded, found.layer.name


def fitted(own: OwnModel, config: TrainConfig, num_classes: int) -> "tf_keras.Model | None":
    """Returns the model as the trainer takes it, None where there is nothing to begin with.

    Raises:
      ModelError: Its outputs do not fit the data set.
    """
    if own.model is None:
        return None
    from pipeline.keras_files import fitting  # here, as above

    model, had_softmax = fitting.with_logits(own.model, num_classes, config.model)
    if had_softmax:
        print(f"{config.model}: the softmax at its end is left out; the results give logits")
    return model


def _check_unchanged(begun: RunDir, sha256: str) -> None:
    if sha256 != begun.model_sha256:
        raise RunDirError(
            f"{begun.config.model}: has changed since the run began (sha256 was "
            f"{begun.model_sha256}, got {sha256}); put the old file back, or train into another "
            "--run_dir"
        )
