"""One network over many devices."""

from dataclasses import dataclass
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import sympy
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, PyTree
from scipy.sparse import coo_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from ._checks import is_traced
from ._element import AbstractEnergy, DiagonalForm, ElementGroup, ElementKind
from ._hamiltonian import AbstractHamiltonian
from ._incidence import SignedIncidence
from ._lattice import LatticeHamiltonian
from ._lattice_index import Names
from ._network import AbstractAssembled, NetworkHamiltonian
from ._slab_energy import SlabEnergy
from ._slabs import Cut, Slabs, cut

_A, _X = sympy.symbols("a x", real=True)
_SQUARE = ElementKind("square", _A * _X**2 / 2, (_X,), (_A,))


@final
@dataclass(frozen=True, eq=False)
class Layout:
    """Where the nodes of a network are, and how its energy is cut."""

    slabs: Slabs
    mesh: Mesh
    axis: str
    coordinates: Names
    parts: tuple[tuple[ElementGroup, ...], tuple[ElementGroup, ...]]
    """The groups of T and of V, with shapes for arrays."""
    cuts: tuple[Cut, Cut]


@final
class PartitionedHamiltonian(AbstractAssembled):
    """A network whose nodes are spread over devices; made by `physsim.partitioned`.

    Its leaves are those of the network, and so are gradients. Its states are of shape
    [devices * size], the nodes of one device after those of another, zeros where a device has
    fewer than `size`; `scatter` and `gather` convert.
    """

    network: LatticeHamiltonian | NetworkHamiltonian
    layout: Layout = eqx.field(static=True)

    @property
    def coordinates(self) -> tuple[str, ...]:
        return self.layout.coordinates

    @property
    def input_names(self) -> tuple[str, ...]:
        return self.network.input_names

    @property
    def has_clock(self) -> bool:
        return self.network.has_clock

    @property
    def is_even(self) -> bool:
        return self.network.is_even

    @property
    def kinetic_is_quadratic(self) -> bool:
        return self.network.kinetic_is_quadratic

    @property
    def kinetic_is_diagonal(self) -> bool:
        return self.network.kinetic_is_diagonal

    @property
    def potential_is_quadratic(self) -> bool:
        return self.network.potential_is_quadratic

    @property
    def sharding(self) -> NamedSharding:
        """Of the arrays of a state."""
        return NamedSharding(self.layout.mesh, P(self.layout.axis))

    def prepare(self) -> NetworkHamiltonian:
        """The network in slabs, each parameter where its elements are."""
        kinetic, potential = _groups(self.network)
        return NetworkHamiltonian(
            self._slabs(kinetic, 0), self._slabs(potential, 1), self.coordinates, self.input_names
        )

    def _slabs(self, groups, side) -> tuple[AbstractEnergy, ...]:
        layout = self.layout
        cuts, sharding = layout.cuts[side], self.sharding
        if not groups:
            return ()
        pairs = list(zip(groups, cuts.groups, strict=True))
        return (
            SlabEnergy(
                tuple(_spread(group.parameters, c.inner, sharding) for group, c in pairs),
                tuple(_spread(group.parameters, c.border, sharding) for group, c in pairs),
                layout.parts[side],
                cuts,
                layout.mesh,
                layout.axis,
            ),
        )

    def parameter_names(self):
        return self.network.parameter_names()

    def describe(self):
        lines = [f"network of {len(self.layout.slabs.position)} coordinates, in slabs"]
        for name, side, groups in zip("TV", (0, 1), _groups(self.network), strict=True):
            lines += [f"  {name}: {part.describe()}" for part in self._slabs(groups, side)]
        return "\n".join(lines)

    def scatter(self, y: PyTree) -> PyTree:
        """Arrays [..., n] in the order of the network's nodes, spread over the devices."""
        return jax.tree.map(self._scattered, y)

    def gather(self, y: PyTree) -> PyTree:
        """Arrays [..., devices * size] in the order of the network's nodes, on every device."""
        index = self.layout.slabs.position
        everywhere = NamedSharding(self.layout.mesh, P())
        return jax.jit(
            lambda y: jax.tree.map(lambda x: x[..., index], y), out_shardings=everywhere
        )(y)

    def _scattered(self, x: Any) -> Array:
        slabs = self.layout.slabs
        shape = np.shape(x)
        if not shape or shape[-1] != len(slabs.position):
            raise ValueError(
                f"scatter takes arrays [..., {len(slabs.position)}], one number a node, got {shape}"
            )
        shape = (*shape[:-1], slabs.total)
        sharding = NamedSharding(self.layout.mesh, P(*(None,) * (len(shape) - 1), self.layout.axis))
        if is_traced(x):
            spread = jnp.zeros(shape, x.dtype).at[..., slabs.position].set(x)
            return jax.lax.with_sharding_constraint(spread, sharding)
        spread = np.zeros(shape, np.asarray(x).dtype)
        spread[..., slabs.position] = x
        return jax.make_array_from_callback(shape, sharding, lambda index: spread[index])


