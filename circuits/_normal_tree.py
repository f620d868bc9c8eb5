"""The normal tree of a network: which branch voltages describe all the others.

Branches grow a spanning tree in the order voltage sources, capacitors, resistors, inductors
(union-find). Rank questions then become graph facts: a voltage source left out of the tree
closes a loop of them; a capacitor left out closes a loop of capacitors and sources; an
inductor inside it ends at nodes that only inductors reach; a current source inside it would
show a cutset of current sources. Larger capacitors come first, by factors of a thousand, or
C_eff would lose digits; of similar ones the grounded, so that coordinates are node fluxes
wherever possible.
"""

import math
from collections.abc import Iterable, Sequence
from typing import final

import numpy as np

from physsim import SignedIncidence

from ._elements import (
    GROUND,
    Capacitor,
    CurrentSource,
    Element,
    Gyrator,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
    Resistor,
    Transformer,
    VoltageSource,
)
from ._errors import NetlistError
from ._graph_span import GraphSpan
from ._transformers import TransformerSpan


@final
class NormalTree:
    """A tree that reaches every node, and the branches (links) outside of it.

    In the tree are, in the order of its columns, the linear `capacitors`, the
    `nonlinear_capacitors`, `resistors`, voltage `sources` and `inductors`; the others are
    `link_capacitors`, `link_resistors`, `link_inductors`. A node voltage is the signed sum
    of tree voltages on its path to the reference node of its part of the network (ground,
    or the first node where a part has none).

    Raises `NetlistError` for networks without a Hamiltonian in these coordinates.
    """

    def __init__(self, elements: Sequence[Element]):
        names = dict.fromkeys(node for element in elements for node in element.nodes)
        self.nodes = {node: i for i, node in enumerate(names)}
        self._span = _span(elements, self.nodes)
        self._sort(elements)
        self._span.finish(self.tree)
        _check_reach(elements, self)

    def _sort(self, elements):
        grow = self._span.grow
        grown = grow(sorted((e for e in elements if isinstance(e, VoltageSource)), key=_grounded))
        self.sources = grown[0]
        for source in grown[1]:
            self._refuse_source_loop(source)
        bent = [e for e in elements if isinstance(e, NonlinearCapacitor)]
        self.nonlinear_capacitors, outside = grow(sorted(bent, key=_grounded))
        for element in outside:
            raise NetlistError(
                f"{element.name} closes a loop of capacitors or voltage sources, in which its "
                "charge is no state: put a small resistor or inductor in series with it",
                element.location,
            )
        self.capacitors, self.link_capacitors = grow(ranked_capacitors(elements))
        resistors = [e for e in elements if isinstance(e, Resistor)]
        self.resistors, self.link_resistors = grow(sorted(resistors, key=_grounded))
        inductors = [e for e in elements if isinstance(e, Inductor)]
        self.inductors, self.link_inductors = grow(sorted(inductors, key=_grounded))

    @property
    def tree(self) -> tuple[Element, ...]:
        """The tree's branches in the order of its columns."""
        charged = (*self.capacitors, *self.nonlinear_capacitors)
        return (*charged, *self.resistors, *self.sources, *self.inductors)

    @property
    def has_linear_capacitors(self) -> bool:
        """Whether the first kinetic part is that of linear capacitors."""
        return bool(self.capacitors or self.link_capacitors)

    @property
    def num_charges(self) -> int:
        """Columns of capacitors: coordinates with a momentum."""
        return len(self.capacitors) + len(self.nonlinear_capacitors)

    @property
    def num_coordinates(self) -> int:
        """Columns of capacitors and resistors."""
        return self.num_charges + len(self.resistors)

    @property
    def num_fluxes(self) -> int:
        """Columns of capacitors, resistors and voltage sources."""
        return self.num_coordinates + len(self.sources)

    @property
    def charge_columns(self) -> tuple[int, int]:
        """(start, stop) of the columns of capacitors."""
        return 0, self.num_charges

    @property
    def nonlinear_columns(self) -> tuple[int, int]:
        """Those of nonlinear capacitors."""
        return len(self.capacitors), self.num_charges

    @property
    def resistor_columns(self) -> tuple[int, int]:
        return self.num_charges, self.num_coordinates

    @property
    def source_columns(self) -> tuple[int, int]:
        """Those of voltage sources."""
        return self.num_coordinates, self.num_fluxes

    @property
    def flux_columns(self) -> tuple[int, int]:
        """Those of capacitors, resistors and voltage sources."""
        return 0, self.num_fluxes

    @property
    def inductor_columns(self) -> tuple[int, int]:
        return self.num_fluxes, len(self.tree)

    @property
    def free_nodes(self) -> list[str]:
        """The nodes that are no reference."""
        return [node for node in self.nodes if self.reference(node) != node]

    def path(self, plus: str, minus: str) -> list[tuple[int, int | float]]:
        """(column, coefficient) pairs that sum up to the voltage from `plus` to `minus`.

        Raises `NetlistError` if the two nodes are in unconnected parts.
        """
        return self._span.path(plus, minus)

    def incidence(
        self, branches: Iterable[Sequence[str]], columns: tuple[int, int] | None = None
    ) -> SignedIncidence:
        """The matrix that takes tree voltages (or fluxes) to those of the branches.

        With `columns` = (start, stop), only of these columns.
        """
        start, stop = (0, len(self.tree)) if columns is None else columns
        rows, cols, signs = [], [], []
        count = 0
        for count, (plus, minus) in enumerate(branches, start=1):
            for column, sign in self.path(plus, minus):
                if start <= column < stop:
                    rows.append(count - 1)
                    cols.append(column - start)
                    signs.append(sign)
        return SignedIncidence(rows, cols, np.array(signs, float), (count, stop - start))

    def coordinates(self) -> tuple[str, ...]:
        """A name for each coordinate: its node, or `a,b` for a branch between nodes."""
        return tuple(_coordinate(e) for e in self.tree[: self.num_coordinates])

    def reference(self, node: str) -> str:
        """The node from which the voltage of `node` is counted."""
        return self._span.reference(node)

    def _refuse_source_loop(self, source):
        plus, minus = source.nodes
        self._span.finish(self.sources)
        others = [self.sources[column].name for column, _ in self._span.path(plus, minus)]
        names = ", ".join(others[:5])
        raise NetlistError(
            f"{source.name} closes a loop of voltage sources ({source.name}, {names}): two "
            "voltages would contradict each other; put a resistor or an inductor in between",
            source.location,
        )


