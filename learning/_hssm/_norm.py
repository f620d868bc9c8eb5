"""Norms: signals [channels, *batch] brought to mean 0 and variance 1."""

from abc import abstractmethod
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from physsim import sharding

from ._unit import along

_SMALL = 1e-5


class AbstractNorm(eqx.Module):
    """Mean 0 and variance 1, then scaled and shifted, channel by channel."""

    scale: eqx.AbstractVar[Float[Array, " H"]]
    shift: eqx.AbstractVar[Float[Array, " H"]]

    @abstractmethod
    def standard(self, u: Inexact[Array, "H *batch"]) -> Inexact[Array, "H *batch"]:
        """`u` with mean 0 and variance 1."""

    def __call__(self, u: Inexact[Array, "H *batch"]) -> Inexact[Array, "H *batch"]:
        return along(self.scale, u) * self.standard(u) + along(self.shift, u)


@final
class LayerNorm(AbstractNorm):
    """Over the channels, at each time of each series by itself."""

    scale: Float[Array, " H"]
    shift: Float[Array, " H"]

    def standard(self, u):
        centred = u - jnp.mean(u, 0, keepdims=True)
        return centred * jax.lax.rsqrt(jnp.mean(centred**2, 0, keepdims=True) + _SMALL)


@final
class BatchNorm(AbstractNorm):
    """Over all times and series, channel by channel (Ioffe & Szegedy, arXiv 1502.03167).

    Of the batch at hand where `of_batch`, as in training; else with `mean` and `variance`, which
    `settled` takes over the training series. Padding counts as signal. Where a batch is spread over
    devices, `counts` is 1 for each series of this one's part, and 0 for what only fills it up.
    """

    scale: Float[Array, " H"]
    shift: Float[Array, " H"]
    mean: Float[Array, " H"]
    variance: Float[Array, " H"]
    of_batch: bool = eqx.field(static=True, default=False)
    counts: Float[Array, " series"] | None = None

    def standard(self, u):
        mean, variance = self.moments(u) if self.of_batch else (self.mean, self.variance)
        return (u - along(mean, u)) * along(jax.lax.rsqrt(variance + _SMALL), u)

    def moments(self, u: Inexact[Array, "H *times_and_series"]) -> tuple[Array, Array]:
        """Mean and variance of each channel over all times and series, of all devices."""
        axes = tuple(range(1, u.ndim))
        if self.counts is None:
            return jnp.mean(u, axes), jnp.var(u, axes)
        numbers = jnp.broadcast_to(jnp.expand_dims(self.counts, axes[:-1]), (1, *u.shape[1:]))
        share = numbers / _sum(jnp.sum(numbers))
        mean = _sum(jnp.sum(u * share, axes))
        return mean, _sum(jnp.sum((u - along(mean, u)) ** 2 * share, axes))


def _sum(x: Array) -> Array:
    return jax.lax.psum(x, sharding.SAMPLES)


def layer_norm(channels: int) -> LayerNorm:
    """At the start of training."""
    return LayerNorm(jnp.ones(channels), jnp.zeros(channels))


def batch_norm(channels: int) -> BatchNorm:
    """At the start of training."""
    one, zero = jnp.ones(channels), jnp.zeros(channels)
    return BatchNorm(one, zero, zero, one)
