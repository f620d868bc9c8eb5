"""learning: gradients of Hamiltonian dynamics by echoes, and training with them."""

from ._adjoint import ContinuousAdjoint as ContinuousAdjoint
from ._bptt import BPTT as BPTT
from ._gradient import AbstractGradient as AbstractGradient
from ._gradient import Gradients as Gradients
from ._rhel import RHEL as RHEL
from ._rhel import ReversibleAdjoint as ReversibleAdjoint
