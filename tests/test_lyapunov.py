"""Lyapunov exponents against closed forms, SciPy and published values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

import physsim
from physsim import PhaseState, lyapunov_exponent
from physsim._lyapunov import _direction

from .systems import pendulum
from .test_section import driven_duffing, henon_heiles, state


def henon_heiles_start(energy, y, b):
    potential = y**2 / 2 - y**3 / 3
    return state([0.0, y], [np.sqrt(2 * (energy - potential) - b**2), b])


def hill(k):
    q, p = sympy.symbols("q p")
    return physsim.symbolic(p**2 / 2 - k * q**2 / 2, q=[q], p=[p])


SOLVERS = [
    physsim.StormerVerlet(),
    physsim.Yoshida4(),
    physsim.SymplecticEuler(),
    physsim.GaussLegendre4(),
]


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: s.name)
def test_inverted_oscillator_gives_the_growth_of_its_step_exactly(solver):
    """Of the step's matrix the largest eigenvalue is known without any run."""
    k, dt = 2.25, 0.1
    H = hill(k)
    system = solver.prepare(H)

    def step(x):
        z = solver.start(system, PhaseState(x[:1], x[1:]))
        z = solver.read(system, solver.step(system, z, jnp.asarray(dt), lambda c: jnp.zeros(0)))
        return jnp.concatenate([z.q, z.p])

    matrix = np.asarray(jax.jacfwd(step)(jnp.zeros(2)))
    exact = np.log(np.max(np.abs(np.linalg.eigvals(matrix)))) / dt
    y0 = state([0.0], [0.0])
    result = lyapunov_exponent(H, solver, y0, dt=dt, num_steps=400, discard=200)
    np.testing.assert_allclose(result.exponent, exact, rtol=1e-12)
    np.testing.assert_allclose(exact, np.sqrt(k), rtol=5e-3)


def test_pendulum_upside_down():
    y0 = state([np.pi], [0.0])
    result = lyapunov_exponent(
        pendulum(k=4.0), physsim.Yoshida8(), y0, dt=0.02, num_steps=1000, discard=500
    )
    np.testing.assert_allclose(result.exponent, 2.0, rtol=1e-11)
    np.testing.assert_allclose(result.ts[jnp.asarray([0, -1])], [10.2, 20.0], rtol=1e-14)
    assert result.running.shape == result.ts.shape == (50,)


def test_a_damped_oscillator_contracts_at_half_its_rate():
    q, p = sympy.symbols("q p")
    H = physsim.damped(physsim.symbolic(p**2 / 2 + q**2 / 2, q=[q], p=[p]), conductance=0.2)
    periods = 2 * np.pi / np.sqrt(1 - 0.1**2)
    result = lyapunov_exponent(
        H,
        physsim.Yoshida8(),
        state([1.0], [0.0]),
        dt=periods / 100,
        num_steps=1000,
        renormalise_every=100,
    )
    np.testing.assert_allclose(result.running, -0.1, rtol=1e-9)


def test_an_integrable_system_tends_to_zero():
    """Neighbouring orbits of a pendulum part linearly, so the estimate is log(t) / t."""
    result = lyapunov_exponent(
        pendulum(), physsim.SRKN11b(), state([1.5], [0.0]), dt=0.1, num_steps=200_000
    )
    t = np.asarray(result.ts)
    np.testing.assert_array_less(np.abs(result.running[100:]), 1.5 * np.log(t[100:]) / t[100:])
    assert abs(float(result.exponent)) < 1e-3


def test_the_tangent_map_against_scipy():
    """The same orbit and tangent by DOP853 on the variational equations."""
    y0, key = henon_heiles_start(1 / 6, -0.1, 0.1), jax.random.key(3)
    tangent = _direction(key, y0)

    def field(t, z):
        x, y, a, b, dx, dy, da, db = z
        return [
            a, b, -x - 2 * x * y, -y - x**2 + y**2,
            da, db, -(1 + 2 * y) * dx - 2 * x * dy, -2 * x * dx - (1 - 2 * y) * dy,
        ]  # fmt: skip

    start = np.concatenate([y0.q, y0.p, tangent.q, tangent.p])
    ts = np.arange(1, 11) * 10.0
    run = solve_ivp(field, (0, 100), start, "DOP853", t_eval=ts, rtol=1e-13, atol=1e-14)
    exact = np.log(np.linalg.norm(run.y[4:], axis=0)) / ts
    result = lyapunov_exponent(
        henon_heiles(),
        physsim.Yoshida8(),
        y0,
        dt=0.02,
        num_steps=5000,
        renormalise_every=500,
        key=key,
    )
    np.testing.assert_allclose(result.ts, ts, rtol=1e-14)
    np.testing.assert_allclose(result.running, exact, atol=2e-6)


