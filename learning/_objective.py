"""The function that training minimises: the mean cost of runs, over the trained values."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physsim import AbstractHamiltonian, AbstractSolver, check_finite, check_start

from ._domain import Domain
from ._gradient import AbstractGradient
from ._outcome import Outcome, Weighted, add_up, outcome_gradient
from ._problem import Problem, make_problem
from ._samples import AnySamples, Samples


@final
class Objective(eqx.Module):
    """Runs of a Hamiltonian whose values in `domain` are given by a vector z [P].

    `shared` holds what is the same in all runs. `cost` is a running cost or an `Outcome`.
    """

    H: AbstractHamiltonian
    domain: Domain
    solver: AbstractSolver
    initial: Any
    cost: Any
    dt: float = eqx.field(static=True)
    num_steps: int = eqx.field(static=True)
    shared: Samples = Samples()

    def hamiltonian(self, z: Float[Array, " P"]) -> AbstractHamiltonian:
        return self.domain.from_free(self.H, z)

    def problem(self, H: AbstractHamiltonian, sample: Samples | None) -> Problem:
        """One run; `ValueError` for arguments that don't fit each other."""
        sample = _joined(self.shared, sample)
        cost = self.cost
        if isinstance(cost, Outcome):
            # Only its shape counts here: the weights come from the run.
            cost = Weighted(cost.features, jnp.ones((), jax.tree.leaves(H)[0].dtype))
        return make_problem(
            H, self.solver, self.initial, cost, self.dt, self.num_steps,
            sample.inputs, sample.targets,
        )  # fmt: skip

    def check(self, method: AbstractGradient, samples: Samples | None) -> None:
        """`ValueError` where the arguments, the method or the first run's start don't fit."""
        method.check(self.H, self.solver)
        check_finite(self.H)
        problem = self.problem(self.H, None if samples is None else samples[0])
        start, u = problem.start(self.H), problem.first_input()
        check_start(self.H, self.solver, start, u, self.dt)

    def label(self, sample: Samples | None) -> Any:
        """What the loss of an `Outcome` is told of a run."""
        return _joined(self.shared, sample).labels

    def value(self, z: Float[Array, " P"], samples: AnySamples) -> Float[Array, ""]:
        """The mean cost of `samples`, or the cost of the one run there is."""
        H = self.hamiltonian(z)
        return jnp.asarray(_mean(eqx.Partial(self._value, H), samples))

    def slope(
        self, method: AbstractGradient, z: Float[Array, " P"], samples: AnySamples
    ) -> tuple[Float[Array, ""], Float[Array, " P"]]:
        """(value, d value / dz) by a gradient method."""
        H = self.hamiltonian(z)
        value, gradients = _mean(eqx.Partial(self._slope, method, H), samples)
        return jnp.asarray(value), self.domain.slope(gradients, z)

    def differentiable(self, method: AbstractGradient, samples: AnySamples):
        """z -> value, whose derivative under `jax.grad` is the method's."""
        value = jax.custom_vjp(lambda z: self.value(z, samples))
        value.defvjp(lambda z: self.slope(method, z, samples), lambda slope, g: (g * slope,))
        return value

    def totals(self, H: AbstractHamiltonian, samples: Samples | None) -> Float[Array, "..."]:
        """What each run adds up to: features [N, F] of an `Outcome`, or costs [N]."""
        return _totals(self, H, samples)

    def _value(self, H, sample):
        outcome = self.cost
        if isinstance(outcome, Outcome):
            totals = add_up(self.problem(H, sample), outcome.features)
            return outcome.loss(totals, self.label(sample))
        return add_up(self.problem(H, sample), self.cost)

    def _slope(self, method, H, sample):
        problem = self.problem(H, sample)
        if isinstance(self.cost, Outcome):
            return outcome_gradient(method, problem, self.cost, self.label(sample))
        value, gradients = method.evaluate(problem)
        return value, gradients.params


@eqx.filter_jit
def _totals(objective: Objective, H, samples):
    cost = objective.cost
    features = cost.features if isinstance(cost, Outcome) else cost

    def run(sample):
        return add_up(objective.problem(H, sample), features)

    return run(None) if samples is None else samples.each(run)


def _joined(shared: Samples, sample: Samples | None) -> Samples:
    """A sample's own entries, and the shared ones where it has none."""
    if sample is None:
        return shared
    return Samples(
        shared.inputs if sample.inputs is None else sample.inputs,
        shared.targets if sample.targets is None else sample.targets,
        shared.labels if sample.labels is None else sample.labels,
    )


def _mean(function, samples: AnySamples):
    return function(None) if samples is None else samples.mean(function)


def batch_index(count: int, size: int, step: int, seed: int) -> np.ndarray:
    """Which samples update `step` uses: the next `size` of an order drawn anew every epoch.

    A function of the step and the seed alone, so a resumed training goes through the same.
    Samples that do not fill a batch are left out of their epoch.
    """
    per_epoch = count // size
    epoch, at = divmod(step, per_epoch)
    order = np.random.default_rng([seed, epoch]).permutation(count)
    return order[at * size : (at + 1) * size]
