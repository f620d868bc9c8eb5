"""Parts of a network's energy, compiled per kind of element.

A kind is one local SymPy energy; a group holds all elements of a kind. The local energy
is differentiated once, and the forces of a group are computed as one vector operation,
so neither compile time nor code size grows with the number of elements.
"""

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import equinox as eqx
import jax.numpy as jnp
import jax.scipy.linalg as jsl
import numpy as np
import sympy
from jaxtyping import Array, Inexact

from ._compile import compile_scalar, gradient, is_even, is_quadratic
from ._incidence import SignedIncidence
from .trailing import as_column


@final
@dataclass(frozen=True)
class ElementKind:
    """The energy of one element, in its terminal variables, parameters and inputs."""

    name: str
    energy: sympy.Expr
    terminals: tuple[sympy.Symbol, ...]
    parameters: tuple[sympy.Symbol, ...] = ()
    inputs: tuple[sympy.Symbol, ...] = ()

    def __post_init__(self):
        unknown = self.energy.free_symbols - set(self.symbols)
        if unknown:
            raise ValueError(f"the energy of element kind {self.name} contains unknown {unknown}")

    @property
    def symbols(self) -> tuple[sympy.Symbol, ...]:
        return (*self.terminals, *self.parameters, *self.inputs)


class AbstractEnergy(eqx.Module):
    """A part of a network's energy: a function of positions (or momenta) and inputs."""

    is_quadratic: eqx.AbstractVar[bool]
    is_even: eqx.AbstractVar[bool]
    is_diagonal: eqx.AbstractVar[bool]
    """Whether each slope depends on its own coordinate alone."""

    @abstractmethod
    def __call__(
        self, x: Inexact[Array, "n *batch"], u: Inexact[Array, "m *#batch"]
    ) -> Inexact[Array, "*batch"]:
        """The energy."""

    @abstractmethod
    def slope(
        self, x: Inexact[Array, "n *batch"], u: Inexact[Array, "m *#batch"]
    ) -> Inexact[Array, "n *batch"]:
        """Its gradient in x."""

    @abstractmethod
    def prepare(self) -> "AbstractEnergy":
        """The same energy with what is constant along a run computed once."""

    def with_inverse(self) -> "AbstractEnergy":
        """The same energy, a matrix that its slope inverts being inverted once."""
        return self

    @abstractmethod
    def parameter_names(self) -> tuple[str, ...]:
        """One name a scalar parameter, in leaf order."""

    @abstractmethod
    def describe(self) -> str:
        """One line for people: what it is and how it is applied."""


@final
class ElementGroup(AbstractEnergy):
    """All M elements of one kind.

    `terminals[t]` maps the n coordinates to the M values of terminal t; `parameters`
    holds an array [M] for each parameter; `input_index[i]` says which of the network's
    inputs feeds input i of each element.
    """

    kind: ElementKind = eqx.field(static=True)
    terminals: tuple[SignedIncidence, ...] = eqx.field(static=True)
    parameters: dict[str, Inexact[Array, " *M"]]
    labels: tuple[str, ...] = eqx.field(static=True)
    input_index: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __init__(
        self,
        kind: ElementKind,
        terminals: Sequence[SignedIncidence],
        parameters: Mapping[str, Inexact[Array, " *M"]],
        *,
        labels: Sequence[str] | None = None,
        input_index: Sequence[Sequence[int]] = (),
    ):
        self.kind = kind
        self.terminals = tuple(terminals)
        size = self.terminals[0].shape[0]
        self.parameters = {s.name: jnp.asarray(parameters[s.name]) for s in kind.parameters}
        for name, values in self.parameters.items():
            if values.shape not in ((size,), ()):
                raise ValueError(
                    f"parameter {name} of {kind.name}: expected shape ({size},) or a scalar, "
                    f"got {values.shape}"
                )
        self.labels = tuple(labels or (f"{kind.name}[{i}]" for i in range(size)))
        self.input_index = tuple(tuple(index) for index in input_index)

    @property
    def is_quadratic(self) -> bool:
        return is_quadratic(self.kind.energy, self.kind.terminals)

    @property
    def is_even(self) -> bool:
        return is_even(self.kind.energy, self.kind.terminals)

    @property
    def is_diagonal(self) -> bool:
        return len(self.terminals) == 1 and self.terminals[0].is_selection

    def _evaluate(self, expr, x, u):
        values = [terminal(x) for terminal in self.terminals]
        values += [as_column(self.parameters[s.name], x) for s in self.kind.parameters]
        values += [as_column(u[np.asarray(index)], x) for index in self.input_index]
        return compile_scalar(expr, self.kind.symbols)(*values)

    def energies(self, x, u) -> Inexact[Array, "M *batch"]:
        """The energy of each element."""
        return self._evaluate(self.kind.energy, x, u)

    def currents(self, x, u) -> tuple[Inexact[Array, "M *batch"], ...]:
        """The derivative of each element's energy by each of its terminal variables."""
        return tuple(
            self._evaluate(d, x, u) for d in gradient(self.kind.energy, self.kind.terminals)
        )

    def __call__(self, x, u):
        return jnp.sum(self.energies(x, u), axis=0)

    def slope(self, x, u):
        pairs = zip(self.terminals, self.currents(x, u), strict=True)
        parts = [terminal.T(current) for terminal, current in pairs]
        return sum(parts[1:], start=parts[0])

    def prepare(self):
        return self

    def parameter_names(self):
        # Leaves of a dict come sorted by key.
        return tuple(
            name
            for key in sorted(self.parameters)
            for name in self._names(key, self.parameters[key])
        )

    def _names(self, key, values):
        return [f"{label}.{key}" for label in self.labels] if values.ndim else [key]

    def describe(self):
        ways = ", ".join(terminal.strategy for terminal in self.terminals)
        return (
            f"{self.terminals[0].shape[0]} x {self.kind.name}: {self.kind.energy}; "
            f"coordinates by {ways}"
        )


