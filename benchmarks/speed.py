"""Time a step: physsim against C by the same method, and against peers by force evaluation."""

import gc

import diffrax
import jax
import numpy as np

import physsim

from . import peers, report, systems
from .reference import Reference
from .timing import interleaved, steps_for

METHODS = {"StormerVerlet": physsim.StormerVerlet(), "SRKN11b": physsim.SRKN11b()}
_DT = 0.02
_FULL = (2, 64, 1024, 65536)


def measure(quick: bool) -> dict:
    """All rows: one for every system, size, batch, type of numbers and program."""
    target, rounds = (0.05, 3) if quick else (0.2, 5)
    rows = []
    for dtype in (np.float64, np.float32):
        for n in (2, 64) if quick else _FULL:
            for batch in (1, 256):
                if n * batch <= 2**20:
                    rows += _chain(n, batch, dtype, target, rounds)
    rows += _graph(1024, target, rounds)
    return {"rows": rows}


_COLUMNS = (
    "system",
    "N",
    "batch",
    "numbers",
    "program",
    "forces a step",
    "ns a step",
    "ns a force and coordinate",
    "time / C, same method",
    "time a force / physsim SRKN11b",
)


def table(result: dict) -> str:
    """Markdown."""
    rows = []
    for r in result["rows"]:
        cells = [r["system"], r["n"], r["batch"], r["dtype"], r["program"]]
        cells += [f"{r['forces']:.4g}", f"{r['step_ns']:.4g}", f"{r['force_ns']:.3g}"]
        cells += [report.number(r.get("over_c"), "{:.2f}"), f"{r['over_physsim']:.3g}"]
        rows.append(cells)
    return report.markdown(_COLUMNS, rows)


def _ours(system, solver, y0, steps):
    options = {"dt": _DT, "num_steps": steps, "save_every": steps}
    return lambda: physsim.integrate(system.H, solver, y0, **options)


def _pair(name, solver, system, y0, batch, dtype, target):
    """physsim and C, one method, one number of steps."""
    reference = Reference(system, solver, _DT, dtype)
    q, p = np.asarray(y0.q), np.asarray(y0.p)

    def c(steps):
        return reference.run_batch(steps, q, p) if batch > 1 else reference.run(steps)

    steps = steps_for(c, target)
    ours = _ours(system, solver, y0, steps)
    _agree(system, solver, y0, c, dtype)
    jax.block_until_ready(ours())  # compiles
    forces = solver.force_evaluations
    return {
        f"physsim {name}": (ours, steps, forces),
        f"C {name}": (lambda: c(steps), steps, forces),
    }


def _agree(system, solver, y0, c, dtype):
    """Both programs must compute the same thing before they are timed."""
    q = _ours(system, solver, y0, 10)().final.q
    np.testing.assert_allclose(c(10)[0], q, rtol=0, atol=1e-12 if dtype == np.float64 else 1e-4)


def _chain(n, batch, dtype, target, rounds):
    system = systems.duffing_chain(n, dtype)
    y0 = system.batch(batch, dtype) if batch > 1 else system.y0(dtype)
    calls = {}
    for name, solver in METHODS.items():
        calls |= _pair(name, solver, system, y0, batch, dtype, target)
    for peer in _peers(system, n, batch, dtype, y0):
        calls[peer.name] = _prepared(peer, target / 2)
    times = interleaved({name: call for name, (call, *_) in calls.items()}, rounds)
    gc.collect()
    return _rows("Duffing chain", n, batch, dtype, calls, times)


def _peers(system, n, batch, dtype, y0):
    if n * batch > 2**18:
        return
    yield peers.numpy_leapfrog(system, _DT, dtype, y0)
    yield peers.diffrax_constant(system, diffrax.Tsit5(), _DT, y0, 6)
    yield peers.diffrax_constant(system, diffrax.Dopri8(), _DT, y0, 13)
    if batch == 1 and dtype == np.float64:
        yield peers.scipy_dop853(system)
        yield peers.pyhamsys_peer(system, _DT, "Verlet", 2)
        yield peers.pyhamsys_peer(system, _DT, "RKN6b", 22)
        if n <= 1024:
            yield peers.rebound_bs(system)


def _prepared(peer, target):
    steps = 100 if peer.name.startswith("pyhamsys") else steps_for(peer.run, target)
    counted = peer.run(steps)
    if peer.forces is not None:
        return (lambda: peer.run(steps)), steps, peer.forces
    made, forces = counted
    return (lambda: peer.run(steps)), made, forces / made


def _graph(n, target, rounds):
    system = systems.junction_graph(n)
    calls = {}
    for name, solver in METHODS.items():
        calls |= _pair(name, solver, system, system.y0(), 1, np.float64, target)
    times = interleaved({name: call for name, (call, *_) in calls.items()}, rounds)
    return _rows("junction graph, degree 4", n, 1, np.float64, calls, times)


def _rows(label, n, batch, dtype, calls, times):
    rows = []
    for name, (_, steps, forces) in calls.items():
        step = times[name] / steps * 1e9
        rows.append(
            {
                "system": label,
                "n": n,
                "batch": batch,
                "dtype": np.dtype(dtype).name,
                "program": name,
                "forces": forces,
                "step_ns": step,
                "force_ns": step / forces / n / batch,
            }
        )
    named = {r["program"]: r for r in rows}
    for r in rows:
        r["over_physsim"] = r["force_ns"] / named["physsim SRKN11b"]["force_ns"]
        method = r["program"].removeprefix("physsim ")
        if method in METHODS:
            r["over_c"] = r["step_ns"] / named[f"C {method}"]["step_ns"]
    _report(label, n, batch, dtype, named)
    return rows


def _report(label, n, batch, dtype, named):
    ratios = ", ".join(f"{m} {named[f'physsim {m}']['over_c']:.2f}" for m in METHODS)
    print(f"  {label} N={n} batch={batch} {np.dtype(dtype).name}: time / C: {ratios}", flush=True)
