"""A stack of blocks between an encoder and a decoder."""

from collections.abc import Callable
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact, Int, PRNGKeyArray

from physsim import AbstractSolver, PhaseState, StormerVerlet

from ._block import Block, Keep, make_block, make_projection
from ._norm import AbstractNorm, layer_norm
from ._unit import AbstractHRU, Projection


class Reading(NamedTuple):
    """How outputs are taken: in each of `windows` equal parts, the sum of weights * features.

    Weights 1 / length on a series and 0 on its padding are mean pooling; 1 at the last step of
    each window and 0 elsewhere subsample.
    """

    weights: Float[Array, "T #series"]
    windows: int


def mean_pooling(lengths: Int[Any, " series"], steps: int, dtype: Any = float) -> Reading:
    """The mean over each series' own length; what is behind it is padding."""
    inside = jnp.arange(steps)[:, None] < jnp.asarray(lengths)[None]
    return Reading(jnp.where(inside, 1 / jnp.asarray(lengths, dtype)[None], 0).astype(dtype), 1)


def subsampling(steps: int, every: int, dtype: Any = float) -> Reading:
    """The features after every `every`-th step."""
    if steps % every:
        raise ValueError(f"{steps} steps can't be read every {every}: not a multiple")
    at = (jnp.arange(steps) + 1) % every == 0
    return Reading(at[:, None].astype(dtype), steps // every)


@final
class Stack(eqx.Module):
    """Signals [channels, T, series] -> outputs [outputs, windows, series].

    Which `solver` runs the units is not trained; `ExactReversal(StormerVerlet())` makes a
    reverse sweep retrace the run to the last bit. `dropout` is the share of channels dropped.
    """

    encoder: Projection
    blocks: tuple[Block, ...]
    decoder: Projection
    solver: AbstractSolver = eqx.field(default=StormerVerlet())
    dropout: float = eqx.field(static=True, default=0.0)

    def __check_init__(self):
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {self.dropout}")
        for block in self.blocks:
            self.solver.check_reversible(block.unit.core)

    @property
    def signals(self) -> int:
        """How many channels it takes."""
        return self.encoder.B.shape[1]

    @property
    def outputs(self) -> int:
        """How many numbers it gives at a time."""
        return self.decoder.B.shape[0]

    def start(self, series: int, dtype: Any = None) -> tuple[PhaseState, ...]:
        """All units at rest: q and p of shape [n, series]."""
        dtype = self.encoder.B.dtype if dtype is None else dtype
        shapes = [(len(block.unit.coordinates), series) for block in self.blocks]
        return tuple(PhaseState(jnp.zeros(s, dtype), jnp.zeros(s, dtype)) for s in shapes)

    def keeps(self, series: int, key: PRNGKeyArray | None) -> tuple[Keep | None, ...]:
        """The masks of dropout; none without a key, as in evaluation."""
        if key is None or self.dropout == 0:
            return tuple(None for _ in self.blocks)
        dtype, rate = self.encoder.B.dtype, 1 - self.dropout

        def mask(key, block) -> Any:
            shape = (2, block.D.shape[0], series)
            kept: Bool[Array, "2 H series"] = jax.random.bernoulli(key, rate, shape)
            return Keep(*(kept.astype(dtype) / rate))

        keys = jax.random.split(key, len(self.blocks))
        return tuple(mask(k, b) for k, b in zip(keys, self.blocks, strict=True))

    def decode(self, features: Inexact[Array, "H windows series"]) -> Array:
        """The outputs of the features read."""
        return self.decoder(features)


@final
class StackShape(NamedTuple):
    """The sizes of a stack."""

    signals: int
    outputs: int
    blocks: int
    hidden: int
    modes: int


def make_stack(
    shape: StackShape,
    unit: Any,
    *,
    key: PRNGKeyArray,
    dropout: float = 0.0,
    solver: AbstractSolver | None = None,
    norm: Callable[[int], AbstractNorm] = layer_norm,
) -> Stack:
    """A random stack; `unit(modes, signals, key=key)` makes a unit: `make_linear_hru`, ...

    `norm(channels)` makes a norm: `layer_norm`, or `batch_norm`.

    Raises `ValueError` for sizes below 1.
    """
    for name, size in shape._asdict().items():
        if size < 1:
            raise ValueError(f"a stack needs at least 1 of {name}, got {size}")
    keys = jax.random.split(key, 2 * shape.blocks + 2)
    units: list[AbstractHRU] = [
        unit(shape.modes, shape.hidden, key=k) for k in keys[2 : 2 + shape.blocks]
    ]
    blocks = zip(units, keys[2 + shape.blocks :], strict=True)
    return Stack(
        # Offsets: a norm of weak signals alone would blow their noise up to the size of all else.
        make_projection(shape.signals, shape.hidden, key=keys[0], offset=1.0),
        tuple(make_block(u, key=k, norm=norm) for u, k in blocks),
        make_projection(shape.hidden, shape.outputs, key=keys[1]),
        StormerVerlet() if solver is None else solver,
        dropout,
    )
