"""The same netlists in ngspice, with steps halved until its waveforms converge."""

import math

import numpy as np
import pytest

import circuits
from circuits._ngspice import run_ngspice
from circuits._spice import to_spice

from .ngspice import require_ngspice
from .systems import DRIVEN_TANKS, physsim_library

PERIODS = 20

NONLINEAR = """a nonlinear inductor and a tank, pulsed
B1 a 0 energy={flux^2/(2*lin) + quart*flux^4/4} lin=1u quart=2e20
C1 a 0 1n ic=1
C2 b 0 1n
L2 a b 3u ic=10m
I1 0 b PULSE(0 20m 50n 20n 30n 100n 500n)
"""

DECKS = {
    "coupled_lc": (physsim_library("coupled_lc.cir"), ["v(in)", "v(out)", "i(L12)"]),
    "lc_ladder": (physsim_library("lc_ladder.cir"), ["v(n1)", "v(n8)", "i(L4)"]),
    "junction_chain": (physsim_library("junction_chain.cir"), ["v(n1)", "v(n4)"]),
    "driven tanks": (DRIVEN_TANKS, ["v(out)", "i(L1)"]),
    "nonlinear": (NONLINEAR, ["v(a)", "v(b)", "i(L2)"]),
}


def load(text_or_path):
    return circuits.loads(text_or_path) if "\n" in text_or_path else circuits.load(text_or_path)


def fastest_period(circuit):
    import jax.numpy as jnp

    import physsim

    drive = circuit.drive
    u = jnp.zeros(0) if drive is None else drive(jnp.zeros(()))
    omega = float(physsim.fastest_frequency(circuit.hamiltonian, circuit.y0, u))
    return 2 * math.pi / omega * circuit.scales.time


def spice_waveforms(circuit, signals, times, step):
    deck = to_spice(circuit.netlist, max_step=step, stop=times[-1] * (1 + 1e-9), step=step)
    data = run_ngspice(deck, signals)
    return np.stack([np.interp(times, data["time"], data[s]) for s in signals])


def converged_spice(circuit, signals, times, period, tolerance):
    """ngspice's waveforms, its step halved until they move by less than `tolerance`."""
    step = period / 500
    before = spice_waveforms(circuit, signals, times, step)
    for _ in range(6):
        step /= 2
        after = spice_waveforms(circuit, signals, times, step)
        size = np.max(np.abs(after), axis=1, keepdims=True)
        if np.max(np.abs(after - before) / size) <= tolerance:
            return after, step
        before = after
    raise AssertionError(f"ngspice did not converge down to a step of {step:g} s")


@pytest.mark.parametrize("name", DECKS)
def test_waveforms_agree(name):
    require_ngspice()
    text, signals = DECKS[name]
    circuit = load(text)
    period = fastest_period(circuit)
    result = circuit.simulate(PERIODS * period, period / 40)
    ours = np.stack([result.measure(circuit.readout(s)) for s in signals])
    keep = slice(1, None)  # ngspice writes no point at t = 0
    times, ours = result.t[keep], ours[:, keep]
    theirs, step = converged_spice(circuit, signals, times, period, 2e-5)
    size = np.max(np.abs(theirs), axis=1, keepdims=True)
    error = np.max(np.abs(ours - theirs) / size)
    print(f"{name}: {error:.1e} of the amplitude, ngspice at {period / step:.0f} steps a period")
    assert error <= 1e-4
