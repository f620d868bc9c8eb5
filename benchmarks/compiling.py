"""Seconds to the first result, and peak memory, each case in a process of its own."""

import sys

import jax

import physsim

from . import processes, report, systems
from .memory import peak_mib
from .timing import Laps

CASES = (
    ("chain", 64, "StormerVerlet"),
    ("chain", 64, "SRKN11b"),
    ("chain", 1024, "SRKN11b"),
    ("chain", 65536, "SRKN11b"),
    ("graph", 1024, "SRKN11b"),
    ("graph", 50_000, "SRKN11b"),
)


def measure(quick: bool) -> dict:
    """One row a case; the fastest of some processes, which others disturb the least."""
    rows = []
    for kind, n, method in CASES[:3] if quick else CASES:
        runs = [processes.alone("compiling", kind, n, method) for _ in range(1 if quick else 2)]
        rows.append(min(runs, key=lambda row: row["first_s"]))
        print(f"  {kind} N={n} {method}: first call {rows[-1]['first_s']:.2f} s", flush=True)
    return {"rows": rows}


def table(result: dict) -> str:
    """Markdown."""
    heads = (
        "system", "N", "method", "compile + first call, s", "of it CPU, s", "second call, s",
        "peak memory, MiB", "of it before building, MiB",
    )  # fmt: skip
    rows = [
        [r["kind"], r["n"], r["method"], f"{r['first_s']:.2f}", f"{r['first_cpu_s']:.2f}",
         f"{r['second_s']:.3f}", f"{r['peak_mib']:.0f}", f"{r['base_mib']:.0f}"]
        for r in result["rows"]
    ]  # fmt: skip
    return report.markdown(heads, rows)


def _case(kind: str, n: int, method: str) -> dict:
    def run(system, solver):
        laps = Laps()
        options = {"dt": 0.01, "num_steps": 10, "save_every": 10}
        jax.block_until_ready(physsim.integrate(system.H, solver, system.y0(), **options))
        return laps.lap()

    run(systems.duffing_chain(4), physsim.StormerVerlet())  # imports, the backend's start
    base = peak_mib()
    system = {"chain": systems.duffing_chain, "graph": systems.junction_graph}[kind](n)
    solver = getattr(physsim, method)()
    (first, cpu), (second, _) = run(system, solver), run(system, solver)
    row = {"kind": kind, "n": n, "method": method, "first_s": first, "first_cpu_s": cpu}
    return row | {"second_s": second, "peak_mib": peak_mib(), "base_mib": base}


if __name__ == "__main__":
    processes.tell(_case, sys.argv[1], int(sys.argv[2]), sys.argv[3])
