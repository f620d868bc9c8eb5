"""Lattices and circuits that tests cut into slabs."""

import jax.numpy as jnp
import numpy as np
from sympy import IndexedBase, Mod, Sum, cos, symbols

import circuits
import physsim

i, j = symbols("i j", integer=True)
k, beta, u = symbols("k beta u")
q, p, m, g = (IndexedBase(name) for name in "qpmg")


def chain(n):
    """Masses of their own, springs that differ, a wall, and a drive of the first mass."""
    stretch = q[i + 1] - q[i]
    energy = Sum(p[i] ** 2 / (2 * m[i]), (i, 0, n - 1)) + q[0] ** 2 / 2 - u * q[0]
    energy += Sum(g[i] * stretch**2 / 2 + beta * stretch**4 / 4, (i, 0, n - 2))
    masses, springs = 1 + 0.1 * np.sin(np.arange(n)), 1 + 0.2 * np.cos(np.arange(n - 1))
    params = {m: masses, g: springs, beta: 0.3}
    return physsim.lattice(energy, q=q, p=p, size=n, params=params, u=[u])


def repelling(n):
    """Neighbours and next ones, of an energy that is infinite at rest in one point."""
    energy = Sum(p[i] ** 2 / 2 + q[i] ** 2 / 2 - i * q[i], (i, 0, n - 1))
    energy += Sum(k / (q[i + 1] - q[i]), (i, 0, n - 2)) + (q[n - 1] - q[0]) ** 2 / 8
    energy += Sum((q[i] - 2 * q[i + 1] + q[i + 2]) ** 2 / 4, (i, 0, n - 3))
    return physsim.lattice(energy, q=q, p=p, size=n, params={k: 1.3})


def torus(nx, ny):
    """A periodic array of Josephson junctions."""
    here = q[i * ny + j]
    energy = Sum(
        p[i * ny + j] ** 2 / 2
        + k * (1 - cos(q[Mod(i + 1, nx) * ny + j] - here))
        + beta * (1 - cos(q[i * ny + Mod(j + 1, ny)] - here)),
        (i, 0, nx - 1), (j, 0, ny - 1),
    )  # fmt: skip
    return physsim.lattice(energy, q=q, p=p, size=nx * ny, params={k: 1.3, beta: 0.7})


def shuffled_ladder(sections):
    """A ladder whose nodes come in any order."""
    rng = np.random.default_rng(3)
    nodes = rng.permutation(sections)
    lines = ["shuffled ladder"]
    lines += [f"C{a} n{a} 0 {1 + 0.1 * (a % 3)}n" for a in nodes]
    lines += [f"L{a} n{a} n{a + 1} 1u" for a in range(sections - 1)]
    lines += ["L0g n0 0 2u"]
    return circuits.loads("\n".join(lines)).hamiltonian


def start(n):
    rng = np.random.default_rng(n)
    first, second = 0.1 * rng.normal(size=(2, n))
    return physsim.PhaseState(jnp.asarray(first + np.arange(n)), jnp.asarray(second))
