"""RHEL as an imperfect machine runs it: forward, flip, two nudged echoes, two readings.

The three passes run on the machine as it is, with losses and noise, and with values that have
drifted from one to the next. The flip comes at a wrong time and has a wrong gain, the nudges come
from a DAC, and what the echoes have added up is read through an amplifier and an ADC.
"""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from physsim import AbstractHamiltonian, AbstractSeparableHamiltonian, PhaseState

from .._echo import cost_slope, echo_solver, find_parity, largest, make_return
from .._objective import Objective
from .._outcome import Outcome, Weighted
from .._problem import Problem
from .._samples import Samples
from .._shares import Shares, add, slope, zeros

Scalar = Float[Array, "..."] | Float[np.ndarray, "..."] | float | int


@final
class EchoErrors(eqx.Module):
    """How a machine differs from an ideal one. Scalars; arrays of them stand for many machines.

    Rates and times are in the Hamiltonian's own units, "relative" is to the quantity itself.
    """

    epsilon: Scalar = 1e-3
    """The largest displacement by a single nudge, in units of the state."""
    loss: Scalar = 0.0
    """The rate at which all momenta decay: omega / Q."""
    diffusion: Scalar = 0.0
    """The energy that noise adds to each momentum a unit of time: loss x kT, if it is thermal."""
    drift: Scalar = 0.0
    """Relative change of every value between the forward run and the echoes (deviation)."""
    mismatch: Scalar = 0.0
    """Relative difference of every value between either echo and their mean (deviation)."""
    flip_gain: Scalar = 0.0
    """How much too large the momenta are after the flip, relative."""
    flip_delay: Scalar = 0.0
    """How long after the end of the run the flip comes."""
    flip_jitter: Scalar = 0.0
    """Deviation of that time, drawn for each echo."""
    readout_noise: Scalar = 0.0
    """Relative noise of what is read at the end of an echo (deviation)."""
    adc_bits: Scalar = jnp.inf
    """Resolution of these readings, whose full scale is twice their size."""
    dac_bits: Scalar = jnp.inf
    """Resolution of the nudges, whose full scale is that of the largest, of either sign."""


class Gradient(NamedTuple):
    """What a machine makes of the cost and its derivative by the Hamiltonian."""

    value: Float[Array, ""]
    params: PyTree


def mass_root(H: AbstractHamiltonian) -> Float[Array, "n n"]:
    """F with F F^T = M, the masses: noise of unit energy is F times normal numbers.

    Coordinates without a momentum have none. Raises `ValueError` where T is not quadratic.
    """
    H = H.conservative
    if not isinstance(H, AbstractSeparableHamiltonian) or not H.kinetic_is_quadratic:
        raise ValueError(
            "an imperfect echo needs an energy T(p) + V(q) with T quadratic in p, whose noise is "
            "that of linear capacitances"
        )
    rest = jnp.zeros(len(H.coordinates))
    inverse = jax.jacfwd(H.prepare().velocity)(rest)
    sizes, vectors = jnp.linalg.eigh((inverse + inverse.T) / 2)
    alive = sizes > 1e-12 * jnp.max(sizes)
    return vectors * jnp.where(alive, 1.0 / jnp.sqrt(jnp.where(alive, sizes, 1.0)), 0.0)[None]


def imperfect_slope(
    objective: Objective,
    errors: EchoErrors,
    root: Float[Array, "n n"],
    key: Any,
    z: Float[Array, " P"],
    samples: Samples | None,
) -> tuple[Float[Array, ""], Float[Array, " P"]]:
    """(mean cost, its derivative by z) as one machine measures them.

    The solver of `objective` is to be `Leaky`, at the rate `errors.loss`.
    """
    H = objective.hamiltonian(z)

    def one(sample, key):
        return _gradient(objective, H, sample, errors, root, key)

    if samples is None:
        value, params = one(None, key)
        return value, objective.domain.slope(params, z)
    keys = jax.random.split(key, len(samples))
    values, params = eqx.filter_vmap(one, in_axes=(eqx.if_array(0), 0))(samples, keys)
    params = jax.tree.map(lambda x: jnp.mean(x, axis=0), params)
    return jnp.mean(values), objective.domain.slope(params, z)


