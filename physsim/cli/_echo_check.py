"""The echo in ngspice beside the continuous adjoint: `physsim check --ngspice`."""

from dataclasses import dataclass
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

import learning
import physsim
from circuits import Circuit, NgspiceEcho, Readout, half_square, ngspice_echo
from physsim.plotting import COLOURS, style

from ._analysis import shortest_period

EPSILONS = (1e-1, 3e-2, 1e-2, 3e-3)
_SAMPLES_A_PERIOD, _STEPS_A_PERIOD, _FEWEST, _MOST_NAMED = 40, 400, 2000, 14


@final
class WeighedSquare(eqx.Module):
    """Half the square of a read-out, in units of `scale`, times the weight of a sample."""

    readout: Readout
    scale: float = eqx.field(static=True)

    def __call__(self, H, y, u, weight):
        return 0.5 * weight * (self.readout(H, y, u) / self.scale) ** 2


@final
@dataclass(frozen=True)
class EchoCheck:
    """Gradients in SI by name: of the continuous adjoint, and of an echo for each epsilon."""

    adjoint: dict[str, float]
    echoes: dict[float, NgspiceEcho]

    def errors(self, epsilon: float) -> dict[str, float]:
        """The relative error of each component."""
        found = self.echoes[epsilon].gradient
        return {name: abs(found[name] - x) / (abs(x) or 1.0) for name, x in self.adjoint.items()}

    def table(self) -> Table:
        """Both gradients, and the relative error of each component for each epsilon."""
        table = Table(
            title="dL/d(parameter) per SI unit",
            caption="L is half the mean square, an integral over time; without --ngspice, a sum "
            "over the steps",
        )
        last = list(self.echoes)[-1]
        table.add_column("parameter", overflow="fold", min_width=5)
        for title in ("continuous adjoint", f"ngspice, epsilon {last:g}"):
            table.add_column(title, justify="right", min_width=11)
        for epsilon in self.echoes:
            table.add_column(f"error, epsilon {epsilon:g}", justify="right", min_width=7)
        errors = [self.errors(epsilon) for epsilon in self.echoes]
        for name, x in self.adjoint.items():
            found = self.echoes[last].gradient[name]
            table.add_row(name, f"{x: .4e}", f"{found: .4e}", *(f"{e[name]:.1e}" for e in errors))
        return table

    def picture(self) -> Figure:
        """The relative error of each component over epsilon."""
        epsilons = np.array(list(self.echoes))
        by_name = {n: [self.errors(e)[n] for e in self.echoes] for n in self.adjoint}
        with style():
            figure = Figure(figsize=(5.5, 3.6))
            axis = figure.add_subplot()
            for k, (name, errors) in enumerate(by_name.items()):
                line = "-" if k < len(COLOURS) else "--"
                colour = COLOURS[k % len(COLOURS)]
                axis.loglog(epsilons, errors, line, marker=".", color=colour, lw=1, label=name)
            guide = max(e[0] for e in by_name.values()) * (epsilons / epsilons[0]) ** 2
            axis.loglog(epsilons, guide, ":", color=COLOURS[6], lw=1.2, label="epsilon$^2$")
            axis.set(xlabel="epsilon", ylabel="relative error of the gradient in ngspice")
            if len(by_name) < _MOST_NAMED:
                axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        return figure

    def summary(self) -> Table:
        table = Table(title="the echo in ngspice against the continuous adjoint")
        for title in ("epsilon", "worst component", "its relative error", "echo misses start by"):
            table.add_column(title, justify="right")
        for epsilon, echo in self.echoes.items():
            errors = self.errors(epsilon)
            worst = max(errors, key=lambda name: errors[name])
            table.add_row(f"{epsilon:g}", worst, f"{errors[worst]:.1e}", f"{echo.retraced:.1e}")
        return table


def check_in_ngspice(
    circuit: Circuit, quantity: str, stop: float, epsilons: tuple[float, ...] = EPSILONS
) -> EchoCheck:
    """The mean square of a voltage over `stop` (s), halved, and its gradient both ways."""
    periods = stop / shortest_period(circuit)
    step = stop / max(_FEWEST, int(np.ceil(_STEPS_A_PERIOD * periods)))
    scale = circuit.scales.voltage
    cost = half_square(1 / (scale**2 * stop))
    echoes, settings = {}, {"stop": stop, "max_step": step}
    with physsim.progress_bar("echoes in ngspice", len(epsilons)) as advance:
        for epsilon in epsilons:
            echoes[epsilon] = ngspice_echo(circuit, quantity, cost, epsilon=epsilon, **settings)
            advance(1)
    return EchoCheck(_adjoint(circuit, quantity, stop, periods), echoes)


def _adjoint(circuit, quantity, stop, periods) -> dict[str, float]:
    """The continuous adjoint of the integral, by Simpson's rule."""
    pairs = max(_FEWEST // 4, int(np.ceil(_SAMPLES_A_PERIOD * periods / 2)))
    # The voltage at t = 0 is given, so the sample there has no derivative.
    weights = np.tile([4.0, 2.0], pairs) / (6 * pairs)
    weights[-1] /= 2
    dtype = circuit.y0.q.dtype
    _, gradients = learning.ContinuousAdjoint()(
        circuit.hamiltonian,
        physsim.StormerVerlet(),
        circuit.initial_state,
        WeighedSquare(circuit.readout(quantity), circuit.scales.voltage),
        dt=stop / (2 * pairs) / circuit.scales.time,
        num_steps=2 * pairs,
        inputs=circuit.drive,
        targets=jnp.asarray(weights, dtype),
    )
    leaves = (jax.tree.leaves(tree) for tree in (gradients.params, circuit.units))
    slopes, units = (np.concatenate([np.ravel(leaf) for leaf in part]) for part in leaves)
    names = circuit.hamiltonian.parameter_names()
    return dict(zip(names, (slopes / units).tolist(), strict=True))
