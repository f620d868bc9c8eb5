"""Stacks: every derivative by every backward pass, against backpropagation through time."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import learning
import physsim
from learning import FusedSweep, LayerSweep, StoredSweep

from .pace import mostly_slow

STEPS, SERIES, SIGNALS, OUTPUTS, HIDDEN, MODES = 100, 2, 3, 2, 4, 3


def duffing_unit(modes, signals, *, key):
    """A chain of Duffing oscillators from SymPy, with a step to be trained."""
    q, p, u = (sympy.symbols(f"{x}0:{modes}") for x in "qpu")
    k = sympy.Symbol("k")
    energy = sum(y**2 / 2 for y in p) + sum(
        x**2 / 2 + k * x**4 / 4 - x * r for x, r in zip(q, u, strict=True)
    )
    energy += sum((a - b) ** 2 / 2 for a, b in itertools.pairwise(q))
    H = physsim.symbolic(energy, q=q, p=p, u=u, params={k: 0.3})
    projection = learning.make_projection(signals, modes, key=key)
    return learning.HamiltonianUnit(H, projection, jnp.asarray(0.3, float))


def mixed_stack(dropout=0.1, solver=None):
    """A block of each kind of unit."""
    makers = iter([
        functools.partial(learning.make_linear_hru, copies=2),
        learning.make_nonlinear_hru,
        functools.partial(learning.make_nonlinear_hru, dense=True),
        duffing_unit,
    ])  # fmt: skip
    return learning.make_stack(
        learning.StackShape(SIGNALS, OUTPUTS, 4, HIDDEN, MODES),
        lambda *args, key: next(makers)(*args, key=key),
        key=jax.random.key(0), dropout=dropout, solver=solver,
    )  # fmt: skip


def small_stack(kind, blocks=1):
    maker = {"linear": learning.make_linear_hru, "nonlinear": learning.make_nonlinear_hru}[kind]
    shape = learning.StackShape(SIGNALS, OUTPUTS, blocks, HIDDEN, MODES)
    return learning.make_stack(shape, maker, key=jax.random.key(0))


def arguments_of(stack, steps=STEPS):
    x = jax.random.normal(jax.random.key(1), (SIGNALS, steps, SERIES))
    starts = jax.tree.map(
        lambda y: 0.3 * jax.random.normal(jax.random.key(y.size), y.shape), stack.start(SERIES)
    )
    return stack, x, starts


def reading_of(steps, dtype=float):
    return learning.subsampling(steps, steps // 2, dtype)


@eqx.filter_jit
def value_and_grad(arguments, sweep):
    """Of the mean square of outputs read twice along the run, with dropout."""

    @eqx.filter_value_and_grad
    def loss(arguments):
        stack, x, starts = arguments
        reading = reading_of(x.shape[1], x.dtype)
        out = sweep(stack, x, reading, starts=starts, key=jax.random.key(7))
        return jnp.mean((out - 1) ** 2)

    return loss(arguments)


def errors(gradient, reference):
    """The relative error of each leaf, by its largest entry."""
    pairs = zip(jax.tree.leaves(gradient), jax.tree.leaves(reference), strict=True)
    return [float(np.max(np.abs(np.asarray(a, float) - b)) / np.max(np.abs(b))) for a, b in pairs]


@pytest.fixture(scope="module")
def reference():
    """(arguments, (value, gradient)) by BPTT, all leaves with a derivative."""
    arguments = arguments_of(mixed_stack())
    value, gradient = value_and_grad(arguments, StoredSweep())
    assert all(float(jnp.max(jnp.abs(x))) > 0 for x in jax.tree.leaves(gradient))
    return arguments, (value, gradient)


SWEEPS = {
    "layer by layer": LayerSweep(),
    # The two windows of 50 steps are cut into 16 + 16 + 16 + 2.
    "fused": FusedSweep(chunk=16),
}


@pytest.mark.parametrize("name", mostly_slow(SWEEPS, ["fused"]))
def test_every_derivative_is_that_of_backpropagation(reference, name):
    """Parameters, input, initial states, steps: relative error at most 1e-9."""
    arguments, (value, gradient) = reference
    found, by = value_and_grad(arguments, SWEEPS[name])
    np.testing.assert_allclose(found, value, rtol=1e-12)
    assert max(errors(by, gradient)) <= 1e-9


def test_backpropagation_is_a_finite_difference(reference):
    arguments, (_, gradient) = reference
    direction = jax.tree.map(
        lambda x: jax.random.normal(jax.random.key(x.size), x.shape) if eqx.is_array(x) else x,
        eqx.filter(arguments, eqx.is_inexact_array),
    )
    slope = sum(
        float(jnp.sum(a * b))
        for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    )
    values = []
    for size in (2e-6, -2e-6):
        moved = eqx.apply_updates(arguments, jax.tree.map(lambda d, s=size: s * d, direction))
        values.append(float(value_and_grad(moved, StoredSweep())[0]))
    assert (values[0] - values[1]) / 4e-6 == pytest.approx(slope, rel=1e-6)


def test_two_sided_echoes_converge_quadratically():
    arguments = arguments_of(small_stack("nonlinear"))
    _, exact = value_and_grad(arguments, StoredSweep())
    worst = [
        max(errors(value_and_grad(arguments, LayerSweep(learning.RHEL(size)))[1], exact))
        for size in (1e-2, 1e-3)
    ]
    assert np.log10(worst[0] / worst[1]) == pytest.approx(2, abs=0.1)


@pytest.mark.slow
def test_float32_is_as_good_as_backpropagation_in_float32():
    """Within 3 times its error, over all leaves together."""
    arguments = arguments_of(small_stack("nonlinear"))
    _, gradient = value_and_grad(arguments, StoredSweep())
    single = learning.cast(arguments, "float32")

    def size(sweep):
        found = value_and_grad(single, sweep)[1]
        assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(found))
        return np.linalg.norm(errors(found, gradient))

    allowed = 3 * size(StoredSweep())
    assert size(LayerSweep()) <= allowed
    assert size(FusedSweep()) <= allowed


def test_weights_take_the_precision_of_the_signals():
    """`mean_pooling` gives those of JAX's default, and a stack may be in float32."""
    stack, x, _ = learning.cast(arguments_of(small_stack("linear"), 20), "float32")
    reading = learning.mean_pooling(np.array([20, 12]), 20)
    assert reading.weights.dtype == jnp.float64
    found = eqx.filter_jit(FusedSweep())(stack, x, reading)
    assert found.dtype == jnp.float32


