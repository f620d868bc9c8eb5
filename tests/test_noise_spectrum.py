"""Thermal noise against theory, against ngspice, and against noisy runs."""

import numpy as np
import pytest
import scipy.integrate
import scipy.signal
from scipy.constants import k as BOLTZMANN

import circuits
from circuits import NetlistError, NetlistWarning

from .ngspice_small_signal import analyse
from .small_signal_decks import COUPLED, RLC

# That of CODATA 2014.
NGSPICE_BOLTZMANN = 1.38064852e-23
RC = "rc\nV1 in 0 AC 1\nR1 in out 2k\nC1 out 0 3n\n.temp 77\n"


def test_a_capacitor_has_the_noise_of_its_resistor():
    """4 k T R / (1 + (w R C)^2), of which there is k T / C."""
    circuit = circuits.loads(RC)
    T, R, C = 77 + 273.15, 2e3, 3e-9
    f = np.geomspace(1e-4, 1e9, 600) / (2 * np.pi * R * C)
    found = circuit.noise("v(out)", f)
    expected = 4 * BOLTZMANN * T * R / (1 + (2 * np.pi * f * R * C) ** 2)
    np.testing.assert_allclose(found.total, expected, rtol=1e-12)
    variance = scipy.integrate.simpson(found.total * f, x=np.log(f))
    np.testing.assert_allclose(variance, BOLTZMANN * T / C, rtol=1e-3)
    assert found.total.units == "V^2/Hz" and found.attrs["temperature"] == T


def test_a_tank_against_theory():
    """Two resistors with a tank: each is a source of current of 4 k T / R."""
    L, C, R, r = 1e-6, 1e-9, 700.0, 3.0
    circuit = circuits.loads(f"tank\nC1 a 0 {C}\nR1 a 0 {R}\nL1 a m {L}\nR2 m 0 {r}\n")
    f = np.geomspace(1e5, 1e8, 300)
    s = 2j * np.pi * f
    Z = 1 / (1 / R + s * C + 1 / (s * L + r))
    found = circuit.noise("v(a)", f, temperature=4.2)
    across = 4 * BOLTZMANN * 4.2 / R * abs(Z) ** 2
    series = 4 * BOLTZMANN * 4.2 * r * abs(Z / (s * L + r)) ** 2
    np.testing.assert_allclose(found.by_resistor.sel(resistor="R1"), across, rtol=1e-10)
    np.testing.assert_allclose(found.by_resistor.sel(resistor="R2"), series, rtol=1e-10)
    # Nyquist: all of it is the real part of the impedance.
    real = circuit.impedance(("a", "0"), f).real
    off = np.max(np.abs(found.total.values / (4 * BOLTZMANN * 4.2 * np.asarray(real)) - 1))
    print(f"spectrum of a tank against 4 k T Re Z: {off:.1e}")
    np.testing.assert_allclose(found.total, 4 * BOLTZMANN * 4.2 * real, rtol=1e-9)


def test_currents_have_noise_too():
    """Around one loop, 4 k T R / |Z|^2, whichever element tells the current."""
    circuit = circuits.loads("loop\nV1 a 0 AC 1\nR1 a b 50\nL1 b c 1u\nC1 c 0 1n\n")
    f = np.geomspace(1e6, 2e7, 5)
    s = 2j * np.pi * f
    Z = 50 + s * 1e-6 + 1 / (s * 1e-9)
    for element in ("R1", "L1", "C1", "V1"):
        found = circuit.noise(f"i({element})", f, temperature=300.0)
        np.testing.assert_allclose(found.total, 4 * BOLTZMANN * 300 * 50 / abs(Z) ** 2, rtol=1e-10)
        assert found.total.units == "A^2/Hz"


@pytest.mark.parametrize(("deck", "node"), [(RLC, "out"), (COUPLED, "c")], ids=["rlc", "coupled"])
def test_ngspice_agrees(deck, node):
    found = circuits.loads(deck).noise(f"v({node})", circuits.Ac("dec", 4, 1e5, 1e8), source="V1")
    vectors = ("onoise_spectrum", "inoise_spectrum")
    command = f"noise v({node}) v1 dec 4 1e5 1e8"
    spectra = analyse(deck, command, vectors, plot="noise1")
    output, source = (spectra[v] ** 2 * BOLTZMANN / NGSPICE_BOLTZMANN for v in vectors)
    np.testing.assert_allclose(found.total, output, rtol=1e-9)
    np.testing.assert_allclose(found.referred, source, rtol=1e-9)
    assert found.attrs["source"] == "V1"


