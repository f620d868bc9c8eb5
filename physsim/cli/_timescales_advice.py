"""What transport along a run says in words."""

import numpy as np

from ._timescales_report import Report, suggested_factor


def advice(report: Report) -> str:
    """A paragraph: how far credit reaches, what is invisible where, time constants to take."""
    return " ".join([*_reach(report), *_invisible(report), *_suggestion(report)])


def _reach(report) -> list[str]:
    taus, frequencies = report.time_constants, report.frequencies
    gain, last = report.median(report.gain), report.target.time(report.times[-1])
    said = []
    if not taus.size:
        said.append("The run has no full set of modes (a critically damped or free motion).")
    elif report.growing:
        fastest = -1 / np.min(1 / taus)
        said.append(f"The mean motion runs away, by a factor e in {report.target.time(fastest)}.")
    elif not 0 < taus[0] < np.inf:
        said.append("Without losses credit reaches any lag undiminished.")
    else:
        word = f"The slowest motion lasts {report.target.time(taus[0])}"
        if report.oscillating[0]:
            q = np.pi * frequencies[0] * taus[0]
            word += f" at {report.period(frequencies[0])} (Q {q:.3g})"
        said.append(f"{word}: beyond a few times that, gradients vanish.")
    if gain[-1] > 2 * gain[0] and gain[-1] > 2:
        said.append(
            f"Small changes grow {gain[-1]:.3g} times over {last}, as the frequency "
            "depends on the amplitude, or as the motion is unstable."
        )
    shift = np.abs(report.phase_shift()[-1]).max(initial=0.0)
    if shift > 0.1:
        said.append(
            f"Over {last} credit comes {shift:.2g} rad off the phase of the mean "
            "motion: such shear limits learning too; use shorter windows or smaller amplitudes."
        )
    return said


def _invisible(report) -> list[str]:
    times = report.times
    where = [0, len(times) // 2, len(times) - 1]
    if report.lag is not None:
        where = [int(np.argmin(abs(times - report.lag)))]
    said = []
    for at in where:
        names = report.invisible(at)
        if len(names) == len(report.names):
            said.append(
                f"At lag {report.target.time(times[at])} nothing can be learned: all is invisible."
            )
        elif names:
            listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if names[8:] else "")
            said.append(f"At lag {report.target.time(times[at])} these are invisible: {listed}.")
        else:
            said.append(f"At lag {report.target.time(times[at])} every value is visible.")
    return said


def _suggestion(report) -> list[str]:
    if report.lag is None:
        return ["Give --lag, the delay that the task asks for, to have time constants suggested."]
    if report.growing:
        return ["No time constant can be suggested for a motion that runs away."]
    told = report.target.time(report.lag)
    factor = suggested_factor(report)
    if factor is not None:
        if 0.5 <= factor <= 2:
            return [f"The slowest RC time constant suits the lag of {told}."]
        return [
            f"A time constant is felt most at the lag that equals it: for {told} multiply R C by "
            f"{factor:.3g}."
        ]
    taus = report.time_constants
    if taus.size and np.all(taus > 0) and taus.max() < report.lag:
        return [
            f"For a lag of {told} the losses should be {report.lag / taus.max():.3g} times "
            "smaller, so that the slowest oscillation lasts that long."
        ]
    return [f"It remembers over the lag of {told}."]
