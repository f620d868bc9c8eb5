"""Initial voltages of the capacitors, from `ic=` and `.ic`."""

from collections.abc import Iterable
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Float

from ._disjoint_sets import references_of
from ._elements import (
    Capacitor,
    Element,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    Transformer,
    VoltageSource,
)
from ._errors import Location, NetlistError
from ._laws import Laws
from ._netlist import Netlist
from ._normal_tree import NormalTree, ranked_capacitors
from ._quantities import REDUCED_FLUX_QUANTUM
from ._sources import value_at_start

_AGREE = 1e-9


class Given(NamedTuple):
    """A voltage that the netlist states, the words that state it, and their place."""

    plus: str
    minus: str
    voltage: float
    what: str
    location: Location | None


def initial_voltages(netlist: Netlist, tree: NormalTree) -> Float[np.ndarray, " n"]:
    """The voltage of each linear capacitor of the tree at t = 0, in V.

    Every `ic=` and `.ic` holds. A node that they leave open starts at 0 V against its
    reference; next to a voltage source it starts where the capacitor to it is empty.
    Raises `NetlistError` if they contradict each other, or tell the voltage of a node that
    has no capacitance.
    """
    given = _given(netlist)
    starts = _starts(netlist)
    if any(isinstance(e, Transformer) for e in netlist.elements):
        volts = _by_least_squares(tree, given, starts)
    else:
        by_name = capacitor_voltages(netlist)
        volts = np.array([by_name[c.name] for c in tree.capacitors])
    _check(tree, given, starts, volts)
    return volts


def capacitor_voltages(netlist: Netlist) -> dict[str, float]:
    """The initial voltage of every linear capacitor, by name, consistent around loops.

    What is determined; for the others, in the order in which they enter the tree, what it
    is where all sources start from zero; and what follows in the loops that are left.
    """
    if any(isinstance(e, Transformer) for e in netlist.elements):
        return _beside_transformers(netlist)
    references, starts, given = references_of(netlist.elements), _starts(netlist), _given(netlist)
    sources = [e for e in netlist.elements if isinstance(e, VoltageSource)]
    known, resting = _Potentials(references), _Potentials(references)
    for source in sources:
        known.tie(*source.nodes, starts[source.name])
    for g in given:
        known.tie(g.plus, g.minus, g.voltage)
        resting.tie(g.plus, g.minus, g.voltage)
    for source in sources:
        resting.tie(*source.nodes, 0.0)
    for node, reference in references.items():
        resting.tie(node, reference, 0.0)
    capacitors = ranked_capacitors(netlist.elements)
    for c in capacitors:
        known.tie(*c.nodes, resting.between(*c.nodes))
    return {c.name: known.between(*c.nodes) for c in capacitors}


def _beside_transformers(netlist: Netlist) -> dict[str, float]:
    tree = NormalTree(netlist.elements)
    volts = _fixed(tree, _starts(netlist))
    volts[: len(tree.capacitors)] = initial_voltages(netlist, tree)
    return {
        c.name: float(sum(sign * volts[column] for column, sign in tree.path(*c.nodes)))
        for c in (*tree.capacitors, *tree.link_capacitors)
    }


def initial_flux(element: Junction | NonlinearInductor) -> float:
    """The flux at t = 0, in Wb."""
    if isinstance(element, Junction):
        return element.phase * REDUCED_FLUX_QUANTUM
    return element.ic or 0.0


def _starts(netlist) -> dict[str, float]:
    sources = [e for e in netlist.elements if isinstance(e, VoltageSource)]
    return {e.name: value_at_start(e.waveform) for e in sources}


def _given(netlist: Netlist) -> list[Given]:
    given, charged = [], _charged(netlist.elements)
    for e in netlist.elements:
        if isinstance(e, Capacitor) and e.ic is not None:
            given.append(Given(*e.nodes, e.ic, f"ic={e.ic:g} of {e.name}", e.location))
        elif isinstance(e, NonlinearCapacitor):
            what = f"the charge of {e.name}"
            given.append(Given(*e.nodes, charged[e.name], what, e.location))
    if netlist.initial_voltages:
        references = references_of(netlist.elements)
        for node, (value, location) in netlist.initial_voltages.items():
            what = f".ic v({node})={value:g}"
            given.append(Given(node, references[node], value, what, location))
    return given