def _gradient(objective: Objective, H, sample, errors: EchoErrors, root, key) -> Gradient:
    problem = objective.problem(H, sample)
    forward_key, echo_key = jax.random.split(key)
    kick = _Noise(root * jnp.sqrt(2.0 * errors.diffusion * problem.dt), forward_key)
    if not isinstance(objective.cost, Outcome):
        return _echoes(problem, _forward(problem, kick), errors, root, echo_key)
    # The run is measured, then nudged with weights that depend on what it added up to.
    totals = _totals(problem, objective.cost.features, kick)
    value, weights = jax.value_and_grad(objective.cost.loss)(totals, objective.label(sample))
    cost = Weighted(objective.cost.features, weights)
    weighted = eqx.tree_at(lambda p: p.cost, problem, cost)
    _, params = _echoes(weighted, _forward(weighted, kick), errors, root, echo_key)
    return Gradient(value, params)


@final
class _Noise(eqx.Module):
    """Kicks of the momenta, one a step."""

    shape: Float[Array, "n n"]
    key: Any

    def __call__(self, state: PhaseState, k) -> PhaseState:
        normal = jax.random.normal(jax.random.fold_in(self.key, k), state.p.shape, state.p.dtype)
        return PhaseState(state.q, state.p + self.shape @ normal)


class _Forward(NamedTuple):
    state: PhaseState
    value: Float[Array, ""]
    by_H: PyTree
    """The cost's derivative by the Hamiltonian at fixed states."""
    nudge: Float[Array, ""]
    """The largest entry of the cost's derivative by a state."""


def _run(problem: Problem, noise: _Noise, read, total):
    """(the last state, the total that `read(total, state, k, row)` adds up to)."""
    solver, dt = problem.solver, problem.dt
    system = solver.prepare(problem.H)

    def one(carry, k, row):
        state, total = carry
        state = solver.step(system, state, dt, lambda c: problem.drive.at(row.inputs, k, c, dt))
        state = noise(state, k)
        return (state, read(total, state, k, row)), None

    start = solver.start(system, problem.start(problem.H))
    return problem.scan(one, (start, total))[0]


def _totals(problem: Problem, features, noise: _Noise):
    def measure(state, k, row):
        u = problem.drive.at(row.inputs, k, 1.0, problem.dt)
        return features(problem.H, state, u, row.target)

    first = jax.tree.map(lambda x: x[0], problem.rows)
    shape = eqx.filter_eval_shape(measure, problem.start(problem.H), jnp.zeros((), int), first)
    start = jnp.zeros(shape.shape, shape.dtype)
    return _run(problem, noise, lambda total, *at: total + measure(*at), start)[1]


def _forward(problem: Problem, noise: _Noise) -> _Forward:
    system = problem.solver.prepare(problem.H)

    def read(total, state, k, row):
        value, by_H, nudge = total

        def cost(H):
            return problem.cost_at(H, state, problem.drive, row, k, problem.dt)

        c, explicit = eqx.filter_value_and_grad(cost)(problem.H)
        by_state = cost_slope(problem, system, state, k, row)
        return value + c, add(by_H, explicit), jnp.maximum(nudge, largest(by_state))

    zero = jnp.zeros((), problem.dt.dtype)
    state, total = _run(problem, noise, read, (zero, zeros(problem.H), zero))
    return _Forward(state, *total)


def _echoes(problem: Problem, forward: _Forward, errors: EchoErrors, root, key) -> Gradient:
    """Both echoes, and the gradient from the difference of what is read of them."""
    drift, apart, flip, noise, reading = jax.random.split(key, 5)
    nudge = jnp.where(forward.nudge > 0, forward.nudge, 1.0)
    strength = errors.epsilon / nudge
    moved = _moved(problem.H, errors.drift, drift)
    shape = root * jnp.sqrt(2.0 * errors.diffusion * problem.dt)

    def echo(sign, apart, flip, noise):
        machine = eqx.tree_at(lambda p: p.H, problem, _moved(moved, errors.mismatch, apart))
        start = _flipped(problem, forward.state, errors, flip)
        return _echo(machine, start, sign * strength, errors, _Noise(shape, noise))

    signs = jnp.asarray([1.0, -1.0], problem.dt.dtype)
    keys = [jax.random.split(key, 2) for key in (apart, flip, noise)]
    end, sums = jax.vmap(echo)(signs, *keys)
    by_start, by_energy = _difference((end, sums), errors, strength, reading)
    by_y0 = echo_solver(problem).conjugate(by_start)
    _, pull_start = eqx.filter_vjp(problem.start, problem.H)
    (from_start,) = pull_start(by_y0)
    return Gradient(forward.value, add(add(forward.by_H, by_energy), from_start))


