"""Trajectories that are none are reported, whatever goes wrong in them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import learning

from .parallel_maps import Linear, lorenz63, recurrence

SOLVERS = {
    "Sequential": learning.Sequential(),
    "Hybrid": learning.Hybrid(),
    "AffineMap": learning.AffineMap(learning.BlockedScan(8)),
    "DEER": learning.DEER(max_iterations=20),
    "associative": learning.DEER(scan=learning.AssociativeScan(), max_iterations=20),
    "damped": learning.DEER(damped=True, max_iterations=30),
    "quasi": learning.DEER(learning.DiagonalJacobian(), max_iterations=30),
    "windowed": learning.Windowed(learning.DEER(max_iterations=20), 16),
}
STEPS = 40


class Injected(eqx.Module):
    """A map that stretches by `gain`, bends, and adds whatever x is."""

    A: jax.Array
    bend: jax.Array

    def __call__(self, z, x):
        return self.A @ z + self.bend * z**2 + x


@eqx.filter_jit
def found_by(solver, F, z0, xs):
    return learning.solve(F, z0, xs, solver=solver, throw=False)


def reference(F, z0, xs):
    """The sequential scan in numpy, which may overflow."""
    z, zs = np.asarray(z0), []
    A, bend = np.asarray(F.A), np.asarray(F.bend)
    with np.errstate(all="ignore"):
        for x in np.asarray(xs):
            z = A @ z + bend * z**2 + x
            zs.append(z)
    return np.asarray(zs)


@pytest.mark.parametrize("name", SOLVERS)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    gain=st.sampled_from([0.3, 0.9, 1.1, 2.0, 1e3, 1e200]),
    bend=st.sampled_from([0.0, 0.01, 0.3, 1e100]),
    bad=st.sampled_from([None, np.nan, np.inf, -np.inf, 1e308, 1e20]),
    at=st.integers(0, STEPS - 1),
)
def test_what_converged_is_right(name, seed, gain, bend, bad, at):
    """With NaN, infinities, overflow and chaos put in: either right or reported."""
    rng = np.random.default_rng(seed)
    F = Injected(jnp.asarray(gain * rng.normal(size=(3, 3)) / 2), jnp.asarray(bend))
    xs = rng.normal(size=(STEPS, 3))
    if bad is not None:
        xs[at, seed % 3] = bad
    z0 = jnp.asarray(rng.normal(size=3))
    found = found_by(SOLVERS[name], F, z0, jnp.asarray(xs))
    expected = reference(F, z0, xs)
    if bool(found.status.converged):
        assert np.all(np.isfinite(expected))
        np.testing.assert_allclose(
            found.zs, expected, rtol=0, atol=1e-9 * (1 + abs(expected).max())
        )
    else:
        assert float(found.status.error) != 0
    if not np.all(np.isfinite(expected)):
        assert not bool(found.status.converged) and float(found.status.residual) > 0


def test_chaos_over_many_lyapunov_times_is_reported():
    """A residual of rounding is no proof: the trajectory nearby is another one."""
    F = learning.RungeKutta4(lorenz63(), 0.01)
    z0 = jnp.asarray([1.0, 2.0, 20.0])
    exact = learning.solve(F, z0, num_steps=6000, solver=learning.Sequential()).zs
    found = learning.solve(F, z0, num_steps=6000, guess=exact + 1e-6, throw=False,
                           solver=learning.DEER())  # fmt: skip
    assert not bool(found.status.converged)
    assert float(found.status.error) > 1e-3


def test_failure_says_what_to_try():
    F = learning.RungeKutta4(lorenz63(), 0.01)
    z0 = jnp.asarray([1.0, 2.0, 20.0])
    with pytest.raises(learning.ConvergenceError, match=r"larger alpha.*shorter windows"):
        learning.solve(F, z0, num_steps=2000, solver=learning.DEER(max_iterations=5))
    windowed = learning.Windowed(learning.DEER(max_iterations=2), 100)
    with pytest.raises(learning.ConvergenceError, match="shorten the windows from 100 steps"):
        learning.solve(F, z0, num_steps=200, solver=windowed)
    growing = Linear(2 * jnp.eye(2))
    with pytest.raises(learning.ConvergenceError, match="leaves the finite numbers"):
        learning.solve(growing, jnp.ones(2), jnp.zeros((1100, 2)), solver=learning.Hybrid())


def test_failure_inside_jit():
    @eqx.filter_jit
    def run(z0):
        F = learning.RungeKutta4(lorenz63(), 0.01)
        return learning.solve(F, z0, num_steps=2000, solver=learning.DEER(max_iterations=5)).zs

    with pytest.raises(eqx.EquinoxRuntimeError, match="did not converge"):
        jax.block_until_ready(run(jnp.asarray([1.0, 2.0, 20.0])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z0": jnp.zeros((2, 3))}, "shape \\(D,\\)"),
        ({"z0": jnp.zeros(3, int)}, "floating point"),
        ({"xs": None}, "num_steps: got none"),
        ({"num_steps": 4}, "got 4, 5"),
        ({"num_steps": 0, "xs": None}, "at least one step"),
        ({"guess": jnp.zeros((4, 3))}, "guess must have shape \\(5, 3\\)"),
        ({"F": lambda z, x: z[:2]}, "it must keep both"),
        ({"F": lambda z, x: z.astype(jnp.float32)}, "float64\\(3,\\) to float32"),
    ],
)
def test_arguments_that_do_not_fit(change, message):
    arguments = {"F": recurrence(3), "z0": jnp.zeros(3), "xs": jnp.zeros((5, 3))} | change
    with pytest.raises(ValueError, match=message):
        learning.solve(**arguments)


def test_counts_that_make_no_sense():
    with pytest.raises(ValueError, match="window"):
        learning.Windowed(learning.DEER(), 0)
    with pytest.raises(ValueError, match="block"):
        learning.BlockedScan(0)
    with pytest.raises(ValueError, match="max_iterations"):
        learning.DEER(max_iterations=0)
