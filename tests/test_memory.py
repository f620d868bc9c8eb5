"""Echo gradients keep no trajectory: compiled temporary memory is constant in the length."""

import equinox as eqx
import jax.numpy as jnp
import pytest

import learning
import physsim
from learning._bptt import _bptt
from learning._echo._echo import Echo
from learning._echo._estimator import Tangent, TwoSided
from learning._echo._way_back import gradient_on
from learning._problem import make_problem

from .systems import CASES, driven_tanks

METHODS = {
    "RHEL": lambda p: gradient_on(p, Echo(TwoSided(jnp.asarray(1e-6)), physsim.Parity())),
    "ReversibleAdjoint": lambda p: gradient_on(p, Echo(Tangent(), physsim.Parity())),
}


def temporary_bytes(function, case, steps):
    problem = case(steps)
    solver = physsim.StormerVerlet()
    checked = make_problem(
        problem.H, solver, problem.y0, problem.cost, problem.largest_dt(solver), steps,
        problem.inputs, problem.targets,
    )  # fmt: skip
    compiled = eqx.filter_jit(function).lower(checked).compile()
    return compiled.compiled.memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CASES)
def test_memory_does_not_grow_with_the_run(case, method):
    """Beyond its inputs and outputs, which hold one row a step where the drive does."""
    short = temporary_bytes(METHODS[method], CASES[case], 1_000)
    long = temporary_bytes(METHODS[method], CASES[case], 100_000)
    print(case, method, short, long)
    assert abs(long - short) <= 0.01 * short


def test_backpropagation_does_grow():
    """The same measurement sees a stored trajectory where there is one."""
    short = temporary_bytes(_bptt, driven_tanks, 1_000)
    long = temporary_bytes(_bptt, driven_tanks, 100_000)
    assert long > 50 * short


def test_the_measured_functions_are_the_methods_own():
    """RHEL and ReversibleAdjoint evaluate nothing but what is measured above."""
    problem = driven_tanks(5)
    solver = physsim.StormerVerlet()
    arguments = (problem.H, solver, problem.y0, problem.cost)
    options = {"dt": 0.1, "num_steps": 5, "inputs": problem.inputs, "targets": problem.targets}
    checked = make_problem(*arguments, 0.1, 5, problem.inputs, problem.targets)
    value, _ = learning.ReversibleAdjoint()(*arguments, **options)
    same, *_ = METHODS["ReversibleAdjoint"](checked)
    assert float(value) == float(same)
