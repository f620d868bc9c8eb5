"""The same netlists in ngspice, with steps halved until its waveforms converge."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

import circuits
import physsim

from .ngspice import require_ngspice
from .ngspice_decks import DECKS, extrapolated_spice, spice_run
from .pace import mostly_slow


def load(text_or_path):
    return circuits.loads(text_or_path) if "\n" in text_or_path else circuits.load(text_or_path)


def fastest_period(circuit):
    drive = circuit.drive
    u = jnp.zeros(0) if drive is None else drive(jnp.zeros(()))
    omega = float(physsim.fastest_frequency(circuit.hamiltonian, circuit.y0, u))
    return 2 * math.pi / omega * circuit.scales.time


_QUICK = (
    "coupled_lc",
    "junction_chain",
    "losses",
    "nonlinear charge",
    "subcircuits",
    "transformer",
)


@pytest.mark.parametrize("name", mostly_slow(DECKS, _QUICK))
def test_waveforms_agree(name):
    require_ngspice()
    deck = DECKS[name]
    circuit = load(deck.text)
    period = deck.period or fastest_period(circuit)
    result = circuit.simulate(deck.periods * period, period / deck.steps, solver=deck.solver)
    ours = np.stack([result.measure(circuit.readout(s)) for s in deck.signals])
    keep = slice(1, None)  # ngspice writes no point at t = 0
    times, ours = result.t[keep], ours[:, keep]
    theirs, taken = extrapolated_spice(circuit, deck.signals, times, period / 1000)
    size = np.max(np.abs(theirs), axis=1, keepdims=True)
    errors = np.max(np.abs(ours - theirs) / size, axis=1)
    each = ", ".join(f"{s} {e:.1e}" for s, e in zip(deck.signals, errors, strict=True))
    print(f"{name}: {np.max(errors):.1e} of the amplitude ({each}); ngspice's own {taken:.1e}")
    assert taken <= 2e-2
    assert np.max(errors) <= 1e-4


@pytest.mark.slow
def test_the_current_in_a_loop_of_capacitors_rings_in_ngspice():
    """After a corner of the source the trapezoidal rule's current alternates from step to step;
    the mean of neighbours does not, and is ours."""
    require_ngspice()
    deck = DECKS["link capacitors"]
    circuit = circuits.loads(deck.text)
    result = circuit.simulate(
        deck.periods * deck.period, deck.period / deck.steps, solver=deck.solver
    )
    ours = result.i("V1")
    times, (current,) = spice_run(circuit, ["i(V1)"], result.t[-1], deck.period / 2000)
    late = result.t > 110e-9  # the sine starts at 100 ns
    size = np.max(np.abs(ours))
    raw = np.abs(np.interp(result.t, times, current) - ours)[late] / size
    middles, means = (times[1:] + times[:-1]) / 2, (current[1:] + current[:-1]) / 2
    mean = np.abs(np.interp(result.t, middles, means) - ours)[late] / size
    print(f"i(V1): {np.max(raw):.1e} of the amplitude, mean of neighbours {np.max(mean):.1e}")
    assert np.max(raw) > 0.1
    assert np.max(mean) <= 1e-3
