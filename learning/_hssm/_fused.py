"""The fused reverse sweep of a stack.

A stack is pointwise in time but for its units, so at any time all layers' states together can
be led back a step: from below upwards each unit's drive is computed anew and its state retraced
(flip, step, flip), then from above downwards the cotangents are pulled back. What is carried is the
states and their adjoints, delta = J S lambda in the words of docs/echo.md, and the sums that
become the gradient.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Inexact

from .._echo import largest, require_met
from .._shares import add, zeros
from ._block import Block
from ._recurrence import run_core, time_first, time_second
from ._stack import Reading, Stack


@final
class Arguments(eqx.Module):
    """What is differentiated; as a gradient, `x` may be None where nobody asked for it."""

    stack: Stack
    x: Inexact[Array, "m T series"] | None
    starts: Any


@final
class TimeCut(eqx.Module):
    """How time is cut: into equal windows, and each into chunks, the last one shorter."""

    windows: int = eqx.field(static=True)
    window: int = eqx.field(static=True)
    chunk: int = eqx.field(static=True)

    def forward(self, body: Callable[..., Any], carry: Any) -> tuple[Any, Any]:
        """Scan over the windows of body(carry, at, length), chunk after chunk.

        The body returns (carry, output); a window's outputs are summed.
        """
        rest = self.window % self.chunk

        def one_chunk(counted, _):
            at, inner, total = counted
            inner, output = body(inner, at, self.chunk)
            return (at + self.chunk, inner, total + output), None

        def one_window(counted, _):
            at, carry = counted
            shape = jax.eval_shape(lambda c: body(c, at, self.chunk)[1], carry)
            inner = (at, carry, jnp.zeros(shape.shape, shape.dtype))
            (at, carry, total), _ = lax.scan(one_chunk, inner, length=self.window // self.chunk)
            if rest:
                carry, output = body(carry, at, rest)
                total = total + output
            return (at + rest, carry), total

        # Times are counted in the carry: arrays of them would grow with the length.
        (_, carry), totals = lax.scan(one_window, (jnp.zeros((), int), carry), length=self.windows)
        return carry, totals

    def backward(self, body: Callable[..., Any], carry: Any, rows: Any) -> Any:
        """The same from the end: body(carry, at, length, row of the window) -> carry."""
        rest = self.window % self.chunk

        def one_window(counted, row):
            def one_chunk(counted, _):
                end, carry = counted
                at = end - self.chunk
                return (at, body(carry, at, self.chunk, row)), None

            end, carry = counted
            if rest:
                end, carry = end - rest, body(carry, end - rest, rest, row)
            chunks = self.window // self.chunk
            return lax.scan(one_chunk, (end, carry), length=chunks)[0], None

        end = jnp.asarray(self.windows * self.window)
        (_, carry), _ = lax.scan(one_window, (end, carry), rows, reverse=True)
        return carry


def fused_features(stack: Stack, x, reading: Reading, starts, keeps, chunk: int):
    """The features read, [H, windows, series]; their derivatives by the fused sweep."""
    window = x.shape[1] // reading.windows
    cut = TimeCut(reading.windows, window, min(chunk, window))
    return _features(Arguments(stack, x, starts), weights=reading.weights, keeps=keeps, cut=cut)


class Layer(NamedTuple):
    """A block prepared to run."""

    block: Block
    core: Any
    dt: Any
    keep: Any


def _layer(stack: Stack, block: Block, keep) -> Layer:
    return Layer(block, stack.solver.prepare(block.unit.core), block.unit.dt, keep)


def _part(x, at, length):
    return lax.dynamic_slice_in_dim(x, at, length, 1)


@eqx.filter_custom_vjp
def _features(arguments, *, weights, keeps, cut):
    return _run(arguments, _layers(arguments.stack, keeps), weights, cut)[1]


def _layers(stack: Stack, keeps) -> list[Layer]:
    return [_layer(stack, b, k) for b, k in zip(stack.blocks, keeps, strict=True)]


def _run(arguments: Arguments, layers: list[Layer], weights, cut: TimeCut):
    """(what is carried at the end, the features read)."""
    stack, x = arguments.stack, arguments.x

    def body(states, at, length):
        u, ends = stack.encoder(_part(x, at, length)), []
        for layer, state in zip(layers, states, strict=True):
            v, drive = layer.block.enter(u)
            end, q = run_core(stack.solver, layer.core, layer.dt, state, drive)
            ends.append(end)
            u = layer.block.leave(q, u, v, layer.keep)
        w = lax.dynamic_slice_in_dim(weights, at, length)
        return tuple(ends), jnp.sum(u * w[None], 1)

    starts = tuple(
        stack.solver.start(a.core, y) for a, y in zip(layers, arguments.starts, strict=True)
    )
    ends, features = cut.forward(body, starts)
    return ends, jnp.moveaxis(features, 0, 1)


@_features.def_fwd
def _features_forward(perturbed, arguments, *, weights, keeps, cut):
    del perturbed
    layers = _layers(arguments.stack, keeps)
    ends, features = _run(arguments, layers, weights, cut)
    # An exact echo needs the very bits of the run: computed anew, steps may be rounded otherwise.
    return features, (ends, [layer[1:3] for layer in layers])


@_features.def_bwd
def _features_backward(kept, cotangent, perturbed, arguments, *, weights, keeps, cut):
    (ends, moving), stack, x = kept, arguments.stack, arguments.x
    pulls = [
        eqx.filter_vjp(lambda b, k=k: _layer(stack, b, k)[1:3], block)[1]
        for block, k in zip(stack.blocks, keeps, strict=True)
    ]
    layers = [
        Layer(block, core, dt, keep)
        for block, (core, dt), keep in zip(stack.blocks, moving, keeps, strict=True)
    ]

    def body(carry, at, length, by_feature):
        states, by_states, sums, by_x = carry
        w = lax.dynamic_slice_in_dim(weights, at, length)
        by_u = by_feature[:, None] * w[None]
        climbed = _climb(stack, layers, states, _part(x, at, length))
        by_states, shares, by_part = _descend(stack, layers, climbed, by_states, by_u)
        if by_x is not None:
            by_x = lax.dynamic_update_slice_in_dim(by_x, by_part, at, 1)
        return tuple(c.before for c in climbed[1]), by_states, add(sums, shares), by_x

    sums = zeros((stack.encoder, tuple(a.block for a in layers), tuple(a[1:3] for a in layers)))
    by_ends = jax.tree.map(jnp.zeros_like, ends)
    by_x = jnp.zeros_like(x) if perturbed.x else None
    carry = (ends, by_ends, sums, by_x)
    back, by_states, sums, by_x = cut.backward(body, carry, jnp.moveaxis(cotangent, 1, 0))
    gradient = _collect(arguments, layers, pulls, by_states, sums, by_x)
    return require_met(gradient, _missed(stack.solver, layers, arguments.starts, back, ends))


def _missed(solver, layers, starts, back, ends):
    """How far the worst layer came from its start, by the size of its states."""
    distances = []
    for layer, y, came, end in zip(layers, starts, back, ends, strict=True):
        start = solver.start(layer.core, y)
        size = jnp.maximum(largest(start), largest(end))
        apart = largest(jax.tree.map(jnp.subtract, came, start))
        distances.append(apart / jnp.where(size > 0, size, 1.0))
    return jnp.max(jnp.stack(distances))


class Climbed(NamedTuple):
    """A layer led back over a chunk, and what pulls cotangents through it."""

    before: Any
    """What is carried before the chunk."""
    states: Any
    """The same before each step, time first."""
    drive: Any
    pull_enter: Any
    pull_leave: Any


def _climb(stack: Stack, layers, states, x) -> tuple[Any, list[Climbed]]:
    """(the encoder's pullback, all layers over a chunk) from the states after it."""
    u, pull_encoder = eqx.filter_vjp(lambda encoder, x: encoder(x), stack.encoder, x)
    climbed = []
    for layer, state in zip(layers, states, strict=True):
        (v, drive), pull_enter = eqx.filter_vjp(lambda block, u: block.enter(u), layer.block, u)
        before, befores, q = _retrace(stack.solver, layer, state, time_first(drive))
        u, pull_leave = eqx.filter_vjp(
            lambda block, q, u, v, k=layer.keep: block.leave(q, u, v, k), layer.block, q, u, v
        )
        climbed.append(Climbed(before, befores, time_first(drive), pull_enter, pull_leave))
    return pull_encoder, climbed


def _retrace(solver, layer: Layer, end, drive):
    """(what is carried before the first step, before each, positions after each)."""

    def one(flipped, r):
        q = solver.read(layer.core, flipped).q
        flipped = solver.step(layer.core, flipped, layer.dt, lambda _: r, backward=True)
        return flipped, (solver.flip(flipped), q)

    flipped, (befores, q) = lax.scan(one, solver.flip(end), drive, reverse=True)
    return solver.flip(flipped), befores, time_second(q)


def _descend(stack: Stack, layers, climbed, by_states, by_u):
    """(adjoints before the chunk, shares of the gradient, dL/dx) from those after it."""
    pull_encoder, climbed = climbed
    before, by_blocks, by_cores = [], [], []
    for layer, c, by_state in zip(
        reversed(layers), reversed(climbed), by_states[::-1], strict=True
    ):
        by_block, by_q, by_u, by_v = c.pull_leave(by_u)
        by_before, by_core, by_drive = _pull_steps(stack.solver, layer, c, by_state, by_q)
        entered, by_below = c.pull_enter((by_v, time_second(by_drive)))
        by_u = by_u + by_below
        before.append(by_before)
        by_blocks.append(add(by_block, entered))
        by_cores.append(by_core)
    by_encoder, by_x = pull_encoder(by_u)
    return tuple(before[::-1]), (by_encoder, tuple(by_blocks[::-1]), tuple(by_cores[::-1])), by_x


def _pull_steps(solver, layer: Layer, c: Climbed, by_state, by_q):
    """(adjoint before the chunk, by (core, dt), by the drive of each step)."""

    def step(core_and_dt, state, r):
        core, dt = core_and_dt
        state = solver.step(core, state, dt, lambda _: r)
        return state, solver.read(core, state).q

    moving = (layer.core, layer.dt)

    def one(carry, row):
        by_state, sums = carry
        state, r, by_q = row
        _, pull = eqx.filter_vjp(step, moving, state, r)
        by_moving, by_state, by_r = pull((by_state, by_q))
        return (by_state, add(sums, by_moving)), by_r

    rows = (c.states, c.drive, time_first(by_q))
    (by_state, sums), by_drive = lax.scan(one, (by_state, zeros(moving)), rows, reverse=True)
    return by_state, sums, by_drive


def _collect(arguments: Arguments, layers, pulls, by_states, sums, by_x) -> Arguments:
    """The gradient in the shape of the arguments."""
    stack = arguments.stack
    by_encoder, by_blocks, by_cores = sums
    blocks, starts = [], []
    for i, (layer, y) in enumerate(zip(layers, arguments.starts, strict=True)):
        _, pull_start = eqx.filter_vjp(stack.solver.start, layer.core, y)
        from_start, by_y = pull_start(by_states[i])
        by_core, by_dt = by_cores[i]
        (by_block,) = pulls[i]((add(by_core, from_start), by_dt))
        blocks.append(add(by_block, by_blocks[i]))
        starts.append(by_y)
    by_stack = eqx.tree_at(
        lambda s: (s.encoder, s.blocks), zeros(stack), (by_encoder, tuple(blocks))
    )
    return Arguments(by_stack, by_x, tuple(starts))
