"""What to integrate at each component along an echo: the local learning rule, in SI.

H being the sum of the elements' energies, the derivative of a cost by a value theta is d/d nu
of the integral of dH/dtheta along an echo, with initial voltages and currents held as they are
(see `echo_integrals`):

    capacitor        C      -v^2 / 2            and -V0 v, for a voltage V0 to begin with
    inductor         L      -i^2 / 2 + I0 i,    I0 the current to begin with
    its start        ic     L i, and M i of coils coupled to it
    coupling         M      -i1 i2 + I1 i2 + I2 i1
    junction         icrit  (Phi_0 / 2 pi) (1 - cos phase)
                     phase  (Phi_0 / 2 pi) icrit sin phase
    nonlinear ones   theta  dU/dtheta at the flux, dE/dtheta at the charge
    their starts     ic     dU/dflux = i;   -v for a charge
"""

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
import sympy

from ._echo_run import EchoRun, Samples
from ._elements import (
    CHARGE,
    FLUX,
    Capacitor,
    Coupling,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    symbols_of,
)
from ._initial import capacitor_voltages
from ._netlist import Netlist
from ._quantities import REDUCED_FLUX_QUANTUM


def echo_integrals(netlist: Netlist, run: EchoRun) -> dict[str, float]:
    """The integral along one echo for each value: `C1.C`, `L1.L`, `K1.k`, `B1.icrit`, ...

    `netlist` is that of the forward run, whose initial values enter.
    """
    starts = capacitor_voltages(netlist)
    found: dict[str, float] = {}
    for element in netlist.elements:
        match element:
            case Capacitor(name=name):
                v, start = run.state(element), starts[element.name]
                found[f"{name}.C"] = run.integral(-v * (v / 2 + start))
            case Inductor(name=name):
                i, start = run.state(element), element.ic or 0.0
                found[f"{name}.L"] = run.integral(-i * (i / 2 - start))
                found[f"{name}.ic"] = run.integral(element.inductance * i)
            case Junction(name=name):
                phase = run.state(element)
                unit = REDUCED_FLUX_QUANTUM
                found[f"{name}.icrit"] = run.integral(unit * (1 - np.cos(phase)))
                slope = unit * element.critical_current * np.sin(phase)
                found[f"{name}.phase"] = run.integral(slope)
            case NonlinearInductor() | NonlinearCapacitor():
                found |= _of_energy(element, run)
    for coupling in netlist.couplings:
        _add_mutual(coupling, netlist, run, found)
    return found


def _of_energy(element: NonlinearInductor | NonlinearCapacitor, run: EchoRun) -> dict[str, float]:
    variable, sign = (FLUX, 1) if isinstance(element, NonlinearInductor) else (CHARGE, -1)
    x = run.state(element)
    symbols = symbols_of(element)
    numbers = [value for _, value in element.parameters]

    def integral(expression) -> float:
        along = sympy.lambdify([variable, *symbols], expression, "numpy")(x, *numbers)
        return run.integral(np.broadcast_to(along, x.shape))

    found = {f"{element.name}.{s.name}": integral(element.energy.diff(s)) for s in symbols}
    return found | {f"{element.name}.ic": sign * integral(element.energy.diff(variable))}


def _add_mutual(
    coupling: Coupling, netlist: Netlist, run: EchoRun, found: dict[str, float]
) -> None:
    """The shares of M = k sqrt(L1 L2) in the derivatives by k, L1, L2 and the starts."""
    coils: Mapping[str, Inductor] = {
        e.name.lower(): e for e in netlist.elements if isinstance(e, Inductor)
    }
    factor = 0.0
    for one, two in combinations([coils[name.lower()] for name in coupling.inductors], 2):
        root = math.sqrt(one.inductance * two.inductance)
        by_mutual = run.integral(_mutual(run.state(one), run.state(two), one, two))
        factor += by_mutual * root
        for own, other in ((one, two), (two, one)):
            share = coupling.coefficient * root
            found[f"{own.name}.L"] += by_mutual * share / (2 * own.inductance)
            found[f"{own.name}.ic"] += run.integral(share * run.state(other))
    found[f"{coupling.name}.k"] = factor


def _mutual(i1: Samples, i2: Samples, one: Inductor, two: Inductor) -> Samples:
    return -i1 * i2 + (one.ic or 0.0) * i2 + (two.ic or 0.0) * i1
