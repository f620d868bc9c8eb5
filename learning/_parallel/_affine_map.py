"""Maps that are affine in the state: linear circuits, linear units."""

from typing import final

import jax
import jax.numpy as jnp

from ._affine import AbstractAffineScan
from ._blocked import BlockedScan
from ._factors import Dense
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
class AffineMap(AbstractTrajectorySolver):
    """One scan, exact, for F(z, x) = A z + b(x) with one A for all inputs.

    A is the Jacobian at `z0` and the first input. A map that is not of this kind leaves a
    residual, and so is reported.
    """

    scan: AbstractAffineScan = BlockedScan()

    def forward(self, F, z0, xs, num_steps, guess):
        first = jax.tree.map(lambda x: x[0], xs)
        A = Dense(jax.jacfwd(lambda z: F(z, first))(z0))
        origin = jnp.zeros((num_steps, *z0.shape), z0.dtype)
        zs = self.scan(A, jax.vmap(F)(origin, xs), z0)
        residual = jax.vmap(F)(previous(z0, zs), xs) - zs
        error = largest(self.scan(A, residual, jnp.zeros_like(z0)))
        miss = largest(residual)
        fine = is_within(default_limit(zs.dtype), zs, miss, error)
        return Trajectory(zs, Status(fine, jnp.ones((), int), miss, error))

    @property
    def differentiable(self):
        return False

    @property
    def hint(self):
        return "the map is not affine with one matrix for all inputs: use DEER(), or it diverges"

    def adjoint_scan(self):
        return self.scan
