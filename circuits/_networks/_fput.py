"""The chain of Fermi, Pasta, Ulam and Tsingou as a circuit."""

import math

import sympy

from .._elements import FLUX, GROUND, NonlinearInductor
from .._netlist import Netlist
from ._checks import at_least, node_names, positive, to_ground

_L, _ALPHA, _BETA, _UNIT = sympy.symbols("l0 alpha beta flux0", real=True)


def fput(
    springs: int,
    *,
    alpha: float = 0.0,
    beta: float = 0.0,
    inductance: float = 1e-6,
    capacitance: float = 1e-12,
    flux: float = 1e-9,
    mode: int = 1,
    amplitude: float = 1.0,
) -> Netlist:
    """The FPUT chain: capacitors are masses, nonlinear inductors the springs, ends are ground.

    With the flux x across an inductor in units of `flux` (Wb), its energy is
    flux^2 / L (x^2 / 2 + alpha x^3 / 3 + beta x^4 / 4). N = `springs` inductors (H) join ground,
    n1..n(N-1) and ground; the fluxes of the nodes start at rest in a normal mode of the
    linear chain, amplitude flux sin(pi mode i / N), whose frequency is
    2 sin(pi mode / 2 N) / sqrt(L C).
    Source: Fermi, Pasta, Ulam & Tsingou, Los Alamos report LA-1940 (1955); Ford, Phys. Rep.
    213:271 (1992).

    Raises `NetlistError` for fewer than 2 springs and for values that are not positive.
    """
    at_least("the number of springs of an FPUT chain", springs, 2)
    at_least("the mode of an FPUT chain", mode, 1)
    positive(inductance=inductance, flux=flux)
    names = node_names(springs - 1)
    ends = [GROUND, *names, GROUND]
    start = [amplitude * flux * math.sin(math.pi * mode * i / springs) for i in range(springs + 1)]
    energy, parameters = _spring(inductance, alpha, beta, flux)
    inductors = [
        NonlinearInductor(
            f"B{i}", (ends[i], ends[i - 1]), energy, parameters, ic=start[i] - start[i - 1]
        )
        for i in range(1, springs + 1)
    ]
    title = f"FPUT chain of {springs} springs, alpha = {alpha:g}, beta = {beta:g}"
    return Netlist(title, (*to_ground(names, capacitance), *inductors))


def _spring(inductance, alpha, beta, flux):
    """The energy and its parameters, without the terms that vanish."""
    energy = FLUX**2 / (2 * _L)
    parameters = [("l0", inductance)]
    if alpha or beta:
        parameters.append(("flux0", flux))
    if alpha:
        energy += _ALPHA * FLUX**3 / (3 * _UNIT * _L)
        parameters.append(("alpha", alpha))
    if beta:
        energy += _BETA * FLUX**4 / (4 * _UNIT**2 * _L)
        parameters.append(("beta", beta))
    return energy, tuple(parameters)
