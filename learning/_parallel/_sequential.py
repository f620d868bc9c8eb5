"""Step after step."""

from typing import final

import equinox as eqx
import jax

from ._affine import AbstractAffineScan, SequentialScan
from ._trajectory import AbstractTrajectorySolver, Trajectory, finite_status


@final
class Sequential(AbstractTrajectorySolver):
    """The reference: `jax.lax.scan`, differentiated as it is (backpropagation through time)."""

    unroll: int = eqx.field(static=True, default=1)

    def forward(self, F, z0, xs, num_steps, guess):
        return _stepped(F, z0, xs, num_steps, self.unroll)

    @property
    def differentiable(self):
        return True

    @property
    def hint(self):
        return _HINT

    def adjoint_scan(self):
        return SequentialScan()


@final
class Hybrid(AbstractTrajectorySolver):
    """Step after step forward; back, Jacobians of all times at once and a linear scan.

    The scan back has no transcendental functions and no derivative rules in it, which is what
    makes backpropagation through time slow on a CPU where the state is small.
    """

    scan: AbstractAffineScan = SequentialScan()
    unroll: int = eqx.field(static=True, default=1)

    def forward(self, F, z0, xs, num_steps, guess):
        return _stepped(F, z0, xs, num_steps, self.unroll)

    @property
    def differentiable(self):
        return False

    @property
    def hint(self):
        return _HINT

    def adjoint_scan(self):
        return self.scan


_HINT = (
    "the map leaves the finite numbers: a smaller step, bounded parameters, or generalised "
    "teacher forcing with a larger alpha"
)


def _stepped(F, z0, xs, num_steps, unroll):
    def one(z, x):
        z = F(z, x)
        return z, z

    zs = jax.lax.scan(one, z0, xs, length=num_steps, unroll=unroll)[1]
    return Trajectory(zs, finite_status(zs))
