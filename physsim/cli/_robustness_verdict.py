"""What a study comes to, in one paragraph."""

import math
from typing import TYPE_CHECKING

from ._robustness_imperfections import IMPERFECTIONS

if TYPE_CHECKING:
    from ._robustness_study import Study


def verdict(study: "Study") -> str:
    """Whether the planned machine would learn, why not, and what it must at least be."""
    cosine = study.base.best[0]
    parts = [
        f"{'Fit' if study.fit else 'UNFIT'} for learning by echoes: at its best nudge, epsilon = "
        f"{study.epsilon:.2g}, {_whose(study)} has a gradient with a cosine of {cosine:.4f} to the "
        f"true one and {_ratio(study):.2f} of its length."
    ]
    if not study.trains:
        parts.append(
            "Though its gradient points the right way at the start, training by its echoes does "
            "not lower the loss: this nudge is too large for what it meets on its way."
        )
    elif not study.fit or study.blame:
        parts.append(_why(study))
    parts.append(_training(study.losses))
    parts.append(_limits(study))
    parts.append(_nudge(study.nudges))
    return " ".join(part for part in parts if part)


def _whose(study) -> str:
    return "this machine" if study.blame or study.lossy else "an ideal machine"


def _ratio(study) -> float:
    at = int(study.base.cosine[0].argmax())
    return float(study.base.ratio[0, at])


def _why(study) -> str:
    angle = study.units.angle
    if study.blame == "loss":
        quality = study.plan.quality
        side = "far below" if quality < 0.3 * angle else "against" if not study.fit else "beside"
        return (
            f"What costs most is the loss: Q = {quality:.3g} is {side} the {angle:.3g} radians of "
            "a run (omega T), so the echo has lost what it should retrace; shorten the run, raise "
            "Q, or let the echo run with gain."
        )
    if study.blame:
        return f"What costs most is the {IMPERFECTIONS[study.blame].name}."
    if study.lossy:
        return (
            f"The circuit itself is lossy ({study.lossy}), so its echo misses its start: use an "
            "echo with gain or another method."
        )
    return ""


def _training(losses: dict[str, float]) -> str:
    if "machine" not in losses:
        return ""
    after = losses["machine"]
    reached = f"{after:.3g}" if math.isfinite(after) else "nothing: it diverges"
    return (
        f"Training by its echoes takes the loss from {losses['before']:.3g} to {reached}; by the "
        f"true gradient, to {losses['exact']:.3g}."
    )


def _limits(study) -> str:
    """What each imperfection may at most be, the others staying as planned."""
    told = []
    for found in study.maps:
        text = _limit(found, study.units)
        if text:
            told.append(text)
    return f"A cosine of 0.9 asks for {', '.join(told)}." if told and study.fit else ""


def _limit(found, units) -> str:
    imperfection, level = IMPERFECTIONS[found.sweep.field], found.tolerable
    if not math.isfinite(level):
        return ""
    return f"{imperfection.name} {imperfection.bound(imperfection.shown(level, units))}"


def _nudge(nudges) -> str:
    if math.isnan(nudges.curvature):
        return "The bias does not go as epsilon^2, so that no best epsilon is predicted."
    return (
        f"Without other flaws the bias is {nudges.curvature:.2g} epsilon^2, and read-out noise "
        f"sigma errs by {nudges.noise:.2g} sigma / epsilon, so the best epsilon is "
        f"{nudges.predicted[0] / nudges.levels[0] ** (1 / 3):.2g} sigma^(1/3)"
        + ("." if math.isnan(nudges.slope) else f" (measured exponent {nudges.slope:.3f}).")
    )