def test_henon_heiles_has_one_exponent_in_its_chaotic_sea():
    """At E = 1/6; 0.127 is what PEFRL gives at t = 10^6. A single orbit may stick to an island."""
    starts = [(-0.1, 0.1), (0.1, -0.2), (0.2, 0.15), (0.0, 0.3), (0.3, 0.0)]
    for solver, dt in ((physsim.PEFRL(), 0.1), (physsim.SRKN11b(), 0.2)):
        exponents = [
            lyapunov_exponent(
                henon_heiles(),
                solver,
                henon_heiles_start(1 / 6, *start),
                dt=dt,
                num_steps=int(1e5 / dt / 10) * 10,
            ).exponent
            for start in starts
        ]
        np.testing.assert_allclose(np.median(exponents), 0.127, rtol=0.05)


@pytest.mark.parametrize("power, omega, published", [(5, 2.19, 0.163), (7, 2.32, 0.198)])
def test_published_exponents_of_driven_oscillators(power, omega, published):
    """x'' + x^n = sin(omega t) from rest: J. C. Sprott, Simple driven conservative chaotic flows,
    sprott.physics.wisc.edu/chaos/drivcons.htm (2001).

    Islands that orbits stick to make single estimates scatter, so the median over steps counts.
    """
    q, p, u = sympy.symbols("q p u")
    energy = p**2 / 2 + q ** (power + 1) / (power + 1) - u * q
    H = physsim.symbolic(energy, q=[q], p=[p], u=[u])
    options = {
        "num_steps": 2_000_000,
        "renormalise_every": 50,
        "inputs": lambda t: jnp.sin(omega * t)[None],
    }
    y0 = state([0.0], [0.0])
    exponents = [
        lyapunov_exponent(H, physsim.PEFRL(), y0, dt=dt, **options).exponent
        for dt in (0.04, 0.042, 0.044, 0.046, 0.048, 0.05, 0.052)
    ]
    np.testing.assert_allclose(np.median(exponents), published, rtol=0.05)


def test_held_inputs_are_fed():
    y0, H = state([0.3], [0.0]), driven_duffing()
    options = {"dt": 0.05, "num_steps": 100, "key": jax.random.key(1)}
    rows = jnp.full((100, 1), 0.4)
    held = lyapunov_exponent(H, physsim.SRKN11b(), y0, **options, inputs=rows)
    called = lyapunov_exponent(
        H, physsim.SRKN11b(), y0, **options, inputs=lambda t: jnp.full(1, 0.4)
    )
    np.testing.assert_allclose(held.running, called.running, rtol=1e-12)


def test_renormalisation_changes_nothing_but_the_history():
    y0, H = state([0.3], [0.0]), pendulum()
    one, ten = (
        lyapunov_exponent(H, physsim.SRKN11b(), y0, dt=0.1, num_steps=100, renormalise_every=every)
        for every in (1, 10)
    )
    np.testing.assert_allclose(one.running[9::10], ten.running, atol=1e-13)


def test_jit_gives_the_same():
    def exponent(q):
        y0 = PhaseState(q, jnp.zeros(1))
        return lyapunov_exponent(pendulum(), physsim.SRKN11b(), y0, dt=0.1, num_steps=100).exponent

    q = jnp.asarray([0.3])
    np.testing.assert_allclose(jax.jit(exponent)(q), exponent(q), rtol=1e-12)


def test_what_does_not_fit_is_refused():
    H, solver, y0 = pendulum(), physsim.SRKN11b(), state([0.3], [0.0])
    with pytest.raises(ValueError, match=r"\(105\) must be a multiple of renormalise_every"):
        lyapunov_exponent(H, solver, y0, dt=0.1, num_steps=105)
    with pytest.raises(ValueError, match=r"discard \(100\) must be a multiple .* below"):
        lyapunov_exponent(H, solver, y0, dt=0.1, num_steps=100, discard=100)
    noisy = physsim.damped(H, conductance=0.1, temperature=1.0)
    with pytest.raises(ValueError, match="without noise"):
        lyapunov_exponent(noisy, solver, y0, dt=0.1, num_steps=100)
    with pytest.raises(physsim.DivergenceError, match=r"no longer finite at t = "):
        lyapunov_exponent(hill(9.0), solver, y0, dt=1.0, num_steps=2000, renormalise_every=1000)
