"""The table of layers by how much their rounding harms the network's answers."""

from collections.abc import Sequence

import rich.box
from rich.table import Table

from pipeline.sensitivity import Harm, Sensitivity
from tools import cli

_COLUMNS = ("logits, dB", "mean KL, nats", "flipped", "accuracy")


def show(found: Sensitivity) -> None:
    """Prints the ranked layers, and below them what the network makes of all layers rounding."""
    table = Table(
        *("layer", "rounds", *_COLUMNS),
        title=f"layers by the harm of their rounding, on {found.num_images} held-out pictures; "
        f"in float {_share(found.float_correct, found)} are right",
        title_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for it in found.layers:
        _add(table, it.layer, [("it alone", it.one), ("all but it", it.all_but_one)], found)
    table.add_section()
    _add(table, "", [("all", found.quantized)], found)
    cli.console().print(table)


def _add(
    table: Table, name: str, harms: Sequence[tuple[str, Harm | None]], found: Sensitivity
) -> None:
    for rounds, harm in harms:
        if harm is not None:
            table.add_row(
                name,
                rounds,
                "" if harm.logits_db is None else f"{harm.logits_db:.1f}",
                f"{harm.mean_kl:.2e}",
                str(harm.num_flipped),
                _share(harm.num_correct, found),
            )
            name = ""


def _share(count: int, found: Sensitivity) -> str:
    return f"{100 * count / found.num_images:.2f} %"
