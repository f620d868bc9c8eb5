"""From netlist text to a long run, stage by stage: seconds and memory

Each case in a process of its own: the text is written, read, reduced to its Hamiltonian, and
run (SRKN11b; the first tenth of the run compiles). Memory is the peak of the process after each
stage.
"""

import json
import resource
import subprocess
import sys
import time

import jax

import circuits
import physsim

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
        command = [sys.executable, "-m", "benchmarks.stages", kind, str(nodes), str(steps)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows.append(json.loads(output.splitlines()[-1]))
        print(f"  {kind} of {nodes}: {sum(rows[-1]['seconds'].values()):.1f} s", flush=True)
    return {"rows": rows}


def table(result: dict) -> str:
    """Markdown."""
    lines = [
        "| network | nodes | elements | text, MB | steps "
        + "".join(f"| {stage}, s (CPU s; peak MiB) " for stage in STAGES)
        + "| energy error |",
        "|" + "---|" * (6 + len(STAGES)),
    ]
    for r in result["rows"]:
        stages = [f"{r['seconds'][s]:.2f} ({r['cpu'][s]:.2f}; {r['peak'][s]:.0f})" for s in STAGES]
        lines.append(
            f"| {r['kind']} | {r['nodes']} | {r['elements']} | {r['megabytes']:.1f} | {r['steps']} "
            f"| {' | '.join(stages)} | {r['energy_error']:.1e} |"
        )
    return "\n".join(lines)


def case(kind: str, nodes: int, steps: int) -> dict:
    """Run one case, lap by lap."""
    row = {"kind": kind, "steps": steps, "seconds": {}, "cpu": {}, "peak": {}}
    marks = [(time.perf_counter(), time.process_time())]

    def lap(stage):
        marks.append((time.perf_counter(), time.process_time()))
        row["seconds"][stage] = marks[-1][0] - marks[-2][0]
        row["cpu"][stage] = marks[-1][1] - marks[-2][1]
        row["peak"][stage] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

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


if __name__ == "__main__":
    physsim.tune_cpu()
    jax.config.update("jax_enable_x64", True)
    case("ladder", 5, 10)  # imports and the backend's start are not what is measured
    print(json.dumps(case(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