def _span(elements, nodes):
    if any(isinstance(e, Transformer) for e in elements):
        return TransformerSpan(elements, nodes)
    return GraphSpan(nodes)


def _grounded(element) -> bool:
    return GROUND not in element.nodes


def ranked_capacitors(elements: Iterable[Element]) -> list[Capacitor]:
    """The linear capacitors in the order in which they enter the tree."""
    capacitors = [e for e in elements if isinstance(e, Capacitor)]
    largest = max((c.capacitance for c in capacitors), default=1.0)

    def rank(c):
        return int(math.log10(largest / c.capacitance) / 3), GROUND not in c.nodes

    return sorted(capacitors, key=rank)


def _coordinate(element) -> str:
    nodes = element.nodes
    return next(n for n in nodes if n != GROUND) if GROUND in nodes else ",".join(nodes)


def _check_reach(elements, tree: NormalTree) -> None:
    """Refuse links whose state would not follow from the tree's capacitors and sources."""
    for e in elements:
        if isinstance(e, CurrentSource | Junction | NonlinearInductor | NonlinearResistor):
            _check_link(e, e.nodes, tree)
        elif isinstance(e, Gyrator):
            _check_link(e, e.nodes[:2], tree)
            _check_link(e, e.nodes[2:], tree)


def _check_link(element, ends, tree) -> None:
    missing = tree._span.missing(*ends)
    if isinstance(element, CurrentSource):
        if missing is not None:
            raise NetlistError(
                f"{element.name} drives {missing}, from which its current has no way back (a "
                "cutset of current sources): add a capacitor, an inductor or a resistor there",
                element.location,
            )
        return
    # Whose branches must lie in the tree between the element's ends.
    allowed = tree.num_coordinates if isinstance(element, Junction | NonlinearInductor) else None
    if missing is None and all(_settled(c, allowed, tree) for c, _ in tree.path(*ends)):
        return
    nodes = " to ".join(ends)
    where = missing or _floating(ends, allowed, tree)
    raise NetlistError(
        f"{element.name} leads to {where} without a capacitance to the rest of the network, so "
        f"{_WHY.get(type(element), 'its flux is no coordinate')}: add a capacitor, for example "
        f"from {nodes}",
        element.location,
    )


def _floating(ends, allowed, tree) -> str:
    """Those of the two nodes that no capacitors and sources lead to, in words."""
    found = [
        node
        for node in ends
        if not all(_settled(c, allowed, tree) for c, _ in tree.path(node, tree.reference(node)))
    ]
    return "nodes " + ", ".join(found) if len(found) > 1 else f"node {(found or ends)[0]}"


_WHY = {
    NonlinearResistor: "its voltage is no state",
    Gyrator: "the voltage of its port is no state",
}


def _settled(column: int, allowed: int | None, tree: NormalTree) -> bool:
    """Whether a tree branch may lie on the path: a source always, a resistor for fluxes."""
    is_source = tree.num_coordinates <= column < tree.num_fluxes
    return is_source or column < (tree.num_charges if allowed is None else allowed)
