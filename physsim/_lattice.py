"""Large regular networks from a SymPy energy with `Sum` and `IndexedBase`."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import sympy
from jaxtyping import Array, Float

from ._lattice_index import numbered
from ._lattice_sums import LatticeRoles, collect
from ._lattice_terms import LatticeTerm, make_term
from ._network import AbstractAssembled, NetworkHamiltonian


@final
class LatticeHamiltonian(AbstractAssembled):
    """H = T(p) + V(q, u) as sums over a lattice; made by `physsim.lattice`.

    The leaves are the shared parameters, each a scalar or an array, so the gradient by a
    coupling that all elements share is one number. `prepare` gives each group of elements its
    parameters.
    """

    params: dict[str, Float[Array, "..."]]
    expr: sympy.Expr = eqx.field(static=True)
    kinetic_terms: tuple[LatticeTerm, ...] = eqx.field(static=True)
    potential_terms: tuple[LatticeTerm, ...] = eqx.field(static=True)
    roles: LatticeRoles = eqx.field(static=True)
    is_clocked: bool = eqx.field(static=True)

    @property
    def coordinates(self) -> tuple[str, ...]:
        return numbered(str(self.roles.q), self.roles.size)

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.roles.inputs)

    @property
    def has_clock(self) -> bool:
        return self.is_clocked

    @property
    def is_even(self) -> bool:
        return self._structure().is_even

    @property
    def kinetic_is_quadratic(self) -> bool:
        return self._structure().kinetic_is_quadratic

    @property
    def kinetic_is_diagonal(self) -> bool:
        return self._structure().kinetic_is_diagonal

    @property
    def potential_is_quadratic(self) -> bool:
        return self._structure().potential_is_quadratic

    def _structure(self) -> NetworkHamiltonian:
        """What `prepare` returns, with shapes for arrays: nothing is computed."""
        return eqx.filter_eval_shape(LatticeHamiltonian.prepare, self)

    def prepare(self) -> NetworkHamiltonian:
        """The network of element groups, one a kind of term."""
        return NetworkHamiltonian(
            tuple(term.group(self.params) for term in self.kinetic_terms),
            tuple(term.group(self.params) for term in self.potential_terms),
            self.coordinates,
            self.input_names,
        )

    def parameter_names(self):
        # Leaves of a dict come sorted by key.
        return tuple(name for key in sorted(self.params) for name in _names(key, self.params[key]))

    def describe(self):
        return self._structure().describe()


def lattice(
    energy: sympy.Expr,
    *,
    q: sympy.IndexedBase,
    p: sympy.IndexedBase,
    size: int,
    u: Sequence[sympy.Symbol] = (),
    params: Mapping[Any, Any] | None = None,
    t: sympy.Symbol | None = None,
) -> LatticeHamiltonian:
    """Compile an energy of sums over `q[...]` and `p[...]`, each of `size` entries.

    The energy adds up `sympy.Sum`s over integer indices with integer bounds and terms outside
    any Sum; every term has q (and inputs) or p, not both. Indices are integers made of the
    Sums' indices by +, *, `floor` and `Mod`. `params` maps each parameter `Symbol` to a number
    and each parameter `IndexedBase` to an array that its indices exhaust. A run feeds the time
    `t` by itself, as the last input.

    >>> i, k = sympy.Symbol("i", integer=True), sympy.Symbol("k")
    >>> q, p = sympy.IndexedBase("q"), sympy.IndexedBase("p")
    >>> stretch = q[sympy.Mod(i + 1, 8)] - q[i]
    >>> ring = sympy.Sum(p[i] ** 2 / 2 + k * stretch**2 / 2, (i, 0, 7))
    >>> H = physsim.lattice(ring, q=q, p=p, size=8, params={k: 4.0})
    >>> len(H.coordinates)
    8

    Code and compile time do not grow with the number of elements, but they do with the number
    of terms. Raises `ValueError` for indices out of range, bounds that are no integers, symbols
    with two roles or none, terms that mix q and p, and parameters of another shape or not
    finite and real.
    """
    _require_bases(energy, q, p, size)
    params = dict(sorted((params or {}).items(), key=lambda item: str(item[0])))
    values = {str(key): _value(key, value) for key, value in params.items()}
    roles = LatticeRoles(
        q,
        p,
        size,
        (*u, *(() if t is None else (t,))),
        tuple(s for s in params if isinstance(s, sympy.Symbol)),
        tuple((s, values[str(s)].shape) for s in params if isinstance(s, sympy.IndexedBase)),
    )
    kinetic, potential = _terms(energy, roles)
    if not kinetic:
        raise ValueError(f"the energy has no term with {p}[...], so nothing would move: add T(p)")
    _check_used_up(roles, (*kinetic, *potential))
    return LatticeHamiltonian(values, energy, kinetic, potential, roles, t is not None)


def _terms(energy, roles):
    """The kinetic and the potential terms."""
    terms = [(g.base == roles.p, make_term(g, e, roles)) for g, e in collect(energy, roles).items()]
    return tuple(x for moving, x in terms if moving), tuple(x for moving, x in terms if not moving)


def _require_bases(energy, q, p, size):
    for name, base in (("q", q), ("p", p)):
        if not isinstance(base, sympy.IndexedBase):
            raise ValueError(
                f"{name} must be a sympy.IndexedBase, got {type(base).__name__}; "
                "physsim.symbolic takes symbols"
            )
    if not isinstance(energy, sympy.Expr):
        raise ValueError(
            f"the energy must be a SymPy expression, not {type(energy).__name__}; "
            "build it from sympy.Sum (text is never evaluated)"
        )
    if size < 1:
        raise ValueError(f"size, the number of coordinates, must be at least 1, got {size}")


def _value(key: Any, value: Any) -> Float[Array, "..."]:
    number = np.asarray(value)
    if not np.issubdtype(number.dtype, np.number) or np.iscomplexobj(number):
        raise ValueError(f"the parameter {key} must be real, got {value!r}")
    if isinstance(key, sympy.Symbol) and number.ndim:
        raise ValueError(
            f"the parameter {key} must be one number, got shape {number.shape}; "
            "for one an element make it a sympy.IndexedBase and write an index"
        )
    if isinstance(key, sympy.IndexedBase) and not number.ndim:
        raise ValueError(f"the parameter {key} is indexed: pass an array, not {value!r}")
    if not isinstance(key, sympy.Symbol | sympy.IndexedBase):
        raise ValueError(f"params has the key {key!r}: use a sympy.Symbol or sympy.IndexedBase")
    if not np.all(np.isfinite(number)):
        raise ValueError(f"the parameter {key} must be finite, got {value!r}")
    return jnp.asarray(value, dtype=float)


def _check_used_up(roles: LatticeRoles, terms: tuple[LatticeTerm, ...]) -> None:
    """Raise where an array is longer than the indices reach: it then belongs to other sites."""
    gathers = [gather for term in terms for gather in term.gathers]
    for base, shape in roles.arrays:
        own = [g.entries.columns for g in gathers if g.source == str(base)]
        if not own:
            continue
        reached = np.unravel_index(np.concatenate(own), shape)
        needed = tuple(int(axis.max()) + 1 for axis in reached)
        if needed != shape:
            raise ValueError(
                f"the parameter {base} has shape {shape}, but the energy reads only {needed}: "
                "pass an array of that shape"
            )


def _names(key: str, values: Float[Array, "..."]) -> list[str]:
    if not values.ndim:
        return [key]
    return [f"{key}[{','.join(map(str, index))}]" for index in np.ndindex(values.shape)]
