"""Depth scales over a grid of weight and bias variances, in floats, for pictures of the phase diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from symgrad.language.elementwise import Activation
from symgrad.meanfield.deep_network import MeanField
from symgrad.meanfield.fast_means import fast_mean
from symgrad.meanfield.fast_pair_means import fast_pair_mean

__all__ = ["PhaseGrid", "phase_grid"]

Array = NDArray[np.float64]

_VARIANCES, _CORRELATIONS = 56, 25
_FINE = 500
_STEPS = 34
_CLOSE = 1e-6


@dataclass(frozen=True)
class PhaseGrid:
    """Approximate values at each ``sigma_b^2`` (rows) and ``sigma_w^2`` (columns); NaN where no variance attracts.

    Attributes:
        sigma_w2: the weights' variances.
        sigma_b2: the biases' variances.
        q: the smallest attracting fixed point of the variance.
        chi: ``chi_1`` there.
        xi_c: the depth scale of correlations.
    """

    sigma_w2: Array
    sigma_b2: Array
    q: Array
    chi: Array
    xi_c: Array


def phase_grid(theory: MeanField, sigma_w2: Array, sigma_b2: Array) -> PhaseGrid:
    """Fixed points and depth scales on a grid, from tables of the Gaussian means that are interpolated."""
    layer = theory.layer
    gains, offsets = np.meshgrid(sigma_w2, sigma_b2)
    gain, offset = gains * float(layer.gain), offsets * float(layer.branch**2)
    skip = float(layer.skip**2)
    q = _fixed_points(theory, gain, offset, skip)
    chi = skip + gain * _interpolated(theory, q)
    pair = gains * float(layer.pair_gain)
    slope = _settled_slope(theory.activation, q, chi, pair, offset, skip)
    with np.errstate(divide="ignore", invalid="ignore"):
        return PhaseGrid(sigma_w2, sigma_b2, q, chi, 1 / np.abs(np.log(slope)))


def _table() -> Array:
    return np.geomspace(1e-6, 1e5, _FINE)


def _fixed_points(theory: MeanField, gain: Array, offset: Array, skip: float) -> Array:
    """Where the variance map first goes from above the diagonal to below it."""
    table = np.concatenate([[0.0], _table()])
    squares = fast_mean(theory.activation.expr**2, theory.activation.variable, table)
    excess = gain[..., None] * squares + offset[..., None] - (1 - skip) * table
    falls = (excess[..., :-1] >= 0) & (excess[..., 1:] < 0)
    first = falls.argmax(axis=-1)
    left, right = (np.take_along_axis(excess, (first + shift)[..., None], -1)[..., 0] for shift in (0, 1))
    share = left / (left - right)
    place = table[first] + share * (table[first + 1] - table[first])
    return np.where(falls.any(axis=-1), place, np.nan)


def _interpolated(theory: MeanField, q: Array) -> Array:
    """``E[phi'^2]`` at many variances."""
    table = _table()
    slopes = fast_mean(theory.activation.derivative.expr**2, theory.activation.variable, table)
    return np.where(np.isnan(q), np.nan, np.interp(q, table, slopes))


def _settled_slope(phi: Activation, q: Array, chi: Array, gain: Array, offset: Array, skip: float) -> Array:
    """The slope of the correlation map where correlations settle: at one if ``chi_1 <= 1``, else below."""
    slope = chi.copy()
    chaotic = np.isfinite(chi) & (chi > 1 + _CLOSE) & (q > 0)
    if not chaotic.any():
        return slope
    variances = np.geomspace(q[chaotic].min() * 0.999, q[chaotic].max() * 1.001, _VARIANCES)
    correlations = (1 - np.cos(np.linspace(0, np.pi, _CORRELATIONS))) / 2
    nodes = np.meshgrid(variances, correlations, indexing="ij")
    means, slopes = (
        RegularGridInterpolator((np.log(variances), correlations), fast_pair_mean(f, f, phi.variable, *nodes))
        for f in (phi.expr, phi.derivative.expr)
    )
    where, weight, bias = q[chaotic], gain[chaotic], offset[chaotic]

    def image(c: Array) -> Array:
        return skip * c + (weight * means((np.log(where), c)) + bias) / where

    low, high = np.zeros_like(where), np.ones_like(where) - _CLOSE
    for _ in range(_STEPS):
        middle = (low + high) / 2
        above = image(middle) > middle
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    slope[chaotic] = skip + weight * slopes((np.log(where), (low + high) / 2))
    return slope
