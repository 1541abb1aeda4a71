"""Certifies a .tflite model as integer-only, from its schema.

  python -m tools.certify --model=M.tflite [--run_dir=out/run] [--report=R.json]

The bounds of accumulators hold for every input. With --run_dir or --dataset, the model is also run
on held-out pictures, and the bounds are told for what was seen of the codes.

Exit code 0: integer-only and sound; 1: not, with every op and tensor at fault; 2: not a model.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import rich.box
from absl import flags
from rich.table import Table

from pipeline import certificate, flatbuffer, measured_ranges, report
from pipeline.certificate import Certificate
from pipeline.range_proof import AccumulatorBound
from pipeline.run_dir import RunDir
from tools import cli, held_out

_MODEL = flags.DEFINE_string("model", None, "The .tflite model to certify.", required=True)
_RUN_DIR = flags.DEFINE_string("run_dir", None, "The run that the model was converted from.")
_DATASET = flags.DEFINE_string("dataset", None, "Pictures to run on; default: the run's data set.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder or zip of the data set.")
_NUM_INPUTS = flags.DEFINE_integer("num_inputs", 64, "Pictures to run on.", 1)
_REPORT = flags.DEFINE_string("report", None, "Where to write the certificate as JSON.")

_EXIT_GOOD = 0
_EXIT_NOT_GOOD = 1

_TIGHTEST_SHOWN = 5


def main() -> int:
    """Certifies --model, prints the certificate and returns the exit code."""
    certified = certificate.certify(flatbuffer.read(_MODEL.value))
    _print(certified)
    measured = _measured()
    if measured:
        title = f"on {_NUM_INPUTS.value} pictures: largest partial sums within the codes seen"
        cli.console().print(_accumulators(title, measured))
    if _REPORT.value:
        report.write(
            _REPORT.value,
            "certificate",
            {
                "is_integer_only": certified.is_integer_only,
                "needs_float_boundary": certified.needs_float_boundary,
                "passes": certified.passes,
                "verdict": certified.verdict,
                **dataclasses.asdict(certified),
                "measured_accumulators": measured,
            },
            inputs=[_MODEL.value],
        )
    return _EXIT_GOOD if certified.passes else _EXIT_NOT_GOOD


def _measured() -> tuple[AccumulatorBound, ...]:
    if _RUN_DIR.value is None and _DATASET.value is None:
        return ()
    run_dir = None if _RUN_DIR.value is None else RunDir.open(_RUN_DIR.value)
    model = pathlib.Path(_MODEL.value).read_bytes()
    codes = held_out.codes(model, run_dir, _DATASET.value, _DATA_DIR.value, _NUM_INPUTS.value)
    return measured_ranges.measure(model, [codes])


def _print(certified: Certificate) -> None:
    console = cli.console()
    console.print(_edges(certified))
    counts = ", ".join(f"{op} {count}" for op, count in certified.op_counts.items())
    print(f"ops: {counts}")
    if certified.accumulators:
        console.print(_accumulators("accumulators: largest partial sums", certified.accumulators))
        num_exact = sum(bound.is_exact_in_float32 for bound in certified.accumulators)
        print(
            f"accumulators that stay within 2**24, where XNNPACK's float32 is exact: {num_exact} "
            f"of {len(certified.accumulators)}"
        )
    if certified.unproved:
        print(f"accumulators not bounded here: {', '.join(certified.unproved)}")
    for kind, findings in (
        ("float op", certified.float_ops),
        ("float edge", certified.boundary),
        ("defect", certified.defects),
        ("warning", certified.warnings),
    ):
        for found in findings:
            print(f"{kind}: {found}")
    print(certified.verdict)


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", box=rich.box.SIMPLE_HEAD)


def _edges(certified: Certificate) -> Table:
    table = _table("inputs and outputs", "", "name", "dtype", "shape", "scale", "zero point")
    for edge in certified.edges:
        scale = "" if edge.scale is None else f"{edge.scale:.9g}"
        zero_point = "" if edge.zero_point is None else str(edge.zero_point)
        shape = "x".join(map(str, edge.shape))
        table.add_row(edge.kind, edge.name, edge.dtype, shape, scale, zero_point)
    return table


def _accumulators(title: str, accumulators: Sequence[AccumulatorBound]) -> Table:
    bounds = sorted(accumulators, key=lambda bound: bound.headroom_bits)
    table = _table(
        f"{title}, the tightest of {len(bounds)}",
        *("op", "weights", "channel", "bound", "limit", "bits left"),
    )
    for bound in bounds[:_TIGHTEST_SHOWN]:
        table.add_row(
            f"{bound.op_index} {bound.op}",
            bound.layer or bound.tensor,
            str(bound.channel),
            str(bound.bound),
            str(bound.limit),
            f"{bound.headroom_bits:.1f}",
        )
    return table


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
