"""How a response to small signals depends on every value in the network."""

from typing import TYPE_CHECKING

import numpy as np

from ._mna_adjoint import at_fixed_point, by_state, of_state, value_names
from ._mna_linear import Frequencies, Linearised, listed_frequencies
from ._mna_newton import Balance
from ._mna_solve import Factors
from ._netlist import Netlist

if TYPE_CHECKING:
    import xarray


def ac_sensitivity(
    netlist: Netlist, output: str, frequencies: Frequencies = None
) -> "xarray.DataArray":
    """See `Circuit.ac_sensitivity`."""
    import xarray  # noqa: PLC0415

    values = listed_frequencies(netlist, frequencies)
    system = Linearised(netlist)
    mna, state, wanted = system.mna, system.state, system.output(output)
    drive, names = system.drive(), value_names(mna)
    rows = np.empty((len(values), len(names)), complex)
    moving = np.zeros((mna.size, len(values)), complex)
    for k, f in enumerate(values):
        s = 2j * np.pi * f
        factors = system.factors(f)
        x, z = factors.solve(drive), factors.solve_transposed(wanted.weights(s))
        rows[k] = at_fixed_point(mna, wanted, state, x, z, s)
        moving[:, k] = by_state(mna, wanted, state, x, z)
    if not mna.is_linear:
        balance = Balance(mna)
        factors = Factors(balance.jacobian(state))
        real, imaginary = map(factors.solve_transposed, (np.real(moving), np.imag(moving)))
        for k, multiplier in enumerate((real + 1j * imaginary).T):
            rows[k] += of_state(mna, balance, state, multiplier)
    return xarray.DataArray(
        rows,
        dims=("frequency", "value"),
        coords={"frequency": ("frequency", values, {"units": "Hz"}), "value": names},
        name=wanted.name,
    )
