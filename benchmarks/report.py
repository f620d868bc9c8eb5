"""Results on disk: JSON, a markdown page, plots."""

import json
import os
import platform
from collections.abc import Collection, Iterable
from pathlib import Path
from types import ModuleType

import jax
import numpy
import scipy

INTRODUCTION = """# Benchmarks

Made by `make bench`. Times are ratios of programs that took turns in one run on one machine,
medians over the rounds; absolute figures belong to this machine and what else it was doing.
"""


def number(value, pattern: str) -> str:
    """A figure, or nothing where there is none."""
    return "" if value is None else pattern.format(value)


def markdown(heads: Collection, rows: Iterable[Iterable]) -> str:
    """A table; cells are shown as `str` shows them."""
    first, *rest = (f"| {' | '.join(map(str, cells))} |" for cells in (heads, *rows))
    return "\n".join([first, "|" + "---|" * len(heads), *rest])


def records(rows: list[dict]) -> str:
    """A table of rows that all have the keys of the first, which are the heads."""
    return markdown(rows[0], ([_shown(row[head]) for head in rows[0]] for row in rows))


def _shown(value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def machine() -> dict:
    """What ran."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
    }


def merge(folder: Path, part: ModuleType, result: dict) -> dict:
    """`result` of `part`, and its section, added to what the folder holds of other parts."""
    name = part.__name__.split(".")[-1]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    everything = json.loads(path.read_text()) if path.exists() else {}
    result = result | {"machine": machine()}
    everything[name] = result | {"page": section(part, result)}
    path.write_text(json.dumps(everything, indent=1))
    return everything


def section(part: ModuleType, result: dict) -> str:
    """The markdown of a part: its title, the machine, its table."""
    title, where = part.__doc__.splitlines()[0], result["machine"]
    line = f"{where['cpu']}, {where['cores']} cores, load {where['load']:.1f}; "
    line += f"Python {where['python']}, JAX {where['jax']}, numpy {where['numpy']}."
    return f"## {title}\n\n{line}\n\n{part.table(result)}\n"


def page(folder: Path, everything: dict) -> None:
    """results.md, all parts that there are."""
    sections = [INTRODUCTION, *(everything[name]["page"] for name in everything)]
    (folder / "results.md").write_text("\n".join(sections))
