"""ngspice, running our export, against closed forms and SciPy."""

import math

import numpy as np
import pytest
from scipy.constants import e, h
from scipy.integrate import solve_ivp

from circuits._netlist import parse_netlist
from circuits._ngspice import NgspiceError, run_ngspice
from circuits._spice import to_spice

from . import ngspice

C, L = 1e-12, 1e-9
PERIOD = 2 * math.pi * math.sqrt(L * C)
PHI = h / (2 * e) / (2 * math.pi)


def simulate(cards: str, signals: list[str], *, steps: int = 2000, periods: float = 5):
    """Signals of a network after `steps` steps a period, and the times."""
    ngspice.require_ngspice()
    netlist = parse_netlist(f"a test\n{cards}\n")
    deck = to_spice(netlist, max_step=PERIOD / steps, stop=periods * PERIOD)
    signal = run_ngspice(deck, signals)
    return signal["time"], *(signal[name] for name in signals)


def reference(current, start, time, source=lambda t: 0.0):
    """Voltage and flux of C with an inductor current(flux), by an explicit method of order 8.

    In units of sqrt(L C) and with the flux in V sqrt(L C), so that tolerances mean something.
    """
    unit = math.sqrt(L * C)

    def slope(t, y):
        return [(-current(y[1] * unit) - source(t * unit)) * unit / C, y[0]]

    ends = (0.0, time[-1] / unit)
    begin = [start[0], start[1] / unit]
    step = 0.01 * PERIOD / unit
    solution = solve_ivp(
        slope, ends, begin, "DOP853", time / unit, rtol=1e-11, atol=1e-13, max_step=step
    )
    return solution.y[0], solution.y[1] * unit


def close(actual, expected, tolerance=3e-5):
    scale = np.max(np.abs(expected))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)


def test_tank_with_an_initial_voltage():
    time, v, i = simulate("C1 a 0 1p ic=2\nL1 a 0 1n", ["v(a)", "i(L1)"])
    close(v, 2 * np.cos(2 * np.pi * time / PERIOD))
    close(i, 2 * math.sqrt(C / L) * np.sin(2 * np.pi * time / PERIOD))


def test_tank_with_an_initial_current_and_node_voltage():
    time, v = simulate("C1 a gnd 1p\nL1 0 a 1n ic=10m\n.ic v(a)=0.5", ["v(a)"])
    phase = 2 * np.pi * time / PERIOD
    close(v, 0.5 * np.cos(phase) + 10e-3 * math.sqrt(L / C) * np.sin(phase))


def test_error_falls_as_the_square_of_the_step():
    errors = []
    for steps in (100, 200, 400):
        time, v = simulate("C1 a 0 1p ic=1\nL1 a 0 1n", ["v(a)"], steps=steps)
        errors.append(np.max(np.abs(v - np.cos(2 * np.pi * time / PERIOD))))
        assert np.median(np.diff(time)) == pytest.approx(PERIOD / steps)
    assert 3.5 < errors[0] / errors[1] < 4.5
    assert 3.5 < errors[1] / errors[2] < 4.5


@pytest.mark.parametrize("start", [0.5, 3.0, -1.0])
def test_junction_is_a_pendulum(start):
    critical = PHI / L
    cards = f"C1 a 0 1p\nB1 a 0 icrit={critical!r} phase={start}"
    time, v, phase = simulate(cards, ["v(a)", "v(phase_b1)"])
    expected_v, flux = reference(lambda f: critical * math.sin(f / PHI), (0.0, start * PHI), time)
    close(v, expected_v, 1e-4)
    close(phase, flux / PHI, 1e-4)


def test_running_junction():
    critical = PHI / L
    time, phase = simulate(
        f"C1 a 0 1p ic={{{3 * PHI / math.sqrt(L * C)!r}}}\nB1 0 a icrit={critical!r}",
        ["v(phase_b1)"],
    )
    velocity = 3 * PHI / math.sqrt(L * C)
    _, flux = reference(lambda f: critical * math.sin(f / PHI), (velocity, 0.0), time)
    close(phase, -flux / PHI, 1e-4)


def test_nonlinear_inductor():
    s = math.sqrt(L * C)
    energy = "flux**2/(2*l) + k*flux**6/6 + m*flux**3/3 + abs(flux)*n + sqrt(1+(flux/x)**2)*n*x"
    values = {"l": L, "k": 0.1 / L / s**4, "m": 0.1 / L / s, "n": 1e-3, "x": s}
    own = " ".join(f"{name}={value!r}" for name, value in values.items())
    time, v, flux = simulate(
        f"C1 a 0 1p ic=1\nBn-1 a 0 energy={{{energy}}} {own} ic={-0.5 * s!r}",
        ["v(a)", "v(flux_bn_1)"],
    )

    def current(f):
        smooth = f / L + values["k"] * f**5 + values["m"] * f * abs(f) * math.copysign(1, f)
        return smooth + 1e-3 * math.copysign(1, f) + 1e-3 * f / s / math.hypot(1, f / s)

    expected_v, expected_flux = reference(current, (1.0, -0.5 * s), time)
    close(v, expected_v, 1e-3)
    close(flux * PERIOD / 2000, expected_flux, 1e-3)


