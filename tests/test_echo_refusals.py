"""Costs and arguments that no gradient can be taken of: one sentence each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physsim
from learning import RHEL, ReversibleAdjoint, tune_epsilon
from physsim import PhaseState

from .systems import pendulum

STEPS = 4


def quadratic(H, y, u, target):
    return (y.q[0] - target) ** 2


def constant(H, y, u, target):
    return 3.0 * target**2


def integers(H, y, u, target):
    return jnp.argmax(y.q)


def comparison(H, y, u, target):
    return jnp.sum((y.q > target).astype(y.q.dtype))


def rounded(H, y, u, target):
    return jnp.sum(jnp.round(y.q)) - target


def vector(H, y, u, target):
    return y.q - target


def phasor(H, y, u, target):
    return jax.lax.complex(y.q[0], y.p[0])


def evaluate(method, cost=quadratic, targets=STEPS):
    y0 = PhaseState(jnp.ones(1), jnp.zeros(1))
    options = {"dt": 0.1, "num_steps": STEPS, "targets": jnp.linspace(0.0, 1.0, targets)}
    return method(pendulum(), physsim.StormerVerlet(), y0, cost, **options)


@pytest.mark.parametrize("cost", [constant, integers, comparison, rounded])
def test_costs_without_derivative(cost):
    with pytest.raises(ValueError, match="has no derivative by the state or the parameters"):
        evaluate(ReversibleAdjoint(), cost)


@pytest.mark.parametrize(
    ("cost", "what"),
    [(vector, r"float64 of shape \(1,\)"), (phasor, "complex128"), (lambda *_: None, "NoneType")],
)
def test_costs_that_are_no_real_scalars(cost, what):
    with pytest.raises(ValueError, match=f"the cost must be a real scalar, not {what}"):
        evaluate(ReversibleAdjoint(), cost)


def test_a_cost_of_parameters_alone_is_one():
    value, gradients = evaluate(ReversibleAdjoint(), lambda H, y, u, t: H.params["k"] ** 2)
    np.testing.assert_allclose(float(value), STEPS)
    np.testing.assert_allclose(float(gradients.params.params["k"]), 2.0 * STEPS)


def test_targets_of_another_length():
    with pytest.raises(ValueError, match=r"targets must have one row a step: \(4, ...\), got \(3,"):
        evaluate(ReversibleAdjoint(), targets=STEPS - 1)


@pytest.mark.parametrize("epsilon", [0.0, -1e-3])
def test_nudges_need_a_strength(epsilon):
    with pytest.raises(ValueError, match="epsilon must be positive"):
        RHEL(epsilon)


@pytest.mark.parametrize("epsilons", [[1e-3, 1e-4], [1e-3, -1e-4, 1e-5]])
def test_a_choice_needs_strengths_to_choose_from(epsilons):
    y0 = PhaseState(jnp.ones(1), jnp.zeros(1))
    with pytest.raises(ValueError, match="at least three different positive strengths"):
        tune_epsilon(
            RHEL(), pendulum(), physsim.StormerVerlet(), y0, quadratic, dt=0.1, num_steps=STEPS,
            targets=jnp.zeros(STEPS), epsilons=epsilons,
        )  # fmt: skip
