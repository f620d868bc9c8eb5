"""Newton's method for a network at rest, with steps halved until they help."""

from typing import final

import numpy as np
from jaxtyping import Float
from scipy.sparse import csc_array, csr_array

from ._errors import NetlistError
from ._initial import capacitor_voltages, initial_flux
from ._mna import Mna
from ._mna_conserved import find_conserved
from ._mna_solve import Factors, SingularError
from ._mna_sources import values_at_rest

_MOST_STEPS = 100
_MOST_HALVINGS = 40
# A correction this small is rounding if it stops shrinking, or is small enough at once.
_CLOSE, _ROUNDING = 1e-9, 4e-16
# Stages in which sources are raised where Newton's method fails from the start.
_STAGES = 20


class StuckError(ArithmeticError):
    """No further step helps; `worst` is the unknown that would move the most."""

    def __init__(self, worst: int):
        super().__init__(f"no step helps at unknown {worst}")
        self.worst = worst


@final
class Balance:
    """The equations at rest: G x = b, rows that follow from others replaced by what is conserved.

    The residual at a fraction of the sources is that of `drive` times the fraction.
    """

    def __init__(self, mna: Mna):
        self._mna = mna
        self.drive = mna.drive(
            values_at_rest(mna.voltage_sources.elements),
            values_at_rest(mna.current_sources.elements),
        )
        self.conserved = find_conserved(mna, self.drive)
        rows = self.conserved.rows
        self.kept = np.ones(mna.size)
        self.kept[rows] = 0.0
        static = csr_array(mna.static()).multiply(self.kept[:, None])
        closing = self.conserved.combinations @ csr_array(mna.dynamic())
        scatter = csr_array((np.ones(len(rows)), (rows, range(len(rows)))), (mna.size, len(rows)))
        self._matrix = csr_array(static + scatter @ closing)
        self._target = np.zeros(mna.size)
        self._target[rows] = self.conserved.combinations @ _initial_content(mna)

    def start(self) -> Float[np.ndarray, " N"]:
        """The initial fluxes and charges of nonlinear elements; zero for the rest."""
        x = np.zeros(self._mna.size)
        for element in self._mna.fluxes.elements:
            x[self._mna.own[element.name]] = initial_flux(element)
        for element in self._mna.charged.elements:
            x[self._mna.own[element.name]] = element.ic or 0.0
        return x

    def residual(self, x: np.ndarray, fraction: float = 1.0) -> Float[np.ndarray, " N"]:
        wanted = self.kept * (fraction * self.drive) + self._target
        return self._matrix @ x + self.kept * self._mna.response(x) - wanted

    def jacobian(self, x: np.ndarray) -> csc_array:
        slope = csr_array(self._mna.bent(self._mna.slopes(x))).multiply(self.kept[:, None])
        return csc_array(self._matrix + slope)


def solve_at_rest(mna: Mna, balance: Balance) -> Float[np.ndarray, " N"]:
    """x at the operating point. Raises `NetlistError` where none is found."""
    start = balance.start()
    try:
        return _newton(balance, start, 1.0)
    except (StuckError, SingularError):
        if mna.is_linear:
            raise
    x = start
    for fraction in np.linspace(0, 1, _STAGES + 1):
        x = _newton(balance, x, float(fraction))
    return x


def operating_state(mna: Mna) -> Float[np.ndarray, " N"]:
    """x at the operating point; errors name the worst node or element."""
    try:
        return solve_at_rest(mna, Balance(mna))
    except SingularError as error:
        raise NetlistError(
            f"{mna.netlist.file}: nothing determines {mna.name_of(error.worst)} at rest: there is "
            "no DC operating point, or there are many"
        ) from None
    except StuckError as error:
        raise NetlistError(
            f"{mna.netlist.file}: no DC operating point was found; the equations of "
            f"{mna.name_of(error.worst)} are the farthest from being fulfilled. Lower the sources "
            "(a junction carries no more than its critical current at rest), or start from other "
            "initial phases and charges"
        ) from None


def _newton(balance: Balance, x: np.ndarray, fraction: float) -> np.ndarray:
    before = np.inf
    for _ in range(_MOST_STEPS):
        residual = balance.residual(x, fraction)
        factors = Factors(balance.jacobian(x))
        step = -factors.solve(residual)
        size = _norm(step, factors)
        small = size / max(_norm(x + step, factors), np.finfo(float).tiny)
        if small <= _ROUNDING or (small <= _CLOSE and size >= before / 2):
            return x + step
        x, before = _advance(balance, factors, x, step, fraction), size
    raise StuckError(int(np.argmax(np.abs(step / factors.columns))))


def _advance(balance, factors, x, step, fraction) -> np.ndarray:
    """The longest halved step after which the same factors ask for a smaller correction.

    This natural test does not depend on how equations are scaled (Deuflhard, Newton Methods
    for Nonlinear Problems, 2004, section 3.3).
    """
    size, part = _norm(step, factors), 1.0
    for _ in range(_MOST_HALVINGS):
        tried = x + part * step
        residual = balance.residual(tried, fraction)
        if np.all(np.isfinite(residual)):
            left = _norm(factors.solve(residual), factors)
            if left <= (1 - part / 4) * size or left <= _ROUNDING * _norm(tried, factors):
                return tried
            # At the level of rounding nothing shrinks any more.
            if part == 1.0 and size <= _CLOSE * _norm(tried, factors):
                return tried
        part /= 2
    raise StuckError(int(np.argmax(np.abs(step / factors.columns))))


def _norm(x, factors) -> float:
    """The largest unknown, each in its own unit."""
    return float(np.max(np.abs(x / factors.columns), initial=0.0))


def _initial_content(mna: Mna) -> Float[np.ndarray, " N"]:
    """C x at the start: charges at the nodes, minus fluxes at inductive branches."""
    coils, capacitors = mna.inductors, mna.capacitors
    volts, currents = starts(mna)
    content = -(coils.own @ (mna.inductance @ currents))
    for element in mna.fluxes.elements:
        content[mna.own[element.name]] = -initial_flux(element)
    charges = np.array([e.capacitance for e in capacitors.elements]) * volts
    own = np.array([e.ic or 0.0 for e in mna.charged.elements], float)
    return content + capacitors.ends @ charges + mna.charged.ends @ own


def starts(mna: Mna) -> tuple[np.ndarray, np.ndarray]:
    """Initial voltages of the capacitors (V) and currents of the inductors (A)."""
    known = capacitor_voltages(mna.netlist) if mna.capacitors.elements else {}
    volts = np.array([known[e.name] for e in mna.capacitors.elements], float)
    return volts, np.array([e.ic or 0.0 for e in mna.inductors.elements], float)
