"""What training a stack carries from epoch to epoch, and what it tells of each."""

from typing import Any, NamedTuple, final

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from .._optax import begin


class Epoch(NamedTuple):
    """What is known after an epoch; scores are accuracies, or minus mean square errors."""

    step: int
    loss: float
    """The mean over the training series, while they were trained on."""
    validation_loss: float
    validation_score: float
    gradient_norm: float
    """The largest of the epoch's updates."""
    seconds: float


@final
class StackState(eqx.Module):
    """All that one epoch hands to the next: with it a training goes on bit for bit."""

    arrays: Any
    optimiser: Any
    best: Any
    best_score: Float[np.ndarray, ""]
    best_loss: Float[np.ndarray, ""]
    stale: Int[np.ndarray, ""]
    """How many epochs ago the best was."""
    history: Float[np.ndarray, "epochs 6"]

    @property
    def step(self) -> int:
        """How many epochs were done."""
        return len(self.history)

    @property
    def seconds(self) -> float:
        """How long they took."""
        return float(self.history[-1, -1]) if self.step else 0.0

    @property
    def epochs(self) -> list[Epoch]:
        return [Epoch(int(row[0]), *map(float, row[1:])) for row in self.history]

    def advance(self, arrays: Any, optimiser: Any, epoch: Epoch) -> "StackState":
        """The state after `epoch`, its arrays compared with the best."""
        score, loss = epoch.validation_score, epoch.validation_loss
        # Equal scores are frequent among few series: the loss then decides.
        better = (score, -loss) > (float(self.best_score), -float(self.best_loss))
        return StackState(
            arrays,
            optimiser,
            arrays if better else self.best,
            np.asarray(score if better else self.best_score),
            np.asarray(loss if better else self.best_loss),
            np.asarray(0 if better else int(self.stale) + 1),
            np.vstack([self.history, epoch]),
        )


def first_state(arrays: Any, optimiser: Any) -> StackState:
    """The state before the first epoch."""
    nothing = np.asarray(-np.inf), np.asarray(np.inf), np.asarray(0), np.zeros((0, 6))
    return StackState(arrays, begin(optimiser, arrays), arrays, *nothing)
