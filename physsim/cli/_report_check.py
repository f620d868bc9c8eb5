"""A comparison of gradients on a page."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from ._agreement import agreement
from ._check import CORNERS
from ._curves import Axis, Curves, Trace, load_curves
from ._page import Cell, KeyFigures, Note, Number, PageBlock, Plot, Table, Text, Told, number
from ._report_circuit import from_rich
from ._run import Check, Run, is_number, is_text, list_of, maybe, table_of

Gradient = Mapping[str, float | int]


def _are_gradients(x: Any) -> bool:
    return table_of(table_of(is_number))(x) and len({tuple(g) for g in x.values()}) == 1


_NEEDED: dict[str, Check] = {
    "disagreeing": list_of(is_text),
    "reference": is_text,
    "gradients": _are_gradients,
    "agreement": list_of(lambda x: isinstance(x, dict) and all(f(x.get(k)) for k, f in _ROW)),
    "failed": table_of(is_text),
}
_ROW: tuple[tuple[str, Check], ...] = (
    ("method", is_text),
    ("group", is_text),
    ("cosine", is_number),
    ("norm_ratio", is_number),
    ("relative_error", is_number),
)
_CAUSES: dict[str, Check] = {
    "epsilons": list_of(is_number),
    "by_epsilon": maybe(list_of(is_number)),
    "steps_s": list_of(is_number),
    "by_step": list_of(is_number),
    "order": is_number,
    "rounding": maybe(is_number),
    "missed": maybe(is_number),
    "unreversed": maybe(is_number),
    "refused": table_of(is_text),
}
_NGSPICE: dict[str, Check] = {
    "continuous_adjoint": table_of(is_number),
    "ngspice": _are_gradients,
    "retraced": table_of(is_number),
}
_MOST_ROWS, _MOST_NAMED = 200, 24
_AGREEMENT = (
    "Cosine and norm ratio are of a method's derivatives and the reference's, taken together as a "
    "vector; a group is what they are by: values, state at the start, inputs, step. BPTT is "
    "backpropagation through all steps."
)
_COST = (
    "L is the cost: half the mean square of the quantity looked at, in the units inside, or a "
    "task's own."
)
# Zero on a logarithmic axis.
_LEAST = 1e-17


def gradients(runs: Sequence[Run]) -> Told:
    """What one check says."""
    (run,) = runs
    figures = run.figures(_NEEDED)
    reference, found = figures["reference"], figures["gradients"]
    if reference not in found:
        raise run.wrong("reference")
    others, judged = [m for m in found if m != reference], _judged(figures)
    verdict = ", ".join(figures["disagreeing"])
    said = agreement(found, figures["failed"])
    if verdict:
        said = f"disagree with {reference}: {verdict}"
    rows = [("verdict", cast(Cell, said))]
    rows += [
        (f"worst relative error, {m}", number(float(np.max(judged[m])), digits=2))
        for m in others
        if m in judged
    ]
    blocks: list[PageBlock] = [Note(f"Without {m}: {why}") for m, why in figures["failed"].items()]
    blocks += [Note(f"{CORNERS}.")] if figures.get("corners") else []
    blocks += [
        _agreement_table(figures["agreement"], reference),
        _gradient_table(found),
        Plot(_errors(found[reference], {m: found[m] for m in others}, reference)),
    ]
    if run.record.settings.get("echo"):
        blocks += map(Plot, load_curves(run.beside("_echo.json")))
    if "causes" in figures:
        blocks += _causes(run, figures["causes"])
    return Told(KeyFigures(rows), blocks)


def _judged(figures: Mapping[str, Any]) -> dict[str, list[float]]:
    """The relative errors that the verdict is about, by method."""
    judged: dict[str, list[float]] = {}
    for row in figures["agreement"]:
        kinked = row["method"] == "ContinuousAdjoint" and row["group"] == "dt"
        if row["method"] not in figures["failed"] and not (kinked and figures.get("corners")):
            judged.setdefault(row["method"], []).append(row["relative_error"])
    return judged


def _agreement_table(agreement: list[dict[str, Any]], reference: str) -> Table:
    rows = [
        (
            a["method"],
            a["group"],
            *(
                number(x, digits=2)
                for x in (1 - a["cosine"], a["norm_ratio"] - 1, a["relative_error"])
            ),
        )
        for a in agreement
        if a["method"] != reference
    ]
    columns = ("method", "group", "1 - cosine", "norm ratio - 1", "relative error")
    return Table(f"agreement with {reference}", columns, rows, _AGREEMENT)


def _gradient_table(gradients: Mapping[str, Gradient]) -> Table:
    names = list(next(iter(gradients.values()), {}))
    rows = [
        (name, *(Number(g[name], f"{g[name]:.6e}") for g in gradients.values()))
        for name in names[:_MOST_ROWS]
    ]
    more = len(names) - _MOST_ROWS
    note = f"And {more} more. {_COST}" if more > 0 else _COST
    return Table("dL/d(parameter), per SI unit", ("parameter", *gradients), rows, note)


def _errors(exact: Gradient, others: Mapping[str, Gradient], reference: str) -> Curves:
    """The relative error of each component."""
    names = list(exact)
    at = np.arange(len(names))
    traces = []
    for method, gradient in others.items():
        errors = [abs(gradient.get(n, np.nan) - exact[n]) / (abs(exact[n]) or 1.0) for n in names]
        traces.append(Trace(method, at, np.maximum(errors, _LEAST), "dots"))
    few = len(names) <= _MOST_NAMED
    across = Axis("" if few else "parameter", words=tuple(names) if few else ())
    up = Axis("relative error", log=True)
    return Curves(f"each component's distance from {reference}", across, up, tuple(traces))


def _causes(run: Run, causes: Any) -> list[PageBlock]:
    from learning import ErrorCurves

    from ._check_causes import causes_table

    if not (isinstance(causes, dict) and all(f(causes.get(k)) for k, f in _CAUSES.items())):
        raise run.wrong("causes")
    steps = np.array(causes["steps_s"])
    named = {key: causes[key] for key in ("order", "rounding", "missed", "unreversed", "refused")}
    by_epsilon = causes["by_epsilon"]
    curves = ErrorCurves(
        np.array(causes["epsilons"]),
        None if by_epsilon is None else np.array(by_epsilon),
        steps,
        np.array(causes["by_step"]),
        **named,
    )
    blocks: list[PageBlock] = [from_rich(causes_table(curves))]
    error = Axis("relative error of the gradient", log=True)
    if curves.by_epsilon is not None:
        across = Axis("epsilon (units of the state)", log=True)
        traces = _power("RHEL", curves.epsilons, curves.by_epsilon, 2, "epsilon^2")
        blocks.append(Plot(Curves("the size of the nudges", across, error, traces)))
    traces = _power("BPTT", steps, curves.by_step, curves.order, f"dt^{curves.order}")
    blocks.append(Plot(Curves("the step", Axis("step", "s", log=True), error, traces)))
    return blocks


def _power(name: str, x, y, power: int, guide: str) -> tuple[Trace, ...]:
    """Errors, and what they would be if they fell with a power of x from the first on."""
    return (
        Trace(name, x, y, "marked", 0),
        Trace(guide, x, y[0] * (x / x[0]) ** power, "dashed", 6),
    )


def echoes_in_ngspice(runs: Sequence[Run]) -> Told:
    """What one check in ngspice says."""
    (run,) = runs
    figures = run.figures(_NGSPICE)
    exact, echoes, missed = (figures[key] for key in _NGSPICE)
    columns = {"continuous adjoint": exact} | {f"ngspice, {e}": g for e, g in echoes.items()}
    shown = {f"epsilon = {e}": g for e, g in echoes.items()}
    rows = [(f"echo misses its start by, {e}", number(x, digits=2)) for e, x in missed.items()]
    blocks: list[PageBlock] = [
        _gradient_table(columns),
        Plot(_errors(exact, shown, "the continuous adjoint")),
    ]
    recipe = run.beside("_recipe.md", drop="_ngspice")
    if recipe.is_file():
        text = recipe.read_text(encoding="utf-8")
        blocks.append(Text("How to run the echo on a bench", text, words=True))
    return Told(KeyFigures(rows), blocks)
