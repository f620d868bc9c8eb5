"""A circuit as a graph: nodes laid out by springs, elements as the symbols of schematics."""

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from scipy.optimize import minimize
from scipy.sparse.csgraph import shortest_path

from physsim.plotting import COLOURS, style

from ._elements import (
    GROUND,
    Capacitor,
    CurrentSource,
    Element,
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
from ._errors import NetlistError
from ._symbols import SYMBOLS

if TYPE_CHECKING:
    from ._circuit import Circuit

Points = Float[np.ndarray, "k 2"]

_MAX_ELEMENTS = 150
_INK = "#222222"
# In units of the plane: between neighbours, down to ground, between what hangs side by side.
_APART, _DROP, _SPREAD, _BULGE = 2.2, 0.7, 0.72, 0.65


def draw(circuit: "Circuit") -> Figure:
    """Elements between nodes, each with its name and value; those to ground hang from their node.

    Raises `NetlistError` for more than 150 elements, which no picture shows legibly.
    """
    elements = circuit.netlist.elements
    if len(elements) > _MAX_ELEMENTS:
        raise NetlistError(
            f"{circuit.netlist.file} has {len(elements)} elements; pictures are drawn of at most "
            f"{_MAX_ELEMENTS}"
        )
    places = layout(elements)
    corners = np.array([*places.values()])
    low = corners.min(axis=0) - np.array([1.6, 1.3])
    high = corners.max(axis=0) + np.array([1.9, 1.4])
    size = np.clip(1.3 * (high - low), 3, 16)
    with style():
        figure = Figure(figsize=tuple(size))
        axis = figure.add_subplot()
        below = _below(elements, places)
        for branches in _bundles(elements).values():
            _draw_bundle(axis, branches, places, below)
        for node, place in places.items():
            axis.plot(*place, "o", color=_INK, markersize=3.5, zorder=3)
            axis.annotate(
                _plain(node), tuple(place), (3, 4), textcoords="offset points", color=COLOURS[0],
                fontsize=9.5, zorder=4,
            )  # fmt: skip
        axis.set_aspect("equal")
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        axis.axis("off")
        axis.set_title(_plain(circuit.netlist.title), fontsize=10)
    return figure


def layout(elements: tuple[Element, ...]) -> dict[str, Float[np.ndarray, "2"]]:
    """A place for every node but ground: distances in the plane like those in the graph.

    Kamada and Kawai's springs (Inf. Proc. Lett. 31:7, 1989), from the place that the two
    slowest modes of the graph give each node.
    """
    pairs = {
        tuple(sorted(ends))
        for e in elements
        for ends in zip(e.nodes[::2], e.nodes[1::2], strict=True)
    }
    # The ports of a two-port stand beside each other.
    pairs |= {tuple(sorted((e.nodes[0], e.nodes[2]))) for e in elements if len(e.nodes) == 4}
    names = [n for n in dict.fromkeys(n for e in elements for n in e.nodes) if n != GROUND]
    index = {name: k for k, name in enumerate(names)}
    links = [(index[a], index[b]) for a, b in pairs if GROUND not in (a, b) and a != b]
    if len(names) < 2:
        return {name: np.zeros(2) for name in names}
    graph = np.zeros((len(names),) * 2)
    for i, j in links:
        graph[i, j] = graph[j, i] = 1.0
    distance = shortest_path(graph, unweighted=True)
    longest = np.max(distance[np.isfinite(distance)])
    distance[~np.isfinite(distance)] = longest + 1
    places = _springs(distance, _start(distance))
    return dict(zip(names, _APART * _turned(places, links), strict=True))


def _start(distance: np.ndarray) -> Points:
    """Classical scaling: the plane in which squared distances come out best."""
    n = len(distance)
    centre = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ distance**2 @ centre)
    places = vectors[:, -2:][:, ::-1] * np.sqrt(np.maximum(values[-2:][::-1], 0.0))
    # Nodes on a line still need a way past each other.
    return places + 1e-3 * np.random.default_rng(0).normal(size=places.shape)


def _springs(distance: np.ndarray, start: Points) -> Points:
    n = len(distance)
    rows, columns = np.triu_indices(n, 1)
    wanted = distance[rows, columns]

    def strain(flat):
        places = flat.reshape(n, 2)
        apart = places[rows] - places[columns]
        length = np.sqrt(np.sum(apart**2, axis=1) + 1e-12)
        excess = length - wanted
        pull = (2 * excess / (wanted**2 * length))[:, None] * apart
        slope = np.zeros((n, 2))
        np.add.at(slope, rows, pull)
        np.add.at(slope, columns, -pull)
        return float(np.sum((excess / wanted) ** 2)), slope.ravel()

    return minimize(strain, start.ravel(), jac=True, method="L-BFGS-B").x.reshape(n, 2)


