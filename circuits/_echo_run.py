"""A run of ngspice by element: voltages, currents, phases, fluxes and charges over time."""

from typing import final

import numpy as np
from jaxtyping import Float

from ._elements import (
    GROUND,
    Capacitor,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
)
from ._netlist import Netlist
from ._ngspice import run_ngspice
from ._spice import Deck

Stateful = Capacitor | NonlinearCapacitor | Inductor | NonlinearInductor | Junction
Samples = Float[np.ndarray, " k"]


@final
class EchoRun:
    """The waveforms of a lossless netlist's deck, from t = 0 on, in SI.

    `step` is that of the deck. Raises `NgspiceError` where ngspice fails.
    """

    def __init__(self, netlist: Netlist, deck: Deck, step: float):
        self._deck, self._step = deck, step
        nodes = dict.fromkeys(n for e in netlist.elements for n in e.nodes if n != GROUND)
        self._nodes = {n: f"v({deck.names.node(n)})" for n in nodes}
        self._inner = {name: f"v({node})" for name, node in deck.inner.items()}
        coils = [e.name for e in netlist.elements if isinstance(e, Inductor)]
        self._currents = {name: deck.names.signal(f"i({name})") for name in coils}
        wanted = [*self._nodes.values(), *self._inner.values(), *self._currents.values()]
        data = run_ngspice(deck.text, wanted)
        # ngspice writes no point at t = 0; its first step is a thousandth of the others.
        self.times: Samples = np.concatenate([[0.0], data["time"]])
        self._data = {s: np.concatenate([data[s][:1], data[s]]) for s in wanted}

    def voltage(self, plus: str, minus: str) -> Samples:
        """In V, between two nodes."""
        return self._node(plus) - self._node(minus)

    def state(self, element: Stateful) -> Samples:
        """A capacitor's voltage (V), an inductor's current (A), a junction's phase (rad), a
        nonlinear inductor's flux (Wb), a nonlinear capacitor's charge (C)."""
        if isinstance(element, Capacitor):
            return self.voltage(*element.nodes)
        if isinstance(element, Inductor):
            return self._data[self._currents[element.name]]
        inner = self._data[self._inner[element.name]]
        return inner if isinstance(element, Junction) else self._step * inner

    def node_voltages(self) -> Float[np.ndarray, "nodes k"]:
        """All of them against ground, in V."""
        return np.stack([self._data[signal] for signal in self._nodes.values()])

    def integral(self, x: Samples) -> float:
        """Of a waveform over the run, by the trapezoidal rule."""
        return float(np.trapezoid(x, self.times))

    def _node(self, name: str) -> Samples:
        if name == GROUND:
            return np.zeros_like(self.times)
        return self._data[self._nodes[name]]
