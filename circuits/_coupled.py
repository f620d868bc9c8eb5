"""Linear inductors that act on each other: by mutual inductance, or at nodes of their own.

An inductor inside the tree has no flux of its own: its current follows from those of the
links, i_t = -K_LL^T i_c - K_IL^T I. With P = [1, -K_LL], the loop fluxes are

    psi = P F = L_eff i_c - W I,     L_eff = P L P^T,     W = P L [0; K_IL^T]

and psi follows the tree voltages, so the energy is z^T L_eff^-1 z / 2 with

    z = K x + L_eff i_0 + W (I(t) - I(0)).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
import numpy as np
from jaxtyping import Array, Float
from scipy.sparse import coo_array, csc_array, diags_array

from physsim import AbstractEnergy, SignedIncidence
from physsim.trailing import as_column

from ._disjoint_sets import DisjointSets
from ._elements import Coupling, Inductor
from ._errors import NetlistError

_MAX_BLOCK = 4096


class Entries(NamedTuple):
    """A sparse bilinear form: contributions sign * value[source] to the cells of a block array."""

    cells: np.ndarray
    sources: np.ndarray
    signs: np.ndarray

    def total(self, values: Array, size: int) -> Array:
        weighted = values[self.sources] * jnp.asarray(self.signs, values.dtype)
        return jax.ops.segment_sum(weighted, self.cells, num_segments=size)


@final
class CoupledLayout:
    """Which inductors make up which loops; static, compared by content.

    `loops` names the links, `size` to a block and blocks one after the other; `inductors`
    all that take part; `pairs` has (i, j, k) for inductors i and j coupled by `couplings[k]`.
    """

    def __init__(
        self,
        loops: Sequence[str],
        size: int,
        inductors: Sequence[str],
        couplings: Sequence[str],
        pairs: Sequence[tuple[int, int, int]],
        membership: Sequence[Sequence[tuple[int, float]]],
        drives: Sequence[Sequence[tuple[int, float]]],
    ):
        """`membership[i]` lists (loop, entry of P) of inductor i, `drives[i]` (source,
        coefficient) of the currents that sources push through it."""
        self.loops, self.size, self.inductors = tuple(loops), size, tuple(inductors)
        self.couplings, self.pairs = tuple(couplings), tuple(pairs)
        self.num_sources = 1 + max((k for d in drives for k, _ in d), default=-1)
        mutual = [(i, j) for i, j, _ in pairs]
        matrix = [(i, i) for i in range(len(inductors))] + mutual + [(j, i) for i, j in mutual]
        self.loop_entries = self._entries(matrix, membership, membership, self._block_cell)
        width = self.num_sources
        self.drive_entries = self._entries(
            matrix, membership, drives, lambda loop, k: loop * width + k
        )
        entries = (*self.loop_entries, *self.drive_entries)
        self._key = (*self._names, *(part.tobytes() for part in entries))
        self._hash = hash(self._key)

    @property
    def _names(self):
        return self.loops, self.size, self.inductors, self.couplings, self.pairs

    def __eq__(self, other):
        return self is other or (isinstance(other, CoupledLayout) and self._key == other._key)

    def __hash__(self):
        return self._hash

    def _block_cell(self, row, column):
        return row * self.size + column % self.size

    def _entries(self, matrix, left, right, cell) -> Entries:
        cells, sources, signs = [], [], []
        for source, (i, j) in enumerate(matrix):
            for row, a in left[i]:
                for column, b in right[j]:
                    cells.append(cell(row, column))
                    sources.append(source)
                    signs.append(a * b)
        return Entries(np.array(cells, int), np.array(sources, int), np.array(signs, float))

    def values(self, inductance: Array, coupling: Array) -> Array:
        """The entries of the inductance matrix: its diagonal, then both triangles."""
        if not self.pairs:
            return inductance
        i, j, k = np.array(self.pairs).T
        mutual = coupling[k] * jnp.sqrt(inductance[i] * inductance[j])
        return jnp.concatenate([inductance, mutual, mutual])


@final
class CoupledInductors(AbstractEnergy):
    """The energy of the loops of one layout; see the module."""

    inductance: Float[Array, " k"]
    coupling: Float[Array, " k_cards"]
    ic: Float[Array, " loops"]
    """Currents of the links at t = 0."""
    layout: CoupledLayout = eqx.field(static=True)
    incidence: SignedIncidence = eqx.field(static=True)
    input_index: tuple[int, ...] = eqx.field(static=True)
    """Which of the network's inputs are the currents of `layout`'s drives."""
    start_inputs: tuple[float, ...] = eqx.field(static=True)
    """Their values at t = 0."""
    is_quadratic: bool = eqx.field(static=True, default=True)
    is_even: bool = eqx.field(static=True, default=False)
    is_diagonal: bool = eqx.field(static=True, default=False)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.layout.loops

    def matrix(self) -> Float[Array, "blocks size size"]:
        """L_eff, block by block."""
        layout, count = self.layout, len(self.layout.loops)
        values = layout.values(self.inductance, self.coupling)
        flat = layout.loop_entries.total(values, count * layout.size)
        return flat.reshape(-1, layout.size, layout.size)

    def drive_matrix(self) -> Float[Array, "loops inputs"] | None:
        """W, None where no source drives an inductor of the tree."""
        layout, count = self.layout, len(self.layout.loops)
        if not layout.num_sources:
            return None
        values = layout.values(self.inductance, self.coupling)
        flat = layout.drive_entries.total(values, count * layout.num_sources)
        return flat.reshape(count, layout.num_sources)

    def prepare(self):
        matrix = self.matrix()
        size = self.layout.size
        identity = jnp.broadcast_to(jnp.eye(size, dtype=matrix.dtype), matrix.shape)
        inverse = jax.vmap(lambda m, e: jsl.cho_solve(jsl.cho_factor(m), e))(matrix, identity)
        start = _blocks(matrix, self.ic)
        W = self.drive_matrix()
        if W is not None:
            start = start - W @ jnp.asarray(self.start_inputs, W.dtype)
        return LoopEnergy(inverse, start, W, self.incidence, self.input_index, self.labels)

    def __call__(self, x, u):
        return self.prepare()(x, u)

    def slope(self, x, u):
        return self.prepare().slope(x, u)

    def parameter_names(self):
        names = [f"{name}.L" for name in self.layout.inductors]
        names += [f"{name}.k" for name in self.layout.couplings]
        return (*names, *(f"{label}.ic" for label in self.labels))

    def describe(self):
        layout = self.layout
        blocks = len(layout.loops) // layout.size
        return (
            f"{len(layout.inductors)} coupled inductors in {len(layout.loops)} loops: "
            f"z^T L^-1 z / 2, {blocks} blocks of {layout.size}"
        )


@final
class LoopEnergy(AbstractEnergy):
    """The same with L_eff inverted."""

    inverse: Float[Array, "blocks size size"]
    start: Float[Array, " loops"]
    drive: Float[Array, "loops inputs"] | None
    incidence: SignedIncidence = eqx.field(static=True)
    input_index: tuple[int, ...] = eqx.field(static=True)
    labels: tuple[str, ...] = eqx.field(static=True)
    is_quadratic: bool = eqx.field(static=True, default=True)
    is_even: bool = eqx.field(static=True, default=False)
    is_diagonal: bool = eqx.field(static=True, default=False)

    def _fluxes(self, x, u):
        z = self.incidence(x) + as_column(self.start, x)
        if self.drive is None:
            return z
        currents = u[np.array(self.input_index)]
        return z + as_column(self.drive @ currents, x)

    def currents(self, x, u) -> tuple[Float[Array, "loops *batch"], ...]:
        """The links' currents."""
        return (_blocks(self.inverse, self._fluxes(x, u)),)

    def __call__(self, x, u):
        z = self._fluxes(x, u)
        return 0.5 * jnp.sum(z * _blocks(self.inverse, z), axis=0)

    def slope(self, x, u):
        return self.incidence.T(self.currents(x, u)[0])

    def prepare(self):
        return self

    def parameter_names(self):
        raise ValueError("a prepared energy no longer knows its inductances")

    def describe(self):
        return f"{len(self.labels)} loops of coupled inductors"


