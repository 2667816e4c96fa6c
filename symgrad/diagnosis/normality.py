"""Non-normality: how far Jacobians grow for a while although they shrink in the long run, and how far from normal."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.lyapunov import LyapunovSpectrum
from symgrad.diagnosis.measured import DENSE_LIMIT, MeasuredGradients
from symgrad.diagnosis.step_jacobians import StepJacobians
from symgrad.errors import InputError
from symgrad.presentable import Presentable

__all__ = ["NonNormality", "non_normality"]

Array = NDArray[np.float64]

_POINTS = 8
_LOG10_E = math.log10(math.e)


@dataclass(frozen=True, eq=False)
class NonNormality(Presentable):
    """Transient growth of a layer's gradients and the shape of its Jacobians, in floats (approximate).

    Attributes:
        transient: the largest excess over k of the typical ``log10 ||dx_T / dx_{T-k}||`` above both its start 0 and the
            line ``k lambda_1 log10(e)`` of the largest Lyapunov exponent, in decades.
        at_k: the k at which it is reached.
        henrici: ``sqrt(||J||_F^2 - sum |eigenvalue|^2) / ||J||_F``, the departure from normality relative to the
            Frobenius norm (Henrici 1962): 0 for a normal matrix, 1 for a nilpotent one. The median over the steps
            looked at, as the next two; NaN for a layer too large to take matrices of.
        spectral_radius: of a Jacobian of one step.
        operator_norm: its norm.
        points: the number of Jacobians looked at.
    """

    transient: float
    at_k: int
    henrici: float
    spectral_radius: float
    operator_norm: float
    points: int


def non_normality(run: LayerRun, measured: MeasuredGradients, spectrum: LyapunovSpectrum | None = None) -> NonNormality:
    """The non-normality of a layer along its sequences.

    Args:
        run: the layer.
        measured: its measured gradients.
        spectrum: its Lyapunov exponents; without them the typical spectral radius gives the line.

    Raises:
        InputError: every sequence overflows.
    """
    matrices = _sampled(run)
    henrici, radius, norm = _shape(matrices) if len(matrices) else (math.nan, math.nan, math.nan)
    slope = math.log10(radius) if radius > 0 else -math.inf
    if spectrum is not None:
        slope = spectrum.largest * _LOG10_E
    line = np.maximum(0.0, measured.ks * slope) if math.isfinite(slope) else np.zeros(len(measured.ks))
    excess = np.nan_to_num(measured.typical - line, nan=-np.inf)
    place = int(np.argmax(excess))
    return NonNormality(max(0.0, float(excess[place])), place, henrici, radius, norm, len(matrices))


def _sampled(run: LayerRun) -> Array:
    """Jacobians at evenly spaced steps, in turn of each sequence, (points, N, N); none of a layer that is too large."""
    kept = np.flatnonzero(run.finite_steps == run.steps)
    if not len(kept):
        raise InputError(f"{run.name}: every sequence overflows")
    if run.total > DENSE_LIMIT:
        return np.empty((0, 1, 1))
    jacobians = StepJacobians(run)
    steps = np.unique(np.linspace(0, run.steps - 1, min(_POINTS, run.steps)).round().astype(int))
    found = np.array([jacobians.dense(int(step))[kept[i % len(kept)]] for i, step in enumerate(steps)])
    return np.asarray(found[np.isfinite(found).all(axis=(1, 2))])


def _shape(matrices: Array) -> tuple[float, float, float]:
    """The medians of Henrici's departure, the spectral radius and the norm."""
    sizes = np.abs(matrices).max(axis=(1, 2))
    scaled = matrices / np.where(sizes > 0, sizes, 1.0)[:, None, None]  # so that no square over- or underflows
    squares = (scaled**2).sum(axis=(1, 2))
    moduli = np.abs(np.linalg.eigvals(scaled))
    rest = np.maximum(0.0, squares - (moduli**2).sum(axis=1))
    departures = np.sqrt(rest / np.where(squares > 0, squares, 1.0))
    norms = np.linalg.svd(scaled, compute_uv=False)[:, 0] * sizes
    return float(np.median(departures)), float(np.median(moduli.max(axis=1) * sizes)), float(np.median(norms))
