"""A node that only one terminal touches is warned of, with its place and the likely spelling."""

import warnings

import pytest

import circuits
from circuits import NetlistWarning

from .systems import physsim_library

FILTER = """a filter
V1 in 0 DC 1
R1 in out 1k
C1 {node} 0 1n
R2 out 0 1k
C2 out 0 1n
"""
BUNDLED = (
    "band_pass", "chua", "coupled_lc", "coupled_lc_target", "junction_array", "junction_chain",
    "lc_ladder", "pulse_lattice", "rlc_filter", "tank_chain", "tank_chain_target",
)  # fmt: skip


def warned(text):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        circuits.loads(text, "my.cir")
    assert all(w.category is NetlistWarning and w.filename == __file__ for w in found)
    return [str(w.message) for w in found]


def test_a_misspelt_node():
    (message,) = warned(FILTER.format(node="ot"))
    assert message.startswith("my.cir:4:1: only C1 touches node 'ot'")
    assert message.endswith("did you mean 'out'?")
    assert warned(FILTER.format(node="out")) == []


def test_a_file_is_warned_of_too(tmp_path):
    path = tmp_path / "my.cir"
    path.write_text(FILTER.format(node="far"))
    with pytest.warns(NetlistWarning, match=r"my.cir:4:1: only C1 touches node 'far'.*flow$"):
        circuits.load(path)


def test_in_a_subcircuit_the_card_inside_is_named():
    text = "cells\n.subckt cell a b\nC1 a b 1n\nL1 a m 1u\n.ends\nXone p 0 cell\nR1 p 0 1k\n"
    (message,) = warned(text)
    assert message.startswith("my.cir:4:1: only Xone.L1 touches node 'xone.m'")


@pytest.mark.parametrize(
    "card",
    ["L8 far 0 1u\nK1 L1 L8 0.5", "P1 a 0 far 0 ratio=2", "C8 a far 1n\n.ic v(far)=0"],
)
def test_open_ends_of_use_are_not_warned_of(card):
    assert warned(f"open\nC1 a 0 1n ic=1\nL1 a 0 1u\n{card}\n") == []


def test_of_many_the_first_are_named():
    cards = "\n".join(f"R{k} a b{k} 1k" for k in range(2, 40))
    assert len(warned(f"a star\nC1 a 0 1n ic=1\nL1 a 0 1u\n{cards}\n")) == 5


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_circuits_have_none(name):
    circuits.load(physsim_library(f"{name}.cir"))