@final
class InverseQuadratic(AbstractEnergy):
    """x^T M^-1 x / 2 with M = diag(tree) + K^T diag(cotree) K.

    The energy of charges on a tree of capacitors with further capacitors across it; with
    none of these (`cotree` None) M is diagonal and is never built.
    """

    tree: Inexact[Array, " n"]
    cotree: Inexact[Array, " k"] | None
    incidence: SignedIncidence = eqx.field(static=True)
    labels: tuple[str, ...] = eqx.field(static=True)
    inverse: Inexact[Array, "n n"] | None = None
    """M^-1, where `with_inverse` has found it."""
    is_quadratic: bool = eqx.field(static=True, default=True)
    is_even: bool = eqx.field(static=True, default=True)

    @property
    def is_diagonal(self) -> bool:
        return self.cotree is None

    def apply(self, v: Inexact[Array, " n"]) -> Inexact[Array, " n"]:
        """M v: the charges that go with tree voltages."""
        charges = self.tree * v
        return charges if self.cotree is None else charges + self.drawn(self.incidence(v))

    def drawn(self, across: Inexact[Array, " k"]) -> Inexact[Array, " n"]:
        """K^T diag(cotree) v: what voltages on the further capacitors add to the charges."""
        if self.cotree is None:
            return jnp.zeros_like(self.tree)
        return self.incidence.T(self.cotree * across)

    def prepare(self):
        if self.cotree is None or not self.tree.size:
            return DiagonalForm(1.0 / self.tree)
        if self.inverse is not None:
            return QuadraticForm(self.inverse)
        k = jnp.asarray(self.incidence.dense(), self.tree.dtype)
        matrix = jnp.diag(self.tree) + k.T @ (self.cotree[:, None] * k)
        identity = jnp.eye(self.tree.size, dtype=self.tree.dtype)
        return QuadraticForm(jsl.cho_solve(jsl.cho_factor(matrix), identity))

    def with_inverse(self):
        if self.cotree is None or not self.tree.size:
            return self
        found = self.prepare()
        assert isinstance(found, QuadraticForm)
        return dataclasses.replace(self, inverse=found.matrix)

    def __call__(self, x, u):
        return 0.5 * jnp.sum(x * self.slope(x, u), axis=0)

    def slope(self, x, u):
        return x / as_column(self.tree, x) if self.cotree is None else self.prepare().slope(x, u)

    def parameter_names(self):
        return self.labels

    def describe(self):
        size = self.tree.size
        if self.cotree is None:
            return f"{size} masses: x^2/2M, diagonal"
        return f"{size} masses coupled by {self.cotree.size} more: x^T M^-1 x / 2, dense inverse"


@final
class DiagonalForm(AbstractEnergy):
    """sum of a x^2 / 2, with a vector a: reciprocal masses, since divisions are slow."""

    diagonal: Inexact[Array, " n"]
    is_quadratic: bool = eqx.field(static=True, default=True)
    is_even: bool = eqx.field(static=True, default=True)
    is_diagonal: bool = eqx.field(static=True, default=True)

    def __call__(self, x, u):
        return 0.5 * jnp.sum(x * self.slope(x, u), axis=0)

    def slope(self, x, u):
        return as_column(self.diagonal, x) * x

    def prepare(self):
        return self

    def parameter_names(self):
        return tuple(f"a[{i}]" for i in range(self.diagonal.size))

    def describe(self):
        return f"{self.diagonal.size} terms: a x^2 / 2"


@final
class QuadraticForm(AbstractEnergy):
    """x^T A x / 2 with a dense symmetric matrix A."""

    matrix: Inexact[Array, "n n"]
    is_quadratic: bool = eqx.field(static=True, default=True)
    is_even: bool = eqx.field(static=True, default=True)
    is_diagonal: bool = eqx.field(static=True, default=False)

    def __call__(self, x, u):
        return 0.5 * jnp.sum(x * (self.matrix @ x), axis=0)

    def slope(self, x, u):
        return self.matrix @ x

    def prepare(self):
        return self

    def parameter_names(self):
        size = self.matrix.shape[0]
        return tuple(f"A[{i},{j}]" for i in range(size) for j in range(size))

    def describe(self):
        return f"x^T A x / 2 with a dense matrix of {self.matrix.shape[0]} rows"
