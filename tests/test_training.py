"""Training, the report and the recorded echo."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import learning
import physsim
from physsim import PhaseState

from .systems import duffing_chain, junction_chain, pendulum


def frequency_problem():
    """Learn a pendulum's stiffness from its position."""
    y0 = PhaseState(jnp.full(1, 0.8), jnp.zeros(1))
    options = {"dt": 0.1, "num_steps": 60}
    target = physsim.integrate(pendulum(1.3), physsim.SRKN11b(), y0, **options).ys.q[1:, 0]
    return y0, options | {"targets": target}


def squared(H, y, u, target):
    return (y.q[0] - target) ** 2


def test_fit_recovers_a_parameter_and_stops():
    y0, options = frequency_problem()
    arguments = (pendulum(1.0), physsim.SRKN11b(), y0, squared)
    positive = jax.tree.map(lambda _: True, arguments[0])
    fit = learning.fit(
        *arguments, **options, positive=positive, iterations=300, tolerance=1e-8, progress=False
    )
    np.testing.assert_allclose(float(fit.hamiltonian.params["k"]), 1.3, rtol=1e-3)
    assert fit.losses[-1] <= 1e-8 and len(fit.losses) < 300
    assert fit.best == fit.losses.min()


def test_fit_leaves_what_is_not_trainable():
    problem = duffing_chain(10)
    chosen = eqx.tree_at(lambda H: H.params["k"], jax.tree.map(lambda _: False, problem.H), True)
    options = {"dt": 0.1, "num_steps": 10, "inputs": problem.inputs, "targets": problem.targets}
    arguments = (problem.H, physsim.StormerVerlet(), problem.y0, problem.cost)
    fit = learning.fit(*arguments, **options, trainable=chosen, iterations=3, progress=False)
    before, after = problem.H.params, fit.hamiltonian.params
    assert float(after["k"]) != float(before["k"])
    assert float(after["m"]) == float(before["m"]) and float(after["beta"]) == float(before["beta"])


@pytest.mark.parametrize(
    ("k", "change", "message"),
    [
        (-1.0, {"positive": True}, "k is to stay positive, but starts at zero or below: -1"),
        (1.0, {"lower": 1.1}, "k starts at 1, outside its bounds, above 1.1 and below inf"),
        (1.0, {"upper": 0.9}, "k starts at 1, outside its bounds, above -inf and below 0.9"),
        (1.0, {"trainable": False}, "nothing is trained"),
    ],
)
def test_fit_refuses_starts_outside_bounds(k, change, message):
    y0, options = frequency_problem()
    H = pendulum(k)
    trees = {name: jax.tree.map(lambda _, x=x: x, H) for name, x in change.items()}
    with pytest.raises(ValueError, match=message):
        learning.fit(H, physsim.SRKN11b(), y0, squared, **options, **trees)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"iterations": 0}, "iterations must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"batch_size": 2}, "a batch of 2 samples, but there are none"),
        ({"dt": 50.0}, "stability"),
    ],
)
def test_fit_refuses_what_does_not_fit(change, message):
    y0, options = frequency_problem()
    with pytest.raises((ValueError, physsim.DivergenceError), match=message):
        learning.fit(pendulum(), physsim.SRKN11b(), y0, squared, **(options | change))


@pytest.mark.parametrize(
    "optimiser", [optax.sgd(0.02), optax.radam(0.05), optax.adabelief(0.02), optax.lbfgs()]
)
def test_any_optimiser_of_optax_will_do(optimiser):
    y0, options = frequency_problem()
    arguments = (pendulum(1.0), physsim.StormerVerlet(), y0, squared)
    fit = learning.fit(
        *arguments, **options, optimiser=optimiser, iterations=8, progress=False,
        method=learning.RHEL(),
    )  # fmt: skip
    assert fit.best < 0.95 * fit.losses[0]


def test_line_searches_that_find_nothing_lower_end_a_training():
    y0, options = frequency_problem()
    arguments = (pendulum(1.0), physsim.StormerVerlet(), y0, squared)
    fits = [
        learning.fit(*arguments, **options, optimiser=o, iterations=60, progress=False)
        for o in (optax.lbfgs(), optax.sgd(0.0))
    ]
    assert [fit.converged for fit in fits] == [True, False]
    losses = fits[0].losses
    assert len(losses) < 30 and np.ptp(losses[-5:]) == 0 and np.ptp(losses[-6:]) > 0
    assert fits[0].best == losses[-1] < 1e-3 * losses[0]
    # Another optimiser may stand still for reasons of its own, such as a warm-up.
    assert len(fits[1].losses) == 60 and np.ptp(fits[1].losses) == 0


def test_updates_tell_loss_gradient_and_agreement():
    y0, options = frequency_problem()
    updates = []
    arguments = (pendulum(1.0), physsim.StormerVerlet(), y0, squared)
    fit = learning.fit(
        *arguments, **options, iterations=4, check_every=3, method=learning.RHEL(),
        optimiser=optax.sgd(1e-3), progress=False, callback=updates.append,
    )  # fmt: skip
    assert [u.step for u in updates] == [0, 1, 2, 3]
    np.testing.assert_array_equal([u.loss for u in updates], fit.losses)
    # Gradient descent without bounds: the next value is the last less the rate times the slope.
    moved = abs(updates[1].values[0] - updates[0].values[0])
    np.testing.assert_allclose(moved, 1e-3 * updates[0].gradient_norm, rtol=1e-6)
    assert [u.agreement is None for u in updates] == [False, True, True, False]
    cosine, error = updates[0].agreement
    assert abs(cosine - 1) < 1e-12 and 0 < error < 1e-6


