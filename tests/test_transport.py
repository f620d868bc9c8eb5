"""Transport of small changes along runs of networks and maps, against autodiff and algebra."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning
import physsim
from learning import transport

UNITS, INPUTS, STEPS = 6, 2, 40
LAGS = [1, 3, 10, 20]


@pytest.fixture(scope="module")
def run():
    cell = learning.multi_gate_rnn(jax.random.key(0), UNITS, INPUTS, 0.2)
    us = jnp.asarray(np.random.default_rng(0).normal(size=(STEPS, INPUTS)))
    return cell, learning.run_map(cell, jnp.zeros(UNITS), us), us


@pytest.fixture(scope="module")
def result(run):
    g = jnp.arange(1.0, UNITS + 1)
    return transport(*run, LAGS, cotangent=g, windows=2, top=2)


def carried(cell, states, us, start, lag):
    """The window's Jacobian, by reverse differentiation of all its steps at once."""
    return jax.jacrev(lambda z: learning.run_map(cell, z, us[start : start + lag])[-1])(
        states[start]
    )


def test_gains_determinants_and_directions_are_those_of_the_window(run, result):
    cell, states, us = run
    assert result.starts.tolist() == [1, 20]
    for i, lag in enumerate(LAGS):
        M = np.asarray(carried(cell, states, us, 20, lag))
        _, sigma, right = np.linalg.svd(M)
        np.testing.assert_allclose(np.exp(result.log_gain[i, 1]), sigma[0], rtol=1e-12)
        np.testing.assert_allclose(result.singular[i, 1], sigma / sigma[0], atol=1e-13)
        _, log_det = np.linalg.slogdet(M)
        np.testing.assert_allclose(result.log_det[i, 1], log_det, rtol=1e-9)
        overlap = np.linalg.svd(right[:2] @ result.inward[i, 1], compute_uv=False)
        np.testing.assert_allclose(overlap, 1, atol=1e-9)


def test_sensitivity_by_lag_is_the_gradient_through_one_step(run, result):
    cell, states, us = run
    g = jnp.arange(1.0, UNITS + 1)

    def late(cell_then, start, lag):
        """The cost of the state `lag` steps after one step with other weights."""
        z = cell_then(states[start - 1], us[start - 1])
        return g @ learning.run_map(cell, z, us[start : start + lag])[-1]

    # At most two windows, which end as early and as late as the longest lag lets them.
    for i, lag in enumerate(LAGS):
        each = [
            jax.grad(lambda c, s=end - lag, lag=lag: late(c, s, lag))(cell) for end in (21, STEPS)
        ]
        squares = jax.tree.map(lambda a, b: jnp.sqrt((a**2 + b**2) / 2), *each)
        for expected, found in zip(
            jax.tree.leaves(squares), jax.tree.leaves(result.sensitivity), strict=True
        ):
            np.testing.assert_allclose(found[i], expected, rtol=1e-9, atol=1e-12)


def test_a_cost_that_is_felt_at_one_time_is_looked_at_there(run):
    cell, states, us = run
    g = jnp.zeros_like(states).at[30].set(jnp.arange(1.0, UNITS + 1))
    found = transport(*run, [4], cotangent=g, modes=False)
    z = states[25]

    def cost(then):
        return g[30] @ learning.run_map(cell, then(z, us[25]), us[26:30])[-1]

    for a, b in zip(
        jax.tree.leaves(found.sensitivity), jax.tree.leaves(jax.grad(cost)(cell)), strict=True
    ):
        np.testing.assert_allclose(a[0], jnp.abs(b), rtol=1e-9, atol=1e-12)


def test_effective_rates_are_relative_to_lag_one(run, result):
    rates = result.effective_rates()
    assert rates[0] == 1
    median = np.median(np.exp(result.log_gain), axis=1)
    np.testing.assert_allclose(rates, median / median[0], rtol=0.3)
    with pytest.raises(ValueError, match="add it to the lags"):
        transport(*run, [2, 4]).effective_rates()


def test_modal_rates_of_a_linear_map_are_powers_of_its_eigenvalues():
    angle, decay = 0.3, 0.99
    turn = decay * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    skew = np.array([[1.0, 0.7], [0.0, 1.0]])
    F = Linear(jnp.asarray(skew @ turn @ np.linalg.inv(skew)))
    found = transport(F, learning.run_map(F, jnp.ones(2), jnp.zeros((400, 1))), jnp.zeros((400, 1)),
                      [1, 7, 300])  # fmt: skip
    np.testing.assert_allclose(found.modal_log_modulus[:, 0, 0],
                               np.log(decay) * found.lags, rtol=1e-9)  # fmt: skip
    expected = np.angle(np.exp(1j * angle * found.lags))
    np.testing.assert_allclose(found.modal_phase[:, 0, 0], expected, atol=1e-9)
    np.testing.assert_allclose(found.modes.time_constants(), [-1 / np.log(decay)], rtol=1e-9)
    # The map does not change: the same directions are carried, and areas shrink evenly.
    np.testing.assert_allclose(found.contraction(), 2 * np.log(decay), rtol=1e-9)


class Linear(eqx.Module):
    matrix: jax.Array

    def __call__(self, z, x):
        return self.matrix @ z


