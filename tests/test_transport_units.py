"""Transport along runs of recurrent units, alone and in a trained stack, as along circuits."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning
from physsim import StormerVerlet

from .pace import mostly_slow

MODES, SIGNALS = 3, 2
LAGS = [1, 10, 100, 1000, 10_000]


def along(unit, steps):
    """(F, states, inputs, metric) of a run under noise."""
    signals = jnp.asarray(np.random.default_rng(0).normal(size=(steps, SIGNALS)))
    F, inputs = learning.unit_map(unit, StormerVerlet(), signals)
    states = learning.run_map(F, jnp.zeros(2 * len(unit.coordinates)), inputs)
    at = (F.dt, jnp.zeros(states.shape[1]), signals[0])
    return F, states, inputs, learning.leapfrog_metric(unit, *at)


@pytest.mark.parametrize("copies", mostly_slow([1, 2], [2]))
def test_a_linear_unit_carries_everything_at_every_lag(copies):
    """In the energy that leapfrog keeps, though its steps are up to half a radian long."""
    unit = learning.make_linear_hru(MODES, SIGNALS, key=jax.random.key(1), copies=copies)
    F, states, inputs, metric = along(unit, LAGS[-1] + 10)
    found = learning.transport(F, states, inputs, LAGS, metric, windows=2)
    apart = np.abs(found.anisotropy().ratio - 1).max()
    print(f"gain - 1 {np.abs(np.exp(found.log_gain) - 1).max():.1e}, sigma ratio - 1 {apart:.1e}, "
          f"ln det {np.abs(found.log_det).max():.1e}, Euclidean gain "
          f"{np.exp(found.log_gain_euclidean.max()):.2f}")  # fmt: skip
    np.testing.assert_allclose(np.exp(found.log_gain), 1, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.anisotropy().ratio, 1, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.log_det, 0, atol=1e-9)
    np.testing.assert_allclose(found.effective_rates(), 1, rtol=0, atol=1e-6)
    # In the Euclidean norm it would seem to amplify, and in the energy itself to waver.
    assert np.exp(found.log_gain_euclidean.max()) > 1.3
    energy = learning.energy_metric(unit, states[0], jnp.zeros(SIGNALS))
    plain = learning.transport(F, states, inputs, LAGS[:3], energy, windows=2)
    assert 1.01 < np.exp(plain.log_gain.max()) < 1.2


def test_a_linear_units_credit_comes_at_the_phase_of_leapfrogs_frequency():
    """cos(omega h) = 1 - h^2 A / 2 for each mode."""
    unit = learning.make_linear_hru(MODES, SIGNALS, key=jax.random.key(1))
    F, states, inputs, metric = along(unit, 1010)
    found = learning.transport(F, states, inputs, [1, 30, 1000], metric, windows=2)
    core = unit.core
    angles = np.sort(np.arccos(1 - np.asarray(core.h**2 * core.A) / 2))
    np.testing.assert_allclose(np.sort(np.angle(found.modes.values)), angles, rtol=1e-9)
    turned = np.exp(1j * np.angle(found.modes.values) * found.lags[:, None])
    np.testing.assert_allclose(
        np.exp(1j * np.asarray(found.modal_phase[:, 1])), turned, rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(found.modal_log_modulus, 0, atol=1e-9)


def make_nonlinear(dense):
    unit = learning.make_nonlinear_hru(
        MODES, SIGNALS, key=jax.random.key(2), dense=dense, step=(0.3, 0.9)
    )
    return eqx.tree_at(lambda u: u.projection.b, unit, jnp.array([0.3, -0.2, 1.5]))


@pytest.mark.parametrize("dense", mostly_slow([False, True], [False]))
def test_a_nonlinear_units_products_are_those_of_the_composed_map(dense):
    """Leapfrog written out, and differentiated through all steps of a window at once."""
    unit = make_nonlinear(dense)
    lags = [1, 15]
    F, states, inputs, metric = along(unit, 32)
    g = jnp.arange(1.0, 2 * MODES + 1)
    found = learning.transport(
        F, states, inputs, lags, metric, cotangent=g, parameters=F.parameters(),
        windows=2, modes=False,
    )  # fmt: skip
    start = int(found.starts[1])
    rows = inputs[1]

    def composed(unit, z, first, steps):
        """q <- q + h p / 2, p <- p + h force, q <- q + h p / 2, by the formulas of the unit."""
        core = unit.core

        def step(z, row):
            q, p = z
            q = q + core.h * p / 2
            p = (
                p
                - core.h * core.alpha * q
                - saturating(unit, core, q, unit.projection.B @ row + unit.projection.b)
            )
            return (q + core.h * p / 2, p), None

        start = (z[:MODES], z[MODES:])
        return jnp.concatenate(
            jax.lax.scan(step, start, jax.lax.dynamic_slice_in_dim(rows, first, steps))[0]
        )

    def saturating(unit, core, q, r):
        if dense:
            W = unit.coupling.W
            return W.T @ (core.h * core.c * jnp.tanh(W @ q + r))
        return core.h * core.c * jnp.tanh(jnp.exp(unit.coupling.log_w) * q + r)

    root = np.linalg.cholesky(np.asarray(metric)).T
    worst = 0.0
    for i, lag in enumerate(lags):
        M = np.asarray(
            jax.jit(jax.jacfwd(lambda z, lag=lag: composed(unit, z, start, lag)))(states[start])
        )
        sigma = np.linalg.svd(root @ M @ np.linalg.inv(root), compute_uv=False)
        gain = np.exp(found.log_gain[i, 1])
        worst = max(worst, abs(gain / sigma[0] - 1))
        np.testing.assert_allclose(gain, sigma[0], rtol=1e-12)
        np.testing.assert_allclose(found.singular[i, 1], sigma / sigma[0], rtol=0, atol=1e-12)
        plain = np.linalg.svd(M, compute_uv=False)[0]
        np.testing.assert_allclose(np.exp(found.log_gain_euclidean[i, 1]), plain, rtol=1e-12)
        np.testing.assert_allclose(found.log_det[i], 0, atol=1e-12)
        late = jax.jit(jax.grad(lambda then, s, lag=lag: g @ composed(
            unit, composed(then, states[s - 1], s - 1, 1), s, lag
        )))  # fmt: skip
        slopes = [late(unit, end - lag) for end in (lags[-1] + 1, len(rows))]
        expected = jax.tree.map(lambda a, b: jnp.sqrt((a**2 + b**2) / 2), *slopes)
        for a, b in zip(jax.tree.leaves(found.sensitivity), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-9, atol=1e-12)
    print(f"dense={dense}: gain within {worst:.1e} of the composed map's")


def small_stack(unit):
    shape = learning.StackShape(signals=2, outputs=1, blocks=2, hidden=4, modes=3)
    return learning.make_stack(shape, unit, key=jax.random.key(0))


@pytest.mark.parametrize(
    "unit",
    mostly_slow(
        [learning.make_linear_hru, learning.make_nonlinear_hru], [learning.make_nonlinear_hru]
    ),
)
def test_sensitivities_over_all_lags_add_up_to_the_gradient_of_the_loss(unit):
    """dL/dtheta = sum over steps s and lags h of g_{s+h}^T M_h dF_s/dtheta, with lag 0."""
    stack, steps = small_stack(unit), 12
    rng = np.random.default_rng(1)
    data = learning.SeriesData("noise", rng.normal(size=(1, 2, steps)), np.array([steps]),
                               rng.normal(size=(1, 1, 1)), every=steps)  # fmt: skip
    whole = learning.stack_gradient(stack, data, learning.StoredSweep())
    for block, run in zip(whole.blocks, learning.layer_runs(stack, data), strict=True):
        F, z, xs = run.F, run.states[:-1], run.inputs
        J = jax.jit(jax.vmap(jax.jacfwd(F)))(z, xs)
        # The sum over lags of g^T M, from the last step back.
        carried = [run.slopes[-1]]
        for s in range(steps - 1, 0, -1):
            carried.append(run.slopes[s] + carried[-1] @ J[s])
        pull = jax.vmap(lambda z, x, g, F=F: jax.vjp(lambda H: moved(F, H, z, x), F.H)[1](g)[0])
        shares = jax.jit(pull)(z, xs, jnp.stack(carried[::-1]))
        total = jax.tree.map(lambda x: jnp.sum(x, 0), shares)
        # Signals are no parameters, so what a unit owes to the ones below is theirs.
        for a, b in zip(jax.tree.leaves(total), jax.tree.leaves(block.unit), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def moved(F, H, z, x):
    return eqx.tree_at(lambda F: F.H, F, H)(z, x)


def test_layers_are_run_as_the_stack_runs_them():
    stack, steps = small_stack(learning.make_nonlinear_hru), 9
    x = np.random.default_rng(2).normal(size=(1, 2, steps + 3))
    data = learning.SeriesData("noise", np.repeat(x, 2, 0), np.array([steps, steps + 3]),
                               np.array([0, 1]), classes=("a", "b"))  # fmt: skip
    first, second = learning.layer_runs(stack, data[:1])
    # Padding is left out.
    assert len(first.states) == steps + 1
    u = stack.encoder(jnp.asarray(x[0, :, :steps])[..., None])
    v, drive = stack.blocks[0].enter(u)
    q = learning.StoredSweep().positions(
        stack.solver, stack.blocks[0].unit, stack.start(1)[0], drive
    )
    np.testing.assert_allclose(first.states[1:, :3], q[..., 0].T, rtol=0, atol=1e-14)
    below = stack.blocks[0].leave(q, u, v)
    np.testing.assert_allclose(
        second.inputs[1], stack.blocks[1].norm(below)[..., 0].T, rtol=0, atol=1e-13
    )
    with pytest.raises(ValueError, match="along one series, got 2"):
        learning.layer_runs(stack, data)
    wide = learning.SeriesData("wide", np.zeros((1, 3, 4)), np.array([4]), np.zeros((1, 1, 1)),
                               every=4)  # fmt: skip
    with pytest.raises(ValueError, match="takes 2 channels, wide has 3"):
        learning.layer_runs(stack, wide)


def test_a_cotangent_of_another_shape_is_refused():
    F, states, inputs, _ = along(make_nonlinear(False), 10)
    with pytest.raises(ValueError, match="the cotangent must have shape"):
        learning.transport(F, states, inputs, [1], cotangent=jnp.ones((3, 6)), modes=False)


def test_two_wells_have_no_metric_of_energy():
    """alpha + c w < 0 at rest: small motions run away."""
    unit = eqx.tree_at(lambda u: u.c, make_nonlinear(False), jnp.full(MODES, -40.0))
    F, states, inputs, metric = along(unit, 10)
    with pytest.raises(ValueError, match="singular or not positive definite"):
        learning.transport(F, states, inputs, [1], metric, modes=False)
