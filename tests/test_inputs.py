"""Inputs, waveforms, shapes, steps: right where they fit, refused where they don't."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import circuits
import physsim
from circuits import DC, PWL, Pulse, Sin
from circuits._sources import evaluate
from physsim import PhaseState

from .systems import duffing_chain, pendulum


def test_waveforms():
    t = jnp.asarray([0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.5])
    pulse = Pulse(1.0, 3.0, 1.0, 1.0, 0.5, 1.0, 4.0)
    np.testing.assert_allclose(evaluate(pulse, t), [1, 1, 2, 3, 3, 3, 1, 1, 2])
    np.testing.assert_allclose(evaluate(PWL((1.0, 2.0), (0.0, 4.0)), t)[:5], [0, 0, 2, 4, 4])
    np.testing.assert_allclose(evaluate(DC(2.0), t), 2.0)
    sin = Sin(0.5, 2.0, 0.25, 1.0, 0.1, 90.0)
    late = np.maximum(t - 1.0, 0)
    expected = 0.5 + 2 * np.exp(-0.1 * late) * np.sin(np.pi / 2 * late + np.pi / 2)
    np.testing.assert_allclose(evaluate(sin, t), expected, rtol=1e-14)


def test_held_inputs_are_the_callable_where_that_is_constant():
    problem = duffing_chain(50)
    held = jnp.full((50, 1), 0.3)
    options = {"dt": 0.1, "num_steps": 50}
    a = physsim.integrate(problem.H, physsim.SRKN11b(), problem.y0, **options, inputs=held)
    b = physsim.integrate(
        problem.H, physsim.SRKN11b(), problem.y0, **options, inputs=lambda t: jnp.full(1, 0.3)
    )
    np.testing.assert_array_equal(a.ys.q, b.ys.q)


def test_chunks_and_saves_change_no_bit(monkeypatch):
    """A progress bar cuts the run, save_every thins it: the states stay the same."""
    monkeypatch.setattr("physsim._integrate._CHUNK", 40)
    H, y0 = pendulum(), PhaseState(jnp.ones(1), jnp.zeros(1))
    options = {"dt": 0.1, "num_steps": 600}
    whole = physsim.integrate(H, physsim.StormerVerlet(), y0, **options)
    cut = physsim.integrate(H, physsim.StormerVerlet(), y0, **options, progress=True)
    thin = physsim.integrate(H, physsim.StormerVerlet(), y0, **options, save_every=4)
    np.testing.assert_array_equal(whole.ys.q, cut.ys.q)
    np.testing.assert_array_equal(whole.energies, cut.energies)
    np.testing.assert_array_equal(whole.ys.p[::4], thin.ys.p)
    np.testing.assert_array_equal(whole.ts[::4], thin.ts)
    np.testing.assert_array_equal(whole.ys.q[0], y0.q)
    assert whole.ts.shape == (601,) and whole.to_xarray()["q"].shape == (601, 1)


def test_integrate_can_be_differentiated_and_jitted():
    H, y0 = pendulum(), PhaseState(jnp.ones(1), jnp.zeros(1))

    def end(k):
        moved = pendulum_with(H, k)
        return physsim.integrate(moved, physsim.Yoshida4(), y0, dt=0.1, num_steps=20).final.q[0]

    k = jnp.asarray(1.0)
    slope = (end(k + 1e-6) - end(k - 1e-6)) / 2e-6
    np.testing.assert_allclose(jax.jit(jax.grad(end))(k), slope, rtol=1e-7)


def pendulum_with(H, k):
    import equinox as eqx

    return eqx.tree_at(lambda h: h.params["k"], H, k)


def test_diverging_runs_say_when_and_what():
    q, p = sympy.symbols("q p")
    H = physsim.symbolic(p**2 / 2 - q**4, q=[q], p=[p])
    y0 = PhaseState(jnp.ones(1), jnp.ones(1))
    with pytest.raises(physsim.DivergenceError, match=r"between t = .* and t = .*: q is no longer"):
        physsim.integrate(H, physsim.StormerVerlet(), y0, dt=0.1, num_steps=100)
    lax = physsim.integrate(H, physsim.StormerVerlet(), y0, dt=0.1, num_steps=100, throw=False)
    assert not np.isfinite(lax.final.q[0])


def test_steps_beyond_stability_are_refused():
    H, y0 = pendulum(4.0), PhaseState(jnp.full(1, 0.1), jnp.zeros(1))
    with pytest.raises(physsim.DivergenceError, match=r"stability limit of StormerVerlet.*below 1"):
        physsim.integrate(H, physsim.StormerVerlet(), y0, dt=1.1, num_steps=10)
    physsim.integrate(H, physsim.StormerVerlet(), y0, dt=0.95, num_steps=10)


@pytest.mark.parametrize(
    ("solver", "limit"),
    [(physsim.StormerVerlet(), 2.0), (physsim.Yoshida4(), 1.5734), (physsim.SRKN11b(), np.pi)],
)
def test_stability_limits(solver, limit):
    """The oscillator is bounded just below the limit; not above, where leapfrog is concerned."""
    np.testing.assert_allclose(solver.tableau.stability_limit, limit, atol=2e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dt": -0.1}, "dt must be positive"),
        ({"dt": float("nan")}, "dt must be positive"),
        ({"num_steps": 0}, "positive multiple"),
        ({"save_every": 3}, "positive multiple"),
        ({"inputs": None}, "has inputs u"),
        ({"inputs": jnp.zeros((7, 1))}, r"\(10, 1\), got \(7, 1\)"),
        ({"inputs": lambda t: jnp.zeros(2)}, r"\(1,\), got \(2,\)"),
    ],
)
def test_arguments_that_do_not_fit(change, message):
    problem = duffing_chain(10)
    options = {"dt": 0.1, "num_steps": 10, "inputs": problem.inputs} | change
    with pytest.raises(ValueError, match=message):
        physsim.integrate(problem.H, physsim.StormerVerlet(), problem.y0, **options)


def test_states_that_do_not_fit():
    problem = duffing_chain(10)
    options = {"dt": 0.1, "num_steps": 10, "inputs": problem.inputs}
    for state, message in (
        (PhaseState(jnp.zeros(2), jnp.zeros(2)), r"shape \(3,\) or \(batch, 3\), got \(2,\)"),
        (PhaseState(jnp.zeros(3), jnp.full(3, jnp.inf)), "p has entries that are not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            physsim.integrate(problem.H, physsim.StormerVerlet(), state, **options)


def test_saved_waveforms_read_back(tmp_path):
    import xarray

    result = circuits.Circuit(circuits.ladder(3)).simulate(1e-8, 1e-9)
    result.save(tmp_path / "a.nc")
    result.save(tmp_path / "a.csv")
    with xarray.open_dataset(tmp_path / "a.nc", engine="scipy") as data:
        np.testing.assert_array_equal(data.v.sel(node="n2"), result.v("n2"))
        assert data.time.attrs["units"] == "s"
    table = np.genfromtxt(tmp_path / "a.csv", delimiter=",", names=True)
    np.testing.assert_allclose(table["vn3"], result.v("n3"), rtol=1e-11)
    with pytest.raises(ValueError, match=r"\.nc, \.csv or \.raw"):
        result.save(tmp_path / "a.mat")
