"""The plots of `physsim timescales`."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from learning import EXPANSION_EPSILONS
from physsim.plotting import ABOVE, COLOURS, style

from ._timescales_report import Report
from ._timescales_target import TOP

_ROWS = 24
_FLOOR = 1e-4


def run_picture(report: Report) -> Figure:
    """Gain, anisotropy, spread of gradients, sensitivities and credit phase of a run."""
    with style():
        figure = Figure(figsize=(10, 11))
        grid = figure.add_gridspec(3, 2, height_ratios=(1, 1, 1.3))
        _gain(figure.add_subplot(grid[0, 0]), report)
        _anisotropy(figure.add_subplot(grid[0, 1]), report)
        _phase(figure.add_subplot(grid[1, 0]), report)
        _bars(figure.add_subplot(grid[1, 1]), report)
        _heat(figure, figure.add_subplot(grid[2, :]), report)
    return figure


def _lag_axis(axis, report, label="lag"):
    unit = report.target.time_unit
    axis.set_xscale("log")
    axis.set_xlabel(label if unit == "s" else f"{label}, {unit}s")
    axis.xaxis.set_major_formatter(EngFormatter("s" if unit == "s" else ""))


def _gain(axis, report):
    t, gain = report.times, report.gain
    axis.fill_between(t, gain.min(axis=1), gain.max(axis=1), alpha=0.2)
    axis.plot(
        t,
        report.median(gain),
        "o-",
        markersize=3,
        label="energy metric" if report.target.metric is not None else "no metric",
    )
    plain = report.median(np.exp(np.asarray(report.result.log_gain_euclidean)))
    axis.plot(t, plain, ":", color=COLOURS[1], label="Euclidean norm")
    shown = {}
    for tau in report.time_constants:
        if np.isfinite(tau) and tau > 0:
            shown.setdefault(f"{tau:.2g}", tau)
    for tau in list(shown.values())[:3]:
        axis.plot(t, np.exp(-t / tau), "--", linewidth=1, color="grey", alpha=0.8)
        at = t[len(t) // 2]
        axis.annotate(f"exp(-t/{report.target.time(tau)})", (at, np.exp(-at / tau)), fontsize=7,
                      color="grey")  # fmt: skip
    axis.set_yscale("log")
    low = max(_FLOOR, 0.5 * float(min(gain.min(), plain.min())))
    axis.set_ylim(low, 2 * float(max(gain.max(), plain.max())))
    axis.set_ylabel("gain of small changes")
    axis.legend(**ABOVE, ncols=2)
    _lag_axis(axis, report)


def _anisotropy(axis, report):
    found = report.result.anisotropy(TOP)
    k = min(TOP, report.result.singular.shape[-1])
    ratio = np.minimum(report.median(found.ratio), 1e16)
    axis.plot(report.times, ratio, "o-", markersize=3, label=f"sigma 1 / sigma {k}")
    axis.set(yscale="log", ylabel=f"sigma 1 / sigma {k}")
    if np.ptp(np.log(ratio)) < 0.1:
        axis.set_ylim(0.5 * ratio.min(), 2 * ratio.max())
    other = axis.twinx()
    other.plot(report.times, report.median(found.participation), "s--", markersize=3,
               color=COLOURS[1], label="directions (participation ratio)")  # fmt: skip
    other.set(ylabel="directions", ylim=(0, report.result.singular.shape[-1] * 1.05))
    other.grid(False)
    lines = [*axis.get_lines(), *other.get_lines()]
    axis.legend(lines, [line.get_label() for line in lines], **ABOVE, ncols=2)
    _lag_axis(axis, report)


def _phase(axis, report):
    shift = report.phase_shift()
    for i in np.flatnonzero(report.oscillating)[:4]:
        label = report.period(report.frequencies[i])
        axis.plot(report.times, shift[:, i], "o-", markersize=3, label=label)
    if axis.get_lines():
        axis.legend(**ABOVE, ncols=4, columnspacing=1, handlelength=1)
    else:
        axis.text(0.5, 0.5, "no oscillation", transform=axis.transAxes, ha="center", color="grey")
    if np.abs(shift).max(initial=0.0) < 0.1:
        axis.set_ylim(-0.1, 0.1)
    axis.set_ylabel("credit phase less omega t, rad")
    _lag_axis(axis, report)


def _bars(axis, report):
    spread = report.spectrum[:10]
    share = spread**2 / max(np.sum(report.spectrum**2), np.finfo(float).tiny)
    axis.bar(np.arange(1, len(share) + 1), np.maximum(share, 1e-12))
    axis.set(yscale="log", ylim=(1e-8, 2), xlabel="principal axis of the gradients over the run",
             ylabel="part of the covariance", xticks=np.arange(1, len(share) + 1))  # fmt: skip


def _heat(figure, axis, report):
    order = np.argsort(-report.sensitivity.max(axis=0))[:_ROWS]
    order = np.sort(order)
    values = report.sensitivity[:, order].T
    top = values.max(initial=0.0) or 1.0
    edges = np.log10(report.times)
    middle = (edges[1:] + edges[:-1]) / 2
    edges = 10 ** np.concatenate([[2 * edges[0] - middle[0]], middle, [2 * edges[-1] - middle[-1]]])
    rows = np.arange(len(order) + 1)
    levels = np.log10(np.maximum(values / top, _FLOOR))
    image = axis.pcolormesh(edges, rows, levels, cmap="viridis", vmin=np.log10(_FLOOR), vmax=0)
    axis.set_yticks(rows[:-1] + 0.5, [report.names[i] for i in order])
    axis.invert_yaxis()
    axis.grid(False)
    (name, unit), change = report.target.read, report.target.change
    figure.colorbar(image, ax=axis, label=f"log10 |d {name} / d {change}|, 1 = {top:.2g} {unit}")
    if report.lag is not None:
        axis.axvline(report.lag, color="white", linestyle="--", linewidth=1)
    _lag_axis(axis, report, "lag between a value's effect and the read-out")


def rates_picture(experiment, results: dict[str, Any]) -> Figure:
    """Effective learning rates by lag with predictors, and the expansion's remainder."""
    lags = np.array(experiment.lags)
    with style():
        figure = Figure(figsize=(10, 4.2 * len(results)))
        axes = figure.subplots(len(results), 2, squeeze=False)
        for (task, found), (left, right) in zip(results.items(), axes, strict=True):
            for colour, (name, of) in zip(COLOURS, found.items(), strict=False):
                rates = np.maximum(np.array(of["rates"]), 1e-30)
                left.plot(
                    lags, np.median(rates, axis=0), "o-", markersize=3, color=colour, label=name
                )
                left.fill_between(
                    lags, rates.min(axis=0), rates.max(axis=0), alpha=0.15, color=colour
                )
                for key, line in (("gates", ":"), ("leaks", "--")):
                    left.plot(lags, np.median(of[key], axis=0), line, linewidth=1, color=colour)
                if name != "leaky":
                    size = np.median(of["remainder"], axis=0)
                    right.plot(
                        EXPANSION_EPSILONS, size, "o-", markersize=3, color=colour, label=name
                    )
            left.set(yscale="log", ylim=(1e-8, 3), xlabel="lag, steps", ylabel="mu(h) / mu(1)")
            left.set_title(f"{task}; dotted: product of g, dashed: of 1 - g", pad=20, fontsize=9)
            right.set(xscale="log", yscale="log", xlabel="epsilon",
                      ylabel="relative remainder, 20 steps")  # fmt: skip
            for axis in (left, right):
                axis.legend(**ABOVE, ncols=3)
    return figure


