"""Derivatives by the values of all elements, from solutions of the adjoint network.

With A x = b and y = w . x, A^T z = w gives dy = z . (db - dA x) + dw . x: one more solve, whatever
the number of values. Director and Rohrer, IEEE Trans. Circuit Theory 16:318 (1969).

A response to small signals has A = G + s C with slopes of nonlinear elements at the operating
point x0 in G; the values move the operating point too. F(x0) = 0 and J = dF/dx0 make that
- lambda . dF with J^T lambda = dy/dx0.
"""

import numpy as np

from ._coupled import coupled_pairs
from ._elements import Capacitor, CurrentSource, Gyrator, Resistor
from ._mna import Mna, Slopes
from ._mna_newton import Balance, starts
from ._mna_output import Output


def value_names(mna: Mna) -> list[str]:
    """As in `Circuit.values`, with the AC magnitudes of sources as `V1.ac`."""
    linear = (
        (mna.resistors.elements, "R"),
        (mna.gyrators.elements, "g"),
        (mna.transformers.elements, "n"),
        (mna.capacitors.elements, "C"),
        (mna.inductors.elements, "L"),
        (mna.netlist.couplings, "k"),
        (mna.voltage_sources.elements, "ac"),
        (mna.current_sources.elements, "ac"),
    )
    names = [f"{e.name}.{key}" for elements, key in linear for e in elements]
    bent = (
        (mna.leaks.elements, mna.leak_laws),
        (mna.fluxes.elements, mna.flux_laws),
        (mna.charged.elements, mna.charge_laws),
    )
    return names + [f"{own[k].name}.{name}" for own, laws in bent for k, name in laws.parameters]


def at_fixed_point(mna: Mna, output: Output, state, x, z, s: complex) -> np.ndarray:
    """The operating point held; complex, in the order of `value_names`."""
    ends, own = mna.capacitors.ends, mna.inductors.own
    moved = s * _dynamic(mna, ends.T @ x, ends.T @ z, own.T @ x, own.T @ z)
    sources = [
        _phases(mna.voltage_sources.elements) * (mna.voltage_sources.own.T @ z),
        -_phases(mna.current_sources.elements) * (mna.current_sources.ends.T @ z),
    ]
    bent = _by_slopes(mna, output, x, z)
    parts = [
        gain[[k for k, _ in laws.parameters]] * laws.by_parameter(variable, "")
        for gain, (laws, variable) in zip(bent, _laws(mna, state), strict=True)
    ]
    result = np.concatenate([_static(mna, x, z), moved, *sources, *parts])
    _add_explicit(mna, output, x, s, result)
    return result


def by_state(mna: Mna, output: Output, state, x, z) -> np.ndarray:
    """[N]: how the response depends on the operating point."""
    leak, flux, charge = (
        gain * laws.curvature(variable)
        for gain, (laws, variable) in zip(
            _by_slopes(mna, output, x, z), _laws(mna, state), strict=True
        )
    )
    return mna.leaks.ends @ leak + mna.fluxes.own @ flux + mna.charged.own @ charge


def of_state(mna: Mna, balance: Balance, state, multiplier) -> np.ndarray:
    """- multiplier . dF at the operating point, in the order of `value_names`."""
    kept = balance.kept * multiplier
    closing = balance.conserved.combinations.T @ multiplier[balance.conserved.rows]
    volts, currents = starts(mna)
    ends, own = mna.capacitors.ends, mna.inductors.own
    moved = _dynamic(
        mna, ends.T @ state - volts, ends.T @ closing, own.T @ state - currents, own.T @ closing
    )
    silent = np.zeros(len(mna.voltage_sources.elements) + len(mna.current_sources.elements))
    reached = (-(mna.leaks.ends.T @ kept), -(mna.fluxes.ends.T @ kept), mna.charged.own.T @ kept)
    parts = [
        reach[[k for k, _ in laws.parameters]] * laws.by_parameter(variable)
        for reach, (laws, variable) in zip(reached, _laws(mna, state), strict=True)
    ]
    return np.concatenate([_static(mna, state, kept), moved, silent, *parts])


def _laws(mna: Mna, state):
    return (
        (mna.leak_laws, mna.leaks.ends.T @ state),
        (mna.flux_laws, mna.fluxes.own.T @ state),
        (mna.charge_laws, mna.charged.own.T @ state),
    )


def _by_slopes(mna: Mna, output: Output, x, z) -> Slopes:
    """How the response depends on the slopes of nonlinear elements."""
    leaks, fluxes, charged = mna.leaks, mna.fluxes, mna.charged
    found = Slopes(
        -(leaks.ends.T @ z) * (leaks.ends.T @ x),
        -(fluxes.ends.T @ z) * (fluxes.own.T @ x),
        (charged.own.T @ z) * (charged.own.T @ x),
    )
    # Where the output is such an element's current, its slope also stands in the functional.
    for branches, gain, variable in (
        (leaks, found.leaks, leaks.ends.T @ x),
        (fluxes, found.fluxes, fluxes.own.T @ x),
    ):
        if output.element in branches.elements:
            k = branches.elements.index(output.element)
            gain[k] += variable[k]
    return found


def _static(mna: Mna, x, z) -> np.ndarray:
    """By R, gyrators' g and transformers' n."""
    ends, near, far = mna.resistors.ends, mna.gyrators.ends, mna.gyrators.far
    values = np.array([e.resistance for e in mna.resistors.elements], float)
    turns, own = mna.transformers.far, mna.transformers.own
    return np.concatenate([
        (ends.T @ z) * (ends.T @ x) / values**2,
        (far.T @ z) * (near.T @ x) - (near.T @ z) * (far.T @ x),
        (turns.T @ z) * (own.T @ x) + (own.T @ z) * (turns.T @ x),
    ])  # fmt: skip


def _dynamic(mna: Mna, v, v_adjoint, i, i_adjoint) -> np.ndarray:
    """By C, L and K, at s = 1, from capacitors' voltages and inductors' currents.

    M_12 = k sqrt(L1 L2), so dM_12 / dL1 = M_12 / (2 L1).
    """
    values = np.array([e.inductance for e in mna.inductors.elements], float)
    mutual, mutual_adjoint = (mna.inductance @ c - values * c for c in (i, i_adjoint))
    shared = (i_adjoint * mutual + i * mutual_adjoint) / (2 * values)
    rows, columns, _ = coupled_pairs(mna.inductors.elements, mna.netlist.couplings)
    each = i_adjoint[rows] * i[columns] + i_adjoint[columns] * i[rows]
    each = np.sqrt(values[rows] * values[columns]) * each
    counts = [len(c.inductors) * (len(c.inductors) - 1) // 2 for c in mna.netlist.couplings]
    cuts = np.cumsum(counts)[:-1]
    couplings = [part.sum() for part in np.split(each, cuts)] if counts else []
    return np.concatenate([-v_adjoint * v, i_adjoint * i + shared, couplings])


def _phases(sources):
    return np.exp(1j * np.deg2rad(np.array([e.ac[1] for e in sources], float)))


def _add_explicit(mna, output: Output, x, s, result) -> None:
    """Where the output is an element's current, its value also stands in the functional."""
    element, current = output.element, output.weights(s) @ x
    match element:
        case Resistor():
            key, own = "R", -current / element.resistance
        case Capacitor():
            key, own = "C", current / element.capacitance
        case Gyrator():
            key, own = "g", current / element.conductance
        case CurrentSource():
            key, own = "ac", _phases([element])[0]
        case _:
            return
    result[value_names(mna).index(f"{element.name}.{key}")] += own
