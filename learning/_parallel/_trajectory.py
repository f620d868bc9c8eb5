"""What a solver of trajectories takes and gives."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Inexact, Int, PyTree

from ._affine import AbstractAffineScan

Map = Callable[[Any, Any], Any]
"""F(z [D], x) -> z [D]; a pytree whose array leaves are its parameters."""


class ConvergenceError(ArithmeticError):
    """A trajectory that is not a solution; says by how much and what to try."""


@final
class Status(eqx.Module):
    """How a trajectory was found."""

    converged: Bool[Array, ""]
    iterations: Int[Array, ""]
    """Newton steps, of the window that took most; 1 for methods without iterations."""
    residual: Inexact[Array, ""]
    """max |z_{t+1} - F(z_t, x_t)|, infinite where one of them is not a number."""
    error: Inexact[Array, ""]
    """max |Newton correction| of the trajectory: by how much it misses the sequential one."""


@final
class Trajectory(eqx.Module):
    """z_1..z_T and whether to believe them."""

    zs: Inexact[Array, "T D"]
    status: Status


class AbstractTrajectorySolver(eqx.Module):
    """A way to find the trajectory of a map; see `solve`."""

    @abstractmethod
    def forward(
        self,
        F: Map,
        z0: Inexact[Array, " D"],
        xs: PyTree,
        num_steps: int,
        guess: Inexact[Array, "T D"] | None,
    ) -> Trajectory:
        """The trajectory; what is differentiated of it is up to `differentiable`."""

    @property
    @abstractmethod
    def differentiable(self) -> bool:
        """Whether `forward` is to be differentiated as it is (else implicitly)."""

    @property
    @abstractmethod
    def hint(self) -> str:
        """What to try where it does not converge."""

    @abstractmethod
    def adjoint_scan(self) -> AbstractAffineScan:
        """The affine scan that implicit gradients go back through."""


def previous(z0: Inexact[Array, " D"], zs: Inexact[Array, "T D"]) -> Inexact[Array, "T D"]:
    """z_0..z_{T-1}, the states that the map was applied to."""
    return jnp.concatenate([z0[None], zs[:-1]])


def finite_status(zs: Inexact[Array, "T D"]) -> Status:
    """That of a trajectory found without iterations."""
    fine = jnp.all(jnp.isfinite(jax.lax.stop_gradient(zs)))
    miss = jnp.where(fine, 0.0, jnp.inf).astype(zs.real.dtype)
    return Status(fine, jnp.ones((), int), miss, miss)


def largest(x: Inexact[Array, "..."]) -> Inexact[Array, ""]:
    """max |x|, infinite where an entry is not a number: a maximum over NaN reads as small."""
    size = jnp.abs(x)
    return jnp.max(jnp.where(jnp.isnan(size), jnp.inf, size), initial=0.0)


def is_within(
    limit: Any, zs: Inexact[Array, "T D"], *misses: Inexact[Array, ""]
) -> Bool[Array, ""]:
    """Whether all misses are at most limit (1 + max |z|), that being finite itself."""
    scale = 1 + largest(zs)
    small = jnp.max(jnp.stack(misses)) <= limit * scale
    return small & jnp.isfinite(scale)


def default_limit(dtype: Any) -> float:
    """eps^(5/8), 1.6e-10 in double precision."""
    return float(jnp.finfo(dtype).eps) ** 0.625


def count_steps(xs: PyTree, num_steps: int | None) -> int:
    """T, from the inputs or told. `ValueError` where they don't fit."""
    lengths = {jnp.shape(x)[0] for x in jax.tree.leaves(xs) if jnp.ndim(x)}
    if num_steps is not None:
        lengths.add(num_steps)
    if len(lengths) != 1:
        told = ", ".join(map(str, sorted(lengths))) or "none"
        raise ValueError(
            f"the number of steps must follow from the inputs' first axes or num_steps: got {told}"
        )
    (steps,) = lengths
    if steps < 1:
        raise ValueError(f"a trajectory needs at least one step, got {steps}")
    return steps
