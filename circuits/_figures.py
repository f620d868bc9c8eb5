"""One number a sample, each where it was found, and what they say together."""

import math
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float

from physsim.sharding import Blocks, gather, join_parts, own_parts, run_blocks, stream

_HALVINGS = 64


@final
class Figures(eqx.Module):
    """Figures of `blocks.count` samples, on the devices that found them.

    Counts, means and quantiles are taken there, and have the same bits on any number of devices.
    On several hosts each of them has to ask.
    """

    data: Float[Array, "devices rounds width"]
    sums: Float[np.ndarray, "blocks 2"]
    """Of (figure - centre) and of its square, by block."""
    centre: float = eqx.field(static=True)
    blocks: Blocks = eqx.field(static=True)

    def all(self) -> Float[np.ndarray, " samples"]:
        """Every figure, on every host."""
        return self.blocks.join(gather(self.data))

    @property
    def mean(self) -> float:
        # fsum rounds once: no order of the blocks changes it.
        return self.centre + math.fsum(self.sums[:, 0]) / self.blocks.count

    @property
    def deviation(self) -> float:
        """The standard deviation, its square divided by one less than the samples."""
        first, second = math.fsum(self.sums[:, 0]), math.fsum(self.sums[:, 1])
        count = self.blocks.count
        return math.sqrt(max(second - first**2 / count, 0.0) / (count - 1 or math.nan))

    def within(self, low: float, high: float) -> int:
        """How many lie between two limits."""
        return int(_within(self.data, self._samples, low, high))

    def quantile(self, q: float) -> float:
        """As `numpy.quantile`: between the two figures next to it, in proportion.

        Raises `ValueError` unless 0 <= q <= 1.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile must be between 0 and 1, got {q}")
        place = q * (self.blocks.count - 1)
        below = math.floor(place)
        rank = np.array([below, min(below + 1, self.blocks.count - 1)])
        low, high = (float(x) for x in _in_order(self.data, self._samples, rank))
        return low + (high - low) * (place - below)

    def first_not_finite(self) -> int | None:
        """The first sample without a figure."""
        first = int(_first_not_finite(self.data, self._numbers))
        return first if first < self.blocks.count else None

    @property
    def _samples(self):
        return self._numbers < self.blocks.count

    @property
    def _numbers(self):
        return self.blocks._replace(rows=self.blocks.rounds).numbers(0)


@eqx.filter_jit
def _within(data, samples, low, high):
    return jnp.sum((data >= low) & (data <= high) & samples)


@eqx.filter_jit
def _first_not_finite(data, numbers):
    return jnp.min(jnp.where(jnp.isfinite(data), np.iinfo(numbers.dtype).max, numbers))


@eqx.filter_jit
def _in_order(data, samples, ranks):
    """The figures of these ranks, by bisection: only counts go from device to device."""
    data = jnp.where(samples, data, jnp.inf)

    def find(rank):
        def halve(_, ends):
            low, high = ends
            middle = low + (high - low) / 2
            enough = jnp.sum(data <= middle) > rank
            return jnp.where(enough, low, middle), jnp.where(enough, middle, high)

        ends = jnp.min(data), jnp.max(jnp.where(samples, data, -jnp.inf))
        low, _ = jax.lax.fori_loop(0, _HALVINGS, halve, ends)
        # The least is never passed: `low` may be that figure itself.
        return jnp.where(
            jnp.sum(data <= low) > rank, low, jnp.min(jnp.where(data > low, data, jnp.inf))
        )

    return [find(rank) for rank in ranks]


def find_figures(
    sample: Any, centre: float, blocks: Blocks, mesh: Mesh | None, progress: bool
) -> Figures:
    """The figures sample(number) of all samples; `centre` is a figure near them."""
    block = eqx.Partial(_block, sample)
    calls = stream(
        lambda numbers, live: run_blocks(block, numbers, live, mesh),
        blocks,
        own_parts,
        "running" if progress else None,
    )
    data = join_parts(calls, blocks, mesh)
    # With numpy: XLA adds in another order for other shapes.
    sums = {device: _sums(x, device, centre, blocks) for device, x in own_parts(data).items()}
    return Figures(data, gather(join_parts([sums], blocks, mesh)).reshape(-1, 2), centre, blocks)


def _block(sample, numbers):
    return jax.vmap(sample)(numbers)


def _sums(figures, device, centre, blocks):
    """[1, rounds, 2] of the figures [1, rounds, width] of one device."""
    samples = blocks._replace(rows=blocks.rounds).numbers(0)[device] < blocks.count
    away = np.where(samples, figures - centre, 0.0)
    return np.stack([away.sum(-1), (away**2).sum(-1)], axis=-1)
