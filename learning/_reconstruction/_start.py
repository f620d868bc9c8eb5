"""Where training starts from: a network fitted to single steps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.signal import lfilter

from ._networks import ShallowPLRNN, ShallowTanhRNN

_RIDGE = 1e-6
_POOL = 10
"""Units drawn for each that is taken."""
_ROWS = 2000
_KEPT = 0.95
"""A of measured states."""
_FASTEST, _SHOWN = 10, 20
"""Hidden states start with time constants from 10 samples on, to what a series shows 20 times."""


def regressed(
    network: ShallowPLRNN | ShallowTanhRNN, values: Float[np.ndarray, "T N"], seed: int
) -> ShallowPLRNN | ShallowTanhRNN:
    """The network with units picked from many drawn ones, and W1, h1 of the least squares from
    each state to the next along the measured `values`, the first of the states.

    Units are picked one after the other, each as the one that takes most off the squares left
    (orthogonal matching pursuit), on 2000 steps drawn. Hidden states start as low-passes of what
    is measured, with time constants by equal factors up to a twentieth of the series.

    Source: Pati, Rezaiifar & Krishnaprasad, Asilomar Conf. Signals, Systems (1993).
    """
    rng = np.random.default_rng([seed, 64])
    units, states = network.W2.shape
    hidden, kept = _low_passes(values, states - values.shape[1])
    settled = len(values) // _SHOWN if hidden.size else 0
    A = np.concatenate([np.full(values.shape[1], _KEPT), kept])
    values = np.column_stack([values, hidden])[settled:]
    drawn = _drawn(network, A, _POOL * units, rng)
    rows = rng.choice(len(values) - 1, min(_ROWS, len(values) - 1), replace=False)
    step = values[1:] - A * values[:-1]
    picked = _pursued(_features(drawn, values[rows]), step[rows], units)
    placed = eqx.tree_at(
        lambda n: (n.A, n.W2, n.h2), network, (drawn.A, drawn.W2[picked], drawn.h2[picked])
    )
    columns = np.column_stack([_features(placed, values[:-1]), np.ones(len(step))])
    ridge = _RIDGE * len(columns) * np.eye(units + 1)
    found = np.linalg.solve(columns.T @ columns + ridge, columns.T @ step)
    W1, h1 = jnp.asarray(found[:-1].T), jnp.asarray(found[-1])
    return eqx.tree_at(lambda n: (n.W1, n.h1), placed, (W1, h1))


def _low_passes(values, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(s_{t+1} = a s_t + (1 - a) x_t of the channels in turn, [T, count], scaled; the a)."""
    slowest = max(len(values) / _SHOWN, 2.0 * _FASTEST)
    kept = 1 - 1 / np.geomspace(_FASTEST, slowest, count + 1)[1:]
    columns = np.zeros((len(values), count))
    for k, a in enumerate(kept):
        s = np.asarray(lfilter([0, 1 - a], [1, -a], values[:, k % values.shape[1]]))
        columns[:, k] = s / s.std()
    return columns, kept


def _drawn(network, A, count: int, rng):
    """`count` units with kinks spread over standardised data."""
    states = len(A)
    W2 = rng.normal(size=(count, states))
    W2 = W2 / np.linalg.norm(W2, axis=1, keepdims=True)
    h2 = rng.choice([-1.0, 1.0], size=count) * rng.uniform(0.5, 2.5, size=count)
    parts = (A, np.zeros((states, count)), W2, h2)
    return eqx.tree_at(
        lambda n: (n.A, n.W1, n.W2, n.h2), network, tuple(jnp.asarray(x) for x in parts)
    )


def _features(network, values) -> np.ndarray:
    return np.asarray(jax.vmap(network.features)(jnp.asarray(values)))


def _pursued(features, targets, count: int) -> np.ndarray:
    """The numbers of the `count` columns that explain the targets best, picked greedily."""
    left, rest = (x - x.mean(axis=0) for x in (features, targets))
    least = 1e-9 * len(left)
    picked = []
    for _ in range(count):
        size = np.sum(left**2, axis=0)
        gain = np.sum((left.T @ rest) ** 2, axis=1) / np.where(size > least, size, np.inf)
        gain[picked] = -1.0
        best = int(np.argmax(gain))
        picked.append(best)
        direction = left[:, best] / max(float(size[best]), least) ** 0.5
        left = left - np.outer(direction, direction @ left)
        rest = rest - np.outer(direction, direction @ rest)
    return np.asarray(picked)
