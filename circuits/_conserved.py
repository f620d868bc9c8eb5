"""What a run cannot change: the charge of islands, the flux of loops."""

from dataclasses import replace
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import numpy as np

from ._build import inductive
from ._coupled import inductance_matrix
from ._disjoint_sets import DisjointSets, joined, references_of
from ._elements import Capacitor, CurrentSource, Inductor, NonlinearCapacitor
from ._forest import Forest
from ._initial import initial_flux
from ._netlist import Netlist

if TYPE_CHECKING:
    import xarray

    from ._result import Result

_SHOWN = 8
Loop = tuple[tuple[str, int], ...]
"""Names of elements, +1 for each passed from its first node to its second, else -1."""


def conserved(result: "Result") -> "xarray.Dataset":
    """The charges of islands (C) and fluxes of loops (Wb) along a run, [time, island or loop].

    An island is a set of nodes that only capacitors join to the others (but for those of the
    reference); its charge is the sum on its sides of those capacitors. A loop is made of
    inductors and junctions alone, one for each that closes one; its flux is the signed sum of
    theirs, the Josephson one of a junction being Phi_0 / 2 pi times its phase. Both are
    functions of the state, so what they change by is the run's error. Islands are named by their
    nodes, loops by their elements, in the order in which they are passed.
    """
    import xarray  # noqa: PLC0415

    netlist, tree = result.circuit.netlist, result.circuit.tree
    islands, loops = find_islands(netlist), find_loops(netlist)
    signs = _signs(islands, [e.nodes for e in tree.tree[: tree.num_charges]])
    momenta = np.asarray(result.solution.ys.p)[-result.t.size :, : tree.num_charges]
    charges = momenta @ signs.T * result.circuit.scales.charge
    fluxes = _fluxes(result, loops)
    return xarray.Dataset(
        {
            "charge": (("time", "island"), charges, {"units": "C"}),
            "flux": (("time", "loop"), fluxes, {"units": "Wb"}),
        },
        coords={
            "time": ("time", result.t, {"units": "s"}),
            "island": [" ".join(island) for island in islands],
            "loop": [_loop_name(loop) for loop in loops],
        },
    )


def constants(netlist: Netlist) -> tuple[str, ...]:
    """What small motions leave as it is: ``charge of a b``, ``flux of L1 -B2``, one of each.

    Sources of current stand still in a small motion, so they carry no charge to an island.
    """
    still = [e for e in netlist.elements if not isinstance(e, CurrentSource)]
    islands = find_islands(replace(netlist, elements=tuple(still), initial_voltages={}))
    named = [" ".join(nodes[:_SHOWN]) + " ..." * (len(nodes) > _SHOWN) for nodes in islands]
    loops = [_loop_name(loop) for loop in find_loops(netlist)]
    return (*(f"charge of {n}" for n in named), *(f"flux of {n}" for n in loops))


def find_islands(netlist: Netlist) -> list[tuple[str, ...]]:
    """The nodes of each island."""
    references = references_of(netlist.elements)
    places = {node: i for i, node in enumerate(references)}
    others = [e for e in netlist.elements if not isinstance(e, Capacitor | NonlinearCapacitor)]
    sets = joined(places, others)
    tied = {sets.find(places[reference]) for reference in references.values()}
    found: dict[int, list[str]] = {}
    for node, i in places.items():
        if sets.find(i) not in tied:
            found.setdefault(sets.find(i), []).append(node)
    return [tuple(nodes) for nodes in found.values()]


def find_loops(netlist: Netlist) -> list[Loop]:
    """One loop for each inductive element that a spanning forest of them leaves out."""
    elements = inductive(netlist)
    nodes = {n: i for i, n in enumerate(dict.fromkeys(n for e in elements for n in e.nodes))}
    ends = np.array([[nodes[n] for n in e.nodes] for e in elements], int).reshape(-1, 2)
    forest = Forest(ends[:, 0], ends[:, 1], len(nodes))
    # Through each link from its first node to its second, and back by the forest.
    paths = [[(k, 1), *forest.path(int(ends[k, 1]), int(ends[k, 0]))] for k in forest.links]
    return [tuple((elements[i].name, sign) for i, sign in path) for path in paths]


def count_loops(netlist: Netlist) -> int:
    """How many `find_loops` would find."""
    elements = inductive(netlist)
    nodes = {n: i for i, n in enumerate(dict.fromkeys(n for e in elements for n in e.nodes))}
    sets = DisjointSets(len(nodes))
    return sum(not sets.join(nodes[e.nodes[0]], nodes[e.nodes[1]]) for e in elements)


def _loop_name(loop: Loop) -> str:
    return " ".join(f"{'-' * (sign < 0)}{name}" for name, sign in loop)


def _signs(islands, ends) -> np.ndarray:
    """[islands, capacitors of the tree]: which of the cut charges are the island's, and how."""
    matrix = np.zeros((len(islands), len(ends)))
    for row, island in enumerate(islands):
        inside = set(island)
        for column, (plus, minus) in enumerate(ends):
            matrix[row, column] = (plus in inside) - (minus in inside)
    return matrix


@eqx.filter_jit
def _states(branches, H, ys, us):
    """Currents of the inductors, and the fluxes of the tree, along a run."""

    def one(y, u):
        return branches.state_inductor_currents(H, y, u), branches.fluxes(H, y, u)

    return jax.vmap(one)(ys, us)


def _fluxes(result: "Result", loops: list[Loop]) -> np.ndarray:
    """[saves, loops], in Wb."""
    circuit, saves = result.circuit, result.t.size
    tree, scales, netlist = circuit.tree, circuit.scales, circuit.netlist
    if not loops:
        return np.zeros((saves, 0))
    currents, outer = _states(
        circuit.branches, circuit.hamiltonian, result.solution.ys, result.inputs
    )
    coils = [*tree.link_inductors, *tree.inductors]
    values = circuit.values()
    own = [values[f"{e.name}.L"] for e in coils]
    inductance = inductance_matrix(own, coils, netlist.couplings).toarray()
    linked = np.concatenate([np.asarray(x) for x in currents], axis=1)[-saves:] * scales.current
    by_name = dict(zip((e.name for e in coils), (linked @ inductance).T, strict=True))
    for e in inductive(netlist):
        if not isinstance(e, Inductor):
            across = tree.incidence([e.nodes], tree.flux_columns)
            moved = np.asarray(outer)[-saves:] @ across.dense()[0]
            by_name[e.name] = moved * scales.flux + initial_flux(e)
    total = [sum(sign * by_name[name] for name, sign in loop) for loop in loops]
    return np.stack(total, axis=1)
