"""Voltages and currents of every branch, from the state: what read-outs are made of.

All in dimensionless units. The voltage of a link is the signed sum of the tree's on its
path, and the currents of the tree follow from those of the links, i_t = -K^T i_links.
"""

from collections.abc import Sequence
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physsim import ElementGroup, NetworkHamiltonian, SignedIncidence

from ._coupled import CoupledInductors
from ._elements import CurrentSource, Gyrator, NonlinearResistor
from ._hamiltonian import linear_capacitors
from ._netlist import Netlist
from ._normal_tree import NormalTree
from ._sources import Aspect, Signal

Hamiltonian = Any


@final
class Branches:
    """Functions of (H, y, u), one for each sort of branch."""

    def __init__(self, netlist: Netlist, tree: NormalTree, signals: tuple[Signal, ...]):
        self.netlist, self.tree = netlist, tree
        self.input_of = {(s.source, s.aspect): k for k, s in enumerate(signals)}
        self.current_sources = [e for e in netlist.elements if isinstance(e, CurrentSource)]
        self.gyrators = [e for e in netlist.elements if isinstance(e, Gyrator)]
        self.leaks = [e for e in netlist.elements if isinstance(e, NonlinearResistor)]

    # Voltages of the tree.

    def fluxes(self, H, y, u):
        """x: fluxes of the tree's capacitors, resistors and sources."""
        return y.q if isinstance(H, NetworkHamiltonian) else H.route()(y.q, u)

    def tree_voltages(self, H, y, u):
        """Of the tree's capacitors, resistors and sources, in this order."""
        if isinstance(H, NetworkHamiltonian):
            return H.velocity(y.p)
        reactive = H.conservative
        velocity, force = reactive.velocity(y.p), reactive.force(y.q, u)
        return H.tree_voltages(velocity, force, u, reactive.route)

    def node_voltages(self, H, y, u):
        """Of the tree's `free_nodes`, against their references."""
        tree = self.tree
        return self.voltages_between(H, y, u, [(n, tree.reference(n)) for n in tree.free_nodes])

    def voltages_across(self, H, y, u, elements):
        """From the first node of each element to its second."""
        return self.voltages_between(H, y, u, [e.nodes for e in elements])

    def voltages_between(self, H, y, u, pairs: Sequence[Sequence[str]]):
        """v(first) - v(second) of each pair of nodes."""
        tree = self.tree
        v = tree.incidence(pairs, tree.flux_columns)(self.tree_voltages(H, y, u))
        inner = tree.incidence(pairs, tree.inductor_columns)
        if not len(inner.rows):
            return v
        return v + inner(self.tree_inductor_voltages(H, y, u))

    def tree_inductor_voltages(self, H, y, u):
        """v = dF/dt at nodes that only inductors reach."""

        def flux(x, inputs):
            currents = self.inductor_currents(H, x, inputs)
            return self._tree_fluxes(H, *currents)

        x, dx = self.fluxes(H, y, u), self.tree_voltages(H, y, u)
        return jax.jvp(flux, (x, u), (dx, self._input_slopes(u)))[1]

    def _input_slopes(self, u):
        """du/dt, as far as the inputs tell it."""
        slopes = jnp.zeros_like(u)
        for (source, aspect), k in self.input_of.items():
            known = self.input_of.get((source, Aspect.SLOPE))
            if aspect is Aspect.VALUE and known is not None:
                slopes = slopes.at[k].set(u[known])
        return slopes

    def _tree_fluxes(self, H, links, inside):
        """Fluxes of the tree's inductors, mutual inductance included."""
        return self._coupled_fluxes(H, links, inside)[len(self.tree.link_inductors) :]

    def _coupled_fluxes(self, H, links, inside):
        """Fluxes of all linear inductors, zero for those that are not coupled."""
        tree = self.tree
        order = {e.name: k for k, e in enumerate((*tree.link_inductors, *tree.inductors))}
        currents = jnp.concatenate([links, inside])
        fluxes = jnp.zeros_like(currents)
        for part in loops_of(H):
            where = np.array([order[name] for name in part.layout.inductors])
            layout = part.layout
            values = layout.values(part.inductance, part.coupling)
            own = values[: len(where)] * currents[where]
            if layout.pairs:
                i, j, _ = np.array(layout.pairs).T
                mutual = values[len(where) : len(where) + len(i)]
                own = own.at[i].add(mutual * currents[where[j]])
                own = own.at[j].add(mutual * currents[where[i]])
            fluxes = fluxes.at[where].set(own)
        for part, row, name in self._driven_inductors(H):
            k = order[name]
            fluxes = fluxes.at[k].set(part.parameters["L"][row] * currents[k])
        return fluxes

    def _driven_inductors(self, H):
        """(group, row, name) of the tree's inductors in no loop: only sources drive them."""
        inside = {e.name for e in self.tree.inductors}
        for part in groups_of(H) if inside else ():
            for row, name in enumerate(part.labels):
                if name in inside:
                    yield part, row, name

    # Energies.

    def stored(self, H, y, u) -> list[tuple[tuple[str, ...], Array]]:
        """(names, energies) of every sort of capacitor and inductor."""
        tree, x = self.tree, self.fluxes(H, y, u)
        v = self.tree_voltages(H, y, u)
        found = []
        if tree.has_linear_capacitors:
            part, count = linear_capacitors(H), len(tree.capacitors)
            found.append((_names(tree.capacitors), part.tree * v[:count] ** 2 / 2))
            if part.cotree is not None:
                across = self._incidence(tree.link_capacitors, (0, v.shape[0]))(v)
                found.append((_names(tree.link_capacitors), part.cotree * across**2 / 2))
        for part in H.kinetic_parts[tree.has_linear_capacitors :]:
            found.append((part.labels, part.energies(y.p[: tree.num_charges], u)))
        for part in groups_of(H):
            if not part.kind.inputs:
                found.append((part.labels, part.energies(x, u)))
        driven = {name for _, _, name in self._driven_inductors(H)}
        if loops_of(H) or driven:
            links, inside = self.inductor_currents(H, x, u)
            fluxes = self._coupled_fluxes(H, links, inside)
            names = _names((*tree.link_inductors, *tree.inductors))
            coupled = driven.union(*(part.layout.inductors for part in loops_of(H)))
            keep = np.array([k for k, name in enumerate(names) if name in coupled])
            energies = (fluxes * jnp.concatenate([links, inside]) / 2)[keep]
            found.append((tuple(names[k] for k in keep), energies))
        return found

    # Currents.

    def group_currents(self, H, x, u) -> list[tuple[tuple[str, ...], Array]]:
        """(names, currents) of each group of inductors, junctions and sources of current."""
        prepared = [part.prepare() for part in H.potential_parts]
        return [(part.labels, part.currents(x, u)[0]) for part in prepared]

    def inductor_currents(self, H, x, u):
        """(of the link inductors, of the tree's)."""
        tree = self.tree
        by_name = _by_name(self.group_currents(H, x, u))
        names = [e.name for e in tree.link_inductors]
        links = _gather(by_name, names, x.dtype)
        inner = tree.inductor_columns
        inside = -self._incidence(tree.link_inductors, inner).T(links)
        if self.current_sources:
            pushed = self._source_currents(u)
            inside = inside - self._incidence(self.current_sources, inner).T(pushed)
        return links, inside

    def state_inductor_currents(self, H, y, u):
        """(of the link inductors, of the tree's)."""
        return self.inductor_currents(H, self.fluxes(H, y, u), u)

    def flux_currents(self, H, y, u):
        """(names, currents) of each group of inductors, junctions and sources of current."""
        return self.group_currents(H, self.fluxes(H, y, u), u)

    def current_source_currents(self, H, y, u):
        """(what the sources of current drive,)."""
        return (self._source_currents(u),)

    def _source_currents(self, u):
        index = [self.input_of[e.name, Aspect.VALUE] for e in self.current_sources]
        return u[np.array(index, int)]

    def _incidence(self, elements, columns=None) -> SignedIncidence:
        return self.tree.incidence([e.nodes for e in elements], columns)

    def capacitor_slopes(self, H, y, u):
        """dv/dt of the tree's capacitors [charges]."""
        count = self.tree.num_charges
        _, slope = H.vector_field(y.q, y.p, u)
        if isinstance(H, NetworkHamiltonian):
            return jax.jvp(H.velocity, (y.p,), (slope,))[1]
        reactive = H.conservative
        rate = jax.jvp(reactive.velocity, (y.p,), (slope,))[1][:count]
        if reactive.route.offset is None:
            return rate
        changes = [self.input_of[e.name, Aspect.SLOPE] for e in self.tree.sources]
        return rate - reactive.route.offset @ u[np.array(changes)]

    def capacitor_currents(self, H, y, u):
        """(of the tree's linear capacitors, of the nonlinear ones, of the links)."""
        tree, slopes = self.tree, self.capacitor_slopes(H, y, u)
        count = len(tree.capacitors)
        inside = links = jnp.zeros(0, slopes.dtype)
        if tree.has_linear_capacitors:
            part = linear_capacitors(H)
            inside = part.tree * slopes[:count]
            if part.cotree is not None:
                changes = part.incidence(slopes[:count])
                if not isinstance(H, NetworkHamiltonian) and tree.sources:
                    driven = [self.input_of.get((e.name, Aspect.SLOPE)) for e in tree.sources]
                    if None not in driven:
                        across = H.frame.capacitors_by_source
                        changes = changes + across(u[np.array(driven)])
                links = part.cotree * changes
        bent = jnp.zeros(0, slopes.dtype)
        if tree.nonlinear_capacitors:
            bent = H.vector_field(y.q, y.p, u)[1][count : tree.num_charges]
        return inside, bent, links

    def resistor_currents(self, H, y, u):
        """(of the tree's resistors, of the links)."""
        tree, v = self.tree, self.tree_voltages(H, y, u)
        inside = v[tree.num_charges : tree.num_coordinates] / H.tree_resistance
        return inside, H.frame.resistors(v) / H.link_resistance

    def leak_currents(self, H, y, u) -> list[tuple[tuple[str, ...], Array]]:
        """(names, currents) of each group of nonlinear resistors."""
        v = self.tree_voltages(H, y, u)
        return [(group.labels, group.energies(v, u)) for group in H.leaks]

    def gyrator_currents(self, H, y, u):
        """(into the first ports, into the second)."""
        ports = H.frame.ports(self.tree_voltages(H, y, u))
        return H.gyration * ports[1::2], -H.gyration * ports[0::2]

    def voltage_source_currents(self, H, y, u):
        """(from n+ through the source to n-,): what the links leave over."""
        tree = self.tree
        total = jnp.zeros(len(tree.sources), y.q.dtype)
        for elements, currents in self._links(H, y, u):
            total = total - tree.incidence(elements, tree.source_columns).T(currents)
        return (total,)

    def _links(self, H, y, u):
        """(node pairs, currents) of every sort of link."""
        tree, x = self.tree, self.fluxes(H, y, u)
        nodes = {e.name: e.nodes for e in self.netlist.elements}
        for names, currents in (*self.group_currents(H, x, u), *self.leak_currents(H, y, u)):
            yield [nodes[name] for name in names], currents
        if tree.link_capacitors:
            yield [e.nodes for e in tree.link_capacitors], self.capacitor_currents(H, y, u)[2]
        if tree.link_resistors:
            yield [e.nodes for e in tree.link_resistors], self.resistor_currents(H, y, u)[1]
        if self.gyrators:
            first, second = self.gyrator_currents(H, y, u)
            yield [g.nodes[:2] for g in self.gyrators], first
            yield [g.nodes[2:] for g in self.gyrators], second


def loops_of(H: Hamiltonian) -> list[CoupledInductors]:
    """The energies of coupled inductors."""
    return [part for part in H.potential_parts if isinstance(part, CoupledInductors)]


def groups_of(H: Hamiltonian) -> list[ElementGroup]:
    """The groups of uncoupled inductive elements and sources of current."""
    return [part for part in H.potential_parts if isinstance(part, ElementGroup)]


def element_names(H: Hamiltonian) -> list[tuple[str, ...]]:
    """The names in every part of the energy of fluxes."""
    kinds = (ElementGroup, CoupledInductors)
    return [part.labels if isinstance(part, kinds) else () for part in H.potential_parts]


def _names(elements) -> tuple[str, ...]:
    return tuple(e.name for e in elements)


def _by_name(groups) -> tuple[dict[str, int], Array | None]:
    names = [name for labels, _ in groups for name in labels]
    values = [currents for _, currents in groups]
    return {name: k for k, name in enumerate(names)}, (jnp.concatenate(values) if values else None)


def _gather(by_name, names, dtype):
    place, values = by_name
    if not names:
        return jnp.zeros(0, dtype)
    return values[np.array([place[name] for name in names])]
