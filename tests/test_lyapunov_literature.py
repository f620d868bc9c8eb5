"""Exponents of standard cases against published formulas.

The FPUT-beta chain against the analytic exponent of Casetti, Livi and Pettini:

lambda = (a - 4 k / 3 a) / 2,  a^3 = 2 s^2 tau + sqrt((4 k / 3)^3 + (2 s^2 tau)^2),
2 tau = pi sqrt(k) / (2 sqrt(k (k + s)) + pi s)

with mean k and variance s^2 (per degree of freedom, microcanonical) of the Ricci curvature
2 + (6 beta / N) sum (q_{i+1} - q_i)^2, for N -> infinity. Sources: Phys. Rev. Lett. 74:375
(1995); Casetti, Clementi & Pettini, Phys. Rev. E 54:5969 (1996), eqs. 55, 79 and appendix.
"""

import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from scipy.integrate import quad

import physsim
from physsim import ElementGroup, ElementKind, NetworkHamiltonian, PhaseState, SignedIncidence
from physsim._element import InverseQuadratic

BETA = 0.1


def bond_energy(x):
    return x**2 / 2 + BETA * x**4 / 4


def theory(inverse_temperature):
    """(energy a site, mean and variance of the curvature, exponent)."""

    def weight(x):
        return np.exp(-inverse_temperature * bond_energy(x))

    norm = quad(weight, -np.inf, np.inf)[0]

    def mean(f):
        return quad(lambda x: f(x) * weight(x), -np.inf, np.inf)[0] / norm

    squares, energy = mean(lambda x: x**2), mean(bond_energy)
    k = 2 + 6 * BETA * squares
    canonical = 36 * BETA**2 * (mean(lambda x: x**4) - squares**2)
    by_heat = 6 * BETA * (mean(lambda x: x**2 * bond_energy(x)) - squares * energy)
    heat = 1 / (2 * inverse_temperature**2) + mean(lambda x: bond_energy(x) ** 2) - energy**2
    variance = canonical - by_heat**2 / heat
    s = np.sqrt(variance)
    tau = np.pi * np.sqrt(k) / (2 * np.sqrt(k * (k + s)) + np.pi * s) / 2
    a = np.cbrt(2 * variance * tau + np.sqrt((4 * k / 3) ** 3 + (2 * variance * tau) ** 2))
    return 1 / (2 * inverse_temperature) + energy, k, variance, (a - 4 * k / (3 * a)) / 2


def ring(n):
    x = sympy.Symbol("x", real=True)
    kind = ElementKind("bond", x**2 / 2 + BETA * x**4 / 4, (x,))
    columns = np.stack([np.arange(n), (np.arange(n) + 1) % n], axis=1).ravel()
    bonds = SignedIncidence(np.repeat(np.arange(n), 2), columns, np.tile([-1, 1], n), (n, n))
    nothing = SignedIncidence([], [], np.zeros(0, int), (0, n))
    names = tuple(f"q{i}" for i in range(n))
    masses = InverseQuadratic(jnp.ones(n), None, nothing, names)
    return NetworkHamiltonian((masses,), (ElementGroup(kind, [bonds], {}),), names)


def start(n, energy, seed):
    p = np.random.default_rng(seed).normal(size=n)
    p -= p.mean()
    return PhaseState(jnp.zeros(n), jnp.asarray(p * np.sqrt(2 * n * energy / np.sum(p**2))))


@pytest.mark.slow
@pytest.mark.parametrize(("inverse_temperature", "bound"), [(0.5, 0.05), (1.0, 0.1)])
def test_exponent_of_the_fput_chain(inverse_temperature, bound):
    """Within 5 % at 1.86 a site; the theory, itself approximate, is 7 % low at 0.95.

    At 64 sites the exponent is a tenth lower than at 2048: it comes up with their number.
    """
    n = 2048
    energy, k, variance, expected = theory(inverse_temperature)
    H, y0 = ring(n), start(n, energy, 0)
    result = physsim.lyapunov_exponent(
        H, physsim.Yoshida4(), y0, dt=0.08, num_steps=60_000, discard=15_000
    )
    run = physsim.integrate(H, physsim.Yoshida4(), y0, dt=0.08, num_steps=40_000, save_every=100)
    bonds = np.diff(np.asarray(run.ys.q[100:]), axis=1, append=np.asarray(run.ys.q[100:, :1]))
    curvature = 2 + 6 * BETA * np.mean(bonds**2, axis=1)
    print(f"energy {energy:.3f} a site: {float(result.exponent):.5f}, theory {expected:.5f}")
    np.testing.assert_allclose(curvature.mean(), k, rtol=0.01)
    np.testing.assert_allclose(n * curvature.var(), variance, rtol=0.3)
    np.testing.assert_allclose(float(result.exponent), expected, rtol=bound)


@pytest.mark.parametrize("kick", [7.0, 10.0, 20.0])
def test_exponent_of_the_standard_map(kick):
    """ln(K / 2) where hardly an island is left: Chirikov, Phys. Rep. 52:263 (1979), 5.3.

    A step of symplectic Euler of length 1 on the rotor p^2 / 2 + K cos q is the map.
    """
    q, p, k = sympy.symbols("q p K")
    H = physsim.symbolic(p**2 / 2 + k * sympy.cos(q), q=[q], p=[p], params={k: kick})
    y0 = PhaseState(jnp.asarray([1.0]), jnp.asarray([0.3]))
    # The rotor's own step would be short: what is stepped here is meant to be a map.
    result = physsim.lyapunov_exponent(
        H, physsim.SymplecticEuler(), y0, dt=1.0, num_steps=200_000, discard=1000, throw=False
    )
    print(f"K = {kick}: {float(result.exponent):.4f}, ln(K/2) = {np.log(kick / 2):.4f}")
    np.testing.assert_allclose(float(result.exponent), np.log(kick / 2), rtol=0.05)
