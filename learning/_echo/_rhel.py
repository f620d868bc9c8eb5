"""Gradients from echoes."""

from collections.abc import Callable
from typing import final

import equinox as eqx
import jax.numpy as jnp

from physsim import Parity

from ._damped import DampedEcho, check_gain
from ._echo import Echo
from ._estimator import AbstractEstimator, ComplexStep, Tangent, TwoSided
from ._refusal import check_lossless, check_method, check_parity, find_parity
from ._retrace import Retrace, check_retrace
from ._way_back import AbstractEcho

_EPSILON = {8: 1e-6, 4: 1e-3}


@final
class RHEL(AbstractEcho):
    """Recurrent Hamiltonian Echo Learning as hardware does it: three passes.

    Forward, flip, and two echoes nudged by +epsilon and -epsilon. `epsilon` is the largest
    displacement by a single nudge, in units of the state (default 1e-6, or 1e-3 in
    float32); the error is O(epsilon^2) plus rounding / epsilon.
    `estimator` is `TwoSided`, `OneSided` (two passes, and O(epsilon)) or `ComplexStep`.

    `parity` says what is odd under time reversal where the energy does not. A lossy system is
    refused unless `gain` is given: with True the echo runs the losses backwards, as gain, which
    is exact where all modes decay in the momenta's own way (`check_gain`); with False it
    runs the lossy system itself, and is biased. Constant memory. Source: arXiv 2506.05259.

    >>> q, p, k = sympy.symbols("q p k")
    >>> H = physsim.symbolic(p**2 / 2 + k * q**2 / 2, q=[q], p=[p], params={k: 4.0})
    >>> run = H, physsim.StormerVerlet(), physsim.PhaseState(jnp.ones(1), jnp.zeros(1))
    >>> cost = lambda H, y, u, target: y.q[0]
    >>> _, echo = learning.RHEL()(*run, cost, dt=0.1, num_steps=20)
    >>> _, exact = learning.BPTT()(*run, cost, dt=0.1, num_steps=20)
    >>> bool(abs(echo.params.params["k"] / exact.params.params["k"] - 1) < 1e-8)
    True
    """

    epsilon: float | None = None
    estimator: Callable[..., AbstractEstimator] = eqx.field(static=True, default=TwoSided)
    parity: Parity | None = None
    gain: bool | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if self.epsilon is not None and not self.epsilon > 0:
            raise ValueError(f"epsilon must be positive, got {self.epsilon}")

    def check(self, H, solver):
        check_method(H, solver)
        if self.gain is None or H.is_lossless:
            check_lossless(
                H,
                "Use RHEL(gain=True), whose echo runs with gain, ReversibleAdjoint(), BPTT() or "
                "ContinuousAdjoint(); RHEL(gain=False) shows the bias of a lossy echo",
            )
        check_parity(H, self.parity)
        if self.gain and not H.is_lossless:
            self._check_gain(H, solver)

    def _check_gain(self, H, solver):
        if self.estimator is ComplexStep:
            raise ValueError("an echo with gain runs in real numbers: use TwoSided or OneSided")
        check_gain(H, solver, find_parity(H, self.parity))

    def way_back(self, H, dtype):
        epsilon = jnp.asarray(self.epsilon or _EPSILON[jnp.dtype(dtype).itemsize], dtype)
        if self.gain and not H.is_lossless:
            return DampedEcho(self.estimator(epsilon))
        return Echo(self.estimator(epsilon), find_parity(H, self.parity))


@final
class ReversibleAdjoint(AbstractEcho):
    """The echo in the limit of small nudges: exact to rounding, constant memory.

    With losses or gyrators the state is led back by the inverse of each step and the
    displacement by its adjoint, exactly too; but backwards losses are gain, and rounding grows
    by exp(gamma T): where the way back misses the start, that is an error.

    >>> q, p, k = sympy.symbols("q p k")
    >>> H = physsim.symbolic(p**2 / 2 + k * q**2 / 2, q=[q], p=[p], params={k: 4.0})
    >>> run = H, physsim.StormerVerlet(), physsim.PhaseState(jnp.ones(1), jnp.zeros(1))
    >>> cost = lambda H, y, u, target: y.q[0] ** 2
    >>> value, gradients = learning.ReversibleAdjoint()(*run, cost, dt=0.1, num_steps=20)
    >>> value.shape, gradients.params.params["k"].shape, gradients.y0.q.shape
    ((), (), (1,))
    """

    parity: Parity | None = None

    def check(self, H, solver):
        check_method(H, solver)
        if H.is_canonical:
            check_parity(H, self.parity)
        else:
            check_retrace(H)

    def way_back(self, H, dtype):
        return Echo(Tangent(), find_parity(H, self.parity)) if H.is_canonical else Retrace()
