"""How far an imperfect machine's echo is from the true gradient, and what it still learns.

Machines differ in their `EchoErrors` alone, whose leaves are arrays, so many of them run abreast
and one compilation serves all. The true gradient is backpropagation through the machine's own
run: with its losses, without its noise.
"""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physsim import AbstractEchoSolver

from .._bptt import BPTT
from .._echo import check_method, find_parity
from .._objective import Objective
from .._optax import begin, move
from .._samples import Samples
from ._imperfect_echo import EchoErrors, imperfect_slope, mass_root
from ._leaky import Leaky


@final
class Machines(eqx.Module):
    """What machines learn: an objective, the runs, and the shape of their noise."""

    objective: Objective
    samples: Samples | None
    root: Float[Array, "n n"]

    @property
    def start(self) -> Float[Array, " P"]:
        """The free numbers that training starts from."""
        return self.objective.domain.to_free(self.objective.H)

    def at(self, errors: EchoErrors) -> Objective:
        """The objective of one machine, which has its losses."""
        solver = self.objective.solver
        assert isinstance(solver, AbstractEchoSolver)
        leaky = Leaky(solver, jnp.asarray(errors.loss))
        return eqx.tree_at(lambda o: o.solver, self.objective, leaky)


def make_machines(objective: Objective, samples: Samples | None) -> Machines:
    """Check that an echo, however biased, can be run.

    Raises `ValueError` for a method without an echo, for gyrators, an energy without a parity, or
    one whose T is not quadratic. Losses of the system's own are no hindrance here.
    """
    H = objective.H
    check_method(H, objective.solver)
    if not H.is_reciprocal:
        raise ValueError(
            "the system has gyrators, so its momenta are not canonical and displaced echoes "
            "don't read off its gradient, on the best of machines"
        )
    find_parity(H, None)
    machines = Machines(objective, samples, mass_root(H))
    machines.at(EchoErrors()).check(BPTT(), samples)
    return machines


@final
class Fidelity(eqx.Module):
    """Echo gradients of N machines, each run with S seeds, against their true gradients."""

    gradients: Float[np.ndarray, "N S P"]
    truth: Float[np.ndarray, "N P"]

    @property
    def cosine(self) -> Float[np.ndarray, "N S"]:
        """Of the angle between the gradients; 0 where the echo's is not finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            units = self.gradients / self._norm[..., None]
            size = np.linalg.norm(self.truth, axis=-1)[:, None]
            return np.nan_to_num(np.einsum("nsp,np->ns", units, self.truth) / size)

    @property
    def ratio(self) -> Float[np.ndarray, "N S"]:
        """The norm of the echo's gradient over that of the true one; infinite if it diverged."""
        ratio = self._norm / np.linalg.norm(self.truth, axis=-1)[:, None]
        return np.where(np.isfinite(ratio), ratio, np.inf)

    @property
    def error(self) -> Float[np.ndarray, " N"]:
        """The root mean square, over seeds, of the error's norm relative to the truth's.

        Infinite where an echo diverged.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            size = np.linalg.norm(self.gradients - self.truth[:, None], axis=-1)
            error = np.sqrt(np.mean(size**2, axis=1)) / np.linalg.norm(self.truth, axis=-1)
        return np.where(np.isfinite(error), error, np.inf)

    @property
    def _norm(self):
        with np.errstate(over="ignore"):
            norm = np.linalg.norm(self.gradients, axis=-1)
        return np.where(norm > 0, norm, np.inf)


def echo_fidelity(
    machines: Machines, errors: EchoErrors, seeds: int = 1, seed: int = 0
) -> Fidelity:
    """Gradients of as many machines as the leaves of `errors` have rows, at the start."""
    errors = stacked(errors)
    count = np.size(errors.epsilon)
    z = machines.start
    every = jax.tree.map(lambda x: np.repeat(x, seeds), errors)
    keys = jax.random.split(jax.random.key(seed), seeds)[np.tile(np.arange(seeds), count)]
    gradients = _in_chunks(lambda rows: _echoes_of(machines, z, *rows), (every, keys), 32)
    rates, which = np.unique(errors.loss, return_inverse=True)
    truth = _in_chunks(lambda rates: _truths_of(machines, z, rates), rates, 8)
    return Fidelity(gradients.reshape(count, seeds, -1), truth[which.ravel()])


def stacked(errors: EchoErrors) -> EchoErrors:
    """All leaves as arrays [N] of floating-point numbers."""
    leaves, structure = jax.tree.flatten(errors)
    rows = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, float)) for x in leaves))
    return jax.tree.unflatten(structure, rows)


def _in_chunks(function, rows, size: int) -> np.ndarray:
    """function(rows) for `size` of them at a time: one compilation serves any number."""
    count = len(jax.tree.leaves(rows)[0])
    parts = []
    for first in range(0, count, size):
        index = np.minimum(np.arange(first, first + size), count - 1)
        parts.append(np.asarray(function(jax.tree.map(lambda x: jnp.asarray(x[index]), rows))))  # noqa: B023
    return np.concatenate(parts)[:count]


@eqx.filter_jit
def _echoes_of(machines: Machines, z, errors: EchoErrors, keys):
    def echo(errors, key):
        objective = machines.at(errors)
        return imperfect_slope(objective, errors, machines.root, key, z, machines.samples)[1]

    return jax.vmap(echo)(errors, keys)


@eqx.filter_jit
def _truths_of(machines: Machines, z, rates):
    def truth(rate):
        objective = machines.at(EchoErrors(loss=rate))
        return objective.slope(BPTT(), z, machines.samples)[1]

    return jax.vmap(truth)(rates)


def reached(
    machines: Machines,
    errors: EchoErrors,
    optimiser: Any,
    updates: int,
    seed: int = 0,
    *,
    exact: bool = False,
) -> Float[np.ndarray, " N"]:
    """The loss, free of noise, after `updates` by each machine's own echoes.

    With `exact`, by its true gradient. Infinite where the training diverged.
    """
    key = jax.random.key(seed)

    def some(errors):
        return _reached(machines, errors, key, optimiser, updates, exact)

    losses = _in_chunks(some, stacked(errors), 8)
    return np.where(np.isfinite(losses), losses, np.inf)


@eqx.filter_jit
def _reached(machines: Machines, errors: EchoErrors, key, optimiser, updates, exact):
    start = machines.start

    def machine(errors):
        objective = machines.at(errors)

        def slope_at(z, k):
            if exact:
                return objective.slope(BPTT(), z, machines.samples)[1]
            again = jax.random.fold_in(key, k)
            return imperfect_slope(objective, errors, machines.root, again, z, machines.samples)[1]

        def update(carry, k):
            z, memory = carry
            return move(optimiser, slope_at(z, k), memory, z), None

        first = (start, begin(optimiser, start))
        (z, _), _ = jax.lax.scan(update, first, jnp.arange(updates))
        return objective.value(z, machines.samples)

    return jax.vmap(machine)(errors)
