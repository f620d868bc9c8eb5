"""Waveforms and figures for lists of component values."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float

from physsim.sharding import gather, make_blocks, run_blocks, stream

from ._circuit import Circuit
from ._errors import NetlistError
from ._mna_linear import Frequencies
from ._responses import plan
from ._runs import AT_ONCE, ROWS, Measure, Runs, flatten, named
from ._values import with_values

if TYPE_CHECKING:
    import xarray


def sweep(
    circuit: Circuit,
    values: Mapping[str, Sequence[float | int]],
    quantities: str | Sequence[str],
    *,
    t_end: Any = None,
    dt: Any = None,
    solver: Any = None,
    mesh: Mesh | None = None,
    progress: bool = False,
) -> "xarray.DataArray":
    """Waveforms [point, quantity, time] for lists of values, `{"R1.R": [10, 20, 50]}`.

    Lists of several values go together (equal lengths). One compilation for all points, which
    are spread over the devices of a `mesh`; the result is on every host, and the same on any
    number of devices. `progress` shows a bar.
    Raises `NetlistError` for a name the circuit does not have, and for values that are not
    positive where they must be; `ValueError` where a run diverges.
    """
    import xarray

    names, circuit = named(quantities), circuit.noiseless()
    table = _table(circuit, values)
    runs = Runs.plan(circuit, names, t_end, dt, solver)
    waves = _for_each(eqx.Partial(_waveforms, runs), table, mesh, progress)
    bad = ~np.isfinite(waves).all(axis=(1, 2))
    if bad.any():
        at = {name: column[int(np.argmax(bad))] for name, column in values.items()}
        raise ValueError(f"the run at {at} diverged: reduce dt")
    coords: dict[str, Any] = {"quantity": names, "time": ("time", np.asarray(runs.times))}
    coords |= {name: ("point", np.asarray(column, float)) for name, column in values.items()}
    return xarray.DataArray(waves, dims=("point", "quantity", "time"), coords=coords)


def sweep_figure(
    circuit: Circuit,
    values: Mapping[str, Sequence[float | int]],
    quantities: str | Sequence[str],
    measure: Measure,
    *,
    t_end: Any = None,
    dt: Any = None,
    solver: Any = None,
    frequencies: Frequencies = None,
    mesh: Mesh | None = None,
    progress: bool = False,
) -> Float[np.ndarray, " point"]:
    """A figure for lists of values as in `sweep`; of a response where there are `frequencies`.

    `measure` is as in `monte_carlo`. The figure is infinite or NaN where it does not occur. Raises
    `NetlistError` and `ValueError` as `sweep` does.
    """
    names, circuit = named(quantities), circuit.noiseless()
    measured = plan(circuit, names, t_end, dt, solver, frequencies)
    block = eqx.Partial(_figures, measured, measure)
    return _for_each(block, _table(circuit, values), mesh, progress)


def _waveforms(runs, values):
    return jax.vmap(runs.waveforms)(values)


def _figures(measured, measure, values):
    return jax.vmap(lambda x: measured.figure(measure, x))(values)


def _for_each(block, table, mesh, progress):
    """What `block` finds for the rows of a table, on every host."""
    blocks = make_blocks(len(table), AT_ONCE, ROWS, mesh)

    def call(numbers, live):
        rows = table[np.minimum(numbers, len(table) - 1)]
        return run_blocks(block, rows, live, mesh)

    calls = stream(call, blocks, gather, "running" if progress else None)
    return blocks.join(np.concatenate(calls, axis=1)[:, : blocks.rounds])


def _table(circuit, values):
    known = list(circuit.values())
    lengths = {len(column) for column in values.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            "lists of values change together, value by value: they must have one length, at least 1"
        )
    table = np.tile(flatten(circuit), (lengths.pop(), 1))
    for name, column in values.items():
        if name not in known:
            shown = ", ".join(known[:10])
            raise NetlistError(f"there is no value {name!r} in the circuit; there are {shown}, ...")
        table[:, known.index(name)] = column
    # The netlist's own checks: positive where it must be, couplings below one.
    for row in (table.argmin(axis=0), table.argmax(axis=0)):
        extremes = table[row, np.arange(table.shape[1])]
        with_values(circuit.netlist, dict(zip(known, extremes.tolist(), strict=True)))
    return table
