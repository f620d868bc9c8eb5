"""learning: gradients of Hamiltonian dynamics by echoes, and training with them."""

from ._adjoint import ContinuousAdjoint as ContinuousAdjoint
from ._bptt import BPTT as BPTT
from ._check import Agreement as Agreement
from ._check import GradientReport as GradientReport
from ._check import compare_gradients as compare_gradients
from ._gradient import AbstractGradient as AbstractGradient
from ._gradient import Gradients as Gradients
from ._record import EchoRecord as EchoRecord
from ._record import record_echo as record_echo
from ._rhel import RHEL as RHEL
from ._rhel import ReversibleAdjoint as ReversibleAdjoint
from ._train import Fit as Fit
from ._train import fit as fit
