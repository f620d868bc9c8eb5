"""The names that nodes and elements have in ngspice."""

import re
from collections.abc import Collection
from typing import final

from ._elements import (
    GROUND,
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
    node_name,
)
from ._netlist import Netlist

# The letter by which ngspice knows the device that carries an element's current.
_LETTERS = {
    Capacitor: "C",
    Inductor: "L",
    Resistor: "R",
    CurrentSource: "I",
    VoltageSource: "V",
    Junction: "B",
    NonlinearInductor: "B",
    NonlinearResistor: "B",
    NonlinearCapacitor: "V",
    Gyrator: "G",
    Transformer: "V",
}
# Whole numbers, and names that no expression could take for something else. ngspice crashes on
# a node named like its temperature.
_NODE = re.compile(r"[0-9]+|(?!temper$|time$|hertz$)[a-z_][a-z0-9_]*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_QUANTITY = re.compile(r"\s*([vi])\s*\(\s*([^\s(),]+)\s*\)\s*", re.IGNORECASE)


@final
class SpiceNames:
    """Names for a netlist in ngspice, each used once, whatever its letters' case.

    Nodes and elements of ASCII letters, digits and underscores keep their names where the
    first is their device's letter. Others get underscores for the rest and that letter in
    front: node ``x1.m`` is ``x1_m``, inductor ``X1.L1`` is ``L_X1_L1``.

    Sources named in `sampled` are behavioural ones, B.
    """

    def __init__(self, netlist: Netlist, sampled: Collection[str] = ()) -> None:
        self._counts: dict[str, int] = {}
        letters = {
            e.name: "B" if e.name in sampled else _LETTERS[type(e)] for e in netlist.elements
        }
        nodes = dict.fromkeys(node for element in netlist.elements for node in element.nodes)
        plain = {name for name, letter in letters.items() if _is_plain(name, letter)}
        self._taken = {n for n in nodes if _NODE.fullmatch(n)} | {n.lower() for n in plain}
        self._nodes = {n: n if _NODE.fullmatch(n) else self.new(_node(n)) for n in nodes}
        self._elements = {
            name.lower(): name if name in plain else self.new(_device(name, letter))
            for name, letter in letters.items()
        }
        self._kinds = {e.name.lower(): type(e) for e in netlist.elements}

    def node(self, name: str) -> str:
        """The node's name in ngspice."""
        return GROUND if name == GROUND else self._nodes[name]

    def element(self, name: str) -> str:
        """The name of the device that carries the element's current: of a nonlinear capacitor
        or a transformer's first port a voltage source in series, of a gyrator that port's G.
        """
        return self._elements[name.lower()]

    def signal(self, quantity: str) -> str:
        """What ngspice calls ``v(node)`` (V) or ``i(element)`` (A, into the first node).

        Raises `ValueError` for other quantities, and for nodes and elements that don't exist.
        """
        match = _QUANTITY.fullmatch(quantity)
        if match is None:
            raise ValueError(f"expected v(node) or i(element), not {quantity!r}")
        kind, name = match[1].lower(), match[2]
        known = self._nodes if kind == "v" else self._elements
        name = node_name(name) if kind == "v" else name.lower()
        if name not in known:
            raise ValueError(f"the netlist has no {'node' if kind == 'v' else 'element'} {name!r}")
        spelled = known[name].lower()
        if kind == "v":
            return f"v({spelled})"
        if self._kinds[name] is CurrentSource and spelled[0] == "i":
            return f"@{spelled}[current]"
        return f"i({spelled})" if spelled[0] in "lv" else f"@{spelled}[i]"

    def new(self, wish: str) -> str:
        """A name not yet in use that starts like `wish`, fit for ngspice's expressions."""
        stem = name = re.sub(r"\W", "_", wish, flags=re.ASCII)
        while name.lower() in self._taken:
            count = self._counts[stem.lower()] = self._counts.get(stem.lower(), 1) + 1
            name = f"{stem}_{count}"
        self._taken.add(name.lower())
        return name


def _is_plain(name: str, letter: str) -> bool:
    return bool(_NAME.fullmatch(name)) and name[0].upper() == letter


def _node(name: str) -> str:
    is_odd = not (name[0].isascii() and name[0].isalpha()) or name.isidentifier()
    return f"n{name}" if is_odd else name


def _device(name: str, letter: str) -> str:
    return name if name[:1].upper() == letter else f"{letter}_{name}"
