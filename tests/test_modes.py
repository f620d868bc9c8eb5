"""Points of rest and normal modes against closed forms and SciPy."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import sympy

import circuits
import physsim
from physsim import PhaseState, normal_modes, operating_point

from .pace import mostly_slow
from .systems import pendulum


def at_rest(q):
    q = jnp.asarray(q, float)
    return PhaseState(q, jnp.zeros_like(q))


def chain(n, spring, site):
    """n unit masses between walls: energies of the n + 1 springs, and of each site."""
    q, p = sympy.symbols(f"q:{n}"), sympy.symbols(f"p:{n}")
    stretches = [q[0], *(b - a for a, b in itertools.pairwise(q)), -q[-1]]
    energy = sum(x**2 for x in p) / 2 + sum(map(spring, stretches)) + sum(map(site, q))
    return physsim.symbolic(energy, q=q, p=p)


def quadratic(M, K):
    """p M^-1 p / 2 + q K q / 2."""
    n = len(M)
    q, p = sympy.symbols(f"q:{n}"), sympy.symbols(f"p:{n}")
    W = np.linalg.inv(M)
    pairs = [(i, j) for i in range(n) for j in range(n)]
    energy = sum(float(W[i, j]) * p[i] * p[j] + float(K[i, j]) * q[i] * q[j] for i, j in pairs)
    return physsim.symbolic(energy / 2, q=q, p=p)


def junctions():
    """Two junctions, coupled, each biased by a current of its own."""
    a, b, p, r, u, v = sympy.symbols("a b p r u v")
    energy = p**2 / 2 + r**2 / 4 - sympy.cos(a) - 2 * sympy.cos(b) + (a - b) ** 2 / 4
    return physsim.symbolic(energy - u * a - v * b, q=[a, b], p=[p, r], u=[u, v])


def definite(rng, n):
    A = rng.normal(size=(n, n))
    return A @ A.T + n * np.eye(n)


@pytest.mark.parametrize("n", mostly_slow([1, 2, 9], [1, 2]))
def test_ladder(n):
    """omega_k = 2 sin(k pi / (2 (n + 1))), shapes sin(j k pi / (n + 1))."""
    modes = normal_modes(chain(n, lambda x: x**2 / 2, lambda q: 0))
    k = np.arange(1, n + 1)
    exact = 2 * np.sin(k * np.pi / (2 * (n + 1)))
    np.testing.assert_allclose(modes.frequencies, exact, rtol=1e-13)
    shapes = np.sqrt(2 / (n + 1)) * np.sin(np.outer(k, k) * np.pi / (n + 1))
    np.testing.assert_allclose(np.abs(modes.shapes.T @ shapes), np.eye(n), atol=1e-13)
    assert bool(modes.stable)
    np.testing.assert_array_equal(modes.rates, 0.0)


def test_circuit_ladder():
    """An LC ladder from a netlist, open at its end: 2 sin((2 k - 1) pi / (2 (2 n + 1)))."""
    n = 5
    lines = [
        f"C{i} n{i} 0 1n\nL{i} {'0' if i == 1 else f'n{i - 1}'} n{i} 1u" for i in range(1, n + 1)
    ]
    circuit = circuits.loads("ladder\n" + "\n".join(lines) + "\n")
    modes = normal_modes(circuit.hamiltonian)
    exact = 2 * np.sin((2 * np.arange(1, n + 1) - 1) * np.pi / (2 * (2 * n + 1)))
    ratio = np.asarray(modes.frequencies) / exact
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)


@pytest.mark.slow
def test_pendulum_chain():
    """Sine-Gordon chain: omega^2 = g + 4 c sin^2, about 0; g -> -g about pi."""
    n, g, c = 6, 0.7, 0.3
    H = chain(n, lambda x: c * x**2 / 2, lambda q: -g * sympy.cos(q))
    bands = 4 * c * np.sin(np.arange(1, n + 1) * np.pi / (2 * (n + 1))) ** 2
    modes = normal_modes(H)
    np.testing.assert_allclose(modes.squares, g + bands, rtol=1e-12)
    inverted = normal_modes(H, at_rest(np.full(n, np.pi)))
    np.testing.assert_allclose(inverted.squares, bands - g, rtol=1e-12)
    assert not bool(inverted.stable)


def test_an_unstable_point_has_a_negative_rate():
    modes = normal_modes(pendulum(k=4.0), at_rest([np.pi]))
    np.testing.assert_allclose(modes.rates, [-2.0], rtol=1e-14)
    np.testing.assert_allclose(modes.squares, [-4.0], rtol=1e-14)
    np.testing.assert_allclose(modes.eigenvalues, [2.0], rtol=1e-14)
    np.testing.assert_array_equal(modes.frequencies, [0.0])
    assert not bool(modes.stable)


def test_a_free_mode_has_neither_frequency_nor_rate():
    H = quadratic(np.eye(2), np.array([[1.0, -1.0], [-1.0, 1.0]]))
    modes = normal_modes(H)
    np.testing.assert_array_equal(modes.frequencies[0], 0.0)
    np.testing.assert_allclose(modes.frequencies[1], np.sqrt(2), rtol=1e-14)
    assert bool(modes.stable)


def test_random_masses_and_stiffnesses_against_scipy():
    rng = np.random.default_rng(0)
    M, K = definite(rng, 6), definite(rng, 6) - 8 * np.eye(6)
    squares, vectors = scipy.linalg.eigh(K, M)
    assert squares[0] < 0 < squares[-1]
    modes = normal_modes(quadratic(M, K))
    shapes = np.asarray(modes.shapes)
    np.testing.assert_allclose(modes.squares, squares, rtol=1e-11)
    np.testing.assert_allclose(shapes.T @ M @ shapes, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(np.abs(shapes.T @ M @ vectors), np.eye(6), atol=1e-11)


@pytest.mark.parametrize("gamma", [0.3, 2.0, 5.0])
def test_damped_oscillator(gamma):
    """-gamma / 2 +- sqrt(gamma^2 / 4 - omega^2), omega = 1.5."""
    q, p = sympy.symbols("q p")
    H = physsim.symbolic(p**2 / 4 + 2 * 1.5**2 * q**2 / 2, q=[q], p=[p])
    modes = normal_modes(physsim.damped(H, conductance=2 * gamma))
    roots = np.roots([1.0, gamma, 1.5**2])
    roots = roots[roots.imag >= 0]
    roots = roots[np.argsort(-roots.real)]
    np.testing.assert_allclose(modes.eigenvalues, roots, rtol=1e-12)
    assert bool(modes.stable)
    np.testing.assert_allclose(2 * np.abs(modes.shapes) ** 2, 1.0, rtol=1e-12)


@pytest.mark.slow
def test_small_losses_damp_each_mode_by_its_share():
    """Uniform G = gamma M damps all modes at gamma / 2 and keeps the shapes."""
    rng = np.random.default_rng(1)
    M, K, gamma = definite(rng, 4), definite(rng, 4), 0.05
    H = quadratic(M, K)
    free, modes = normal_modes(H), normal_modes(physsim.damped(H, conductance=gamma * M))
    np.testing.assert_allclose(modes.rates, gamma / 2, rtol=1e-10)
    np.testing.assert_allclose(modes.squares, free.squares - gamma**2 / 2, rtol=1e-10)
    overlap = np.abs(np.asarray(free.shapes).T @ M @ np.asarray(modes.shapes))
    np.testing.assert_allclose(overlap, np.eye(4), atol=1e-10)


@pytest.mark.slow
def test_the_damped_path_without_damping_is_the_symmetric_one():
    rng = np.random.default_rng(2)
    H = quadratic(definite(rng, 3), definite(rng, 3))
    symmetric, general = normal_modes(H), normal_modes(physsim.damped(H, conductance=0.0))
    np.testing.assert_allclose(general.frequencies, symmetric.frequencies, rtol=1e-12)
    np.testing.assert_array_equal(general.rates, 0.0)
    np.testing.assert_allclose(np.abs(general.shapes), np.abs(symmetric.shapes), atol=1e-12)


def test_a_charge_in_a_magnetic_field():
    """Not separable; Fock-Darwin frequencies sqrt(w0^2 + wc^2 / 4) +- wc / 2."""
    x, y, a, b = sympy.symbols("x y a b")
    w0, wc = 1.3, 0.8
    energy = ((a + wc * y / 2) ** 2 + (b - wc * x / 2) ** 2 + w0**2 * (x**2 + y**2)) / 2
    H = physsim.symbolic(energy, q=[x, y], p=[a, b])
    modes = normal_modes(H)
    middle = np.sqrt(w0**2 + wc**2 / 4)
    np.testing.assert_allclose(modes.frequencies, [middle - wc / 2, middle + wc / 2], rtol=1e-13)
    np.testing.assert_array_equal(modes.rates, 0.0)
    # Circular motions, in opposite senses.
    ratios = np.asarray(modes.shapes[1] / modes.shapes[0])
    np.testing.assert_allclose(ratios.real, 0.0, atol=1e-12)
    np.testing.assert_allclose(np.sort(ratios.imag), [-1.0, 1.0], rtol=1e-12)


def test_biased_junction():
    """sin(q) = u, and the plasma frequency falls as (1 - u^2)^(1/4)."""
    q, p, u = sympy.symbols("q p u")
    H = physsim.symbolic(p**2 / 2 - sympy.cos(q) - u * q, q=[q], p=[p], u=[u])
    for bias in (0.0, 0.5, 0.9, 0.999):
        inputs = jnp.asarray([bias])
        y = operating_point(H, u=inputs)
        np.testing.assert_allclose(y.q, [np.arcsin(bias)], rtol=1e-11)
        np.testing.assert_array_equal(y.p, [0.0])
        modes = normal_modes(H, u=inputs)
        np.testing.assert_allclose(modes.frequencies, [(1 - bias**2) ** 0.25], rtol=1e-9)

    def frequency(inputs):
        return normal_modes(H, u=inputs).frequencies[0]

    slope = jax.jit(jax.grad(frequency))(jnp.asarray([0.5]))
    np.testing.assert_allclose(slope, [-0.25 * (1 - 0.25) ** -0.75], rtol=1e-10)


@pytest.mark.slow
def test_coupled_junctions_rest_without_forces():
    H, u = junctions(), jnp.asarray([0.4, -1.1])
    y = operating_point(H, u=u)
    np.testing.assert_allclose(H.force(y.q, u), 0.0, atol=1e-14)
    K = np.asarray(jax.hessian(lambda q: H.potential(q, u))(y.q))
    squares = scipy.linalg.eigh(K, np.diag([1.0, 2.0]), eigvals_only=True)
    np.testing.assert_allclose(normal_modes(H, y, u).squares, squares, rtol=1e-12)
    h = 1e-6
    slope = jax.jacfwd(lambda v: operating_point(H, u=v).q)(u)
    moved = [operating_point(H, u=u.at[i].add(h)).q for i in (0, 1)]
    back = [operating_point(H, u=u.at[i].add(-h)).q for i in (0, 1)]
    difference = np.stack([(a - b) / (2 * h) for a, b in zip(moved, back, strict=True)], axis=1)
    np.testing.assert_allclose(slope, difference, rtol=1e-7)
    np.testing.assert_allclose(slope, np.linalg.inv(K), rtol=1e-10)


def test_a_point_of_rest_that_is_not_separable():
    x, p = sympy.symbols("x p")
    energy = (p - x) ** 2 * (1 + x**2) / 2 - sympy.cos(x - sympy.Rational(1, 5))
    y = operating_point(physsim.symbolic(energy, q=[x], p=[p]))
    np.testing.assert_allclose([y.q[0], y.p[0]], [0.2, 0.2], rtol=1e-12)


def test_a_free_coordinate_stays_where_it_starts():
    H = quadratic(np.eye(2), np.array([[1.0, -1.0], [-1.0, 1.0]]))
    y = operating_point(H, jnp.asarray([3.0, 1.0]))
    np.testing.assert_allclose(y.q, [2.0, 2.0], rtol=1e-13)


def test_losses_do_not_move_the_point_of_rest():
    H, u = junctions(), jnp.asarray([0.4, -1.1])
    lossy = physsim.damped(H, conductance=0.3)
    np.testing.assert_array_equal(operating_point(lossy, u=u).q, operating_point(H, u=u).q)
    assert bool(normal_modes(lossy, u=u).stable)


def test_frequencies_can_be_differentiated():
    q, p = sympy.symbols("a b"), sympy.symbols("c d")
    k, m = sympy.symbols("k m")
    energy = p[0] ** 2 / (2 * m) + p[1] ** 2 / 2 + k * (q[0] - q[1]) ** 2 / 2 + q[0] ** 2
    H = physsim.symbolic(energy, q=q, p=p, params={k: 0.8, m: 1.7})

    def frequency(k, m):
        at = lambda H: (H.params["k"], H.params["m"])  # noqa: E731
        return normal_modes(eqx.tree_at(at, H, (k, m)), at_rest([0.0, 0.0])).frequencies[1]

    k0, m0, h = jnp.asarray(0.8), jnp.asarray(1.7), 1e-6
    by_k, by_m = jax.jit(jax.grad(frequency, argnums=(0, 1)))(k0, m0)
    difference = (frequency(k0 + h, m0) - frequency(k0 - h, m0)) / (2 * h)
    np.testing.assert_allclose(by_k, difference, rtol=1e-7)
    difference = (frequency(k0, m0 + h) - frequency(k0, m0 - h)) / (2 * h)
    np.testing.assert_allclose(by_m, difference, rtol=1e-7)


def test_modes_are_what_a_run_does():
    """Started in a mode's shape, a chain oscillates at its frequency."""
    H = chain(4, lambda x: x**2 / 2, lambda q: q**2 / 8)
    modes = normal_modes(H)
    y0 = PhaseState(modes.shapes[:, 2], jnp.zeros(4))
    period = 2 * np.pi / float(modes.frequencies[2])
    end = physsim.integrate(H, physsim.Yoshida8(), y0, dt=period / 200, num_steps=200).final
    np.testing.assert_allclose(end.q, y0.q, atol=1e-12)


