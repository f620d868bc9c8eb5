"""What of a circuit stays the same whatever its values are."""

from typing import final

import numpy as np

from physsim import SignedIncidence


@final
class Frame:
    """Names, numbers and incidences; compared by content."""

    def __init__(
        self,
        *,
        coordinates: tuple[str, ...],
        input_names: tuple[str, ...],
        spans: tuple[int, ...],
        num_charges: int,
        fluxes: tuple[int, ...],
        voltages: tuple[int, ...],
        resistors: SignedIncidence,
        capacitors: SignedIncidence,
        ports: SignedIncidence,
        tree_resistors: tuple[str, ...],
        link_resistors: tuple[str, ...],
        gyrators: tuple[str, ...],
        series_is_local: bool,
        has_exact_flows: bool,
    ):
        """`resistors`, `capacitors` (the link ones) and `ports` map x to branch fluxes."""
        self.coordinates, self.input_names, self.spans = coordinates, input_names, spans
        self.num_charges, self.fluxes, self.voltages = num_charges, fluxes, voltages
        self.resistors, self.capacitors, self.ports = resistors, capacitors, ports
        self.tree_resistors, self.link_resistors = tree_resistors, link_resistors
        self.gyrators = gyrators
        self.series_is_local, self.has_exact_flows = series_is_local, has_exact_flows
        n = len(coordinates)
        charged, resistive, driven = (0, num_charges), (num_charges, n), (n, resistors.shape[1])
        self.by_charge, self.by_resistor, self.by_source = (
            _columns(resistors, part) for part in (charged, resistive, driven)
        )
        self.capacitors_by_source = _columns(capacitors, driven)
        once = np.bincount(self.by_charge.rows, minlength=1).max(initial=0) <= 1
        self.parallel_is_local = bool(once and not len(self.by_resistor.rows) and not gyrators)
        self._key = tuple(self.__dict__.values())
        self._hash = hash(self._key)

    def __eq__(self, other):
        return self is other or (isinstance(other, Frame) and self._key == other._key)

    def __hash__(self):
        return self._hash


def _columns(matrix: SignedIncidence, part: tuple[int, int]) -> SignedIncidence:
    start, stop = part
    keep = (matrix.columns >= start) & (matrix.columns < stop)
    return SignedIncidence(
        matrix.rows[keep],
        matrix.columns[keep] - start,
        matrix.signs[keep],
        (matrix.shape[0], stop - start),
    )
