"""From netlist text to a long run, stage by stage: seconds and memory

Each case in a process of its own: the text is written, read, reduced to its Hamiltonian, and
run (SRKN11b; the first tenth of the run compiles). Memory is the peak of the process after each
stage.
"""

import sys

import jax

import circuits
import physsim

from . import processes, report
from .memory import peak_mib
from .timing import Laps

DT = 0.4
CASES = (
    ("ladder", 10, 1000),
    ("ladder", 1000, 1000),
    ("ladder", 100_000, 1000),
    ("lattice", 100_000, 10_000),
)
STAGES = ("text", "parse", "build", "first tenth", "other tenths")


def measure(quick: bool) -> dict:
    """One row a case."""
    rows = []
    for kind, nodes, steps in CASES[:2] if quick else CASES:
        rows.append(processes.alone("stages", kind, nodes, steps))
        print(f"  {kind} of {nodes}: {sum(rows[-1]['seconds'].values()):.1f} s", flush=True)
    return {"rows": rows}


def table(result: dict) -> str:
    """Markdown."""
    heads = ["network", "nodes", "elements", "text, MB", "steps"]
    heads += [*(f"{stage}, s (CPU s; peak MiB)" for stage in STAGES), "energy error"]
    rows = []
    for r in result["rows"]:
        stages = [f"{r['seconds'][s]:.2f} ({r['cpu'][s]:.2f}; {r['peak'][s]:.0f})" for s in STAGES]
        network = [r["kind"], r["nodes"], r["elements"], f"{r['megabytes']:.1f}", r["steps"]]
        rows.append([*network, *stages, f"{r['energy_error']:.1e}"])
    return report.markdown(heads, rows)


def case(kind: str, nodes: int, steps: int) -> dict:
    """Run one case, lap by lap."""
    row = {"kind": kind, "steps": steps, "seconds": {}, "cpu": {}, "peak": {}}
    laps = Laps()

    def lap(stage):
        row["seconds"][stage], row["cpu"][stage] = laps.lap()
        row["peak"][stage] = peak_mib()

    side = round(nodes**0.5)
    netlist = circuits.ladder(nodes) if kind == "ladder" else circuits.lattice(side, side)
    text = netlist.to_text()
    lap("text")
    netlist = circuits.parse_netlist(text)
    lap("parse")
    circuit = circuits.Circuit(netlist)
    lap("build")

    def tenth(y):
        options = {"dt": DT, "num_steps": steps // 10, "save_every": steps // 10}
        return jax.block_until_ready(
            physsim.integrate(circuit.hamiltonian, physsim.SRKN11b(), y, **options)
        )

    solution = tenth(circuit.y0)
    lap("first tenth")
    start = float(solution.energies[0])
    for _ in range(9):
        solution = tenth(solution.final)
    lap("other tenths")
    drift = abs(float(solution.energies[-1]) / start - 1)
    return row | {
        "nodes": len(circuit.tree.nodes) - 1,
        "elements": len(netlist.elements),
        "megabytes": len(text) / 1e6,
        "energy_error": drift,
    }


def warm(kind: str, nodes: int, steps: int) -> dict:
    """The same after imports and the backend's start, which are not what is measured."""
    case("ladder", 5, 10)
    return case(kind, nodes, steps)


if __name__ == "__main__":
    processes.tell(warm, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
