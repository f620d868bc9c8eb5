"""The elements of a network, in SI units.

Every element has a name (as written), two nodes and, where it comes from a file, the
location of its card, which takes no part in comparisons. Node names are lower-cased and
``gnd`` is ``"0"``. Values are checked when the elements are put in a `Netlist`.
"""

from dataclasses import dataclass, field

import sympy

from ._errors import Location
from ._waveforms import Waveform

GROUND = "0"
# The variable of a nonlinear inductor's energy, in Wb.
FLUX = sympy.Symbol("flux", real=True)


def node_name(name: str) -> str:
    """The node's one spelling: lower case, and ``"0"`` for ``gnd``."""
    lowered = name.lower()
    return GROUND if lowered == "gnd" else lowered


def _normalise_nodes(element: "Element") -> None:
    plus, minus = element.nodes
    object.__setattr__(element, "nodes", (node_name(plus), node_name(minus)))


@dataclass(frozen=True, slots=True)
class Capacitor:
    """A capacitance in F; ``ic`` is its initial voltage in V, None where not given."""

    name: str
    nodes: tuple[str, str]
    capacitance: float
    ic: float | None = None
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@dataclass(frozen=True, slots=True)
class Inductor:
    """An inductance in H; ``ic`` is its initial current in A, from n+ to n- through it."""

    name: str
    nodes: tuple[str, str]
    inductance: float
    ic: float | None = None
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@dataclass(frozen=True, slots=True)
class CurrentSource:
    """A current that flows from n+ through the source to n-, as in SPICE."""

    name: str
    nodes: tuple[str, str]
    waveform: Waveform
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@dataclass(frozen=True, slots=True)
class Junction:
    """A Josephson junction: energy (Phi0 Ic / 2 pi) (1 - cos(phase)).

    ``critical_current`` is in A; ``phase`` is the initial one, in radians.
    """

    name: str
    nodes: tuple[str, str]
    critical_current: float
    phase: float = 0.0
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@dataclass(frozen=True, slots=True)
class NonlinearInductor:
    """An inductor with a free energy U(flux), whose current is dU/dflux.

    ``energy`` (J) is in `FLUX`, ``Symbol("flux", real=True)`` (Wb), and in ``Symbol(name,
    real=True)`` for each (name, value) of ``parameters``; ``ic`` is the initial flux in Wb.
    """

    name: str
    nodes: tuple[str, str]
    energy: sympy.Expr
    parameters: tuple[tuple[str, float], ...] = ()
    ic: float | None = None
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


Element = Capacitor | Inductor | CurrentSource | Junction | NonlinearInductor
