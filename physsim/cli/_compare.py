"""`physsim compare`: results of `train` over methods and seeds."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from ._files import console
from ._main import app


@app.command(rich_help_panel="Series")
def compare(
    folders: Annotated[list[Path], typer.Argument(help="Folders with results of `train`.")],
) -> None:
    """Show mean and standard deviation over seeds, for each configuration and method.

    Looks for result.json in the folders and below.

    Example:

        physsim compare out
    """
    results = [read_result(path) for folder in folders for path in _results(folder)]
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for result in results:
        key = (result["config"], result["model"]["unit"], result["method"])
        groups.setdefault(key, []).append(result)
    table = Table(title="test series, mean +- standard deviation over seeds")
    for name in ("configuration", "unit", "method"):
        table.add_column(name)
    for name in ("metric", "value", "worst .. best", "seeds", "epochs", "s"):
        table.add_column(name, justify="right")
    for key, runs in sorted(groups.items()):
        table.add_row(*key, *_columns(runs))
    console.print(table)


def _columns(runs: list[dict[str, Any]]) -> tuple[str, ...]:
    metric = runs[0]["metric"]
    values = np.array([run[metric] for run in runs])
    spread = f" +- {values.std(ddof=1):.4f}" if len(values) > 1 else ""
    ends = (values.min(), values.max()) if metric == "accuracy" else (values.max(), values.min())
    unfinished = sum(run["interrupted"] for run in runs)
    count = str(len(runs)) + (f" ({unfinished} interrupted)" if unfinished else "")
    return (
        metric,
        f"{values.mean():.4f}{spread}",
        f"{ends[0]:.4f} .. {ends[1]:.4f}",
        count,
        f"{np.mean([run['epochs'] for run in runs]):.0f}",
        f"{np.mean([run['seconds'] for run in runs]):.0f}",
    )


def _results(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("result.json"))
    if not found:
        raise ValueError(f"{folder}: no result.json there or below; run `physsim train` first")
    return found


def read_result(path: Path) -> dict[str, Any]:
    """What `physsim train` wrote of one seed."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in (*_NEEDED, result["metric"]) if key not in result]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a result of `physsim train` ({error})") from error
    if missing:
        raise ValueError(f"{path}: not a result of `physsim train`: no {', '.join(missing)}")
    return result


_NEEDED = (
    "config", "method", "seed", "data", "model", "gradient", "training",
    "metric", "epochs", "seconds", "interrupted",
)  # fmt: skip
