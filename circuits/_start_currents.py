"""The currents of the link inductors at t = 0, where inductors share nodes."""

import numpy as np

from ._elements import CurrentSource
from ._errors import NetlistError
from ._netlist import Netlist
from ._normal_tree import NormalTree
from ._sources import value_at_start

_AGREE = 1e-9


def link_currents(netlist: Netlist, tree: NormalTree) -> np.ndarray:
    """In A, one a link inductor. What no `ic=` gives is zero, or follows from those that do.

    Raises `NetlistError` where the initial currents into a node do not add up.
    """
    given = {k: e.ic for k, e in enumerate(tree.link_inductors) if e.ic is not None}
    currents = np.zeros(len(tree.link_inductors))
    for k, value in given.items():
        currents[k] = value
    fixed = [(j, e) for j, e in enumerate(tree.inductors) if e.ic is not None]
    if not fixed:
        return currents
    inner = tree.inductor_columns
    K = tree.incidence((e.nodes for e in tree.link_inductors), inner).dense()
    pushed = _pushed(netlist, tree, inner)
    open_links = [k for k in range(len(currents)) if k not in given]
    columns = [j for j, _ in fixed]
    wanted = np.array([-e.ic for _, e in fixed]) - pushed[columns] - (K.T @ currents)[columns]
    matrix = K.T[np.ix_(columns, open_links)]
    found = np.linalg.lstsq(matrix, wanted, rcond=None)[0] if open_links else np.zeros(0)
    currents[open_links] = found
    left = wanted - matrix @ found
    worst = int(np.argmax(np.abs(left)))
    size = max(abs(e.ic) for _, e in fixed)
    if abs(left[worst]) > _AGREE * max(size, np.abs(currents).max(initial=0.0)):
        column, element = fixed[worst]
        coils = [e.name for e, k in zip(tree.link_inductors, K[:, column], strict=True) if k]
        others = ", ".join([*coils, *_pushing(netlist, tree, inner, column)])
        raise NetlistError(
            f"ic={element.ic:g} of {element.name} contradicts the other initial currents into its "
            f"nodes ({others}), which make it {element.ic + left[worst]:g}: change or remove one",
            element.location,
        )
    return currents


def _pushing(netlist, tree, inner, column) -> list[str]:
    """The sources that drive a current through one of the tree's inductors."""
    sources = [e for e in netlist.elements if isinstance(e, CurrentSource)]
    through = tree.incidence((e.nodes for e in sources), inner).dense()[:, column]
    return [e.name for e, k in zip(sources, through, strict=True) if k]


def _pushed(netlist, tree, inner) -> np.ndarray:
    """K_IL^T I(0)."""
    sources = [e for e in netlist.elements if isinstance(e, CurrentSource)]
    start = np.array([value_at_start(e.waveform) for e in sources])
    return tree.incidence((e.nodes for e in sources), inner).dense().T @ start
