"""What transport along a run says: figures, and a table."""

import re
from dataclasses import dataclass
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

import learning

from ._analysis import si
from ._timescales_target import TOP, AbstractTarget

_INVISIBLE = 1e-2
_MOST_GRADIENTS = 48
_FAINT = 1e-6


@final
@dataclass(frozen=True)
class Report:
    """All there is to show of a run; arrays over lags come first."""

    target: AbstractTarget
    result: learning.Transport
    names: list[str]
    """Of the parameters looked at."""
    sensitivity: np.ndarray
    """|d read-out / d (ln) value| [L, P], root mean square over windows, in the read-out's unit."""
    spectrum: np.ndarray
    """Standard deviations of the gradients of single samples along their principal axes."""
    lag: float | None
    """The lag that the user has in mind."""

    def period(self, frequency: float) -> str:
        """As it is usually told: 5.03 MHz, but 43 steps."""
        if self.target.time_unit == "s":
            return si(frequency, "Hz", 3)
        return self.target.time(1 / frequency)

    @property
    def times(self) -> np.ndarray:
        return self.result.lags * self.target.dt

    @property
    def time_constants(self) -> np.ndarray:
        """Of the modes, infinite without losses."""
        modes = self.result.modes
        return np.zeros(0) if modes is None else modes.time_constants() * self.target.dt

    @property
    def frequencies(self) -> np.ndarray:
        """Of the modes, in Hz or per step."""
        modes = self.result.modes
        if modes is None:
            return np.zeros(0)
        return np.angle(np.asarray(modes.values)) / (2 * np.pi * self.target.dt)

    @property
    def gain(self) -> np.ndarray:
        """[L, W]."""
        return np.exp(np.asarray(self.result.log_gain))

    def median(self, values: Any) -> np.ndarray:
        return np.median(np.asarray(values), axis=1)

    def invisible(self, at: int) -> list[str]:
        """Parameters that move the read-out, over this lag, by less than 1 % of the largest."""
        limit = _INVISIBLE * self.sensitivity.max(initial=0.0)
        return [n for n, s in zip(self.names, self.sensitivity[at], strict=True) if s < limit]

    def phase_shift(self) -> np.ndarray:
        """arg w^H M v less omega t, in (-pi, pi] [L, modes]: zero in linear circuits.

        And zero for what does not oscillate, or has decayed to the size of rounding.
        """
        modes, phases = self.result.modes, self.result.modal_phase
        if modes is None or phases is None:
            return np.zeros((len(self.result.lags), 0))
        linear = np.angle(np.asarray(modes.values)) * self.result.lags[:, None]
        # Each mode turns by its own angle a step; windows are averaged on the circle.
        turned = np.exp(1j * (np.asarray(phases) - linear[:, None, :]))
        loud = np.median(np.asarray(self.result.modal_log_modulus), axis=1) > np.log(_FAINT)
        return np.where(loud & self.oscillating, np.angle(turned.mean(axis=1)), 0.0)

    @property
    def growing(self) -> bool:
        """Whether a mode of the mean motion does, by a factor e within the run."""
        rates = -self.times[-1] / self.time_constants
        return bool(np.any(rates > 0.5))

    @property
    def oscillating(self) -> np.ndarray:
        """Which modes do."""
        return np.abs(self.frequencies) * self.target.dt > 1e-9

    def figures(self) -> dict[str, Any]:
        spread = self.result.anisotropy(TOP)
        return {
            "read_out": self.target.read[0],
            "unit_of_time": self.target.time_unit,
            "dt": self.target.dt,
            "lags": self.times.tolist(),
            "gain": self.median(self.gain).tolist(),
            "gain_euclidean": self.median(np.exp(self.result.log_gain_euclidean)).tolist(),
            "effective_rates": self.result.effective_rates().tolist(),
            "volume_rate": (self.median(self.result.contraction()) / self.target.dt).tolist(),
            "anisotropy": self.median(spread.ratio).tolist(),
            "participation": self.median(spread.participation).tolist(),
            "time_constants": [x if np.isfinite(x) else None for x in self.time_constants.tolist()],
            "frequencies": self.frequencies.tolist(),
            "credit_phase_shift": self.phase_shift().tolist(),
            "sensitivity": dict(zip(self.names, self.sensitivity.T.tolist(), strict=True)),
            "gradient_spread": self.spectrum.tolist(),
            "suggested_factor": suggested_factor(self),
        }


