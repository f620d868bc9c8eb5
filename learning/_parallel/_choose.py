"""Which solver suits."""

import jax

from ._affine import AssociativeScan
from ._deer import DEER
from ._sequential import Hybrid, Sequential
from ._trajectory import AbstractTrajectorySolver

_HYBRID_STATES = 16
_LONG = 1000


def choose_solver(D: int, num_steps: int, backend: str | None = None) -> AbstractTrajectorySolver:
    """The solver for `num_steps` steps of `D` states on `backend` (default: JAX's own).

    On a CPU: `Hybrid` for up to 16 states, `Sequential` above, by measurement (docs/parallel.md).
    On accelerators, where a step costs a launch: `DEER` with the associative scan for long runs.
    """
    backend = jax.default_backend() if backend is None else backend
    if backend == "cpu" or num_steps < _LONG:
        return Hybrid() if D <= _HYBRID_STATES else Sequential()
    return DEER(scan=AssociativeScan())
