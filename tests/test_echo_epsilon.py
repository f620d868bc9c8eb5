"""How near nudged echoes come to the gradient, in both precisions, and what they say of it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning
import physsim
from learning import BPTT, RHEL, ReversibleAdjoint, tune_epsilon

from .systems import duffing_chain
from .test_exact_reversal import junction_chain, start

STEPS = 400
SOLVER = physsim.StormerVerlet()


def reading(H, y, u, target):
    """Quadratic, reads momenta, and has a drive in it."""
    return (y.q[-1] - target) ** 2 / STEPS + y.p[0] * y.q[1] / STEPS


def chain(dtype):
    case = duffing_chain(STEPS)
    return cast((case.H, case.y0, case.inputs, 0.5 * case.targets), dtype)


def junctions(dtype):
    """So little excited that the motion is regular."""
    y0 = jax.tree.map(lambda x: 0.2 * x, start())
    targets = jnp.sin(0.3 * jnp.arange(float(STEPS)))
    return cast((junction_chain(), y0, None, 0.2 * targets), dtype)


def cast(tree, dtype):
    return jax.tree.map(lambda x: x.astype(dtype), tree)


PROBLEMS = {"Duffing chain": chain, "junctions": junctions}


def call(method, name, dtype, **options):
    H, y0, inputs, targets = PROBLEMS[name](dtype)
    options = {"dt": 0.2, "num_steps": STEPS, "inputs": inputs, "targets": targets, **options}
    return method(H, SOLVER, y0, reading, **options)


@functools.cache
def truth(name):
    return flat(call(BPTT(), name, jnp.float64)[1])


def flat(gradients):
    leaves = [np.ravel(x).astype(float) for x in jax.tree.leaves(gradients)]
    return np.concatenate(leaves)


def error(gradients, name):
    exact = truth(name)
    return float(np.linalg.norm(flat(gradients) - exact) / np.linalg.norm(exact))


@functools.cache
def tuned(name, dtype):
    return call(functools.partial(tune_epsilon, RHEL()), name, dtype)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(("dtype", "bound"), [(jnp.float64, 1e-8), (jnp.float32, 1e-3)])
def test_the_tuned_echo_is_near(name, dtype, bound):
    found = tuned(name, dtype)
    print(name, dtype.dtype, found.method.epsilon, error(found.gradients, name), found.errors)
    assert error(found.gradients, name) <= bound


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_the_estimated_error_is_the_true_one(name, dtype):
    """To an order of magnitude, wherever on the ladder: where bias rules and where rounding does.

    In float32 the way forward has an error of its own, which no epsilon tells of.
    """
    found = tuned(name, dtype)
    own = error(call(ReversibleAdjoint(), name, dtype)[1], name)
    for epsilon, estimate in zip(found.epsilons, found.errors, strict=True):
        true = error(call(RHEL(float(epsilon)), name, dtype)[1], name)
        assert true <= 10 * (estimate + own), (epsilon, estimate, true)
        assert estimate <= 30 * (true + own), (epsilon, estimate, true)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_tuned_epsilon_is_the_best_one(name):
    """No other strength on the ladder is three times nearer to the gradient."""
    found = tuned(name, jnp.float64)
    errors = [error(call(RHEL(float(e)), name, jnp.float64)[1], name) for e in found.epsilons]
    assert error(found.gradients, name) <= 3 * min(errors)
    assert 0 < np.argmin(errors) < len(errors) - 1


@pytest.mark.parametrize("name", PROBLEMS)
def test_entries_come_with_errors_of_their_own(name):
    """Each entry's true error is within ten times its estimate, or of rounding alone."""
    found = tuned(name, jnp.float64)
    off = np.abs(flat(found.gradients) - truth(name))
    assert np.all(off <= 10 * flat(found.error) + 1e-10 * np.linalg.norm(truth(name)))


@pytest.mark.parametrize("name", PROBLEMS)
def test_default_epsilons_are_near_the_best(name):
    for dtype in (jnp.float64, jnp.float32):
        default = error(call(RHEL(), name, dtype)[1], name)
        assert default <= 10 * error(tuned(name, dtype).gradients, name), (dtype, default)


@pytest.mark.parametrize("name", PROBLEMS)
def test_float32_tangent_is_as_good_as_backpropagation(name):
    """Both against float64: the echo's rounding is at most three times that of BPTT."""
    plain = error(call(BPTT(), name, jnp.float32)[1], name)
    echo = error(call(ReversibleAdjoint(), name, jnp.float32)[1], name)
    print(name, "float32: BPTT", plain, "tangent echo", echo)
    assert echo <= 3 * plain


def test_nudges_are_scaled_and_unscaled():
    """A cost in other units is nudged as strongly, and its gradient is in those units."""

    def million(H, y, u, target):
        return 1e6 * reading(H, y, u, target)

    def run(cost):
        H, y0, inputs, targets = chain(jnp.float64)
        options = {"dt": 0.2, "num_steps": STEPS, "inputs": inputs, "targets": targets}
        return flat(learning.RHEL(1e-4)(H, SOLVER, y0, cost, **options)[1])

    np.testing.assert_allclose(run(million), 1e6 * run(reading), rtol=1e-7)
