"""`physsim gradients`: how well the backward passes of a stack agree."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from ._files import console, output_folder, save_figure, save_json
from ._main import app
from ._options import Out
from ._train_config import METHODS, TrainConfig, read_config

_REFERENCE = "BPTT"


@app.command(rich_help_panel="Series")
def gradients(
    config: Annotated[Path, typer.Argument(help="A configuration of `physsim train`.")],
    series: Annotated[int, typer.Option(min=1, help="How many series make the batch.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of the data and the stack.")] = 0,
    precision: Annotated[str | None, typer.Option(help="float32 or float64.")] = None,
    out: Out = "out",
) -> None:
    """Compare every backward pass with BPTT, parameter by parameter and layer by layer.

    Prints cosine and norm ratio of the gradients of the first training series' loss, at
    the random start, and draws them.

    Example:

        physsim gradients japanese_vowels.toml --precision float64
    """
    plan = read_config(config)
    if precision is not None:
        plan = replace(plan, training=plan.training | {"precision": precision})
    found = {name: _gradient(plan, name, series, seed) for name in METHODS}
    reference = found.pop(_REFERENCE)
    rows = {name: _agreement(gradient, reference) for name, gradient in found.items()}
    console.print(_table(rows))
    folder, stem = output_folder(Path(out)), f"{plan.path.stem}_gradients"
    save_json(
        {m: {p: {"cosine": c, "norm_ratio": r} for p, (c, r) in row.items()}
         for m, row in rows.items()},
        folder / f"{stem}.json",
    )  # fmt: skip
    from ._train_pictures import agreement_picture

    save_figure(agreement_picture(rows), folder / f"{stem}.png")


def _gradient(plan: TrainConfig, method: str, count: int, seed: int) -> dict[str, np.ndarray]:
    """The gradient by each group of parameters, flat."""
    import learning

    splits = plan.splits(seed)
    stack = plan.stack(splits.train, seed)
    data = splits.train[np.arange(min(count, len(splits.train)))]
    gradient = learning.stack_gradient(stack, data, plan.sweep(method))
    groups = {f"block {i + 1}": block for i, block in enumerate(gradient.blocks)}
    parts: dict[str, Any] = {"encoder": gradient.encoder}
    for name, block in groups.items():
        parts |= {
            f"{name} norms": (block.norm, block.read_norm), f"{name} unit": block.unit,
            f"{name} C": block.C, f"{name} D": block.D, f"{name} gate": block.gate,
        }  # fmt: skip
    return {name: _flat(part) for name, part in (parts | {"decoder": gradient.decoder}).items()}


def _flat(tree) -> np.ndarray:
    import jax

    return np.concatenate([np.ravel(np.asarray(x, float)) for x in jax.tree.leaves(tree)])


def _agreement(found, reference) -> dict[str, tuple[float, float]]:
    """(cosine, norm ratio) of each group."""
    rows = {}
    for name, x in found.items():
        size, expected = np.linalg.norm(x), np.linalg.norm(reference[name])
        rows[name] = (float(x @ reference[name] / (size * expected)), float(size / expected))
    return rows


def _table(rows) -> Table:
    table = Table(title=f"gradients against {_REFERENCE}: 1 - cosine, norm ratio - 1")
    table.add_column("parameters")
    for method in rows:
        table.add_column(method, justify="right")
    for name in next(iter(rows.values())):
        cells = [f"{1 - c:.1e}, {r - 1:+.1e}" for c, r in (row[name] for row in rows.values())]
        table.add_row(name, *cells)
    return table
