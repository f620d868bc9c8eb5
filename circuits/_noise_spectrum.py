"""Thermal noise of a network: its spectral density at an output."""

import warnings
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from scipy.constants import k as BOLTZMANN

from ._ac import transfer
from ._elements import VoltageSource
from ._errors import NetlistError
from ._mna import elements_named
from ._mna_linear import Frequencies, Linearised, listed_frequencies
from ._mna_output import Output
from ._netlist import Netlist, NetlistWarning
from ._netlist._checks import check_analyses
from ._quantity import find_element

if TYPE_CHECKING:
    import xarray

ROOM = 300.15
"""In K: SPICE's 27 degrees Celsius."""


def noise(
    netlist: Netlist,
    output: str,
    frequencies: Frequencies = None,
    source: str | None = None,
    temperature: float | None = None,
) -> "xarray.Dataset":
    """See `Circuit.noise`."""
    import xarray  # noqa: PLC0415

    given = netlist.temperature if temperature is None else temperature
    kelvin = ROOM if given is None else given
    check_analyses(None, None, kelvin)
    values = listed_frequencies(netlist, frequencies)
    system = Linearised(netlist)
    wanted = system.output(output)
    resistors = [*system.mna.resistors.elements, *system.mna.leaks.elements]
    density = 4 * BOLTZMANN * kelvin * _conductances(system)
    rows = np.empty((len(values), len(resistors)))
    for k, f in enumerate(values):
        rows[k] = density * np.abs(_reach(system, wanted, f)) ** 2
    units = {"units": f"{wanted.unit}^2/Hz"}
    found = xarray.Dataset(
        {
            "total": ("frequency", rows.sum(1), units),
            "by_resistor": (("frequency", "resistor"), rows, units),
        },
        coords={
            "frequency": ("frequency", values, {"units": "Hz"}),
            "resistor": [e.name for e in resistors],
        },
        attrs={"output": wanted.name, "temperature": kelvin},
    )
    if source is not None:
        gain = np.abs(transfer(netlist, source, output, values))
        if np.any(gain == 0):
            raise NetlistError(
                f"{source} does not reach {wanted.name} at {values[gain == 0][0]:g} Hz: no noise "
                "at the source would make that at the output"
            )
        at = find_element(netlist, source)
        unit = "V^2/Hz" if isinstance(at, VoltageSource) else "A^2/Hz"
        found["referred"] = ("frequency", rows.sum(1) / gain**2, {"units": unit})
        found.attrs["source"] = at.name
    return found


def _reach(system: Linearised, output: Output, frequency: float) -> np.ndarray:
    """What 1 A of each resistor's noise, from its first node to its second, makes at the output."""
    mna = system.mna
    z = system.factors(frequency).solve_transposed(output.weights(2j * np.pi * frequency))
    reach = -np.concatenate([mna.resistors.ends.T @ z, mna.leaks.ends.T @ z])
    resistors = [*mna.resistors.elements, *mna.leaks.elements]
    if output.element in resistors:
        # The current through a resistor includes its own noise.
        reach[resistors.index(output.element)] += 1
    return reach


def _conductances(system: Linearised) -> Float[np.ndarray, " m"]:
    """In S, negative ones as 0."""
    slopes, elements = system.slopes.leaks, system.mna.leaks.elements
    negative = [e for e, g in zip(elements, slopes, strict=True) if g < 0]
    if negative:
        warnings.warn(
            f"{elements_named(negative)}: a negative differential conductance has no thermal noise "
            "and counts as noiseless",
            NetlistWarning,
            stacklevel=4,
        )
    linear = np.array([1 / e.resistance for e in system.mna.resistors.elements], float)
    return np.concatenate([linear, np.maximum(slopes, 0.0)])
