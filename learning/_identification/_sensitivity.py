"""Which values a series tells, and how well."""

import itertools
from typing import final

import equinox as eqx
import numpy as np
from jaxtyping import Float

_RANK = 1e-5
_SHARE = 0.1


@final
class Sensitivity(eqx.Module):
    """Derivatives of what is measured by the values' logarithms, other unknowns fitted along."""

    matrix: Float[np.ndarray, "K P"]
    names: tuple[str, ...] = eqx.field(static=True)
    singular: Float[np.ndarray, " P"]

    @property
    def rank(self) -> int:
        return int(np.sum(self.singular > _RANK * self.singular[0])) if self.singular[0] else 0

    def unidentifiable(self) -> tuple[str, ...]:
        """Values that change together without any change of what is measured."""
        directions = np.linalg.svd(self.matrix, full_matrices=False)[2][self.rank :]
        if not len(directions):
            return ()
        share = np.max(np.abs(directions), axis=0)
        return tuple(n for n, x in zip(self.names, share, strict=True) if x > _SHARE * share.max())

    def covariance(self, residuals: Float[np.ndarray, "T N"], blocks: int = 30) -> np.ndarray:
        """Of the values' logarithms [P, P], from the Hessian J^T J.

        Residuals of forced runs are correlated in time, so the scores J^T r are added up within
        `blocks` stretches of time, which are taken as independent of each other.
        Source: Newey & West, Econometrica 55:703 (1987), for the principle.
        """
        inverse = np.linalg.pinv(self.matrix.T @ self.matrix, hermitian=True)
        times = residuals.shape[0]
        scores = (self.matrix * residuals.ravel()[:, None]).reshape(*residuals.shape, -1)
        edges = np.linspace(0, times, min(blocks, times) + 1).astype(int)
        sums = np.array([scores[a:b].sum(axis=(0, 1)) for a, b in itertools.pairwise(edges)])
        return inverse @ (sums.T @ sums) @ inverse


def check_sensitivity(table: Sensitivity) -> None:
    """`ValueError` that names values which what is measured does not tell."""
    lost = table.unidentifiable()
    if lost:
        raise ValueError(
            f"what is measured does not tell {', '.join(lost)}: the sensitivity matrix has rank "
            f"{table.rank} for {len(table.names)} values. They may change together without a "
            "trace (as all do with the impedance level where only voltages are measured): give "
            "one as known, or measure more"
        )


def sensitivity(jacobian: Float[np.ndarray, "K R"], names: tuple[str, ...]) -> Sensitivity:
    """Of the first columns, named, with the others (unknown starts) projected out."""
    count = len(names)
    basis, size, _ = np.linalg.svd(jacobian[:, count:], full_matrices=False)
    basis = basis[:, size > 1e-9 * max(size.max(initial=0.0), 1e-300)]
    own = jacobian[:, :count]
    matrix = own - basis @ (basis.T @ own)
    return Sensitivity(matrix, names, np.linalg.svd(matrix, compute_uv=False))