def test_the_metric_changes_the_measure_and_not_the_map():
    """A map that is orthogonal in a metric has gain and anisotropy 1 in it alone."""
    rng = np.random.default_rng(2)
    root = rng.normal(size=(4, 4)) + 3 * np.eye(4)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    F = Linear(jnp.asarray(np.linalg.solve(root, turn @ root)))
    metric = jnp.asarray(root.T @ root)
    xs = jnp.zeros((60, 1))
    states = learning.run_map(F, jnp.ones(4), xs)
    for measure in (metric, lambda z: metric):
        found = transport(F, states, xs, [1, 50], measure, windows=2)
        np.testing.assert_allclose(found.log_gain, 0, atol=1e-11)
        np.testing.assert_allclose(found.anisotropy().ratio, 1, atol=1e-11)
        assert float(jnp.max(found.log_gain_euclidean)) > 0.1


def test_anisotropy_of_known_spectra():
    even = learning.anisotropy(jnp.ones((3, 20)))
    np.testing.assert_allclose(even.ratio, 1)
    np.testing.assert_allclose(even.top_energy, 0.5)
    np.testing.assert_allclose(even.participation, 20)
    one = learning.anisotropy(jnp.array([2.0, 0.0, 0.0]))
    assert np.isinf(one.ratio) and one.top_energy == 1 and one.participation == 1
    assert learning.anisotropy(jnp.zeros(4)).participation == 1


def test_principal_angles_of_planes():
    e = jnp.eye(4)
    for angle in (0.0, 1e-9, 0.4, 1.5):
        tilted = jnp.stack([e[:, 0], np.cos(angle) * e[:, 1] + np.sin(angle) * e[:, 2]], 1)
        found = learning.principal_angles(e[:, :2], tilted)
        np.testing.assert_allclose(found, [0, angle], rtol=1e-9, atol=1e-15)


def test_spread_is_the_root_of_the_covariance():
    rows = jnp.asarray(np.random.default_rng(3).normal(size=(30, 5)) + 7)
    values = np.linalg.eigvalsh(np.cov(np.asarray(rows).T))[::-1]
    np.testing.assert_allclose(learning.spread_of(rows) ** 2, values, rtol=1e-10)


class Callback(eqx.Module):
    def __call__(self, z, x):
        return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(z.shape, z.dtype), z)


class Analytic(Callback):
    def jacobian(self, z, x):
        return jnp.diag(jnp.cos(z))


@jax.custom_vjp
def _same(z):
    return z


_same.defvjp(lambda z: (z, None), lambda _, g: (g,))


class ReverseOnly(eqx.Module):
    """What JAX refuses only once the derivative is taken for many directions."""

    def __call__(self, z, x):
        return _same(z)


class Shorter(eqx.Module):
    def __call__(self, z, x):
        return z[:-1]


def test_bad_input_is_told_in_words(run):
    cell, states, us = run
    with pytest.raises(ValueError, match="a lag is at least 1 step, got 0"):
        transport(cell, states, us, [0, 3])
    with pytest.raises(ValueError, match="40 steps is longer than the run"):
        transport(cell, states, us, [3, STEPS])
    with pytest.raises(ValueError, match="no lags"):
        transport(cell, states, us, [])
    with pytest.raises(ValueError, match="leading axis of 40"):
        transport(cell, states, us[:-1], [1])
    with pytest.raises(ValueError, match="no forward derivative by its state"):
        transport(Callback(), states, us, [1])
    with pytest.raises(ValueError, match="ReverseOnly has no forward derivative"):
        transport(ReverseOnly(), states, us, [1])
    assert transport(Analytic(), states, us, [1]).sensitivity is None
    with pytest.raises(ValueError, match="no reverse derivative: leave out the cotangent"):
        transport(Analytic(), states, us, [1], cotangent=jnp.ones(UNITS))
    with pytest.raises(ValueError, match="Shorter must map a state"):
        transport(Shorter(), states, us, [1])
    with pytest.raises(ValueError, match="no parameters"):
        transport(cell, states, us, [1], cotangent=jnp.ones(UNITS), parameters=False)
    with pytest.raises(ValueError, match="at least 1"):
        transport(cell, states, us, [1], windows=0)
    with pytest.raises(physsim.DivergenceError, match="not finite from step 4 on"):
        transport(cell, states.at[4:, 1].set(jnp.nan), us, [1])


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (jnp.diag(jnp.array([1.0, 1, 1, 1, 1, 0])), "singular or not positive definite"),
        (jnp.eye(UNITS - 1), "must have shape"),
        (lambda z: jnp.eye(UNITS) * z[0], "where a window"),
    ],
)
def test_a_singular_metric_is_refused(run, metric, message):
    with pytest.raises(ValueError, match=message):
        transport(*run, [1, 3], metric)


def test_a_shear_has_no_modes():
    F = Linear(jnp.array([[1.0, 1.0], [0.0, 1.0]]))
    xs = jnp.zeros((5, 1))
    states = learning.run_map(F, jnp.ones(2), xs)
    with pytest.raises(ValueError, match="full set of eigenvectors"):
        transport(F, states, xs, [1, 2])
    assert transport(F, states, xs, [1, 2], modes=False).modal_phase is None


def test_float32_stays_float32():
    cell = learning.leaky_rnn(jax.random.key(0), 3, 1, 0.5, dtype=jnp.float32)
    us = jnp.ones((9, 1), jnp.float32)
    found = transport(cell, learning.run_map(cell, jnp.zeros(3, jnp.float32), us), us, [1, 4],
                      cotangent=jnp.ones(3, jnp.float32))  # fmt: skip
    arrays = (found.log_gain, found.log_det, found.modal_phase, *jax.tree.leaves(found.sensitivity))
    assert {x.dtype for x in arrays} == {jnp.dtype(jnp.float32)}
