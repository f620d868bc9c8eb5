"""What a symplectic, reversible method keeps."""

import jax.numpy as jnp
import numpy as np
import pytest

import physsim
from physsim import PhaseState

from .systems import CASES, SOLVERS, driven_tanks, duffing_chain, pendulum


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("case", CASES)
def test_symplecticity(case, name):
    problem = CASES[case](10)
    dt = problem.largest_dt(SOLVERS[name])
    defect = physsim.symplecticity_defect(problem.H, SOLVERS[name], problem.state(), dt=dt)
    assert float(defect) <= 1e-13


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("case", [duffing_chain, driven_tanks])
def test_reversal_after_ten_thousand_steps(case, name):
    """On regular orbits: free for the Duffing chain, which noise would drive into chaos."""
    problem = case(10_000)
    inputs = problem.inputs if case is driven_tanks else jnp.zeros((10_000, 1))
    error = physsim.reversal_error(
        problem.H,
        SOLVERS[name],
        problem.state(),
        dt=problem.largest_dt(SOLVERS[name], 0.2),
        num_steps=10_000,
        inputs=inputs,
    )
    assert float(error) <= 1e-11


def test_reversal_needs_the_flip():
    """The same run without the flip does not come back: the check can fail."""
    problem = duffing_chain(100)
    solver = physsim.StormerVerlet()
    options = {"dt": 0.1, "num_steps": 100, "inputs": problem.inputs}
    out = physsim.integrate(problem.H, solver, problem.y0, **options).final
    back = physsim.integrate(problem.H, solver, out, **options, backward=True).final
    assert float(jnp.max(jnp.abs(back.q - problem.y0.q))) > 0.1


@pytest.mark.parametrize("amplitude", [0.5, 2.0])
def test_energy_over_ten_thousand_periods(amplitude):
    """SRKN11b on the pendulum: bounded, and no trend between the halves of the run."""
    H = pendulum()
    y0 = PhaseState(jnp.array([amplitude]), jnp.array([0.0]))
    per_period, periods = 24, 10_000
    steps = per_period * periods
    solution = physsim.integrate(
        H, physsim.SRKN11b(), y0, dt=2 * np.pi / per_period, num_steps=steps, save_every=3
    )
    error = np.asarray(physsim.energy_error(solution))
    assert np.max(np.abs(error)) <= 1e-9
    first, second = np.array_split(np.abs(error), 2)
    assert second.max() <= 1.2 * first.max()
    trend = np.polyfit(np.linspace(0, 1, error.size), error, 1)[0]
    assert abs(trend) <= 0.05 * np.max(np.abs(error))
