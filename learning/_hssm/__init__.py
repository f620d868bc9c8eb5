"""Hamiltonian state-space models: recurrent units, stacks of them, sweeps that train them."""

from ._block import Block as Block
from ._block import make_projection as make_projection
from ._linear import LinearHRU as LinearHRU
from ._linear import Oscillators as Oscillators
from ._linear import make_linear_hru as make_linear_hru
from ._nonlinear import DenseCoupling as DenseCoupling
from ._nonlinear import DiagonalCoupling as DiagonalCoupling
from ._nonlinear import NonlinearHRU as NonlinearHRU
from ._nonlinear import SaturatingOscillators as SaturatingOscillators
from ._nonlinear import log_cosh as log_cosh
from ._nonlinear import make_nonlinear_hru as make_nonlinear_hru
from ._recurrence import parallel_states as parallel_states
from ._recurrence import run_core as run_core
from ._stack import Reading as Reading
from ._stack import Stack as Stack
from ._stack import StackShape as StackShape
from ._stack import make_stack as make_stack
from ._stack import mean_pooling as mean_pooling
from ._stack import subsampling as subsampling
from ._sweep import AbstractSweep as AbstractSweep
from ._sweep import FusedSweep as FusedSweep
from ._sweep import LayerSweep as LayerSweep
from ._sweep import StoredSweep as StoredSweep
from ._unit import AbstractHRU as AbstractHRU
from ._unit import HamiltonianUnit as HamiltonianUnit
from ._unit import Projection as Projection