def make_report(
    target: AbstractTarget, lag: float | None, chosen: Any = None, windows: int = 8
) -> Report:
    """Transport over lags up to half the run and, if given, the lag in mind.

    `chosen` marks the parameters to look at, in the shape of the Hamiltonian.
    """
    lags = target.lags()
    if lag is not None:
        steps, time = round(lag / target.dt), target.time
        if not 1 <= steps <= len(target.states) - 2:
            raise ValueError(
                f"--lag {time(lag)} must be at least one step ({time(target.dt)}) and shorter than "
                f"the run ({time(target.dt * (len(target.states) - 1))}): change --lag, or a "
                "circuit's --t-end and --dt"
            )
        lags = sorted({*lags, steps})
    result = target.transport(lags, windows, modes=_modes(target))
    sensitivity, allowed = target.sensitivity(result), np.arange(len(target.names))
    if chosen is not None:
        marks = np.concatenate([np.ravel(x) for x in jax.tree.leaves(chosen)]).astype(bool)
        allowed = np.flatnonzero(marks)
    sensitivity = sensitivity[:, allowed]
    names, by_name = _grouped([target.names[i] for i in allowed], sensitivity)
    spectrum = _spectrum(target, sensitivity, allowed)
    return Report(target, result, names, by_name, spectrum, lag)


def _grouped(names: list[str], sensitivity: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The rows of matrices as one each, B[0,0], B[0,1], ... as B[0]: roots of sums of squares."""
    short = [re.sub(r",\d+\]$", "]", name) for name in names]
    kept = list(dict.fromkeys(short))
    squares = np.zeros((len(kept), len(sensitivity)))
    np.add.at(squares, [kept.index(name) for name in short], sensitivity.T**2)
    return kept, np.sqrt(squares.T)


def _modes(target: AbstractTarget):
    """The modes of the mean Jacobian; False where it has no full set of them."""
    jacobian = learning.mean_jacobian(target.F, target.states, target.inputs)
    return learning.map_modes(jacobian) if learning.has_modes(jacobian) else False


def _spectrum(target: AbstractTarget, sensitivity, allowed) -> np.ndarray:
    """Of d read-out(t) / d values, the times t being the samples; the most sensitive values."""
    leaves = [jnp.ravel(x) for x in jax.tree.leaves(target.F.H)]
    order = np.argsort(-sensitivity.max(axis=0))[:_MOST_GRADIENTS]
    index = jnp.asarray(allowed[order])
    scale = jnp.asarray(target.scale, leaves[0].dtype)[index]
    slopes = _slopes(target.F, target.slopes[1:], target.inputs, target.states[0],
                     jnp.concatenate(leaves), index, scale)  # fmt: skip
    every = max(1, len(slopes) // 400)
    return np.asarray(learning.spread_of(slopes[::every]))


@eqx.filter_jit
def _slopes(F, slopes, inputs, start, values, index, scale):
    """d read-out / d values[index], by `scale`, after every step [T, k]; the start held."""
    leaves, structure = jax.tree.flatten(F.H)
    cuts = np.cumsum([leaf.size for leaf in leaves])[:-1].tolist()

    def read(change):
        moved = values.at[index].add(scale * change, unique_indices=True)
        pieces = [x.reshape(y.shape) for x, y in zip(jnp.split(moved, cuts), leaves, strict=True)]
        other = eqx.tree_at(lambda F: F.H, F, jax.tree.unflatten(structure, pieces)).prepared()

        def step(z, at):
            x, g = at
            z = other(z, x)
            return z, g @ z

        return jax.lax.scan(step, start, (inputs, slopes))[1]

    return jax.jacfwd(read)(jnp.zeros(index.size, values.dtype))


def lag_table(report: Report) -> Table:
    """One row a lag."""
    spread = report.result.anisotropy(TOP)
    columns = {
        "lag": [report.target.time(x) for x in report.times],
        "gain": [f"{x:.3g}" for x in report.median(report.gain)],
        f"volume, 1/{report.target.time_unit}": [
            f"{x:.3g}" for x in report.median(report.result.contraction()) / report.target.dt
        ],
        "sigma 1/k": [f"{x:.3g}" for x in report.median(spread.ratio)],
        "directions": [f"{x:.3g}" for x in report.median(spread.participation)],
        "learns most": [
            report.names[i] if row.max(initial=0.0) else "nothing"
            for row, i in zip(report.sensitivity, report.sensitivity.argmax(axis=1), strict=True)
        ],
    }
    last = min(TOP, report.result.singular.shape[-1])
    caption = (
        "M: the state's derivative by the state a lag before. gain: its largest singular value; "
        f"volume: ln |det M| / lag; sigma 1/k: the largest over singular value number {last}; "
        "directions: how many are of about the largest's size"
    )
    table = Table(
        title=f"transport by lag, and what moves {report.target.read[0]} most", caption=caption
    )
    for name in columns:
        table.add_column(name, justify="left" if name == "learns most" else "right")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def suggested_factor(report: Report) -> float | None:
    """By what to multiply the slowest time constant without oscillation to meet the lag in mind."""
    if report.lag is None or report.growing:
        return None
    relaxing = report.time_constants[~report.oscillating]
    relaxing = relaxing[np.isfinite(relaxing) & (relaxing > 0)]
    return float(report.lag / relaxing.max()) if relaxing.size else None
