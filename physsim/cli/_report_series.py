"""A training of stacks of recurrent units on a page."""

from collections.abc import Sequence
from dataclasses import replace

from ._curves import Axis, Curves, load_curves
from ._page import PageBlock, Plot, Table, Told, number
from ._report_seeds import history, labels, summary
from ._run import Check, Run, is_number, is_text, list_of, read_lines

_NEEDED: dict[str, Check] = {
    "metric": is_text,
    "validation": is_number,
    "epochs": is_number,
    "best_epoch": is_number,
    "seconds": is_number,
}
_CLASSES: dict[str, Check] = {
    "classes": list_of(is_text),
    "confusion": list_of(list_of(is_number)),
}
_LINE: dict[str, Check] = {
    name: is_number
    for name in ("step", "loss", "validation_loss", "validation_score", "gradient_norm")
}
_EPOCH = Axis("epoch")


def stack_training(runs: Sequence[Run]) -> Told:
    """Trainings that differ by their seeds; the confusion or the readings of the first."""
    found = [run.figures(_NEEDED) for run in runs]
    lines = [read_lines(run.beside("metrics.jsonl", "result"), "train", _LINE) for run in runs]
    names = labels(runs)
    plots = map(Plot, _by_epoch(names, lines, found[0]["metric"]))
    told = [{n: x for n, x in figures.items() if is_number(x) and n != "seed"} for figures in found]
    return Told(summary(names, told), [*plots, _outcome(runs[0], names[0])])


def _by_epoch(names, lines, metric: str) -> list[Curves]:
    # Scores are accuracies, or minus mean square errors.
    sign = 1.0 if metric == "accuracy" else -1.0
    plots = []
    for title, log, scale, keys in (
        ("loss", True, 1.0, {"loss": "training", "validation_loss": "validation"}),
        (f"{metric}, validation", False, sign, {"validation_score": ""}),
        ("largest norm of the gradient", True, 1.0, {"gradient_norm": ""}),
    ):
        traces = tuple(
            history(" ".join(filter(None, (name, word))) or title, rows, key, log=log, scale=scale)
            for name, rows in zip(names, lines, strict=True)
            for key, word in keys.items()
        )
        plots.append(Curves(title, _EPOCH, Axis(title, log=log), traces))
    return plots


def _outcome(run: Run, label: str) -> PageBlock:
    """What the test series were taken for, or the values that were read off the first."""
    of = f", {label}" if label else ""
    readings = run.beside("readings.json", "result")
    if readings.is_file():
        (curves,) = load_curves(readings)
        return Plot(replace(curves, title=f"{curves.title}{of}"))
    figures = run.figures(_CLASSES)
    classes = figures["classes"]
    rows = [
        (true, *(number(count) for count in counts))
        for true, counts in zip(classes, figures["confusion"], strict=False)
    ]
    columns = ("true \\ taken for", *classes)
    return Table(f"classes of the test series{of}", columns, rows, shaded=True)