def test_a_diverging_training_stops_with_a_warning_and_keeps_the_best():
    y0, options = frequency_problem()
    arguments = (pendulum(1.0), physsim.StormerVerlet(), y0, squared)
    with pytest.warns(UserWarning, match="training stopped before update"):
        fit = learning.fit(
            *arguments, **options, optimiser=optax.sgd(1e200), iterations=9, progress=False
        )
    assert len(fit.losses) < 9 and np.all(np.isfinite(fit.losses))
    assert np.isfinite(float(fit.hamiltonian.params["k"]))


def test_report():
    problem = duffing_chain(50)
    options = {"dt": 0.2, "num_steps": 50, "inputs": problem.inputs, "targets": problem.targets}
    methods = {
        "truth": learning.BPTT(),
        "echo": learning.RHEL(),
        "adjoint": learning.ReversibleAdjoint(),
    }
    report = learning.compare_gradients(
        problem.H, physsim.StormerVerlet(), problem.y0, problem.cost, **options,
        methods=methods, reference="truth",
    )  # fmt: skip
    assert report.disagreeing() == []
    assert report.disagreeing(exact=1e-30) == ["adjoint"]
    assert report.disagreeing(exact=1e-30, echo=1e-30) == ["echo", "adjoint"]
    groups = {a.group for a in report.agreements}
    assert groups == {"beta", "k", "m", "initial q", "initial p", "inputs", "dt"}
    text = str(report)
    assert "adjoint" in text and "beta" in text and "relative error" in text


@pytest.mark.parametrize("case", [duffing_chain, junction_chain])
def test_recorded_echo_adds_up_to_the_gradient(case):
    problem, steps = case(80), 80
    solver = physsim.StormerVerlet()
    options = {
        "dt": problem.largest_dt(solver, 0.2),
        "num_steps": steps,
        "inputs": problem.inputs,
        "targets": problem.targets,
    }
    start = problem.state()
    arguments = (problem.H, solver, start, problem.cost)
    record = learning.record_echo(*arguments, **options, epsilon=1e-5)
    _, exact = learning.BPTT()(*arguments, **options)
    for path, end in zip(
        jax.tree.leaves(record.gradient), jax.tree.leaves(exact.params), strict=True
    ):
        np.testing.assert_allclose(path[0], end, rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(path[-1], 0.0)
    assert record.ts.shape == (steps + 1,)
    retraced = (record.echo_plus.q + record.echo_minus.q) / 2
    np.testing.assert_allclose(retraced, record.forward.q, atol=1e-7)


@pytest.mark.parametrize("method", [learning.RHEL(), learning.ReversibleAdjoint()])
def test_echoes_are_refused_where_time_does_not_reverse(method):
    import sympy

    q, p = sympy.symbols("q p")
    H = physsim.symbolic(p**2 / 2 + p + q**2, q=[q], p=[p])
    y0 = PhaseState(jnp.ones(1), jnp.ones(1))
    with pytest.raises(ValueError, match="not the same when the momenta change sign"):
        method(H, physsim.StormerVerlet(), y0, squared, dt=0.1, num_steps=2, targets=jnp.ones(2))


def test_a_tableau_that_is_no_palindrome_is_known_as_such():
    from physsim import Flow, SplittingTableau

    euler = SplittingTableau("symplectic Euler", 1, Flow.DRIFT, (1.0,), (1.0,), "de Vogelaere 1956")
    assert not euler.palindromic and physsim.SRKN11b().tableau.palindromic
    with pytest.raises(ValueError, match="sum to"):
        SplittingTableau("wrong", 1, Flow.DRIFT, (0.9,), (1.0,), "")
    with pytest.raises(ValueError, match="alternate"):
        SplittingTableau("wrong", 1, Flow.DRIFT, (0.5, 0.2, 0.3), (1.0,), "")


def test_a_cost_without_derivative_is_an_error_not_a_nan():
    problem = duffing_chain(10)

    def cost(H, y, u, t):
        return jnp.sqrt(y.q[0] - y.q[0])

    with pytest.raises(physsim.DivergenceError, match="not finite"):
        learning.BPTT()(
            problem.H, physsim.StormerVerlet(), problem.y0, cost,
            dt=0.1, num_steps=10, inputs=problem.inputs, targets=problem.targets,
        )  # fmt: skip


def test_gradients_work_inside_jit():
    problem = duffing_chain(10)

    def value_and_slope(H, targets):
        value, gradients = learning.ReversibleAdjoint()(
            H, physsim.StormerVerlet(), problem.y0, problem.cost,
            dt=0.1, num_steps=10, inputs=problem.inputs, targets=targets,
        )  # fmt: skip
        return value, gradients.params.params["k"]

    arguments = (problem.H, problem.targets)
    np.testing.assert_allclose(
        jax.jit(value_and_slope)(*arguments), value_and_slope(*arguments), rtol=1e-12
    )
