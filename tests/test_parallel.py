"""Every way to find a trajectory against the sequential scan, and gradients against BPTT."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import circuits
import learning
import physsim

from .pace import mostly_slow
from .parallel_maps import CHUA, Linear, lorenz63, recurrence
from .systems import pendulum

ALPHAS = (0.05, 0.1, 0.3, 1.0)
LONG = 300
SOLVERS = {
    "Hybrid": learning.Hybrid(),
    "DEER": learning.DEER(),
    "associative": learning.DEER(scan=learning.AssociativeScan()),
    "blocked": learning.DEER(scan=learning.BlockedScan(8)),
    "damped": learning.DEER(damped=True),
    "quasi": learning.DEER(learning.DiagonalJacobian(), max_iterations=200),
    "windowed": learning.Windowed(learning.DEER(), 64),
}
# Where quasi-DEER does not come through: it needs a map that forgets fast.
MAY_FAIL = {("quasi", 0.05), ("quasi", 0.1)}


def forced_problem(D):
    """A recurrence forced by the noisy trajectory of a slightly different one."""
    rng = np.random.default_rng(D)
    truth, model = recurrence(D, gain=1.5), recurrence(D, gain=1.45)
    z0 = jnp.asarray(rng.normal(size=D))
    zs = learning.solve(truth, z0, num_steps=LONG, solver=learning.Sequential()).zs
    measured = jnp.concatenate([z0[None], zs]) + 0.05 * rng.normal(size=(LONG + 1, D))
    return model, z0, measured, jnp.asarray(rng.normal(size=(LONG, D)))


@eqx.filter_jit
def value_and_gradients(arguments, alpha, target, solver):
    """(trajectory, d cost / d (model, measured))."""

    def cost(arguments):
        model, measured = arguments
        observation = learning.IdentityObservation()
        found = learning.forced_run(model, observation, measured, alpha, solver=solver, throw=False)
        return jnp.sum(target * jnp.tanh(found.zs)), found

    (_, found), gradients = eqx.filter_value_and_grad(cost, has_aux=True)(arguments)
    return found, gradients


@functools.cache
def answered(D):
    """(arguments, target, BPTT's answers by alpha)."""
    model, _, measured, target = forced_problem(D)
    arguments = (model, measured)
    answers = {
        alpha: value_and_gradients(arguments, jnp.asarray(alpha), target, learning.Sequential())
        for alpha in ALPHAS
    }
    return arguments, target, answers


def assert_close(found, expected):
    for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        scale = float(jnp.max(jnp.abs(y), initial=0))
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-9 * max(scale, 1.0))


@pytest.mark.parametrize(
    ("D", "name"),
    [
        *((3, name) for name in SOLVERS),
        (16, "Hybrid"),
        (64, "Hybrid"),
        pytest.param(64, "associative", marks=pytest.mark.slow),
    ],
)
def test_trajectories_and_gradients_agree(D, name):
    arguments, target, answers = answered(D)
    for alpha, (expected, slopes) in answers.items():
        found, gradients = value_and_gradients(arguments, jnp.asarray(alpha), target, SOLVERS[name])
        if not found.status.converged:
            assert (name, alpha) in MAY_FAIL, (alpha, found.status)
            continue
        assert_close(found.zs, expected.zs)
        assert_close(gradients, slopes)


def test_gradients_by_state_and_inputs():
    """Those by z0 and xs, which enter the implicit gradient on their own paths."""
    model, z0, measured, target = forced_problem(3)

    @eqx.filter_jit
    def slopes(z0, xs, solver):
        def cost(arguments):
            return jnp.sum(target * learning.solve(model, *arguments, solver=solver).zs)

        return jax.grad(cost)((z0, xs))

    xs = 0.3 * measured[1:]
    exact = slopes(z0, xs, learning.Sequential())
    for solver in (learning.Hybrid(), learning.Windowed(learning.DEER(), 50)):
        assert_close(slopes(z0, xs, solver), exact)


def test_one_step():
    model, z0, _, _ = forced_problem(3)
    for solver in (learning.Hybrid(), learning.DEER(), learning.Windowed(learning.DEER(), 64)):
        found = learning.solve(model, z0, num_steps=1, solver=solver)
        np.testing.assert_allclose(found.zs[0], model(z0, None), atol=1e-12)


