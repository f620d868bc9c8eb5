"""What transport along a circuit's run says: figures, a table, and advice in words."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.ticker import EngFormatter
from rich.table import Table

import learning

from ._timescales_target import CircuitTarget

_INVISIBLE = 1e-2
_MOST_GRADIENTS = 48
_FAINT = 1e-6


def si(value: float, unit: str) -> str:
    """Three digits with an SI prefix: 4.93 us."""
    return EngFormatter(unit)(float(f"{value:.3g}"))


@dataclass(frozen=True)
class CircuitReport:
    """All there is to show of a run; arrays over lags come first."""

    target: CircuitTarget
    result: learning.Transport
    names: list[str]
    """Of the parameters looked at."""
    sensitivity: np.ndarray
    """|d read-out / d ln value| [L, P], root mean square over windows, in V or A."""
    spectrum: np.ndarray
    """Standard deviations of the gradients of single samples along their principal axes."""
    lag: float | None
    """The lag (s) that the user has in mind."""

    @property
    def seconds(self) -> np.ndarray:
        return self.result.lags * self.target.dt

    @property
    def time_constants(self) -> np.ndarray:
        """Of the modes, in s; infinite without losses."""
        modes = self.result.modes
        return np.zeros(0) if modes is None else modes.time_constants() * self.target.dt

    @property
    def frequencies(self) -> np.ndarray:
        """Of the modes, in Hz."""
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
    def oscillating(self) -> np.ndarray:
        """Which modes do."""
        return np.abs(self.frequencies) * self.target.dt > 1e-9

    def figures(self) -> dict[str, Any]:
        spread = self.result.anisotropy(self.target.top)
        return {
            "read_out": self.target.readout.name,
            "dt": self.target.dt,
            "lags": self.seconds.tolist(),
            "gain": self.median(self.gain).tolist(),
            "gain_euclidean": self.median(np.exp(self.result.log_gain_euclidean)).tolist(),
            "volume_rate": (self.median(self.result.contraction()) / self.target.dt).tolist(),
            "anisotropy": self.median(spread.ratio).tolist(),
            "participation": self.median(spread.participation).tolist(),
            "time_constants": [x if np.isfinite(x) else None for x in self.time_constants.tolist()],
            "frequencies": self.frequencies.tolist(),
            "sensitivity": dict(zip(self.names, self.sensitivity.T.tolist(), strict=True)),
            "gradient_spread": self.spectrum.tolist(),
            "suggested_factor": suggested_factor(self),
        }


def make_report(
    target: CircuitTarget, lag: float | None, chosen: Any = None, windows: int = 8
) -> CircuitReport:
    """Transport over lags up to half the run and, if given, the lag in mind (s).

    `chosen` marks the parameters to look at, in the shape of the Hamiltonian.
    """
    lags = target.lags()
    if lag is not None:
        steps = round(lag / target.dt)
        if not 1 <= steps <= len(target.states) - 2:
            raise ValueError(
                f"--lag {lag:.6g} s must be at least one step ({target.dt:.3g} s) and shorter than "
                f"the run ({target.dt * (len(target.states) - 1):.3g} s): change --t-end or --dt"
            )
        lags = sorted({*lags, steps})
    result = target.transport(lags, windows, modes=_modes(target))
    sensitivity, names = target.relative_sensitivity(result), np.array(target.names)
    if chosen is not None:
        keep = np.concatenate([np.ravel(x) for x in jax.tree.leaves(chosen)]).astype(bool)
        sensitivity, names = sensitivity[:, keep], names[keep]
    return CircuitReport(target, result, names.tolist(), sensitivity, _spectrum(target, sensitivity,
                         chosen), lag)  # fmt: skip


def time_constants(target: CircuitTarget) -> np.ndarray:
    """Of the modes of the run's mean Jacobian, in s; empty where there is no full set of them."""
    modes = _modes(target)
    return modes.time_constants() * target.dt if modes else np.zeros(0)


def _modes(target: CircuitTarget):
    """The modes of the mean Jacobian; False where it has no full set of them."""
    from learning._transport import mean_jacobian
    from learning._transport_modes import has_modes

    jacobian = mean_jacobian(target.F, target.states, target.inputs)
    return learning.map_modes(jacobian) if has_modes(jacobian) else False


