"""Component tolerances: the spread of a figure, and the yield."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float
from scipy.special import erf

from physsim.sharding import make_blocks

from ._circuit import Circuit
from ._draws import Draws
from ._errors import NetlistError
from ._figures import Figures, find_figures
from ._mna_linear import Frequencies
from ._netlist import Tolerance
from ._netlist._tolerances import matcher
from ._netlist._values import tolerance_fault
from ._responses import plan
from ._runs import AT_ONCE, ROWS, Measure, flatten, named, slopes_along


@final
class Sample(eqx.Module):
    """The figure of a sample by its number."""

    measured: Any
    draws: Draws
    base: Float[np.ndarray, " P"]
    index: Any
    measure: Measure = eqx.field(static=True)

    def __call__(self, number: Any) -> Any:
        values = jnp.asarray(self.base).at[self.index].set(self.draws.values(number))
        return self.measured.figure(self.measure, values)


@final
class MonteCarlo(eqx.Module):
    """The figures of many samples, and what gradients alone would have said.

    `found` has their mean, deviation and quantiles; `predicted_deviation` comes from the
    figure's derivatives at the nominal values. On several hosts, each has to ask for what
    is of all samples.
    """

    draws: Draws
    found: Figures
    nominal: float = eqx.field(static=True)
    slopes: Float[np.ndarray, " k"]
    """d figure / d log value, by spread value."""
    predicted_deviation: float = eqx.field(static=True)
    limits: tuple[float, float] = eqx.field(static=True)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the values that are spread."""
        return self.draws.names

    @property
    def deviations(self) -> Float[np.ndarray, " k"]:
        """Standard deviations of the values, relative to them."""
        return self.draws.deviations

    @property
    def values(self) -> Float[np.ndarray, "samples k"]:
        """The spread values of all samples, in SI, drawn again."""
        return self.draws.table(np.arange(self.found.blocks.count))

    @property
    def figures(self) -> Float[np.ndarray, " samples"]:
        """Of all samples."""
        return self.found.all()

    @property
    def yield_(self) -> float:
        """The part of the samples within the limits."""
        return self.found.within(*self.limits) / self.found.blocks.count

    @property
    def predicted_yield(self) -> float:
        """That of a normal distribution with the predicted mean and deviation."""
        low, high = self.limits
        scale = math.sqrt(2) * self.predicted_deviation
        if scale == 0:
            return float(low <= self.nominal <= high)
        return float(erf((high - self.nominal) / scale) - erf((low - self.nominal) / scale)) / 2


def monte_carlo(
    circuit: Circuit,
    quantities: str | Sequence[str],
    measure: Measure,
    *,
    samples: int = 1000,
    seed: int = 0,
    tolerances: Sequence[Tolerance] | Mapping[str, float] | None = None,
    limits: tuple[float, float] = (-math.inf, math.inf),
    t_end: Any = None,
    dt: Any = None,
    solver: Any = None,
    frequencies: Frequencies = None,
    mesh: Mesh | None = None,
    progress: bool = False,
) -> MonteCarlo:
    """The spread of measure(t, x, ...) when component values have tolerances.

    `measure` takes times and a waveform for each of `quantities` (`circuits.rms`,
    `circuits.crossing`, ... or your own, in JAX). `tolerances` are the netlist's
    `.tolerance` cards, or `{"C*": 0.05}`: standard deviations relative to the value, by
    element name. With `frequencies` (Hz, or a `circuits.Ac`) it is a figure of the response of a
    linear circuit to its AC sources: `circuits.cutoff`, `bandwidth`, `gain`, ...

    A sample's values depend on `seed` and its number alone: more samples begin with the same
    ones, and nothing changes with the devices. Blocks of samples go through one
    compilation, spread over the devices of a `mesh`; only their figures are kept, so that their
    number is not bounded by memory. `progress` shows a bar.

    Raises `ValueError` where nothing has a tolerance, for one that is not between 0 and 1 (100 %),
    or where a run diverges.
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    names, circuit = named(quantities), circuit.noiseless()
    spread_values = _spread(circuit, tolerances)
    base, labels = flatten(circuit), list(circuit.values())
    index = np.array([k for k, _ in spread_values])
    given = [tolerance for _, tolerance in spread_values]
    draws = Draws.make(seed, [labels[k] for k in index], base[index], given)
    measured = plan(circuit, names, t_end, dt, solver, frequencies)
    directions = np.zeros((len(index), base.size))
    directions[np.arange(len(index)), index] = base[index]
    nominal, slopes = slopes_along(measured, measure, jnp.asarray(base), jnp.asarray(directions))
    if not np.isfinite(nominal):
        raise _not_finite("at the nominal values")
    sample = Sample(measured, draws, base, index, measure)
    blocks = make_blocks(samples, AT_ONCE, ROWS, mesh)
    found = find_figures(sample, float(nominal), blocks, mesh, progress)
    which = found.first_not_finite()
    if which is not None:
        raise _not_finite(f"of sample {which}")
    slopes = np.asarray(slopes)
    predicted = float(np.linalg.norm(slopes * draws.deviations))
    return MonteCarlo(draws, found, float(nominal), slopes, predicted, limits)


def _not_finite(where: str) -> ValueError:
    return ValueError(
        f"the figure {where} is not finite: its run diverged (reduce dt), or what is measured does "
        "not occur in it (run longer, or take further frequencies)"
    )


def _spread(circuit, tolerances) -> list[tuple[int, Tolerance]]:
    """(place of the value, its tolerance); of several that fit, the last holds."""
    given = circuit.netlist.tolerances if tolerances is None else tolerances
    if isinstance(given, Mapping):
        given = [Tolerance(pattern.lower(), relative) for pattern, relative in given.items()]
        for tolerance in given:
            if fault := tolerance_fault(tolerance):
                raise NetlistError(f"tolerance {tolerance.pattern}: {fault}")
    main = {"C", "L", "R", "icrit", "k", "g"}
    found: dict[int, Tolerance] = {}
    for k, label in enumerate(circuit.values()):
        name, _, what = label.rpartition(".")
        for tolerance in given:
            if what in main and matcher(tolerance.pattern.lower()).fullmatch(name.lower()):
                found[k] = tolerance
    if not found and given:
        patterns = ", ".join(tolerance.pattern for tolerance in given)
        raise ValueError(f"tolerance {patterns}: fits none of {', '.join(circuit.values())}")
    if not found:
        raise ValueError(
            'no value has a tolerance: give .tolerance cards, or tolerances={"C*": 0.05} (on the '
            'command line --tolerance "C*=5%")'
        )
    return list(found.items())
