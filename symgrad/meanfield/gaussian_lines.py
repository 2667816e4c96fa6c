"""The trapezoidal rule against the standard normal density, for many analytic integrands at once.

With ``z = a sinh(t)`` it resolves the length a next to 0 as well as the width of the density, and converges like
``exp(-2 pi d / h)`` where the integrand is analytic within d of the real line in t (Trefethen and Weideman 2014).
Halving the step squares the error, which is how it is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from symgrad.meanfield.gaussian_panels import Array, Indices, Integrals, Integrand, sharpened

__all__ = ["Factor", "by_lines"]

_STEP = 0.07
_REACH = 12.0
_NEGLIGIBLE = 1e-18
_TOLERANCE = 1e-15
_SHORTEST = 1e-12
Factor = Callable[[Indices, Array], Array]


def by_lines(
    integrand: Integrand, scales: Array, factors: Sequence[Factor | None], found: Sequence[Integrals], *, even: bool
) -> NDArray[np.bool_]:
    """Integrals over the real line, where they are found to be right.

    Args:
        integrand: the functions, times the density.
        scales: how long the distance from 0 is over which each of them varies; NaN for those not to be tried.
        factors: further factors, for each of which there is an integral; None for 1.
        found: where the results go, for each of the factors.
        even: whether all are even functions.

    Returns:
        Which ones were found for all factors.
    """
    done = np.zeros(len(scales), dtype=bool)
    rows = np.flatnonzero(scales >= _SHORTEST)
    if rows.size:
        lengths = np.minimum(scales[rows], 1.0)
        z, weights = _points(lengths, even)
        values = integrand(rows[:, None], z)
        good = np.ones(len(rows), dtype=bool)
        for factor, into in zip(factors, found, strict=True):
            with np.errstate(all="ignore"):
                product = values if factor is None else values * factor(rows[:, None], z)
            good &= _one(product, z, weights, rows, into)
        done[rows[good]] = True
    return done


def _points(lengths: Array, even: bool) -> tuple[Array, Array]:
    """Points with their weights, a row for each length."""
    count = 2 * int(np.ceil(np.arcsinh(_REACH / lengths.min()) / _STEP / 2))
    t = _STEP * np.arange(0 if even else -count, count + 1)
    z = lengths[:, None] * np.sinh(t)
    weights = _STEP * lengths[:, None] * np.cosh(t)
    outside = np.abs(z) > _REACH
    weights[outside] = z[outside] = 0.0
    if even:
        weights[:, 1:] *= 2
    return z, weights


def _one(values: Array, z: Array, weights: Array, rows: Indices, into: Integrals) -> NDArray[np.bool_]:
    with np.errstate(all="ignore"):
        sizes = np.abs(values)
        terms = values * weights
        fine, coarse = terms.sum(axis=1), 2 * terms[:, ::2].sum(axis=1)
        total = (sizes * weights).sum(axis=1)
        far = np.where(np.abs(z) >= _REACH - 1, sizes, 0).max(axis=1)
        error = sharpened(np.abs(fine - coarse), total)
        good = (
            np.isfinite(fine) & (far <= _NEGLIGIBLE * sizes.max(axis=1)) & (total > 0) & (error <= _TOLERANCE * total)
        )
    kept = rows[good]
    into.values[kept], into.sizes[kept] = fine[good], total[good]
    into.errors[kept] = (error + 4e-16 * total)[good]
    return np.asarray(good)