@pytest.mark.parametrize("T", [1, 75, 107])
def test_affine_scans_agree(T):
    rng = np.random.default_rng(T)
    dense = 0.4 * rng.normal(size=(T, 4, 4))
    b, z0 = rng.normal(size=(T, 4)), rng.normal(size=4)
    kinds = (
        learning.Dense(jnp.asarray(dense)),
        learning.Dense(jnp.asarray(dense[0])),
        learning.Diagonal(jnp.asarray(dense[:, 0])),
        learning.Diagonal(jnp.asarray(dense[0, 0])),
    )
    scans = (learning.SequentialScan(), learning.AssociativeScan(), learning.BlockedScan(7))
    found = jax.jit(lambda A: [scan(A, jnp.asarray(b), jnp.asarray(z0)) for scan in scans])
    for A in kinds:
        z, expected, values = z0, [], np.asarray(A.values)
        for t in range(T):
            factor = values if A.constant else values[t]
            z = (factor @ z if factor.ndim == 2 else factor * z) + b[t]
            expected.append(z)
        for zs in found(A):
            np.testing.assert_allclose(zs, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("T", mostly_slow([16, 43], [16]))
def test_gradients_of_blocked_scans(T):
    """Against `lax.scan` differentiated as it is, complex numbers included."""
    rng = np.random.default_rng(T)
    dense, z0 = 0.4 * rng.normal(size=(T, 3, 3)), rng.normal(size=3)
    b, weights = rng.normal(size=(2, T, 3))
    turning = np.exp(-0.1 + 1j * rng.uniform(size=3))
    kinds = (
        learning.Dense(jnp.asarray(dense)),
        learning.Dense(jnp.asarray(dense[0])),
        learning.Diagonal(jnp.asarray(dense[:, 0])),
        learning.Diagonal(jnp.asarray(turning)),
    )

    def cost(arguments, scan):
        A, b, z0 = arguments
        zs = scan(A, b, z0)
        return jnp.sum(jnp.abs(zs) ** 2 * jnp.asarray(weights))

    slope = eqx.filter_jit(eqx.filter_grad(cost))
    for A in kinds:
        arguments = (A, *(jnp.asarray(x, A.values.dtype) for x in (b, z0)))
        assert_close(
            slope(arguments, learning.BlockedScan(5)), slope(arguments, learning.SequentialScan())
        )


def test_affine_maps_are_exact_and_others_refused():
    rng = np.random.default_rng(0)
    A = np.linalg.qr(rng.normal(size=(4, 4)))[0] * 0.999
    F, xs = Linear(jnp.asarray(A)), jnp.asarray(rng.normal(size=(1000, 4)))
    z0 = jnp.zeros(4)
    expected = learning.solve(F, z0, xs, solver=learning.Sequential()).zs
    found = learning.solve(F, z0, xs, solver=learning.AffineMap())
    np.testing.assert_allclose(found.zs, expected, atol=1e-9)
    bent = Linear(F.A, jnp.asarray(1e-6))
    with pytest.raises(learning.ConvergenceError, match="not affine"):
        learning.solve(bent, z0, xs, solver=learning.AffineMap())


def test_field_under_runge_kutta():
    """Lorenz-63 in windows, each short beside its Lyapunov time."""
    F = learning.RungeKutta4(lorenz63(), 0.01)
    z0 = jnp.asarray([1.0, 2.0, 20.0])
    expected = learning.solve(F, z0, num_steps=300, solver=learning.Sequential()).zs
    found = learning.solve(F, z0, num_steps=300, solver=learning.Windowed(learning.DEER(), 25))
    # A difference at the start grows by exp(0.9 x 3).
    np.testing.assert_allclose(found.zs, expected, atol=1e-8)


@pytest.mark.slow
def test_circuit_steps():
    """Component gradients through Chua's circuit, nonlinear losses and all."""
    circuit = circuits.loads(CHUA)
    dt = 2e-6 / circuit.scales.time
    z0 = jnp.concatenate([circuit.y0.q, circuit.y0.p])

    @eqx.filter_jit
    def slope(H, solver):
        def cost(H):
            F = learning.RungeKutta4(learning.HamiltonianField(H.prepare()), dt)
            return jnp.mean(learning.solve(F, z0, num_steps=60, solver=solver).zs ** 2)

        return eqx.filter_grad(cost)(H)

    exact = slope(circuit.hamiltonian, learning.Sequential())
    assert_close(slope(circuit.hamiltonian, learning.Hybrid()), exact)


def test_integrator_steps():
    """A pendulum without losses, five periods: the states are those of `integrate`."""
    H, method = pendulum(), physsim.StormerVerlet()
    y0 = physsim.PhaseState(jnp.full(1, 1.0), jnp.zeros(1))
    F = learning.HamiltonianMap.of(H, method, 0.1, 2)
    found = learning.solve(F, jnp.asarray([1.0, 0.0]), num_steps=300,
                           solver=learning.Windowed(learning.DEER(), 75))  # fmt: skip
    run = physsim.integrate(H, method, y0, dt=0.05, num_steps=600, save_every=2).ys
    np.testing.assert_allclose(found.zs[:, :1], run.q[1:], atol=1e-8)
    np.testing.assert_allclose(found.zs[:, 1:], run.p[1:], atol=1e-8)


def test_single_precision():
    model, z0, _, _ = forced_problem(3)
    model, z0 = jax.tree.map(lambda x: x.astype(jnp.float32), (model, z0))
    expected = learning.solve(model, z0, num_steps=50, solver=learning.Sequential()).zs
    found = learning.solve(model, z0, num_steps=50, solver=learning.Windowed(learning.DEER(), 10))
    assert found.zs.dtype == jnp.float32
    np.testing.assert_allclose(found.zs, expected, atol=1e-4)


def test_default_solver():
    assert isinstance(learning.choose_solver(3, 10_000, "cpu", tuned=False), learning.Hybrid)
    assert isinstance(learning.choose_solver(3, 10_000, "cpu", tuned=True), learning.Sequential)
    assert isinstance(learning.choose_solver(64, 10_000, "cpu", tuned=False), learning.Sequential)
    assert isinstance(learning.choose_solver(3, 10_000, "gpu"), learning.DEER)
    assert isinstance(learning.choose_solver(3, 10, "gpu", tuned=True), learning.Sequential)


def test_coarse_guess_is_a_run_of_the_coarse_map():
    """Of a map that is linear in time both ways, it is the trajectory itself."""
    z0, xs = jnp.asarray([1.0, -2.0]), jnp.ones((10, 2))
    coarse = learning.CoarseGuess(lambda z, x: z + 4 * x, 4)
    expected = learning.solve(lambda z, x: z + x, z0, xs, solver=learning.Sequential()).zs
    np.testing.assert_allclose(coarse(z0, xs, 10), expected, atol=1e-12)
    with pytest.raises(ValueError, match="coarse step"):
        learning.CoarseGuess(lambda z, x: z, 0)


@pytest.mark.slow
def test_coarse_guess_lets_lossless_junctions_converge():
    """Eight periods of a pendulum at 1.5 rad, where a start that stands still does not."""
    H, z0, step = pendulum(), jnp.asarray([1.5, 0.0]), 2 * np.pi / 40

    def one(k):
        return learning.HamiltonianMap.of(H, physsim.StormerVerlet(), k * step)

    expected = learning.solve(one(1), z0, num_steps=320, solver=learning.Sequential()).zs

    def found(coarse):
        deer = learning.DEER(coarse=coarse, max_iterations=10)
        return learning.solve(one(1), z0, num_steps=320, solver=deer, throw=False)

    assert not bool(found(None).status.converged)
    guessed = found(learning.CoarseGuess(one(2), 2))
    assert bool(guessed.status.converged)
    np.testing.assert_allclose(guessed.zs, expected, atol=1e-9)

    @jax.grad
    def slope(z0, solver):
        return jnp.sum(learning.solve(one(1), z0, num_steps=80, solver=solver).zs[-1])

    guessing = learning.DEER(coarse=learning.CoarseGuess(one(2), 2))
    assert_close(slope(z0, guessing), slope(z0, learning.Sequential()))
