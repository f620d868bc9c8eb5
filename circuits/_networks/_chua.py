"""Chua's circuit."""

import sympy

from .._elements import (
    GROUND,
    VOLTAGE,
    Capacitor,
    Inductor,
    NonlinearResistor,
    Resistor,
)
from .._netlist import Netlist
from ._checks import positive

_INNER, _OUTER, _BEND = sympy.symbols("ga gb v0", real=True)
_CURRENT = _OUTER * VOLTAGE + (_INNER - _OUTER) / 2 * (
    sympy.Abs(VOLTAGE + _BEND) - sympy.Abs(VOLTAGE - _BEND)
)


def chua(
    *,
    alpha: float = 9.0,
    beta: float = 100 / 7,
    inner_slope: float = -8 / 7,
    outer_slope: float = -5 / 7,
    resistance: float = 1.8e3,
    capacitance: float = 10e-9,
    voltage: float = 1.0,
    start: tuple[float, float, float] = (0.7, 0.0, 0.0),
) -> Netlist:
    """Chua's circuit: C1 and Chua's diode at n1, the resistance to n2, C2 and L at n2.

    With x and y the voltages of n1 and n2 in units of `voltage`, z the current that the inductor
    sends into n2 in units of `voltage` / R, and time in R C2:

        x' = alpha (y - x - f(x)),   y' = x - y + z,   z' = -beta y,
        f(x) = outer x + (inner - outer) (|x + 1| - |x - 1|) / 2

    so C1 = `capacitance` (F), R = `resistance`, C2 = alpha C1, L = R^2 C2 / beta, and the diode's
    slopes are `inner_slope` and `outer_slope` over R. `start` is (x, y, z). The default values are
    those of the double scroll: equilibria at x = 0, 1.5 and -1.5, exponents 0.33, 0 and -2.5
    per R C2.
    Sources: Matsumoto, Chua & Komuro, IEEE Trans. Circuits Syst. 32:797 (1985); Sprott, Chaos and
    Time-Series Analysis (2003), appendix A.

    Raises `NetlistError` for values that are not positive.
    """
    positive(alpha=alpha, beta=beta, resistance=resistance, capacitance=capacitance)
    positive(voltage=voltage)
    x, y, z = start
    larger = alpha * capacitance
    slopes = (("ga", inner_slope / resistance), ("gb", outer_slope / resistance), ("v0", voltage))
    elements = (
        Capacitor("C1", ("n1", GROUND), capacitance, ic=x * voltage),
        Capacitor("C2", ("n2", GROUND), larger, ic=y * voltage),
        Inductor("L1", ("n2", GROUND), resistance**2 * larger / beta, ic=-z * voltage / resistance),
        Resistor("R1", ("n1", "n2"), resistance),
        NonlinearResistor("B1", ("n1", GROUND), _CURRENT, slopes),
    )
    return Netlist("Chua's circuit", elements)
