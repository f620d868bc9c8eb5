"""Figures of a response: its peak and its -3 dB band, between the frequencies of a grid.

Each takes grid frequencies f (Hz, ascending) and a function size(f) -> |response|, and is
differentiable in what the response depends on. `circuits.monte_carlo` and others take them with
`frequencies=`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

Grid = Float[Array, " f"]
Size = Callable[[Float[Array, ""]], Float[Array, ""]]

_HALVINGS = 45
# A response that changes by more than this power of the frequency goes on beyond the grid.
_FLAT = 0.01
_GOLDEN = 0.3819660112501051


def gain(f: Grid, size: Size, at: float) -> Float[Array, ""]:
    """The magnitude at the frequency `at` (Hz)."""
    return size(jnp.asarray(at, f.dtype))


def peak_gain(f: Grid, size: Size) -> Float[Array, ""]:
    """The largest magnitude; infinite where it is beyond the grid."""
    at = peak_frequency(f, size)
    return jnp.where(jnp.isfinite(at), size(jnp.where(jnp.isfinite(at), at, f[0])), jnp.inf)


def peak_frequency(f: Grid, size: Size) -> Float[Array, ""]:
    """Where the magnitude is largest, in Hz.

    An end of the grid where the response is largest and flat there; infinite where it still rises
    beyond the grid.
    """
    level = _logarithmic(size)
    sizes = jax.lax.map(size, f)
    k = jnp.argmax(sizes)
    inside = (k > 0) & (k < f.size - 1)
    x = jnp.log(f)
    low, high = x[jnp.maximum(k - 1, 0)], x[jnp.minimum(k + 1, f.size - 1)]
    top = stop_gradient(_summit(level, low, high))
    slope = jax.grad(level)
    # The summit's own derivative, by Newton's step from it.
    moved = top - slope(top) / stop_gradient(jnp.where(inside, jax.grad(slope)(top), -1.0))
    exists = inside | (jnp.abs(slope(x[k])) < _FLAT)
    return jnp.where(exists, jnp.exp(jnp.where(inside, moved, x[k])), jnp.inf)


def cutoff(f: Grid, size: Size) -> Float[Array, ""]:
    """Above the peak, where the magnitude is 3 dB below it, in Hz; infinite if beyond the grid."""
    return _edge(f, size, upper=True)


def bandwidth(f: Grid, size: Size) -> Float[Array, ""]:
    """Between the -3 dB points about the peak, in Hz; infinite where one is beyond the grid.

    From 0 where there is none below the peak and the response is flat where the grid begins.
    """
    low = _edge(f, size, upper=False)
    steep = jnp.abs(jax.grad(_logarithmic(size))(jnp.log(f[0]))) > _FLAT
    start = jnp.where(jnp.isfinite(low), low, jnp.where(steep, -jnp.inf, 0.0))
    return cutoff(f, size) - start


def _edge(f: Grid, size: Size, *, upper: bool) -> Float[Array, ""]:
    """The first crossing on one side of the peak."""
    level, sizes, x = _logarithmic(size), jax.lax.map(size, f), jnp.log(f)
    peak = peak_frequency(f, size)
    at = jnp.where(jnp.isfinite(peak), peak, f[0])
    wanted = jnp.log(size(at)) - jnp.log(2.0) / 2
    low = jnp.log(sizes) < wanted
    place = jnp.arange(f.size)
    if upper:
        found = low & (f > at)
        k = jnp.argmax(found)
        inner = jnp.maximum(x[jnp.maximum(k - 1, 0)], jnp.log(at))
    else:
        found = low & (f < at)
        k = jnp.max(jnp.where(found, place, 0))
        inner = jnp.minimum(x[jnp.minimum(k + 1, f.size - 1)], jnp.log(at))
    root = stop_gradient(_root(lambda x: level(x) - wanted, inner, x[k]))
    exists = jnp.any(found) & jnp.isfinite(peak)
    slope = stop_gradient(jnp.where(exists, jax.grad(level)(root), 1.0))
    return jnp.where(exists, jnp.exp(root - (level(root) - wanted) / slope), jnp.inf)


def _logarithmic(size: Size) -> Size:
    return lambda x: jnp.log(size(jnp.exp(x)))


def _root(excess: Size, inside, outside):
    """Between a point where `excess` is positive and one where it is negative, by halving."""

    def halve(_, ends):
        inside, outside = ends
        middle = (inside + outside) / 2
        above = excess(middle) > 0
        return jnp.where(above, middle, inside), jnp.where(above, outside, middle)

    ends = jax.lax.fori_loop(0, _HALVINGS, halve, (inside, outside))
    return (ends[0] + ends[1]) / 2


def _summit(level: Size, low, high):
    """The maximum between two points, by golden sections."""

    def narrow(_, ends):
        low, high = ends
        left, right = low + _GOLDEN * (high - low), high - _GOLDEN * (high - low)
        better = level(left) > level(right)
        return jnp.where(better, low, left), jnp.where(better, right, high)

    ends = jax.lax.fori_loop(0, _HALVINGS, narrow, (low, high))
    return (ends[0] + ends[1]) / 2
