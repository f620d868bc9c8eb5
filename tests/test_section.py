"""Crossings against closed forms and SciPy's event location."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

import physsim
from physsim import PhaseState, first_crossing, poincare_section

from .systems import pendulum

OMEGA = 2.0


def state(q, p):
    return PhaseState(jnp.asarray(q, float), jnp.asarray(p, float))


def position(y, t):
    return y.q[0]


def oscillator():
    q, p, k = sympy.symbols("q p k")
    return physsim.symbolic(p**2 / 2 + k * q**2 / 2, q=[q], p=[p], params={k: OMEGA**2})


def driven_duffing():
    q, p, u = sympy.symbols("q p u")
    return physsim.symbolic(p**2 / 2 + q**2 / 2 + q**4 / 4 - u * q, q=[q], p=[p], u=[u])


def henon_heiles():
    x, y, a, b = sympy.symbols("x y a b")
    energy = (a**2 + b**2 + x**2 + y**2) / 2 + x**2 * y - y**3 / 3
    return physsim.symbolic(energy, q=[x, y], p=[a, b])


def scipy_crossings(field, y0, end, event, direction=1, **options):
    """Times and states where event(t, y) = 0."""
    event.direction = direction
    run = solve_ivp(field, (0, end), y0, "DOP853", events=event, rtol=1e-12, atol=1e-13, **options)
    return run.t_events[0], run.y_events[0]


@pytest.mark.parametrize(
    "solver, order",
    [
        (physsim.StormerVerlet(), 2),
        (physsim.Yoshida4(), 4),
        (physsim.GaussLegendre4(), 4),
        (physsim.SRKN11b(), 6),
    ],
    ids=lambda x: getattr(x, "name", x),
)
def test_a_crossing_is_as_accurate_as_the_method(solver, order):
    H, y0, errors = oscillator(), state([1.0], [0.0]), []
    counts = [8, 12, 16, 24] if order > 4 else [40, 60, 80, 120]
    exact = (np.arange(4) + 0.5) * np.pi / OMEGA
    for n in counts:
        found = poincare_section(
            H, solver, y0, position, dt=6.0 / n, num_steps=n, max_crossings=4, direction=0
        )
        assert int(found.count) == 4
        errors.append(np.max(np.abs(np.asarray(found.ts) - exact)))
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.35)


@pytest.mark.parametrize(
    "solver",
    [
        physsim.SymplecticEuler(),
        physsim.Yoshida8(),
        physsim.GaussLegendre4(),
        physsim.KahanLi8(),
        physsim.Tao(),
        physsim.ExactReversal(physsim.Yoshida6()),
    ],
    ids=lambda x: x.name,
)
def test_crossings_of_every_kind_of_method_lie_on_the_surface(solver):
    H, y0 = pendulum(), state([1.2], [0.3])
    found = poincare_section(
        H, solver, y0, position, dt=0.05, num_steps=400, max_crossings=9, direction=-1
    ).found()
    assert found.ts.size == 3
    assert np.max(np.abs(found.ys.q)) < 1e-13
    assert np.all(np.asarray(found.ys.p) < 0)
    energy = 0.3**2 / 2 + 1 - np.cos(1.2)
    wrong = np.asarray(found.ys.p)[:, 0] ** 2 / 2 - energy
    assert np.max(np.abs(wrong)) < (0.06 if solver.order == 1 else 3e-3)


def test_henon_heiles_against_scipy():
    def field(t, z):
        x, y, a, b = z
        return [a, b, -x - 2 * x * y, -y - x**2 + y**2]

    y0 = state([0.0, 0.1], [0.35, 0.05])
    ts, ys = scipy_crossings(field, [0.0, 0.1, 0.35, 0.05], 60.0, lambda t, z: z[0])
    # SciPy takes the start, which lies on the surface, for a crossing.
    ts, ys = ts[ts > 0], ys[ts > 0]
    found = poincare_section(
        henon_heiles(), physsim.Yoshida8(), y0, position, dt=0.05, num_steps=1200, max_crossings=20
    ).found()
    assert found.ts.size == ts.size > 5
    np.testing.assert_allclose(found.ts, ts, atol=2e-9)
    np.testing.assert_allclose(found.ys.q, ys[:, :2], atol=2e-9)
    np.testing.assert_allclose(found.ys.p, ys[:, 2:], atol=2e-9)


def test_callable_inputs_and_losses_against_scipy():
    H = physsim.damped(driven_duffing(), conductance=0.1)

    def field(t, z):
        return [z[1], -z[0] - z[0] ** 3 + 0.7 * np.sin(1.3 * t) - 0.1 * z[1]]

    ts, ys = scipy_crossings(field, [0.5, 0.0], 40.0, lambda t, z: z[0] - 0.1 * np.cos(t), -1)
    found = poincare_section(
        H,
        physsim.Yoshida8(),
        state([0.5], [0.0]),
        lambda y, t: y.q[0] - 0.1 * jnp.cos(t),
        dt=0.05,
        num_steps=800,
        max_crossings=20,
        direction=-1,
        inputs=lambda t: 0.7 * jnp.sin(1.3 * t)[None],
    ).found()
    assert found.ts.size == ts.size > 4
    np.testing.assert_allclose(found.ts, ts, atol=1e-9)
    np.testing.assert_allclose(found.ys.p[:, 0], ys[:, 1], atol=1e-9)


def test_held_inputs_against_scipy():
    dt, steps = 0.1, 200
    rows = np.random.default_rng(0).normal(size=(steps, 1))

    def held(y, span, u, event):
        field = lambda t, z: [z[1], -z[0] - z[0] ** 3 + u]  # noqa: E731
        return solve_ivp(field, span, y, "DOP853", events=event, rtol=1e-12, atol=1e-13)

    def event(t, z):
        return z[0]

    event.direction, z, expected = 1, np.array([0.5, 0.0]), []
    for k in range(steps):
        run = held(z, (k * dt, (k + 1) * dt), rows[k, 0], event)
        z, expected = run.y[:, -1], expected + list(run.t_events[0])
    found = poincare_section(
        driven_duffing(),
        physsim.Yoshida8(),
        state([0.5], [0.0]),
        position,
        dt=dt,
        num_steps=steps,
        max_crossings=20,
        inputs=jnp.asarray(rows),
    ).found()
    np.testing.assert_allclose(found.ts, expected, atol=1e-8)


def test_directions_add_up_and_the_start_is_no_crossing():
    H, y0 = oscillator(), state([0.0], [1.0])
    counts = {
        direction: int(
            poincare_section(
                H,
                physsim.SRKN11b(),
                y0,
                position,
                dt=0.1,
                num_steps=100,
                max_crossings=10,
                direction=direction,
            ).count
        )
        for direction in (1, -1, 0)
    }
    # Zeros of sin(2 t) in (0, 10]: six, downward first.
    assert counts == {1: 3, -1: 3, 0: 6}


def test_a_strobe_is_an_event():
    found = poincare_section(
        oscillator(),
        physsim.SRKN11b(),
        state([1.0], [0.0]),
        lambda y, t: jnp.sin(t),
        dt=0.07,
        num_steps=300,
        max_crossings=3,
    )
    np.testing.assert_allclose(found.ts, 2 * np.pi * np.arange(1, 4), rtol=1e-15)
    np.testing.assert_allclose(found.ys.q[:, 0], 1.0, atol=1e-9)


@pytest.mark.slow
def test_first_crossing_and_its_derivatives():
    H, y0 = oscillator(), state([1.0], [0.0])
    options = {"dt": 0.05, "num_steps": 100, "direction": -1}

    def time(H, y0):
        return first_crossing(H, physsim.Yoshida8(), y0, position, **options).t

    crossing = first_crossing(H, physsim.Yoshida8(), y0, position, **options)
    np.testing.assert_allclose(crossing.t, np.pi / 4, rtol=1e-11)
    np.testing.assert_allclose(crossing.y.p, [-OMEGA], rtol=1e-11)
    # t = pi / (2 sqrt(k)); started with p0 it is later by p0 / (k q0).
    by_H, by_y0 = eqx.filter_jit(eqx.filter_grad(lambda x: time(*x)))((H, y0))
    np.testing.assert_allclose(by_H.params["k"], -np.pi / 4 / OMEGA**3, rtol=1e-9)
    np.testing.assert_allclose(by_y0.p, [1 / OMEGA**2], rtol=1e-9)
    np.testing.assert_allclose(by_y0.q, [0.0], atol=1e-9)
    forward = jax.jvp(lambda p: time(H, PhaseState(y0.q, p)), (y0.p,), (jnp.ones(1),))[1]
    np.testing.assert_allclose(forward, 1 / OMEGA**2, rtol=1e-9)


def test_gradient_of_a_later_crossing_is_the_finite_difference():
    def third(q0):
        found = poincare_section(
            pendulum(),
            physsim.StormerVerlet(),
            PhaseState(jnp.stack([q0]), jnp.zeros(1)),
            position,
            dt=0.1,
            num_steps=250,
            max_crossings=3,
            throw=False,
        )
        return found.ts[2] + found.ys.p[2, 0] ** 2

    q0, h = jnp.asarray(1.5), 1e-4
    difference = (third(q0 + h) - third(q0 - h)) / (2 * h)
    np.testing.assert_allclose(jax.grad(third)(q0), difference, rtol=1e-6)


def test_jit_and_vmap_give_the_same():
    H = pendulum()

    def times(q0):
        return poincare_section(
            H,
            physsim.SRKN11b(),
            PhaseState(q0[None], jnp.zeros(1)),
            position,
            dt=0.1,
            num_steps=150,
            max_crossings=5,
            direction=0,
        ).ts

    starts = jnp.asarray([0.5, 1.0])
    each = jnp.stack([times(q0) for q0 in starts])
    np.testing.assert_allclose(jax.jit(times)(starts[0]), each[0], rtol=1e-14)
    np.testing.assert_allclose(jax.vmap(times)(starts), each, rtol=1e-14)


def test_too_many_crossings_are_refused_and_can_be_counted():
    H, y0 = oscillator(), state([1.0], [0.0])
    arguments = H, physsim.SRKN11b(), y0, position
    options = {"dt": 0.1, "num_steps": 200, "max_crossings": 2}
    with pytest.raises(ValueError, match=r"6 crossings, more than max_crossings = 2: raise it"):
        poincare_section(*arguments, **options)
    found = poincare_section(*arguments, **options, throw=False)
    assert int(found.count) == 6
    np.testing.assert_allclose(found.found().ts, (np.arange(2) + 0.75) * np.pi, atol=1e-6)

    def traced(q):
        return poincare_section(*arguments[:2], PhaseState(q, y0.p), position, **options).ts

    with pytest.raises(Exception, match="more crossings than max_crossings = 2"):
        jax.block_until_ready(jax.jit(traced)(y0.q))


def test_unused_rows_are_nan():
    found = poincare_section(
        oscillator(),
        physsim.SRKN11b(),
        state([1.0], [0.0]),
        position,
        dt=0.1,
        num_steps=30,
        max_crossings=3,
    )
    assert int(found.count) == 1
    np.testing.assert_array_equal(np.isnan(found.ts), [False, True, True])
    assert found.found().ys.q.shape == (1, 1)


def test_what_does_not_fit_is_refused():
    H, y0, solver = oscillator(), state([1.0], [0.0]), physsim.SRKN11b()
    options = {"dt": 0.1, "num_steps": 10, "max_crossings": 3}
    with pytest.raises(ValueError, match=r"one real number.*got shape \(1,\).*y.q\[0\]"):
        poincare_section(H, solver, y0, lambda y, t: y.q, **options)
    with pytest.raises(ValueError, match="one real number"):
        poincare_section(H, solver, y0, lambda y, t: y.q[0] > 0, **options)
    with pytest.raises(ValueError, match=r"direction must be \+1, -1 or 0"):
        poincare_section(H, solver, y0, position, **options, direction=2)
    with pytest.raises(ValueError, match="max_crossings must be at least 1"):
        poincare_section(H, solver, y0, position, dt=0.1, num_steps=10, max_crossings=0)
    with pytest.raises(ValueError, match="raise num_steps"):
        first_crossing(H, solver, y0, position, dt=0.1, num_steps=10)
    silent = first_crossing(H, solver, y0, position, dt=0.1, num_steps=10, throw=False)
    assert np.isnan(silent.t)
    noisy = physsim.damped(H, conductance=0.1, temperature=1.0)
    with pytest.raises(ValueError, match="without noise"):
        poincare_section(noisy, solver, y0, position, **options)


def test_a_run_that_diverges_is_refused():
    q, p = sympy.symbols("q p")
    H = physsim.symbolic(p**2 / 2 - q**4 / 4, q=[q], p=[p])
    with pytest.raises(physsim.DivergenceError, match="the run diverged"):
        poincare_section(
            H,
            physsim.StormerVerlet(),
            state([1.0], [1.0]),
            position,
            dt=0.1,
            num_steps=200,
            max_crossings=3,
        )
