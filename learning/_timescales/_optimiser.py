"""What an optimiser makes of gradients: the directions it moves in, and how evenly they are spread.

A gradient method is any `optax` transformation; SGD, momentum and Adam are three of them.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.stats
from jaxtyping import Array, Float, PyTree

from .._optax import begin, propose
from .._transport import Anisotropy, anisotropy, spread_of
from ._gates import AbstractGatedRNN


def sample_directions(
    optimiser: optax.GradientTransformation, state: Any, gradients: PyTree, parameters: PyTree
) -> PyTree:
    """The step that each sample's gradient would make alone, from one state of the optimiser.

    `gradients` have a leading axis of samples, `state` is that reached in training: Adam divides
    by the second moments it has gathered, momentum adds what it carries, SGD only scales.
    """
    return jax.vmap(lambda g: propose(optimiser, g, state, parameters)[0])(gradients)


def run_directions(
    optimiser: optax.GradientTransformation, gradients: PyTree, parameters: PyTree
) -> PyTree:
    """The steps made of successive `gradients` (leading axis), the optimiser starting anew."""

    def one(state, gradient):
        step, state = propose(optimiser, gradient, state, parameters)
        return state, step

    return jax.lax.scan(one, begin(optimiser, parameters), gradients)[1]


@jax.jit
def rows_of(tree: PyTree) -> Float[Array, "s P"]:
    """A tree with a leading axis as a matrix, one row an entry of it."""
    return jnp.concatenate([x.reshape(len(x), -1) for x in jax.tree.leaves(tree)], axis=1)


def direction_anisotropy(directions: PyTree, top: int = 10) -> Anisotropy:
    """Of the directions' covariance over their leading axis: sigma^2 are its eigenvalues."""
    return anisotropy(spread_of(rows_of(directions)), top)


@eqx.filter_jit
def gates_along(
    cell: AbstractGatedRNN, states: Float[Array, "states n"], us: Float[Array, "steps m"]
) -> Float[Array, "steps n"]:
    """The gates of each step of a run."""
    return jax.vmap(cell.gate)(states[:-1], us)


def rate_predictors(
    gates: Float[Array, "steps n"], starts: Any, lags: Any
) -> dict[str, Float[np.ndarray, " L"]]:
    """What effective learning rates by lag would be if gates alone made them, over that at lag 1.

    `gates`: the mean over neurons of the product of g over the window, alpha^h of a leaky
    integrator; `leaks`: the same of 1 - g, which is what a neuron keeps of itself. Medians over
    the windows that begin at `starts`.
    """
    g = np.asarray(gates)
    found = {}
    for name, factors in (("gates", g), ("leaks", 1 - g)):
        products = [[factors[s : s + h].prod(axis=0).mean() for s in starts] for h in lags]
        median = np.median(np.array(products), axis=1)
        found[name] = median / median[0] if median[0] > 0 else np.zeros_like(median)
    return found


def fit_decay(
    lags: Any, rates: Any, confidence: float = 0.95
) -> tuple[float, tuple[float, float], float]:
    """(r, its interval, R^2) of rates ~ r^lag, by least squares on their logarithms.

    The interval is that of the regression: it knows of the scatter about the line, not of the
    scatter from run to run.
    """
    fit: Any = scipy.stats.linregress(np.asarray(lags, float), np.log(np.asarray(rates)))
    wide = scipy.stats.t.ppf((1 + confidence) / 2, len(lags) - 2) * fit.stderr
    interval = (float(np.exp(fit.slope - wide)), float(np.exp(fit.slope + wide)))
    return float(np.exp(fit.slope)), interval, float(fit.rvalue**2)
