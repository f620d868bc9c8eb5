"""SPICE raw files, which ngspice's `load` and waveform viewers read."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from ._result import Result


def write_raw(result: "Result", path: str | Path, *, ascii: bool = False) -> None:
    """Write the times, node voltages and currents of a run, in SI.

    Vectors are `time`, `v(node)` and `i(element)`, in lower case as ngspice has them; `ascii`
    writes numbers as text, with all their digits.
    """
    dataset = result.to_xarray()
    vectors = [("time", "time", result.t)]
    vectors += [
        (f"v({node})", "voltage", dataset.v.values[:, k])
        for k, node in enumerate(dataset.node.values)
    ]
    vectors += [
        (f"i({element})".lower(), "current", dataset.i.values[:, k])
        for k, element in enumerate(dataset.element.values)
    ]
    title = "".join(c if c.isprintable() else " " for c in result.circuit.netlist.title)
    header = _header(title, [(name, unit) for name, unit, _ in vectors], len(result.t))
    table = np.column_stack([x for *_, x in vectors])
    data = b"Values:\n" + _text(table) if ascii else b"Binary:\n" + table.astype("<f8").tobytes()
    Path(path).write_bytes(header.encode() + data)


def _header(title: str, vectors: list[tuple[str, str]], points: int) -> str:
    lines = [
        f"Title: {title or 'physsim'}",
        "Plotname: Transient Analysis",
        "Flags: real",
        f"No. Variables: {len(vectors)}",
        f"No. Points: {points}",
        "Variables:",
        *(f"\t{k}\t{name.replace(' ', '_')}\t{unit}" for k, (name, unit) in enumerate(vectors)),
    ]
    return "\n".join(lines) + "\n"


def _text(table: Float[np.ndarray, "points vectors"]) -> bytes:
    """Each point its number and first value, then a line for each of the others."""
    rows = []
    for k, row in enumerate(table.tolist()):
        first, *others = (repr(x) for x in row)
        rows.append("\n".join([f"{k}\t{first}", *(f"\t{x}" for x in others)]))
    return ("\n".join(rows) + "\n").encode()