def _charged(elements: Iterable[Element]) -> dict[str, float]:
    """The voltage of every nonlinear capacitor, by name."""
    bent = [e for e in elements if isinstance(e, NonlinearCapacitor)]
    volts = Laws(bent).response(np.array([e.ic or 0.0 for e in bent], float))
    return dict(zip((e.name for e in bent), volts.tolist(), strict=True))


def _by_least_squares(tree, given, starts):
    """The smallest voltages that fulfil what is given."""
    count = len(tree.capacitors)
    volts = np.zeros(count)
    if not given or not count:
        return volts
    matrix = tree.incidence([(g.plus, g.minus) for g in given]).dense()
    fixed = _fixed(tree, starts)
    wanted = np.array([g.voltage for g in given]) - matrix @ fixed
    return np.linalg.lstsq(matrix[:, :count], wanted, rcond=None)[0]


def _fixed(tree, starts) -> np.ndarray:
    """Tree voltages at t = 0 that no initial condition changes; 0 for the others."""
    known = _charged(tree.tree) | starts
    return np.array([known.get(e.name, 0.0) for e in tree.tree], float)


def _check(tree: NormalTree, given: list[Given], starts, volts) -> None:
    fixed = _fixed(tree, starts)
    fixed[: len(tree.capacitors)] = volts
    largest = max((abs(g.voltage) for g in given), default=0.0)
    for g in given:
        path = tree.path(g.plus, g.minus)
        if any(not _is_state(column, tree) for column, _ in path):
            raise NetlistError(
                f"{g.what}: no capacitor holds this voltage, it follows from the currents: remove "
                f"it, or add a capacitor at node {g.plus}",
                g.location,
            )
        actual = sum(sign * fixed[column] for column, sign in path)
        if abs(actual - g.voltage) > _AGREE * max(largest, abs(actual)):
            others = _between([*(o for o in given if o is not g), *_sourced(tree, starts)], g)
            raise NetlistError(
                f"{g.what} contradicts the other initial voltages, which make it {actual:g}"
                f"{others}: change or remove one of them",
                g.location,
            )


def _sourced(tree: NormalTree, starts) -> list[Given]:
    return [Given(*e.nodes, starts[e.name], e.name, e.location) for e in tree.sources]


def _between(stated: list[Given], g: Given) -> str:
    """The statements that lead from one node of `g` to the other, in words."""
    above: dict[str, tuple[str, str]] = {g.plus: (g.plus, "")}
    queue = [g.plus]
    for node in queue:
        for o in stated:
            for near, far in ((o.plus, o.minus), (o.minus, o.plus)):
                if near == node and far not in above:
                    above[far] = (node, o.what)
                    queue.append(far)
    names, node = [], g.minus
    while node in above and node != g.plus:
        node, what = above[node]
        names.append(what)
    return f" ({', '.join(names)})" if names else ""


def _is_state(column: int, tree: NormalTree) -> bool:
    return column < tree.num_charges or tree.num_coordinates <= column < tree.num_fluxes


@final
class _Potentials:
    """Union-find that knows the voltage between any two nodes of one set."""

    def __init__(self, nodes):
        self._nodes = {node: i for i, node in enumerate(nodes)}
        self._parent = list(range(len(self._nodes)))
        self._above = [0.0] * len(self._nodes)

    def _root(self, i: int) -> tuple[int, float]:
        """The set's root and the voltage of i against it."""
        trail, voltage = [], 0.0
        while self._parent[i] != i:
            trail.append((i, voltage))
            voltage += self._above[i]
            i = self._parent[i]
        for node, before in trail:
            self._parent[node], self._above[node] = i, voltage - before
        return i, voltage

    def between(self, plus: str, minus: str) -> float:
        """v(plus) - v(minus), for nodes of one set."""
        return self._root(self._nodes[plus])[1] - self._root(self._nodes[minus])[1]

    def tie(self, plus: str, minus: str, voltage: float) -> None:
        """Set v(plus) - v(minus), where it is not determined yet."""
        (a, at_plus), (b, at_minus) = (self._root(self._nodes[n]) for n in (plus, minus))
        if a != b:
            self._parent[a] = b
            self._above[a] = at_minus + voltage - at_plus
