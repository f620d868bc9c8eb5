"""Energies and slopes of a network that is cut into slabs, each on a device of its own."""

import functools
import operator
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Inexact

from ._compile import compile_scalar, gradient
from ._element import AbstractEnergy, ElementGroup
from ._slab_tables import SlabTable
from ._slabs import Cut, GroupCut
from .trailing import as_column

Values = dict[str, Inexact[Array, "..."]]
"""Parameters of a group, each a scalar or of shape [slabs, elements]."""


@final
class SlabEnergy(AbstractEnergy):
    """The groups of T or of V in slabs along an axis of a mesh.

    The state [slabs * size, *batch] is sharded along that axis. For an energy or a slope the
    slabs exchange their halos, and nothing else.
    """

    inner: tuple[Values, ...]
    border: tuple[Values, ...]
    groups: tuple[ElementGroup, ...] = eqx.field(static=True)
    """The uncut groups, with shapes for arrays."""
    cut: Cut = eqx.field(static=True)
    mesh: Mesh = eqx.field(static=True)
    axis: str = eqx.field(static=True)

    @property
    def is_quadratic(self) -> bool:
        return all(group.is_quadratic for group in self.groups)

    @property
    def is_even(self) -> bool:
        return all(group.is_even for group in self.groups)

    @property
    def is_diagonal(self) -> bool:
        return all(group.is_diagonal for group in self.groups)

    def __call__(self, x, u):
        return jnp.sum(_on_slabs(self, _energy, x, u), axis=0)

    def slope(self, x, u):
        return _on_slabs(self, _slope, x, u)

    def prepare(self):
        return self

    def parameter_names(self):
        return tuple(
            f"{group.kind.name}.{name}"
            for part in (self.inner, self.border)
            for group, values in zip(self.groups, part, strict=True)
            for name in sorted(values)
            for _ in range(values[name].size)
        )

    def describe(self):
        cuts = zip(self.groups, self.cut.groups, strict=True)
        inner = sum(len(cut.inner[0]) for _, cut in cuts)
        return (
            f"{self.mesh.shape[self.axis]} slabs of {inner} inner elements and "
            f"{self.cut.border.shape[0]} nodes at the border, {self.cut.halo} numbers exchanged"
        )


@eqx.filter_jit
def _on_slabs(energy: SlabEnergy, function, x, u):
    """What `function` gives for each slab, one after the other."""

    def local(inner, border, x, u):
        inner, border = jax.tree.map(lambda v: v[0] if v.ndim else v, (inner, border))
        return function(_Slab(energy, x, u), inner, border)

    parameters = (energy.inner, energy.border)
    specs = jax.tree.map(lambda v: P(energy.axis) if v.ndim else P(), parameters)
    return jax.shard_map(
        local,
        mesh=energy.mesh,
        in_specs=(*specs, P(energy.axis), P()),
        out_specs=P(energy.axis),
        axis_names={energy.axis},
        check_vma=False,
    )(*parameters, x, u)


@final
class _Slab:
    """One slab's side of a computation; made where its own arrays are at hand."""

    def __init__(self, energy: SlabEnergy, x, u):
        self.energy, self.x, self.u = energy, x, u
        self.number = jax.lax.axis_index(energy.axis)
        self.at_hand = self._exchanged()

    def _exchanged(self):
        """Own nodes at the border and the halo [at hand, *batch]."""
        cut, count = self.energy.cut, self.energy.mesh.shape[self.energy.axis]
        own = cut.own(self.x)
        received = [
            jax.lax.ppermute(
                own[self.row(shift.sent)],
                self.energy.axis,
                [((to + shift.distance) % count, to) for to in shift.receivers],
            )
            for shift in cut.shifts
        ]
        return jnp.concatenate([own, *received]) if received else own

    def row(self, table: np.ndarray):
        """This slab's part of a table."""
        return jnp.asarray(table)[self.number]

    def pairs(self):
        return zip(self.energy.groups, self.energy.cut.groups, strict=True)

    def apply(self, table: SlabTable, x):
        """The product of this slab's matrix with `x`."""
        index = self.row(table.index)
        sign = self.row(table.sign).astype(x.dtype)
        pieces = [as_column(s, x) * x[k] for k, s in zip(index, sign, strict=True)]
        shape = (table.index.shape[2], *x.shape[1:])
        return functools.reduce(operator.add, pieces) if pieces else jnp.zeros(shape, x.dtype)

    def inner(self, group, cut: GroupCut, exprs, values):
        """Expressions of the inner elements, each [M, *batch]."""
        terminals = [read(self.x) for read in cut.reads]
        return self._evaluate(group, exprs, terminals, values, cut.inner)

    def outer(self, group, cut: GroupCut, exprs, values, gather):
        """What `gather` makes of expressions of the elements at the border; 0 without any."""

        def some():
            terminals = [self.apply(read, self.at_hand) for read in cut.border_reads]
            return gather(self._evaluate(group, exprs, terminals, values, cut.border))

        if cut.present.all():
            return some()
        # Elements that are not there must not be computed: anything may be infinite at zero.
        nothing = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(some))
        return jax.lax.cond(self.row(cut.present), some, lambda: nothing)

    def _evaluate(self, group: ElementGroup, exprs, terminals, values, elements):
        kind, like = group.kind, terminals[0]
        arguments = [
            *terminals,
            *(as_column(values[s.name].astype(like.dtype), like) for s in kind.parameters),
        ]
        for index in group.input_index:
            sources = np.asarray(index)
            chosen = sources if len(sources) == 1 else self.row(sources[elements])
            arguments.append(as_column(self.u[chosen].astype(like.dtype), like))
        return [compile_scalar(expr, kind.symbols)(*arguments) for expr in exprs]


def _energy(slab: _Slab, inner, border):
    """This slab's share of the energy, [1, *batch]."""
    total = jnp.zeros(slab.x.shape[1:], slab.x.dtype)
    for (group, cut), own, outer in zip(slab.pairs(), inner, border, strict=True):
        (energies,) = slab.inner(group, cut, [group.kind.energy], own)
        total = total + jnp.sum(energies, axis=0)
        if cut.border.size:
            owned = slab.row(cut.owned).astype(slab.x.dtype)
            total = total + slab.outer(
                group, cut, [group.kind.energy], outer,
                lambda e, owned=owned: jnp.sum(as_column(owned, e[0]) * e[0], axis=0),
            )  # fmt: skip
    return total[None]


def _slope(slab: _Slab, inner, border):
    """The slopes at this slab's nodes, [size, *batch]."""
    cut = slab.energy.cut
    total, edge = [], []
    for (group, part), own, outer in zip(slab.pairs(), inner, border, strict=True):
        exprs = gradient(group.kind.energy, group.kind.terminals)
        currents = slab.inner(group, part, exprs, own)
        total.append(_sum(write(c) for write, c in zip(part.writes, currents, strict=True)))
        if part.border.size:
            edge.append(
                slab.outer(
                    group, part, exprs, outer,
                    lambda currents, part=part: _sum(
                        slab.apply(write, c)
                        for write, c in zip(part.border_writes, currents, strict=True)
                    ),
                )
            )  # fmt: skip
    return _sum(total) + cut.border.T(_sum(edge)) if edge else _sum(total)


def _sum(parts):
    return functools.reduce(operator.add, parts)
