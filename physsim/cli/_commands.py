"""Importing this module registers every command."""

from . import _check as _check
from . import _demo as _demo
from . import _hamiltonian as _hamiltonian
from . import _learn as _learn
from . import _robustness as _robustness
from . import _simulate as _simulate
