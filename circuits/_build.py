"""From a netlist to a dimensionless Hamiltonian.

q are fluxes of tree branches (the integrals of their voltages from t = 0) and p the charges
cut by the tree's capacitors:

    H = p^T C_eff^-1 p / 2 + sum_l U_l(D_l^T q + Phi_l) + I(t)^T B q

with entries 0, +1, -1 in D and B. What flows in inductors at t = 0 is a parameter Phi_l,
so q starts from zero.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.constants import k as BOLTZMANN

from physsim import ElementGroup, InverseQuadratic, NetworkHamiltonian, SignedIncidence

from ._coupled import CoupledInductors
from ._elements import (
    CurrentSource,
    Gyrator,
    Inductor,
    Junction,
    NonlinearInductor,
    NonlinearResistor,
    VoltageSource,
)
from ._errors import NetlistError
from ._frame import Frame
from ._hamiltonian import CircuitHamiltonian
from ._kinds import CURRENT_SOURCE, InductiveElement, describe, shape
from ._loops import coupled_loops
from ._netlist import Netlist
from ._normal_tree import NormalTree
from ._quantities import Scales
from ._sources import Aspect, Signal

_MAX_COUPLED = 4096

Hamiltonian = NetworkHamiltonian | CircuitHamiltonian


class Built(NamedTuple):
    """The Hamiltonian and, in its shape, one unit of each parameter in SI."""

    hamiltonian: Hamiltonian
    units: Hamiltonian


def inductive(netlist: Netlist) -> list[InductiveElement]:
    """The elements that store energy in their flux."""
    return [e for e in netlist.elements if isinstance(e, Inductor | Junction | NonlinearInductor)]


def signals(netlist: Netlist, tree: NormalTree, scales: Scales) -> tuple[Signal, ...]:
    """The inputs: currents, then fluxes and voltages of sources, then slopes that are needed.

    Slopes are for read-outs alone: of voltages in loops of capacitors, and of currents at
    nodes that only inductors reach.
    """
    currents = [e for e in netlist.elements if isinstance(e, CurrentSource)]
    inputs = [(e, Aspect.VALUE, scales.current) for e in currents]
    inputs += [(e, Aspect.INTEGRAL, scales.flux) for e in tree.sources]
    inputs += [(e, Aspect.VALUE, scales.voltage) for e in tree.sources]
    if _crosses(tree, [c.nodes for c in tree.link_capacitors], tree.source_columns):
        inputs += [(e, Aspect.SLOPE, scales.voltage / scales.time) for e in tree.sources]
    if _crosses(tree, [e.nodes for e in currents], tree.inductor_columns):
        inputs += [(e, Aspect.SLOPE, scales.current / scales.time) for e in currents]
    return tuple(Signal(e.name, e.waveform, aspect, unit) for e, aspect, unit in inputs)


def _crosses(tree, branches, columns) -> bool:
    return bool(len(tree.incidence(branches, columns).rows))


def build(netlist: Netlist, tree: NormalTree, scales: Scales) -> Built:
    """The Hamiltonian of a netlist, in the units of `scales`."""
    if not tree.num_coordinates:
        raise NetlistError(
            f"{netlist.file}: the circuit has no state: no capacitor, and no inductor that a "
            "resistor lets decay; add a capacitor or a resistor"
        )
    pair = [_kinetic(tree, scales), _potential(netlist, tree, scales)]
    (kinetic, kinetic_units), (potential, potential_units) = pair
    driven = tuple(s.name for s in signals(netlist, tree, scales))
    names = tree.coordinates(), driven
    if _is_plain(netlist, tree):
        return Built(
            NetworkHamiltonian(kinetic, potential, *names),
            NetworkHamiltonian(kinetic_units, potential_units, *names),
        )
    frame = _frame(netlist, tree, names, potential)

    def make(kinetic, potential, unit: Callable[[str], float], leaks):
        return CircuitHamiltonian(
            kinetic,
            potential,
            _array(e.resistance / unit("resistance") for e in tree.resistors),
            _array(e.resistance / unit("resistance") for e in tree.link_resistors),
            _array(e.conductance * unit("resistance") for e in _gyrators(netlist)),
            leaks,
            _temperature(netlist, unit("energy")),
            frame,
        )

    leaks, leak_units = _groups(
        [e for e in netlist.elements if isinstance(e, NonlinearResistor)], tree, scales
    )
    hamiltonian = make(kinetic, potential, lambda name: getattr(scales, name), leaks)
    units = make(kinetic_units, potential_units, lambda _: 1.0, leak_units)
    return Built(hamiltonian, _units_of(units, scales))


def _units_of(like: CircuitHamiltonian, scales: Scales) -> CircuitHamiltonian:
    """`like` with resistances and temperature replaced by their units."""

    def fill(x, unit):
        return None if x is None else jnp.full_like(x, unit)

    values = (
        fill(like.tree_resistance, scales.resistance),
        fill(like.link_resistance, scales.resistance),
        fill(like.gyration, 1 / scales.resistance),
        fill(like.temperature, scales.energy / BOLTZMANN),
    )
    return eqx.tree_at(
        lambda H: (H.tree_resistance, H.link_resistance, H.gyration, H.temperature),
        like,
        values,
        is_leaf=lambda x: x is None,
    )


def _is_plain(netlist, tree) -> bool:
    """Whether only capacitors, inductive elements and current sources matter."""
    others = (tree.resistors, tree.link_resistors, tree.sources, tree.nonlinear_capacitors)
    active = (NonlinearResistor, Gyrator, VoltageSource)
    return not any(others) and not any(isinstance(e, active) for e in netlist.elements)


def _array(values) -> Any:
    return jnp.asarray(list(values), float)


def _temperature(netlist, energy_unit):
    if netlist.temperature is None:
        return None
    return jnp.asarray(BOLTZMANN * netlist.temperature / energy_unit)


def _gyrators(netlist) -> list[Gyrator]:
    return [e for e in netlist.elements if isinstance(e, Gyrator)]


def _kinetic(tree: NormalTree, scales: Scales):
    """Energies of the charges, and their units."""
    _refuse_bent_loops(tree)
    linear = _capacitance(tree, scales) if tree.has_linear_capacitors else None
    bent, bent_units = _groups(tree.nonlinear_capacitors, tree, scales, tree.num_charges)
    if linear is None:
        return bent, bent_units
    return (linear[0], *bent), (linear[1], *bent_units)


def _capacitance(tree: NormalTree, scales: Scales) -> tuple[InverseQuadratic, InverseQuadratic]:
    """Kinetic energy of the linear capacitors, and its units."""
    links, count = tree.link_capacitors, len(tree.capacitors)
    if links and count > _MAX_COUPLED:
        raise NetlistError(
            f"{links[0].name} closes a loop of capacitors in a network of {count} "
            f"coordinates; such networks are solved densely, up to {_MAX_COUPLED}",
            links[0].location,
        )
    incidence = tree.incidence((c.nodes for c in links), (0, count))
    labels = tuple(f"{c.name}.C" for c in (*tree.capacitors, *links))
    inside = np.array([c.capacitance for c in tree.capacitors])
    outside = np.array([c.capacitance for c in links])

    def energy(inside, outside):
        cotree = jnp.asarray(outside) if links else None
        return InverseQuadratic(jnp.asarray(inside), cotree, incidence, labels)

    unit = scales.capacitance
    units = np.full(inside.shape, unit), np.full(outside.shape, unit)
    return energy(inside / unit, outside / unit), energy(*units)


def _refuse_bent_loops(tree: NormalTree) -> None:
    bent = tree.nonlinear_columns
    for link in tree.link_capacitors:
        for column, _ in tree.path(*link.nodes):
            if bent[0] <= column < bent[1]:
                raise NetlistError(
                    f"{link.name} closes a loop with the nonlinear capacitor "
                    f"{tree.tree[column].name}, whose charge is then no state: put a small "
                    "resistor or inductor in series with one of them",
                    link.location,
                )


def _potential(netlist: Netlist, tree: NormalTree, scales: Scales):
    """Energies of the fluxes, and their units."""
    loops = coupled_loops(netlist, tree, scales)
    apart = [e for e in inductive(netlist) if e.name not in loops.names]
    parts, units = _groups(apart, tree, scales, tree.num_fluxes)
    parts, units = parts + loops.parts, units + loops.units
    driven = [e for e in netlist.elements if isinstance(e, CurrentSource)]
    if driven:
        part = _source_group(driven, tree)
        parts, units = (*parts, part), (*units, part)
    return parts, units


def _groups(elements: Sequence, tree: NormalTree, scales: Scales, span: int | None = None):
    """The elements, a group for each shape, and their units."""
    span = tree.num_fluxes if span is None else span
    alike: dict[tuple, list] = {}
    for element in elements:
        alike.setdefault(shape(element), []).append(element)
    made = [_group(group, tree, scales, span) for group in alike.values()]
    return tuple(part for part, _ in made), tuple(unit for _, unit in made)


def _group(group: Sequence, tree: NormalTree, scales: Scales, span: int):
    """All elements of one shape, and their units."""
    kind, values_of, units = describe(group, scales)
    values = np.array([values_of(element) for element in group]).reshape(len(group), len(units))
    values = values / np.array(units)
    branches = tree.incidence((element.nodes for element in group), (0, span))
    labels = [element.name for element in group]

    def make(columns):
        parameters = {s.name: jnp.asarray(c) for s, c in zip(kind.parameters, columns, strict=True)}
        return ElementGroup(kind, [branches], parameters, labels=labels)

    return make(values.T), make([np.full(len(group), unit) for unit in units])


def _source_group(driven, tree):
    branches = tree.incidence((source.nodes for source in driven), tree.flux_columns)
    labels = [source.name for source in driven]
    return ElementGroup(
        CURRENT_SOURCE, [branches], {}, labels=labels, input_index=[tuple(range(len(driven)))]
    )


def _frame(netlist: Netlist, tree: NormalTree, names, potential) -> Frame:
    coordinates, inputs = names
    currents = sum(isinstance(e, CurrentSource) for e in netlist.elements)
    sources, span = len(tree.sources), tree.flux_columns
    gyrators = _gyrators(netlist)
    ports = [ends for g in gyrators for ends in (g.nodes[:2], g.nodes[2:])]
    resistors = tree.incidence((r.nodes for r in tree.link_resistors), span)
    spans = (len(tree.capacitors),) if tree.has_linear_capacitors else ()
    bent = {shape(e) for e in tree.nonlinear_capacitors}
    local, linear = _series(tree, potential, netlist)
    frame = Frame(
        coordinates=coordinates,
        input_names=inputs,
        spans=(*spans, *(tree.num_charges for _ in bent)),
        num_charges=tree.num_charges,
        fluxes=tuple(range(currents, currents + sources)),
        voltages=tuple(range(currents + sources, currents + 2 * sources)),
        resistors=resistors,
        capacitors=tree.incidence((c.nodes for c in tree.link_capacitors), span),
        ports=tree.incidence(ports, span),
        tree_resistors=tuple(r.name for r in tree.resistors),
        link_resistors=tuple(r.name for r in tree.link_resistors),
        gyrators=tuple(g.name for g in gyrators),
        series_is_local=local and not _touches(resistors, tree.resistor_columns),
        has_exact_flows=linear and not _bent_losses(netlist, tree, resistors),
    )
    _refuse_dense(frame, tree)
    return frame


def _series(tree, potential, netlist) -> tuple[bool, bool]:
    """Whether each tree resistor feeds inductances of its own, and these are all linear."""
    local = linear = True
    for part in potential:
        if getattr(part, "kind", None) is CURRENT_SOURCE:
            continue
        incidence = part.incidence if isinstance(part, CoupledInductors) else part.terminals[0]
        touched = _rows_in(incidence, tree.resistor_columns)
        if not len(touched):
            continue
        if isinstance(part, CoupledInductors) or np.bincount(touched).max() > 1:
            local = False
        if not part.is_quadratic:
            linear = False
    return local, linear


def _rows_in(matrix: SignedIncidence, columns: tuple[int, int]) -> np.ndarray:
    return matrix.rows[(matrix.columns >= columns[0]) & (matrix.columns < columns[1])]


def _touches(matrix, columns) -> bool:
    return bool(len(_rows_in(matrix, columns)))


def _bent_losses(netlist, tree, resistors) -> bool:
    """Whether losses act through a nonlinear law, so that a drift has no closed form."""
    if any(isinstance(e, NonlinearResistor) for e in netlist.elements):
        return True
    if not tree.nonlinear_capacitors:
        return False
    return _touches(resistors, tree.nonlinear_columns) or any(
        isinstance(e, Gyrator) for e in netlist.elements
    )


def _refuse_dense(frame: Frame, tree: NormalTree) -> None:
    size = len(frame.coordinates)
    if size <= _MAX_COUPLED:
        return
    dense = [r for r in tree.link_resistors if not frame.parallel_is_local]
    dense += [r for r in tree.resistors if not frame.series_is_local]
    if dense:
        raise NetlistError(
            f"{dense[0].name} couples coordinates in a network of {size}; losses are solved "
            f"densely, up to {_MAX_COUPLED}, unless each resistor lies across one capacitor or in "
            "series with one inductor",
            dense[0].location,
        )
