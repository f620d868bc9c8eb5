"""The echo run literally in ngspice: its gradient against the continuous adjoint and ngspice's own
differences."""

import json

import pytest

import circuits
from circuits._echo_decks import forward_deck, half_square, read_ends
from circuits._echo_run import EchoRun
from circuits._values import with_values
from physsim.cli._echo_check import check_in_ngspice

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


def mean_square(circuit, stop):
    return half_square(1 / (circuit.scales.voltage**2 * stop))


@pytest.mark.slow
def test_the_linear_echo_of_two_tanks_is_right_at_any_epsilon(run, tmp_path):
    """From the command line: both gradients, the decks and the recipe."""
    require_ngspice()
    (tmp_path / "tanks.cir").write_text(TWO_TANKS)
    options = ["--measure", "v(out)", "--t-end", "2u", "--ngspice", "--recipe", "-o", "."]
    assert run("check", "tanks.cir", *options)[0] == 0
    figures = json.loads((tmp_path / "tanks_ngspice.json").read_text())
    adjoint = figures["continuous_adjoint"]
    assert set(adjoint) == {"C1.C", "C2.C", "L1.L", "L1.ic", "L2.L", "L12.L"}
    for epsilon in ("0.1", "0.03", "0.01", "0.003"):
        errors = [abs(figures["ngspice"][epsilon][n] / x - 1) for n, x in adjoint.items()]
        print(f"2 tanks, epsilon {epsilon}: {max(errors):.1e}")
        assert max(errors) <= 1e-4
    recipe = (tmp_path / "tanks_recipe.md").read_text()
    for words in ("let 0.002 A flow in L1", "| C1 | in 0 | a two-pole changeover switch",
                  "| L12.L | -i^2 / 2 |", "| C1.C | -v^2 / 2 - (1 V) v |"):  # fmt: skip
        assert words in recipe
    for name in ("forward", "echo_plus", "echo_minus"):
        assert ".tran" in (tmp_path / f"tanks_{name}.cir").read_text()


def test_eight_tanks_within_one_per_cent_of_the_continuous_adjoint():
    """C7, whose derivative is 2000 times smaller than the others', included."""
    require_ngspice()
    found = check_in_ngspice(circuits.loads(eight_tanks()), "v(n8)", 2e-6, (1e-2,))
    errors = found.errors(1e-2)
    print(f"8 tanks: {max(errors.values()):.1e} {max(errors, key=errors.get)}")
    assert len(errors) == 23
    assert max(errors.values()) <= 1e-2
    assert found.echoes[1e-2].retraced <= 1e-4


@pytest.mark.slow
def test_the_error_of_a_junction_chain_falls_with_epsilon_squared():
    require_ngspice()
    circuit = circuits.load(physsim_library("junction_chain.cir"))
    found = check_in_ngspice(circuit, "v(n4)", 2e-10)
    worst = {epsilon: max(found.errors(epsilon).values()) for epsilon in found.echoes}
    print("junction chain:", {e: f"{x:.1e}" for e, x in worst.items()})
    assert len(found.adjoint) == 13
    assert worst[1e-2] <= 1e-2
    assert worst[1e-1] > 5 * worst[3e-2] > 25 * worst[1e-2] > 50 * worst[3e-3]


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
    for name, slope in slopes.items():
        assert abs(echo.gradient[name] / slope - 1) <= 2e-3, name


def test_losses_are_told_once_with_their_place():
    circuit = circuits.loads("t\nC1 a 0 1n ic=1\nL1 a 0 1u\nR1 a 0 1k\n")
    with pytest.raises(circuits.NetlistError) as caught:
        circuits.bench_recipe(circuit, "v(a)", stop=1e-7)
    message = str(caught.value)
    assert message.count(circuit.netlist.file) == 1 and ":4:1: R1 lose energy" in message
    assert message.endswith("plain `physsim check` compares the gradients of others")


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
