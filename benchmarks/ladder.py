"""Compile and first run of LC ladders: does the time grow with the network beyond its data?

    python benchmarks/ladder.py [sections ...]

Prints, a row a size: parsing the netlist text, building the circuit, the first run
(compilation included), the same run again, and the difference, which is compilation.
"""

import json
import sys
import time

import physsim

physsim.tune_cpu()

import jax  # noqa: E402

from circuits import Circuit, parse_netlist  # noqa: E402

STEPS = 100


def deck(sections: int) -> str:
    """The ladder as netlist text."""
    lines = ["ladder"]
    lines += [f"C{i} n{i} 0 1p" for i in range(1, sections + 1)]
    lines += [f"L{i} n{i} n{i + 1} 1u" for i in range(1, sections)]
    return "\n".join([*lines, ".ic v(n1)=1", ".end"])


def measure(sections: int) -> dict[str, float]:
    """Seconds of each stage."""
    marks = [time.perf_counter()]

    def lap() -> float:
        marks.append(time.perf_counter())
        return marks[-1] - marks[-2]

    jax.clear_caches()
    netlist = parse_netlist(deck(sections))
    row = {"sections": sections, "parse": lap()}
    circuit = Circuit(netlist)
    row["build"] = lap()
    options = {"dt": 0.2, "num_steps": STEPS, "save_every": STEPS}
    arguments = (circuit.hamiltonian, physsim.SRKN11b(), circuit.y0)
    lap()
    jax.block_until_ready(physsim.integrate(*arguments, **options))
    row["first run"] = lap()
    jax.block_until_ready(physsim.integrate(*arguments, **options))
    row["second run"] = lap()
    row["compile"] = row["first run"] - row["second run"]
    return row


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    sizes = [int(text) for text in sys.argv[1:]] or [10, 1000, 100_000]
    measure(5)  # imports and the backend's start are not what is measured
    for size in sizes:
        print(json.dumps({key: round(value, 4) for key, value in measure(size).items()}))


if __name__ == "__main__":
    main()
