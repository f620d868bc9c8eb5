"""python -m benchmarks [parts ...] [--quick] [--out folder]"""

import argparse
import time
from pathlib import Path

import physsim

physsim.tune_cpu()

import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)

from . import (  # noqa: E402
    compiling,
    drift,
    echo,
    exactness,
    hssm,
    long_memory,
    overhead,
    parallel,
    report,
    speed,
    stages,
    tolerances,
    transients,
    work_precision,
)

PARTS = {
    "speed": speed,
    "compile": compiling,
    "work_precision": work_precision,
    "drift": drift,
    "overhead": overhead,
    "echo": echo,
    "exactness": exactness,
    "transients": transients,
    "stages": stages,
    "tolerances": tolerances,
    "hssm": hssm,
    "long_memory": long_memory,
    "parallel": parallel,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all")
    parser.add_argument("--quick", action="store_true", help="fewer sizes, shorter runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part named {', '.join(sorted(unknown))}: choose of {', '.join(PARTS)}")
    for name in arguments.parts or PARTS:
        print(f"{name} ...", flush=True)
        start = time.perf_counter()
        part = PARTS[name]
        everything = report.merge(arguments.out, name, part.measure(arguments.quick))
        if hasattr(part, "plot"):
            part.plot(everything[name], arguments.out)
        report.page(arguments.out, everything, PARTS)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
