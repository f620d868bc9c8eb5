"""Derivatives of a figure of a run by all values of a circuit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ._circuit import Circuit
from ._mna_linear import Frequencies
from ._responses import plan
from ._runs import Measure, flatten, named, slopes_along

if TYPE_CHECKING:
    import xarray


def sensitivity(
    circuit: Circuit,
    quantities: str | Sequence[str],
    measure: Measure,
    *,
    t_end: Any = None,
    dt: Any = None,
    solver: Any = None,
    frequencies: Frequencies = None,
) -> "xarray.DataArray":
    """Derivatives of measure(t, x, ...) by every value of the circuit, per unit in SI: [value].

    `measure` and `frequencies` are as in `monte_carlo`; `attrs["figure"]` is its value.
    Derivatives are carried forward along the run (one linearised run a value, in batches; memory
    does not grow with the run), so they are those of the steps taken, for every circuit, solver
    and measure. Raises `ValueError` where what is measured does not occur.
    """
    import xarray

    names, circuit = named(quantities), circuit.noiseless()
    measured = plan(circuit, names, t_end, dt, solver, frequencies)
    units = np.concatenate([np.ravel(x) for x in jax.tree.leaves(circuit.units)])
    base = jnp.asarray(flatten(circuit))
    figure, slopes = slopes_along(measured, measure, base, jnp.asarray(np.diag(units)))
    found = np.asarray(slopes) / units
    if not (np.isfinite(figure) and np.isfinite(found).all()):
        raise ValueError("what is measured does not occur in the run, or the run diverged")
    return xarray.DataArray(
        found,
        dims=("value",),
        coords={"value": list(circuit.values())},
        attrs={"figure": float(figure)},
    )
