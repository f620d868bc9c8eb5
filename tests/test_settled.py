"""Runs from the DC operating point, as SPICE starts them without `uic`."""

import re

import numpy as np
import pytest

import circuits
from circuits._ngspice import run_ngspice

from .ngspice import require_ngspice

STEP = """a filter that has settled, and then a step
V1 in 0 PULSE(1 2 100n 20n 20n 1u)
R1 in a 50
L1 a b 1u
L2 b out 0.5u
C1 b 0 1n ic=0.3
C2 out 0 2n
R2 out 0 100
.ic v(out)=0.1
"""


def test_at_rest_nothing_moves():
    """But for the steps' own error: what balances the losses is split from them."""
    text = STEP.replace("PULSE(1 2 100n 20n 20n 1u)", "1.5")
    result = circuits.loads(text).settled().simulate("1u")
    np.testing.assert_allclose(result.v("out"), 1.0, rtol=1e-7)
    np.testing.assert_allclose(result.i("L1"), 0.01, rtol=1e-7)


def test_a_step_agrees_with_ngspice():
    require_ngspice()
    circuit = circuits.loads(STEP).settled()
    result = circuit.simulate("600n", "0.5n")
    deck = re.sub(r"(?m)^\.ic.*\n| ic=\S+", "", STEP)
    spice = run_ngspice(f"{deck}.tran 0.5n 600n 0 0.1n\n.end\n", ["v(out)"])
    theirs = np.interp(result.t[1:], spice["time"], spice["v(out)"])
    assert np.max(np.abs(theirs - result.v("out")[1:])) <= 1e-4
    assert np.ptp(theirs) > 0.1


@pytest.mark.slow
def test_nonlinear_elements_start_there():
    text = """a biased junction, coil, capacitor and diode
I1 0 a 3u
B1 a 0 icrit=10u
C1 a 0 1p
V1 s 0 0.5
R1 s b 1k
B2 b c energy={flux^2/(2*l0) + k*flux^4} l0=1u k=1e20
C3 b 0 1p
B3 c 0 i={is*(exp(v/vt)-1)} is=1n vt=50m
C2 c 0 1n
B4 c d energy={charge^2/(2*c0)} c0=1n
R4 d 0 1k
"""
    circuit = circuits.loads(text)
    rest, result = circuit.op(), circuit.settled().simulate("2n")
    for quantity in ("v(b)", "v(c)", "v(d)", "i(b2)"):
        wave = result.measure(circuit.readout(quantity))
        np.testing.assert_allclose(wave, rest.measure(quantity), rtol=1e-6, atol=1e-12)


@pytest.mark.slow
def test_the_command(run, tmp_path):
    (tmp_path / "step.cir").write_text(STEP + ".tran 2n 90n\n")
    code, _, err = run("simulate", "step.cir", "--from-op")
    assert code == 0, err
    table = np.genfromtxt(tmp_path / "out" / "step.csv", delimiter=",", names=True)
    np.testing.assert_allclose(table["vout"], 100 / 150, rtol=1e-7)


def test_steps_that_miss_corners_are_told():
    circuit = circuits.loads(STEP.replace("20n 20n", "1n 1n"))
    with pytest.warns(UserWarning, match=r"longer than edges of V1 \(1e-09 s\)"):
        circuit.simulate("600n", "25n")
