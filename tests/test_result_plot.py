"""The plot of a circuit's run: its title, and which nodes it shows."""

import numpy as np
import pytest

import circuits
from physsim.plotting import smooth

CELLS = "{title}\n.subckt cell a b\nL1 a m 1u\nC1 m 0 1n\nL2 m b 1u\n.ends\nC0 n0 0 1n ic=1\n"


def figure_of(cells, title="a line", nodes=None):
    cards = "".join(f"X{k} n{k} n{k + 1} cell\nC{k + 1} n{k + 1} 0 1n\n" for k in range(cells))
    circuit = circuits.loads(CELLS.format(title=title) + cards)
    return circuit.simulate("200n").plot(nodes)


def shown(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_the_first_nodes_and_the_last_outside_of_subcircuits():
    figure = figure_of(7)
    assert shown(figure) == ["v(n0)", "v(n1)", "v(n2)", "v(n3)", "v(n4)", "v(n7)"]
    assert figure.axes[0].get_legend().get_title().get_text() == "6 of 15 nodes"


def test_nodes_that_are_asked_for():
    assert shown(figure_of(1, nodes=["x0.m", "n1"])) == ["v(x0.m)", "v(n1)"]


def test_where_all_nodes_are_inside():
    text = "inside\n.subckt tank g\nC1 m g 1n ic=1\nL1 m g 1u\n.ends\nX1 0 tank\n"
    assert shown(circuits.loads(text).simulate("100n").plot()) == ["v(x1.m)"]


@pytest.mark.parametrize(
    ("title", "printed"),
    [("two tanks, $5 each", r"two tanks, \$5 each"), ("word " * 30, "word " * 13 + "[...]")],
)
def test_the_title_is_the_netlists(title, printed):
    assert figure_of(1, title).get_suptitle() == printed


def test_curves_of_driven_circuits_stay_within_level_samples():
    """An ideal source of steps, a sample every nanosecond: no swing beyond its levels."""
    t = np.arange(40) * 1e-9
    wave = np.interp(t, [10e-9, 12e-9, 25e-9, 27e-9], [0.0, 2.0, 2.0, 0.0])
    fine, curve = smooth(t, wave, corners=True)
    assert len(fine) > 5 * len(t)
    assert curve.min() >= -1e-12 and curve.max() <= 2 + 1e-12
