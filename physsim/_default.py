"""The method to take when nothing else decides."""

from typing import NamedTuple

from ._hamiltonian import AbstractHamiltonian, AbstractSeparableHamiltonian
from ._solver import AbstractSolver, BlanesMoan6, GaussLegendre4, Newton, SRKN11b


class Choice(NamedTuple):
    """A method, and why it was chosen."""

    solver: AbstractSolver
    reason: str


def default_solver(H: AbstractHamiltonian) -> Choice:
    """The method that usually costs least for a given accuracy on energies like `H`.

    >>> q, p = sympy.symbols("q p")
    >>> physsim.default_solver(physsim.symbolic(p**2 / 2 - sympy.cos(q), q=[q], p=[p])).solver
    SRKN11b()
    >>> physsim.default_solver(physsim.symbolic((p + q) ** 2 / 2, q=[q], p=[p])).solver
    GaussLegendre4()

    Other goals ask for others: `StormerVerlet` for the cheapest step, `SRKN14a` for errors near
    rounding, `ABA864` where the nonlinearity is weak, `Compensated` for many millions of
    steps, `ExactReversal` for echoes of chaotic systems.
    """
    if not isinstance(H, AbstractSeparableHamiltonian):
        return Choice(
            GaussLegendre4(),
            "some term mixes momenta with positions or inputs, so no explicit splitting applies; "
            "Gauss-Legendre collocation is symplectic for any energy (implicit, order 4)",
        )
    if not H.has_exact_flows:
        return Choice(
            GaussLegendre4(Newton()),
            "losses act through nonlinear laws, so drift and kick have no closed forms; "
            "Gauss-Legendre collocation takes them whole (implicit, order 4)",
        )
    if H.is_nystrom:
        return Choice(
            SRKN11b(),
            "the kinetic energy is quadratic, so a Runge-Kutta-Nystrom splitting of order 6 "
            "applies, which needs the fewest forces at usual accuracies",
        )
    return Choice(
        BlanesMoan6(),
        "the energy is separable, but its kinetic part is not quadratic or its kicks have "
        "losses, so Nystrom splittings would lose their order; this splitting of order 6 keeps it",
    )
