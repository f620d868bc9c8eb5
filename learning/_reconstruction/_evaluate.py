"""How good a reconstruction is."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from physsim import DivergenceError

from ._forced_model import AbstractReconstruction
from ._geometry import state_space_divergence
from ._prediction import map_lyapunov_exponent, prediction_error
from ._series import Series
from ._spectra import spectral_distance

_WARM_UP = 200
_RUNS = 8
_TIMES = 4
"""Free runs are this many times as long as what is held out: some attractors last for a while."""


@final
class Evaluation(eqx.Module):
    """Of a free run as long as the series, a quarter of which was dropped as transient."""

    divergence: float
    """D_stsp, nats; infinite where the free run diverged."""
    spectral: float
    """D_H; 1 where the free run diverged."""
    exponent: float | None
    """The largest Lyapunov exponent, per unit time; None where it was not asked for."""
    predictions: dict[int, float]
    """PE(n) by n, in the units of the series squared."""
    generated: Float[np.ndarray, "S N"]
    """The free run, all of it."""


def evaluate(
    reconstruction: AbstractReconstruction,
    series: Series,
    *,
    exponent: bool = True,
    predictions: tuple[int, ...] = (1, 10, 50),
) -> Evaluation:
    """Run the model free from where the series' beginning, forced, leaves it.

    Raises `ValueError` for a series too short for that, or for the predictions.
    """
    warm = min(_WARM_UP, len(series) // 4)
    values = jnp.asarray(series.values, _dtype(reconstruction))
    start, generated = _free_run(reconstruction, values[: warm + 1], len(series))
    settled = np.asarray(generated)[len(series) // 4 :]
    finite = bool(np.all(np.isfinite(settled)))
    found = _prediction_errors(reconstruction, values, predictions) if predictions else {}
    return Evaluation(
        state_space_divergence(series.values, settled) if finite else np.inf,
        spectral_distance(series.values[len(series) // 4 :], settled) if finite else 1.0,
        _exponent(reconstruction, start, series) if exponent else None,
        found,
        np.asarray(generated),
    )


def distances(reconstruction: AbstractReconstruction, series: Series) -> tuple[float, float]:
    """(D_stsp, D_H) of free runs from 8 places along the series, 4 times as long as it.

    Means over the runs, a quarter of each dropped; spectra are of their ends. One run that ends
    elsewhere, in a point of rest beside the attractor, is enough to stand out. Infinite and 1
    where one diverged.
    """
    values = jnp.asarray(series.values, _dtype(reconstruction))
    warm = min(_WARM_UP, len(series) // 4)
    starts = np.linspace(0, len(series) - warm - 1, _RUNS).astype(int)
    beginnings = values[jnp.asarray(starts[:, None] + np.arange(warm + 1)[None])]
    runs = np.asarray(_free_runs(reconstruction, beginnings, _TIMES * len(series)))
    settled = runs[:, _TIMES * len(series) // 4 :]
    if not np.all(np.isfinite(settled)):
        return np.inf, 1.0
    divergence = np.mean([state_space_divergence(series.values, x) for x in settled])
    spectral = np.mean([spectral_distance(series.values, x[-len(series) :]) for x in settled])
    return float(divergence), float(spectral)


@final
class _Observed(eqx.Module):
    """The observation of one state."""

    reconstruction: AbstractReconstruction

    def __call__(self, z: Inexact[Array, " M"]) -> Inexact[Array, " N"]:
        return self.reconstruction.observe(z[None])[0]


def _prediction_errors(reconstruction, values, steps: tuple[int, ...]) -> dict[int, float]:
    # A wholly forced state has one step behind it since its last measurement.
    states = _states(reconstruction, values)
    model, observation = reconstruction.model, _Observed(reconstruction)
    return {n: prediction_error(model, observation, states, values[1:], n - 1) for n in steps}


def _exponent(reconstruction, start, series: Series) -> float:
    try:
        return map_lyapunov_exponent(
            reconstruction.model, start, num_steps=len(series), discard=len(series) // 4,
            dt=series.dt,
        )  # fmt: skip
    except DivergenceError:
        return np.inf


def _dtype(reconstruction):
    return jax.tree.leaves(eqx.filter(reconstruction, eqx.is_inexact_array))[0].dtype


@eqx.filter_jit
def _states(reconstruction, values):
    """States z_1.. by what was measured, where all that can be is taken from it."""
    return reconstruction.run(values, jnp.ones((), values.dtype), None).zs


@eqx.filter_jit
def _free_runs(reconstruction, beginnings, length: int):
    return jax.vmap(lambda warm: _free_run(reconstruction, warm, length)[1])(beginnings)


@eqx.filter_jit
def _free_run(reconstruction, warm, length: int):
    start = reconstruction.run(warm, jnp.asarray(0.5, warm.dtype), None).zs[-1]

    def one(z, _):
        z = reconstruction.model(z, None)
        return z, z

    zs = jax.lax.scan(one, start, None, length=length)[1]
    return start, reconstruction.observe(zs)
