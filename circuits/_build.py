"""From a netlist to a dimensionless network Hamiltonian.

q are the fluxes of the tree capacitors (the integrals of their voltages from t = 0) and p
the charges cut by them:

    H = p^T C_eff^-1 p / 2 + sum_l U_l(D_l^T q + Phi_l) + I(t)^T B q

with entries 0, +1, -1 in D and B. What flows in inductors at t = 0 is a parameter Phi_l,
so q starts from zero.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import sympy

from physsim import ElementGroup, InverseQuadratic, NetworkHamiltonian

from ._elements import Capacitor, CurrentSource, Inductor, Junction, NonlinearInductor
from ._errors import NetlistError
from ._graph import NormalTree
from ._kinds import CURRENT_SOURCE, FLUX, InductiveElement, describe, shape
from ._netlist import Netlist
from ._quantities import REDUCED_FLUX_QUANTUM, Scales, geometric_mean
from ._sources import amplitude

_MAX_COUPLED = 4096
_NO_INDUCTANCE = 0.0  # where the energy starts flat, it says nothing about the scale


class Built(NamedTuple):
    """The Hamiltonian and, in its shape, one unit of each parameter in SI."""

    hamiltonian: NetworkHamiltonian
    units: NetworkHamiltonian


def inductive(netlist: Netlist) -> list[InductiveElement]:
    """The elements that store energy in their flux."""
    return [e for e in netlist.elements if not isinstance(e, Capacitor | CurrentSource)]


def sources(netlist: Netlist) -> tuple[CurrentSource, ...]:
    """The elements that drive the circuit, in the order of its inputs."""
    return tuple(e for e in netlist.elements if isinstance(e, CurrentSource))


def choose_scales(netlist: Netlist) -> Scales:
    """Units in which values, voltages and currents of the netlist are of order one.

    A normal tree of the netlist exists, so there are capacitors.
    """
    capacitance = geometric_mean(
        [e.capacitance for e in netlist.elements if isinstance(e, Capacitor)]
    )
    inductances = [_small_signal_inductance(e) for e in inductive(netlist)]
    horizon = netlist.tran.stop if netlist.tran else 1.0
    inductance = geometric_mean([x for x in inductances if x] or [horizon**2 / capacitance])
    if any(isinstance(e, Junction) for e in netlist.elements):
        return Scales(capacitance, inductance, REDUCED_FLUX_QUANTUM)
    return Scales(capacitance, inductance, _flux_size(netlist, capacitance, inductance) or 1.0)


def _small_signal_inductance(element) -> float:
    if isinstance(element, Inductor):
        return element.inductance
    if isinstance(element, Junction):
        return REDUCED_FLUX_QUANTUM / element.critical_current
    at: dict[Any, Any] = {sympy.Symbol(n, real=True): value for n, value in element.parameters}
    at[FLUX] = element.ic or 0.0
    stiffness = sympy.diff(element.energy, FLUX, 2).subs(at)
    usable = stiffness.is_finite and stiffness != 0
    return 1 / abs(float(stiffness)) if usable else _NO_INDUCTANCE


def _flux_size(netlist, capacitance, inductance) -> float:
    """The largest flux that the initial values and sources suggest, in Wb."""
    time, impedance = math.sqrt(inductance * capacitance), math.sqrt(inductance / capacitance)
    sizes = [abs(v) * time for v, _ in netlist.initial_voltages.values()]
    for e in netlist.elements:
        if isinstance(e, CurrentSource):
            sizes.append(amplitude(e.waveform) * impedance * time)
        elif isinstance(e, Capacitor) and e.ic:
            sizes.append(abs(e.ic) * time)
        elif isinstance(e, Inductor) and e.ic:
            sizes.append(abs(e.ic) * e.inductance)
        elif isinstance(e, NonlinearInductor) and e.ic:
            sizes.append(abs(e.ic))
    return max(sizes, default=0.0) or time


def build(netlist: Netlist, tree: NormalTree, scales: Scales) -> Built:
    """The Hamiltonian of a netlist, in the units of `scales`."""
    kinetic, kinetic_units = _capacitance(tree, scales)
    parts: list[ElementGroup] = []
    units: list[ElementGroup] = []
    groups: dict[tuple, list] = {}
    for element in inductive(netlist):
        groups.setdefault(shape(element), []).append(element)
    for group in groups.values():
        part, unit = _inductive_group(group, tree, scales)
        parts.append(part)
        units.append(unit)
    driven = sources(netlist)
    if driven:
        part = _source_group(driven, tree)
        parts.append(part)
        units.append(part)
    names = tree.coordinates(), tuple(s.name for s in driven)
    return Built(
        NetworkHamiltonian((kinetic,), tuple(parts), *names),
        NetworkHamiltonian((kinetic_units,), tuple(units), *names),
    )


def _capacitance(tree: NormalTree, scales: Scales) -> tuple[InverseQuadratic, InverseQuadratic]:
    """Kinetic energy of the charges, and its units."""
    if tree.cotree and len(tree.tree) > _MAX_COUPLED:
        raise NetlistError(
            f"{tree.cotree[0].name} closes a loop of capacitors in a network of {len(tree.tree)} "
            f"coordinates; such networks are solved densely, up to {_MAX_COUPLED}",
            tree.cotree[0].location,
        )
    incidence = tree.incidence(c.nodes for c in tree.cotree)
    labels = tuple(f"{c.name}.C" for c in (*tree.tree, *tree.cotree))
    inside = np.array([c.capacitance for c in tree.tree])
    outside = np.array([c.capacitance for c in tree.cotree])

    def energy(inside, outside):
        cotree = jnp.asarray(outside) if tree.cotree else None
        return InverseQuadratic(jnp.asarray(inside), cotree, incidence, labels)

    unit = scales.capacitance
    units = np.full(inside.shape, unit), np.full(outside.shape, unit)
    return energy(inside / unit, outside / unit), energy(*units)


def _inductive_group(group: Sequence, tree: NormalTree, scales: Scales):
    """All elements of one shape, and their units."""
    kind, values_of, units = describe(group, scales)
    values = np.array([values_of(element) for element in group]).reshape(len(group), len(units))
    values = values / np.array(units)
    branches = tree.incidence(element.nodes for element in group)
    labels = [element.name for element in group]

    def make(columns):
        parameters = {s.name: jnp.asarray(c) for s, c in zip(kind.parameters, columns, strict=True)}
        return ElementGroup(kind, [branches], parameters, labels=labels)

    return make(values.T), make([np.full(len(group), unit) for unit in units])


def _source_group(driven, tree):
    branches = tree.incidence(source.nodes for source in driven)
    labels = [source.name for source in driven]
    return ElementGroup(
        CURRENT_SOURCE, [branches], {}, labels=labels, input_index=[tuple(range(len(driven)))]
    )
