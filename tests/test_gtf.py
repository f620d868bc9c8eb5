"""Generalised teacher forcing: what it computes, what it bounds, and its rules for alpha."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning

from .parallel_maps import Recurrence, lorenz63, recurrence

STEPS = 60
rng = np.random.default_rng(3)
MEASURED = jnp.asarray(rng.normal(size=(STEPS + 1, 3)))


def by_hand(model, correct, measured, z, alpha):
    """The definition, in a Python loop."""
    zs = []
    for x in np.asarray(measured)[:-1]:
        z = np.asarray(model(jnp.asarray(correct(z, x, alpha)), None))
        zs.append(z)
    return np.asarray(zs)


def test_identity_is_an_interpolation():
    model = recurrence(3)
    found = learning.forced_run(model, learning.IdentityObservation(), MEASURED, 0.3)
    expected = by_hand(
        model, lambda z, x, a: (1 - a) * z + a * x, MEASURED, np.asarray(MEASURED[0]), 0.3
    )
    np.testing.assert_allclose(found.zs, expected, atol=1e-12)


def test_mask_leaves_hidden_states_alone():
    model, observed = recurrence(4), (2, 0)
    observation = learning.MaskedObservation(observed, 4)
    hidden = jnp.asarray([9.0, 0.3, 9.0, -0.2])
    found = learning.forced_run(model, observation, MEASURED[:, :2], 0.4, hidden=hidden)

    def correct(z, x, a):
        z = z.copy()
        z[list(observed)] += a * (x - z[list(observed)])
        return z

    start = correct(np.array(hidden), np.asarray(MEASURED[0, :2]), 1.0)
    expected = by_hand(model, correct, MEASURED[:, :2], start, 0.4)
    np.testing.assert_allclose(found.zs, expected, atol=1e-12)


@pytest.mark.parametrize("rows", [2, 3, 5])
def test_affine_observation_corrects_by_the_pseudo_inverse(rows):
    B, b = rng.normal(size=(rows, 3)), rng.normal(size=rows)
    observation = learning.AffineObservation.of(jnp.asarray(B), jnp.asarray(b), hidden=rows < 3)
    z, x = rng.normal(size=3), rng.normal(size=rows)
    found = observation.forced(jnp.asarray(z), jnp.asarray(x), jnp.asarray(0.7))
    np.testing.assert_allclose(found, z + 0.7 * np.linalg.pinv(B) @ (x - B @ z - b), atol=1e-12)
    whole = observation.forced(jnp.asarray(z), jnp.asarray(x), jnp.asarray(1.0))
    if rows <= 3:
        np.testing.assert_allclose(observation(whole), x, atol=1e-12)


def test_linearised_observation():
    def measure(z):
        return jnp.stack([2 * z[0] + z[1] + 1, 3 * z[2]])

    z = jnp.asarray([0.3, -0.2, 0.5])
    observation = learning.AffineObservation.linearised(measure, z, hidden=True)
    np.testing.assert_allclose(observation(3 * z), measure(3 * z), atol=1e-12)


def test_what_is_missing_does_not_force():
    model, gap = recurrence(3), MEASURED.at[20:25, 1].set(jnp.nan)
    found = learning.forced_run(model, learning.IdentityObservation(), gap, 0.3)
    assert np.all(np.isfinite(found.zs))
    before = learning.forced_run(model, learning.IdentityObservation(), MEASURED, 0.3)
    np.testing.assert_array_equal(found.zs[:20], before.zs[:20])

    def cost(model):
        zs = learning.forced_run(model, learning.IdentityObservation(), gap, 0.3).zs
        return jnp.sum(zs**2)

    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(eqx.filter_grad(cost)(model)))


def test_jacobian_and_bound_of_gradients():
    """(1 - alpha) J at the forced state; in chaos, gradients that forcing keeps finite."""
    model = recurrence(3)
    forced = learning.TeacherForced(model, learning.IdentityObservation(), jnp.asarray(0.25))
    z, x = MEASURED[0], MEASURED[1]
    found = jax.jacfwd(lambda z: forced(z, (None, x)))(z)
    inner = jax.jacfwd(lambda z: model(z, None))(0.75 * z + 0.25 * x)
    np.testing.assert_allclose(found, 0.75 * inner, atol=1e-12)

    field = learning.RungeKutta4(lorenz63(), 0.02)
    z0 = jnp.asarray([1.0, 2.0, 20.0])
    zs = learning.solve(field, z0, num_steps=3000, solver=learning.Sequential()).zs
    data = jnp.concatenate([z0[None], zs])

    @jax.jit
    def sensitivity(alpha):
        def last(rho):
            model = learning.RungeKutta4(eqx.tree_at(lambda f: f.rho, lorenz63(), rho), 0.02)
            run = learning.forced_run(
                model, learning.IdentityObservation(), data, alpha, solver=learning.Hybrid()
            )
            return run.zs[-1, 0]

        return jax.grad(last)(jnp.asarray(28.0))

    assert abs(float(sensitivity(jnp.asarray(0.0)))) > 1e15
    assert abs(float(sensitivity(jnp.asarray(0.1)))) < 10


def test_newton_needs_fewer_iterations_the_stronger_the_forcing():
    field = learning.RungeKutta4(lorenz63(), 0.02)
    z0 = jnp.asarray([1.0, 2.0, 20.0])
    zs = learning.solve(field, z0, num_steps=2000, solver=learning.Sequential()).zs
    data = jnp.concatenate([z0[None], zs])
    other = learning.RungeKutta4(eqx.tree_at(lambda f: f.rho, lorenz63(), jnp.asarray(27.0)), 0.02)

    @jax.jit
    def run(alpha):
        return learning.forced_run(
            other, learning.IdentityObservation(), data, alpha, solver=learning.DEER(), throw=False
        ).status

    found = [run(jnp.asarray(alpha)) for alpha in (0.0, 0.05, 0.2, 1.0)]
    assert [bool(status.converged) for status in found] == [False, True, True, True]
    iterations = [int(status.iterations) for status in found[1:]]
    assert iterations == sorted(iterations, reverse=True) and iterations[-1] <= 2


def test_growth_and_the_estimate_of_alpha():
    model = Recurrence(3.0 * jnp.eye(2), jnp.zeros(2))
    zs = jnp.zeros((5, 2))
    np.testing.assert_allclose(learning.jacobian_norms(model, zs), 3.0)
    rule = learning.EstimatedAlpha(first=0.2, every=2, rate=0.1, least=0.01)
    assert rule.next(0.2, 1, 5.0) == 0.2
    assert rule.next(0.2, 2, 4.0) == pytest.approx(0.75)
    assert rule.next(0.5, 4, 1 / (1 - 0.3)) == pytest.approx(0.5 - 0.1 * 0.2)
    assert rule.next(0.5, 4, 0.5) == pytest.approx(0.5 - 0.1 * 0.49)
    assert rule.next(0.5, 4, float("nan")) == 1.0


def test_schedules():
    rule = learning.ScheduledAlpha(0.4, 0.1, 10)
    assert [rule.next(0, step, 1.0) for step in (0, 5, 10, 99)] == pytest.approx(
        [0.4, 0.2, 0.1, 0.1]
    )
    rule = learning.ScheduledAlpha(0.4, 0.0, 10)
    assert [rule.next(0, step, 1.0) for step in (0, 5, 10)] == pytest.approx([0.4, 0.2, 0.0])
    assert learning.FixedAlpha(0.3).next(0.3, 5, 9.0) == learning.FixedAlpha(0.3).start == 0.3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: learning.FixedAlpha(1.2), "alpha must lie in \\[0, 1\\].*got 1.2"),
        (lambda: learning.FixedAlpha(-0.1), "alpha must lie in"),
        (lambda: learning.check_alpha(float("nan")), "alpha must lie in"),
        (lambda: learning.ScheduledAlpha(0.1, 2.0, 5), "alpha must lie in"),
        (lambda: learning.ScheduledAlpha(0.1, 0.2, 0), "at least 1 step"),
        (lambda: learning.EstimatedAlpha(every=0), "every 1 or more"),
        (lambda: learning.AffineObservation.of(jnp.ones((2, 3))), "no left inverse: rank 1 for 3"),
        (lambda: learning.AffineObservation.of(jnp.ones((2, 3)), hidden=True), "rank 1 only"),
        (lambda: learning.AffineObservation.of(jnp.full((2, 2), jnp.nan)), "not finite"),
        (lambda: learning.MaskedObservation((0, 3), 3), "from 0 to 2"),
        (lambda: learning.MaskedObservation((0, 0), 3), "different numbers"),
        (lambda: learning.MaskedObservation((), 3), "different numbers"),
        (
            lambda: learning.forced_run(recurrence(3), learning.IdentityObservation(), MEASURED, 7),
            "alpha must lie in",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
