"""What a check's comparison says in one line."""

from collections.abc import Iterable


def agreement(compared: Iterable[str], missing: Iterable[str]) -> str:
    """Who agrees, and who was not there to, or was not judged."""
    absent = list(missing)
    methods = [method for method in compared if method not in absent]
    if len(methods) < 2:
        return f"nothing to compare {methods[0]} with: without {', '.join(absent)}"
    if not absent:
        return "all methods agree"
    return f"{', '.join(methods)} agree; without {', '.join(absent)}"
