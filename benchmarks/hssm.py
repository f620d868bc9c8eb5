"""Stacks of recurrent units: backward passes, and parallel against sequential scans."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp

import learning
import physsim

from . import memory, report
from .errors import largest_error
from .timing import interleaved

_SHAPE = learning.StackShape(signals=2, outputs=2, blocks=4, hidden=16, modes=16)
_DEEP = learning.StackShape(signals=3, outputs=2, blocks=6, hidden=8, modes=8)
_UNITS = {"linear": learning.make_linear_hru, "nonlinear": learning.make_nonlinear_hru}
_LONGEST = {"linear": 1.0, "nonlinear": 0.3}
"""Steps h; leapfrog is stable for h < 2 / sqrt(A), and A is up to 1."""
_ROUNDS = 3
_SCAN_ROUNDS = 15


def measure(quick: bool) -> dict[str, list[dict]]:
    lengths = (1_000, 10_000) if quick else (1_000, 10_000, 100_000)
    deep = (100, 1_000) if quick else (100, 1_000, 10_000)
    return {
        "agreement": [_agreement(kind, steps) for kind in _UNITS for steps in deep],
        "sweeps": [row for steps in lengths[1:] for row in _sweeps(steps, quick)],
        "scans": [_scan(steps, size) for size in ((16, 1), (32, 4)) for steps in lengths],
    }


def _agreement(kind: str, steps: int) -> dict:
    """Six blocks, steps up to half the stability limit: derivatives by all arrays against BPTT's.

    Parameters, steps, the input and all initial states; the error of an array is relative to
    its largest entry. Nonlinear units run on the grid of exact reversal.
    """
    arguments = _deep(kind, steps, "float64")
    exact = _derivatives(arguments, learning.StoredSweep())
    row = {"unit": kind, "steps": steps}
    passes = {"layer by layer": learning.LayerSweep(), "fused": learning.FusedSweep()}
    for size in (1e-2, 1e-3):
        passes[f"RHEL at {size:g}"] = learning.LayerSweep(learning.RHEL(size))
    for name, sweep in passes.items():
        row[name] = largest_error(_derivatives(arguments, sweep), exact)
    single = _deep(kind, steps, "float32")
    for name, sweep in (("BPTT", learning.StoredSweep()), ("fused", learning.FusedSweep())):
        row[f"float32 {name}"] = largest_error(_derivatives(single, sweep), exact)
    print(" ", row, flush=True)
    return row


def _deep(kind: str, steps: int, precision: str):
    """(stack, input, initial states)."""
    unit = functools.partial(_UNITS[kind], step=(0.1, _LONGEST[kind]))
    solver = physsim.StormerVerlet()
    if kind == "nonlinear":
        solver = physsim.ExactReversal(solver, bits={"float64": 36, "float32": 17}[precision])
    stack = learning.make_stack(_DEEP, unit, key=jax.random.key(0), solver=solver)
    x = jax.random.normal(jax.random.key(1), (_DEEP.signals, steps, 1))
    starts = jax.tree.map(lambda y: jax.random.normal(jax.random.key(2), y.shape), stack.start(1))
    return learning.cast((stack, x, starts), precision)


@eqx.filter_jit
def _derivatives(arguments, sweep):
    @eqx.filter_grad
    def of(arguments):
        stack, x, starts = arguments
        reading = learning.subsampling(x.shape[1], x.shape[1] // 2, x.dtype)
        return jnp.mean((sweep(stack, x, reading, starts=starts) - 1) ** 2)

    return of(arguments)


def _sweeps(steps: int, quick: bool) -> list[dict]:
    """Value and gradient of one series: time, and memory beside arguments and results."""
    rows = []
    for kind, unit in _UNITS.items():
        stack = learning.make_stack(_SHAPE, unit, key=jax.random.key(0))
        # States grow as the square root of time, beyond 512 here: fewer bits than by default.
        grid = physsim.ExactReversal(physsim.StormerVerlet(), bits=36)
        exact = eqx.tree_at(lambda s: s.solver, stack, grid)
        passes = {
            "BPTT": (stack, learning.StoredSweep()),
            "layer by layer": (stack, learning.LayerSweep()),
            "fused": (stack, learning.FusedSweep()),
            "BPTT, exact grid": (exact, learning.StoredSweep()),
            "fused, exact grid": (exact, learning.FusedSweep()),
        }
        # Driven nonlinear modes are chaotic: without the grid an echo misses its start.
        names = ["BPTT", "layer by layer", "fused", "fused, exact grid"]
        if kind == "nonlinear":
            names = ["BPTT", "BPTT, exact grid", "fused, exact grid"]
        rows += _compared(kind, steps, {name: passes[name] for name in names})
        print(*rows[-len(names) :], sep="\n", flush=True)
    return rows


def _compared(kind: str, steps: int, passes: dict) -> list[dict]:
    compiled = {name: _compile(stack, sweep, steps) for name, (stack, sweep) in passes.items()}
    results = {name: jax.block_until_ready(call()) for name, (call, _) in compiled.items()}
    seconds = interleaved({name: call for name, (call, _) in compiled.items()}, _ROUNDS)
    rows = []
    for name, (_, size) in compiled.items():
        grid = name.endswith("grid") and "BPTT, exact grid" in passes
        reference = "BPTT, exact grid" if grid else "BPTT"
        rows.append({
            "unit": kind, "steps": steps, "pass": name, "s": seconds[name], "MB": size / 1e6,
            "time of BPTT": seconds[name] / seconds["BPTT"],
            "BPTT's memory over this": compiled["BPTT"][1] / size,
            "error": largest_error(results[name][1], results[reference][1]),
        })  # fmt: skip
    return rows


def _compile(stack, sweep, steps: int):
    """(a call, bytes of temporary memory)."""
    x = jax.random.normal(jax.random.key(1), (_SHAPE.signals, steps, 1))
    weights = jnp.full((steps, 1), 1 / steps)

    def loss(stack, x, weights):
        return jnp.sum(sweep(stack, x, learning.Reading(weights, 1)) ** 2)

    compiled = eqx.filter_jit(eqx.filter_value_and_grad(loss)).lower(stack, x, weights).compile()
    size = memory.planned(compiled).temp_size_in_bytes
    return functools.partial(compiled, stack, x, weights), size


def _scan(steps: int, size: tuple[int, int]) -> dict:
    """A linear layer's run, and its gradient by the drive, both ways."""
    modes, series = size
    unit = learning.make_linear_hru(modes, 1, key=jax.random.key(0))
    start = physsim.PhaseState(jnp.zeros((modes, series)), jnp.zeros((modes, series)))
    drive = jax.random.normal(jax.random.key(1), (modes, steps, series))

    def sequential(drive):
        return learning.run_core(physsim.StormerVerlet(), unit.core, unit.dt, start, drive)[1]

    def parallel(drive):
        return learning.parallel_states(unit.core, start, drive).q

    row = {"modes": modes, "series": series, "steps": steps}
    calls, megabytes = {}, {}
    for name, run in (("sequential", sequential), ("parallel", parallel)):
        slope = jax.grad(lambda drive, run=run: jnp.sum(run(drive) ** 2))
        for what, function in (("run", run), ("gradient", slope)):
            compiled = jax.jit(function).lower(drive).compile()
            calls[f"{name} {what}"] = functools.partial(compiled, drive)
            megabytes[f"{name} {what}"] = memory.planned(compiled).temp_size_in_bytes / 1e6
    for call in calls.values():
        jax.block_until_ready(call())
    for name, seconds in interleaved(calls, _SCAN_ROUNDS).items():
        row |= {f"{name}, s": seconds, f"{name}, MB": megabytes[name]}
    return row


def table(result: dict) -> str:
    """Markdown of both measurements."""
    parts = []
    for name in ("agreement", "sweeps", "scans"):
        parts.append(f"**{name}**\n\n{report.records(result[name])}")
    return "\n\n".join(parts)
