"""Which solver suits."""

import os

import jax

from ._affine import AssociativeScan
from ._deer import DEER
from ._sequential import Hybrid, Sequential
from ._trajectory import AbstractTrajectorySolver

_HYBRID_STATES = 8
_LONG = 1000


def choose_solver(
    D: int, num_steps: int, backend: str | None = None, *, tuned: bool | None = None
) -> AbstractTrajectorySolver:
    """The solver for `num_steps` steps of `D` states on `backend` (default: JAX's own).

    By measurement (docs/parallel.md). On a CPU: `Sequential` where `physsim.tune_cpu()` was called
    (`tuned`, by default read off XLA's options), since loops compiled whole are the fastest; else
    `Hybrid` for up to 8 states. On accelerators, where a step costs a launch: `DEER` with the
    associative scan for long runs.
    """
    backend = jax.default_backend() if backend is None else backend
    if backend != "cpu" and num_steps >= _LONG:
        return DEER(scan=AssociativeScan())
    if tuned is None:
        tuned = "small_while_loop_byte_threshold" in os.environ.get("XLA_FLAGS", "")
    return Sequential() if tuned or D > _HYBRID_STATES else Hybrid()
