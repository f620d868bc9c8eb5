"""DEER: Newton's method on a whole trajectory."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Inexact, Int

from ._affine import AbstractAffineScan, SequentialScan
from ._guess import CoarseGuess
from ._in_windows import in_windows
from ._linearise import AbstractLinearisation, FullJacobian, window_length
from ._trajectory import (
    AbstractTrajectorySolver,
    Status,
    Trajectory,
    default_limit,
    is_within,
    largest,
    previous,
)


@final
class DEER(AbstractTrajectorySolver):
    """z+_{t+1} = F(z_t) + c J_t (z+_t - z_t) until the correction z+ - z vanishes.

    - `linearisation`: J, all of it or its diagonal (quasi-DEER);
    - `scan`: how the affine recurrence of an iteration is evaluated;
    - `damped`: c starts at 1, falls where an iteration made the residual worse, and rises again.
      The fixed point is that of c = 1;
    - `coarse`: the run that iterations start from where no guess is given (default: z_0 always);
    - `tolerance`: of correction and residual, relative to 1 + max |z|; by default eps^(5/8),
      1.6e-10 in double precision.

    A trajectory counts as converged when a correction with c = 1 and the *whole* Jacobian, which
    is by how much it misses the sequential one, is within the tolerance. A small residual alone
    says nothing where the map stretches.

    Source: Lim, Zhu, Selfridge & Kasim, ICLR (2024); Gonzalez et al., NeurIPS (2024).
    """

    linearisation: AbstractLinearisation = FullJacobian()
    scan: AbstractAffineScan = SequentialScan()
    damped: bool = eqx.field(static=True, default=False)
    coarse: CoarseGuess | None = None
    max_iterations: int = eqx.field(static=True, default=50)
    tolerance: float | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if self.max_iterations < 1:
            raise ValueError(f"max_iterations must be at least 1, got {self.max_iterations}")

    def forward(self, F, z0, xs, num_steps, guess):
        limit = default_limit(z0.dtype) if self.tolerance is None else self.tolerance
        zs = self._start(z0, xs, num_steps) if guess is None else guess
        problem = _Problem(F, z0, xs, self.scan)

        def unfinished(search: _Search):
            return (search.iterations < self.max_iterations) & ~search.converged

        def iterate(search: _Search):
            step = problem.step(self.linearisation, search.zs, search.damping)
            small = is_within(limit, search.zs, step.correction, step.residual)
            damping = self._adapt(search, step, small)
            done = small & (search.damping >= 1)
            return _Search(step.zs, search.iterations + 1, step.residual, step.correction,
                           damping, done)  # fmt: skip

        one, infinite = jnp.ones((), z0.dtype), jnp.asarray(jnp.inf, z0.dtype)
        start = _Search(zs, jnp.zeros((), int), infinite, infinite, one, jnp.zeros((), bool))
        found = jax.lax.while_loop(unfinished, iterate, start)
        return self._verified(problem, found, limit)

    def _start(self, z0, xs, num_steps):
        if self.coarse is None:
            return jnp.broadcast_to(z0, (num_steps, z0.size))
        return self.coarse(z0, xs, num_steps)

    def _adapt(self, search, step, small):
        """The next c: less after a worse residual, 1 for the last words."""
        if not self.damped:
            return search.damping
        worse = ~(step.residual < search.residual)
        lower = jnp.maximum(search.damping * 0.8, 0.0)
        higher = jnp.minimum(1 - 0.7 * (1 - search.damping), 1.0)
        return jnp.where(small, 1.0, jnp.where(worse, lower, higher)).astype(search.damping.dtype)

    def _verified(self, problem, found, limit):
        zs, error, residual = found.zs, found.error, found.residual
        converged = found.converged
        if not self.linearisation.exact:
            step = problem.step(FullJacobian(), zs, jnp.ones((), zs.dtype))
            zs, error, residual = step.zs, step.correction, step.residual
            converged = converged & is_within(10 * limit, zs, error, residual)
        return Trajectory(zs, Status(converged, found.iterations, residual, error))

    @property
    def differentiable(self):
        return False

    @property
    def hint(self):
        return (
            "a larger alpha of generalised teacher forcing, Windowed(DEER(), length) with shorter "
            "windows, damped=True, a guess near the solution, or Hybrid(), which needs none"
        )

    def adjoint_scan(self):
        return self.scan


class _Search(NamedTuple):
    """`residual` is that before the last step, `error` the size of that step's correction."""

    zs: Inexact[Array, "T D"]
    iterations: Int[Array, ""]
    residual: Inexact[Array, ""]
    error: Inexact[Array, ""]
    damping: Inexact[Array, ""]
    converged: Bool[Array, ""]


class _Step(NamedTuple):
    zs: Inexact[Array, "T D"]
    residual: Inexact[Array, ""]
    correction: Inexact[Array, ""]


@final
class _Problem(eqx.Module):
    F: Any
    z0: Array
    xs: object
    scan: AbstractAffineScan

    def step(self, linearisation, zs, damping) -> _Step:
        """One Newton step, through windows, so that few linear parts exist at a time."""

        def one(entering, window):
            zs, before, xs = window
            image = jax.vmap(self.F)(before, xs)
            A = linearisation(self.F, before, xs)
            A = A.with_values(damping * A.values)
            correction = self.scan(A, image - zs, entering)
            # Where products overflow, the image alone is the better iterate.
            new = jnp.where(jnp.isfinite(zs + correction), zs + correction, image)
            new = jnp.where(jnp.isfinite(new), new, zs)
            leaving = jnp.where(jnp.isfinite(correction[-1]), correction[-1], 0)
            return leaving, (new, largest(image - zs)[None], largest(correction)[None])

        length = window_length(linearisation, zs.shape[1], zs.dtype)
        rows = (zs, previous(self.z0, zs), self.xs)
        _, (new, residual, correction) = in_windows(one, jnp.zeros_like(self.z0), rows, length)
        return _Step(new, jnp.max(residual), jnp.max(correction))
