"""How far two series' power spectra are apart."""

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from ._series_checks import check_pair

_SIGMA = 20.0


def power_spectra(
    series: Float[np.ndarray, "T N"], sigma: float = _SIGMA
) -> Float[np.ndarray, "F N"]:
    """Smoothed power spectra that sum to 1, of each standardised channel; constant ones are 0."""
    # Nothing overflows in squares, whatever a free run came to.
    scaled = series / np.maximum(np.max(np.abs(series), axis=0), np.finfo(float).tiny)
    centred = scaled - scaled.mean(axis=0)
    power = np.abs(np.fft.rfft(centred, axis=0)) ** 2
    smooth = gaussian_filter1d(power, sigma, axis=0, mode="nearest") if sigma else power
    total = smooth.sum(axis=0)
    return smooth / np.where(total > 0, total, 1.0)


def spectral_distance(
    measured: np.ndarray,
    generated: np.ndarray,
    *,
    sigma: float = _SIGMA,
) -> float:
    """D_H: Hellinger's distance of power spectra, of 0 to 1, averaged over channels.

    Both series, [T, N] and [S, N], are cut to the shorter one's length; their spectra are
    smoothed by a Gaussian of `sigma` bins. A constant generated channel is 1 away.

    Raises `ValueError` for series of different width, too short, constant or not finite.
    Source: Mikhaeil, Monfared & Durstewitz, NeurIPS (2022), appendix.
    """
    check_pair(measured, generated)
    length = min(len(measured), len(generated))
    p, q = power_spectra(measured[:length], sigma), power_spectra(generated[:length], sigma)
    overlap = np.clip(np.sum(np.sqrt(p * q), axis=0), 0.0, 1.0)
    return float(np.mean(np.sqrt(1 - overlap)))