def _moved(H, size, key):
    """`H` with every value multiplied by 1 + size x normal."""
    arrays, rest = eqx.partition(H, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(arrays)
    keys = jax.random.split(key, len(leaves))
    moved = [
        x * (1.0 + size * jax.random.normal(key, x.shape, x.dtype))
        for x, key in zip(leaves, keys, strict=True)
    ]
    return eqx.combine(jax.tree.unflatten(structure, moved), rest)


def _flipped(problem: Problem, state: PhaseState, errors: EchoErrors, key) -> PhaseState:
    """The last state flipped: late, while the sources hold what they had, and with a gain."""
    solver, dt = problem.solver, problem.dt
    late = errors.flip_delay + errors.flip_jitter * jax.random.normal(key, (), dt.dtype)
    last = jax.tree.map(lambda x: x[-1], problem.rows.inputs)
    u = problem.drive.at(last, jnp.asarray(problem.num_steps - 1), 1.0, dt)
    system = solver.prepare(problem.H)
    state = solver.step(system, state, jnp.asarray(late, dt.dtype), lambda c: u)
    gain = jnp.asarray(1.0 + errors.flip_gain, dt.dtype)
    return PhaseState(state.q, -gain * state.p)


def _echo(problem: Problem, start: PhaseState, strength, errors: EchoErrors, noise: _Noise):
    """(the state at the end, the sum of tau_i dH_i/dtheta), nudged by `strength`."""
    solver, dt = echo_solver(problem), problem.dt
    system = solver.prepare(problem.H)
    back, pull = make_return(problem, find_parity(problem.H, None))

    def one(carry, k, row):
        state, sums = carry
        push = solver.conjugate(cost_slope(problem, system, solver.flip(state), k, row))
        push = jax.tree.map(lambda x: _rounded(strength * x, errors.epsilon, errors.dac_bits), push)
        state = add(state, push)

        def input_at(c):
            return back.inputs(problem.drive, row.inputs, k, c, dt)

        state, visits = solver.substeps(back.moving, state, dt, input_at, backward=True)

        def action(s):
            return solver.action(s.system, visits, dt, input_at)

        (shares,) = slope(action, Shares(None, back.energy, None, None, dt))
        return (noise(state, k), add(sums, shares.system)), None

    (state, sums), _ = problem.scan(one, (start, zeros(back.energy)), reverse=True)
    return state, pull(sums)[0]


def _difference(read: PyTree, errors: EchoErrors, strength, key) -> PyTree:
    """(A+ - A-) / 2 strength of all that is read, of shape [2, ...] each."""
    leaves, structure = jax.tree.flatten(read)
    keys = jax.random.split(key, len(leaves))

    def one(pair, key):
        size = jnp.mean(jnp.abs(pair), axis=0, keepdims=True)
        normal = jax.random.normal(key, pair.shape, pair.dtype)
        pair = _rounded(pair + errors.readout_noise * size * normal, 2 * size, errors.adc_bits)
        return (pair[0] - pair[1]) / (2 * strength)

    pairs = [one(pair, key) for pair, key in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(structure, pairs)


def _rounded(x, full_scale, bits):
    """`x` in whole steps of a converter for -full_scale..full_scale; infinitely many bits: `x`."""
    finite = jnp.isfinite(bits)
    step = 2.0 * full_scale * jnp.exp2(-jnp.where(finite, bits, 1.0))
    safe = jnp.where(step > 0, step, 1.0)
    coarse = jnp.clip(jnp.round(x / safe) * safe, -full_scale, full_scale)
    return jnp.where(finite, coarse, x)
