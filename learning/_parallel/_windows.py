"""Time in windows, one after the other."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp

from ._deer import DEER
from ._in_windows import in_windows
from ._trajectory import AbstractTrajectorySolver, Status, Trajectory


@final
class Windowed(AbstractTrajectorySolver):
    """DEER within windows of `length` steps, which follow each other.

    Newton's method converges over stretches in which the map forgets, or turns little: without
    losses, windows of up to 32 periods, from a `CoarseGuess`. Parallel within a window only.
    """

    deer: DEER
    length: int = eqx.field(static=True)

    def __check_init__(self):
        if self.length < 1:
            raise ValueError(f"a window must have at least 1 step, got {self.length}")

    def forward(self, F, z0, xs, num_steps, guess):
        def one(z, window):
            inputs, start = window
            found = self.deer.forward(F, z, inputs[0], inputs[1].shape[0], start)
            return found.zs[-1], (found.zs, jax.tree.map(lambda x: x[None], found.status))

        rows = ((xs, jnp.arange(num_steps)), guess)
        _, (zs, each) = in_windows(one, z0, rows, self.length)
        status = Status(
            jnp.all(each.converged),
            jnp.max(each.iterations),
            jnp.max(each.residual),
            jnp.max(each.error),
        )
        return Trajectory(zs, status)

    @property
    def differentiable(self):
        return False

    @property
    def hint(self):
        return f"shorten the windows from {self.length} steps, or {self.deer.hint}"

    def adjoint_scan(self):
        return self.deer.scan
