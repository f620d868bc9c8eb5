"""How a person runs an echo on a bench: what to flip, to inject and to integrate."""

import math
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import sympy

from physsim import fastest_frequency

from ._circuit import Circuit
from ._echo_decks import charge_response, check_echo, read_ends
from ._elements import (
    Capacitor,
    CurrentSource,
    Element,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    Transformer,
    VoltageSource,
)
from ._initial import capacitor_voltages
from ._quantities import REDUCED_FLUX_QUANTUM


def bench_recipe(circuit: Circuit, quantity: str, stop: float, epsilon: float = 1e-2) -> str:
    """The steps, in Markdown, for a cost L = integral of l(v, t) dt over `quantity` = `v(...)`.

    `stop` (s) is the length of a run. Raises `NetlistError` for circuits and quantities that
    `ngspice_echo` refuses.
    """
    check_echo(circuit.netlist)
    ends = read_ends(circuit, quantity)
    _, per_coulomb = charge_response(circuit, ends, lambda e: e.ic or 0.0)
    parts = [
        [f"# Echo of {circuit.netlist.title or circuit.netlist.file}"],
        _run(circuit, quantity, stop),
        _flip(circuit, stop),
        _nudge(quantity, ends, 1 / per_coulomb, stop, epsilon),
        _integrate(circuit),
        _gradient(),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _named(circuit: Circuit, *kinds) -> list[Any]:
    return [e for e in circuit.netlist.elements if isinstance(e, kinds)]


def _run(circuit, quantity, stop) -> Iterator[str]:
    yield "## 1. The run"
    yield ""
    starts = capacitor_voltages(circuit.netlist)
    for name, volts in starts.items():
        if volts:
            yield f"- charge {name} to {volts:.6g} V"
    for e in _named(circuit, Inductor):
        if e.ic:
            yield f"- let {e.ic:.6g} A flow in {e.name}, from {e.nodes[0]} to {e.nodes[1]}"
    for e in _named(circuit, Junction):
        if e.phase:
            yield f"- bias {e.name} to a phase of {e.phase:.6g} rad"
    for e in _named(circuit, NonlinearInductor, NonlinearCapacitor):
        if e.ic:
            unit = "Wb" if isinstance(e, NonlinearInductor) else "C"
            yield f"- bring {e.name} to {e.ic:.6g} {unit}"
    yield "- all other capacitors are empty, all other currents zero"
    yield f"- let go at t = 0 and record {quantity} until T = {stop:.6g} s, the sources on"


def _flip(circuit, stop) -> Iterator[str]:
    yield "## 2. The flip, at t = T"
    yield ""
    period = _shortest_period(circuit)
    yield (
        f"All switches together, within {period / 100:.3g} s (a hundredth of the shortest "
        f"period, {period:.3g} s)."
    )
    yield ""
    yield "| element | nodes | at the flip |"
    yield "|---|---|---|"
    for e in circuit.netlist.elements:
        yield f"| {e.name} | {' '.join(e.nodes)} | {_at_the_flip(e)} |"
    yield ""
    yield f"From then on time is tau = t - T, and the echo ends at tau = {stop:.6g} s."


def _at_the_flip(element: Element) -> str:
    match element:
        case Capacitor() | NonlinearCapacitor():
            return "a two-pole changeover switch exchanges its plates: v becomes -v"
        case Inductor() | NonlinearInductor() | Junction():
            return "stays: its current goes on"
        case CurrentSource():
            return "plays its waveform backwards: I(T - tau)"
        case VoltageSource():
            return "plays its waveform backwards and negated: -V(T - tau)"
        case Transformer():
            return "stays"
    return "stays"


def _shortest_period(circuit: Circuit) -> float:
    H, y = circuit.hamiltonian, circuit.y0
    u = jnp.zeros(len(H.input_names), y.q.dtype)
    return 2 * math.pi / float(fastest_frequency(H, y, u)) * circuit.scales.time


def _nudge(quantity, ends, capacitance, stop, epsilon) -> Iterator[str]:
    yield "## 3. The nudge, during the echo"
    yield ""
    yield (
        f"With the recorded v(t) of {quantity}, put the charge c(tau) = -nu dl/dv(v(T - tau), "
        f"T - tau) on node {ends[0]} and take it from node {ends[1]}:"
    )
    yield ""
    yield "- c(0) at once, with the flip (a short pulse, or a small charged capacitor)"
    yield f"- then the current dc/dtau into {ends[0]}, until tau = {stop:.6g} s"
    yield ""
    yield (
        f"Between these nodes the circuit has {capacitance:.6g} F. Choose nu so that the largest "
        f"|q| is epsilon = {epsilon:g} of {capacitance:.6g} F times the largest |v| of the run, "
        f"{epsilon * capacitance:.3g} C for each volt. Run the echo twice, with +nu and "
        "with -nu, from the same run."
    )


def _integrate(circuit) -> Iterator[str]:
    yield "## 4. What to integrate at each component, from tau = 0 to T"
    yield ""
    yield "| value | integrand | measured |"
    yield "|---|---|---|"
    starts = capacitor_voltages(circuit.netlist)
    for e in circuit.netlist.elements:
        yield from (f"| {name} | {what} | {how} |" for name, what, how in _rules(e, starts))
    coils = {e.name.lower(): e.name for e in _named(circuit, Inductor)}
    for coupling in circuit.netlist.couplings:
        names = ", ".join(coils[name.lower()] for name in coupling.inductors)
        yield (
            f"| M of each pair of {names} | -i1 i2 + I1 i2 + I2 i1, I the currents at t = 0 "
            f"| both currents; dL/d{coupling.name}.k is the sum over pairs of sqrt(L1 L2) dL/dM |"
        )


def _rules(element: Element, starts) -> list[tuple[str, str, str]]:
    name, across = element.name, f"v across {element.name}"
    match element:
        case Capacitor():
            start = starts[name]
            more = f" - ({start:.6g} V) v" if start else ""
            return [(f"{name}.C", f"-v^2 / 2{more}", across)]
        case Inductor():
            more = f" + ({element.ic:.6g} A) i" if element.ic else ""
            return [(f"{name}.L", f"-i^2 / 2{more}", f"i through {name}")]
        case Junction():
            unit = f"{REDUCED_FLUX_QUANTUM:.6g} Wb"
            how = "the phase: the integral of v, over Phi_0 / 2 pi, on from its value at T"
            return [(f"{name}.icrit", f"({unit}) (1 - cos phase)", how)]
        case NonlinearInductor():
            how = "the flux: the integral of v, on from its value at T"
            return [
                (f"{name}.{p}", str(element.energy.diff(_symbol(p))), how)
                for p, _ in element.parameters
            ]
        case NonlinearCapacitor():
            how = "the charge: the integral of its current, on from the flipped one"
            return [
                (f"{name}.{p}", str(element.energy.diff(_symbol(p))), how)
                for p, _ in element.parameters
            ]
    return []


def _symbol(name: str):
    return sympy.Symbol(name, real=True)


def _gradient() -> list[str]:
    return [
        "## 5. The gradient",
        "",
        "dL/d(value) = (integral in the echo with +nu, less that with -nu) / (2 nu), in SI.",
        "",
        "Check: an echo without nudge ends with every capacitor at minus its first voltage and",
        "every current as it was at t = 0. By how much it misses them is how far to trust it.",
    ]