def partitioned(
    H: AbstractHamiltonian, mesh: Mesh, *, axis: str = "nodes"
) -> PartitionedHamiltonian:
    """`H` with its nodes spread over the devices along `axis` of `mesh`.

    Every integrator and gradient method takes the result as it takes `H`, with states from
    `scatter`. The devices exchange what lies next to a cut, once for each force; energies and
    gradients are those of `H` to rounding, trajectories too. Under `ExactReversal` they have the
    same bits, unless the compiler fuses products and sums elsewhere. A lattice is cut as its
    nodes are numbered, so number them such that neighbours are near; a network of another kind
    is renumbered if that makes the cuts smaller (reverse Cuthill-McKee, scipy). Nodes need not
    divide by devices.

    Raises `ValueError` for a mesh without that axis, more devices than nodes, and systems that
    can't be cut: with losses, sources of voltage, or a dense matrix such as mutual inductance.

    >>> i = sympy.Symbol("i", integer=True)
    >>> q, p = sympy.IndexedBase("q"), sympy.IndexedBase("p")
    >>> ring = sympy.Sum(p[i] ** 2 / 2 + (q[sympy.Mod(i + 1, 8)] - q[i]) ** 2 / 2, (i, 0, 7))
    >>> import jax
    >>> mesh = jax.make_mesh((1,), ("nodes",))
    >>> H = physsim.partitioned(physsim.lattice(ring, q=q, p=p, size=8), mesh)
    >>> y0 = H.scatter(physsim.PhaseState(jnp.arange(8.0), jnp.zeros(8)))
    >>> run = physsim.integrate(H, physsim.SRKN11b(), y0, dt=0.1, num_steps=10)
    >>> H.gather(run.final.q).shape
    (8,)
    """
    if axis not in mesh.axis_names:
        raise ValueError(
            f"the mesh has the axes {', '.join(mesh.axis_names)}, none of them {axis}: name one "
            "of them, axis=..., or make the mesh with it"
        )
    if not isinstance(H, LatticeHamiltonian | NetworkHamiltonian):
        raise ValueError(
            f"a {type(H).__name__} can't be spread over devices: take a lattice, or a network "
            "without losses and sources of voltage"
        )
    count, n = mesh.shape[axis], len(H.coordinates)
    if count > n:
        raise ValueError(f"{n} nodes can't be spread over {count} devices: take at most {n}")
    # In a mesh whose axes are explicit JAX would ask where the result of each operation is.
    mesh = Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,) * mesh.devices.ndim)
    parts = eqx.filter_eval_shape(_groups, H)
    if isinstance(H, LatticeHamiltonian):
        slabs = Slabs(np.arange(n), count)
        cuts = _cuts(parts, slabs)
    else:
        slabs, cuts = min(
            ((s, _cuts(parts, s)) for s in (Slabs(np.arange(n), count), _banded(parts, n, count))),
            key=lambda pair: sum(c.halo for c in pair[1]),
        )
    replicated = NamedSharding(mesh, P())
    H = jax.tree.map(lambda x: jax.device_put(x, replicated) if eqx.is_array(x) else x, H)
    return PartitionedHamiltonian(
        H, Layout(slabs, mesh, axis, _names(H.coordinates, slabs), parts, cuts)
    )


def _cuts(parts, slabs) -> tuple[Cut, Cut]:
    kinetic, potential = (cut([group.terminals for group in groups], slabs) for groups in parts)
    return kinetic, potential


def _groups(H) -> tuple[tuple[ElementGroup, ...], tuple[ElementGroup, ...]]:
    """The groups of T and of V, with what stays constant along a run computed once."""
    system = H.prepare()
    return (
        tuple(_group(part) for part in system.kinetic_parts),
        tuple(_group(part) for part in system.potential_parts),
    )


def _group(part: AbstractEnergy) -> ElementGroup:
    if isinstance(part, ElementGroup):
        return part
    if isinstance(part, DiagonalForm):
        own = SignedIncidence.identity(part.diagonal.shape[0])
        return ElementGroup(_SQUARE, (own,), {"a": part.diagonal}, labels=("square",))
    raise ValueError(
        f"{part.describe()}: this part couples all of its nodes to each other, so it can't be "
        "spread over devices; leave out mutual inductances and capacitors between nodes"
    )


def _banded(parts, n: int, count: int) -> Slabs:
    """Nodes numbered such that neighbours are near."""
    rows, columns = [], []
    for terminals in (t for groups in parts for group in groups for t in [group.terminals]):
        elements = np.concatenate([t.rows for t in terminals])
        nodes = np.concatenate([t.columns for t in terminals])
        incidence = coo_array(
            (np.ones(len(nodes)), (elements, nodes)), shape=(terminals[0].shape[0], n)
        ).tocsr()
        links = (incidence.T @ incidence).tocoo()
        rows.append(links.row)
        columns.append(links.col)
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(row)), (row, column)), shape=(n, n)).tocsr()
    position = np.empty(n, np.int64)
    position[reverse_cuthill_mckee(graph, symmetric_mode=True)] = np.arange(n)
    return Slabs(position, count)


def _names(coordinates, slabs: Slabs) -> Names:
    if slabs.is_natural and slabs.total == len(coordinates):
        return coordinates if isinstance(coordinates, Names) else Names(coordinates)
    names = [f"padding[{i}]" for i in range(slabs.total)]
    for name, position in zip(coordinates, slabs.position, strict=True):
        names[position] = name
    return Names(names)


def _spread(parameters, elements, sharding):
    """Parameters [slabs, elements]; those that all elements share stay what they are."""

    def own(values):
        if not values.ndim:
            return values
        if np.array_equal(elements.ravel(), np.arange(values.size)):
            return values.reshape(elements.shape)
        return jax.lax.with_sharding_constraint(values[elements], sharding)

    return {name: own(values) for name, values in parameters.items()}
