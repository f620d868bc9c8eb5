"""`echo_integrate` against plain autodiff of `integrate`: alone, in batches, inside a model."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sympy

import physsim
from learning import RHEL, echo_integrate
from physsim import ExactReversal, PhaseState, StormerVerlet

from .pace import mostly_slow
from .systems import driven_tanks, duffing_chain, junction_chain, pendulum
from .test_echo_lossy import magnetic, start

STEPS = 40


def damped(steps):
    problem = duffing_chain(steps)
    return problem._replace(H=physsim.damped(problem.H, conductance=0.1))


def in_a_field(steps):
    return duffing_chain(steps)._replace(H=magnetic(), y0=start(2), inputs=None)


CASES = {
    "held inputs": (driven_tanks, StormerVerlet(), 1),
    "a callable": (junction_chain, StormerVerlet(), 5),
    "odd parameter": (in_a_field, physsim.ImplicitMidpoint(), 4),
    "losses": (damped, StormerVerlet(), 10),
    "on the grid": (duffing_chain, ExactReversal(StormerVerlet()), 1),
    "at the end alone": (duffing_chain, physsim.SymplecticEuler(), STEPS),
}


def everything_read(solution):
    """A loss of all that a solution holds."""
    ys = solution.ys
    wave = jnp.sin(jnp.arange(ys.q.size, dtype=ys.q.dtype)).reshape(ys.q.shape)
    read = jnp.sum(wave * ys.q**2 + ys.p * ys.q) + jnp.sum(solution.energies**2)
    return read + solution.final.p[0] + jnp.sum(jnp.cos(solution.ts) * ys.q[:, 0])


def plain(H, solver, y0, inputs, **options):
    return physsim.integrate(H, solver, y0, inputs=inputs, **options)


def gradient(run, case, solver, every, **options):
    problem = case(STEPS)

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def loss(arguments):
        H, y0, inputs, dt = arguments
        steps = {"dt": dt, "num_steps": STEPS, "save_every": every}
        return everything_read(run(H, solver, y0, inputs, **steps, **options))

    return loss((problem.H, problem.state(), problem.inputs, jnp.asarray(0.1)))


def distance(found, exact):
    """The largest relative difference of an array leaf."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(exact), strict=True)
    return max(float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b)) for a, b in pairs if b.size)


@pytest.mark.parametrize("name", mostly_slow(CASES, CASES.keys() - {"odd parameter"}))
def test_it_is_autodiff_of_integrate(name):
    """By parameters, start, inputs and step; of trajectory, energies, end and times."""
    found, exact = (gradient(run, *CASES[name]) for run in (echo_integrate, plain))
    print(name, distance(found, exact))
    assert distance(found, exact) <= 1e-10


def test_two_nudged_echoes_come_close():
    found = gradient(echo_integrate, *CASES["held inputs"], echo=RHEL(1e-5))
    exact = gradient(plain, *CASES["held inputs"])
    assert distance(found, exact) <= 1e-8


class Layer(eqx.Module):
    """Signal -> inputs by a linear map -> driven oscillators -> a read-out."""

    encode: jax.Array
    H: physsim.AbstractHamiltonian
    decode: jax.Array
    run: object = eqx.field(static=True)

    def __call__(self, signal):
        y0 = PhaseState(jnp.zeros(3), jnp.zeros(3))
        steps = {"dt": 0.2, "num_steps": signal.shape[0]}
        ys = self.run(self.H, StormerVerlet(), y0, jnp.tanh(signal @ self.encode), **steps).ys
        return ys.q[1:] @ self.decode


def model(run):
    keys = jax.random.split(jax.random.key(0), 3)
    encode, decode = jax.random.normal(keys[0], (2, 1)), jax.random.normal(keys[1], (3,))
    return Layer(encode, duffing_chain(2).H, decode, run)


@eqx.filter_jit
@eqx.filter_value_and_grad
def mean_square(layer, signals, wanted):
    return jnp.mean((eqx.filter_vmap(layer)(signals) - wanted) ** 2)


def test_inside_a_model_in_batches():
    """vmap and jit, a model before and behind, a Hamiltonian shared by all samples."""
    signals = jax.random.normal(jax.random.key(3), (5, 30, 2))
    wanted = jnp.cumsum(signals[..., 0], axis=1)
    found, exact = (mean_square(model(run), signals, wanted) for run in (echo_integrate, plain))
    assert distance(found, exact) <= 1e-10


