"""Recurrent units: their forces, their steps, and two ways of running the linear one."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import learning
import physsim
from physsim import PhaseState

KEY = jax.random.key(3)
MODES, SIGNALS = 4, 3
UNITS = {
    "linear": learning.make_linear_hru,
    "complex": functools.partial(learning.make_linear_hru, copies=2),
    "nonlinear": learning.make_nonlinear_hru,
    "dense": functools.partial(learning.make_nonlinear_hru, dense=True),
}


def make(name):
    return UNITS[name](MODES, SIGNALS, key=KEY)


def state_of(unit, *batch):
    shape = (2, len(unit.coordinates), *batch)
    return jax.random.normal(jax.random.fold_in(KEY, 1), shape)


def signal(*batch):
    return jax.random.normal(jax.random.fold_in(KEY, 2), (SIGNALS, *batch))


@pytest.mark.parametrize("name", UNITS)
def test_forces_are_slopes_of_the_energy(name):
    """Also prepared, and with series on the trailing axis."""
    unit = make(name)
    (q, p), u = state_of(unit, 2), signal(2)

    @eqx.filter_jit
    def evaluate(unit):
        by_q, by_p = jax.grad(lambda q, p: jnp.sum(unit(q, p, u)), (0, 1))(q, p)
        return (by_p, -by_q), unit.vector_field(q, p, u), unit.prepare().vector_field(q, p, u)

    expected, *found = evaluate(unit)
    for pair in found:
        for x, y in zip(pair, expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-14)
    assert len(unit.parameter_names()) == sum(x.size for x in jax.tree.leaves(unit))


def test_log_cosh_neither_overflows_nor_loses_its_curvature():
    x = jnp.array([0.0, 1e-3, 1.0, 20.0, 1e300])
    expected = [0.0, float(sympy.log(sympy.cosh(sympy.Rational(1, 1000))).evalf(20)),
                np.log(np.cosh(1.0)), 20 - np.log(2), 1e300]  # fmt: skip
    np.testing.assert_allclose(jax.jit(learning.log_cosh)(x), expected, rtol=1e-12, atol=4e-16)
    assert float(jax.jit(jax.grad(jax.grad(learning.log_cosh)))(0.0)) == 1.0


@pytest.mark.parametrize("size", [-3.0, 0.0, 3.0, 12.0])
def test_no_value_of_the_free_numbers_makes_the_linear_step_unstable(size):
    """The eigenvalues of a leapfrog step stay on the unit circle."""
    unit = eqx.tree_at(
        lambda h: (h.log_step, h.log_stiffness),
        make("linear"),
        (jnp.full(MODES, size), jnp.linspace(-12.0, 12.0, MODES)),
    )
    core = unit.core
    assert float(jnp.max(core.h**2 * core.A)) < 4
    step = physsim.StormerVerlet()
    one = lambda z: jnp.stack(_pair(step.step(core, PhaseState(*z), unit.dt, _silence)))  # noqa: E731
    matrix = np.asarray(jax.jacobian(one)(jnp.zeros((2, MODES)))).reshape(2 * MODES, 2 * MODES)
    # Near the limit two eigenvalues all but meet, and rounding moves them by its square root.
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(matrix)), 1.0, atol=1e-6)


def _silence(_):
    return jnp.zeros(MODES)


def _pair(y):
    return y.q, y.p


@pytest.mark.parametrize("name", ["nonlinear", "dense"])
def test_the_nonlinear_step_is_below_the_limit_of_the_steepest_place(name):
    """h^2 times the largest second derivative of the potential, where it is largest."""
    unit = eqx.tree_at(lambda h: h.log_step, make(name), replace_fn=lambda x: x + 20.0)
    core, zero = unit.core, jnp.zeros(MODES)
    hessian = jax.hessian(lambda q: core.potential(q, zero))(zero)
    root = jnp.sqrt(core.h)
    largest = np.linalg.eigvalsh(root[:, None] * hessian * root[None])[-1]
    assert 1.0 < largest < 4.0


def test_a_step_of_length_one_is_a_step_of_its_own_length_for_every_mode():
    unit = make("linear")
    (q, p), u = state_of(unit), signal()
    y = physsim.integrate(
        unit, physsim.StormerVerlet(), PhaseState(q, p), dt=1.0, num_steps=3,
        inputs=jnp.broadcast_to(u, (3, SIGNALS)),
    ).final  # fmt: skip
    drive = unit.projection.B @ u
    A, h = (np.asarray(x) for x in (unit.core.A, unit.core.h))
    for _ in range(3):
        q = q + h / 2 * p
        p = p + h * (drive - A * q)
        q = q + h / 2 * p
    np.testing.assert_allclose(y.q, q, rtol=1e-12)
    np.testing.assert_allclose(y.p, p, rtol=1e-12)


@pytest.mark.parametrize("steps", [1, 500])
def test_parallel_and_sequential_runs_agree(steps):
    unit = make("complex")
    core, (q, p) = unit.core, state_of(unit, 2)
    drive = unit.projection(signal(steps, 2))

    @jax.jit
    def both(drive):
        end, q_of_t = learning.run_core(
            physsim.StormerVerlet(), core, unit.dt, PhaseState(q, p), drive
        )
        return end, q_of_t, learning.parallel_states(core, PhaseState(q, p), drive)

    end, q_of_t, parallel = both(drive)
    scale = float(jnp.max(jnp.abs(q_of_t)))
    np.testing.assert_allclose(parallel.q, q_of_t, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(parallel.p[:, -1], end.p, rtol=0, atol=1e-12 * scale)


def test_what_does_not_fit_is_refused():
    unit = make("linear")
    q, p, k = sympy.symbols("q p k")
    energy = physsim.symbolic(p**2 / 2 + k * q**2 / 2, q=[q], p=[p], params={k: 1.0})
    with pytest.raises(ValueError, match="drives 4 inputs, but the energy has 0: none"):
        learning.HamiltonianUnit(energy, unit.projection, jnp.asarray(0.1))
    with pytest.raises(ValueError, match="4 modes with 2 copies need"):
        learning.LinearHRU(unit.log_stiffness, unit.log_step, unit.projection, 2)
    dense = make("dense")
    with pytest.raises(ValueError, match=r"log_step of shape \(1,\)"):
        learning.NonlinearHRU(
            dense.log_alpha, dense.c, jnp.zeros(MODES), dense.coupling, dense.projection
        )