def _spectrum(target: CircuitTarget, sensitivity, chosen) -> np.ndarray:
    """Of d read-out(t) / d ln values, the times t being the samples; the most sensitive values."""
    flat = jax.tree.leaves(target.circuit.hamiltonian)
    values = jnp.concatenate([jnp.ravel(x) for x in flat])
    allowed = np.arange(values.size)
    if chosen is not None:
        marks = np.concatenate([np.ravel(x) for x in jax.tree.leaves(chosen)]).astype(bool)
        allowed = np.flatnonzero(marks)
    order = np.argsort(-sensitivity.max(axis=0))[:_MOST_GRADIENTS]
    index = jnp.asarray(allowed[order])
    slopes = _slopes(target.F, target.cotangent, target.inputs, target.states[0], values, index)
    every = max(1, len(target.states) // 400)
    return np.asarray(learning.spread_of(slopes[::every]))


@eqx.filter_jit
def _slopes(F, cotangent, inputs, start, values, index):
    """d read-out / d ln values[index] at every step [T+1, k], the start held."""
    leaves, structure = jax.tree.flatten(F.H)
    cuts = np.cumsum([leaf.size for leaf in leaves])[:-1].tolist()

    def states(change):
        moved = values.at[index].multiply(jnp.exp(change), unique_indices=True)
        pieces = [x.reshape(y.shape) for x, y in zip(jnp.split(moved, cuts), leaves, strict=True)]
        other = eqx.tree_at(lambda F: F.H, F, jax.tree.unflatten(structure, pieces))
        return learning.run_map(other, start, inputs)

    zero = jnp.zeros(index.size, values.dtype)
    moves = jax.jacfwd(states)(zero)
    g = jax.vmap(cotangent)(states(zero))
    return jnp.einsum("tn,tnk->tk", g, moves)


def lag_table(report: CircuitReport) -> Table:
    """One row a lag."""
    spread = report.result.anisotropy(report.target.top)
    columns = {
        "lag": [si(x, "s") for x in report.seconds],
        "gain": [f"{x:.3g}" for x in report.median(report.gain)],
        "volume, 1/s": [
            f"{x:.3g}" for x in report.median(report.result.contraction()) / report.target.dt
        ],
        "sigma 1/k": [f"{x:.3g}" for x in report.median(spread.ratio)],
        "directions": [f"{x:.3g}" for x in report.median(spread.participation)],
        "learns most": [
            report.names[i] if row.max(initial=0.0) else "nothing"
            for row, i in zip(report.sensitivity, report.sensitivity.argmax(axis=1), strict=True)
        ],
    }
    table = Table(title=f"transport by lag, and what moves {report.target.readout.name} most")
    for name in columns:
        table.add_column(name, justify="left" if name == "learns most" else "right")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def suggested_factor(report: CircuitReport) -> float | None:
    """By what to multiply the slowest time constant without oscillation to meet the lag in mind."""
    if report.lag is None:
        return None
    relaxing = report.time_constants[~report.oscillating]
    relaxing = relaxing[np.isfinite(relaxing) & (relaxing > 0)]
    return float(report.lag / relaxing.max()) if relaxing.size else None


def advice(report: CircuitReport) -> str:
    """A paragraph: how far credit reaches, what is invisible where, time constants to take."""
    return " ".join([*_reach(report), *_invisible(report), *_suggestion(report)])


def _reach(report) -> list[str]:
    taus, frequencies = report.time_constants, report.frequencies
    gain, last = report.median(report.gain), report.seconds[-1]
    said = []
    if not taus.size:
        said.append("The run has no full set of modes (a critically damped or free motion).")
    elif np.all(np.isinf(taus)):
        said.append("Without losses credit reaches any lag undiminished.")
    else:
        slowest = taus[0] if taus[0] > 0 else np.inf
        word = f"The slowest motion lasts {si(slowest, 's')}"
        if report.oscillating[0] and np.isfinite(slowest):
            q = np.pi * frequencies[0] * slowest
            word += f" at {si(frequencies[0], 'Hz')} (Q {q:.3g})"
        said.append(f"{word}: beyond a few times that, gradients vanish.")
    if gain[-1] > 2 * gain[0] and gain[-1] > 2:
        said.append(
            f"Small changes grow {gain[-1]:.3g} times over {si(last, 's')}, as the frequency "
            "depends on the amplitude, or as the motion is unstable."
        )
    shift = np.abs(report.phase_shift()[-1]).max(initial=0.0)
    if shift > 0.1:
        said.append(
            f"Over {si(last, 's')} credit comes {shift:.2g} rad off the phase of the mean motion: "
            "such shear limits learning too; use shorter windows or smaller amplitudes."
        )
    return said


def _invisible(report) -> list[str]:
    seconds = report.seconds
    where = [0, len(seconds) // 2, len(seconds) - 1]
    if report.lag is not None:
        where = [int(np.argmin(abs(seconds - report.lag)))]
    said = []
    for at in where:
        names = report.invisible(at)
        if len(names) == len(report.names):
            said.append(f"At lag {si(seconds[at], 's')} nothing can be learned: all is invisible.")
        elif names:
            listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if names[8:] else "")
            said.append(f"At lag {si(seconds[at], 's')} these are invisible: {listed}.")
        else:
            said.append(f"At lag {si(seconds[at], 's')} every value is visible.")
    return said


def _suggestion(report) -> list[str]:
    if report.lag is None:
        return ["Give --lag, the delay that the task asks for, to have time constants suggested."]
    told = si(report.lag, "s")
    factor = suggested_factor(report)
    if factor is not None:
        if 0.5 <= factor <= 2:
            return [f"The slowest RC time constant suits the lag of {told}."]
        return [
            f"A time constant is felt most at the lag that equals it: for {told} multiply R C by "
            f"{factor:.3g}."
        ]
    taus = report.time_constants
    finite = taus[np.isfinite(taus) & (taus > 0)]
    if finite.size and finite.max() < report.lag:
        return [
            f"For a lag of {told} the losses should be {report.lag / finite.max():.3g} times "
            "smaller, so that the slowest oscillation lasts that long."
        ]
    return [f"The circuit remembers over the lag of {told}."]
