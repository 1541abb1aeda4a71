"""Measures the cells of one task and seed of tools.bench_qat."""

import dataclasses
import pathlib
import time
from collections.abc import Mapping, Sequence

from pipeline import certificate, evaluate, flatbuffer, train
from pipeline.errors import IntonlyError
from tools import cell_log, qat_pictures
from tools.cell_log import Cell
from tools.qat_methods import METHODS, Made, Setup, first_line
from tools.qat_peers import UnsupportedError
from tools.qat_pictures import Pictures
from tools.qat_tasks import COLUMNS, PEERS, TASKS
from tools.stages import in_folder


def run(
    folder: pathlib.Path,
    shared: pathlib.Path,
    cells: Sequence[Cell],
    log: pathlib.Path,
) -> None:
    """Measures cells one after the other, and adds each to the log when it is done.

    Args:
      folder: Of the float run; trained there, unless it is.
      shared: The folder of shared data.
      cells: Without figures; of one task, seed and settings.
      log: See cell_log.py.

    Raises:
      InputError: The shared folder lacks what the task needs.
      TrainingError: Float training failed.
    """
    first = cells[0]
    train.make_repeatable(num_threads=1)
    with in_folder(folder) as stages:
        run_dir = qat_pictures.train_float(
            TASKS[first.task], stages, folder, shared, first.seed, first.settings.float_epochs
        )
    pictures = qat_pictures.load(run_dir, first.settings.num_test)
    setup = Setup(pictures, first.settings.qat_steps, first.settings.learning_rate)
    for cell in cells:
        cell_log.append(log, _measured(cell, setup))


def _measured(cell: Cell, setup: Setup) -> Cell:
    started = time.process_time()
    try:
        made = METHODS[cell.method](setup, COLUMNS[cell.column])
        figures = _figures(made, setup.pictures)
    except UnsupportedError as error:
        figures = {"failure": f"not offered: {error}"}
    except IntonlyError as error:
        figures = {"failure": first_line(error)}
    except Exception as error:
        if cell.method not in PEERS:
            raise
        figures = {"failure": first_line(error)}  # Peers raise what they like.
    seconds = time.process_time() - started
    return dataclasses.replace(cell, cpu_seconds=seconds, **figures)


def _figures(made: Made, pictures: Pictures) -> Mapping[str, object]:
    """Returns fields of a cell."""
    if made.content is None:
        return {"failure": made.failure, "trained_share": made.trained_share}
    tensor = evaluate.input_tensor(made.content)
    inputs = evaluate.model_inputs(tensor, pictures.spec, pictures.test_pixels)
    outputs = evaluate.outputs(made.content, inputs, "litert")
    certified = certificate.certify(flatbuffer.read(made.content))
    return {
        "share": evaluate.accuracy(outputs.argmax(-1), pictures.test_labels).share,
        "is_certified": certified.passes,
        "verdict": certified.verdict,
        "size_bytes": len(made.content),
        "trained_share": made.trained_share,
    }
