"""The inputs of a circuit: the waveforms of its current sources, as a function of time."""

import functools
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._waveforms import DC, PWL, Pulse, Sin, Waveform


@final
class SourceDrive(eqx.Module):
    """t -> [m], both dimensionless; the waveforms themselves are in SI."""

    waveforms: tuple[Waveform, ...] = eqx.field(static=True)
    time_unit: float = eqx.field(static=True)
    current_unit: float = eqx.field(static=True)

    def __call__(self, t: Float[Array, ""]) -> Float[Array, " m"]:
        seconds = t * self.time_unit
        values = [evaluate(w, seconds) / self.current_unit for w in self.waveforms]
        return jnp.stack([jnp.asarray(v, t.dtype) for v in values])


@functools.singledispatch
def evaluate(waveform: Waveform, t: Float[Array, "..."]) -> Float[Array, "..."]:
    """The current of a waveform (A) at the times t (s)."""
    raise TypeError(f"{type(waveform).__name__} is no waveform")


@evaluate.register
def _(waveform: DC, t):
    return jnp.full_like(t, waveform.value)


@evaluate.register
def _(waveform: Sin, t):
    phase = waveform.phase * np.pi / 180
    since = jnp.maximum(t - waveform.delay, 0.0)
    wave = jnp.sin(2 * np.pi * waveform.frequency * since + phase)
    return waveform.offset + waveform.amplitude * jnp.exp(-since * waveform.damping) * wave


@evaluate.register
def _(waveform: Pulse, t):
    since = t - waveform.delay
    if waveform.period is not None:
        since = jnp.where(since > 0, jnp.mod(since, waveform.period), since)
    corners = np.cumsum([0.0, waveform.rise, waveform.width, waveform.fall])
    levels = [waveform.initial, waveform.pulsed, waveform.pulsed, waveform.initial]
    return _interpolate(since, corners, levels)


@evaluate.register
def _(waveform: PWL, t):
    return _interpolate(t, waveform.times, waveform.values)


def _interpolate(t, times, values):
    return jnp.interp(t, jnp.asarray(times, t.dtype), jnp.asarray(values, t.dtype))


def shortest_time(waveform: Waveform) -> float:
    """The time in which the waveform changes, in s: a step should not be longer."""
    if isinstance(waveform, Sin):
        return 1 / (20 * waveform.frequency) if waveform.frequency else np.inf
    if isinstance(waveform, Pulse):
        return min(waveform.rise, waveform.fall)
    if isinstance(waveform, PWL) and len(waveform.times) > 1:
        return float(np.min(np.diff(waveform.times)))
    return np.inf


def amplitude(waveform: Waveform) -> float:
    """The largest current, in A."""
    if isinstance(waveform, DC):
        return abs(waveform.value)
    if isinstance(waveform, Sin):
        return abs(waveform.offset) + abs(waveform.amplitude)
    if isinstance(waveform, Pulse):
        return max(abs(waveform.initial), abs(waveform.pulsed))
    return max(abs(v) for v in waveform.values)
