"""The inputs of a circuit: what its sources do, as functions of time."""

import functools
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._waveforms import DC, PWL, Exp, Pulse, Sin, Waveform


class Aspect(Enum):
    """What of a waveform enters."""

    VALUE = "value"
    INTEGRAL = "integral"
    """From t = 0: of a voltage, the flux."""
    SLOPE = "slope"


class Signal(NamedTuple):
    """One input: an aspect of a source's waveform, and its dimensionless unit in SI."""

    source: str
    waveform: Waveform
    aspect: Aspect
    unit: float

    @property
    def name(self) -> str:
        return {
            Aspect.VALUE: self.source,
            Aspect.INTEGRAL: f"flux of {self.source}",
            Aspect.SLOPE: f"slope of {self.source}",
        }[self.aspect]

    def at(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """In SI, at the times t (s)."""
        return _ASPECTS[self.aspect](self.waveform, t)

    def value(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """The source's voltage (V) or current (A), whichever aspect of it enters."""
        return evaluate(self.waveform, t)


@final
class SourceDrive(eqx.Module):
    """t -> [m], both dimensionless; the waveforms themselves are in SI."""

    signals: tuple[Signal, ...] = eqx.field(static=True)
    time_unit: float = eqx.field(static=True)

    def __call__(self, t: float | Float[Array, ""]) -> Float[Array, " m"]:
        t = jnp.asarray(t)
        seconds = t * self.time_unit
        values = [signal.at(seconds) / signal.unit for signal in self.signals]
        return jnp.stack([jnp.asarray(v, t.dtype) for v in values])


@functools.singledispatch
def evaluate(waveform: Waveform, t: Float[Array, "..."]) -> Float[Array, "..."]:
    """The value of a waveform (A or V) at the times t (s), an array of JAX's or NumPy's."""
    raise TypeError(f"{type(waveform).__name__} is no waveform")


@evaluate.register
def _(waveform: DC, t):
    return t.__array_namespace__().full_like(t, waveform.value)


@evaluate.register
def _(waveform: Sin, t):
    xp = t.__array_namespace__()
    phase = waveform.phase * np.pi / 180
    since = xp.maximum(t - waveform.delay, 0.0)
    wave = xp.sin(2 * np.pi * waveform.frequency * since + phase)
    return waveform.offset + waveform.amplitude * xp.exp(-since * waveform.damping) * wave


@evaluate.register
def _(waveform: Pulse, t):
    since = t - waveform.delay
    if waveform.period is not None:
        xp = t.__array_namespace__()
        since = xp.where(since > 0, xp.mod(since, waveform.period), since)
    return _interpolate(since, *_corners(waveform))


@evaluate.register
def _(waveform: PWL, t):
    return _interpolate(t, waveform.times, waveform.values)


@evaluate.register
def _(waveform: Exp, t):
    change = waveform.pulsed - waveform.initial
    return (
        waveform.initial
        + change * _approach(t - waveform.delay, waveform.rise)
        - change * _approach(t - waveform.fall_delay, waveform.fall)
    )


def _approach(since, tau):
    """1 - exp(-since / tau) once since > 0."""
    xp = since.__array_namespace__()
    return -xp.expm1(-xp.maximum(since, 0.0) / tau)


def _corners(pulse: Pulse) -> tuple[np.ndarray, list[float]]:
    """Times since the delay, and levels there."""
    corners = np.cumsum([0.0, pulse.rise, pulse.width, pulse.fall])
    return corners, [pulse.initial, pulse.pulsed, pulse.pulsed, pulse.initial]


def value_at_start(waveform: Waveform) -> float:
    """The value at t = 0 (A or V), also where a caller is being traced."""
    return float(evaluate(waveform, np.zeros(())))


@functools.singledispatch
def integrate_waveform(waveform: Waveform, t: Float[Array, "..."]) -> Float[Array, "..."]:
    """The integral of a waveform from 0 to the times t (A s or V s), in closed form."""
    raise TypeError(f"{type(waveform).__name__} is no waveform")


@integrate_waveform.register
def _(waveform: DC, t):
    return waveform.value * t


@integrate_waveform.register
def _(waveform: Sin, t):
    phase = waveform.phase * np.pi / 180
    rate = complex(-waveform.damping, 2 * np.pi * waveform.frequency)

    def swing(since):
        """The integral of exp(-damping s) sin(omega s + phase) from s = 0."""
        angle = rate.imag * since + phase
        decay = jnp.exp(rate.real * since)
        # Im of (exp(rate s) - 1) exp(i phase) / rate.
        real = decay * jnp.cos(angle) - np.cos(phase)
        imag = decay * jnp.sin(angle) - np.sin(phase)
        return (imag * rate.real - real * rate.imag) / abs(rate) ** 2

    def total(t):
        before = jnp.minimum(t, waveform.delay) * np.sin(phase)
        return before + swing(jnp.maximum(t - waveform.delay, 0.0))

    change = total(t) - total(jnp.zeros_like(t))
    return waveform.offset * t + waveform.amplitude * change


@integrate_waveform.register
def _(waveform: Pulse, t):
    corners, levels = _corners(waveform)

    def total(since):
        if waveform.period is None:
            return _area(since, corners, levels)
        count = jnp.maximum(jnp.floor(since / waveform.period), 0.0)
        within = since - count * waveform.period
        one = _area(jnp.full_like(since, waveform.period), corners, levels)
        return count * one + _area(within, corners, levels)

    return total(t - waveform.delay) - total(jnp.zeros_like(t) - waveform.delay)


@integrate_waveform.register
def _(waveform: PWL, t):
    area = functools.partial(_area, times=np.array(waveform.times), values=list(waveform.values))
    return area(t) - area(jnp.zeros_like(t))


@integrate_waveform.register
def _(waveform: Exp, t):
    change = waveform.pulsed - waveform.initial

    def total(since, tau):
        late = jnp.maximum(since, 0.0)
        return late + tau * jnp.expm1(-late / tau)

    def between(delay, tau):
        return total(t - delay, tau) - total(jnp.zeros_like(t) - delay, tau)

    up = between(waveform.delay, waveform.rise)
    return waveform.initial * t + change * (up - between(waveform.fall_delay, waveform.fall))


def _area(t, times, values):
    """The integral, from the first of `times`, of straight lines constant at both ends."""
    times, levels = np.asarray(times, float), np.asarray(values, float)
    areas = np.concatenate([[0.0], np.cumsum(np.diff(times) * (levels[1:] + levels[:-1]) / 2)])
    corners = jnp.asarray(times, t.dtype)
    k = jnp.clip(jnp.searchsorted(corners, t, side="right") - 1, 0, len(times) - 1)
    mean = (jnp.asarray(levels, t.dtype)[k] + _interpolate(t, times, values)) / 2
    return jnp.asarray(areas, t.dtype)[k] + (t - corners[k]) * mean


def _slope(waveform: Waveform, t):
    return jax.jvp(lambda t: evaluate(waveform, t), (t,), (jnp.ones_like(t),))[1]


_ASPECTS: dict[Aspect, Callable] = {
    Aspect.VALUE: evaluate,
    Aspect.INTEGRAL: integrate_waveform,
    Aspect.SLOPE: _slope,
}


def _interpolate(t, times, values):
    xp = t.__array_namespace__()
    return xp.interp(t, xp.asarray(times, t.dtype), xp.asarray(values, t.dtype))


def shortest_time(waveform: Waveform) -> float:
    """The time in which the waveform changes, in s: a step should not be longer."""
    if isinstance(waveform, Sin):
        return 1 / (20 * waveform.frequency) if waveform.frequency else np.inf
    if isinstance(waveform, Pulse):
        return min(waveform.rise, waveform.fall)
    if isinstance(waveform, PWL) and len(waveform.times) > 1:
        return float(np.min(np.diff(waveform.times)))
    if isinstance(waveform, Exp):
        return min(waveform.rise, waveform.fall) / 2
    return np.inf


def corners_of(waveform: Waveform) -> list[float]:
    """Times (s) at which the slope jumps, once over; a PULSE repeats them every period."""
    if isinstance(waveform, Pulse):
        return [waveform.delay + float(c) for c in _corners(waveform)[0]]
    if isinstance(waveform, PWL):
        return list(waveform.times)
    if isinstance(waveform, Exp):
        return [waveform.delay, waveform.fall_delay]
    return [waveform.delay] if isinstance(waveform, Sin) and waveform.delay > 0 else []


def rhythm_of(waveform: Waveform) -> list[float]:
    """Times (s) of which every corner of the waveform is a sum of multiples."""
    if isinstance(waveform, Pulse):
        times = [waveform.delay, waveform.rise, waveform.width, waveform.fall]
        return times if waveform.period is None else [*times, waveform.period]
    return corners_of(waveform)


def peak(waveform: Waveform) -> float:
    """The largest magnitude, in A or V."""
    if isinstance(waveform, DC):
        return abs(waveform.value)
    if isinstance(waveform, Sin):
        return abs(waveform.offset) + abs(waveform.amplitude)
    if isinstance(waveform, Pulse | Exp):
        return max(abs(waveform.initial), abs(waveform.pulsed))
    return max(abs(v) for v in waveform.values)