def _blocks(matrix: Array, z: Array) -> Array:
    """A block-diagonal matrix [b, s, s] times z [b s, *batch]."""
    blocks, size, _ = matrix.shape
    return jnp.einsum("bij,bj...->bi...", matrix, z.reshape(blocks, size, *z.shape[1:])).reshape(
        z.shape
    )


def split(
    members: Sequence[Sequence[int]],
    couplings: Sequence[tuple[int, int]],
    count: int,
) -> list[tuple[list[int], list[int]]]:
    """Connected sets of (links, inductors); `members[c]` are the inductors of link c's loop."""
    sets = DisjointSets(count)
    for own in members:
        for other in own[1:]:
            sets.join(own[0], other)
    for i, j in couplings:
        sets.join(i, j)
    found: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for c, own in enumerate(members):
        found[sets.find(own[0])][0].append(c)
    for i in range(count):
        found[sets.find(i)][1].append(i)
    return list(found.values())


def refuse_large(size: int, link: Inductor) -> None:
    if size > _MAX_BLOCK:
        raise NetlistError(
            f"{link.name} is one of {size} inductors that share nodes without capacitance or are "
            f"coupled to each other; such groups are solved densely, up to {_MAX_BLOCK}: add "
            "capacitors at some of the nodes",
            link.location,
        )


def pairs_of(couplings: Sequence[Coupling]) -> list[tuple[str, str, Coupling]]:
    """Each two coupled inductors, by name in lower case."""
    return [
        (a.lower(), b.lower(), coupling)
        for coupling in couplings
        for k, a in enumerate(coupling.inductors)
        for b in coupling.inductors[k + 1 :]
    ]


def coupled_pairs(
    coils: Sequence[Inductor], couplings: Sequence[Coupling]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both inductors' numbers among `coils` and the coefficient of every coupled pair."""
    index = {e.name.lower(): k for k, e in enumerate(coils)}
    pairs = [(index[a], index[b], card.coefficient) for a, b, card in pairs_of(couplings)]
    rows, columns, factors = zip(*pairs, strict=True) if pairs else ((), (), ())
    return np.array(rows, int), np.array(columns, int), np.array(factors, float)


def inductance_matrix(
    values: Sequence[float], coils: Sequence[Inductor], couplings: Sequence[Coupling]
) -> csc_array:
    """[m, m], in H, of coils of these inductances: mutual ones off the diagonal."""
    own = np.asarray(values, float)
    rows, columns, factors = coupled_pairs(coils, couplings)
    mutual = factors * np.sqrt(own[rows] * own[columns])
    upper = csc_array(coo_array((mutual, (rows, columns)), shape=(len(own), len(own))))
    return csc_array(upper + upper.T + diags_array(own))
