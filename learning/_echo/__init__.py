"""Gradients from echoes: what they are asked of, how they run, what is read of them."""

from ._echo import echo_solver as echo_solver
from ._echo import make_return as make_return
from ._estimator import ComplexStep as ComplexStep
from ._estimator import OneSided as OneSided
from ._estimator import TwoSided as TwoSided
from ._forward import cost_slope as cost_slope
from ._forward import largest as largest
from ._integrate import echo_integrate as echo_integrate
from ._record import EchoRecord as EchoRecord
from ._record import record_echo as record_echo
from ._refusal import check_method as check_method
from ._refusal import find_parity as find_parity
from ._rhel import RHEL as RHEL
from ._rhel import ReversibleAdjoint as ReversibleAdjoint
from ._tune import Tuned as Tuned
from ._tune import tune_epsilon as tune_epsilon
from ._way_back import AbstractEcho as AbstractEcho
from ._way_back import reason as reason
from ._way_back import require_met as require_met
