"""The plots of `physsim robustness`."""

import math
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from physsim.plotting import ABOVE, COLOURS, style

from ._robustness_imperfections import IMPERFECTIONS, shown
from ._robustness_study import EPSILONS, Study


def cosine_picture(study: Study) -> Figure:
    """The cosine over epsilon and each imperfection; worse to the top."""
    label = "cosine to the true gradient (black line: 0.9)"
    cosines = [found.cosine for found in study.maps]
    return _map_picture(study, cosines, label, [0.9], cmap="RdYlBu", vmin=-1, vmax=1)


def ratio_picture(study: Study) -> Figure:
    """The norm of the echo's gradient over the true one, likewise."""
    label = "norm over that of the true gradient (black lines: 0.5 and 2)"
    ratios = [np.clip(found.ratio, 1e-3, 1e3) for found in study.maps]
    norm = LogNorm(0.01, 100)
    return _map_picture(study, ratios, label, [0.5, 2.0], cmap="PuOr", norm=norm)


def _map_picture(study: Study, tables, label: str, lines, **colours: Any) -> Figure:
    with style():
        figure = Figure(figsize=(13, 6))
        axes = figure.subplots(2, 5)
        image: Any = None
        for axis, found, table in zip(axes.flat, study.maps, tables, strict=True):
            rows = np.arange(len(found.sweep.levels) + 1) - 0.5
            image = axis.pcolormesh(_edges(EPSILONS), rows, table, **colours)
            for line in lines:
                if table.min() < line < table.max():
                    axis.contour(EPSILONS, rows[:-1] + 0.5, table, levels=[line], colors="black")
            axis.set_xscale("log")
            axis.set_yticks(range(len(found.sweep.levels)), _labels(found, study), fontsize=7)
            axis.set_title(_title(found), fontsize=8)
            axis.grid(False)
        for axis in axes[1]:
            axis.set_xlabel("epsilon (nudge, units of the state)", fontsize=7)
        figure.colorbar(image, ax=axes, label=label)
    return figure


def _edges(x):
    ratio = math.sqrt(x[1] / x[0])
    return np.concatenate([x[:1] / ratio, x * ratio])


def _title(found) -> str:
    imperfection = IMPERFECTIONS[found.sweep.field]
    return imperfection.title or imperfection.name


def _labels(found, study: Study) -> list[str]:
    label = IMPERFECTIONS[found.sweep.field].label
    return [label(x) for x in shown(found.sweep, study.units)]


def loss_picture(study: Study) -> Figure:
    """The loss that training reaches over each imperfection; at the top edge: that or more."""
    with style():
        figure = Figure(figsize=(13, 6))
        axes = figure.subplots(2, 5, sharey=True)
        top = 3 * max(study.losses["before"], study.losses["exact"])
        for axis, found in zip(axes.flat, study.maps, strict=True):
            at = np.arange(len(found.sweep.levels))
            finite = np.minimum(found.loss, top)
            axis.semilogy(at, finite, "o-", color=COLOURS[0], markersize=4, label="by its echoes")
            exact = np.full(len(at), study.losses["exact"])
            if found.sweep.field == "loss":
                exact = np.array(study.lossy_losses)
            axis.semilogy(at, np.minimum(exact, top), color=COLOURS[2], linewidth=1,
                          label="by the true gradient")  # fmt: skip
            axis.axhline(study.losses["before"], color=COLOURS[1], linewidth=1,
                         label="before training")  # fmt: skip
            axis.set_xticks(at, _labels(found, study), rotation=60, fontsize=7)
            axis.set_title(_title(found), fontsize=8)
        for axis in axes[:, 0]:
            axis.set_ylabel("loss after training")
        axes[0, 0].legend(loc="best")
    return figure


def nudge_picture(nudges) -> Figure:
    """Errors over epsilon at several noises, and the best epsilon over the noise."""
    with style():
        figure = Figure(figsize=(9, 4))
        left, right = figure.subplots(1, 2)
        left.loglog(nudges.epsilons, nudges.bias, color=COLOURS[6], label="no noise")
        for i, (level, errors) in enumerate(zip(nudges.levels, nudges.errors, strict=True)):
            left.loglog(nudges.epsilons, errors, "o-", color=COLOURS[i % 6], markersize=3,
                        label=f"noise {level:.0e}")  # fmt: skip
        lowest = max(min(nudges.bias.min(), nudges.errors.min()), 1e-12) / 3
        left.set(xlabel="epsilon (nudge, units of the state)", ylabel="relative error of gradient",
                 ylim=(lowest, 30))  # fmt: skip
        left.legend(**ABOVE, ncols=3)
        right.loglog(nudges.levels, nudges.predicted, color=COLOURS[6], label="predicted")
        right.loglog(nudges.levels, nudges.measured, "o", color=COLOURS[0], label="measured")
        right.set(xlabel="read-out noise (relative)", ylabel="best epsilon (units of the state)")
        right.legend(**ABOVE, ncols=2)
    return figure
