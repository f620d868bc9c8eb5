"""A lossless ladder against ngspice and voltax: runs, and the gradient by every value

A standing wave of 20 sections a wavelength, 40 steps a period, the same step for all. Each case
runs in a process of its own; CPU seconds of the second call, so without compilation, which is
in the first. Phase error: of the wave at the end, from its last two periods.
"""

import functools
import math
import resource
import sys
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import voltax

import circuits
import learning
import physsim

from . import processes, report
from .memory import peak_mib, planned
from .timing import timed

L, C, WAVELENGTH, PER_PERIOD = 1e-6, 1e-12, 20, 40
OMEGA = 2 * math.sin(math.pi / WAVELENGTH) / math.sqrt(L * C)
STEP = 2 * math.pi / OMEGA / PER_PERIOD
STEPS, QUICK, SAVE_EVERY = 10_000, 1_000, 10


def measure(quick: bool) -> dict:
    """One row a case; ratios are to the first row of the same series."""
    long, short = (QUICK, QUICK // 10) if quick else (STEPS, STEPS // 100)
    fast = [name for name in GRADIENTS if "dense" not in name]
    rows = _series("run", 1000, long, RUNS)
    # Dense matrices, voltax's own choice at this size, take minutes for the longer runs.
    rows += _series("gradient", 100, short, GRADIENTS)
    rows += _series("gradient", 100, long, fast)
    return {"rows": rows}


def _series(kind: str, sections: int, steps: int, programs) -> list[dict]:
    rows = [_process(kind, name, sections, steps) for name in programs]
    best = next(row for row in rows if row["program"] == "SRKN11b")
    gradients = [row.pop("gradient") for row in rows]
    for row, gradient in zip(rows, gradients, strict=True):
        row["ratio"] = row["cpu_s"] / rows[0]["cpu_s"]
        row["difference"] = None
        if gradient is not None and row is not best:
            exact = np.array(gradients[rows.index(best)])
            row["difference"] = float(np.linalg.norm(gradient - exact) / np.linalg.norm(exact))
    return rows


def table(result: dict) -> str:
    """Markdown."""
    heads = (
        "what", "sections", "steps", "program", "first call, CPU s", "second call, CPU s", "ratio",
        "phase error, rad", "gradient off SRKN11b's by", "temporary memory, MiB",
        "peak of the process, MiB",
    )  # fmt: skip
    number = report.number
    rows = [
        [r["kind"], r["sections"], r["steps"], r["program"], number(r["first_cpu_s"], "{:.2f}"),
         f"{r['cpu_s']:.3f}", f"{r['ratio']:.3g}", number(r["phase"], "{:.1e}"),
         number(r.get("difference"), "{:.1e}"), number(r["temporary_mib"], "{:.3f}"),
         number(r["peak_mib"], "{:.0f}")]
        for r in result["rows"]
    ]  # fmt: skip
    return report.markdown(heads, rows)


def _process(kind: str, program: str, sections: int, steps: int) -> dict:
    row = processes.alone("transients", kind, program, sections, steps)
    print(f"  {kind} {program}: {row['cpu_s']:.3f} s of CPU", flush=True)
    return row


def wave(sections: int) -> np.ndarray:
    """The voltages of the mode, an eigenvector of the open ladder."""
    count = 2 * sections // WAVELENGTH
    return np.cos(math.pi * count * (np.arange(sections) + 0.5) / sections)


def deck(sections: int) -> str:
    """The ladder as text that every program here reads."""
    starts = wave(sections)
    lines = ["ladder"]
    lines += [f"C{i} n{i} 0 {C} ic={v!r}" for i, v in enumerate(starts.tolist(), 1)]
    lines += [f"L{i} n{i} n{i + 1} {L} ic=0" for i in range(1, sections)]
    return "\n".join(lines)


def phase_error(times: np.ndarray, voltage: np.ndarray, start: float) -> float:
    """How far the last two periods are off start cos(omega t), in rad, up to a turn."""
    late = times > times[-1] - 4 * math.pi / OMEGA
    t, v = times[late], voltage[late] / start
    basis = np.stack([np.cos(OMEGA * t), np.sin(OMEGA * t)], axis=1)
    (a, b), *_ = np.linalg.lstsq(basis, v, rcond=None)
    return abs(math.atan2(-b, a))


_cpu = functools.partial(timed, clock=time.process_time)


def _row(first, again, phase=None, gradient=None, temporary=None) -> dict:
    return {
        "first_cpu_s": first,
        "cpu_s": again,
        "phase": phase,
        "gradient": gradient,
        "temporary_mib": temporary,
        "peak_mib": peak_mib(),
    }


def run_physsim(method: str, sections: int, steps: int) -> dict:
    """`circuit.simulate`, all states saved every tenth step."""
    circuit = circuits.loads(deck(sections))
    solver = getattr(physsim, method)()

    def run():
        return circuit.simulate(steps * STEP, STEP, solver=solver, save_every=SAVE_EVERY)

    (first, _), (again, result) = _cpu(run), _cpu(run)
    middle = sections // 2
    voltage = np.asarray(result.v(f"n{middle}"))
    error = phase_error(np.asarray(result.t), voltage, wave(sections)[middle - 1])
    return _row(first, again, error)


def run_ngspice(method: str, sections: int, steps: int) -> dict:
    """ngspice with its default options, the trapezoidal rule."""
    middle, stop = sections // 2, steps * STEP
    analysis, signal = f".tran {STEP!r} {stop!r} 0 {STEP!r} uic", f"v(n{middle})"
    spent, data = timed(
        lambda: circuits.run_ngspice(f"{deck(sections)}\n{analysis}", [signal]), _children_cpu
    )
    error = phase_error(data["time"], data[signal], wave(sections)[middle - 1])
    # What is known of its memory is this process's own, which it inherits.
    return _row(None, spent, error) | {"peak_mib": None, "points": len(data["time"])}


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _voltax(sections):
    circuit = voltax.parse_netlist(deck(sections), title=True)
    start = circuit.zeros()
    for i, v in enumerate(wave(sections).tolist(), 1):
        start = start.at[circuit.layout.node(f"n{i}")].set(v)
    return circuit, start


def run_voltax(method: str, sections: int, steps: int) -> dict:
    """voltax.transient with the trapezoidal rule."""
    circuit, start = _voltax(sections)
    times = jnp.arange(steps + 1) * STEP

    def run():
        return voltax.transient(circuit, times, ic=start, method="trap")

    (first, _), (again, solution) = _cpu(run), _cpu(run)
    middle = sections // 2
    voltage = np.asarray(solution.check().v(f"n{middle}"))
    return _row(first, again, phase_error(np.asarray(times), voltage, wave(sections)[middle - 1]))


def _gradient(gradient, arguments, flat) -> dict:
    compiling, compiled = _cpu(lambda: jax.jit(gradient).lower(*arguments).compile())
    run = functools.partial(compiled, *arguments)
    (first, _), (again, value) = _cpu(run), _cpu(run)
    temporary = planned(compiled).temp_size_in_bytes / 2**20
    return _row(compiling + first, again, gradient=flat(value), temporary=temporary)


def gradient_physsim(method: str, sections: int, steps: int) -> dict:
    """The reversible adjoint of the sum of the squares of a voltage, by the values' logarithms."""
    circuit = circuits.loads(deck(sections))
    voltage = circuit.readout(f"v(n{sections // 2})")
    solver = getattr(physsim, method)()

    def gradient(H):
        _, gradients = learning.ReversibleAdjoint()(
            H,
            solver,
            circuit.initial_state,
            lambda H, y, u, target: voltage(H, y, u) ** 2,
            dt=STEP / circuit.scales.time,
            num_steps=steps,
        )
        return gradients.params

    def flat(value):
        named = jax.tree.map(lambda g, unit: g / unit, value, circuit.units)
        leaves = np.concatenate([np.ravel(x) for x in jax.tree.leaves(named)])
        by_name = dict(zip(circuit.hamiltonian.parameter_names(), leaves.tolist(), strict=True))
        return [by_name[f"C{i}.C"] * C for i in range(1, sections + 1)] + [
            by_name[f"L{i}.L"] * L for i in range(1, sections)
        ]

    return _gradient(gradient, (circuit.hamiltonian,), flat)


def gradient_voltax(method: str, sections: int, steps: int) -> dict:
    """The same by voltax's implicit differentiation through its scan."""
    circuit, start = _voltax(sections)
    times = jnp.arange(steps + 1) * STEP
    options = voltax.Options(solver=method.rsplit(maxsplit=1)[-1])
    arrays, rest = eqx.partition(circuit, eqx.is_inexact_array)

    def cost(arrays):
        model = eqx.combine(arrays, rest)
        solution = voltax.transient(model, times, ic=start, method="trap", options=options)
        return jnp.sum(solution.v(f"n{sections // 2}")[1:] ** 2)

    def flat(value):
        # voltax keeps logarithms of the values: these are by relative change already.
        parts = (value.elements["Capacitor"].log_c, value.elements["Inductor"].log_l)
        return [float(x) for part in parts for x in part]

    return _gradient(jax.grad(cost), (arrays,), flat)


RUNS = {
    "StormerVerlet": run_physsim,
    "SRKN11b": run_physsim,
    "ngspice trap": run_ngspice,
    "voltax trap": run_voltax,
}
GRADIENTS = {
    "StormerVerlet": gradient_physsim,
    "SRKN11b": gradient_physsim,
    "voltax trap, dense": gradient_voltax,
    "voltax trap, sparse": gradient_voltax,
}


PROGRAMS = {"run": RUNS, "gradient": GRADIENTS}


def case(kind: str, program: str, sections: int, steps: int) -> dict:
    """Run one program."""
    outcome = PROGRAMS[kind][program](program, sections, steps)
    return {"kind": kind, "program": program, "sections": sections, "steps": steps} | outcome


if __name__ == "__main__":
    processes.tell(case, sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