def chaotic(solver):
    """Coupled modes with a strong force that pushes outwards, in float32."""
    unit = functools.partial(learning.make_nonlinear_hru, dense=True, step=(0.3, 0.3))
    stack = learning.make_stack(
        learning.StackShape(SIGNALS, OUTPUTS, 1, HIDDEN, MODES), unit, key=jax.random.key(0),
        solver=solver,
    )  # fmt: skip
    stack = eqx.tree_at(lambda s: s.blocks[0].unit.c, stack, jnp.full(MODES, -4.0))
    return learning.cast(arguments_of(stack, 2_000), "float32")


def test_an_echo_lost_in_chaos_is_no_gradient_and_one_on_the_grid_is_not_lost():
    """Any bit that differed on the way back would have grown to the size of the states."""
    with pytest.raises(eqx.EquinoxRuntimeError, match="the way back missed the start"):
        value_and_grad(chaotic(physsim.StormerVerlet()), FusedSweep(50))
    exact = physsim.ExactReversal(physsim.StormerVerlet())
    _, gradient = value_and_grad(chaotic(exact), FusedSweep(50))
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))


def temporary_bytes(sweep, steps):
    stack = small_stack("linear", 2)
    x, weights = jnp.zeros((SIGNALS, steps, SERIES)), jnp.zeros((steps, 1))

    def loss(stack, x, weights):
        return jnp.sum(sweep(stack, x, learning.Reading(weights, 1)) ** 2)

    lowered = eqx.filter_jit(eqx.filter_grad(loss)).lower(stack, x, weights)
    return lowered.compile().compiled.memory_analysis().temp_size_in_bytes


@pytest.mark.slow
def test_memory_of_the_fused_sweep_is_constant():
    short, long = (temporary_bytes(FusedSweep(), steps) for steps in (1_024, 102_400))
    assert abs(long - short) <= 0.01 * short
    assert temporary_bytes(StoredSweep(), 102_400) > 500 * long


def test_padding_is_not_read():
    """A short series read by its own length gives the same with anything behind it."""
    stack, x, _ = arguments_of(small_stack("linear"), 20)
    reading = learning.mean_pooling(np.array([20, 12]), 20)
    changed = x.at[:, 12:, 1].set(5.0)
    run = eqx.filter_jit(lambda x: StoredSweep()(stack, x, reading))
    np.testing.assert_array_equal(run(x), run(changed))
    assert not np.array_equal(run(x), run(x.at[:, 11, 1].set(5.0)))


def test_what_does_not_fit_is_refused():
    stack, x, _ = arguments_of(small_stack("linear"), 20)
    with pytest.raises(ValueError, match="takes 3 channels, the data have 2"):
        StoredSweep()(stack, x[:2], reading_of(20))
    with pytest.raises(ValueError, match="20 steps can't be read by weights for 10"):
        FusedSweep()(stack, x, reading_of(10))
    with pytest.raises(ValueError, match="20 steps can't be read every 7"):
        learning.subsampling(20, 7)
    with pytest.raises(ValueError, match="at least 1 of blocks, got 0"):
        small_stack("linear", 0)
    with pytest.raises(ValueError, match="not palindromic"):
        learning.make_stack(
            learning.StackShape(1, 1, 1, 2, 2), learning.make_linear_hru, key=jax.random.key(0),
            solver=physsim.SymplecticEuler(),
        )  # fmt: skip
