"""A netlist: the elements of a network with what a file says about their simulation."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from .._elements import Coupling, Element, node_name
from .._errors import Location
from ._checks import check_analyses, check_elements, check_tolerances, check_voltages
from ._couplings import check_couplings
from ._tran import Ac, Tolerance, Tran


@final
@dataclass(frozen=True)
class Netlist:
    """Elements between named nodes, with initial node voltages, analyses and parameters.

    ``initial_voltages`` maps a node to its voltage (V) and the place that says so. Raises
    `NetlistError` where the whole makes no network: see the checks.
    """

    title: str = ""
    elements: tuple[Element, ...] = ()
    initial_voltages: Mapping[str, tuple[float, Location | None]] = field(default_factory=dict)
    tran: Tran | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    file: str = "<netlist>"
    couplings: tuple[Coupling, ...] = ()
    ac: Ac | None = None
    op: bool = False
    temperature: float | None = None
    """In K; resistors are noisy in a transient only where it is given."""
    tolerances: tuple[Tolerance, ...] = ()

    def __post_init__(self) -> None:
        voltages = {node_name(node): value for node, value in self.initial_voltages.items()}
        object.__setattr__(self, "initial_voltages", voltages)
        check_elements(self.elements, self.couplings)
        check_couplings(self.elements, self.couplings)
        check_voltages(voltages, self.elements)
        check_analyses(self.tran, self.ac, self.temperature)
        check_tolerances(self.tolerances, self.elements, self.couplings)

    def add(self, *parts: Element | Coupling) -> "Netlist":
        """A new netlist with the elements and couplings after those of this one.

        Raises `NetlistError` as a new netlist does, for each inductor of a coupling that has
        not been added too.
        """
        couplings = tuple(part for part in parts if isinstance(part, Coupling))
        elements = tuple(part for part in parts if not isinstance(part, Coupling))
        return dataclasses.replace(
            self, elements=self.elements + elements, couplings=self.couplings + couplings
        )

    def to_text(self) -> str:
        """The netlist in its own language: `parse_netlist` of it equals this one.

        Subcircuits, models and expressions are written out; numbers keep all their digits.
        Raises `ValueError` for names and titles that the language has no spelling for.
        """
        from ._text import to_text  # noqa: PLC0415

        return to_text(self)

    def to_spice(
        self, *, max_step: float, stop: float | None = None, step: float | None = None
    ) -> str:
        """The netlist as a deck for ngspice: see `circuits.to_spice`."""
        # It needs initial voltages, which are found from a netlist.
        from .._spice import to_spice  # noqa: PLC0415

        return to_spice(self, max_step=max_step, stop=stop, step=step)
