"""What the commands of analyses share: frequencies, tables, CSV."""

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import EngFormatter

from ._files import console

_SMALLEST, _LARGEST = 1e-18, 1e15


def si(value: float, unit: str = "", digits: int = 4) -> str:
    """A number with an SI prefix, such as 50.33 MHz."""
    size = abs(float(value))
    if not _SMALLEST <= size < _LARGEST or not unit or unit.startswith("1/"):
        return f"{value:.{digits}g} {unit}".rstrip()
    power = 3 * math.floor(math.log10(float(f"{size:.{digits - 1}e}")) / 3)
    return f"{value / 10.0**power:.{digits}g} {EngFormatter.ENG_PREFIXES[power]}{unit}"


def decay_times(H, dt: float, num_steps: int) -> float:
    """How many decay times of the fastest loss a run lasts; 0 without losses."""
    from physsim import fastest_decay

    return float(fastest_decay(H)) * dt * num_steps


def quantities(circuit, nodes: list[str] | None, measures: list[str] | None) -> list[str]:
    """What `--node` and `--measure` name, checked; the last node's voltage without them."""
    names = [f"v({node})" for node in nodes or ()] + list(measures or ())
    names = names or [default_readout(circuit)]
    for name in names:
        circuit.readout(name)
    return names


def default_readout(circuit) -> str:
    """The voltage of the last node."""
    free = [n for n in circuit.tree.nodes if circuit.tree.reference(n) != n]
    if not free:
        raise ValueError("the circuit has no node with a voltage: name a current with --measure")
    return f"v({free[-1]})"


def only_source(circuit) -> str | None:
    """The one source there is, where none has an AC value."""
    from circuits import CurrentSource, VoltageSource

    kinds = (VoltageSource, CurrentSource)
    sources = [e for e in circuit.netlist.elements if isinstance(e, kinds)]
    silent = not any(e.ac[0] for e in sources)
    return sources[0].name if silent and len(sources) == 1 else None


def shortest_period(circuit) -> float:
    """Of the oscillations about the start, in s; infinite where nothing oscillates."""
    import jax.numpy as jnp

    from physsim import fastest_frequency

    H, y = circuit.hamiltonian, circuit.y0
    omega = float(fastest_frequency(H, y, jnp.zeros(len(H.input_names), y.q.dtype)))
    return 2 * math.pi / omega * circuit.scales.time if omega else math.inf


def unit_of(quantity: str) -> str:
    return "A" if quantity.strip().lower().startswith("i") else "V"


VALUE_UNITS = {"R": "Ohm", "C": "F", "L": "H", "icrit": "A", "g": "S"}


def value_unit(name: str) -> str:
    """The SI unit of a value such as `C1.C`; empty where its kind has none of its own."""
    return VALUE_UNITS.get(name.rpartition(".")[2], "")


_ENDINGS = {"db": "dB", "mb": "MiB"}


def words_of(figure: str) -> str:
    """The name of a figure, with its unit behind: `ripple_db_after` is ripple after, dB."""
    parts = figure.split("_")
    words = " ".join(part for part in parts if part not in _ENDINGS)
    return ", ".join([words, *(_ENDINGS[part] for part in parts if part in _ENDINGS)])


def frequencies(circuit, sweep: str | None):
    """A `circuits.Ac`: of `--sweep`, of the `.ac` card, or around the natural frequencies."""
    import circuits

    if sweep is not None:
        return _card(sweep)
    if circuit.netlist.ac is not None:
        return circuit.netlist.ac
    card = circuits.natural_range(circuit.netlist)
    console.print(
        f"  sweep    dec {card.points} {card.start:.4g} {card.stop:.4g}, "
        "around natural frequencies",
        highlight=False,
    )
    return card


def _card(text: str):
    import circuits

    words = text.split()
    if len(words) != 4 or words[0].lower() not in ("dec", "oct", "lin") or not words[1].isdigit():
        raise ValueError(
            f'--sweep {text!r}: expected dec, oct or lin, points, start and stop: "dec 20 1k 1meg"'
        )
    start, stop = (circuits.parse_number(word, "--sweep", "Hz") for word in words[2:])
    if not 0 < start < stop:
        raise ValueError(f"--sweep {text!r}: start has to be above 0 Hz and below stop")
    return circuits.Ac(words[0].lower(), int(words[1]), start, stop)


def save_csv(columns: dict[str, Any], path: Path) -> None:
    """A column a name."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow([x if isinstance(x, str) else f"{x:.12g}" for x in row])
    console.print(f"  table    {path}", highlight=False)


def decibel(values: np.ndarray) -> np.ndarray:
    """20 log10 |values|; -400 where there is nothing."""
    return 20 * np.log10(np.maximum(np.abs(values), 1e-20))
