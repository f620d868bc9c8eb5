"""What the extras cost: exact reversal, compensated sums and diffrax, against the plain loop."""

import functools

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

import physsim

from . import report, systems
from .timing import interleaved, steps_for

_TARGET_SECONDS = 0.3


def measure(quick: bool) -> dict:
    """Ratios of time to `integrate` with the plain method, of programs that take turns."""
    rows = []
    for build, n in _cases(quick):
        system = build(n)
        for solver in (physsim.StormerVerlet(), physsim.SRKN11b()):
            rows.append(_row(build, n, system, solver, 5 if quick else 15))
            print(
                f"  {rows[-1]['system']} {n} {rows[-1]['method']}: {rows[-1]['ratios']}", flush=True
            )
    return {"rows": rows}


def _cases(quick: bool):
    sizes = (64,) if quick else (64, 1024)
    return [(build, n) for build in (systems.duffing_chain, systems.junction_chain) for n in sizes]


def _row(build, n, system, solver, rounds) -> dict:
    variants = {
        "plain": functools.partial(_run, system, solver),
        "exact reversal": functools.partial(_run, system, physsim.ExactReversal(solver)),
        "compensated": functools.partial(_run, system, physsim.Compensated(solver)),
        "diffrax": _through_diffrax(system, solver),
    }
    steps = steps_for(variants["plain"], _TARGET_SECONDS)
    for variant in variants.values():
        jax.block_until_ready(variant(steps))
    times = interleaved({name: functools.partial(f, steps) for name, f in variants.items()}, rounds)
    ratios = {name: round(t / times["plain"], 3) for name, t in times.items() if name != "plain"}
    name = solver.name.split(" ")[0]
    ns = times["plain"] / steps * 1e9
    return {"system": build.__name__, "n": n, "method": name, "ns": ns, "ratios": ratios}


def _run(system, solver, steps):
    options = {"dt": 0.05, "num_steps": steps, "save_every": steps, "throw": False}
    return physsim.integrate(system.H, solver, system.y0(np.float64), **options).final.q


def _through_diffrax(system, solver):
    @functools.partial(jax.jit, static_argnums=2)
    def run(H, y0, steps):
        term = physsim.diffrax_term(H, solver, dt=0.05)
        solution = diffrax.diffeqsolve(
            term,
            physsim.DiffraxSolver(solver),
            0,
            steps,
            1,
            (y0.q, y0.p),
            max_steps=None,
            adjoint=diffrax.ForwardMode(),
            throw=False,
        )
        return solution.ys[0]

    y0 = jax.tree.map(jnp.asarray, system.y0(np.float64))
    return lambda steps: run(system.H, y0, steps)


def table(result: dict) -> str:
    """Markdown."""
    text = "Time divided by that of `integrate` with the plain method, float64, one sample."
    heads = ("system", "N", "method", "plain, ns a step", "exact reversal", "compensated",
             "diffeqsolve")  # fmt: skip
    rows = []
    for r in result["rows"]:
        ratios = [r["ratios"][k] for k in ("exact reversal", "compensated", "diffrax")]
        cells = [f"{x:.2f}" for x in ratios]
        rows.append([r["system"], r["n"], r["method"], f"{r['ns']:.0f}", *cells])
    return f"{text}\n\n{report.markdown(heads, rows)}"
