"""Costs of whole runs, and of many runs at once."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning
import physsim
from learning._objective import Objective, batch_index

from .systems import duffing_chain

STEPS = 30
METHODS = [learning.BPTT(), learning.ReversibleAdjoint(), learning.RHEL()]


class Tone(eqx.Module):
    """t -> a sin(3 t), with an amplitude of its own for each run."""

    amplitude: jax.Array

    def __call__(self, t):
        return self.amplitude * jnp.sin(3.0 * t)


def energies(H, y, u, target):
    """What each end holds; one of them is read out through a parameter."""
    return jnp.stack([H.params["k"] * y.q[0] ** 2, y.p[-1] ** 2]) + target


def share(totals, label):
    return -jnp.log(totals[label] / jnp.sum(totals))


def make(cost, samples_inputs=None, targets=None):
    problem = duffing_chain(STEPS)
    domain = learning.make_domain(problem.H, positive=jax.tree.map(lambda _: True, problem.H))
    shared = learning.Samples(problem.inputs if samples_inputs is None else None, targets)
    start = (problem.y0, cost, 0.2, STEPS, shared)
    return Objective(problem.H, domain, physsim.StormerVerlet(), *start)


def some_samples(count=3):
    rng = np.random.default_rng(3)
    return learning.Samples(
        Tone(jnp.asarray(rng.normal(size=(count, 1)))), labels=jnp.asarray([0, 1, 1][:count])
    )


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_slope_of_an_outcome_is_the_finite_difference(method):
    objective = make(learning.Outcome(energies, share), True, jnp.full(STEPS, 0.01))
    samples = some_samples()
    z = objective.domain.to_free(objective.H)
    value, slope = eqx.filter_jit(objective.slope)(method, z, samples)
    at = jax.jit(lambda z: objective.value(z, samples))
    np.testing.assert_allclose(value, at(z), rtol=1e-12)
    h = 1e-5
    steps = jnp.eye(3) * h
    differences = jnp.stack([(at(z + d) - at(z - d)) / (2 * h) for d in steps])
    np.testing.assert_allclose(slope, differences, rtol=2e-6, atol=1e-8)


@pytest.mark.parametrize("method", [learning.BPTT(), learning.RHEL()], ids=["BPTT", "RHEL"])
def test_many_runs_are_the_mean_of_single_ones(method):
    problem = duffing_chain(STEPS)
    rng = np.random.default_rng(4)
    samples = learning.Samples(
        jnp.asarray(rng.normal(size=(3, STEPS, 1))), jnp.asarray(rng.normal(size=(3, STEPS)))
    )
    objective = make(problem.cost, True)
    z = objective.domain.to_free(objective.H)
    value, slope = eqx.filter_jit(objective.slope)(method, z, samples)
    values, slopes = [], []
    for i in range(3):
        v, gradients = method(
            problem.H, objective.solver, problem.y0, problem.cost, dt=0.2, num_steps=STEPS,
            inputs=samples.inputs[i], targets=samples.targets[i],
        )  # fmt: skip
        values.append(v)
        slopes.append(objective.domain.slope(gradients.params, z))
    np.testing.assert_allclose(value, jnp.mean(jnp.stack(values)), rtol=1e-12)
    np.testing.assert_allclose(slope, jnp.mean(jnp.stack(slopes), axis=0), rtol=1e-7)


def test_totals_are_sums_along_the_run():
    objective = make(learning.Outcome(energies, share), True, jnp.zeros(STEPS))
    samples = some_samples(2)
    totals = objective.totals(objective.H, samples)
    problem = duffing_chain(STEPS)
    for i in range(2):
        run = physsim.integrate(
            problem.H, objective.solver, problem.y0, dt=0.2, num_steps=STEPS,
            inputs=Tone(samples.inputs.amplitude[i]),
        )  # fmt: skip
        expected = [0.5 * jnp.sum(run.ys.q[1:, 0] ** 2), jnp.sum(run.ys.p[1:, -1] ** 2)]
        np.testing.assert_allclose(totals[i], jnp.stack(expected), rtol=1e-12)


def test_one_compilation_serves_all_batches_and_seeds():
    traces = []

    def counted(totals, label):
        traces.append(1)
        return share(totals, label)

    problem = duffing_chain(STEPS)
    outcome = learning.Outcome(energies, counted)
    samples = learning.Samples(
        Tone(jnp.linspace(0.1, 1.0, 6)[:, None]), labels=jnp.asarray([0, 1, 0, 1, 0, 1])
    )
    optimiser = learning_rate_zero()
    counts = []
    for seed in (0, 1):
        learning.fit(
            problem.H, physsim.StormerVerlet(), problem.y0, outcome, dt=0.2, num_steps=STEPS,
            targets=jnp.zeros(STEPS), samples=samples, batch_size=2, iterations=5,
            optimiser=optimiser, seed=seed, progress=False,
        )  # fmt: skip
        counts.append(len(traces))
    assert counts[0] > 0 and counts[1] == counts[0]


def learning_rate_zero():
    import optax

    return optax.sgd(0.0)


def test_batches_go_once_through_all_samples_in_an_order_of_their_own():
    epochs = [[batch_index(10, 3, 3 * e + i, seed=5) for i in range(3)] for e in range(2)]
    for epoch in epochs:
        used = np.concatenate(epoch)
        assert len(set(used)) == 9 and set(used) <= set(range(10))
    assert not np.array_equal(np.concatenate(epochs[0]), np.concatenate(epochs[1]))
    assert not np.array_equal(epochs[0][0], batch_index(10, 3, 0, seed=6))
    np.testing.assert_array_equal(epochs[0][1], batch_index(10, 3, 1, seed=5))


def test_the_best_values_are_those_of_the_judging_samples_and_patience_ends():
    problem = duffing_chain(STEPS)
    outcome = learning.Outcome(energies, share)
    samples = learning.Samples(Tone(jnp.full((4, 1), 0.5)), labels=jnp.zeros(4, int))
    # What is good for the updates is bad here, so the start is the best there is.
    against = learning.Samples(Tone(jnp.full((2, 1), 0.5)), labels=jnp.ones(2, int))
    fit = learning.fit(
        problem.H, physsim.StormerVerlet(), problem.y0, outcome, dt=0.2, num_steps=STEPS,
        targets=jnp.zeros(STEPS), samples=samples, validation=against, patience=3, iterations=50,
        judge_every=2, progress=False,
    )  # fmt: skip
    assert len(fit.losses) == 7 and fit.losses[-1] < fit.losses[0]
    np.testing.assert_array_equal(fit.judged[:, 0], [0, 2, 4, 6])
    assert fit.best == fit.judged[0, 1] == fit.judged[:, 1].min()
    np.testing.assert_allclose(
        float(fit.hamiltonian.params["k"]), float(problem.H.params["k"]), rtol=1e-14
    )