def test_optax_trains_it():
    signals = jax.random.normal(jax.random.key(3), (5, 30, 2))
    wanted = eqx.filter_vmap(model(plain))(signals)
    layer = eqx.tree_at(lambda m: m.decode, model(echo_integrate), jnp.zeros(3))
    optimiser = optax.adam(0.05)
    memory = optimiser.init(eqx.filter(layer, eqx.is_inexact_array))
    losses = []
    for _ in range(100):
        loss, slope = mean_square(layer, signals, wanted)
        with jax.numpy_dtype_promotion("standard"):
            updates, memory = optimiser.update(slope, memory)
        layer = eqx.apply_updates(layer, updates)
        losses.append(float(loss))
    assert losses[-1] < 1e-2 * losses[0]


def test_a_batch_of_hamiltonians_and_steps():
    """vmap over everything at once."""

    def end(run, k, q, dt):
        H = eqx.tree_at(lambda H: H.params["k"], pendulum(), k)
        y0 = PhaseState(q[None], jnp.zeros(1))
        return run(H, StormerVerlet(), y0, None, dt=dt, num_steps=20).final.q[0]

    arguments = (jnp.array([0.7, 1.3]), jnp.array([0.4, 2.0]), jnp.array([0.1, 0.2]))
    found, exact = (
        jax.jit(jax.vmap(jax.grad(lambda *a, run=run: end(run, *a), argnums=(0, 1, 2))))(*arguments)
        for run in (echo_integrate, plain)
    )
    assert distance(found, exact) <= 1e-12


def temporary_bytes(steps):
    problem = driven_tanks(steps)

    @eqx.filter_jit
    @eqx.filter_grad
    def loss(arguments, every):
        H, y0, inputs = arguments
        solver, options = StormerVerlet(), {"dt": 0.1, "num_steps": steps, "save_every": steps}
        return jnp.sum(echo_integrate(H, solver, y0, inputs, **options).final.q)

    compiled = loss.lower((problem.H, problem.state(), problem.inputs), steps).compile()
    return compiled.compiled.memory_analysis().temp_size_in_bytes


def test_memory_does_not_grow_with_the_run():
    """Beyond the inputs' gradient, which the check for a missed start copies once."""
    short, long = temporary_bytes(1_000), temporary_bytes(100_000)
    one_copy = 8 * (100_000 - 1_000)
    assert abs(long - short - one_copy) <= 0.01 * short


def test_what_has_no_echo_is_refused():
    q, p = sympy.symbols("q p")
    lopsided = physsim.symbolic(p**2 / 2 + p**3 / 10 + q**2 / 2, q=[q], p=[p])
    y0, options = PhaseState(jnp.ones(1), jnp.zeros(1)), {"dt": 0.1, "num_steps": 4}
    with pytest.raises(ValueError, match=r"p\*\*3/10 of the energy is not the same"):
        echo_integrate(lopsided, StormerVerlet(), y0, **options)
    lossy = physsim.damped(pendulum(), conductance=0.1)
    with pytest.raises(ValueError, match=r"lossy \(conductance at q\)"):
        echo_integrate(lossy, StormerVerlet(), y0, echo=RHEL(), **options)
    batch = jax.tree.map(lambda x: jnp.stack([x, x]), y0)
    with pytest.raises(ValueError, match=r"must have shape \(1,\), got \(2, 1\)"):
        echo_integrate(pendulum(), StormerVerlet(), batch, **options)


def test_a_run_that_diverges_is_an_error():
    q, p = sympy.symbols("q p")
    steep = physsim.symbolic(p**2 / 2 - q**4, q=[q], p=[p])
    y0 = PhaseState(jnp.ones(1), jnp.ones(1))
    with pytest.raises(physsim.DivergenceError):
        echo_integrate(steep, StormerVerlet(), y0, dt=0.1, num_steps=100)


def test_values_are_those_of_integrate():
    problem = driven_tanks(STEPS)
    arguments, options = (problem.H, StormerVerlet(), problem.state()), {"num_steps": STEPS}
    found = echo_integrate(*arguments, problem.inputs, dt=0.1, save_every=4, **options)
    exact = physsim.integrate(*arguments, inputs=problem.inputs, dt=0.1, save_every=4, **options)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)
