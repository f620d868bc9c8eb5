"""Decks of every kind of element and waveform, for comparisons with ngspice."""

from typing import NamedTuple

import numpy as np

import physsim
from circuits._ngspice import run_ngspice
from circuits._spice import to_spice
from circuits._spice_names import SpiceNames

from .systems import DRIVEN_TANKS, physsim_library


class Deck(NamedTuple):
    """A netlist (a path, or its text), and how to run it.

    `signals` are compared over `periods` times `period` seconds, of which physsim takes
    `steps` steps each; without a `period` it is that of the fastest motion at the start. The
    `solver` is the circuit's default one, or another where that takes long to compile.
    """

    text: str
    signals: tuple[str, ...]
    period: float | None = None
    periods: float = 20
    steps: int = 40
    solver: physsim.AbstractSolver | None = None


_QUICK = physsim.PEFRL()


NONLINEAR = """a nonlinear inductor and a tank, pulsed
B1 a 0 energy={flux^2/(2*lin) + quart*flux^4/4} lin=1u quart=2e20
C1 a 0 1n ic=1
C2 b 0 1n
L2 a b 3u ic=10m
I1 0 b PULSE(0 20m 50n 20n 30n 100n 500n)
"""

PULSED_VOLTAGE = """a source of voltage behind an inductor with a resistor in series
V1 in 0 PULSE(-0.5 1 100n 50n 80n 300n 900n)
R1 in a 12
L1 a b 1u
C1 b 0 1n
R2 b 0 2k
"""

PIECEWISE_VOLTAGE = """straight lines of voltage, an exponential current
V1 in 0 PWL(0 0 100n 1 250n 0.2 300n 0.2 500n -1 900n 0)
L1 in a 1u ic=2m
C1 a 0 1n ic=0.3
L2 a b 2u
C2 b 0 0.7n
R2 b 0 1k
I1 b 0 EXP(0 3m 150n 60n 500n 90n)
"""

LINK_CAPACITORS = """a source in a loop of capacitors
V1 in 0 SIN(0.2 1 2meg 100n 0.4meg 30)
C1 in a 0.5n
C2 a 0 1n
C3 a b 0.3n
C4 b 0 0.8n ic=0.5
L1 a 0 1u
L2 b 0 2u ic=1m
"""

MUTUAL = """two coils by a source, three more beside them
V1 in 0 SIN(0 1 4meg)
R1 in a 5
L1 a 0 1u
L2 b 0 2u ic=1m
K12 L1 L2 0.6
C2 b 0 0.8n
L3 c 0 1u
L4 d 0 1.5u
L5 b c 2u
K L3 L4 L5 -0.3
C3 c 0 1n ic=1
C4 d 0 1n
"""

SUPERCONDUCTING = """junctions by a model, inductors that meet without a capacitance
.model jj1 jj(rtype=1, icrit=0.1m, cap=70f, rn=8)
.param bias=0.12m
IB 0 1 PWL(0 0 10p {bias} 60p {0.9*bias})
B1 1 0 jj1 area=1
B2 2 0 jj1 area=1.4 phase=0.2
B3 3 0 jj1 area=0.8
L1 1 m 2p
L2 m 2 1.5p
L3 m 3 3p
I2 0 2 EXP(0 0.15m 4p 3p 25p 4p)
I3 0 m SIN(0 20u 30g)
"""

NONLINEAR_CHARGE = """a capacitor that stiffens and an inductor that saturates
B1 a 0 energy={charge^2/(2*c0) + hard*charge^4} c0=1n hard=1.5e26 ic=0.9n
B2 a b energy={is*l0*i0*log(cosh(flux/(l0*i0)))} l0=1u i0=20m is=20m
C2 b 0 1.5n
L3 b 0 2u
I1 0 b SIN(0 5m 3meg)
"""

NEGATIVE_RESISTANCE = """an oscillator: a negative resistance that its amplitude limits
B1 a 0 i={-g*v + b*v^3} g=4m b=2m
C1 a 0 1n ic=0.1
L1 a b 1u
R1 b 0 3
R2 a c 60
C2 c 0 0.4n
"""

LOSSES = """losses across and in series, and a resistor between two tanks
C1 a 0 1n ic=1
R1 a 0 400
L1 a x 1u
R2 x 0 6
C2 b 0 1.3n
L2 b y 0.8u ic=3m
R3 y 0 9
R4 a b 150
I1 0 b PULSE(0 10m 120n 40n 40n 200n)
"""

RESISTIVE_NODES = """a bridge of resistors: nodes without capacitance or inductance
V1 in 0 SIN(0.5 1 3meg)
R1 in p 50
R2 in m 80
R3 p 0 70
R4 m 0 40
R5 p m 30
L1 p a 1u
C1 a 0 1n
C2 m b 0.6n ic=0.4
R6 b 0 25
"""