def test_what_has_no_answer_is_refused():
    H = junctions()
    with pytest.raises(ValueError, match=r"the force on b does not vanish.*Pass another q0"):
        operating_point(H, u=jnp.asarray([0.0, 4.0]))
    with pytest.raises(ValueError, match=r"u must have shape \(2,\), for u, v; got \(1,\)"):
        operating_point(H, u=jnp.zeros(1))
    with pytest.raises(ValueError, match=r"must have shape \(2,\)"):
        operating_point(H, jnp.zeros(3))
    with pytest.raises(Exception, match="no operating point was found"):
        jax.block_until_ready(jax.jit(lambda u: operating_point(H, u=u))(jnp.asarray([0.0, 4.0])))
    with pytest.raises(Exception, match="no operating point was found"):
        jax.block_until_ready(jax.jit(lambda u: operating_point(H, u=u))(jnp.full(2, jnp.nan)))
    a, b, p, r = sympy.symbols("a b p r")
    massless = physsim.symbolic(p**2 / 2 + a**2 + (a - b) ** 2, q=[a, b], p=[p, r])
    with pytest.raises(ValueError, match="momentum of b: a mode needs a mass"):
        normal_modes(massless)
    lossy = physsim.damped(H, conductance=0.3)
    with pytest.raises(ValueError, match="can't be traced"):
        jax.jit(lambda u: normal_modes(lossy, at_rest([0.0, 0.0]), u))(jnp.zeros(2))
