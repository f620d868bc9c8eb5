"""The echo run literally in ngspice: its gradient against the continuous adjoint and ngspice's own
differences."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import circuits
import learning
import physsim
from circuits._echo_decks import forward_deck, half_square, read_ends
from circuits._echo_run import EchoRun
from circuits._values import with_values

from .ngspice import require_ngspice
from .systems import physsim_library

TWO_TANKS = """two tanks
C1 in 0 1n ic=1
L1 in 0 1u ic=2m
C2 out 0 1.2n
L2 out 0 0.9u
L12 in out 4u
"""

# Every kind of element that an echo reverses, in one circuit.
MIXED = """couplings, nonlinear elements, sources of current and voltage
C1 a 0 1n ic=1
L1 a 0 1u ic=2m
L2 b 0 1.5u
K1 L1 L2 0.4
C2 b 0 1n
C3 a b 0.2n
B1 b 0 energy={flux^2/(2*l0)+q4*flux^4} l0=2u q4=1e21 ic=1n
L3 a d 0.8u
B2 d 0 energy={charge^2/(2*c0)+hard*charge^4} c0=1.5n hard=1e25 ic=0.5n
I1 0 b PULSE(0 5m 50n 20n 30n 100n)
I2 0 d SIN(0 5m 4meg)
V1 s 0 SIN(0.1 1 3meg)
L4 s d 2u
C4 s a 0.1n
"""


def eight_tanks():
    lines = ["eight tanks"]
    for k in range(1, 9):
        start = " ic=1" if k == 1 else ""
        lines.append(f"C{k} n{k} 0 {1 + 0.05 * ((3 * k) % 7 - 3):.3f}n{start}")
        lines.append(f"L{k} n{k} 0 {1 + 0.04 * ((5 * k) % 9 - 4):.3f}u")
    for k in range(1, 8):
        lines.append(f"LC{k} n{k} n{k + 1} {3 + 0.2 * ((2 * k) % 5 - 2):.2f}u")
    return "\n".join(lines) + "\n"


class Trapezoid(eqx.Module):
    """Half the mean square of a read-out; a row is the weight of its sample."""

    readout: Any
    scale: float = eqx.field(static=True)

    def __call__(self, H, y, u, weight):
        return 0.5 * weight * (self.readout(H, y, u) / self.scale) ** 2


def mean_square(circuit, stop):
    return half_square(1 / (circuit.scales.voltage**2 * stop))


def continuous(circuit, quantity, stop, num_steps):
    """dL/dtheta in SI, by name."""
    weights = np.full(num_steps, 1 / num_steps)
    weights[-1] /= 2
    _, gradients = learning.ContinuousAdjoint()(
        circuit.hamiltonian,
        physsim.SRKN11b(),
        circuit.initial_state,
        Trapezoid(circuit.readout(quantity), circuit.scales.voltage),
        dt=stop / num_steps / circuit.scales.time,
        num_steps=num_steps,
        inputs=circuit.drive,
        targets=jnp.asarray(weights),
    )
    flat = [
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])
        for tree in (gradients.params, circuit.units)
    ]
    return dict(zip(circuit.hamiltonian.parameter_names(), flat[0] / flat[1], strict=True))


def errors(found, exact):
    return {name: abs(found[name] / x - 1) for name, x in exact.items()}


@pytest.mark.parametrize(("name", "stop"), [("2 tanks", 2e-6), ("8 tanks", 2e-6)])
def test_linear_echoes_give_the_adjoint_at_any_epsilon(name, stop):
    require_ngspice()
    circuit = circuits.loads({"2 tanks": TWO_TANKS, "8 tanks": eight_tanks()}[name])
    quantity = "v(out)" if name == "2 tanks" else "v(n8)"
    exact = continuous(circuit, quantity, stop, 4000)
    for epsilon in (1e-1, 1e-2):
        echo = circuits.ngspice_echo(
            circuit,
            quantity,
            mean_square(circuit, stop),
            stop=stop,
            max_step=stop / 4000,
            epsilon=epsilon,
        )
        worst = errors(echo.gradient, exact)
        print(
            f"{name}, epsilon {epsilon:g}: {max(worst.values()):.1e} ({max(worst, key=worst.get)})"
        )
        assert set(exact) <= set(echo.gradient)
        assert max(worst.values()) <= 1e-2
        assert echo.retraced <= 1e-4


def test_the_error_of_a_junction_chain_falls_with_epsilon_squared():
    require_ngspice()
    circuit = circuits.load(physsim_library("junction_chain.cir"))
    stop = 2e-10
    exact = continuous(circuit, "v(n4)", stop, 2000)
    found = {}
    for epsilon in (1e-1, 3e-2, 1e-2, 3e-3):
        echo = circuits.ngspice_echo(
            circuit,
            "v(n4)",
            mean_square(circuit, stop),
            stop=stop,
            max_step=stop / 4000,
            epsilon=epsilon,
        )
        worst = errors(echo.gradient, exact)
        found[epsilon] = max(worst.values())
        print(f"epsilon {epsilon:g}: {found[epsilon]:.1e} ({max(worst, key=worst.get)})")
    assert found[1e-2] <= 1e-2
    assert found[1e-1] > 3 * found[3e-2] > 9 * found[1e-2] > 9 * found[3e-3]


def test_every_rule_agrees_with_differences_of_runs_in_ngspice():
    """Values one by one a little larger and smaller, in ngspice alone."""
    require_ngspice()
    circuit = circuits.loads(MIXED)
    netlist, stop, quantity = circuit.netlist, 4e-7, "v(b)"
    cost, ends, step = mean_square(circuit, stop), read_ends(circuit, quantity), stop / 2000
    echo = circuits.ngspice_echo(circuit, quantity, cost, stop=stop, max_step=step, epsilon=3e-3)

    def value(changed):
        found = []
        for h in (step, 2 * step):
            run = EchoRun(changed, forward_deck(changed, stop, h), h)
            found.append(run.integral(cost.value(run.voltage(*ends), run.times)))
        return (4 * found[0] - found[1]) / 3

    assert value(netlist) == pytest.approx(echo.value, rel=1e-9)
    values = circuits._values.values_of(netlist)
    values = {name: x for name, x in values.items() if name != "C1.ic"}
    assert set(values) == {name for name in echo.gradient if name in values}
    slopes = {}
    for name, x in values.items():
        moved = 1e-4 * x
        plus, minus = (value(with_values(netlist, {name: x + d})) for d in (moved, -moved))
        slopes[name] = (plus - minus) / (2 * moved)
        print(f"{name}: {slopes[name]:.6e} {echo.gradient[name] / slopes[name] - 1:.1e}")
    largest = max(abs(slope * values[name]) for name, slope in slopes.items())
    for name, slope in slopes.items():
        error = abs(echo.gradient[name] - slope) * abs(values[name])
        assert error <= 2e-3 * largest, name
        assert abs(echo.gradient[name] / slope - 1) <= 2e-2, name


@pytest.mark.parametrize(
    ("cards", "quantity", "message"),
    [
        ("R1 a 0 1k\nR2 a b 2", "v(a)", "R1, R2 lose energy"),
        ("B1 a 0 i={v^3*g} g=1m", "v(a)", "B1 lose energy"),
        ("P1 a 0 b 0 gyrator=1m", "v(a)", "P1 are gyrators"),
        ("", "i(L1)", "nudges a voltage"),
        ("", "v(z)", "no node 'z'"),
        ("L2 a m 1u\nL3 m 0 1u", "v(m)", "no capacitors hold this voltage"),
    ],
)
def test_what_an_echo_does_not_reverse_is_refused_by_name(cards, quantity, message):
    circuit = circuits.loads(f"t\nC1 a 0 1n ic=1\nL1 a b 1u\nC2 b 0 1n\n{cards}\n")
    require_ngspice()
    with pytest.raises(ValueError, match=message):
        circuits.ngspice_echo(circuit, quantity, half_square(1.0), stop=1e-7, max_step=1e-9)
