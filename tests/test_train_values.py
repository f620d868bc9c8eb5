"""Which values the names of a task's `train` table stand for, and between which bounds."""

import jax
import numpy as np
import pytest

import circuits
from physsim.cli._values import choose_values

DECK = """coupled coils
C1 a 0 1n ic=1
L1 a 0 1u
L2 b 0 2u
K1 L1 L2 0.3
C2 b 0 1n
B1 b 0 energy={k*flux^2} k=1e5
"""


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("C1", {"C1.C"}),
        ("C?", {"C1.C", "C2.C"}),
        ("K1", {"K1.k"}),
        ("K1.k", {"K1.k"}),
        ("B1.k", {"B1.k"}),
        ("*.k", {"K1.k", "B1.k"}),
    ],
)
def test_a_name_stands_for(pattern, expected):
    circuit = circuits.loads(DECK)
    _, chosen = choose_values(circuit, {pattern: {}})
    flags = np.concatenate([np.ravel(x) for x in jax.tree.leaves(chosen.trainable)])
    names = circuit.hamiltonian.parameter_names()
    assert {n for n, flag in zip(names, flags, strict=True) if flag} == expected


def test_couplings_stay_between_minus_one_and_one():
    circuit = circuits.loads(DECK)
    _, chosen = choose_values(circuit, {"K1": {}, "C1": {"max": "2n"}})
    at = circuit.hamiltonian.parameter_names().index
    low, high = (
        np.concatenate([np.ravel(x) for x in jax.tree.leaves(tree)])
        for tree in (chosen.lower, chosen.upper)
    )
    assert (low[at("K1.k")], high[at("K1.k")]) == (-1, 1)
    assert low[at("C1.C")] == 0 and low[at("C2.C")] == 0 and np.isinf(high[at("C2.C")])
    with pytest.raises(ValueError, match="K1"):
        choose_values(circuit, {"K1": {"start": 1.5}})


def test_an_element_without_a_main_value_must_be_spelt_out():
    with pytest.raises(ValueError, match="unknown value 'B1'"):
        choose_values(circuits.loads(DECK), {"B1": {}})
