"""What a check's comparison says in one line."""

from collections.abc import Iterable


def agreement(compared: Iterable[str], missing: Iterable[str]) -> str:
    """Who agrees, and who was not there to."""
    methods, absent = list(compared), list(missing)
    if len(methods) < 2:
        return f"nothing to compare {methods[0]} with: without {', '.join(absent)}"
    if not absent:
        return "all methods agree"
    return f"{', '.join(methods)} agree; without {', '.join(absent)}"
