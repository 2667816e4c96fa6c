"""Depth scales over a grid of weight and bias variances, in floats, for pictures of the phase diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator, RectBivariateSpline

from symgrad.meanfield.deep_network import MeanField
from symgrad.meanfield.fast_means import fast_mean

__all__ = ["CriticalCurve", "PhaseGrid", "critical_curve", "phase_grid"]

Array = NDArray[np.float64]

_SMALLEST, _LARGEST = 1e-7, 1e6
_FINE = 600
_VARIANCES, _ANGLES, _BEYOND = 12, 11, 4  # nodes of a table, and how many are mirrored at its ends
_FLAT = 1e-3  # of the angle: closer to its ends the slope there stands for the slope nearby
_STEPS = 40
_ROUNDING = 1e-10


@dataclass(frozen=True)
class CriticalCurve:
    """Where ``chi_1 = 1`` at a fixed point q of the variance map, with q as the parameter; approximate.

    Attributes:
        sigma_w2: the weights' variances.
        sigma_b2: the biases' variances.
        attracting: whether the fixed point attracts.
        kept: whether every variance is a fixed point there, so that the curve is one point.
    """

    sigma_w2: Array
    sigma_b2: Array
    attracting: NDArray[np.bool_]
    kept: bool


@dataclass(frozen=True)
class PhaseGrid:
    """Approximate values at each ``sigma_b^2`` (rows) and ``sigma_w^2`` (columns); NaN where no variance attracts.

    Attributes:
        sigma_w2: the weights' variances.
        sigma_b2: the biases' variances.
        q: the smallest attracting fixed point of the variance.
        chi: ``chi_1`` there.
        rate: ``1/xi_c``, with a minus where ``chi_1 > 1``, so that it passes through zero at the critical line.
    """

    sigma_w2: Array
    sigma_b2: Array
    q: Array
    chi: Array
    rate: Array


def critical_curve(theory: MeanField) -> CriticalCurve | None:
    """The critical line over all q; None where phi jumps or the skip connection keeps all."""
    layer, slack = theory.layer, float(1 - theory.layer.skip**2)
    if layer.slope_mean is None or not slack > 0:
        return None
    q = np.geomspace(_SMALLEST, _LARGEST, 2 * _FINE)
    mean, rise = (_squares(theory, q, order) for order in (0, 1))
    slope = _slopes(theory, q)
    with np.errstate(all="ignore"):
        weights = slack / slope / float(layer.gain)
        biases = slack * (q - mean / slope) / float(layer.branch**2)
        steepness = float(layer.skip**2) + slack * rise / slope
    near = np.abs(biases) <= _ROUNDING * q
    kept = bool(near.all())
    proper = np.isfinite(weights) & np.isfinite(biases) & (kept | ~near | (biases > 0))
    return CriticalCurve(weights[proper], np.where(near, 0, biases)[proper], np.abs(steepness[proper]) < 1, kept)


def phase_grid(theory: MeanField, sigma_w2: Array, sigma_b2: Array) -> PhaseGrid:
    """Fixed points and depth scales on a grid, from tables of the Gaussian means that are interpolated."""
    layer = theory.layer
    gains, offsets = np.meshgrid(sigma_w2, sigma_b2)
    offset, skip = offsets * float(layer.branch**2), float(layer.skip**2)
    q = _fixed_points(theory, gains * float(layer.gain), offset, skip)
    table = np.geomspace(_SMALLEST, _LARGEST, _FINE)
    slopes = np.interp(np.log(q), np.log(table), _slopes(theory, table))
    chi = np.where(np.isnan(q), np.nan, skip + gains * float(layer.gain) * slopes)
    settled = _settled_slope(theory, q, chi, gains * float(layer.pair_gain), offset)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = -np.log(settled)
    return PhaseGrid(sigma_w2, sigma_b2, q, chi, np.where((chi > 1) & (layer.dropout == 0), -rate, rate))


def _squares(theory: MeanField, q: Array, order: int = 0) -> Array:
    return fast_mean(theory.activation.expr**2, theory.activation.variable, q, order)


def _slopes(theory: MeanField, q: Array) -> Array:
    return fast_mean(theory.activation.derivative.expr**2, theory.activation.variable, q)


def _fixed_points(theory: MeanField, gain: Array, offset: Array, skip: float) -> Array:
    """Where the variance map first goes from above the diagonal to below it, less steeply than -1."""
    table = np.geomspace(_SMALLEST, _LARGEST, _FINE)
    squares = _squares(theory, table)
    usable = np.isfinite(squares)
    table, squares = table[usable], squares[usable]
    excess = gain[..., None] * squares + offset[..., None] - (1 - skip) * table
    falls = (excess[..., :-1] >= 0) & (excess[..., 1:] < 0) & (np.diff(excess) > -2 * np.diff(table))
    first = falls.argmax(axis=-1)
    ratio = PchipInterpolator(np.log(table), squares / table)
    low, high = np.log(table[first]), np.log(table[first + 1])
    for _ in range(_STEPS):
        middle = (low + high) / 2
        above = gain * ratio(middle) + offset * np.exp(-middle) >= 1 - skip
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(falls.any(axis=-1), np.exp(low), np.nan)


def _settled_slope(theory: MeanField, q: Array, chi: Array, gain: Array, offset: Array) -> Array:
    """The slope of the correlation map where correlations settle: at one if ``chi_1 <= 1``, else below."""
    layer = theory.layer
    slope, skip = chi.copy(), float(layer.skip**2)
    below = np.isfinite(chi) & ((chi > 1) | bool(layer.dropout != 0))
    if not below.any():
        return slope
    products = _products(theory, float(q[below].min()), float(q[below].max()))
    where, weight, bias = np.log(q[below]), gain[below], (offset / q)[below]
    low, high = np.zeros_like(where), np.full_like(where, np.pi)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        correlation = (1 - np.cos(middle)) / 2
        above = skip * correlation + weight * products.ev(where, middle) + bias > correlation
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    angle = np.clip(low, _FLAT, np.pi - _FLAT)
    slope[below] = skip + weight * products.ev(where, angle, dy=1) * 2 / np.sin(angle)
    return slope


def _products(theory: MeanField, lowest: float, highest: float) -> RectBivariateSpline:
    """``E[phi(u_1) phi(u_2)] / q`` over ``log q`` and the angle with ``c = (1 - cos angle)/2``.

    In the angle it is smooth, also for kinks of phi, and even about both ends, so that a spline over few places serves.
    """
    variances = np.geomspace(0.99 * lowest, 1.01 * highest, _VARIANCES)
    angles = np.linspace(0, np.pi, _ANGLES)
    nodes = np.meshgrid(variances, (1 - np.cos(angles)) / 2, indexing="ij")
    table = theory.layer.pair_mean.floats(*nodes) / nodes[0]
    step = angles[1] * np.arange(1, _BEYOND + 1)
    mirrored = np.concatenate([-step[::-1], angles, np.pi + step])
    padded = np.pad(table, ((0, 0), (_BEYOND, _BEYOND)), mode="reflect")
    return RectBivariateSpline(np.log(variances), mirrored, padded)
