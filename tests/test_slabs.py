"""The cut itself, without devices: every slope and energy of any network, exactly once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from physsim import SignedIncidence
from physsim._slab_tables import ranks
from physsim._slabs import Slabs, cut


def networks():
    """(nodes, slabs, groups of terminals, order of the nodes): small and arbitrary."""

    @st.composite
    def build(draw):
        n = draw(st.integers(1, 12))
        count = draw(st.integers(1, n))
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        regular, size = draw(st.booleans()), draw(st.integers(1, 14))
        groups = []
        for terminals in draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)):
            group = []
            for t in range(terminals):
                elements = np.arange(size)
                nodes = (elements + t) % n if regular else rng.integers(0, n, size)
                others = (nodes + 1) % n if regular else rng.integers(0, n, size)
                signs = np.concatenate([np.ones(size), -np.ones(size)])
                group.append(
                    SignedIncidence(
                        np.tile(elements, 2), np.concatenate([nodes, others]), signs, (size, n)
                    )
                )
            groups.append(tuple(group))
        position = rng.permutation(n) if draw(st.booleans()) else np.arange(n)
        return n, Slabs(position, count), groups

    return build()


def exchanged(x, made, slabs):
    """What each slab has at hand, by the shifts of the cut."""
    own = [part[made.own.columns] for part in np.split(x, slabs.count)]
    hand = []
    for d in range(slabs.count):
        received = [
            own[(d + s.distance) % slabs.count][s.sent[(d + s.distance) % slabs.count]]
            if d in s.receivers
            else np.full(s.sent.shape[1], np.nan)
            for s in made.shifts
        ]
        hand.append(np.concatenate([own[d], *received]))
    return hand


def product(table, d, x):
    terms = np.where(table.sign[d] != 0, table.sign[d] * x[table.index[d]], 0.0)
    return terms.sum(axis=0)


@settings(max_examples=60, deadline=None)
@given(networks())
def test_slopes_and_energies_are_those_of_the_uncut_network(network):
    """Each element's current is the cube of its terminal times its number, its energy the same."""
    n, slabs, groups = network
    made = cut(groups, slabs)
    x = np.random.default_rng(0).normal(size=n)
    spread = np.zeros(slabs.total)
    spread[slabs.position] = x
    hand = exchanged(spread, made, slabs)
    slope, energy = np.zeros((slabs.count, slabs.size)), 0.0
    for d, own in enumerate(np.split(spread, slabs.count)):
        for part in made.groups:
            number = 1.0 + part.inner[d]
            for read, write in zip(part.reads, part.writes, strict=True):
                values = number * (read.dense() @ own) ** 3
                slope[d] += write.dense() @ values
                energy += values.sum()
            if not part.present[d]:
                continue
            number = 1.0 + part.border[d]
            for read, write in zip(part.border_reads, part.border_writes, strict=True):
                values = number * product(read, d, hand[d]) ** 3
                assert np.isfinite(values).all()
                slope[d] += made.border.dense().T @ product(write, d, values)
                energy += values[part.owned[d]].sum()
    expected, total = np.zeros(n), 0.0
    for group in groups:
        for t in group:
            values = (1.0 + np.arange(t.shape[0])) * (t.dense() @ x) ** 3
            expected += t.dense().T @ values
            total += values.sum()
    np.testing.assert_allclose(slope.ravel()[slabs.position], expected, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(energy, total, rtol=1e-12, atol=1e-10)


def test_a_long_ring_has_a_border_of_its_ends():
    n, count = 1000, 4
    nodes = np.arange(n)
    bonds = SignedIncidence(
        np.tile(nodes, 2),
        np.concatenate([nodes, (nodes + 1) % n]),
        np.concatenate([-np.ones(n), np.ones(n)]),
        (n, n),
    )
    made = cut([(bonds,)], Slabs(nodes, count))
    assert made.border.columns.tolist() == [0, 249] and made.halo == 2
    assert made.own.columns.tolist() == [0, 1, 248, 249]
    assert made.groups[0].inner.shape == (count, 249)
    assert {s.distance for s in made.shifts} == {1, 3}


def test_equal_elements_in_parallel_stay_inner_ones():
    twice = SignedIncidence(np.arange(8), np.repeat(np.arange(4), 2), np.ones(8), (8, 4))
    made = cut([(twice,)], Slabs(np.arange(4), 2))
    assert made.groups[0].inner.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert made.halo == 0 and not len(made.border.rows)


def test_one_slab_is_the_network():
    chain = SignedIncidence([0, 0, 1, 1], [0, 1, 1, 2], [-1, 1, -1, 1], (2, 3))
    made = cut([(chain,)], Slabs(np.arange(3), 1))
    assert made.groups[0].reads == (chain,) and made.groups[0].writes == (chain.T,)
    assert made.shifts == () and not made.groups[0].border.size


def test_ranks_count_equal_entries():
    assert ranks(np.array([5, 3, 5, 5, 3])).tolist() == [0, 0, 1, 2, 1]
