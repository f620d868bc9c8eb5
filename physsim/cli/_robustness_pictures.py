"""The plots of `physsim robustness`."""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from physsim.plotting import ABOVE, COLOURS, style

from ._robustness_study import EPSILONS, Study, shown
from ._robustness_verdict import NAMES

_SHORT = NAMES | {"diffusion": "thermal noise (energy / energy)"}
_UNITS = {"flip_delay": EngFormatter("s"), "flip_jitter": EngFormatter("s")}


def map_picture(study: Study) -> Figure:
    """The cosine over epsilon and each imperfection; worse to the top."""
    with style():
        figure = Figure(figsize=(13, 6))
        axes = figure.subplots(2, 5)
        image: Any = None
        for axis, found in zip(axes.flat, study.maps, strict=True):
            rows = np.arange(len(found.sweep.levels) + 1) - 0.5
            image = axis.pcolormesh(_edges(EPSILONS), rows, found.cosine, cmap="RdYlBu",
                                    vmin=-1, vmax=1)  # fmt: skip
            axis.contour(EPSILONS, rows[:-1] + 0.5, found.cosine, levels=[0.9], colors="black")
            axis.set_xscale("log")
            axis.set_yticks(range(len(found.sweep.levels)), _labels(found, study), fontsize=7)
            axis.set_title(_SHORT[found.sweep.field], fontsize=8)
            axis.grid(False)
        for axis in axes[1]:
            axis.set_xlabel("epsilon (nudge, units of the state)", fontsize=7)
        figure.colorbar(image, ax=axes, label="cosine to the true gradient (black line: 0.9)")
    return figure


def _edges(x):
    ratio = math.sqrt(x[1] / x[0])
    return np.concatenate([x[:1] / ratio, x * ratio])


def _labels(found, study: Study) -> list[str]:
    field = found.sweep.field
    values = [shown(field, x, study.units) for x in found.sweep.levels]
    return [_UNITS[field](x) if field in _UNITS else f"{x:.2g}" for x in values]


def loss_picture(study: Study) -> Figure:
    """The loss reached, and the norm ratio, over each imperfection."""
    with style():
        figure = Figure(figsize=(13, 6))
        axes = figure.subplots(2, 5, sharey=True)
        for axis, found in zip(axes.flat, study.maps, strict=True):
            at = np.arange(len(found.sweep.levels))
            finite = np.where(np.isfinite(found.loss), found.loss, np.nan)
            axis.semilogy(at, finite, "o-", color=COLOURS[0], markersize=4, label="by its echoes")
            for (name, colour), label in zip(
                (("before", COLOURS[1]), ("ideal", COLOURS[2])),
                ("before training", "an ideal machine"), strict=True,
            ):  # fmt: skip
                axis.axhline(study.losses[name], color=colour, linewidth=1, label=label)
            axis.set_xticks(at, _labels(found, study), rotation=60, fontsize=7)
            axis.set_title(_SHORT[found.sweep.field], fontsize=8)
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
        left.set(xlabel="epsilon (nudge, units of the state)", ylabel="relative error of gradient")
        left.legend(**ABOVE, ncols=3)
        right.loglog(nudges.levels, nudges.predicted, color=COLOURS[6], label="predicted")
        right.loglog(nudges.levels, nudges.measured, "o", color=COLOURS[0], label="measured")
        right.set(xlabel="read-out noise (relative)", ylabel="best epsilon (units of the state)")
        right.legend(**ABOVE, ncols=2)
    return figure
