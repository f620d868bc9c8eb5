"""The gradient that an echo in ngspice reads off a circuit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from ._circuit import Circuit
from ._echo_decks import VoltageCost, echo_deck, forward_deck, make_nudge, read_ends
from ._echo_rules import echo_integrals
from ._echo_run import EchoRun


@final
@dataclass(frozen=True)
class NgspiceEcho:
    """The cost of a run in ngspice, its gradient in SI by name, and the decks it took."""

    value: float
    gradient: Mapping[str, float]
    decks: Mapping[str, str]
    """By file name, `forward.cir`, `echo_plus.cir` and `echo_minus.cir`; of the shorter step."""
    retraced: float
    """By how much the mean of the two echoes misses the start of the run: the largest
    error of a node's voltage, relative to the largest voltage of the run."""


def ngspice_echo(
    circuit: Circuit,
    quantity: str,
    cost: VoltageCost,
    *,
    stop: float,
    max_step: float,
    epsilon: float = 1e-2,
) -> NgspiceEcho:
    """dL/dtheta of L = integral of l(v(t), t) dt from 0 to `stop` (s), by runs of ngspice.

    `quantity` is `v(node)` or `v(node,node)`. `epsilon` is the largest charge of the nudge,
    in units of the charge that moves the read-out's voltage by its largest value; the
    error falls with its square where the circuit is nonlinear, and does not depend on it where
    the circuit is linear, since both echoes are nudged by the same recorded error.

    The trapezoidal rule's own error is quadratic in its step. All is done with steps of
    `max_step` (s) and of twice that, six runs in all, and extrapolated to none.

    Raises `NetlistError` for circuits with resistors, nonlinear resistors or gyrators, and
    for read-outs other than voltages across capacitors, and `NgspiceError`.
    """
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}")
    ends = read_ends(circuit, quantity)
    fine, coarse = (_echo(circuit, ends, cost, stop, h, epsilon) for h in (max_step, 2 * max_step))
    gradient = {n: (4 * x - coarse.gradient[n]) / 3 for n, x in fine.gradient.items()}
    value = (4 * fine.value - coarse.value) / 3
    return NgspiceEcho(value, gradient, fine.decks, fine.retraced)


def _echo(circuit, ends, cost: VoltageCost, stop, max_step, epsilon) -> NgspiceEcho:
    """With one step."""
    netlist = circuit.netlist
    deck = forward_deck(netlist, stop, max_step)
    run = EchoRun(netlist, deck, max_step)
    value = run.integral(cost.value(run.voltage(*ends), run.times))
    nudge = make_nudge(circuit, ends, cost, run)
    decks, echoes = {"forward.cir": deck.text}, []
    for name, signed in (("echo_plus.cir", epsilon), ("echo_minus.cir", -epsilon)):
        deck = echo_deck(netlist, ends, run, nudge, signed, max_step)
        decks[name] = deck.text
        echoes.append(EchoRun(netlist, deck, max_step))
    scale = 0.0 if nudge is None else 1 / (2 * epsilon * nudge.strength)
    plus, minus = (echo_integrals(netlist, echo) for echo in echoes)
    gradient = {name: scale * (plus[name] - minus[name]) for name in plus}
    return NgspiceEcho(value, gradient, decks, _missed(run, *echoes))


def _missed(run: EchoRun, plus: EchoRun, minus: EchoRun) -> float:
    """How far the mean of two echoes ends from the flipped start, over the largest voltage."""
    ends = (plus.node_voltages()[:, -1] + minus.node_voltages()[:, -1]) / 2
    volts = run.node_voltages()
    return float(np.max(np.abs(ends + volts[:, 0])) / np.max(np.abs(volts)))
