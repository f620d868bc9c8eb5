"""The phase model of weakly coupled oscillators."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from .._elements import GROUND, Capacitor, Inductor, Resistor
from .._errors import NetlistError
from .._netlist import Netlist


class Kuramoto(NamedTuple):
    """theta_j' = omega_j + sum_k A_jk sin(theta_k - theta_j) + B_jk (cos(theta_k - theta_j) - 1).

    All in rad/s. Two oscillators lock where |omega_1 - omega_2| < A_12 + A_21, for B = 0.
    """

    nodes: tuple[str, ...]
    frequencies: Float[np.ndarray, " n"]
    """omega, of each oscillator alone."""
    resistive: Float[np.ndarray, "n n"]
    """A, the pull of currents in phase with the voltage."""
    reactive: Float[np.ndarray, "n n"]
    """B, that of currents a quarter of a period ahead."""

    def rates(self, phases: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """theta' of each oscillator."""
        apart = phases[None, :] - phases[:, None]
        pulls = self.resistive * np.sin(apart) + self.reactive * (np.cos(apart) - 1)
        return self.frequencies + pulls.sum(axis=1)


def kuramoto(netlist: Netlist) -> Kuramoto:
    """Phases of a network of like tanks, each a capacitor and an inductor from a node to ground.

    For v_j = a cos(theta_j) with equal amplitudes a, averaged over a period: a resistor R between
    nodes j and k gives A_jk = 1 / 2 R C_j, a capacitor C_jk gives B_jk = omega_j C_jk / 2 C_j, an
    inductor L_jk gives B_jk = -1 / (2 omega_j L_jk C_j). Holds where these are small beside the
    rate mu omega at which amplitudes settle, and that is small beside omega.
    Source: Kuramoto, Chemical Oscillations, Waves, and Turbulence (1984), chapter 5.

    Raises `NetlistError` for a node without a capacitor or an inductor to ground.
    """
    nodes = tuple(dict.fromkeys(n for e in netlist.elements for n in e.nodes if n != GROUND))
    places = {node: i for i, node in enumerate(nodes)}
    charge, stiffness = np.zeros(len(nodes)), np.zeros(len(nodes))
    for e in netlist.elements:
        if GROUND not in e.nodes:
            continue
        (node,) = (n for n in e.nodes if n != GROUND)
        if isinstance(e, Capacitor):
            charge[places[node]] += e.capacitance
        elif isinstance(e, Inductor):
            stiffness[places[node]] += 1 / e.inductance
    for node, i in places.items():
        if not charge[i] or not stiffness[i]:
            raise NetlistError(
                f"node {node} is no tank: it needs a capacitor and an inductor to ground"
            )
    omega = np.sqrt(stiffness / charge)
    resistive, reactive = _pulls(netlist, places, charge, omega)
    return Kuramoto(nodes, omega, resistive, reactive)


def _pulls(netlist, places, charge, omega):
    shape = (len(places), len(places))
    resistive, reactive = np.zeros(shape), np.zeros(shape)
    for e in netlist.elements:
        if GROUND in e.nodes or not isinstance(e, Resistor | Capacitor | Inductor):
            continue
        j, k = (places[node] for node in e.nodes)
        for a, b in ((j, k), (k, j)):
            if isinstance(e, Resistor):
                resistive[a, b] += 1 / (2 * e.resistance * charge[a])
            elif isinstance(e, Capacitor):
                reactive[a, b] += omega[a] * e.capacitance / (2 * charge[a])
            else:
                reactive[a, b] -= 1 / (2 * omega[a] * e.inductance * charge[a])
    return resistive, reactive
