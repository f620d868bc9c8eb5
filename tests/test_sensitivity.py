"""Sensitivities against finite differences of the whole analysis, and closed forms."""

import numpy as np
import pytest

import circuits
from circuits._ac import ac
from circuits._ac_sensitivity import ac_sensitivity
from circuits._values import values_of, with_values

from .small_signal_decks import COUPLED, JUNCTIONS, RLC

TWO_PORTS = """two-ports
V1 in 0 AC 1
R1 in a 30
L1 a p 1u
P1 p 0 s t ratio=2.5
C2 s t 2n
L2 s t 0.5u
R2 t 0 20
P2 s t w 0 gyrator=20m
C3 w 0 1n
R3 w 0 100
"""
BENT = """resistors that bend, a capacitor and an inductor that do
V1 in 0 DC 0.8 AC 1
R1 in a 100
B1 a 0 i={is*(exp(v/vt) - 1)} is=1u vt=0.1
C1 a 0 1n
R2 a b 50
B2 b c energy={flux^2/(2*l0) + quart*flux^4} l0=1u quart=1e21
R3 c 0 300
B3 c 0 energy={charge^2/(2*c0) + hard*charge^4} c0=1n hard=1.5e26
P1 c 0 d 0 gyrator=2m
R4 d 0 200
C4 d 0 1n
"""
# A loop whose flux is kept, an island whose charge is.
KEPT = """a superconducting loop, an island
I1 0 a DC 0.05m AC 1u
C1 a 0 70f
R1 a 0 8
B1 a 0 icrit=0.1m phase=0.4
L1 a b 2p ic=20u
L2 b 0 5p
K1 L1 L2 0.3
C2 a i 30f ic=1m
B2 i 0 energy={charge^2/(2*c0) + hard*charge^4} c0=40f hard=2e41
"""
FREQUENCIES = {JUNCTIONS: [3e10, 2e11], KEPT: [3e10, 2e11]}


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        (RLC, ["v(out)", "i(R1)", "i(C1)", "i(L1)"]),
        (COUPLED, ["v(b)", "i(L3)"]),
        (TWO_PORTS, ["v(s,t)", "i(P2)", "i(P1)"]),
        (BENT, ["i(B1)", "i(B2)", "i(B3)"]),
        (JUNCTIONS, ["v(a)", "i(B2)"]),
        (KEPT, ["i(B1)", "i(B2)"]),
    ],
    ids=["rlc", "coupled", "two-ports", "bent", "junctions", "kept"],
)
def test_finite_differences_agree(text, outputs):
    netlist = circuits.parse_netlist(text)
    frequencies = np.array(FREQUENCIES.get(text, [1e6, 7e6]))
    names = [n for n in values_of(netlist) if not n.endswith((".ic", ".phase"))]
    slopes = [ac_sensitivity(netlist, output, frequencies) for output in outputs]
    values = ac(netlist, outputs, frequencies)
    assert {n for n in slopes[0].value.values if not n.endswith(".ac")} == set(names)
    for name in names:
        value = values_of(netlist)[name]
        step = 1e-4 * value
        ends = [ac(with_values(netlist, {name: value + d}), outputs, frequencies)
                for d in (-2 * step, -step, step, 2 * step)]  # fmt: skip
        for output, found in zip(outputs, slopes, strict=True):
            a, b, c, d = (end[output].values for end in ends)
            expected = (a - 8 * b + 8 * c - d) / 12 / step
            scale = np.abs(values[output].values) / value
            error = np.abs(found.sel(value=name).values - expected) / np.maximum(
                np.abs(expected), 1e-2 * scale
            )
            assert np.max(error) <= 1e-6, (name, output)


def test_sources_scale_the_response():
    found = circuits.loads(RLC).ac_sensitivity("v(out)", [1e6])
    one = circuits.loads(RLC).transfer("I1", "v(out)", [1e6])
    np.testing.assert_allclose(found.sel(value="I1.ac"), one, rtol=1e-12)
