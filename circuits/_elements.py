"""The elements of a network, in SI units.

Every element has a name (as written), two nodes (a two-port four) and, where it comes from a
file, the location of its card, which takes no part in comparisons. Node names are
lower-cased and ``gnd`` is ``"0"``. Values are checked when the elements are put in a `Netlist`.
"""

from dataclasses import dataclass, field
from typing import final

import sympy

from ._errors import Location
from ._waveforms import Waveform

GROUND = "0"
# The variable of a nonlinear inductor's energy, in Wb.
FLUX = sympy.Symbol("flux", real=True)
# The variable of a nonlinear capacitor's energy, in C.
CHARGE = sympy.Symbol("charge", real=True)
# The variable of a nonlinear resistor's current, in V.
VOLTAGE = sympy.Symbol("v", real=True)


def node_name(name: str) -> str:
    """The node's one spelling: lower case, and ``"0"`` for ``gnd``."""
    lowered = name.lower()
    return GROUND if lowered == "gnd" else lowered


def _normalise_nodes(element: "Element") -> None:
    object.__setattr__(element, "nodes", tuple(node_name(node) for node in element.nodes))


@final
@dataclass(frozen=True, slots=True)
class Capacitor:
    """A capacitance in F; ``ic`` is its initial voltage in V, None where not given."""

    name: str
    nodes: tuple[str, str]
    capacitance: float
    ic: float | None = None
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@final
@dataclass(frozen=True, slots=True)
class Inductor:
    """An inductance in H; ``ic`` is its initial current in A, from n+ to n- through it."""

    name: str
    nodes: tuple[str, str]
    inductance: float
    ic: float | None = None
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@final
@dataclass(frozen=True, slots=True)
class Resistor:
    """A resistance in Ohm."""

    name: str
    nodes: tuple[str, str]
    resistance: float
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@final
@dataclass(frozen=True, slots=True)
class CurrentSource:
    """A current that flows from n+ through the source to n-, as in SPICE.

    ``ac`` is its amplitude in an AC analysis: magnitude in A, phase in degrees.
    """

    name: str
    nodes: tuple[str, str]
    waveform: Waveform
    ac: tuple[float, float] = (0.0, 0.0)
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@final
@dataclass(frozen=True, slots=True)
class VoltageSource:
    """v(n+) - v(n-) is the waveform, in V; its current flows from n+ through it to n-.

    ``ac`` is its amplitude in an AC analysis: magnitude in V, phase in degrees.
    """

    name: str
    nodes: tuple[str, str]
    waveform: Waveform
    ac: tuple[float, float] = (0.0, 0.0)
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@final
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


@final
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


@final
@dataclass(frozen=True, slots=True)
class NonlinearCapacitor:
    """A capacitor with a free energy E(charge), whose voltage is dE/dcharge.

    ``energy`` (J) is in `CHARGE`, ``Symbol("charge", real=True)`` (C), and in ``Symbol(name,
    real=True)`` for each (name, value) of ``parameters``; ``ic`` is the initial charge in C.
    """

    name: str
    nodes: tuple[str, str]
    energy: sympy.Expr
    parameters: tuple[tuple[str, float], ...] = ()
    ic: float | None = None
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@final
@dataclass(frozen=True, slots=True)
class NonlinearResistor:
    """A branch whose current is a function of its voltage: Chua's diode, a negative resistance.

    ``current`` (A) is in `VOLTAGE`, ``Symbol("v", real=True)`` (V), and in ``Symbol(name,
    real=True)`` for each (name, value) of ``parameters``.
    """

    name: str
    nodes: tuple[str, str]
    current: sympy.Expr
    parameters: tuple[tuple[str, float], ...] = ()
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@final
@dataclass(frozen=True, slots=True)
class Gyrator:
    """i1 = g v2 and i2 = -g v1, for ports (nodes 1, 2) and (nodes 3, 4); g in S.

    A current flows into the first node of its port.
    """

    name: str
    nodes: tuple[str, str, str, str]
    conductance: float
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@final
@dataclass(frozen=True, slots=True)
class Transformer:
    """An ideal transformer: v1 = n v2 and i2 = -n i1, for ports (nodes 1, 2) and (nodes 3, 4).

    A current flows into the first node of its port; ``ratio`` is n.
    """

    name: str
    nodes: tuple[str, str, str, str]
    ratio: float
    location: Location | None = field(default=None, compare=False)

    __post_init__ = _normalise_nodes


@final
@dataclass(frozen=True, slots=True)
class Coupling:
    """Mutual inductance M = k sqrt(L1 L2) between each two of the named inductors (K card)."""

    name: str
    inductors: tuple[str, ...]
    coefficient: float
    location: Location | None = field(default=None, compare=False)


Element = (
    Capacitor
    | Inductor
    | Resistor
    | CurrentSource
    | VoltageSource
    | Junction
    | NonlinearInductor
    | NonlinearCapacitor
    | NonlinearResistor
    | Gyrator
    | Transformer
)


def symbols_of(
    element: NonlinearInductor | NonlinearCapacitor | NonlinearResistor,
) -> tuple[sympy.Symbol, ...]:
    """What stands for its parameters in an element's energy or current."""
    return tuple(sympy.Symbol(name, real=True) for name, _ in element.parameters)
