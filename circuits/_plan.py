"""When a circuit's run stops, and which of its steps are kept."""

import functools
import math
import os
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from ._netlist import Tran
from ._number import parse_number

_MAX_SAVES = 50_000_000
_MAX_STEPS = 1_000_000_000_000
_FINEST = 1_000_000
_LONGEST_DETOUR = 4.0
# The run itself, its waveforms in SI, and what is made of them.
_COPIES = 4


class StepPlan(NamedTuple):
    """Steps of a run, and the time (s) from which it is reported."""

    dt: float
    num_steps: int
    save_every: int
    start: float


def make_plan(
    tran: Tran | None,
    t_end: float | None,
    dt: float,
    save_every: int | None,
    *,
    every_step: bool = False,
) -> StepPlan:
    """Steps of at most `dt` that end at `t_end`, or where `.tran` says.

    Samples are `save_every` steps apart, by default `.tran`'s step (less where the stop time
    is no multiple of it), or one step without `.tran` or with `every_step`. Raises
    `ValueError`.
    """
    stop = t_end if t_end is not None or tran is None else tran.stop
    if stop is None:
        raise ValueError(
            "say how long to simulate: t_end=... (--t-end), or a .tran card in the netlist"
        )
    if save_every is not None and save_every < 1:
        raise ValueError(f"save_every must be at least 1, got {save_every}")
    start = tran.start if tran is not None and tran.start < stop else 0.0
    if save_every is None and tran is not None and not every_step:
        saves = _count(stop / tran.step, _MAX_SAVES, "samples")
        save_every = _count(stop / saves / dt, _MAX_STEPS, "steps")
    else:
        save_every = save_every or 1
        saves = _count(stop / dt / save_every, _MAX_SAVES, "samples")
    num_steps = _count(float(saves) * save_every, _MAX_STEPS, "steps")
    return StepPlan(stop / num_steps, num_steps, save_every, start)


def aligned(dt: float, times: Sequence[float], finest: float | None = None) -> float:
    """At most `dt`: a step of which all `times` (s) are multiples, so that none is cut.

    A corner of a waveform inside a step would cost the method its order. `dt` itself where
    the times have no common step as long as `finest`, by default a quarter of `dt`.
    """
    usable = sorted({abs(t) for t in times if t and math.isfinite(t)})
    if not usable:
        return dt
    unit = usable[-1]
    parts = [Fraction(t / unit).limit_denominator(_FINEST) for t in usable]
    if any(abs(float(part) * unit - t) > 1e-9 * t for part, t in zip(parts, usable, strict=True)):
        return dt
    common = functools.reduce(_common, parts)
    step = float(common) * unit
    if step < dt:
        return step if step >= (dt / _LONGEST_DETOUR if finest is None else finest) else dt
    return step / math.ceil(step / dt - 1e-9)


def _common(a: Fraction, b: Fraction) -> Fraction:
    """The greatest common divisor of two fractions."""
    denominator = math.lcm(a.denominator, b.denominator)
    return Fraction(math.gcd(int(a * denominator), int(b * denominator)), denominator)


def _count(number: float, limit: int, what: str) -> int:
    if not number <= limit:
        raise ValueError(
            f"the run would take {number:.3g} {what}, more than {limit:.0e}: stop earlier, "
            "take longer steps or keep fewer of them, save_every=... (--save-every)"
        )
    return max(1, math.ceil(number - 1e-9))


def check_memory(samples: int, numbers: int) -> None:
    """Refuse a run whose samples, of so many numbers each, would not fit into the machine.

    Raises `ValueError` before hours of work, or the system, end it.
    """
    needed = 8 * samples * numbers * _COPIES
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        raise ValueError(
            f"{samples:.3g} samples take about {needed / 2**30:.3g} GiB, more than the "
            f"{memory / 2**30:.3g} GiB of this machine: stop earlier (are the units right?), take "
            "longer steps or keep fewer of them, save_every=... (--save-every)"
        )


def seconds(time: float | str, name: str) -> float:
    """A positive time in s, from a number or from text such as `2.5us`."""
    value = parse_number(time, name, "s") if isinstance(time, str) else float(time)
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be positive and finite, got {time}")
    return value
