"""Which values of a circuit a task trains, and within which bounds."""

import fnmatch
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._schema import unknown

# What an element's name alone stands for; of the cards K also `k`.
_MAIN = ("c", "l", "icrit", "r")


class Chosen(NamedTuple):
    """Trees in the shape of a circuit's Hamiltonian."""

    trainable: Any
    lower: Any
    upper: Any


def choose_values(circuit, train: dict[str, dict[str, Any]], where: str = "train"):
    """(the circuit with its starts, which values are trained and their bounds).

    A name is an element (`C1`: its capacitance, inductance, critical current or coupling), one
    value of it (`B1.phase`), or a pattern of these (`L*`, `B?.l0`). Values are positive, and
    couplings between -1 and 1, unless `min` and `max` say otherwise. Raises `ValueError` for
    unknown names, contradictory bounds, or a start outside of them.
    """
    from circuits import parse_number

    names = circuit.hamiltonian.parameter_names()
    units = np.concatenate([np.ravel(x) for x in jax.tree.leaves(circuit.units)])
    flat = np.concatenate([np.ravel(x) for x in jax.tree.leaves(circuit.hamiltonian)])
    start, chosen = flat * units, np.zeros(len(names), bool)
    couples = np.array([_is_coupling(name) for name in names])
    lower, upper = np.where(couples, -1.0, 0.0), np.where(couples, 1.0, np.inf)
    for pattern, table in train.items():
        found = _matching(names, pattern, where)
        chosen[found] = True
        for key, array in (("start", start), ("min", lower), ("max", upper)):
            if table.get(key, "") != "":
                array[found] = parse_number(str(table[key]), f"{where}.{pattern}.{key}")
    _check(where, names, chosen, start, lower, upper)
    H = circuit.hamiltonian
    started = circuit.with_hamiltonian(_shaped(H, np.where(chosen, start / units, flat)))
    return started, Chosen(*(_shaped(H, x) for x in (chosen, lower / units, upper / units)))


def with_values(circuit, values: dict[str, float]):
    """The circuit with `values`, in SI, by the names of all its parameters."""
    units = np.concatenate([np.ravel(x) for x in jax.tree.leaves(circuit.units)])
    flat = np.array([values[name] for name in circuit.hamiltonian.parameter_names()])
    return circuit.with_hamiltonian(_shaped(circuit.hamiltonian, flat / units))


def spread_values(circuit, chosen: Chosen, spread: float, seed: int):
    """The circuit with its trained values multiplied by exp(spread x normal), within bounds."""
    if not spread:
        return circuit
    rng = np.random.default_rng([seed, 78])

    def move(x, trained, low, high):
        moved = np.asarray(x) * np.exp(spread * rng.normal(size=x.shape))
        inside = (moved > low) & (moved < high)
        return jnp.asarray(np.where(trained & inside, moved, x), x.dtype)

    return circuit.with_hamiltonian(jax.tree.map(move, circuit.hamiltonian, *chosen))


def _matching(names: tuple[str, ...], pattern: str, where: str) -> list[int]:
    wanted = str(pattern).lower()
    found = []
    for i, name in enumerate(names):
        element, _, value = name.lower().rpartition(".")
        main = value in _MAIN or _is_coupling(name)
        whole = "." in wanted and fnmatch.fnmatchcase(name.lower(), wanted)
        if whole or (main and fnmatch.fnmatchcase(element, wanted)):
            found.append(i)
    if not found:
        raise unknown(f"{where}: ", pattern, names, "value")
    return found


def _is_coupling(name: str) -> bool:
    """Whether it is the factor of a card K, in a subcircuit or not."""
    *_, element, value = ("", *name.lower().split("."))
    return value == "k" and element.startswith("k")


def _check(where, names, chosen, start, lower, upper) -> None:
    for name, x, low, high in zip(
        *(np.asarray(a)[chosen] for a in (names, start, lower, upper)), strict=True
    ):
        if not low < x < high:
            raise ValueError(
                f"{where}: {name} starts at {x:.6g}, which is not above {low:.6g} and below "
                f"{high:.6g}: change start, min or max"
            )


def _shaped(H, flat):
    """A flat array in the shape of the Hamiltonian."""
    leaves, structure = jax.tree.flatten(H)
    pieces = np.split(flat, np.cumsum([leaf.size for leaf in leaves])[:-1])
    dtype = leaves[0].dtype if flat.dtype.kind == "f" else flat.dtype
    shaped = [jnp.asarray(x.reshape(y.shape), dtype) for x, y in zip(pieces, leaves, strict=True)]
    return jax.tree.unflatten(structure, shaped)
