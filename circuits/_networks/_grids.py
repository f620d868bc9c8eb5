"""Linear networks in two dimensions, and on random graphs."""

import itertools
import random

from .._disjoint_sets import DisjointSets
from .._elements import Inductor
from .._errors import NetlistError
from .._netlist import Netlist
from ._checks import Values, at_least, node_names, starts, to_ground

Edge = tuple[int, int]


def grid_names(rows: int, columns: int) -> list[str]:
    """n1_1, n1_2, ..., row by row."""
    return [f"n{i}_{j}" for i in range(1, rows + 1) for j in range(1, columns + 1)]


def grid_edges(rows: int, columns: int) -> list[Edge]:
    """The pairs of neighbours, as places in `grid_names`: along the rows, then across them."""
    sites = [[i * columns + j for j in range(columns)] for i in range(rows)]
    along = [pair for row in sites for pair in itertools.pairwise(row)]
    across = [pair for a, b in itertools.pairwise(sites) for pair in zip(a, b, strict=True)]
    return along + across


def lattice(
    rows: int,
    columns: int,
    *,
    inductance: float = 1e-6,
    capacitance: float = 1e-12,
    voltages: Values | None = None,
) -> Netlist:
    """A square LC lattice: a capacitor from each node to ground, inductors between neighbours.

    Nodes are n1_1, n1_2, ... (row, column). With open edges the modes (j, k) have
    omega^2 = 4 (sin^2(pi j / 2 rows) + sin^2(pi k / 2 columns)) / L C. Values in H and F;
    `voltages` (V) are the initial ones, row by row, by default 1 V at n1_1. Raises
    `NetlistError` for fewer than 2 rows or columns and for values that are not positive.
    """
    at_least("the number of rows of a lattice", rows, 2)
    at_least("the number of columns of a lattice", columns, 2)
    names = grid_names(rows, columns)
    title = f"LC lattice of {rows} x {columns} nodes"
    return _graph(title, names, grid_edges(rows, columns), inductance, capacitance, voltages)


def random_graph(
    nodes: int,
    degree: int,
    *,
    seed: int,
    inductance: float = 1e-6,
    capacitance: float = 1e-12,
    voltages: Values | None = None,
) -> Netlist:
    """An LC network on a random connected graph in which every node has `degree` neighbours.

    Capacitors from n1..nN to ground, inductors along the edges; omega^2 L C are the eigenvalues
    of the graph's Laplacian. The same seed gives the same graph: a circulant one, shuffled by
    exchanging the ends of pairs of edges (Maslov & Sneppen, Science 296:910, 2002). Values in H
    and F; `voltages` (V) as in `ring`. Raises `NetlistError` where there is no such graph (the
    degree is below 2 or not below the number of nodes, or both are odd).
    """
    at_least("the degree of a random graph", degree, 2)
    at_least("the number of nodes of a random graph", nodes, degree + 1)
    if nodes * degree % 2:
        raise NetlistError(
            f"no graph has {nodes} nodes with {degree} neighbours each: one of the two has to be "
            "even"
        )
    edges = _regular_edges(nodes, degree, random.Random(seed))
    title = f"LC network on a random graph of {nodes} nodes with {degree} neighbours each"
    return _graph(title, node_names(nodes), edges, inductance, capacitance, voltages)


def _graph(title, names, edges, inductance, capacitance, voltages) -> Netlist:
    inductors = [
        Inductor(f"L{k}", (names[a], names[b]), inductance) for k, (a, b) in enumerate(edges, 1)
    ]
    elements = (*to_ground(names, capacitance), *inductors)
    return Netlist(title, elements, starts(names, voltages))


def _regular_edges(nodes: int, degree: int, rng: random.Random) -> list[Edge]:
    edges = _circulant(nodes, degree)
    present = set(edges)
    _shuffle(edges, present, 10 * len(edges), rng)
    while not _connected(nodes, edges):
        _shuffle(edges, present, len(edges), rng)
    return sorted(edges)


def _circulant(nodes: int, degree: int) -> list[Edge]:
    spans = range(1, degree // 2 + 1)
    edges = [_edge(i, (i + span) % nodes) for i in range(nodes) for span in spans]
    if degree % 2:
        edges += [(i, i + nodes // 2) for i in range(nodes // 2)]
    return edges


def _shuffle(edges: list[Edge], present: set[Edge], tries: int, rng: random.Random) -> None:
    """Exchange ends of pairs of edges, where that makes no loop and no second edge."""
    for _ in range(tries):
        i, j = rng.randrange(len(edges)), rng.randrange(len(edges))
        (a, b), (c, d) = edges[i], edges[j]
        if rng.random() < 0.5:
            c, d = d, c
        first, second = _edge(a, d), _edge(c, b)
        if len({a, b, c, d}) < 4 or first in present or second in present:
            continue
        present -= {edges[i], edges[j]}
        present |= {first, second}
        edges[i], edges[j] = first, second


def _edge(a: int, b: int) -> Edge:
    return (a, b) if a < b else (b, a)


def _connected(nodes: int, edges: list[Edge]) -> bool:
    sets = DisjointSets(nodes)
    return sum(sets.join(a, b) for a, b in edges) == nodes - 1
