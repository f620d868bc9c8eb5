"""The layers of a trained stack, as runs whose transport can be looked at."""

from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np

import learning

from ._timescales_target import AbstractTarget

_SAMPLED = 64
_SATURATED = 1e-3


@final
class LayerTarget(AbstractTarget):
    """A unit's run along a series; z is (q, p), time is in steps."""

    number: int
    F: learning.StepMap
    states: Any
    inputs: Any
    metric: Any
    """Of the mean motion: the energy that leapfrog keeps, its curvature averaged over the run."""
    slopes: Any
    dt = 1.0
    time_unit = "step"
    change = "value"
    read = ("loss", "")

    @property
    def names(self):
        return self.F.H.parameter_names()

    @property
    def scale(self):
        return np.ones(len(self.names))

    def notes(self) -> list[str]:
        """What is to be known of the unit."""
        said = []
        if self.metric is None:
            said.append(
                f"Layer {self.number} has no rest in its mean energy, so gains are Euclidean."
            )
        shut = self.saturated()
        if shut > 0.01:
            said.append(
                f"{shut:.0%} of layer {self.number}'s forces are saturated: what drives them is "
                "not learned there."
            )
        return said

    def saturated(self) -> float:
        """The part of a nonlinear unit's forces, over modes and steps, whose slope is gone."""
        unit = self.F.H
        if not isinstance(unit, learning.NonlinearHRU):
            return 0.0
        return float(jnp.mean(_force_slopes(unit, self.states[:-1], self.inputs[1]) < _SATURATED))


@jax.jit
def _force_slopes(unit, states, signals):
    """1 - tanh^2 of what the saturating forces are given [steps, n]."""
    q, r = states[:, : states.shape[1] // 2].T, unit.projection(signals.T)
    return 1 - jnp.tanh(unit.coupling.argument(q, r)) ** 2


def layer_targets(stack: learning.Stack, series: learning.SeriesData) -> list[LayerTarget]:
    """Every layer's run along one series, in float64."""
    runs = learning.layer_runs(learning.cast(stack, "float64"), series)
    return [
        LayerTarget(i, run.F, run.states, run.inputs, _mean_metric(run), run.slopes)
        for i, run in enumerate(runs, 1)
    ]


def _mean_metric(run: learning.LayerRun) -> Any:
    """None where it is not positive definite: modes whose force drives them away from rest."""
    at = np.unique(np.linspace(0, len(run.states) - 2, _SAMPLED).astype(int))
    z, u = run.states[at], run.inputs[1][at]
    metric = jax.jit(jax.vmap(learning.leapfrog_metric, (None, None, 0, 0)))
    mean = jnp.mean(metric(run.F.H, run.F.dt, z, u), 0)
    values = jnp.linalg.eigvalsh(mean)
    return mean if values[0] > 1e-12 * values[-1] else None
