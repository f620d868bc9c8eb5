"""The files of a training: where it starts from, and what it leaves."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, final

import jax
from jax.sharding import Mesh
from jaxtyping import PyTree

from physsim import hosts, progress_bar, sharding

from ._checkpoint import Checkpoint
from ._metrics import MetricsFile


@final
class Files(NamedTuple):
    """On several processes all read them and the first writes; states tell their `step`."""

    checkpoint: Checkpoint | None
    metrics: MetricsFile | None
    mesh: Mesh | None

    @property
    def written_here(self) -> bool:
        return self.mesh is None or jax.process_index() == 0

    def begin(self, state: Any) -> tuple[Any, str]:
        """(the state kept or else `state`, on the devices of the mesh; where it comes from)."""
        origin = ""
        if self.checkpoint is not None and self.checkpoint.resume:
            kept, origin = self.checkpoint.load(state)
            state = state if kept is None else kept
        if self.mesh is not None:
            belongs_to = {} if self.checkpoint is None else self.checkpoint.belongs_to
            hosts.check_agreement(
                {"where training starts": state.step, **belongs_to},
                "give all the same task, and a folder for results that all see",
            )
        if self.metrics is not None and self.written_here:
            self.metrics.rewind(state.step)
        return sharding.replicate(state, self.mesh), origin

    def bar(
        self, progress: bool, total: int, title: str = "training"
    ) -> AbstractContextManager[Any]:
        """What shows how far it is, if anything does."""
        if progress and self.written_here:
            return progress_bar(title, total)
        return nullcontext(lambda *_, **__: None)

    def tell(self, update: Any) -> None:
        """A line of the metrics."""
        if self.metrics is not None and self.written_here:
            self.metrics.write(update)

    def keep(self, state: Any) -> None:
        """Save the state where it is time to."""
        if self.checkpoint is not None and state.step % self.checkpoint.every == 0:
            self.save(state)

    def save(self, state: PyTree) -> None:
        if self.checkpoint is None or not self.written_here:
            return
        if self.metrics is not None:
            self.metrics.sync()
        self.checkpoint.save(state)