def test_noise_is_referred_to_a_source_within_a_subcircuit():
    deck = """a source in a box
X1 out box
.subckt box a
V1 b 0 0 ac 1
R1 b a 1k
C1 a 0 1n
.ends
"""
    found = circuits.loads(deck).noise("v(out)", [1e3], source="x1.v1")
    assert found.attrs["source"] == "X1.V1"
    assert found.referred.attrs["units"] == "V^2/Hz"
    np.testing.assert_allclose(found.referred, 4 * BOLTZMANN * 300.15 * 1e3, rtol=1e-9)


def test_a_junction_shunt_at_its_operating_point():
    """The junction is an inductance phi / (Ic cos phase)."""
    text = "rsj\nI1 0 a DC 0.6m\nB1 a 0 icrit=1m\nC1 a 0 50f\nR1 a 0 4\n"
    f = np.geomspace(1e10, 1e12, 9)
    L = 2.067833848e-15 / (2 * np.pi) / (1e-3 * 0.8)
    s = 2j * np.pi * f
    Z = 1 / (1 / 4 + s * 50e-15 + 1 / (s * L))
    found = circuits.loads(text).noise("v(a)", f, temperature=4.2)
    np.testing.assert_allclose(found.total, 4 * BOLTZMANN * 4.2 * Z.real, rtol=1e-8)


@pytest.mark.slow
def test_noisy_runs_have_this_spectrum():
    """Equipartition, and periodograms: 300 correlation times leave a few percent of chance."""
    text = "tank\nC1 a 0 1n\nR1 a 0 300\nL1 a m 1u\nR2 m 0 5\n.temp 27\n"
    circuit = circuits.loads(text)
    runs = [circuit.simulate(80e-6, 5e-9, seed=seed, save_every=4) for seed in (1, 2)]
    v, i = (np.stack([r.v("a") for r in runs]), np.stack([r.i("L1") for r in runs]))
    kT = BOLTZMANN * 300.15
    np.testing.assert_allclose(np.mean(v**2), kT / 1e-9, rtol=0.15)
    np.testing.assert_allclose(np.mean(i**2), kT / 1e-6, rtol=0.15)
    t = runs[0].t
    f, S = scipy.signal.welch(v, 1 / (t[1] - t[0]), nperseg=512)
    expected = circuit.noise("v(a)", f[1:120]).total
    np.testing.assert_allclose(np.mean(S[:, 1:120] / expected.values), 1.0, atol=0.06)
    assert np.max(np.abs(v[0] - v[1])) > 1e-6


def test_without_a_temperature_it_is_room_temperature():
    circuit = circuits.loads(RC.replace(".temp 77\n", ""))
    assert circuit.noise("v(out)", [1.0]).attrs["temperature"] == 300.15


def test_what_makes_no_sense_is_refused():
    circuit = circuits.loads(RC + "V2 x 0 DC 1\nR9 x 0 5\n")
    with pytest.raises(NetlistError, match="below 0 K"):
        circuit.noise("v(out)", [1e3], temperature=-1.0)
    with pytest.raises(NetlistError, match=r"V2 does not reach v\(out\) at 1000 Hz"):
        circuit.noise("v(out)", [1e3], source="V2")


def test_a_negative_conductance_is_noiseless():
    text = "negative\nB1 a 0 i={-g*v + v^3} g=1m\nC1 a 0 1n\nR1 a 0 500\n"
    circuit = circuits.loads(text)
    with pytest.warns(NetlistWarning, match="B1: a negative differential conductance"):
        found = circuit.noise("v(a)", [1e3], temperature=300.0)
    assert found.by_resistor.sel(resistor="B1") == 0
    np.testing.assert_allclose(found.total, 4 * BOLTZMANN * 300 / 500 / 1e-3**2, rtol=1e-3)
