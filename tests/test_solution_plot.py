"""The plot of a solution shows positions, momenta and the relative energy error over time."""

import jax.numpy as jnp
import numpy as np
import sympy

import physsim


def run(q0):
    q, p = sympy.symbols("q:2"), sympy.symbols("p:2")
    energy = sum(x**2 for x in (*q, *p)) / 2 + (q[0] - q[1]) ** 2 / 10
    H = physsim.symbolic(energy, q=q, p=p)
    start = physsim.PhaseState(jnp.asarray(q0), jnp.zeros_like(jnp.asarray(q0)))
    return physsim.integrate(H, physsim.StormerVerlet(), start, dt=0.1, num_steps=50)


def test_lines_are_the_run():
    solution = run([1.0, 0.0])
    positions, momenta, error = solution.plot().axes
    for axis, values in ((positions, solution.ys.q), (momenta, solution.ys.p)):
        for line, x in zip(axis.lines, np.asarray(values).T, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), solution.ts)
            np.testing.assert_array_equal(line.get_ydata(), x)
    (line,) = error.lines
    np.testing.assert_array_equal(line.get_ydata(), physsim.energy_error(solution))
    assert "energy" in error.get_ylabel()


def test_of_a_batch_the_first():
    solution = run([[1.0, 0.0], [0.5, 0.2]])
    assert solution.ys.q.shape[0] == 2
    first = solution.plot().axes[0].lines[0]
    np.testing.assert_array_equal(first.get_ydata(), solution.ys.q[0, :, 0])
