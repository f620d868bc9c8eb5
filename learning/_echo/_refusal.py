"""Where echoes give no gradients, and why."""

import jax.numpy as jnp
import numpy as np

from physsim import (
    AbstractDamped,
    AbstractEchoSolver,
    AbstractHamiltonian,
    AbstractSolver,
    Parity,
    PhaseState,
    is_traced,
    reversed_parameters,
)

_MAX_NAMES = 6


def check_method(H: AbstractHamiltonian, solver: AbstractSolver) -> None:
    """`ValueError` unless the substeps of `solver` are exact flows, which an echo retraces."""
    if not isinstance(solver, AbstractEchoSolver):
        raise ValueError(
            f"an echo of {solver.name} does not give gradients: it is not known to be a "
            "symplectic map made of flows of the energy. Use BPTT(), or SRKN11b()"
        )
    solver.check_echo(H)


def check_lossless(H: AbstractHamiltonian, instead: str) -> None:
    """`ValueError` that names the losses of `H`, and says what may be done `instead`."""
    if H.is_canonical:
        return
    if H.is_lossless:
        raise ValueError(
            "the system has gyrators, so its momenta are not canonical and displaced echoes "
            "don't read off its gradient: use ReversibleAdjoint(), BPTT() or ContinuousAdjoint()"
        )
    raise ValueError(
        f"the system is lossy ({lossy_names(H)}), so flipping the momenta does not reverse "
        f"time. {instead}"
    )


def lossy_names(H: AbstractHamiltonian) -> str:
    """Which coordinates lose energy, for people."""
    if not isinstance(H, AbstractDamped):
        return "it says so itself"
    found = []
    for what, losses in (("conductance at", H.conductance), ("resistance at", H.resistance)):
        if losses is not None:
            found.append(f"{what} {_nonzero(H.coordinates, losses)}")
    return ", ".join(found) or "nonlinear resistors"


def _nonzero(names, losses) -> str:
    if is_traced(losses):
        return "some coordinates"
    matrix = np.asarray(losses)
    entries = np.abs(matrix) if matrix.ndim == 1 else np.abs(matrix).max(axis=1)
    own = [name for name, x in zip(names, entries, strict=True) if x > 0]
    more = len(own) - _MAX_NAMES
    return ", ".join(own[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def find_parity(H: AbstractHamiltonian, declared: Parity | None) -> Parity:
    """The declared parity, or the energy's own. `ValueError` where there is none."""
    return H.conservative.parity if declared is None else declared


def check_parity(H: AbstractHamiltonian, declared: Parity | None) -> None:
    """`ValueError` where there is no parity, or the declared one changes the energy."""
    parity = find_parity(H, declared)
    if declared is None:
        return
    mirrored = reversed_parameters(H, H.parameter_names(), parity.params)
    names = H.input_names[:-1] if H.has_clock else H.input_names
    signs = np.array([*parity.input_signs(names), *(1.0 for _ in H.input_names[len(names) :])])
    if is_traced(H):
        return
    rng = np.random.default_rng(0)
    for _ in range(4):
        q, p = 0.3 * rng.normal(size=(2, len(H.coordinates)))
        u = rng.normal(size=len(H.input_names))
        energies = [_energy(H, q, p, u), _energy(mirrored, q, -p, signs * u)]
        scale = max(abs(_energy(H, x, y, u)) for x, y in ((q, p), (q, 0 * p), (0 * q, p)))
        if not abs(energies[0] - energies[1]) <= 1e-4 * (scale + abs(energies[0])):
            raise ValueError(
                f"the declared parity (odd parameters: {', '.join(parity.params) or 'none'}; odd "
                f"inputs: {', '.join(parity.inputs) or 'none'}) changes the energy from "
                f"{energies[0]:.6g} to {energies[1]:.6g} when time is reversed: name others, or "
                "use BPTT()"
            )


def _energy(H, q, p, u) -> float:
    y = PhaseState(jnp.asarray(q, float), jnp.asarray(p, float))
    return float(H(y.q, y.p, jnp.asarray(u, float)))
