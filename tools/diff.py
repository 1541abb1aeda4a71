"""Tells what differs from one .tflite model, A, to another, B.

  python -m tools.diff A.tflite B.tflite --fail_on=ops,shapes,parameters
  python -m tools.diff A.tflite B.tflite --dataset=cifar10 --data_dir=cifar10.zip --fail_on=accuracy

Ops are aligned whatever their tensors are called, and constants compared code by code. With
pictures, both models also classify them: McNemar's exact test says whether one is better, and the
pictures whose class changed are listed, by their position among the held-out ones.

--fail_on takes
  ops          an op added, removed, or with other options or operands
  shapes       a tensor of other shape or type
  parameters   a tensor of other scale, zero point or quantized dimension
  weights      a constant of other values
  certificate  floats or defects in B where A has none
  size         B is the larger file
  accuracy     B has fewer right answers, with a p-value below --significance
  answers      a picture that B puts into another class

Exit code 0: nothing that --fail_on names differs; 1: something does; 2: the request cannot be
served.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import rich.box
from absl import flags
from rich.table import Table

from pipeline import diff, report
from pipeline.diff import Diff, TensorPair
from pipeline.errors import InputError, NotIntegerOnlyError
from pipeline.quant_params import QuantParams
from tools import cli

_ON_PICTURES = ("accuracy", "answers")
_ASPECTS = ("ops", "shapes", "parameters", "weights", "certificate", "size", *_ON_PICTURES)

_FAIL_ON = flags.DEFINE_list("fail_on", [], f"Exit with 1 if one differs: {', '.join(_ASPECTS)}.")
_RUN_DIR = flags.DEFINE_string("run_dir", None, "A run, whose held-out pictures to classify.")
_DATASET = flags.DEFINE_string("dataset", None, "Pictures to classify; default: the run's.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder or zip of the data set.")
_NUM_INPUTS = flags.DEFINE_integer("num_inputs", None, "Pictures; default: all.", 1)
_SIGNIFICANCE = flags.DEFINE_float("significance", 0.05, "Level of McNemar's test.", 0.0, 1.0)
_ENGINE = flags.DEFINE_enum(
    "engine", "interpreter", ["interpreter", "litert"], "What runs the models."
)
_ALLOW_FLOAT_BOUNDARY = flags.DEFINE_bool(
    "allow_float_boundary", False, "Admit QUANTIZE and DEQUANTIZE at the edges, in our interpreter."
)
_REPORT = flags.DEFINE_string("report", None, "Where to write all differences as JSON.")
flags.register_validator(
    "fail_on",
    lambda aspects: set(aspects) <= set(_ASPECTS),
    f"needed a list of {', '.join(_ASPECTS)}",
)

_EXIT_SAME = 0
_EXIT_DIFFERS = 1

_SHOWN = 20  # Rows of a table; the report has all.


def main(path_a: str, path_b: str) -> int:
    """Compares two models, prints what differs and returns the exit code."""
    wants_pictures = _RUN_DIR.value is not None or _DATASET.value is not None
    for aspect in _ON_PICTURES:
        if aspect in _FAIL_ON.value and not wants_pictures:
            raise InputError(f"--fail_on={aspect} needs pictures: --dataset or --run_dir")
    models = {path: pathlib.Path(path).read_bytes() for path in (path_a, path_b)}
    found = diff.compare(models[path_a], models[path_b])
    _print(found)
    differs = dict(found.differs)
    results: dict[str, Any] = dataclasses.asdict(found)
    if wants_pictures:
        answers = _answers(models)
        _print_answers(answers)
        differs["accuracy"] = answers.comparison.b_is_worse(_SIGNIFICANCE.value)
        differs["answers"] = bool(answers.comparison.flips)
        results["on_pictures"] = answers
    _print_verdict(found, differs)
    if _REPORT.value:
        results |= {"differs": differs, "fail_on": _FAIL_ON.value}
        report.write(_REPORT.value, "diff", results, inputs=[path_a, path_b])
    failed = [aspect for aspect in _FAIL_ON.value if differs[aspect]]
    if failed:
        print(f"not allowed by --fail_on: {', '.join(failed)}")
    return _EXIT_DIFFERS if failed else _EXIT_SAME


@dataclasses.dataclass(frozen=True)
class _Answers:
    """What both models take the held-out pictures for.

    Attributes:
      a, b: pipeline.evaluate.Accuracy of each.
      comparison: pipeline.paired_answers.PairedAnswers.
      class_names: Name of each label.
    """

    a: Any
    b: Any
    comparison: Any
    class_names: tuple[str, ...]


def _answers(models: Mapping[str, bytes]) -> _Answers:
    # Here: they import TensorFlow, which without pictures is not needed.
    from pipeline import data, evaluate, paired_answers
    from pipeline.run_dir import RunDir
    from tools import held_out

    tensors = [evaluate.input_tensor(model) for model in models.values()]
    if len({tensor.shape for tensor in tensors}) != 1:
        shapes = " and ".join(str(list(tensor.shape)) for tensor in tensors)
        raise InputError(
            f"needed two models for the same pictures, their inputs are {shapes}; without "
            "--dataset and --run_dir their graphs are compared"
        )
    if _RUN_DIR.value is not None:
        run_dir = RunDir.open(_RUN_DIR.value)
        spec, dataset = held_out.of_run(run_dir, _DATASET.value, _DATA_DIR.value)
    else:
        spec, dataset = held_out.of_model(tensors[0], _DATASET.value or "", _DATA_DIR.value)
    num_inputs = min(_NUM_INPUTS.value or dataset.num_eval, dataset.num_eval)
    pixels, labels = data.eval_pixels(dataset, num_inputs)
    classes = [
        _classes(
            *(path, model, evaluate.model_inputs(tensor, spec, pixels)),
            len(dataset.class_names),
        )
        for (path, model), tensor in zip(models.items(), tensors, strict=True)
    ]
    return _Answers(
        *(evaluate.accuracy(predicted, labels) for predicted in classes),
        paired_answers.compare(*classes, labels),
        dataset.class_names,
    )


def _classes(path: str, model: bytes, inputs: np.ndarray, num_classes: int) -> np.ndarray:
    from pipeline import evaluate  # here: it imports TensorFlow

    try:
        outputs = evaluate.outputs(
            model,
            inputs,
            _ENGINE.value,
            path,
            allow_float_boundary=_ALLOW_FLOAT_BOUNDARY.value and _ENGINE.value == "interpreter",
            progress=functools.partial(cli.track, f"classifying with {path}"),
        )
    except NotIntegerOnlyError as error:  # No verdict on the model here, only the wrong engine.
        raise InputError(f"{error}\nFor a model with floats take --engine=litert") from error
    if outputs.shape[1:] != (num_classes,):
        raise InputError(
            f"{path}: needed one output for each of the {num_classes} classes of the data set, the "
            f"model gives {list(outputs.shape[1:])} per picture"
        )
    return outputs.argmax(-1)


def _print(found: Diff) -> None:
    table = _table("", "", "A", "B", "B - A")
    for name, field in (
        ("size, bytes", "size_bytes"),
        ("ops", "num_ops"),
        ("constants, bytes", "constant_bytes"),
        ("multiply-accumulates", "macs"),
        ("activations at once, bytes", "peak_activation_bytes"),
    ):
        a, b = getattr(found.a, field), getattr(found.b, field)
        table.add_row(name, f"{a:,}", f"{b:,}", f"{b - a:+,}" if a != b else "")
    bits = [side.least_headroom_bits for side in (found.a, found.b)]
    table.add_row(
        "tightest accumulator, bits left", *("" if bit is None else f"{bit:.1f}" for bit in bits)
    )
    cli.console().print(table)
    print(f"A: {found.a.verdict}\nB: {found.b.verdict}")
    for kind, findings in (("only in B", found.new_failures), ("only in A", found.gone_failures)):
        for finding in findings[:_SHOWN]:
            print(f"{kind}: {finding}")
        if len(findings) > _SHOWN:
            print(f"{kind}: {len(findings) - _SHOWN} more (--report has all)")
    _rows(
        f"ops: {len(found.ops)} differences",
        ("A", "B", "op", "layer", "difference"),
        [
            (_index(it.index_a), _index(it.index_b), it.op, it.layer or "", it.change)
            for it in found.ops
        ],
    )
    _rows(
        f"shapes: {len(found.shapes)} tensors differ",
        ("op", "tensor", "A", "B"),
        [(*_tensor(it.tensor), it.a, it.b) for it in found.shapes],
    )
    _rows(
        f"quantization parameters: {len(found.parameters)} tensors differ",
        ("op", "tensor", "A: scale, zero point", "B: scale, zero point"),
        [(*_tensor(it.tensor), _params(it.a), _params(it.b)) for it in found.parameters],
    )
    _rows(
        f"weights: {len(found.weights)} constants differ; by how many LSB how often",
        ("op", "tensor", "differ", "of", "mean", "most", "LSB: elements"),
        [_weights(it) for it in found.weights],
    )


def _weights(weights: diff.TensorWeights) -> tuple[str, ...]:
    difference = weights.difference
    counts = ", ".join(f"{lsb}: {count:,}" for lsb, count in difference.histogram.items())
    if difference.largest_in_steps_of_a is not None:
        counts += f" (real values: by up to {difference.largest_in_steps_of_a:.3g} steps of A)"
    return (
        *_tensor(weights.tensor),
        f"{difference.num_differing:,}",
        f"{difference.num_elements:,}",
        "" if difference.mean_lsb is None else f"{difference.mean_lsb:+.3g}",
        "" if difference.largest is None else f"{difference.largest:.6g}",
        counts,
    )


def _print_answers(answers: _Answers) -> None:
    table = _table("", "", "accuracy", "95 % interval", "right answers that only it has")
    comparison = answers.comparison
    for name, accuracy, alone in (
        ("A", answers.a, comparison.only_a_correct),
        ("B", answers.b, comparison.only_b_correct),
    ):
        interval = f"{100 * accuracy.low:.2f} to {100 * accuracy.high:.2f} %"
        table.add_row(name, f"{100 * accuracy.share:.2f} %", interval, str(alone))
    cli.console().print(table)
    print(
        f"{comparison.num_images} pictures: McNemar's exact test, two-sided: "
        f"p = {comparison.p_value:.3g}"
    )
    names = answers.class_names
    _rows(
        f"answers: {len(comparison.flips)} pictures flipped",
        ("picture", "class", "A", "B", "right"),
        [
            (
                *(str(flip.index), names[flip.label], names[flip.a], names[flip.b]),
                "A" if flip.a == flip.label else "B" if flip.b == flip.label else "",
            )
            for flip in comparison.flips
        ],
    )


def _print_verdict(found: Diff, differs: Mapping[str, bool]) -> None:
    if found.same_bytes:
        print("the files are the same, byte for byte")
    elif any(differs.values()):
        print(f"differs: {', '.join(aspect for aspect, it in differs.items() if it)}")
    else:
        print("differs: only names, metadata or the layout of the file")


def _rows(title: str, columns: Sequence[str], rows: Sequence[Iterable[str]]) -> None:
    if not rows:
        return
    shown = "" if len(rows) <= _SHOWN else f", the first {_SHOWN} (--report has all)"
    table = _table(title + shown, *columns)
    for row in rows[:_SHOWN]:
        table.add_row(*row)
    cli.console().print(table)


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", box=rich.box.SIMPLE_HEAD)


def _index(index: int | None) -> str:
    return "" if index is None else str(index)


def _tensor(pair: TensorPair) -> tuple[str, str]:
    return pair.op, pair.name


def _params(params: QuantParams | None) -> str:
    if params is None:
        return "none"
    num_others = len(params.scale) - 1
    more = f" and {num_others} more along {params.quantized_dimension}" if num_others else ""
    return f"{params.scale[0]:.9g}, {params.zero_point[0]}{more}"


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main, operands=("A.tflite", "B.tflite"))


if __name__ == "__main__":
    entry()
