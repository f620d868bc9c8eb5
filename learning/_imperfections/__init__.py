"""Echoes as an imperfect machine runs them, and what its gradients are worth."""

from ._fidelity import Fidelity as Fidelity
from ._fidelity import Machines as Machines
from ._fidelity import echo_fidelity as echo_fidelity
from ._fidelity import make_machines as make_machines
from ._fidelity import reached as reached
from ._imperfect_echo import EchoErrors as EchoErrors
from ._nudge_size import NudgeSize as NudgeSize
from ._nudge_size import nudge_size as nudge_size
from ._study import FIT as FIT
from ._study import FidelityMap as FidelityMap
from ._study import Sweep as Sweep
from ._study import best_epsilon as best_epsilon
from ._study import sweep_imperfections as sweep_imperfections
