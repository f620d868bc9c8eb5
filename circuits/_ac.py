"""Small-signal analysis: responses, transfer functions, impedances and admittances."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Complex

from ._elements import CurrentSource, VoltageSource
from ._errors import NetlistError
from ._mna_linear import Frequencies, Linearised, Port, listed_frequencies
from ._mna_output import Output
from ._mna_sources import amplitudes
from ._netlist import Netlist
from ._quantity import find_element

if TYPE_CHECKING:
    import xarray


def ac(
    netlist: Netlist, outputs: str | Sequence[str] = (), frequencies: Frequencies = None
) -> "xarray.Dataset":
    """See `Circuit.ac`."""
    import xarray  # noqa: PLC0415

    values = listed_frequencies(netlist, frequencies)
    system = Linearised(netlist)
    names = [outputs] if isinstance(outputs, str) else list(outputs)
    wanted = [system.output(n) for n in names or [f"v({node})" for node in system.mna.nodes]]
    drive = system.drive()
    _refuse_silence(system)
    rows = np.empty((len(wanted), len(values)), complex)
    for k, f in enumerate(values):
        x = system.factors(f).solve(drive)
        rows[:, k] = [_measured(output, x, 2j * np.pi * f) for output in wanted]
    columns = zip(wanted, rows, strict=True)
    return xarray.Dataset(
        {o.name: ("frequency", row, {"units": o.unit}) for o, row in columns},
        coords={"frequency": ("frequency", values, {"units": "Hz"})},
    )


def transfer(
    netlist: Netlist, source: str, output: str, frequencies: Frequencies = None
) -> Complex[np.ndarray, " f"]:
    """See `Circuit.transfer`."""
    values = listed_frequencies(netlist, frequencies)
    system = Linearised(netlist)
    wanted, mna = system.output(output), system.mna
    one = find_element(netlist, source)
    if not isinstance(one, VoltageSource | CurrentSource):
        raise NetlistError(f"{one.name} is no source: name a V or an I", one.location)
    sources = (mna.voltage_sources.elements, mna.current_sources.elements)
    drive = mna.drive(*(np.array([float(e is one) for e in own]) for own in sources))
    through = float(wanted.source is one)
    return np.array(
        [wanted.weights(2j * np.pi * f) @ system.factors(f).solve(drive) + through for f in values]
    )


def impedance(
    netlist: Netlist, ports: Port | Sequence[Port], frequencies: Frequencies = None
) -> Complex[np.ndarray, "f ..."]:
    """See `Circuit.impedance`."""
    values, (pairs, single) = listed_frequencies(netlist, frequencies), _pairs(ports)
    system = Linearised(netlist)
    into = system.injections(pairs)
    Z = np.stack([into.T @ system.factors(f).solve(into) for f in values])
    return Z[:, 0, 0] if single else Z


def admittance(
    netlist: Netlist, ports: Port | Sequence[Port], frequencies: Frequencies = None
) -> Complex[np.ndarray, "f ..."]:
    """See `Circuit.admittance`."""
    values, (pairs, single) = listed_frequencies(netlist, frequencies), _pairs(ports)
    system = Linearised(netlist, held=pairs)
    held = system.mna.voltage_sources.own[:, -len(pairs) :].toarray()
    # A source's current flows through it: what enters the port leaves the source.
    Y = -np.stack([held.T @ system.factors(f).solve(held) for f in values])
    return Y[:, 0, 0] if single else Y


def _pairs(ports: Port | Sequence[Port]) -> tuple[list[Port], bool]:
    """The ports, and whether it is one alone."""
    single = len(ports) > 0 and isinstance(ports[0], str)
    pairs = [ports] if single else list(ports)
    if not pairs or any(isinstance(p, str) or len(p) != 2 or p[0] == p[1] for p in pairs):
        raise NetlistError("a port is a pair of two nodes, such as ('out', '0')")
    return pairs, single  # pyright: ignore[reportReturnType]


def _measured(output: Output, x: np.ndarray, s: complex) -> complex:
    value = complex(output.weights(s) @ x)
    return value if output.source is None else value + complex(amplitudes([output.source])[0])


def _refuse_silence(system: Linearised) -> None:
    mna = system.mna
    if not any(e.ac[0] for e in mna.voltage_sources.elements + mna.current_sources.elements):
        raise NetlistError(
            f"{mna.netlist.file}: no source has an AC amplitude, so there is no response: write "
            "one as V1 in 0 AC 1, or ask for an impedance"
        )
