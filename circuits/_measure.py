"""Figures read off waveforms, differentiable in the samples: x [saves] at times t [saves]."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Wave = Float[Array | np.ndarray, " saves"]


def rms(t: Wave, x: Wave) -> Float[Array, ""]:
    """The root of the mean square over the run (trapezoidal rule)."""
    return jnp.sqrt(jnp.trapezoid(x**2, t) / (t[-1] - t[0]))


def mean(t: Wave, x: Wave) -> Float[Array, ""]:
    """The mean over the run."""
    return jnp.trapezoid(x, t) / (t[-1] - t[0])


def final(t: Wave, x: Wave) -> Float[Array, ""]:
    """The last value."""
    return x[-1]


def maximum(t: Wave, x: Wave) -> Float[Array, ""]:
    """The largest sample."""
    return jnp.max(x)


def crossing(
    t: Wave, x: Wave, level: float = 0.0, count: int = 0, *, rising: bool = True
) -> Float[Array, ""]:
    """The time of crossing number `count` (from 0) of `level`, by straight lines; inf if none.

    It has a derivative by the samples to both sides.
    """
    y = x - level if rising else level - x
    crossed = (y[:-1] < 0) & (y[1:] >= 0)
    which = jnp.cumsum(crossed) == count + 1
    found = crossed & which
    k = jnp.argmax(found)
    gap = y[k + 1] - y[k]
    part = -y[k] / jnp.where(gap == 0, 1.0, gap)
    return jnp.where(jnp.any(found), t[k] + part * (t[k + 1] - t[k]), jnp.inf)


def delay(t: Wave, x: Wave, y: Wave, level: float = 0.5) -> Float[Array, ""]:
    """From where x first rises through `level` to where y does."""
    return crossing(t, y, level) - crossing(t, x, level)


def frequency(t: Wave, x: Wave) -> Float[Array, ""]:
    """From the first rising crossing of the mean to the last, over the periods between."""
    y = x - mean(t, x)
    crossed = (y[:-1] < 0) & (y[1:] >= 0)
    times = t[:-1] - y[:-1] * (t[1:] - t[:-1]) / jnp.where(crossed, y[1:] - y[:-1], 1.0)
    count = jnp.sum(crossed, dtype=y.dtype)
    first = jnp.min(jnp.where(crossed, times, jnp.inf))
    last = jnp.max(jnp.where(crossed, times, -jnp.inf))
    return jnp.where(count > 1, (count - 1) / (last - first), jnp.nan)


def quality(t: Wave, x: Wave) -> Float[Array, ""]:
    """Q of a ring-down about 0: pi f over the rate at which the peaks of |x| fall.

    The rate is the slope of a straight line through the logarithms of the peaks (parabolas
    through three samples). Infinite where it is within three of its standard errors of zero:
    what does not fall visibly has no Q that the run could tell. NaN for less than 4 peaks.
    """
    before, peak, after = jnp.abs(x[:-2]), jnp.abs(x[1:-1]), jnp.abs(x[2:])
    is_peak = (peak >= before) & (peak > after)
    bend = jnp.where(is_peak, before - 2 * peak + after, -1.0)
    top = jnp.log(jnp.where(is_peak, peak - (before - after) ** 2 / (8 * bend), 1.0))
    count = jnp.sum(is_peak, dtype=x.dtype)
    offset = jnp.where(is_peak, t[1:-1] - jnp.sum(jnp.where(is_peak, t[1:-1], 0.0)) / count, 0.0)
    spread = jnp.sum(offset**2)
    slope = jnp.sum(offset * top) / spread
    misfit = jnp.where(is_peak, top - jnp.sum(top) / count - slope * offset, 0.0)
    error = jnp.sqrt(jnp.sum(misfit**2) / jnp.maximum(count - 2, 1) / spread)
    falls = jnp.abs(slope) > 3 * jax.lax.stop_gradient(error)
    found = jnp.where(falls, -jnp.pi * frequency(t, x) / jnp.where(falls, slope, 1.0), jnp.inf)
    return jnp.where(count >= 4, found, jnp.nan)
