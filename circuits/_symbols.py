"""Symbols of elements: strokes in a frame from (-1/2, 0), the first node, to (1/2, 0)."""

import numpy as np

from ._elements import (
    Capacitor,
    CurrentSource,
    Gyrator,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
    Resistor,
    Transformer,
    VoltageSource,
)


def _stroke(*points: tuple[int | float, int | float]) -> np.ndarray:
    return np.array(points)


def _arc(centre: float, radius: float, start: int, stop: int) -> np.ndarray:
    """From angle to angle, in degrees."""
    angles = np.radians(np.linspace(start, stop, 25))
    return np.stack([centre + radius * np.cos(angles), radius * np.sin(angles)], axis=1)


_RESISTOR = [_stroke((-0.5, 0), *((-0.4 + 0.16 * k, 0.22 * (-1) ** k) for k in range(6)), (0.5, 0))]
_COIL = [_arc(x, 0.125, 180, 0) for x in (-0.375, -0.125, 0.125, 0.375)]
_PLATES = [
    _stroke((-0.5, 0), (-0.1, 0)),
    _stroke((-0.1, -0.4), (-0.1, 0.4)),
    _stroke((0.1, -0.4), (0.1, 0.4)),
    _stroke((0.1, 0), (0.5, 0)),
]
_CIRCLE = _arc(0.0, 0.5, 0, 360)
_CROSS = [
    _stroke((-0.5, 0), (0.5, 0)),
    _stroke((-0.28, -0.28), (0.28, 0.28)),
    _stroke((-0.28, 0.28), (0.28, -0.28)),
]
# An arrow through the symbol: its value depends on the state.
_SLANT = [_stroke((-0.4, -0.4), (0.45, 0.45)), _stroke((0.25, 0.42), (0.45, 0.45), (0.42, 0.25))]
_BOX = _stroke((-0.5, -0.3), (0.5, -0.3), (0.5, 0.3), (-0.5, 0.3), (-0.5, -0.3))

SYMBOLS: dict[type, list[np.ndarray]] = {
    Capacitor: _PLATES,
    NonlinearCapacitor: _PLATES + _SLANT,
    Inductor: _COIL,
    NonlinearInductor: _COIL + _SLANT,
    Resistor: _RESISTOR,
    NonlinearResistor: _RESISTOR + _SLANT,
    Junction: _CROSS,
    CurrentSource: [
        _CIRCLE,
        _stroke((-0.3, 0), (0.3, 0)),
        _stroke((0.12, 0.14), (0.3, 0), (0.12, -0.14)),
    ],
    VoltageSource: [
        _CIRCLE,
        _stroke((-0.34, 0), (-0.14, 0)),
        _stroke((-0.24, -0.1), (-0.24, 0.1)),
        _stroke((0.22, -0.1), (0.22, 0.1)),
    ],
    Gyrator: [_BOX, _arc(-0.22, 0.18, -90, 90), _arc(0.22, 0.18, 90, 270)],
    Transformer: [_BOX, _arc(-0.18, 0.2, -90, 90), _arc(0.18, 0.2, 90, 270)],
}