GYRATOR = """a tank that sees another through a gyrator
C1 a 0 1n ic=1
L1 a 0 1u
P1 a 0 b 0 gyrator=8m
C2 b 0 1.4n
L2 b c 1u
R2 c 0 4
V2 c2 0 EXP(0 0.6 80n 50n 500n 70n)
R3 c2 b 600
"""

TRANSFORMER = """an ideal transformer of ratio 2.5, coils and a loss beyond it
V1 in 0 SIN(0 1 2meg)
R1 in a 30
L1 a p 1u
P1 p 0 s t ratio=2.5
C2 s t 2n ic=0.2
L2 s t 0.5u
R2 t 0 20
C3 t 0 1n
"""

SUBCIRCUITS = """a filter of nested cells
.param f0=5meg
.subckt tank a b params: c=1n q=40
  .param w={2*pi*f0}
  C1 a b {c}
  L1 a m {1/(w^2*c)}
  R1 m b {1/(w*c*q)}
.ends
.subckt cell in out
  X1 in 0 tank c=1.2n
  Lc in out 4u
  X2 out 0 tank q=25
.ends cell
Xa 1 2 cell
Xb 2 3 cell
I1 0 1 PULSE(0 8m 60n 30n 50n 90n)
RL 3 0 1.5k
"""

DECKS = {
    "coupled_lc": Deck(physsim_library("coupled_lc.cir"), ("v(in)", "v(out)", "i(L12)")),
    "lc_ladder": Deck(physsim_library("lc_ladder.cir"), ("v(n1)", "v(n8)", "i(L4)")),
    "junction_chain": Deck(physsim_library("junction_chain.cir"), ("v(n1)", "v(n4)")),
    "driven tanks": Deck(DRIVEN_TANKS, ("v(out)", "i(L1)")),
    "nonlinear inductor": Deck(NONLINEAR, ("v(a)", "v(b)", "i(L2)"), 144e-9, steps=80),
    "pulsed voltage": Deck(PULSED_VOLTAGE, ("v(b)", "i(L1)", "i(V1)"), 200e-9, 8, 200, _QUICK),
    "piecewise voltage": Deck(PIECEWISE_VOLTAGE, ("v(a)", "v(b)", "i(V1)"), 160e-9, 8, 200, _QUICK),
    "link capacitors": Deck(LINK_CAPACITORS, ("v(a)", "v(b)", "i(L2)"), 200e-9, 10, 200, _QUICK),
    "mutual inductance": Deck(MUTUAL, ("v(b)", "v(d)", "i(L1)", "i(L5)"), 150e-9, 10),
    "superconducting": Deck(SUPERCONDUCTING, ("v(1)", "v(3)", "i(L2)"), 6e-12, 10, 200, _QUICK),
    "nonlinear charge": Deck(NONLINEAR_CHARGE, ("v(a)", "v(b)", "i(L3)"), 150e-9, 10),
    "negative resistance": Deck(NEGATIVE_RESISTANCE, ("v(a)", "v(c)", "i(L1)"), 150e-9, 12, 80),
    "losses": Deck(LOSSES, ("v(a)", "v(b)", "i(L2)", "i(R4)"), 200e-9, 6, 200, _QUICK),
    "resistive nodes": Deck(RESISTIVE_NODES, ("v(p)", "v(b)", "i(R5)"), 100e-9, 10, 200, _QUICK),
    "gyrator": Deck(GYRATOR, ("v(a)", "v(b)", "i(P1)"), 150e-9, 8, 200, _QUICK),
    "transformer": Deck(TRANSFORMER, ("v(p)", "v(s)", "i(L1)"), 200e-9, 6, 200, _QUICK),
    "subcircuits": Deck(SUBCIRCUITS, ("v(3)", "v(xb.x1.m)", "i(Xa.Lc)"), 200e-9, 8, 200, _QUICK),
}


def spice_run(circuit, signals, stop, step):
    """(times, waveforms) that ngspice accepts."""
    deck = to_spice(circuit.netlist, max_step=step, stop=stop * (1 + 1e-9), step=step)
    names = SpiceNames(circuit.netlist)
    spelled = [names.signal(s) for s in signals]
    data = run_ngspice(deck, spelled)
    return data["time"], np.stack([data[s] for s in spelled])


def sampled(times, waveforms, at):
    return np.stack([np.interp(at, times, x) for x in waveforms])


def extrapolated_spice(circuit, signals, times, step):
    """ngspice's waveforms without the error of its trapezoidal rule, which is quadratic in the
    step, and the error taken off, relative to the largest values."""
    coarse, fine = (
        sampled(*spice_run(circuit, signals, times[-1], h), times) for h in (step, step / 2)
    )
    change = (fine - coarse) / 3
    size = np.max(np.abs(fine), axis=1, keepdims=True)
    return fine + change, np.max(np.abs(change) / size)
