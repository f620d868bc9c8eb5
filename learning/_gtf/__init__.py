"""Generalised teacher forcing: measured series pull a model along."""

from ._alpha import AbstractAlpha as AbstractAlpha
from ._alpha import EstimatedAlpha as EstimatedAlpha
from ._alpha import FixedAlpha as FixedAlpha
from ._alpha import ScheduledAlpha as ScheduledAlpha
from ._alpha import check_alpha as check_alpha
from ._alpha import jacobian_norms as jacobian_norms
from ._forced import TeacherForced as TeacherForced
from ._forced import forced_run as forced_run
from ._observation import AbstractObservation as AbstractObservation
from ._observation import AffineObservation as AffineObservation
from ._observation import IdentityObservation as IdentityObservation
from ._observation import MaskedObservation as MaskedObservation
