"""Energy drift over ten million steps: plain and compensated sums, float64 and float32.

A leapfrog's energy oscillates by the square of the step without drifting; what drifts is
rounding. To see that far below the oscillation, the energy is averaged over stretches of
steps with a Kaiser window, which suppresses all oscillation to below 1e-16.
"""

import functools
import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import physsim
from physsim import PhaseState

from . import report, systems
from .timing import timed

_STRETCH = 1 << 15
STEPS = (1 / 32, 0.05)
"""One whose products are exact, and one whose products are rounded."""
_KAISER = 40.0
METHODS = {
    "plain": physsim.StormerVerlet(),
    "compensated": physsim.Compensated(physsim.StormerVerlet()),
}
ALLOWED = {("float64", "compensated"): 1e-14, ("float64", "plain"): 1e-12}


def measure(quick: bool) -> dict:
    """Energy, averaged, at some places of each run, relative to the first place."""
    total, places = (10**6, 5) if quick else (10**7, 21)
    rows = []
    for dt, dtype in itertools.product(STEPS, (np.float64, np.float32)):
        for name, solver in METHODS.items():
            run = functools.partial(_run, solver, dt, dtype, total, places)
            seconds, (steps, energies) = timed(run)
            row = {
                "dt": dt,
                "dtype": np.dtype(dtype).name,
                "sums": name,
                "steps": steps,
                "energies": list(energies / energies[0] - 1),
                "seconds": seconds,
            }
            row["largest"] = float(np.max(np.abs(row["energies"])))
            rows.append(row)
            print(f"  dt = {dt} {row['dtype']} {name}: {row['largest']:.2g}", flush=True)
    return {"rows": rows}


def _chain():
    """Two coupled Duffing oscillators whose parameters float32 holds exactly."""
    q, p = np.array([0.75, -0.5]), np.array([0.25, 0.125])
    return systems.plain_chain(2, k=1.0, beta=0.5, coupling=0.25), q, p


def _run(solver, dt, dtype, total, places):
    build, q, p = _chain()
    H, exact = build(dtype), build(np.float64)
    y = PhaseState(jnp.asarray(q, dtype), jnp.asarray(p, dtype))
    between = (total - _STRETCH) // (places - 1) - _STRETCH
    # The compensation is carried through, so the whole run is one loop over places.
    run = jax.jit(_looped(H, solver, dt, dtype, between), static_argnums=1)
    qs, ps = run(y, places)
    energy = jax.jit(jax.vmap(lambda q, p: exact(q, p, jnp.zeros(0))))
    weights = np.kaiser(_STRETCH, _KAISER)
    weights /= weights.sum()
    # In float64 from the states as they are, relative to the first so that sums stay exact.
    values = [np.asarray(energy(a, b)) for a, b in zip(_double(qs), _double(ps), strict=True)]
    first = values[0][0]
    averages = np.array([first + weights @ (v - first) for v in values])
    steps = [i * (between + _STRETCH) for i in range(places)]
    return steps, averages


def _double(x):
    return jnp.asarray(np.asarray(x), jnp.float64)


def _looped(H, solver, dt, dtype, between):
    u, dt = jnp.zeros(0, dtype), jnp.asarray(dt, dtype)

    def step(system, state):
        return solver.step(system, state, dt, lambda c: u)

    def run(y, places):
        system = solver.prepare(H)

        def recorded(state, _):
            state = step(system, state)
            y = solver.read(system, state)
            return state, (y.q, y.p)

        def place(state, _):
            state, states = jax.lax.scan(recorded, state, None, length=_STRETCH)
            state = jax.lax.fori_loop(0, between, lambda _, s: step(system, s), state)
            return state, states

        return jax.lax.scan(place, solver.start(system, y), None, length=places)[1]

    return run


def table(result: dict) -> str:
    """Markdown."""
    text = (
        "StormerVerlet, two coupled Duffing oscillators; the energy averaged over windows, "
        "relative to the first window."
    )
    heads = ("dt", "numbers", "sums", "steps", "largest drift", "allowed")
    rows = [
        [r["dt"], r["dtype"], r["sums"], f"{r['steps'][-1]:.2e}", f"{r['largest']:.2g}",
         report.number(ALLOWED.get((r["dtype"], r["sums"])), "{:g}")]
        for r in result["rows"]
    ]  # fmt: skip
    return f"{text}\n\n{report.markdown(heads, rows)}"


def plot(result: dict, folder: Path) -> None:
    """The four drifts."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    ax = figure.subplots()
    for r in result["rows"]:
        sizes = np.maximum(np.abs(r["energies"][1:]), 1e-17)
        ax.loglog(r["steps"][1:], sizes, ".-", label=f"dt = {r['dt']}, {r['dtype']}, {r['sums']}")
    ax.set_xlabel("steps")
    ax.set_ylabel("relative drift of the averaged energy")
    ax.grid(alpha=0.3)
    ax.legend()
    figure.savefig(folder / "drift.png", dpi=120)
