"""Series to learn from."""

from typing import Any, final

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from physsim import DivergenceError

from ._series_checks import check_series
from ._systems import AbstractSystem


@final
class Series(eqx.Module):
    """What was measured at equal distances in time."""

    values: Float[np.ndarray, "T N"]
    dt: float = eqx.field(static=True)
    labels: tuple[str, ...] = eqx.field(static=True)

    def __check_init__(self):
        check_series(self.values)
        if len(self.labels) != self.values.shape[1] or not self.dt > 0:
            raise ValueError(
                f"{len(self.labels)} labels for {self.values.shape[1]} channels, dt = {self.dt}"
            )

    def __len__(self) -> int:
        return len(self.values)

    def standardised(self) -> "Series":
        """With mean 0 and standard deviation 1 in every channel."""
        values = (self.values - self.values.mean(axis=0)) / self.values.std(axis=0)
        return Series(values, self.dt, self.labels)

    def noisy(self, level: float, seed: int) -> "Series":
        """With Gaussian noise of `level` standard deviations of each channel."""
        if not level >= 0:
            raise ValueError(f"the noise must not be negative, got {level}")
        noise = np.random.default_rng([seed, 71]).normal(size=self.values.shape)
        return Series(self.values + level * self.values.std(axis=0) * noise, self.dt, self.labels)

    def split(self, share: float) -> tuple["Series", "Series"]:
        """The first `share` of the time, and the rest."""
        cut = round(share * len(self))
        parts = (self.values[:cut], self.values[cut:])
        return Series(parts[0], self.dt, self.labels), Series(parts[1], self.dt, self.labels)


def generate(
    system: AbstractSystem,
    samples: int,
    *,
    dt: float | None = None,
    discard: float | None = None,
    seed: int = 0,
) -> Series:
    """`samples` of what `system` shows every `dt` (default: its own), on its attractor.

    `seed` moves the start by some per mille; the first `discard` units of time (default: 5000
    samples) are dropped. Integrated by diffrax's Tsit5 at relative 1e-8. Raises
    `DivergenceError` where that fails.
    """
    dt = system.sampling if dt is None else dt
    if samples < 2 or not dt > 0:
        raise ValueError(f"at least 2 samples and a positive dt, got {samples} and {dt}")
    discard = 5000 * dt if discard is None else discard
    start = np.asarray(system.start) * (1 + 1e-3 * np.random.default_rng(seed).normal(
        size=len(system.start)))  # fmt: skip
    times = discard + dt * np.arange(samples)
    values, fine = _run(system, jnp.asarray(start), jnp.asarray(times))
    if not bool(fine):
        raise DivergenceError(f"{type(system).__name__} could not be integrated to the end")
    return Series(np.asarray(values), dt, system.labels)


@eqx.filter_jit
def _run(system, start, times):
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, z, args: system(z, None)),
        diffrax.Tsit5(),
        t0=0.0,
        t1=times[-1],
        dt0=None,
        y0=start,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.PIDController(rtol=1e-8, atol=1e-8),
        max_steps=None,
        throw=False,
    )
    ys: Any = solution.ys
    fine = (solution.result == diffrax.RESULTS.successful) & jnp.all(jnp.isfinite(ys))
    return jax.vmap(system.measure)(ys), fine
