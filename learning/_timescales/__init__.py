"""Recurrent networks with gates, and experiments on how far their gradients reach."""

from ._gates import AbstractGatedRNN as AbstractGatedRNN
from ._gates import LeakyRNN as LeakyRNN
from ._gates import MultiGateRNN as MultiGateRNN
from ._gates import ScalarGateRNN as ScalarGateRNN
from ._gates import leaky_rnn as leaky_rnn
from ._gates import multi_gate_rnn as multi_gate_rnn
from ._gates import plain_rnn as plain_rnn
from ._gates import saturation as saturation
from ._gates import scalar_gate_rnn as scalar_gate_rnn
from ._optimiser import direction_anisotropy as direction_anisotropy
from ._optimiser import fit_decay as fit_decay
from ._optimiser import gates_along as gates_along
from ._optimiser import rate_predictors as rate_predictors
from ._optimiser import run_directions as run_directions
from ._optimiser import sample_directions as sample_directions
from ._study import EXPANSION_EPSILONS as EXPANSION_EPSILONS
from ._study import GATED_NETWORKS as GATED_NETWORKS
from ._study import GatedSetting as GatedSetting
from ._study import anisotropy_by_kind as anisotropy_by_kind
from ._study import rates_by_lag as rates_by_lag
from ._tasks import MEMORY_TASKS as MEMORY_TASKS
