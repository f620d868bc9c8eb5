"""What is supplied is stored or dissipated, to rounding."""

import numpy as np
import pytest

import circuits

SWITCHED = """a switched filter
V1 in 0 PULSE(0 1 20n 5n 5n 40n 120n)
R1 in a 50
C1 a 0 1n
L1 a b 1u
R2 b c 5
C2 c 0 2n
R3 c 0 300
I1 0 c PWL(0 0 50n 5m 100n 5m 150n 0)
"""
COUPLED = """coupled coils, a source in a loop of capacitors, a node that only inductors reach
V1 in 0 SIN(0 1 3meg)
C0 in a 0.3n
C1 a 0 1n ic=0.5
L1 a 0 1u ic=2m
L2 b 0 2u
K1 L1 L2 0.6
C2 b 0 1n
R1 b 0 500
L3 b m 1u
L4 m 0 2u
I1 0 m SIN(0 1m 2meg)
"""
NONLINEAR = """van der Pol with a nonlinear capacitor
B1 a 0 energy={charge^2/2n + charge^4*1e25} ic=1n
L1 a 0 1u
B2 a 0 i={v^3*1m - v*2m}
R1 a 0 10k
"""


@pytest.mark.parametrize(
    ("text", "dt", "bound"),
    [
        pytest.param(SWITCHED, 0.5e-9, 1e-10, marks=pytest.mark.slow),
        pytest.param(COUPLED, 0.5e-9, 1e-10, marks=pytest.mark.slow),
        (NONLINEAR, 0.2e-9, 1e-10),
    ],
    ids=["switched", "coupled", "nonlinear"],
)
def test_the_ledger_closes(text, dt, bound):
    circuit = circuits.loads(text)
    result = circuit.simulate(600e-9, dt)
    ledger = result.ledger()
    turnover = float(abs(ledger.supplied).sum("source").max() + ledger.stored.sum("storage").max())
    gap = float(abs(ledger.residual).max()) / turnover
    print(f"{circuit.netlist.title}: {gap:.1e} of the turnover")
    assert gap <= bound
    assert np.all(np.diff(ledger.dissipated.sel(resistor="R1")) >= 0)
    np.testing.assert_allclose(ledger.stored.sum("storage"), result.stored_energy, rtol=1e-12)


def test_a_resistor_takes_what_the_capacitor_had():
    circuit = circuits.loads("rc\nC1 a 0 1n ic=2\nR1 a 0 1k\n")
    ledger = circuit.simulate(30e-6, 0.02e-6).ledger()
    np.testing.assert_allclose(ledger.stored[0, 0], 2e-9, rtol=1e-12)
    np.testing.assert_allclose(ledger.dissipated[-1, 0], 2e-9, rtol=1e-10)
