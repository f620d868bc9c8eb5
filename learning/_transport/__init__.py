"""How small changes of a state, and with them credit, are carried over a lag."""

from ._maps import StepMap as StepMap
from ._maps import energy_metric as energy_metric
from ._maps import leapfrog_metric as leapfrog_metric
from ._maps import live_basis as live_basis
from ._maps import run_map as run_map
from ._modes import MapModes as MapModes
from ._modes import has_modes as has_modes
from ._modes import map_modes as map_modes
from ._products import Expansion as Expansion
from ._products import ScaledMatrix as ScaledMatrix
from ._products import expand_product as expand_product
from ._products import window_product as window_product
from ._spectrum import Anisotropy as Anisotropy
from ._spectrum import anisotropy as anisotropy
from ._spectrum import principal_angles as principal_angles
from ._spectrum import spread_of as spread_of
from ._transport import Transport as Transport
from ._transport import mean_jacobian as mean_jacobian
from ._transport import transport as transport