def pulse(t):
    t = (t - PERIOD / 2) % (2 * PERIOD) if t > PERIOD / 2 else 0.0
    return 1e-3 * np.interp(t, [0, PERIOD / 8, PERIOD / 2, PERIOD], [0, 1, 1, 0])


def sine(t):
    t, size = t - PERIOD / 4, 2e-3
    ring = size * math.exp(-max(t, 0) / PERIOD)
    return 1e-3 + ring * math.sin(2 * math.pi * max(t, 0) / PERIOD * 0.7 + math.pi / 6)


T = PERIOD
DRIVES = {
    "sine": (sine, f"SIN(1m 2m {0.7 / T!r} {T / 4!r} {1 / T!r} 30)"),
    "pulse": (pulse, f"PULSE(0 1m {T / 2!r} {T / 8!r} {T / 2!r} {T * 3 / 8!r} {2 * T!r})"),
    "one pulse": (
        lambda t: 1e-3 * np.interp(t, [T / 2, T, T * 3 / 2, 2 * T], [0, 1, 1, 0]),
        f"PULSE(0 1m {T / 2!r} {T / 2!r} {T / 2!r} {T / 2!r})",
    ),
    "points": (
        lambda t: np.interp(t, [T / 3, T, 3 * T], [1e-3, -2e-3, 5e-4]),
        f"PWL({T / 3!r} 1m {T!r} -2m {3 * T!r} 0.5m)",
    ),
    "constant": (lambda t: 2e-3, "2m"),
}


@pytest.mark.parametrize("name", DRIVES)
def test_driven_tank(name):
    source, written = DRIVES[name]
    time, v = simulate(f"C1 a 0 1p ic=0.01\nL1 a 0 1n\nI1 a 0 {written}", ["v(a)"])
    expected, _ = reference(lambda f: f / L, (0.01, 0.0), time, source)
    close(v, expected, 1e-4)


def test_network_without_ground():
    time, plus, minus = simulate("C1 a b 1p ic=1\nL1 b a 1n", ["v(a)", "v(b)"])
    close(plus - minus, np.cos(2 * np.pi * time / PERIOD))


def test_nodes_between_inductors_or_junctions_alone():
    critical = PHI / L
    time, phase, other = simulate(
        f"C1 a 0 1p\nL1 a m 0.5n ic=1u\nL2 m 0 0.5n ic=1u\nC2 c 0 1p\n"
        f"B1 c n icrit={critical!r} phase=0.4\nB2 n 0 icrit={critical!r} phase=0.4",
        ["v(phase_b1)", "v(phase_b2)"],
    )
    close(phase, other)
    _, flux = reference(lambda f: critical * math.sin(f / 2 / PHI), (0.0, 0.8 * PHI), time)
    close(phase, flux / 2 / PHI, 1e-4)


def test_the_deck_keeps_names_and_avoids_clashes():
    netlist = parse_netlist("t\nC1 phase_b1 0 1p\nB1 phase_b1 Out icrit=1u\nI1 out gnd 1u\n")
    deck = to_spice(netlist, max_step=1e-13, stop=1e-10).splitlines()
    assert deck[1] == "C1 phase_b1 0 1e-12 ic=0.0"
    assert deck[2] == "B1 phase_b1 out i=1e-06*sin(v(phase_B1_2))"
    assert deck[-2:] == [".tran 1e-13 1e-10 0.0 1e-13 uic", ".end"]


def test_refusals():
    netlist = parse_netlist("t\nC1 a 0 1p\nL1 a 0 1n")
    with pytest.raises(ValueError, match="stop time"):
        to_spice(netlist, max_step=1e-12)
    ngspice.require_ngspice()
    with pytest.raises(NgspiceError, match="no signal v\\(b\\); it has time, v\\(a\\)"):
        run_ngspice(to_spice(netlist, max_step=1e-12, stop=1e-10), ["v(a)", "v(b)"])
    with pytest.raises(NgspiceError, match="could not find a valid modelname"):
        run_ngspice("t\nQ1 a b c\n.tran 1n 1u\n.end", ["v(a)"])


def test_a_missing_ngspice_is_said(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NgspiceError, match="not installed"):
        run_ngspice("t\n.end", [])
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="must run in CI"):
        ngspice.require_ngspice()
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="not installed"):
        ngspice.require_ngspice()
