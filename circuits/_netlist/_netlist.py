"""A netlist: the elements of a network with what a file says about their simulation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .._elements import Coupling, Element, node_name
from .._errors import Location
from ._checks import check
from ._tran import Ac, Tolerance, Tran


@dataclass(frozen=True)
class Netlist:
    """Elements between named nodes, with initial node voltages, analysis and parameters.

    ``initial_voltages`` maps a node to its voltage (V) and the place that says so. Raises
    `NetlistError` where the whole makes no network: see `check`.
    """

    title: str
    elements: tuple[Element, ...]
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
        check(self.elements, voltages, self.tran, self.file)
