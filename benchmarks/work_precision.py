"""Work and precision: energy and trajectory errors against force evaluations and CPU time."""

import functools
import math
import time
from collections.abc import Callable
from pathlib import Path

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.integrate
from matplotlib.figure import Figure

import physsim
from physsim import PhaseState

from . import report, systems
from .timing import timed

SOLVERS = {
    "StormerVerlet": physsim.StormerVerlet(),
    "Yoshida4": physsim.Yoshida4(),
    "PEFRL": physsim.PEFRL(),
    "McLachlan4": physsim.McLachlan4(),
    "Yoshida6": physsim.Yoshida6(),
    "Yoshida8": physsim.Yoshida8(),
    "BlanesMoan4": physsim.BlanesMoan4(),
    "BlanesMoan6": physsim.BlanesMoan6(),
    "SRKN6b": physsim.SRKN6b(),
    "SRKN11b": physsim.SRKN11b(),
    "SRKN14a": physsim.SRKN14a(),
    "KahanLi8": physsim.KahanLi8(),
    "ABA864": physsim.ABA864(),
    "ABA1064": physsim.ABA1064(),
}
SYSTEMS = {
    "Duffing chain, N = 64": functools.partial(systems.duffing_chain, 64),
    "FPUT-beta chain, N = 32": functools.partial(systems.fput_chain, 32),
    "junction chain, N = 64": functools.partial(systems.junction_chain, 64),
}
TARGETS = (1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
DIFFRAX, SCIPY = "diffrax Dopri8", "scipy DOP853"
_PERIOD = 2 * math.pi
_SHORT = 10
_BLOCKS = 200
_DOPRI8_FORCES = 13

Stepper = Callable[..., tuple]


def measure(quick: bool) -> dict:
    """For each system and method, points of (forces, seconds, energy error, trajectory error)."""
    periods = 100 if quick else 300
    densities = np.geomspace(12, 6000, 8 if quick else 16)
    names = list(SYSTEMS)[:1] if quick else list(SYSTEMS)
    curves = {}
    for name in names:
        curves[name] = _system(SYSTEMS[name](), periods, densities, quick)
        print(f"  {name}: {summary(curves[name])}", flush=True)
    return {"periods": periods, "short_periods": _SHORT, "curves": curves}


def _system(system, periods, densities, quick):
    reference = _reference(system)
    curves = {}
    for name, solver in SOLVERS.items():
        runner = _physsim_runner(system, solver)
        curves[name] = _curve(
            system, runner, solver.force_evaluations, periods, densities, reference
        )
    runner = _diffrax_runner(system)
    curves[DIFFRAX] = _curve(system, runner, _DOPRI8_FORCES, periods, densities, reference)
    tolerances = (1e-4, 1e-6, 1e-8) if quick else (1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
    curves[SCIPY] = [_scipy_point(system, t, periods, reference) for t in tolerances]
    return curves


def _curve(system, runner, forces, periods, densities, reference):
    """Points of one method: `densities` are force evaluations in 2 pi units of time."""
    points = []
    runner(0.01, 1)  # compiles
    for density in densities:
        steps = max(1, round(periods * density / forces / _BLOCKS))
        dt = periods * _PERIOD / steps / _BLOCKS
        run = functools.partial(runner, dt, steps)
        seconds, (worst, _) = timed(run, time.process_time)
        short = max(1, round(_SHORT * density / forces / _BLOCKS))
        _, y = runner(_SHORT * _PERIOD / short / _BLOCKS, short)
        points.append(
            {
                # What was really done: steps are whole numbers in each block.
                "forces": steps * _BLOCKS * forces / periods,
                "short_forces": short * _BLOCKS * forces / _SHORT,
                "seconds": seconds / periods,
                "energy": float(worst),
                "trajectory": _distance(y, reference),
            }
        )
    return points


def _distance(y, reference) -> float:
    found, exact = (np.concatenate([np.asarray(x.q), np.asarray(x.p)]) for x in (y, reference))
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def _loop(system, start, step, read):
    """A run with the step and the number of steps as arguments: one compilation for all.

    Returns the worst relative energy error at the ends of blocks, and the final state.
    """
    u = jnp.zeros(0)

    def energy(y):
        return system.H(y.q, y.p, u)

    @eqx.filter_jit
    def run(H, y, dt, steps):
        first, state = energy(y), start(H, y)

        def block(i, carry):
            state, worst = carry
            state = jax.lax.fori_loop(0, steps, lambda _, s: step(H, s, dt), state)
            error = jnp.abs(energy(read(H, state)) - first) / jnp.abs(first)
            # Not a number must not get lost in a maximum.
            return state, jnp.where(error <= worst, worst, error)

        state, worst = jax.lax.fori_loop(0, _BLOCKS, block, (state, jnp.zeros(())))
        return worst, read(H, state)

    return run


def _physsim_runner(system, solver):
    u = jnp.zeros(0)
    run = _loop(
        system,
        solver.start,
        lambda prepared, state, dt: solver.step(prepared, state, dt, lambda c: u),
        solver.read,
    )
    prepared = eqx.filter_jit(solver.prepare)(system.H)
    y0 = system.y0()
    return lambda dt, steps: run(prepared, y0, jnp.asarray(dt), jnp.asarray(steps))


def _diffrax_runner(system):
    u, solver = jnp.zeros(0), diffrax.Dopri8()
    term = diffrax.ODETerm(lambda t, y, H: PhaseState(*H.vector_field(y.q, y.p, u)))
    zero = jnp.zeros(())

    def start(H, y):
        return y, solver.init(term, zero, zero, y, H)

    def step(H, state, dt):
        y, carried = state
        y, _, _, carried, _ = solver.step(term, zero, dt, y, H, carried, made_jump=False)
        return y, carried

    run = _loop(system, start, step, lambda H, state: state[0])
    prepared, y0 = system.H.prepare(), system.y0()
    return lambda dt, steps: run(prepared, y0, jnp.asarray(dt), jnp.asarray(steps))


def _scipy_point(system, tolerance, periods, reference):
    H, u, n = system.H.prepare(), jnp.zeros(0), len(system.q)
    compiled = jax.jit(lambda y: jnp.concatenate(H.vector_field(y[:n], y[n:], u)))
    y0 = np.concatenate([system.q, system.p])

    def field(t, y):
        return np.asarray(compiled(y))

    def solve(end):
        options = {"method": "DOP853", "rtol": max(tolerance, 3e-14), "atol": tolerance}
        return scipy.integrate.solve_ivp(field, (0, end), y0, **options)

    field(0, y0)
    seconds, long = timed(functools.partial(solve, periods * _PERIOD), time.process_time)
    energies = jax.jit(lambda q, p: system.H(q, p, u))(long.y[:n], long.y[n:])
    short = solve(_SHORT * _PERIOD)
    end = PhaseState(short.y[:n, -1], short.y[n:, -1])
    return {
        "forces": long.nfev / periods,
        "short_forces": short.nfev / _SHORT,
        "seconds": seconds / periods,
        "energy": float(jnp.max(jnp.abs(energies / energies[0] - 1))),
        "trajectory": _distance(end, reference),
    }


def _reference(system) -> PhaseState:
    """The state after the short run, by steps far below what is measured."""
    runner = _physsim_runner(system, physsim.Compensated(physsim.SRKN14a()))
    steps = round(_SHORT * 4000 / 14 / _BLOCKS)
    return runner(_SHORT * _PERIOD / steps / _BLOCKS, steps)[1]


def needed(points: list[dict], target: float, error: str = "energy", work: str = "forces"):
    """The least work for `target`, interpolated in logarithms between points; None if never."""
    usable = sorted((p[work], p[error]) for p in points if np.isfinite(p[error]) and p[error] > 0)
    for i, (work_here, error_here) in enumerate(usable):
        if error_here <= target:
            if i == 0:
                return work_here
            work_before, error_before = usable[i - 1]
            share = math.log(error_before / target) / math.log(error_before / error_here)
            return work_before * (work_here / work_before) ** share
    return None


def summary(curves: dict) -> str:
    """What the targets ask for: ratios of force evaluations at one energy error."""
    at8 = {name: needed(points, 1e-8) for name, points in curves.items()}
    ours = at8["SRKN11b"]
    parts = []
    for peer in ("Yoshida4", DIFFRAX, SCIPY):
        if ours and at8[peer]:
            parts.append(f"SRKN11b / {peer} = 1/{at8[peer] / ours:.1f}")
    at12 = {name: needed(points, 1e-12) for name, points in curves.items()}
    reached = sorted((x, name) for name, x in at12.items() if x)
    order = ", ".join(f"{name} {x:.0f}" for x, name in reached[:4]) or "none"
    return f"at 1e-8: {', '.join(parts)}; at 1e-12 fewest forces: {order}"


def table(result: dict) -> str:
    """Markdown: force evaluations a period of 2 pi for each error."""
    text = []
    for name, curves in result["curves"].items():
        for error, work in (("energy", "forces"), ("trajectory", "short_forces")):
            periods = result["periods"] if error == "energy" else result["short_periods"]
            text += ["", f"**{name}**: force evaluations in 2 pi units of time for a relative "
                     f"{error} error over {periods} such times", ""]  # fmt: skip
            rows = []
            for method, points in curves.items():
                found = [needed(points, t, error, work) for t in TARGETS]
                rows.append([method, *(report.number(x, "{:.0f}") or "-" for x in found)])
            text.append(report.markdown(["method", *(f"{t:g}" for t in TARGETS)], rows))
        text += ["", summary(curves) + "."]
    return "\n".join(text)


def plot(result: dict, folder: Path) -> None:
    """One picture a system: both errors against both kinds of work."""
    for name, curves in result["curves"].items():
        figure = Figure(figsize=(17, 6), layout="constrained")
        axes = figure.subplots(1, 3)
        pairs = (("forces", "energy"), ("seconds", "energy"), ("short_forces", "trajectory"))
        labels = {
            "forces": "force evaluations in 2π units of time",
            "short_forces": "force evaluations in 2π units of time",
            "seconds": "CPU seconds in 2π units of time",
        }
        for ax, (work, error) in zip(axes, pairs, strict=True):
            for i, (method, points) in enumerate(curves.items()):
                shown = sorted((p[work], p[error]) for p in points if 0 < p[error] < 1)
                if shown:
                    style = "--" if " " in method else "-"
                    ax.loglog(*zip(*shown, strict=True), style, marker=".", color=f"C{i % 10}",
                              alpha=1 if i < 10 else 0.5, label=method)  # fmt: skip
            ax.set_xlabel(labels[work])
            ax.set_ylabel(f"relative {error} error")
            ax.grid(alpha=0.3)
        axes[0].legend(fontsize=7)
        figure.suptitle(f"{name}, {result['periods']} times 2π")
        slug = name.split(",")[0].lower().replace(" ", "_").replace("-", "_")
        figure.savefig(folder / f"work_precision_{slug}.png", dpi=120)
