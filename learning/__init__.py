"""learning: gradients of Hamiltonian dynamics by echoes, and training with them."""

from ._adjoint import ContinuousAdjoint as ContinuousAdjoint
from ._bptt import BPTT as BPTT
from ._check import Agreement as Agreement
from ._check import GradientReport as GradientReport
from ._check import compare_gradients as compare_gradients
from ._checkpoint import Checkpoint as Checkpoint
from ._checkpoint import CheckpointError as CheckpointError
from ._domain import Domain as Domain
from ._domain import make_domain as make_domain
from ._estimator import ComplexStep as ComplexStep
from ._estimator import OneSided as OneSided
from ._estimator import TwoSided as TwoSided
from ._gradient import AbstractGradient as AbstractGradient
from ._gradient import Gradients as Gradients
from ._metrics import MetricsFile as MetricsFile
from ._objective import Objective as Objective
from ._objective import Samples as Samples
from ._outcome import Outcome as Outcome
from ._record import EchoRecord as EchoRecord
from ._record import record_echo as record_echo
from ._rhel import RHEL as RHEL
from ._rhel import ReversibleAdjoint as ReversibleAdjoint
from ._state import Update as Update
from ._train import Fit as Fit
from ._train import fit as fit
