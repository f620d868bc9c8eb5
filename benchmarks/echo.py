"""What an echo costs: gradients by echoes against backpropagation through `lax.scan`."""

import functools
import gc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import learning
import physsim

from . import memory, report, systems
from .errors import flat, whole_error
from .timing import interleaved

_UNITS, _BATCH, _DT, _AMPLITUDE = 64, 8, 0.05, 0.1
_LENGTHS = (1_000, 10_000, 100_000)
_ROUNDS = {1_000: 40, 10_000: 15, 100_000: 5}
_SOLVER = physsim.StormerVerlet()
_COLUMNS = (
    "steps",
    "method",
    "time / scan",
    "time / scan with checkpoints",
    "us a step",
    "temporary MB",
    "inputs and outputs, MB",
    "error",
)
SCAN, REMAT = "backpropagation, lax.scan", "backpropagation, checkpointed steps"


def measure(quick: bool) -> dict:
    """All rows: one for every length and method."""
    lengths = _LENGTHS[:2] if quick else _LENGTHS
    return {"rows": [row for steps in lengths for row in _length(steps, quick)]}


def table(result: dict) -> str:
    """Markdown."""
    text = (
        f"A Duffing chain of {_UNITS} units, {_BATCH} samples at once, {_SOLVER.name}, float64; a "
        "squared error of the last unit in every step; the gradient by all parameters and starts. "
        "The least time of rounds in which the methods took turns. `error` is relative to "
        "backpropagation."
    )
    rows = [
        [f"{r['steps']:,}", r["method"], f"{r['over_scan']:.2f}", f"{r['over_remat']:.2f}",
         f"{r['step_us']:.1f}", f"{r['temporary']:.2f}", f"{r['arguments']:.2f}",
         f"{r['error']:.0e}"]
        for r in result["rows"]
    ]  # fmt: skip
    return f"{text}\n\n{report.markdown(_COLUMNS, rows)}"


def squared_error(H, y, u, target):
    """Of the last unit."""
    return (y.q[-1] - target) ** 2


def _by_scan(checkpointed: bool):
    """Backpropagation as one writes it without a library of gradients."""

    def loss(variables, targets):
        H, y0 = variables
        system = _SOLVER.prepare(H)
        dt, nothing = jnp.asarray(_DT, targets.dtype), jnp.zeros(0, targets.dtype)

        def one(carry, target):
            state, total = carry
            state = _SOLVER.step(system, state, dt, lambda c: nothing)
            return (state, total + squared_error(H, state, nothing, target)), None

        step = jax.checkpoint(one) if checkpointed else one
        return jax.lax.scan(step, (y0, jnp.zeros((), targets.dtype)), targets)[0][1]

    return lambda H, y0, targets: eqx.filter_grad(loss)((H, y0), targets)


def _by_method(method):
    def gradient(H, y0, targets):
        options = {"dt": _DT, "num_steps": targets.shape[0], "targets": targets}
        _, g = method(H, _SOLVER, y0, squared_error, **options)
        return g.params, g.y0

    return gradient


_METHODS = {
    SCAN: _by_scan(checkpointed=False),
    REMAT: _by_scan(checkpointed=True),
    "BPTT()": _by_method(learning.BPTT()),
    "ReversibleAdjoint()": _by_method(learning.ReversibleAdjoint()),
    "RHEL()": _by_method(learning.RHEL()),
}


def _length(steps: int, quick: bool) -> list[dict]:
    system = systems.duffing_chain(_UNITS)
    # Rows of steps first: the loop reads them as they lie.
    targets = jnp.asarray(np.random.default_rng(0).normal(size=(steps, _BATCH)))
    # So little that the motion stays regular: in a chaotic one no two methods would agree.
    starts = jax.tree.map(lambda x: _AMPLITUDE * x, system.batch(_BATCH))
    arguments = (system.H, starts, targets)
    compiled = {name: _batched(method).lower(*arguments).compile() for name, method in
                _METHODS.items()}  # fmt: skip
    calls = {name: functools.partial(f, *arguments) for name, f in compiled.items()}
    gradients = {name: flat(call()) for name, call in calls.items()}
    times = interleaved(calls, 3 if quick else _ROUNDS[steps], min)
    gc.collect()
    rows = []
    for name, seconds in times.items():
        sizes = memory.planned(compiled[name])
        bytes_passed = sizes.argument_size_in_bytes + sizes.output_size_in_bytes
        rows.append(
            {
                "steps": steps,
                "method": name,
                "over_scan": seconds / times[SCAN],
                "over_remat": seconds / times[REMAT],
                "step_us": seconds / steps * 1e6,
                "temporary": sizes.temp_size_in_bytes / 1e6,
                "arguments": bytes_passed / 1e6,
                "error": whole_error(gradients[name], gradients[SCAN]),
            }
        )
        r = rows[-1]
        print(
            f"  {steps} {name}: {r['over_scan']:.2f} of scan, {r['temporary']:.2f} MB", flush=True
        )
    return rows


def _batched(gradient):
    """The gradient of the mean over samples by what they share, and each one's by its start."""

    @eqx.filter_jit
    def of_all(H, y0, targets):
        by_H, by_y0 = eqx.filter_vmap(gradient, in_axes=(None, 0, 1))(H, y0, targets)
        return jax.tree.map(lambda x: jnp.mean(x, 0), by_H), by_y0

    return of_all
