"""Trajectories of maps z_{t+1} = F(z_t, x_t), sequentially and in parallel over time."""

from ._affine import AbstractAffineScan as AbstractAffineScan
from ._affine import AssociativeScan as AssociativeScan
from ._affine import SequentialScan as SequentialScan
from ._affine_map import AffineMap as AffineMap
from ._blocked import BlockedScan as BlockedScan
from ._choose import choose_solver as choose_solver
from ._deer import DEER as DEER
from ._factors import Dense as Dense
from ._factors import Diagonal as Diagonal
from ._guess import CoarseGuess as CoarseGuess
from ._linearise import AbstractLinearisation as AbstractLinearisation
from ._linearise import DiagonalJacobian as DiagonalJacobian
from ._linearise import FullJacobian as FullJacobian
from ._maps import HamiltonianField as HamiltonianField
from ._maps import HamiltonianMap as HamiltonianMap
from ._maps import RungeKutta4 as RungeKutta4
from ._sequential import Hybrid as Hybrid
from ._sequential import Sequential as Sequential
from ._solve import solve as solve
from ._trajectory import AbstractTrajectorySolver as AbstractTrajectorySolver
from ._trajectory import ConvergenceError as ConvergenceError
from ._trajectory import Status as Status
from ._trajectory import Trajectory as Trajectory
from ._trajectory import finite_status as finite_status
from ._trajectory import previous as previous
from ._windows import Windowed as Windowed
