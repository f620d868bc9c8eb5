"""python -m benchmarks [parts ...] [--quick] [--out folder]"""

import argparse
import importlib
import time
from pathlib import Path

import physsim

physsim.tune_cpu()

import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)

from . import report  # noqa: E402

PARTS = (
    "speed", "compiling", "work_precision", "drift", "overhead", "echo", "exactness", "transients",
    "stages", "tolerances", "hssm", "long_memory", "parallel", "reconstruction", "halo",
    "devices",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all")
    parser.add_argument("--quick", action="store_true", help="fewer sizes, shorter runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part named {', '.join(sorted(unknown))}: choose of {', '.join(PARTS)}")
    chosen = arguments.parts or PARTS
    # One by one: some parts need the peers, which not everyone has installed.
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in chosen}
    for name, part in modules.items():
        print(f"{name} ...", flush=True)
        start = time.perf_counter()
        everything = report.merge(arguments.out, part, part.measure(arguments.quick))
        if hasattr(part, "plot"):
            part.plot(everything[name], arguments.out)
        report.page(arguments.out, everything)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
