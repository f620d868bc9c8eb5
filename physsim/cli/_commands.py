"""Importing this module registers every command."""

from . import _ac as _ac
from . import _check as _check
from . import _compare as _compare
from . import _demo as _demo
from . import _hamiltonian as _hamiltonian
from . import _identify as _identify
from . import _learn as _learn
from . import _mc as _mc
from . import _modes as _modes
from . import _noise as _noise
from . import _op as _op
from . import _reconstruct as _reconstruct
from . import _robustness as _robustness
from . import _simulate as _simulate
from . import _sweep as _sweep
from . import _train as _train
