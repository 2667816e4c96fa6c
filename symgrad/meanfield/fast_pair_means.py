"""Means over pairs of correlated Gaussian variables in floats, for arrays of variances and correlations."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.meanfield.fast_means import FastMeans, checked_variances
from symgrad.meanfield.float_pieces import FloatPieces, float_pieces
from symgrad.meanfield.gaussian_lines import by_lines
from symgrad.meanfield.gaussian_panels import Indices, Integrals, by_panels, nothing_found, sharpened

__all__ = ["fast_pair_mean", "fast_pair_mean_with_error"]

Array = NDArray[np.float64]

_LOG_DENSITY = -0.5 * np.log(2 * np.pi)
_SPACING = 2.0  # of its points over the finest length of a formula
_INNER_SPREAD = 2.0  # standard deviations over that length up to which the conditional rule may be one on the line
_OUTER_PANELS, _INNER_PANELS = 400, 200  # for each integral
_AT_A_TIME = 2_000_000  # points
_STEPS, _REACH = (0.25, 0.125, 0.0625), 9.0  # of the trapezoidal rule in two dimensions
_TOLERANCE = 1e-13


def fast_pair_mean(first: sp.Expr, second: sp.Expr, symbol: sp.Symbol, variances: Any, correlations: Any) -> Array:
    """``E[f(x) g(y)]`` for Gaussian x, y of mean 0, variance q each and correlation c; approximate.

    Args:
        first: f, in one symbol; kinks and jumps are allowed.
        second: g, likewise.
        symbol: the symbol.
        variances: values of q, at least 0.
        correlations: values of c in [-1, 1], of a shape that broadcasts with that of the variances.

    Returns:
        An array of the common shape; NaN where the estimated error is above 1e-6 of ``E|f g|``.

    Raises:
        InputError: a variance or a correlation that is none.

    >>> import sympy as sp
    >>> x = sp.Symbol("x", real=True)
    >>> fast_pair_mean(sp.sign(x), sp.sign(x), x, 1, [-1, 0.5, 1]).round(10).tolist()
    [-1.0, 0.3333333333, 1.0]
    """
    return fast_pair_mean_with_error(first, second, symbol, variances, correlations).usable()


def fast_pair_mean_with_error(
    first: sp.Expr, second: sp.Expr, symbol: sp.Symbol, variances: Any, correlations: Any
) -> FastMeans:
    """The same with estimates of the errors; see :func:`fast_pair_mean`."""
    q, c = np.broadcast_arrays(checked_variances(variances), np.asarray(correlations, dtype=float))
    if not (np.abs(c) <= 1).all():
        raise InputError(f"correlations: numbers in [-1, 1] are needed, got {correlations!r}")
    f, g = float_pieces(first, symbol), float_pieces(second, symbol)
    shape, q, c = q.shape, q.ravel(), c.ravel()
    found = nothing_found(len(q))
    spread = np.sqrt(q) / min(f.finest, g.finest)
    for step in _STEPS if len(f.kinks) + len(g.kinks) == 0 else ():
        _by_tensors(f, g, q, c, np.flatnonzero((step * spread <= _SPACING) & np.isnan(found.errors)), found, step)
    rest = np.flatnonzero(np.isnan(found.errors) & (q > 0))
    if rest.size:
        others = _conditioned(f, g, q[rest], c[rest])
        found.values[rest], found.errors[rest], found.sizes[rest] = others.values, others.errors, others.sizes
    still = np.flatnonzero(q == 0)
    found.values[still] = f.at_zero() * g.at_zero() if still.size else 0.0
    found.errors[still], found.sizes[still] = 0.0, np.abs(found.values[still])
    return FastMeans(*(part.reshape(shape) for part in (found.values, found.errors, found.sizes)))


def _by_tensors(
    f: FloatPieces, g: FloatPieces, q: Array, c: Array, which: Indices, found: Integrals, step: float
) -> None:
    """The trapezoidal rule in both directions, kept where half the points give the same."""
    z = np.arange(-_REACH, _REACH + step / 2, step)
    density = np.exp(_LOG_DENSITY - z**2 / 2) * step
    size = max(1, _AT_A_TIME // len(z) ** 2)
    for part in (which[i : i + size] for i in range(0, len(which), size)):
        x = np.sqrt(q[part])[:, None] * z
        cosine, sine = c[part][:, None, None], np.sqrt((1 - c[part]) * (1 + c[part]))[:, None, None]
        with np.errstate(all="ignore"):
            outer, inner = f(x) * density, g(cosine * x[:, :, None] + sine * x[:, None, :])
            fine = (outer * (inner @ density)).sum(1)
            coarse = 4 * (outer[:, ::2] * (inner[:, ::2, ::2] @ density[::2])).sum(1)
            total = (np.abs(outer) * (np.abs(inner) @ density)).sum(1)
            edge = np.abs(outer[:, [0, -1]]).sum(1) * np.abs(inner).max((1, 2))
            edge += np.abs(outer).sum(1) * np.abs(inner[:, :, [0, -1]]).max((1, 2)) * density[0]
            error = sharpened(np.abs(fine - coarse), total) + edge
            good = np.isfinite(fine) & (error <= _TOLERANCE * total)
        kept = part[good]
        found.values[kept], found.sizes[kept] = fine[good], total[good]
        found.errors[kept] = (error + 4e-16 * total)[good]


def _conditioned(f: FloatPieces, g: FloatPieces, q: Array, c: Array) -> Integrals:
    """The mean over x of f(x) times the mean of g(y) given x."""
    deviations = np.sqrt(q)
    spread = deviations * np.sqrt((1 - c) * (1 + c))
    worst = [0.0]

    def integrand(index: Indices, z: Array) -> Array:
        x = deviations[index] * z
        inner, error = _conditional_means(g, c[index] * x, np.broadcast_to(spread[index], x.shape))
        worst[0] = max(worst[0], error)
        logarithm = np.broadcast_to(_LOG_DENSITY - z**2 / 2, x.shape)
        with np.errstate(all="ignore"):
            return np.asarray(f.weighted(x, logarithm) * inner)

    found = nothing_found(len(q))
    by_panels(integrand, np.arange(len(q)), _breaks(f, g, c, deviations), found, _OUTER_PANELS * len(q))
    return Integrals(found.values, found.errors + worst[0] * found.sizes, found.sizes)


def _breaks(f: FloatPieces, g: FloatPieces, c: Array, deviations: Array) -> Array:
    """Kinks and hints of f and, where the correlation is not small, of g smoothed over the spread of y given x."""
    with np.errstate(all="ignore"):
        width = np.sqrt((1 - c) * (1 + c)) / np.abs(c)
        images = g.breaks(0.0, c * deviations)
        near = width < 2
        marks = [np.where(near[:, None], images, np.nan)]
        for kink in g.kinks:
            centre = kink / (c * deviations)
            steps = np.stack([centre + side * width * 4.0**k for side in (-1, 1) for k in range(1, 12)], axis=1)
            steps[np.abs(steps - centre[:, None]) > 4] = np.nan
            marks.append(np.where(near[:, None], steps, np.nan))
    return np.concatenate([f.breaks(0.0, deviations), *marks], axis=1)


def _conditional_means(g: FloatPieces, means: Array, deviations: Array) -> tuple[Array, float]:
    """``E[g(m + s w)]`` over a standard normal w, for arrays of m and s of one shape; the largest relative error."""
    m, s = means.ravel(), deviations.ravel()
    values, worst = np.empty(len(m)), 0.0
    size = _AT_A_TIME // 200
    for part in (slice(i, i + size) for i in range(0, len(m), size)):
        values[part], error = _conditional(g, m[part], s[part])
        worst = max(worst, error)
    return values.reshape(means.shape), worst


def _conditional(g: FloatPieces, m: Array, s: Array) -> tuple[Array, float]:
    values = g(m)
    wide = np.flatnonzero(s > 0)
    if not wide.size:
        return values, 0.0
    centre, spread = m[wide], s[wide]

    def integrand(index: Indices, w: Array) -> Array:
        logarithm = np.broadcast_to(_LOG_DENSITY - w**2 / 2, np.broadcast_shapes(index.shape, w.shape))
        return g.weighted(centre[index] + spread[index] * w, logarithm)

    found = nothing_found(len(wide))
    smooth = (spread <= _INNER_SPREAD * g.finest) & (len(g.kinks) == 0)
    done = by_lines(integrand, np.where(smooth, 1.0, np.nan), [None], [found], even=False)
    by_panels(integrand, np.flatnonzero(~done), g.breaks(centre, spread), found, _INNER_PANELS * len(wide))
    values[wide] = found.values
    size = max(float(found.sizes.max()), 1e-300)
    return values, float(found.errors.max()) / size
