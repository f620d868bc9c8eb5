"""One imperfection after the other, each from mild to severe and at every size of nudge."""

from collections.abc import Callable, Sequence
from typing import Any, final

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ._fidelity import Machines, echo_fidelity, reached, stacked
from ._imperfect_echo import EchoErrors

FIT = 0.9
"""The least cosine at which a step along the echo's gradient is worth its while."""


@final
class Sweep(eqx.Module):
    """What is swept: a field of `EchoErrors` over `levels` [L], from mild to severe."""

    field: str = eqx.field(static=True)
    levels: Float[np.ndarray, " L"]


@final
class FidelityMap(eqx.Module):
    """What a sweep finds, over levels [L] and epsilons [E]; means over seeds."""

    sweep: Sweep
    epsilons: Float[np.ndarray, " E"]
    cosine: Float[np.ndarray, "L E"]
    ratio: Float[np.ndarray, "L E"]
    loss: Float[np.ndarray, " L"]
    """The loss that training reaches, at the best epsilon of each level; NaN without training."""

    @property
    def best(self) -> Float[np.ndarray, " L"]:
        """The cosine at the best epsilon of each level."""
        return self.cosine.max(axis=1)

    @property
    def tolerable(self) -> float:
        """The severest level with a cosine of `FIT`, between levels by interpolation.

        NaN where even the mildest is unfit; infinite where the severest is fit.
        """
        bad = np.flatnonzero(self.best < FIT)
        if not bad.size:
            return float("inf")
        at = int(bad[0])
        if at == 0:
            return float("nan")
        good, poor = self.best[at - 1 : at + 1]
        share = (good - FIT) / (good - poor)
        low, high = np.log(self.sweep.levels[at - 1 : at + 1])
        return float(np.exp(low + share * (high - low)))


def best_epsilon(epsilons: Float[np.ndarray, " E"], cosine: Float[np.ndarray, " E"]) -> float:
    """The largest epsilon whose cosine is within 0.001 of the best: the safest against noise."""
    return float(epsilons[np.flatnonzero(cosine >= cosine.max() - 1e-3)].max())


def sweep_imperfections(
    machines: Machines,
    base: EchoErrors,
    sweeps: Sequence[Sweep],
    epsilons: Float[np.ndarray, " E"],
    *,
    seeds: int = 3,
    train: tuple[Any, int] | None = None,
    told: Callable[[str], None] = lambda field: None,
) -> list[FidelityMap]:
    """A map for each sweep, what is not swept being as in `base`.

    `train` is (optimiser, updates), or None for no training. `told(field)` is called after each.
    """
    epsilons = np.sort(np.asarray(epsilons, float))
    maps = []
    for sweep in sweeps:
        errors = _grid(base, sweep, epsilons)
        found = echo_fidelity(machines, errors, seeds)
        shape = (len(sweep.levels), len(epsilons))
        cosine, ratio = (x.mean(axis=1).reshape(shape) for x in (found.cosine, found.ratio))
        losses = np.full(len(sweep.levels), np.nan)
        if train is not None:
            chosen = np.array([best_epsilon(epsilons, row) for row in cosine])
            losses = reached(machines, _with(base, sweep, sweep.levels, chosen), *train)
        maps.append(FidelityMap(sweep, epsilons, cosine, ratio, losses))
        told(sweep.field)
    return maps


def _grid(base: EchoErrors, sweep: Sweep, epsilons) -> EchoErrors:
    levels = np.repeat(sweep.levels, len(epsilons))
    return _with(base, sweep, levels, np.tile(epsilons, len(sweep.levels)))


def _with(base: EchoErrors, sweep: Sweep, levels, epsilons) -> EchoErrors:
    return stacked(
        eqx.tree_at(
            lambda e: (e.epsilon, getattr(e, sweep.field)), base, (epsilons, np.asarray(levels))
        )
    )
