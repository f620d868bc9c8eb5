"""A block of a stack: norm, unit, norm, GELU, gated linear unit, skip; channels first.

All of it but the unit's core, and norms over a batch, is pointwise in time. Signals have shape
[channels, *batch], where *batch is (time, series) or anything else.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact, PRNGKeyArray

from ._norm import AbstractNorm, layer_norm
from ._unit import AbstractHRU, Projection, along


class Keep(NamedTuple):
    """Which channels dropout keeps in a block, scaled by 1 / (1 - rate): one mask a series.

    A mask holds for all times of a series, so a sweep back in time needs nothing stored.
    """

    mixed: Float[Array, "H series"]
    gated: Float[Array, "H series"]


@final
class Block(eqx.Module):
    """u -> u + GLU(GELU(read_norm(C q + D v))), v = norm(u), q of the unit driven by v.

    The states of lossless units grow as the square root of time; `read_norm` keeps that out of the
    outputs.
    """

    norm: AbstractNorm
    read_norm: AbstractNorm
    unit: AbstractHRU
    C: Float[Array, "H n"]
    D: Float[Array, " H"]
    gate: Projection

    def enter(self, u: Inexact[Array, "H *batch"]) -> tuple[Array, Array]:
        """(v, what drives the unit's core)."""
        v = self.norm(u)
        return v, self.unit.projection(v)

    def read(self, q: Inexact[Array, "n *batch"], v: Inexact[Array, "H *batch"]) -> Array:
        """C q + D v."""
        return jnp.tensordot(self.C, q, 1) + along(self.D, v) * v

    def leave(
        self,
        q: Inexact[Array, "n *batch"],
        u: Inexact[Array, "H *batch"],
        v: Inexact[Array, "H *batch"],
        keep: Keep | None = None,
    ) -> Inexact[Array, "H *batch"]:
        """The block's output."""
        mixed = jax.nn.gelu(self.read_norm(self.read(q, v)))
        value, gate = jnp.split(self.gate(_kept(mixed, keep, 0)), 2)
        return u + _kept(value * jax.nn.sigmoid(gate), keep, 1)


def _kept(x, keep: Keep | None, which: int):
    return x if keep is None else x * jnp.expand_dims(keep[which], 1)


def make_block(
    unit: AbstractHRU, *, key: PRNGKeyArray, norm: Callable[[int], AbstractNorm] = layer_norm
) -> Block:
    """Random read-out and gate around `unit`, whose signals are the block's channels."""
    channels, modes = len(unit.input_names), len(unit.coordinates)
    read_key, skip_key, gate_key = jax.random.split(key, 3)
    return Block(
        norm(channels),
        norm(channels),
        unit,
        jax.random.normal(read_key, (channels, modes)) / math.sqrt(modes),
        jax.random.normal(skip_key, (channels,)),
        make_projection(channels, 2 * channels, key=gate_key),
    )


def make_projection(
    signals: int, outputs: int, *, key: PRNGKeyArray, offset: float = 0.0
) -> Projection:
    """Random matrix of variance 1 / signals, random offsets of deviation `offset`."""
    B_key, b_key = jax.random.split(key)
    B = jax.random.normal(B_key, (outputs, signals)) / math.sqrt(signals)
    return Projection(B, offset * jax.random.normal(b_key, (outputs,)))
