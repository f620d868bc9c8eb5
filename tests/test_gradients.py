"""Echo gradients against backpropagation, and that against finite differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning
import physsim

from .pace import mostly_slow
from .systems import CASES, SOLVERS, driven_tanks, duffing_chain

STEPS = 1000
# All together are slow; these have each system and each method in them.
QUICK = {
    ("driven_tanks", "SRKN11b"),
    ("duffing_chain", "Yoshida4"),
    ("junction_chain", "StormerVerlet"),
}
PAIRS = [
    pytest.param(case, name, marks=() if (case, name) in QUICK else pytest.mark.slow)
    for case in CASES
    for name in SOLVERS
]


def gradient(method, problem, solver, dt, steps=STEPS):
    return method(
        problem.H,
        solver,
        problem.y0,
        problem.cost,
        dt=dt,
        num_steps=steps,
        inputs=problem.inputs,
        targets=problem.targets,
    )


def relative_errors(gradients, reference):
    """One number an array leaf: every parameter array, both initial states, inputs, dt."""
    pairs = zip(jax.tree.leaves(gradients), jax.tree.leaves(reference), strict=True)
    return [float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b)) for a, b in pairs]


@pytest.mark.parametrize(("case", "name"), PAIRS)
def test_reversible_adjoint_is_bptt(case, name):
    """Exact for any step: here half the stability limit."""
    problem, solver = CASES[case](STEPS), SOLVERS[name]
    dt = problem.largest_dt(solver)
    value, exact = gradient(learning.BPTT(), problem, solver, dt)
    same, echo = gradient(learning.ReversibleAdjoint(), problem, solver, dt)
    np.testing.assert_allclose(float(same), float(value), rtol=1e-13)
    errors = relative_errors(echo, exact)
    print(case, name, "worst relative error", max(errors))
    assert max(errors) <= 1e-10


@pytest.mark.parametrize(("case", "name"), PAIRS)
def test_rhel_error_falls_as_epsilon_squared(case, name):
    """Also for linear circuits, where a quadratic cost nudges by each echo's own state."""
    problem, solver = CASES[case](STEPS), SOLVERS[name]
    dt = problem.largest_dt(solver)
    _, exact = gradient(learning.ReversibleAdjoint(), problem, solver, dt)
    strengths = np.array([1.0, 2.0, 4.0]) * 2e-5
    errors = []
    for epsilon in strengths:
        _, echo = gradient(RHEL_AT(epsilon), problem, solver, dt)
        errors.append(relative_errors(echo, exact))
    for leaf in np.array(errors).T:
        order = np.polyfit(np.log(strengths), np.log(leaf), 1)[0]
        assert abs(order - 2) <= 0.1, (order, leaf)


def RHEL_AT(epsilon):
    return learning.RHEL(float(epsilon))


class Weighted(eqx.Module):
    """A cost linear in the state: the nudges are the same in both echoes."""

    def __call__(self, H, y, u, target):
        return target * (y.q[-1] + 0.3 * y.p[0])


@pytest.mark.parametrize("name", mostly_slow(SOLVERS, ["StormerVerlet"]))
def test_rhel_is_at_rounding_where_energy_is_quadratic_and_nudges_are_fixed(name):
    """The echoes are then linear in epsilon, and the two-sided difference has no bias."""
    problem, solver = driven_tanks(STEPS)._replace(cost=Weighted()), SOLVERS[name]
    dt = problem.largest_dt(solver)
    _, exact = gradient(learning.ReversibleAdjoint(), problem, solver, dt)
    for epsilon in (1e-3, 1e-1):
        _, echo = gradient(RHEL_AT(epsilon), problem, solver, dt)
        assert max(relative_errors(echo, exact)) <= 1e-10


@pytest.mark.parametrize("case", mostly_slow(CASES, CASES.keys() - {"junction chain"}))
def test_bptt_is_the_finite_difference(case):
    """The sign and size of everything, settled by differences of the cost itself."""
    steps, solver = 60, physsim.SRKN11b()
    problem = CASES[case](steps)
    dt = problem.largest_dt(solver)
    method = learning.BPTT()
    _, exact = gradient(method, problem, solver, dt, steps)

    def cost_at(H, dt):
        value, _ = gradient(method, problem._replace(H=H), solver, dt, steps)
        return float(value)

    leaves, structure = jax.tree.flatten(problem.H)
    rng = np.random.default_rng(2)
    directions = [jnp.asarray(rng.normal(size=x.shape)) for x in leaves]

    def moved(size):
        return jax.tree.unflatten(
            structure, [x + size * d for x, d in zip(leaves, directions, strict=True)]
        )

    size = 1e-5
    slope = (cost_at(moved(size), dt) - cost_at(moved(-size), dt)) / (2 * size)
    expected = sum(
        float(jnp.sum(d * g))
        for d, g in zip(directions, jax.tree.leaves(exact.params), strict=True)
    )
    np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-9)
    slope = (cost_at(problem.H, dt + size) - cost_at(problem.H, dt - size)) / (2 * size)
    np.testing.assert_allclose(slope, float(exact.dt), rtol=1e-5, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOLVERS)
def test_rhel_tends_to_the_continuous_adjoint(name):
    """With the integrator's order in the step, at fixed times of the samples."""
    solver = SOLVERS[name]
    coarse = 16
    problem = duffing_chain(coarse)
    base = 0.7 if name == "SRKN11b" else 0.2

    _, exact = learning.ContinuousAdjoint(rtol=1e-13, atol=1e-15)(
        problem.H, solver, problem.y0, problem.cost, dt=base, num_steps=coarse,
        inputs=problem.inputs, targets=problem.targets,
    )  # fmt: skip
    refinements = [1, 2, 3] if name == "SRKN11b" else [2, 3, 4, 6]
    errors = []
    for refine in refinements:
        fine = refined(problem, refine)
        _, echo = gradient(RHEL_AT(1e-6), fine, solver, base / refine, coarse * refine)
        errors.append(relative_errors(echo.params, exact.params))
    errors = np.array(errors)
    for leaf in errors.T:
        order = -np.polyfit(np.log(refinements), np.log(leaf), 1)[0]
        assert abs(order - solver.tableau.order) <= 0.25, (order, leaf)


class EverySoOften(eqx.Module):
    """A cost that counts only in the steps whose target comes with a weight."""

    cost: eqx.Module

    def __call__(self, H, y, u, target):
        weight, value = target
        return weight * self.cost(H, y, u, value)


def refined(problem, refine):
    """The same costs at the same times, with `refine` steps in place of one."""
    last = (jnp.arange(problem.targets.size * refine) + 1) % refine == 0
    targets = jnp.stack([last.astype(float), jnp.repeat(problem.targets, refine)], axis=1)
    inputs = jnp.repeat(problem.inputs, refine, axis=0)
    return problem._replace(cost=EverySoOften(problem.cost), targets=targets, inputs=inputs)
