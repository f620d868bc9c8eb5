"""The three decks of an echo in a circuit simulator: a run, and two nudged ways back.

With S, every capacitor voltage flips and every inductor current stays, the run retraces itself
in reversed time tau = T - t, sources of current running backwards, those of voltage backwards
with the other sign. A cost L = integral of l(v, t) over the voltage v of the read-out puts the
charge -nu dl/dv, read at T - tau, on the read-out's first node along the way back (and takes it
from the second): a kick to begin with, then a current. With nu > 0 and < 0, the local
integrals of `echo_integrals` differ by 2 nu dL/dtheta.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spl
from jaxtyping import Float

from ._circuit import Circuit
from ._echo_run import EchoRun
from ._elements import (
    Capacitor,
    CurrentSource,
    Element,
    Gyrator,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
    Resistor,
    VoltageSource,
    node_name,
)
from ._errors import NetlistError, listed
from ._laws import Laws
from ._netlist import Netlist
from ._quantity import parse_quantity
from ._sources import corners_of, evaluate
from ._spice import Deck, write_deck
from ._waveforms import DC, PWL, Pulse, Waveform

Samples = Float[np.ndarray, " k"]


class VoltageCost(NamedTuple):
    """L = integral of `value` over a run: functions of a voltage (V) and the time (s)."""

    value: Callable[[Samples, Samples], Samples]
    """l(v, t), in units of the cost a second."""
    slope: Callable[[Samples, Samples], Samples]
    """dl/dv."""


def half_square(weight: float, target: Callable[[Samples], Samples] | None = None) -> VoltageCost:
    """The cost weight / 2 (v - target(t))^2, integrated; without a target it is zero."""

    def error(v, t):
        return v - (0.0 if target is None else target(t))

    return VoltageCost(
        lambda v, t: weight / 2 * error(v, t) ** 2, lambda v, t: weight * error(v, t)
    )


class Nudge(NamedTuple):
    """What a unit of epsilon does to an echo: `charge` (C) on the read-out at `times` (s) of
    reversed time, 1 / `strength` of dl/dv, and at the start the change it makes to the
    voltage (V) or charge (C) of each capacitor, by name.
    """

    times: Samples
    charge: Samples
    strength: float
    kicks: Mapping[str, float]


def check_echo(netlist: Netlist) -> None:
    """`NetlistError` that names the elements which an echo does not reverse."""
    lossy = [e for e in netlist.elements if isinstance(e, Resistor | NonlinearResistor)]
    odd = [e for e in netlist.elements if isinstance(e, Gyrator)]
    for elements, why in (
        (lossy, "lose energy, so flipped voltages do not retrace the run"),
        (odd, "are gyrators, whose currents have to be turned round by other means"),
    ):
        if elements:
            names = listed([e.name for e in elements])
            raise NetlistError(
                f"{names} {why}: the echo in ngspice is for lossless, reciprocal circuits; plain "
                "`physsim check` compares the gradients of others",
                elements[0].location,
            )


def read_ends(circuit: Circuit, quantity: str) -> tuple[str, str]:
    """The two nodes of `v(node)`, against its reference, or `v(node,node)`.

    Raises `NetlistError` for unknown nodes and other quantities.
    """
    readout = circuit.readout(quantity)
    if readout.unit != "V":
        raise NetlistError(f"the echo in ngspice nudges a voltage, v(node), not {quantity}")
    first, *others = (node_name(name) for name in parse_quantity(quantity)[1])
    return first, others[0] if others else circuit.tree.reference(first)


def forward_deck(netlist: Netlist, stop: float, max_step: float) -> Deck:
    """The run itself, until `stop` (s)."""
    check_echo(netlist)
    return write_deck(netlist, max_step, stop)


def make_nudge(
    circuit: Circuit, ends: tuple[str, str], cost: VoltageCost, run: EchoRun
) -> Nudge | None:
    """The nudge of a run whose read-out is the voltage between the nodes `ends`.

    A unit of epsilon is the charge that would move this voltage by the largest it had.
    None where dl/dv is zero all along.
    """
    response, per_coulomb = charge_response(circuit, ends, lambda e: float(run.state(e)[-1]))
    v = run.voltage(*ends)
    slope = np.asarray(cost.slope(v, run.times), float)
    if not np.any(slope):
        return None
    strength = float(np.max(np.abs(v)) / per_coulomb / np.max(np.abs(slope)))
    charge = -strength * slope
    kicks = {name: charge[-1] * x for name, x in response.items()}
    return Nudge(run.times[-1] - run.times[::-1], charge[::-1], strength, kicks)


def echo_deck(
    netlist: Netlist,
    ends: tuple[str, str],
    run: EchoRun,
    nudge: Nudge | None,
    epsilon: float,
    max_step: float,
) -> Deck:
    """The way back of `run`, nudged by `epsilon`; without a nudge, the bare echo."""
    stop = float(run.times[-1])
    kicks = {} if nudge is None else nudge.kicks
    elements, sampled = [], []
    for element in netlist.elements:
        kick = epsilon * kicks.get(element.name, 0.0)
        reversed_, is_sampled = _reversed(element, run, kick, stop, max_step)
        elements.append(reversed_)
        sampled += [element.name] * is_sampled
    if nudge is not None:
        name = _free_name(netlist)
        current = np.gradient(epsilon * nudge.charge, nudge.times)
        waveform = PWL(tuple(nudge.times.tolist()), tuple(current.tolist()))
        # A source takes its current out of the first node and puts it into the second.
        elements.append(CurrentSource(name, (ends[1], ends[0]), waveform))
        sampled.append(name)
    back = dataclasses.replace(
        netlist, elements=tuple(elements), initial_voltages={}, tran=None, tolerances=()
    )
    return write_deck(back, max_step, stop, sampled=sampled)


def _reversed(
    element: Element, run: EchoRun, kick: float, stop: float, step: float
) -> tuple[Any, bool]:
    """(the element as an echo starts with it, whether its waveform is sampled)."""
    match element:
        case Capacitor() | NonlinearCapacitor():
            return dataclasses.replace(element, ic=kick - float(run.state(element)[-1])), False
        case Inductor() | NonlinearInductor():
            return dataclasses.replace(element, ic=float(run.state(element)[-1])), False
        case Junction():
            return dataclasses.replace(element, phase=float(run.state(element)[-1])), False
        case CurrentSource() | VoltageSource():
            sign = 1.0 if isinstance(element, CurrentSource) else -1.0
            waveform, is_sampled = _backwards(element.waveform, sign, stop, step)
            return dataclasses.replace(element, waveform=waveform), is_sampled
    return element, False


def _backwards(waveform: Waveform, sign: float, stop: float, step: float) -> tuple[Waveform, bool]:
    """(sign times the waveform at stop - tau, whether it is sampled at steps)."""
    if isinstance(waveform, DC):
        return DC(sign * waveform.value), False
    is_sampled = not (isinstance(waveform, PWL) or _is_single(waveform))
    if is_sampled:
        times = np.linspace(0.0, stop, 1 + int(np.ceil(stop / step)))
    else:
        inside = [t for t in corners_of(waveform) if 0 < t < stop]
        times = np.array([0.0, *inside, stop])
    values = sign * np.asarray(evaluate(waveform, jnp.asarray(times)), float)
    corners = (tuple((stop - times[::-1]).tolist()), tuple(values[::-1].tolist()))
    return PWL(*corners), is_sampled


def _is_single(waveform: Waveform) -> bool:
    return isinstance(waveform, Pulse) and waveform.period is None


def charge_response(
    circuit: Circuit,
    ends: tuple[str, str],
    charge_of: Callable[[NonlinearCapacitor], float],
) -> tuple[dict[str, float], float]:
    """(change of each capacitor's voltage, or a nonlinear one's charge, by one coulomb put on
    the first node and taken from the second; change of the voltage between them).

    `charge_of` is the charge (C) about which a nonlinear capacitor is linearised. Raises
    `NetlistError` where no capacitors hold the voltage.
    """
    tree = circuit.tree
    path = [(k, sign) for k, sign in tree.path(*ends) if k not in _sources(tree)]
    if not path or any(k >= tree.num_charges for k, _ in path):
        raise NetlistError(
            f"v({','.join(ends)}): no capacitors hold this voltage, so no charge can nudge it; "
            "read the voltage of a node with a capacitance"
        )
    count = len(tree.capacitors)
    charges = np.zeros(tree.num_charges)
    for k, sign in path:
        charges[k] = sign
    volts = np.zeros(tree.num_charges)
    volts[:count] = np.asarray(_volts(tree, charges[:count]))
    bent = tree.nonlinear_capacitors
    changes = {e.name: float(q) for e, q in zip(bent, charges[count:], strict=True)}
    elastances = Laws(bent).slope(np.array([charge_of(e) for e in bent], float))
    volts[count:] = charges[count:] * elastances
    for element in (*tree.capacitors, *tree.link_capacitors):
        own = [(k, sign) for k, sign in tree.path(*element.nodes) if k < count]
        changes[element.name] = float(sum(sign * volts[k] for k, sign in own))
    return changes, float(charges @ volts)


def _volts(tree, charges):
    """C_eff^-1 charges, over the tree's linear capacitors."""
    count = len(charges)
    if not count:
        return charges
    inside = sp.diags([c.capacitance for c in tree.capacitors], format="csc")
    if tree.link_capacitors:
        across = tree.incidence((c.nodes for c in tree.link_capacitors), (0, count))
        K = sp.csc_matrix((across.signs, (across.rows, across.columns)), shape=across.shape)
        inside = inside + K.T @ sp.diags([c.capacitance for c in tree.link_capacitors]) @ K
    return spl.spsolve(inside.tocsc(), charges)


def _sources(tree) -> range:
    return range(*tree.source_columns)


def _free_name(netlist: Netlist) -> str:
    taken = {part.name.lower() for part in (*netlist.elements, *netlist.couplings)}
    name = "I_nudge"
    while name.lower() in taken:
        name += "_"
    return name