def anisotropy_picture(experiment, results: dict[str, Any]) -> Figure:
    """Covariance of gradients task by task: gated + SGD, plain + Adam, raw and as directions."""
    series = (("plain", "raw", "plain + Adam, raw"), ("plain", "direction", "... its directions"),
              ("gate a neuron", "raw", "gated + SGD"))  # fmt: skip
    measures = (("ratio", "sigma 1 / sigma 10"), ("top_energy", "energy in the top 10"),
                ("participation", "directions (participation ratio)"))  # fmt: skip
    with style():
        figure = Figure(figsize=(11, 4))
        axes = figure.subplots(1, 3)
        places = np.arange(len(results))
        for axis, (key, label) in zip(axes, measures, strict=True):
            for i, (network, what, name) in enumerate(series):
                values = np.array([[x[key] for x in of[network][what]] for of in results.values()])
                error = (
                    values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
                    if values.shape[1] > 1
                    else 0
                )
                axis.bar(places + 0.27 * (i - 1), values.mean(axis=1), 0.25, yerr=error,
                         color=COLOURS[i], label=name)  # fmt: skip
            axis.set_xticks(places, list(results), rotation=25, ha="right", fontsize=8)
            axis.set_ylabel(label)
        bars, names = axes[0].get_legend_handles_labels()
        figure.legend(bars, names, loc="outside upper center", ncols=3)
    return figure


PICTURES = {"effective rates": rates_picture, "anisotropy": anisotropy_picture}
