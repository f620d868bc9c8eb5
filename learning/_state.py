"""What training carries from update to update, and what it tells about each."""

from typing import NamedTuple, final

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from ._optax import begin


@final
class TrainState(eqx.Module):
    """All that one update hands to the next: with it a training goes on bit for bit.

    What is drawn at random (the order of samples) follows from the seed and the step.
    """

    z: Float[Array, " P"]
    optimiser: PyTree
    best_z: Float[Array, " P"]
    best: Float[np.ndarray, ""]
    """The lowest judged loss, that of `best_z`."""
    stale: Int[np.ndarray, ""]
    """How many judgements ago that was."""
    losses: Float[np.ndarray, " updates"]
    judged: Float[np.ndarray, "judgements 2"]
    """(step, loss) of each judgement by other samples than the update's own."""
    seconds: Float[np.ndarray, ""]
    finished: Bool[np.ndarray, ""]
    """Whether training came to an end of its own before all iterations."""

    @property
    def step(self) -> int:
        """How many updates were done."""
        return len(self.losses)

    def judge(self, loss: float, *, elsewhere: bool) -> "TrainState":
        """This state with its z compared to the best; `elsewhere`: by samples of its own."""
        better = loss < float(self.best)
        changed = (
            self.z if better else self.best_z,
            np.asarray(loss if better else self.best),
            np.asarray(0 if better else int(self.stale) + 1),
            np.vstack([self.judged, (self.step, loss)]) if elsewhere else self.judged,
        )
        return eqx.tree_at(lambda s: (s.best_z, s.best, s.stale, s.judged), self, changed)

    def finish(self) -> "TrainState":
        return eqx.tree_at(lambda s: s.finished, self, np.asarray(True))

    def advance(self, z, optimiser, loss: float, seconds: float) -> "TrainState":
        changed = (z, optimiser, np.append(self.losses, loss), np.asarray(seconds))
        return eqx.tree_at(
            lambda s: (s.z, s.optimiser, s.losses, s.seconds),
            self,
            changed,
            is_leaf=lambda x: x is self.optimiser,
        )


def start_state(z: Float[Array, " P"], optimiser) -> TrainState:
    """The state before the first update."""
    return TrainState(
        z, begin(optimiser, z), z,
        best=np.asarray(np.inf), stale=np.asarray(0), losses=np.zeros(0), judged=np.zeros((0, 2)),
        seconds=np.asarray(0.0), finished=np.asarray(False),
    )  # fmt: skip


@final
class Update(NamedTuple):
    """What is known of one update; all numbers belong to the values before it."""

    step: int
    loss: float
    gradient_norm: float
    values: np.ndarray
    """The trained values [P]."""
    seconds: float
    """Since training began, without pauses."""
    judged: float | None
    """The loss over the samples that judge, where they are others than the update's."""
    agreement: tuple[float, float] | None
    """(cosine, relative error) of the gradient against BPTT's."""
