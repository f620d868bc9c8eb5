"""Arrays of Josephson junctions, in one and two dimensions."""

from .._elements import Capacitor, Junction
from .._netlist import Netlist
from ._checks import Values, at_least, not_negative, positive, starts, to_ground
from ._grids import grid_edges, grid_names


def junction_array(
    columns: int,
    rows: int = 1,
    *,
    critical_current: float = 1e-6,
    capacitance: float = 50e-15,
    ground_capacitance: float = 5e-15,
    voltages: Values | None = None,
) -> Netlist:
    """Islands n1_1, n1_2, ... (row, column), with a junction between each two neighbours.

    Each junction has `critical_current` (A), so L_J = Phi_0 / 2 pi I_c, and `capacitance` C_J
    (F); each island has `ground_capacitance` C_g, of which 0 leaves the array floating. Small
    plasma waves of an open chain have k = pi m / columns and

        omega^2 = 4 sin^2(k / 2) / (L_J (C_g + 4 C_J sin^2(k / 2)))

    below the plasma frequency 1 / sqrt(L_J C_J); in two dimensions the sum of sin^2 of both wave
    numbers stands for sin^2(k / 2). `voltages` (V) are the initial ones, row by row, by default
    zero but for 1 uV at the last island, a small motion; a floating array counts them from
    n1_1. Arrays are solved densely: see `docs/reduction.md`.
    Source: Fazio & van der Zant, Phys. Rep. 355:235 (2001).

    Raises `NetlistError` for fewer than 2 islands and for values that are not positive.
    """
    at_least("the number of rows of a junction array", rows, 1)
    at_least("the number of columns of a junction array", columns, 1 if rows > 1 else 2)
    positive(critical_current=critical_current, capacitance=capacitance)
    not_negative(ground_capacitance=ground_capacitance)
    names = grid_names(rows, columns)
    edges = [(names[a], names[b]) for a, b in grid_edges(rows, columns)]
    junctions = [Junction(f"B{k}", ends, critical_current) for k, ends in enumerate(edges, 1)]
    across = [Capacitor(f"CJ{k}", ends, capacitance) for k, ends in enumerate(edges, 1)]
    islands = to_ground(names, ground_capacitance) if ground_capacitance else []
    last = [0.0] * (len(names) - 1) + [1e-6]
    title = f"junction array of {rows} x {columns} islands"
    given = starts(names, last if voltages is None else voltages)
    return Netlist(title, (*islands, *across, *junctions), given)
