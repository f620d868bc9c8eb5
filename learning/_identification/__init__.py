"""Values of a known model from measured series, by least squares under teacher forcing."""

from ._forced_stage import IdentifyError as IdentifyError
from ._identify import Identified as Identified
from ._identify import identify as identify
from ._problem import GreyBox as GreyBox
from ._sensitivity import Sensitivity as Sensitivity
from ._sensitivity import sensitivity as sensitivity
