"""Whether a network returns to rest: eigenvalues of its pencil C x' + G x = 0."""

import numpy as np
import scipy.linalg
from jaxtyping import Complex

from ._mna import Mna

LARGEST = 300
"""Unknowns up to which eigenvalues are computed: dense, of order N^3."""
_INFINITE = 1e10
# Below this part of the network's rates, growth is not told from rounding.
_GROWTH = 1e-6
_SWEEPS = 20


def eigenvalues(mna: Mna, state: np.ndarray) -> Complex[np.ndarray, " k"]:
    """The finite ones, in 1/s: free motion goes as exp(lambda t).

    Zero ones belong to conserved fluxes and charges.
    """
    rate = typical_rate(mna, state)
    dynamic = mna.dynamic().toarray() * rate
    static = (mna.static() + mna.bent(mna.slopes(state))).toarray()
    for _ in range(_SWEEPS):
        for axis in (1, 0):
            sizes = np.maximum(abs(dynamic).max(axis), abs(static).max(axis))
            scale = np.expand_dims(1 / np.sqrt(np.where(sizes > 0, sizes, 1.0)), axis)
            dynamic, static = dynamic * scale, static * scale
    pair = scipy.linalg.eig(-static, dynamic, right=False, homogeneous_eigvals=True)
    alpha, beta = np.asarray(pair)
    finite = np.abs(beta) * _INFINITE > np.maximum(np.abs(alpha), 1.0)
    return rate * alpha[finite] / beta[finite]


def is_stable(values: Complex[np.ndarray, " k"], rate: float) -> bool:
    """Whether none grows by more than 1e-6 of its own size and of the typical rate (1/s)."""
    return bool(np.all(np.real(values) <= _GROWTH * np.maximum(np.abs(values), rate)))


def typical_rate(mna: Mna, state: np.ndarray) -> float:
    """The geometric mean of 1/RC, R/L and 1/sqrt(LC), of those that there are, in 1/s."""
    slopes = mna.slopes(state)
    capacitance = [e.capacitance for e in mna.capacitors.elements] + _inverse(slopes.charges)
    inductance = list(mna.inductance.diagonal()) + _inverse(slopes.fluxes)
    resistance = [e.resistance for e in mna.resistors.elements] + _inverse(slopes.leaks)
    resistance += [1 / abs(e.conductance) for e in mna.gyrators.elements]
    groups = (capacitance, inductance, resistance)
    c, l, r = (np.mean(np.log(np.asarray(x))) if len(x) else None for x in groups)  # noqa: E741
    rates = []
    if c is not None and l is not None:
        rates.append(-(c + l) / 2)
    if c is not None and r is not None:
        rates.append(-(c + r))
    if l is not None and r is not None:
        rates.append(r - l)
    return float(np.exp(np.mean(rates))) if rates else 1.0


def _inverse(slopes: np.ndarray) -> list[float]:
    return list(1 / np.abs(slopes[slopes != 0]))
