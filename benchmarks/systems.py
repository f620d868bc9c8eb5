"""The networks that are measured, as physsim Hamiltonians with their plain arrays.

The arrays feed the reference in C and the peers, so that all of them integrate the same
numbers. Every element has parameters of its own, as in a real network.
"""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import sympy

import physsim

_X, _K, _BETA, _M = sympy.symbols("x k beta m", real=True)

WELL = physsim.ElementKind("well", _K * _X**2 / 2 + _BETA * _X**4 / 4, (_X,), (_K, _BETA))
SPRING = physsim.ElementKind("spring", _K * _X**2 / 2, (_X,), (_K,))
FPUT_SPRING = physsim.ElementKind("FPUT spring", _X**2 / 2 + _BETA * _X**4 / 4, (_X,), (_BETA,))
JUNCTION = physsim.ElementKind("junction", -_K * sympy.cos(_X), (_X,), (_K,))


class System(NamedTuple):
    """A network: its Hamiltonian, a start of order one, and the arrays it is made of."""

    H: physsim.NetworkHamiltonian
    q: np.ndarray
    p: np.ndarray
    arrays: dict[str, np.ndarray]

    def y0(self, dtype=np.float64) -> physsim.PhaseState:
        """The start, one sample."""
        return physsim.PhaseState(jnp.asarray(self.q, dtype), jnp.asarray(self.p, dtype))

    def batch(self, size: int, dtype=np.float64) -> physsim.PhaseState:
        """Starts of `size` samples, [size, n], none like another."""
        shrink = np.linspace(0.5, 1.0, size)[:, None]
        return physsim.PhaseState(
            jnp.asarray(shrink * self.q, dtype), jnp.asarray(shrink * self.p, dtype)
        )


def differences(rows: np.ndarray, n: int) -> physsim.SignedIncidence:
    """x[a] - x[b] for each row (a, b)."""
    count = len(rows)
    return physsim.SignedIncidence(
        np.repeat(np.arange(count), 2), rows.ravel(), np.tile([1, -1], count), (count, n)
    )


def _network(masses, parts, dtype) -> physsim.NetworkHamiltonian:
    n = len(masses)
    kinetic = physsim.InverseQuadratic(
        jnp.asarray(masses, dtype),
        None,
        physsim.SignedIncidence.identity(n),
        tuple(f"m{i}" for i in range(n)),
    )
    groups = tuple(
        physsim.ElementGroup(kind, [where], {k: jnp.asarray(v, dtype) for k, v in values.items()})
        for kind, where, values in parts
    )
    return physsim.NetworkHamiltonian((kinetic,), groups, tuple(f"q{i}" for i in range(n)))


def _neighbours(n: int) -> np.ndarray:
    return np.stack([np.arange(1, n), np.arange(n - 1)], axis=1)


@functools.cache
def duffing_chain(n: int, dtype=np.float64, seed: int = 0) -> System:
    """Duffing oscillators in a row, each coupled to the next."""
    rng = np.random.default_rng(seed)
    m, k, beta = 1 + 0.1 * rng.random((3, n))
    beta, coupling = 0.5 * beta, 0.5 * (1 + 0.1 * rng.random(n - 1))
    parts = [
        (WELL, physsim.SignedIncidence.identity(n), {"k": k, "beta": beta}),
        (SPRING, differences(_neighbours(n), n), {"k": coupling}),
    ]
    arrays = {"m": m, "k": k, "beta": beta, "coupling": coupling}
    return System(_network(m, parts, dtype), *_start(rng, n), arrays)


def plain_chain(n: int, *, k: float, beta: float, coupling: float):
    """A maker of uniform Duffing chains of unit masses, in the type it is called with."""
    parts = [
        (WELL, physsim.SignedIncidence.identity(n), {"k": np.full(n, k), "beta": np.full(n, beta)}),
        (SPRING, differences(_neighbours(n), n), {"k": np.full(n - 1, coupling)}),
    ]
    return functools.partial(_network, np.ones(n), parts)


@functools.cache
def fput_chain(n: int, beta: float = 1.0) -> System:
    """The Fermi-Pasta-Ulam-Tsingou chain, fixed ends, in its lowest mode."""
    right, left = np.arange(n + 1), np.arange(-1, n)
    columns = np.stack([right, left], axis=1).ravel()
    rows, signs = np.repeat(np.arange(n + 1), 2), np.tile([1, -1], n + 1)
    inside = (columns >= 0) & (columns < n)
    shape = n + 1, n
    springs = physsim.SignedIncidence(rows[inside], columns[inside], signs[inside], shape)
    parts = [(FPUT_SPRING, springs, {"beta": np.full(n + 1, beta)})]
    q = np.sin(np.pi * np.arange(1, n + 1) / (n + 1))
    arrays = {"m": np.ones(n), "beta": np.full(n + 1, beta)}
    return System(_network(np.ones(n), parts, np.float64), q, np.zeros(n), arrays)


@functools.cache
def junction_graph(n: int, degree: int = 4, dtype=np.float64, seed: int = 0) -> System:
    """Islands with `degree` Josephson junctions each, joined at random."""
    edges = random_regular(n, degree, seed)
    return _junctions(n, edges, dtype, seed)


@functools.cache
def junction_chain(n: int, dtype=np.float64, seed: int = 0) -> System:
    """Islands in a row, a Josephson junction between neighbours."""
    return _junctions(n, _neighbours(n), dtype, seed)


def _junctions(n, edges, dtype, seed) -> System:
    rng = np.random.default_rng(seed + 1)
    m, critical = 1 + 0.1 * rng.random(n), 1 + 0.1 * rng.random(len(edges))
    parts = [(JUNCTION, differences(edges, n), {"k": critical})]
    arrays = {"m": m, "critical": critical, "edges": edges}
    return System(_network(m, parts, dtype), *_start(rng, n), arrays)


def random_regular(n: int, degree: int, seed: int) -> np.ndarray:
    """Edges [n degree / 2, 2] of a random graph: `degree` / 2 random cycles through all."""
    rng = np.random.default_rng(seed)
    cycles = [rng.permutation(n) for _ in range(degree // 2)]
    edges = [np.stack([c, np.roll(c, 1)], axis=1) for c in cycles]
    return np.concatenate(edges)


def _start(rng, n) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=n) * 0.7, rng.normal(size=n) * 0.7