def _turned(places: Points, links: list[tuple[int, int]]) -> Points:
    """Turned so that most branches lie level or upright, the longer side level and the first
    node to the left and above."""
    edges = np.array([places[i] - places[j] for i, j in links]).reshape(-1, 2)
    directions = np.arctan2(edges[:, 1], edges[:, 0])
    # Where the sum of cos(4 (direction - angle)) is largest.
    best = np.angle(np.sum(np.exp(4j * directions))) / 4
    turn = np.array([[np.cos(best), -np.sin(best)], [np.sin(best), np.cos(best)]])
    turned = (places - places.mean(axis=0)) @ turn
    if np.ptp(turned[:, 1]) > np.ptp(turned[:, 0]):
        turned = turned[:, ::-1]
    return turned * np.where(turned[0] > 0, -1.0, 1.0) * [1.0, -1.0]


def _bundles(elements) -> dict[tuple[str, str], list[tuple[Element, tuple[str, str]]]]:
    """Branches by the pair of nodes they join; a two-port makes two."""
    bundles = defaultdict(list)
    for e in elements:
        for ends in zip(e.nodes[::2], e.nodes[1::2], strict=True):
            bundles[tuple(sorted(ends))].append((e, ends))
    return bundles


def _below(elements, places) -> set[str]:
    """Nodes that a branch leaves downwards, so that nothing may hang straight below them."""
    found = set()
    for ends in _bundles(elements):
        if GROUND not in ends:
            for node, other in (ends, ends[::-1]):
                x, y = places[other] - places[node]
                if y < -abs(x) / 2:
                    found.add(node)
    return found


def _draw_bundle(axis: Axes, branches, places, below: set[str]) -> None:
    count = len(branches)
    for k, (element, ends) in enumerate(branches):
        if GROUND in ends:
            node = next(n for n in ends if n != GROUND)
            shift = 0.45 if node in below else -_SPREAD * (count - 1) / 2
            top = places[node] + [_SPREAD * k + shift, -0.18]
            bottom = top - [0, _DROP]
            corner = np.array([places[node][0], top[1]])
            axis.plot(*np.stack([places[node], corner, top]).T, color=_INK, linewidth=0.8)
            line = np.stack([top, bottom] if ends[1] == GROUND else [bottom, top])
            _ground(axis, bottom)
            _symbol(axis, element, line, 1.0)
        else:
            start, end = places[ends[0]], places[ends[1]]
            along = end - start
            across = np.array([-along[1], along[0]]) / (np.linalg.norm(along) or 1.0)
            # Those beside each other bulge upwards, away from what hangs.
            bulge = _BULGE * k * across * (np.sign(across[1]) or 1.0)
            line = np.stack([start, end]) + bulge
            for node, corner in zip((start, end), line, strict=True):
                if k:
                    axis.plot(*np.stack([node, corner]).T, color=_INK, linewidth=0.8)
            _symbol(axis, element, line, -1.0)


def _symbol(axis: Axes, element: Element, line: Points, side: float) -> None:
    """The element's symbol along a line from its first node to its second, and its label: above,
    or, of upright ones, to the right (`side` 1) or left (-1)."""
    start, end = line
    length = float(np.linalg.norm(end - start)) or 1.0
    along = (end - start) / length
    across = np.array([-along[1], along[0]])
    size = min(0.3, 0.6 * length)
    middle = (start + end) / 2
    half = size / 2
    for pair in ((start, middle - half * along), (middle + half * along, end)):
        axis.plot(*np.stack(pair).T, color=_INK, linewidth=0.8)
    for stroke in SYMBOLS[type(element)]:
        points = middle + size * (stroke[:, :1] * along + stroke[:, 1:] * across)
        axis.plot(*points.T, color=_INK, linewidth=1.1, solid_capstyle="round")
    if abs(along[1]) > 0.75:
        place = middle + np.array([0.6 * size * side, 0])
        align = {"ha": "left" if side > 0 else "right", "va": "center"}
    else:
        place = middle + 0.6 * size * across * np.sign(across[1])
        align = {"ha": "center", "va": "bottom"}
    axis.text(*place, label(element), fontsize=8.5, color=_INK, **align)


def _ground(axis: Axes, place) -> None:
    for k, width in enumerate((0.16, 0.1, 0.04)):
        y = place[1] - 0.035 * k
        axis.plot([place[0] - width / 2, place[0] + width / 2], [y, y], color=_INK, linewidth=0.9)


def label(element: Element) -> str:
    """The element's name and its main value, with a unit."""
    match element:
        case Capacitor():
            value = _with_unit(element.capacitance, "F")
        case Inductor():
            value = _with_unit(element.inductance, "H")
        case Resistor():
            value = _with_unit(element.resistance, "Ω")
        case Junction():
            value = _with_unit(element.critical_current, "A")
        case Gyrator():
            value = _with_unit(element.conductance, "S")
        case Transformer():
            value = f"{element.ratio:g} : 1"
        case CurrentSource() | VoltageSource():
            value = type(element.waveform).__name__.upper()
        case NonlinearInductor():
            value = "U(flux)"
        case NonlinearCapacitor():
            value = "E(charge)"
        case NonlinearResistor():
            value = "i(v)"
    return f"{_plain(element.name)}\n{value}"


def _with_unit(value: float, unit: str) -> str:
    return EngFormatter(unit, sep=" ")(float(f"{value:.4g}"))


def _plain(text: str) -> str:
    """Without the dollar signs that start formulas."""
    return text.replace("$", r"\$")
