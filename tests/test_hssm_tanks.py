"""A linear unit as LC tanks: ngspice gives its outputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning
import physsim
from circuits import run_ngspice
from physsim import PhaseState
from physsim.cli._tank_deck import tank_netlist

from .ngspice import require_ngspice

STEPS, SAMPLE = 40, 1e-6


def test_the_tanks_give_the_outputs_of_the_unit():
    """Both read-outs at every step, to 1e-3 of the largest; complex state, two inputs."""
    require_ngspice()
    unit = learning.make_linear_hru(3, 2, key=jax.random.key(1), copies=2, step=(0.3, 1.8))
    read_out = jax.random.normal(jax.random.key(2), (2, 6))
    u = jax.random.normal(jax.random.key(3), (2, STEPS))
    rest = PhaseState(jnp.zeros(6), jnp.zeros(6))
    _, q = learning.run_core(physsim.StormerVerlet(), unit.core, unit.dt, rest, unit.projection(u))
    expected = np.asarray(read_out @ q)

    deck = tank_netlist(unit, np.asarray(read_out), np.asarray(u), sample=SAMPLE)
    found = run_ngspice(deck, ["v(y1)", "v(y2)"])
    times = (np.arange(STEPS) + 1) * SAMPLE
    for row, name in zip(expected, ("v(y1)", "v(y2)"), strict=True):
        at = np.interp(times, found["time"], found[name])
        assert np.max(np.abs(at - row)) <= 1e-3 * np.max(np.abs(row))


def test_other_units_are_no_tanks():
    unit = learning.make_nonlinear_hru(2, 1, key=jax.random.key(0))
    with pytest.raises(ValueError, match="not a NonlinearHRU"):
        tank_netlist(unit, np.zeros((1, 2)), np.zeros((1, 3)))
