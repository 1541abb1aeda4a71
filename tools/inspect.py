"""Prints what a .tflite model is made of: ops, shapes, types, quantization, sizes, MACs.

  python -m tools.inspect --model=M.tflite [--report=R.json]

Exit code 0: printed; 2: not a model.
"""

import pathlib

import rich.box
from absl import flags
from rich.table import Table

from pipeline import flatbuffer, report, summary
from pipeline.graph import Graph, Tensor
from pipeline.summary import OpSummary
from tools import cli

_MODEL = flags.DEFINE_string("model", None, "The .tflite model.", required=True)
_REPORT = flags.DEFINE_string("report", None, "Where to write the same as JSON.")


def main() -> None:
    """Prints the model and writes the report."""
    path = pathlib.Path(_MODEL.value)
    content = path.read_bytes()
    graph = flatbuffer.read(content)
    ops = list(summary.ops(graph))
    _print(path, len(content), graph, ops)
    if _REPORT.value:
        rows = [
            {
                **{"subgraph": op.subgraph, "index": op.index, "op": op.op, "layer": op.layer},
                "inputs": [_fields(tensor) for tensor in op.inputs],
                "outputs": [_fields(tensor) for tensor in op.outputs],
                **{"constant_bytes": op.constant_bytes, "macs": op.macs},
            }
            for op in ops
        ]
        results = {"size_bytes": len(content), "ops": rows, **_totals(graph, ops)}
        report.write(_REPORT.value, "inspect", results, inputs=[path])


def _print(path: pathlib.Path, size_bytes: int, graph: Graph, ops: list[OpSummary]) -> None:
    console = cli.console()
    for number, subgraph in enumerate(graph.subgraphs):
        table = Table(
            *("op", "layer", "inputs", "outputs", "scale", "zero point", "constants", "MACs"),
            title=f"subgraph {number} {subgraph.name!r}",
            title_justify="left",
            box=rich.box.SIMPLE_HEAD,
        )
        for op in ops:
            if op.subgraph == number:
                quantization = [_quantization(tensor) for tensor in op.outputs]
                table.add_row(
                    f"{op.index} {op.op}",
                    op.layer or "",
                    "\n".join(map(_form, op.inputs)),
                    "\n".join(map(_form, op.outputs)),
                    "\n".join(scale for scale, _ in quantization),
                    "\n".join(zero_point for _, zero_point in quantization),
                    f"{op.constant_bytes:,}" if op.constant_bytes else "",
                    "" if op.macs is None else f"{op.macs:,}",
                )
        console.print(table)
    for signature in graph.signatures:
        print(f"signature {signature.key!r}: subgraph {signature.subgraph}")
    totals = _totals(graph, ops)
    print(
        f"{path}: {size_bytes:,} bytes, {len(ops)} ops, {totals['constant_bytes']:,} bytes of "
        f"constants, {totals['macs']:,} MACs, at least {totals['peak_activation_bytes']:,} bytes "
        "of activations"
    )


def _totals(graph: Graph, ops: list[OpSummary]) -> dict[str, int]:
    return {
        "constant_bytes": sum(op.constant_bytes for op in ops),
        "macs": sum(op.macs or 0 for op in ops),
        "peak_activation_bytes": summary.peak_activation_bytes(graph.main),
    }


def _form(tensor: Tensor) -> str:
    return f"{tensor.dtype} {'x'.join(map(str, tensor.shape)) or 'scalar'}"


def _quantization(tensor: Tensor) -> tuple[str, str]:
    params = tensor.quantization
    if params is None:
        return "", ""
    num_others = len(params.scale) - 1
    more = f" and {num_others} more" if num_others else ""
    return f"{params.scale[0]:.9g}{more}", f"{params.zero_point[0]}{more}"


def _fields(tensor: Tensor) -> dict[str, object]:
    params = tensor.quantization
    return {
        **{"index": tensor.index, "name": tensor.name},
        **{"shape": tensor.shape, "dtype": tensor.dtype},
        "scale": None if params is None else params.scale,
        "zero_point": None if params is None else params.zero_point,
    }


def entry() -> None:
    """Runs the tool as a console script."""
    cli.run(main)


if __name__ == "__main__":
    entry()
