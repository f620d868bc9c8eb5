"""A network linearised about its operating point, to be solved at frequencies."""

import dataclasses
import math
from collections.abc import Sequence
from itertools import count
from typing import final

import numpy as np
from jaxtyping import Complex, Float

from ._elements import VoltageSource
from ._errors import NetlistError
from ._mna import Mna
from ._mna_newton import operating_state
from ._mna_output import Output, between, find_output
from ._mna_solve import Factors, Pencil, SingularError
from ._mna_sources import amplitudes
from ._mna_stability import eigenvalues
from ._modes import is_motion
from ._netlist import Ac, Netlist
from ._netlist._checks import check_analyses
from ._quantity import find_node
from ._waveforms import DC

# A frequency beside another, where only a network singular at all frequencies is singular too.
_BESIDE = 1.0123456789
_AROUND = 5.0
_POINTS = 100
_LARGEST = 1000

Frequencies = Sequence[float] | np.ndarray | Ac | None
"""In Hz, one by one or as an `.ac` card spaces them; None for the netlist's own card, or without
one for `natural_range`."""
Port = tuple[str, str]
"""Two nodes."""


@final
class Linearised:
    """G + s C of a network about its operating point, and what drives it.

    `held` are ports across which a voltage source is added after the operating point is found;
    they come after the netlist's own. Raises `NetlistError` as `operating_point` does.
    """

    def __init__(self, netlist: Netlist, held: Sequence[Port] = ()):
        mna = Mna(netlist)
        state = np.zeros(mna.size) if mna.is_linear else operating_state(mna)
        self.state, self.slopes = state, mna.slopes(state)
        self.mna = Mna(_with_sources(mna, held)) if held else mna
        static = self.mna.static() + self.mna.bent(self.slopes)
        self._pencil = Pencil(static.tocsc(), self.mna.dynamic())

    def output(self, quantity: str) -> Output:
        """`v(node)`, `v(node,node)` or `i(element)`."""
        return find_output(self.mna, quantity, self.slopes)

    def factors(self, frequency: float) -> Factors:
        """The factors at a frequency in Hz. Raises `NetlistError` at a resonance without loss."""
        s = 2j * math.pi * frequency
        try:
            return self._pencil.factors(s)
        except SingularError as error:
            raise self._singular(frequency, error.worst) from None

    def _singular(self, frequency: float, worst: int) -> NetlistError:
        what = f"{self.mna.netlist.file}, {self.mna.name_of(worst)}"
        try:
            Factors(self._pencil.at(2j * math.pi * frequency * _BESIDE))
        except SingularError:
            return NetlistError(
                f"{what}: nothing determines this at any frequency: an ideal two-port, sources or "
                "ports leave it open; connect a resistor or a capacitor"
            )
        return NetlistError(
            f"{what}: the network has a resonance without loss at f = {float(frequency)!r} Hz, "
            "where its response is infinite: add a resistor, or leave this frequency out"
        )

    def drive(self) -> Complex[np.ndarray, " N"]:
        """b for the AC amplitudes of all sources."""
        mna = self.mna
        volts = amplitudes(mna.voltage_sources.elements)
        return mna.drive(volts, amplitudes(mna.current_sources.elements))

    def injections(self, ports: Sequence[Port]) -> Float[np.ndarray, "N p"]:
        """Of every port its nodes' rows: v = column . x, and b for 1 A into its first node."""
        return np.stack([between(self.mna, *port) for port in ports], axis=1)


def listed_frequencies(netlist: Netlist, frequencies: Frequencies) -> Float[np.ndarray, " f"]:
    """In Hz. Raises `NetlistError` where there are none, or one is not positive and finite."""
    given = netlist.ac if frequencies is None else frequencies
    if given is None:
        given = natural_range(netlist)
    if isinstance(given, Ac):
        check_analyses(None, given, None)
        return _spaced(given)
    values = np.atleast_1d(np.asarray(given, float))
    if values.ndim > 1 or not values.size:
        raise NetlistError("frequencies have to be a list of numbers in Hz")
    wrong = values[~(np.isfinite(values) & (values > 0))]
    if wrong.size:
        raise NetlistError(
            f"a frequency has to be finite and greater than 0, not {wrong[0]:g} Hz; at 0 Hz there "
            "is the operating point"
        )
    return values


def natural_range(netlist: Netlist) -> Ac:
    """A fifth of the lowest natural frequency to five times the highest, 100 points a decade.

    What only decays counts by its rate over 2 pi. Raises `NetlistError` where nothing moves, and
    for more than 1000 unknowns.
    """
    system = Linearised(netlist)
    if system.mna.size > _LARGEST:
        raise _ungiven(netlist, f"there are more than {_LARGEST} unknowns to find some from")
    values = eigenvalues(system.mna, system.state)
    found = np.abs(values[is_motion(values)]) / (2 * math.pi)
    if not found.size:
        raise _ungiven(netlist, "there is no natural frequency")
    return Ac("dec", _POINTS, float(found.min()) / _AROUND, float(found.max()) * _AROUND)


def _ungiven(netlist: Netlist, why: str) -> NetlistError:
    return NetlistError(
        f"{netlist.file}: there is no .ac card, and {why}: give frequencies "
        '(--sweep "dec 20 1k 1meg")'
    )


def _spaced(card: Ac) -> Float[np.ndarray, " f"]:
    """As ngspice does: in decades and octaves the last frequency does not exceed the stop."""
    if card.spacing == "lin":
        return np.linspace(card.start, card.stop, card.points)
    base = 10.0 if card.spacing == "dec" else 2.0
    steps = card.points * math.log(card.stop / card.start, base)
    return card.start * base ** (np.arange(math.floor(steps + 1e-9) + 1) / card.points)


def _with_sources(mna: Mna, ports: Sequence[Port]) -> Netlist:
    taken = {e.name.lower() for e in mna.netlist.elements}
    names = (name for k in count() if (name := f"Vport{k}").lower() not in taken)
    known, file = mna.references, mna.netlist.file
    ends = [(find_node(known, file, plus), find_node(known, file, minus)) for plus, minus in ports]
    sources = tuple(VoltageSource(next(names), pair, DC(0.0)) for pair in ends)
    return dataclasses.replace(mna.netlist, elements=mna.netlist.elements + sources)
