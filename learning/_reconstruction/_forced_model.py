"""Nonlinear recurrences, trained under generalised teacher forcing."""

from abc import abstractmethod
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .._gtf import AbstractObservation, IdentityObservation, MaskedObservation, forced_run
from .._parallel import AbstractTrajectorySolver, Trajectory


class AbstractReconstruction(eqx.Module):
    """A model of what was measured, that runs on its own once trained."""

    @abstractmethod
    def run(
        self,
        measured: Inexact[Array, "rows N"],
        alpha: Inexact[Array, ""],
        solver: AbstractTrajectorySolver | None,
    ) -> Trajectory:
        """States z_1..z_T along measurements x_0..x_T."""

    @abstractmethod
    def observe(self, zs: Inexact[Array, "T M"]) -> Inexact[Array, "T N"]:
        """What states would be measured as."""

    @property
    @abstractmethod
    def model(self) -> Any:
        """The map z_{t+1} = F(z_t, None) that runs on its own."""


@final
class ForcedModel(AbstractReconstruction):
    """A map with an observation; hidden states start at `encoder` x_0 [M, N]."""

    dynamics: Any
    observation: AbstractObservation
    encoder: Inexact[Array, "M N"]

    @classmethod
    def of(cls, dynamics: Any, channels: int, states: int) -> "ForcedModel":
        """The first `channels` of the states are measured, the others hidden."""
        if states < channels:
            raise ValueError(f"{states} states can't show {channels} channels: ask for more")
        observation: AbstractObservation = IdentityObservation()
        if states > channels:
            observation = MaskedObservation(tuple(range(channels)), states)
        return cls(dynamics, observation, jnp.zeros((states, channels)))

    def run(self, measured, alpha, solver):
        return forced_run(
            self.dynamics,
            self.observation,
            measured,
            alpha,
            hidden=self.encoder @ measured[0],
            solver=solver,
            throw=False,
        )

    def observe(self, zs):
        return jax.vmap(self.observation)(zs)

    @property
    def model(self):
        return self.dynamics
