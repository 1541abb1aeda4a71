"""The course of a training run for people: history.csv and TensorBoard's event files."""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Sequence

from pipeline import files
from pipeline.checkpoint import Epoch
from pipeline.legacy_keras import tf

_SCALARS = ("loss", "accuracy", "eval_accuracy", "learning_rate")


def write_csv(path: pathlib.Path, epochs: Sequence[Epoch]) -> None:
    """Writes one line per epoch, under a line with the names of Epoch's fields."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in dataclasses.fields(Epoch))
    writer.writerows(dataclasses.astuple(epoch) for epoch in epochs)
    files.write_text(path, text.getvalue())


def write_events(folder: pathlib.Path, epoch: Epoch) -> None:
    """Adds one epoch to TensorBoard's event files, in the phase's own folder.

    Raises:
      OSError: The folder cannot be written, or the disk is full.
    """
    try:
        writer = tf.summary.create_file_writer(str(folder / epoch.phase))
        with writer.as_default(step=epoch.step):
            for name in _SCALARS:
                tf.summary.write(name, tf.constant(getattr(epoch, name)), metadata=_scalar())
        writer.close()
    except tf.errors.OpError as error:
        raise OSError(f"cannot write TensorBoard events to {folder}: {error.message}") from error


def _scalar() -> tf.compat.v1.SummaryMetadata:
    """What marks a tensor as a scalar for TensorBoard; tf.summary.scalar needs it installed."""
    data_class = tf.compat.v1.SummaryMetadata.DESCRIPTOR.fields_by_name["data_class"]
    metadata = tf.compat.v1.SummaryMetadata(
        data_class=data_class.enum_type.values_by_name["DATA_CLASS_SCALAR"].number
    )
    metadata.plugin_data.plugin_name = "scalars"
    return metadata
