"""Coupled coils: what makes their mutual inductances those of one magnetic energy."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu

from .._disjoint_sets import DisjointSets
from .._elements import Coupling, Element, Inductor
from .._errors import NetlistError, listed
from ._words import place_of, quote, suggest

# The smallest eigenvalue that a group's normalised inductance matrix may have.
_SMALLEST = 1e-12
_LARGEST_DENSE = 300
_SHOWN = 6

Pairs = dict[tuple[str, str], Coupling]


def check_couplings(elements: Sequence[Element], couplings: Sequence[Coupling]) -> None:
    """Raise `NetlistError` where couplings are not those of coils:

    - a coefficient k that is not 0 < |k| < 1, an inductor that does not exist;
    - two inductors coupled twice, or one with itself;
    - a connected group of coils whose matrix (1 on the diagonal, k elsewhere) is not
      positive definite: some currents would have a negative energy.
    """
    if not couplings:
        return
    coils = {e.name.lower(): e.name for e in elements if isinstance(e, Inductor)}
    pairs: Pairs = {}
    for coupling in couplings:
        _check_one(coupling, coils)
        for pair in combinations(sorted(name.lower() for name in coupling.inductors), 2):
            _refuse_twice(pair, pairs.get(pair), coupling, coils)
            pairs[pair] = coupling
    for group in _groups(pairs):
        _refuse_indefinite(group, coils)


def _check_one(coupling: Coupling, coils: Mapping[str, str]) -> None:
    k = coupling.coefficient
    if len(coupling.inductors) < 2:
        raise NetlistError(f"{coupling.name} couples fewer than two inductors", coupling.location)
    if not 0 < abs(k) < 1:
        raise NetlistError(
            f"{coupling.name}: a coefficient of coupling has to lie between -1 and 1 and not be 0, "
            f"not {k:g}; coils coupled without leakage are an ideal transformer (P ... ratio=n)",
            coupling.location,
        )
    for name in coupling.inductors:
        if name.lower() not in coils:
            hint = suggest(name, coils.values()) or "; K cards name inductors (L)"
            raise NetlistError(
                f"{coupling.name}: there is no inductor {quote(name)}{hint}", coupling.location
            )


def _refuse_twice(
    pair: tuple[str, str], earlier: Coupling | None, coupling: Coupling, coils: Mapping[str, str]
) -> None:
    first, second = (coils[name] for name in pair)
    if first == second:
        raise NetlistError(f"{coupling.name} couples {first} with itself", coupling.location)
    if earlier is not None:
        place = coupling.location and earlier.location
        where = f" {place_of(place, coupling.location.file)}" if place and coupling.location else ""
        raise NetlistError(
            f"{coupling.name}: {first} and {second} are coupled by {earlier.name}{where} already; "
            "keep one of them",
            coupling.location,
        )


def _groups(pairs: Pairs) -> Iterable[Pairs]:
    """The pairs of each connected set of coils."""
    numbers = {name: k for k, name in enumerate(dict.fromkeys(n for pair in pairs for n in pair))}
    sets = DisjointSets(len(numbers))
    for first, second in pairs:
        sets.join(numbers[first], numbers[second])
    groups: dict[int, Pairs] = {}
    for pair, coupling in pairs.items():
        groups.setdefault(sets.find(numbers[pair[0]]), {})[pair] = coupling
    return groups.values()


def _refuse_indefinite(group: Pairs, coils: Mapping[str, str]) -> None:
    names = list(dict.fromkeys(name for pair in group for name in pair))
    if len(names) == 2 or _is_definite(group, {name: i for i, name in enumerate(names)}):
        return
    cards = list(dict.fromkeys(coupling.name for coupling in group.values()))
    raise NetlistError(
        f"the couplings {listed(cards, _SHOWN)} contradict each other: together the inductances of "
        f"{listed([coils[name] for name in names], _SHOWN)} are not positive definite, so that "
        "some currents would have no positive energy; make coefficients smaller or change a sign",
        next(iter(group.values())).location,
    )


def _is_definite(group: Pairs, index: Mapping[str, int]) -> bool:
    rows = [index[first] for first, _ in group]
    columns = [index[second] for _, second in group]
    values = [coupling.coefficient for coupling in group.values()]
    upper = csc_array((values, (rows, columns)), shape=(len(index), len(index)))
    matrix = upper + upper.T + eye_array(len(index))
    if len(index) <= _LARGEST_DENSE:
        return bool(np.linalg.eigvalsh(matrix.toarray())[0] > _SMALLEST)
    # By Sylvester's law of inertia: without pivoting, all pivots are positive.
    shifted = csc_array(matrix - _SMALLEST * eye_array(len(index)))
    factors = splu(shifted, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    unpivoted = np.array_equal(factors.perm_r, factors.perm_c)
    smallest = float(factors.U.diagonal().min())
    return unpivoted and smallest > 0 and math.isfinite(smallest)
