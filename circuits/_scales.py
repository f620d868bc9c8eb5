"""The units that suit a netlist."""

import math

import numpy as np

from ._elements import (
    Capacitor,
    CurrentSource,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    Resistor,
    VoltageSource,
)
from ._laws import Laws
from ._netlist import Netlist
from ._quantities import REDUCED_FLUX_QUANTUM, Scales, geometric_mean
from ._sources import peak


def choose_scales(netlist: Netlist) -> Scales:
    """Units in which values, voltages and currents of the netlist are of order one."""
    elements = netlist.elements
    capacitance = _mean([_capacitance(e) for e in elements])
    inductance = _mean([_inductance(e) for e in elements])
    resistance = _mean([e.resistance for e in elements if isinstance(e, Resistor)])
    horizon = netlist.tran.stop if netlist.tran else 1.0
    if capacitance is None and inductance is None:
        capacitance = horizon / (resistance or 1.0)
    if capacitance is None:
        assert inductance is not None
        capacitance = inductance / resistance**2 if resistance else horizon**2 / inductance
    if inductance is None:
        inductance = resistance**2 * capacitance if resistance else horizon**2 / capacitance
    if any(isinstance(e, Junction) for e in elements):
        return Scales(capacitance, inductance, REDUCED_FLUX_QUANTUM)
    return Scales(capacitance, inductance, _flux_size(netlist, capacitance, inductance) or 1.0)


def _mean(values) -> float | None:
    usable = [v for v in values if v]
    return geometric_mean(usable) if usable else None


def _capacitance(element) -> float | None:
    if isinstance(element, Capacitor):
        return element.capacitance
    if isinstance(element, NonlinearCapacitor):
        return _inverse_curvature(element)
    return None


def _inductance(element) -> float | None:
    if isinstance(element, Inductor):
        return element.inductance
    if isinstance(element, Junction):
        return REDUCED_FLUX_QUANTUM / element.critical_current
    if isinstance(element, NonlinearInductor):
        return _inverse_curvature(element)
    return None


def _inverse_curvature(element) -> float | None:
    """1 / |energy''| at the start; None where the energy is flat and says nothing."""
    stiffness = float(Laws([element]).slope(np.array([element.ic or 0.0]))[0])
    usable = math.isfinite(stiffness) and stiffness != 0
    return 1 / abs(stiffness) if usable else None


def _flux_size(netlist, capacitance, inductance) -> float:
    """The largest flux that the initial values and sources suggest, in Wb."""
    time, impedance = math.sqrt(inductance * capacitance), math.sqrt(inductance / capacitance)
    sizes = [abs(v) * time for v, _ in netlist.initial_voltages.values()]
    for e in netlist.elements:
        if isinstance(e, CurrentSource):
            sizes.append(peak(e.waveform) * impedance * time)
        elif isinstance(e, VoltageSource):
            sizes.append(peak(e.waveform) * time)
        elif isinstance(e, Capacitor) and e.ic:
            sizes.append(abs(e.ic) * time)
        elif isinstance(e, NonlinearCapacitor) and e.ic:
            sizes.append(abs(e.ic) / capacitance * time)
        elif isinstance(e, Inductor) and e.ic:
            sizes.append(abs(e.ic) * e.inductance)
        elif isinstance(e, NonlinearInductor) and e.ic:
            sizes.append(abs(e.ic))
    return max(sizes, default=0.0) or time
