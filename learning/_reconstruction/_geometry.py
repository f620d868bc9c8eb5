"""How far two trajectories' distributions in state space are apart."""

import numpy as np

from ._series_checks import check_pair

_BINS = 30
_SMOOTHING = 1e-5
_MARGIN = 0.1
_MAX_BINNED = 5


def state_space_divergence(
    measured: np.ndarray,
    generated: np.ndarray,
    *,
    bins: int = _BINS,
    seed: int = 0,
) -> float:
    """D_stsp: the Kullback-Leibler divergence of the measured states [T, N] from the generated
    [S, N], in nats.

    Up to 5 dimensions from histograms of `bins` bins each, from the measured minimum - 0.1
    standard deviations to the maximum + 0.1, every bin's count raised by 1e-5; what is
    generated outside counts, but in no bin. From 6 dimensions on, where bins are empty, from
    Gaussian mixtures (one Gaussian of unit variance, in units of the measured standard
    deviations, a state), with 1000 states drawn by `seed`.

    Raises `ValueError` for series of different width, too short, constant or not finite.
    Source: Koppe et al., PLoS Comput. Biol. 15:e1007263 (2019); Brenner et al., ICML (2022).
    """
    check_pair(measured, generated)
    if measured.shape[1] > _MAX_BINNED:
        return _mixture_divergence(measured, generated, seed)
    return _binned_divergence(measured, generated, bins)


def _binned_divergence(measured, generated, bins: int) -> float:
    spread = _MARGIN * measured.std(axis=0)
    low, high = measured.min(axis=0) - spread, measured.max(axis=0) + spread
    p, q = (_counts(x, low, high, bins) for x in (measured, generated))
    cells = sorted(p.keys() | q.keys())
    every = float(bins) ** measured.shape[1]
    counts = np.array([(p.get(cell, 0), q.get(cell, 0)) for cell in cells], float)
    # With states outside among them: else a run that left for good would pass for a uniform one.
    totals = np.array([len(measured), len(generated)]) + _SMOOTHING * every
    shares = (counts + _SMOOTHING) / totals
    # All empty cells are alike.
    empty = _SMOOTHING / totals
    rest = (every - len(cells)) * empty[0] * np.log(empty[0] / empty[1])
    return float(np.sum(shares[:, 0] * np.log(shares[:, 0] / shares[:, 1])) + rest)


def _counts(x, low, high, bins: int) -> dict[int, int]:
    """How many states lie in each cell, by the cell's number."""
    place = np.floor((x - low) / (high - low) * bins)
    inside = np.all((place >= 0) & (place < bins), axis=1)
    numbers = place[inside].astype(np.int64) @ bins ** np.arange(x.shape[1], dtype=np.int64)
    return dict(zip(*(a.tolist() for a in np.unique(numbers, return_counts=True)), strict=True))


def _mixture_divergence(measured, generated, seed: int, draws: int = 1000) -> float:
    rng = np.random.default_rng(seed)
    scale = measured.std(axis=0)
    centres, others = (
        (x if len(x) <= draws else x[rng.choice(len(x), draws, replace=False)]) / scale
        for x in (measured, generated)
    )
    drawn = centres[rng.integers(len(centres), size=draws)]
    drawn = drawn + rng.normal(size=drawn.shape)
    return float(np.mean(_log_density(drawn, centres) - _log_density(drawn, others)))


def _log_density(x, centres):
    """log of the mixture's density, but for the constant that both mixtures share."""
    squares = np.sum(x**2, axis=1)[:, None] + np.sum(centres**2, axis=1)[None]
    exponents = x @ centres.T - 0.5 * squares
    largest = exponents.max(axis=1, keepdims=True)
    return np.log(np.mean(np.exp(exponents - largest), axis=1)) + largest[:, 0]
