"""Do the gradient methods agree? A report to read and to test with."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, final

import equinox as eqx
import jax
import numpy as np
from rich.console import Console, Group
from rich.table import Table

from physsim import AbstractHamiltonian, AbstractSolver, DivergenceError, Inputs

from ._adjoint import ContinuousAdjoint
from ._bptt import BPTT
from ._echo import RHEL, ReversibleAdjoint
from ._gradient import AbstractGradient, Cost, Gradients, InitialState

_MAX_ROWS = 24


@final
@dataclass(frozen=True)
class Agreement:
    """One method against the reference, in one group of derivatives."""

    method: str
    group: str
    cosine: float
    norm_ratio: float
    relative_error: float


@final
@dataclass(frozen=True)
class GradientReport:
    """Values, gradients and agreement of several methods; `print(report)` shows tables."""

    reference: str
    values: dict[str, float]
    gradients: dict[str, Gradients]
    seconds: dict[str, float]
    agreements: tuple[Agreement, ...]
    names: tuple[str, ...]
    methods: dict[str, AbstractGradient]
    failed: dict[str, str]
    """Methods without a gradient, and why: echoes that lose their way."""

    def worst(self, method: str, without: Collection[str] = ()) -> float:
        """The largest relative error of a method over all groups but those of `without`."""
        rows = [a for a in self.agreements if a.method == method and a.group not in without]
        return max(a.relative_error for a in rows)

    def disagreeing(
        self,
        *,
        exact: float = 1e-6,
        echo: float = 1e-4,
        continuous: float = 1e-2,
        corners: bool = False,
    ) -> list[str]:
        """Methods whose relative error exceeds the tolerance of their type.

        `continuous` is for the adjoint of the differential equation, which differs from the
        others by the integrator's own error; `echo` for RHEL, by the size of its nudges;
        `exact` is for all others. With `corners` in the inputs along the run, the continuous
        adjoint's derivative by dt is left out: where a corner meets a stage the run has a kink
        in dt, and elsewhere its derivative converges with the first power of dt alone.
        """
        apart: dict[type, tuple[str, ...]] = {ContinuousAdjoint: ("dt",)} if corners else {}
        limits: dict[type, float] = {ContinuousAdjoint: continuous, RHEL: echo}
        kinds = {m: type(self.methods[m]) for m in self.gradients if m != self.reference}
        return [
            name
            for name, kind in kinds.items()
            if self.worst(name, apart.get(kind, ())) > limits.get(kind, exact)
        ]

    def components(self, units: Any = None) -> dict[str, np.ndarray]:
        """The derivative by each parameter, a flat array a method; by `units` of each (SI)."""
        flat = {m: _flatten(g.params) for m, g in self.gradients.items()}
        scale = 1.0 if units is None else _flatten(units)
        return {m: x / scale for m, x in flat.items()}

    def tables(self, units: Any = None) -> list[Table]:
        """The derivatives by parameter, and the agreement of the methods."""
        return [self._component_table(units), self._agreement_table()]

    def _component_table(self, units):
        components = self.components(units)
        table = Table(title="dL/d(parameter)" + ("" if units is None else ", per SI unit"))
        table.add_column("parameter")
        for method in components:
            table.add_column(method, justify="right")
        for i, name in enumerate(self.names[:_MAX_ROWS]):
            table.add_row(name, *(f"{x[i]: .6e}" for x in components.values()))
        if len(self.names) > _MAX_ROWS:
            table.caption = f"and {len(self.names) - _MAX_ROWS} more"
        return table

    def _agreement_table(self):
        table = Table(title=f"agreement with {self.reference}")
        for column in ("method", "group", "1 - cosine", "norm ratio - 1", "relative error"):
            table.add_column(column, justify="left" if column in ("method", "group") else "right")
        for a in self.agreements:
            if a.method != self.reference:
                numbers = (1 - a.cosine, a.norm_ratio - 1, a.relative_error)
                table.add_row(a.method, a.group, *(f"{x:.1e}" for x in numbers))
        return table

    def __str__(self) -> str:
        console = Console(width=120)
        with console.capture() as capture:
            console.print(Group(*self.tables()))
        return capture.get()


def compare_gradients(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y0: InitialState,
    cost: Cost,
    *,
    dt: float,
    num_steps: int,
    inputs: Inputs = None,
    targets: Any = None,
    methods: Mapping[str, AbstractGradient] | None = None,
    reference: str = "BPTT",
) -> GradientReport:
    """Compute the gradient by every method and hold each against the reference.

    `methods` maps names to methods, by default RHEL, the reversible adjoint, BPTT and the
    continuous adjoint; `reference` must be among them. Groups are the array leaves of the
    Hamiltonian, the initial state, the inputs and the step.
    """
    methods = methods or {
        "RHEL": RHEL(),
        "ReversibleAdjoint": ReversibleAdjoint(),
        "BPTT": BPTT(),
        "ContinuousAdjoint": ContinuousAdjoint(),
    }
    if reference not in methods:
        raise ValueError(f"the reference {reference} must be one of {', '.join(methods)}")
    values, gradients, seconds, failed = {}, {}, {}, {}
    options = {"dt": dt, "num_steps": num_steps, "inputs": inputs, "targets": targets}
    for name, method in methods.items():
        start = time.perf_counter()
        try:
            value, gradient = method(H, solver, y0, cost, **options)
        except DivergenceError as error:
            if name == reference:
                raise
            failed[name] = str(error)
            continue
        values[name], gradients[name] = float(value), jax.block_until_ready(gradient)
        seconds[name] = time.perf_counter() - start
    names = H.parameter_names()
    expected = _groups(gradients[reference], names)
    agreements = tuple(
        _agreement(name, group, x, expected[group])
        for name, gradient in gradients.items()
        for group, x in _groups(gradient, names).items()
    )
    return GradientReport(
        reference, values, gradients, seconds, agreements, names, dict(methods), failed
    )


def _flatten(tree) -> np.ndarray:
    leaves = jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))
    return np.concatenate([np.zeros(0), *(np.ravel(leaf) for leaf in leaves)])


def _groups(gradients: Gradients, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Flat arrays: one a leaf of the Hamiltonian, then state, inputs and step."""
    groups, at = {}, 0
    for leaf in jax.tree.leaves(gradients.params):
        if not leaf.size:
            continue
        part = names[at : at + leaf.size]
        at += leaf.size
        groups[part[0] if leaf.size == 1 else f"{part[0]} .. {part[-1]}"] = np.ravel(leaf)
    rest = {
        "initial q": gradients.y0.q,
        "initial p": gradients.y0.p,
        "inputs": gradients.inputs,
        "dt": gradients.dt,
    }
    return groups | {name: x for name, tree in rest.items() if (x := _flatten(tree)).size}


def _agreement(method, group, x, reference) -> Agreement:
    norm, scale = float(np.linalg.norm(x)), float(np.linalg.norm(reference))
    if scale == 0:
        return Agreement(method, group, 1.0 if norm == 0 else 0.0, 1.0 + norm, norm)
    cosine = float(x @ reference / (norm * scale)) if norm else 0.0
    error = float(np.linalg.norm(x - reference) / scale)
    return Agreement(method, group, cosine, norm / scale, error)
