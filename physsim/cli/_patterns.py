"""Synthetic samples to classify: points in a plane, and shapes of pulses."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

Rng = np.random.Generator


class Pattern(NamedTuple):
    """How samples are drawn, and how many classes and drives they have.

    `draw(rng, labels, noise)` gives points [N, drives], the amplitudes of as many sources, or
    (where `is_shape`) functions of time as an array [N, 256] over the run.
    """

    draw: Callable[[Rng, np.ndarray, float], np.ndarray]
    classes: int
    drives: int
    is_shape: bool = False


def rings(rng: Rng, labels: Int[np.ndarray, " N"], noise: float) -> Float[np.ndarray, "N 2"]:
    """Two rings around the origin, of radius 0.4 and 0.9."""
    angle = rng.uniform(0, 2 * np.pi, labels.size)
    radius = np.where(labels == 0, 0.4, 0.9)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return points + noise * rng.normal(size=points.shape)


def xor(rng: Rng, labels: Int[np.ndarray, " N"], noise: float) -> Float[np.ndarray, "N 2"]:
    """Clouds around (+-0.7, +-0.7); the class is whether the signs differ."""
    first = rng.choice([-1.0, 1.0], labels.size)
    second = np.where(labels == 0, first, -first)
    points = 0.7 * np.stack([first, second], 1)
    return points + noise * rng.normal(size=points.shape)


def moons(rng: Rng, labels: Int[np.ndarray, " N"], noise: float) -> Float[np.ndarray, "N 2"]:
    """Two half circles that reach into each other; no quadratic curve separates them well."""
    angle = rng.uniform(0, np.pi, labels.size)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    points = (np.where(labels[:, None] == 0, upper, lower) - (0.5, 0.25)) / 1.5
    return points + noise * rng.normal(size=points.shape)


_SHAPES: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    np.ones_like,
    lambda s: s,
    lambda s: 1 - s,
    lambda s: (np.abs(s - 0.5) > 0.2).astype(float),
)
"""Shapes on 0..1: square, rising and falling ramp, two short pulses."""


def pulses(rng: Rng, labels: Int[np.ndarray, " N"], noise: float) -> Float[np.ndarray, "N 256"]:
    """Pulses of equal energy: square, rising ramp, falling ramp, double.

    They begin between 2 and 8 % of the run, last 25 to 35 %, vary in height by 10 %, and carry
    noise of the given standard deviation, smoothed over 2 % of the run.
    """
    t = np.linspace(0, 1, 256)
    begin = rng.uniform(0.02, 0.08, labels.size)
    width = rng.uniform(0.25, 0.35, labels.size)
    height = 1 + 0.1 * rng.normal(size=labels.size)
    s = (t - begin[:, None]) / width[:, None]
    inside = (s >= 0) & (s <= 1)
    waves = np.stack([_SHAPES[label](row) for label, row in zip(labels, s, strict=True)]) * inside
    waves /= np.sqrt(np.sum(waves**2, axis=1, keepdims=True) / np.sum(inside, 1, keepdims=True))
    white = rng.normal(size=(labels.size, t.size + 4))
    smooth = np.sqrt(5) * np.mean([white[:, i : i + t.size] for i in range(5)], axis=0)
    return height[:, None] * waves + noise * smooth


PATTERNS = {
    "rings": Pattern(rings, 2, 2),
    "xor": Pattern(xor, 2, 2),
    "moons": Pattern(moons, 2, 2),
    "pulses": Pattern(pulses, 3, 1, is_shape=True),
    "pulses4": Pattern(pulses, 4, 1, is_shape=True),
}


def draw(pattern: Pattern, count: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(samples, labels), the classes in equal shares and mixed order."""
    rng = np.random.default_rng([seed, 77])
    labels = rng.permutation(np.arange(count) % pattern.classes)
    return pattern.draw(rng, labels, noise), labels
