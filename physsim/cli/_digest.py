"""What something is, in sixteen letters."""

import hashlib
from dataclasses import fields
from typing import Any


def digest_of_netlist(netlist) -> str:
    """Of its elements and initial voltages, wherever its file lies."""
    starts = sorted((node, value) for node, (value, _) in netlist.initial_voltages.items())
    return digest(repr([_placeless(e) for e in netlist.elements]), repr(starts))


def _placeless(element) -> list[Any]:
    """What an element is, wherever its file lies."""
    from circuits import Location

    values = [getattr(element, field.name) for field in fields(element)]
    return [x for x in values if not isinstance(x, Location)]


def digest(*parts: str | bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part if isinstance(part, bytes) else part.encode())
    return found.hexdigest()[:16]
