"""Subcircuits in place: what names mean inside of each, and the flat list of lines."""

import dataclasses
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast, final

from lark import Token

from .._elements import GROUND, Coupling, Element, node_name
from ._blocks import NetlistBlock, Subcircuit
from ._cards import element_name
from ._expression import value_of
from ._kinds import Line
from ._lines import Fault, faults_of
from ._models import Models, models
from ._parameters import parameters
from ._settings import settings
from ._syntax import Node, offset_of
from ._words import chain, place_of, quote, suggest

_DEEPEST = 50
_MOST_LINES = 2_000_000
_Placed = TypeVar("_Placed", bound=Element | Coupling)


@final
@dataclass(slots=True)
class Scope:
    """A block in its place.

    ``prefix`` comes before the names of its elements and nodes (``"X1."``, empty for the deck),
    ``nodes`` are the nodes its ports are tied to, ``values`` the parameters that it sees.
    ``outer`` is the scope around its definition, ``calls`` the subcircuits that led to it.
    """

    block: NetlistBlock
    prefix: str = ""
    nodes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    values: Mapping[str, float] = dataclasses.field(default_factory=dict)
    outer: "Scope | None" = None
    calls: tuple[Subcircuit, ...] = ()
    own_models: Models = dataclasses.field(default_factory=dict)

    @property
    def note(self) -> str:
        """Which copy an error is about."""
        return f" (in {self.prefix[:-1]})" if self.prefix else ""

    def node(self, name: str) -> str:
        """The flat name of a node."""
        name = node_name(name)
        if name == GROUND or not self.prefix:
            return name
        return self.nodes.get(name) or self.prefix.lower() + name

    def place(self, element: _Placed) -> _Placed:
        """The element with flat names."""
        if not self.prefix:
            return element
        name = self.prefix + element.name
        if isinstance(element, Coupling):
            inductors = tuple(self.prefix + inductor for inductor in element.inductors)
            return dataclasses.replace(element, name=name, inductors=inductors)
        nodes = tuple(self.node(node) for node in element.nodes)
        return dataclasses.replace(element, name=name, nodes=nodes)

    def model(self, name: str) -> dict[str, float] | None:
        """The nearest model of the name."""
        return next((s.own_models[name] for s in self._outwards() if name in s.own_models), None)

    def model_names(self) -> list[str]:
        """The models in sight."""
        return [name for scope in self._outwards() for name in scope.own_models]

    def subcircuit(self, name: str) -> "tuple[Subcircuit, Scope] | None":
        """The nearest subcircuit of the name, and the scope that defines it."""
        found = ((s.block.subcircuits.get(name), s) for s in self._outwards())
        return next(((sub, scope) for sub, scope in found if sub is not None), None)

    def subcircuit_names(self) -> list[str]:
        """The subcircuits in sight."""
        return [name for scope in self._outwards() for name in scope.block.subcircuits]

    def _outwards(self) -> "Iterator[Scope]":
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer


def deck_scope(block: NetlistBlock) -> Scope:
    """The scope of the deck itself. Raises `NetlistError` for bad parameters or models."""
    scope = Scope(block)
    _define(scope, {}, {})
    return scope


def flat(scope: Scope, count: list[int] | None = None) -> Iterator[tuple[Line, Scope]]:
    """The lines of a scope, each call replaced by the lines of the subcircuit in its place.

    Raises `NetlistError` for calls that do not fit a subcircuit, and for one in itself.
    """
    count = [0] if count is None else count
    copies: dict[str, Line] = {}
    for line in scope.block.lines:
        if line.kind == "x":
            with faults_of(line.card, scope.note):
                inner = _call(line, scope)
                _refuse_twin(copies.setdefault(inner.prefix.lower(), line), line)
            yield from flat(inner, count)
            continue
        count[0] += 1
        if count[0] > _MOST_LINES and scope.prefix:
            raise line.card.error(f"the subcircuits make more than {_MOST_LINES} lines{scope.note}")
        yield line, scope


def _call(line: Line, scope: Scope) -> Scope:
    token, *rest = line.parts()
    words = [part for part in rest if isinstance(part, Token)]
    *nodes, name = words
    assert isinstance(token, Token)
    subcircuit, outer = _find(name, scope)
    if subcircuit in scope.calls:
        start = scope.calls.index(subcircuit)
        names = [s.name for s in scope.calls[start:]] + [subcircuit.name]
        raise Fault(f"these subcircuits contain themselves: {chain(names)}", offset_of(name))
    if len(scope.calls) >= _DEEPEST:
        raise Fault(f"subcircuits are nested more than {_DEEPEST} deep", offset_of(name))
    if len(nodes) != len(subcircuit.ports):
        raise Fault(
            f"{quote(subcircuit.name)} has {len(subcircuit.ports)} ports "
            f"({' '.join(subcircuit.ports[:10])}), and here are {len(nodes)} nodes",
            offset_of(nodes[-1] if nodes else name),
        )
    given = _given(rest[len(words) :], subcircuit, scope)
    inner = Scope(
        subcircuit.block,
        f"{scope.prefix}{element_name(token, line.card)}.",
        dict(zip(subcircuit.ports, (scope.node(str(n)) for n in nodes), strict=True)),
        outer=outer,
        calls=(*scope.calls, subcircuit),
    )
    _define(inner, outer.values, given)
    return inner


def _refuse_twin(first: Line, line: Line) -> None:
    if first is not line:
        place = place_of(first.card.locate(0), line.card.file)
        name = str(line.parts()[0])
        raise Fault(f"there is already an element {quote(name)} {place}; rename one of them", 0)


def _find(name: Token, scope: Scope) -> tuple[Subcircuit, Scope]:
    found = scope.subcircuit(str(name))
    if found is None:
        hint = suggest(name, scope.subcircuit_names()) or "; define it with .subckt"
        raise Fault(f"there is no subcircuit {quote(name)}{hint}", offset_of(name))
    return found


def _given(parts: list[Node], subcircuit: Subcircuit, scope: Scope) -> dict[str, float]:
    """The parameters of a call, with values of the scope that calls."""
    known = settings(subcircuit.defaults)
    values = {}
    for key, (token, value) in settings(parts).items():
        if key not in known:
            hint = suggest(key, known) or f"; it has {', '.join(known) or 'none'}"
            raise Fault(
                f"{quote(subcircuit.name)} has no parameter {quote(key)}{hint}", offset_of(token)
            )
        values[key] = value_of(value, scope.values, None)
    return values


def _define(scope: Scope, outer: Mapping[str, float], given: Mapping[str, float]) -> None:
    """Give a scope the values of its parameters and its models."""
    lines = scope.block.lines
    defined = [(line.card, line.parts()) for line in lines if line.kind == ".param"]
    if scope.calls:
        subcircuit = scope.calls[-1]
        defined.insert(0, (subcircuit.card, subcircuit.defaults))
    own = parameters(defined, outer, given, scope.note)
    scope.values = ChainMap(own, cast(dict, outer)) if outer else own
    cards = [(line.card, line.parts()) for line in lines if line.kind == ".model"]
    scope.own_models = models(cards, scope.values, scope.note)
