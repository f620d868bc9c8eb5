"""Laws of nonlinear elements as NumPy functions, by groups of equal expressions."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, final

import numpy as np
import sympy
from jaxtyping import Float

from ._elements import (
    CHARGE,
    FLUX,
    VOLTAGE,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
)
from ._quantities import REDUCED_FLUX_QUANTUM

Lawful = Junction | NonlinearInductor | NonlinearCapacitor | NonlinearResistor
_CRITICAL = sympy.Symbol("icrit", real=True)
# (Phi0 Ic / 2 pi) sin(2 pi flux / Phi0) integrates to the junction's energy.
_JUNCTION_CURRENT = _CRITICAL * sympy.sin(FLUX / REDUCED_FLUX_QUANTUM)


class _Group(NamedTuple):
    """Elements of one law."""

    places: np.ndarray
    values: list[np.ndarray]
    law: sympy.Expr
    variable: sympy.Symbol
    names: tuple[str, ...]

    def at(self, x: np.ndarray, *by: str) -> Any:
        """The law's derivative by the variable (""), and by parameters of these names."""
        expression = self.law
        for name in by:
            symbol = sympy.Symbol(name, real=True) if name else self.variable
            expression = _derivative(expression, symbol)
        with np.errstate(all="ignore"):
            made = _function(expression, self.variable, self.names)
            return made(x[self.places], *self.values)


@final
class Laws:
    """dU/dflux (A) of inductive elements, dE/dcharge (V) of capacitors, or i(v) (A) of resistors.

    `elements` are of one of these sorts. Numbers beyond the range of floats come out as inf or
    nan, not as errors.
    """

    def __init__(self, elements: Sequence[Lawful]):
        self._size = len(elements)
        rows: dict[tuple, list[tuple[int, tuple[float, ...]]]] = {}
        for place, element in enumerate(elements):
            *law, values = _law(element)
            rows.setdefault(tuple(law), []).append((place, values))
        self._groups = [_group(*key, own) for key, own in rows.items()]
        self.parameters = [
            (int(place), name) for g in self._groups for name in g.names for place in g.places
        ]
        """(element's number, name) in the order of `by_parameter`."""

    def response(self, x: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """Currents, or voltages, at the variables `x` (Wb, C or V)."""
        return self._evaluate(x)

    def slope(self, x: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """Their derivatives: 1/H, 1/F or S."""
        return self._evaluate(x, "")

    def curvature(self, x: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """Their second derivatives."""
        return self._evaluate(x, "", "")

    def by_parameter(self, x: Float[np.ndarray, " m"], *by: str) -> Float[np.ndarray, " k"]:
        """Derivatives of responses by parameters; with "", of slopes."""
        parts = [
            np.broadcast_to(g.at(x, *by, name), g.places.shape)
            for g in self._groups
            for name in g.names
        ]
        return np.concatenate([np.zeros(0), *parts])

    def _evaluate(self, x, *by):
        result = np.empty(self._size)
        for group in self._groups:
            result[group.places] = group.at(x, *by)
        return result


def _law(element: Lawful) -> tuple[sympy.Expr, sympy.Symbol, tuple[str, ...], tuple[float, ...]]:
    """Response, variable, names of parameters and their values."""
    if isinstance(element, Junction):
        return _JUNCTION_CURRENT, FLUX, (_CRITICAL.name,), (element.critical_current,)
    names = tuple(name for name, _ in element.parameters)
    values = tuple(value for _, value in element.parameters)
    if isinstance(element, NonlinearResistor):
        return element.current, VOLTAGE, names, values
    variable = FLUX if isinstance(element, NonlinearInductor) else CHARGE
    return _derivative(element.energy, variable), variable, names, values


def _group(law, variable, names, rows) -> _Group:
    values = [np.array(column) for column in zip(*(own for _, own in rows), strict=True)]
    return _Group(np.array([place for place, _ in rows]), values, law, variable, names)


@functools.lru_cache(maxsize=1024)
def _derivative(expression: sympy.Expr, variable: sympy.Symbol) -> sympy.Expr:
    derivative: Any = sympy.diff(expression, variable)
    # The derivative of a kink's jump is 0 but at one point.
    return derivative.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))


@functools.lru_cache(maxsize=1024)
def _function(expression: sympy.Expr, variable: sympy.Symbol, names: tuple[str, ...]) -> Callable:
    # Dummies, so that a symbol may be called e, pi or sin.
    symbols = [variable, *(sympy.Symbol(name, real=True) for name in names)]
    return sympy.lambdify(symbols, expression, modules="numpy", cse=True, dummify=True)
