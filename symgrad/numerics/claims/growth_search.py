"""A search for slopes d with a large spectral radius of W diag(d), in floats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Candidate", "dominant_pair", "growing_slopes"]

Array = NDArray[np.float64]

_EXHAUSTIVE = 10  # up to this size all corners of the box are tried
_STARTS, _FEWEST = 24, 6
_LARGE = 32  # from this size on there are fewer starting points, as each takes long
_ROUNDS = 40
_STEPS = (1.0, 0.3, 0.1, 0.03, 0.01)  # of an ascent, in widths of the box
_GAIN = 1e-9  # relative gain below which an ascent ends
_CANDIDATES = 4


@dataclass(frozen=True, eq=False)
class Candidate:
    """Slopes and, in floats, the spectral radius that they give.

    Attributes:
        slopes: (n,).
        radius: about the spectral radius of W diag(slopes).
    """

    slopes: Array
    radius: float


def growing_slopes(matrix: Array, low: float, high: float, seed: int = 0) -> list[Candidate]:
    """The slopes with the largest spectral radius of W diag(d) that a search finds, best first.

    Of small matrices all corners of the box are tried: the largest real eigenvalue over the box is attained at one,
    because det(x I - W diag(d)) is affine in every slope. Of larger ones, and for complex eigenvalues, an ascent along
    the derivative of the dominant eigenvalue runs from several starting points.

    Args:
        matrix: (n, n), W.
        low: the least slope.
        high: the largest slope.
        seed: of the starting points.

    >>> best = growing_slopes(np.array([[8.0, -16.0], [4.0, -8.0]]), 0.0, 0.25)[0]
    >>> best.slopes.tolist(), round(best.radius, 12)
    ([0.25, 0.0], 2.0)
    """
    unit = float(np.ldexp(1.0, int(np.frexp(np.abs(matrix).max())[1]) - 1)) or 1.0
    found = _searched(matrix / unit, low, high, seed)
    return [Candidate(candidate.slopes, candidate.radius * unit) for candidate in found]


def _searched(matrix: Array, low: float, high: float, seed: int) -> list[Candidate]:
    """The same for a matrix with entries of size 1."""
    size = len(matrix)
    starts = _corners(size, low, high) if size <= _EXHAUSTIVE else np.full((1, size), high)
    random = np.random.default_rng(seed)
    count = int(np.clip(_STARTS * (_LARGE / size) ** 1.5, _FEWEST, _STARTS))
    drawn = random.uniform(low, high, (count // 2, size))
    corners = np.where(random.random((count // 2, size)) < random.random((count // 2, 1)), high, low)
    starts = np.concatenate([starts, drawn, corners])
    radii = _radii(matrix, starts)
    order = np.argsort(-radii, kind="stable")[:count]
    climbed = [_climbed(matrix, Candidate(starts[i], float(radii[i])), low, high) for i in order]
    best = sorted(climbed, key=lambda candidate: -candidate.radius)[:_CANDIDATES]
    thinned = [_thinned(matrix, candidate, low) for candidate in best[:2]]
    return sorted([*thinned, *best], key=lambda candidate: -round(candidate.radius, 9))


def dominant_pair(matrix: Array) -> tuple[complex, NDArray[np.complex128]]:
    """The eigenvalue of largest modulus, of conjugates the one above the real axis, and its right eigenvector."""
    values, vectors = np.linalg.eig(matrix)
    place = int(np.argmax(np.abs(values) * (1 + 1e-12 * (values.imag >= 0))))
    return complex(values[place]), vectors[:, place].astype(np.complex128)


def _corners(size: int, low: float, high: float) -> Array:
    bits = (np.arange(2**size)[:, None] >> np.arange(size)) & 1
    return np.where(bits == 1, high, low)


def _radii(matrix: Array, slopes: Array) -> Array:
    """The spectral radius for each row of slopes."""
    radii: Array = np.abs(np.linalg.eigvals(matrix * slopes[:, None, :])).max(axis=1)
    return radii


def _climbed(matrix: Array, start: Candidate, low: float, high: float) -> Candidate:
    """Steps along the gradient, or to the corner that it points to, while they gain."""
    now = start
    for _ in range(_ROUNDS):
        gradient = _gradient(matrix, now.slopes)
        largest = float(np.abs(gradient).max(initial=0.0))
        if not (largest > 0 and np.isfinite(largest)):
            break
        corner = np.where(gradient > 0, high, np.where(gradient < 0, low, now.slopes))
        moved = [np.clip(now.slopes + gradient * (step * (high - low) / largest), low, high) for step in _STEPS]
        tried = np.array([corner, *moved])
        radii = _radii(matrix, tried)
        place = int(np.argmax(radii))
        if not radii[place] > now.radius * (1 + _GAIN):
            break
        now = Candidate(tried[place], float(radii[place]))
    return now


def _gradient(matrix: Array, slopes: Array) -> Array:
    """The derivative of the dominant eigenvalue's modulus by each slope: Re conj(lambda) (y* W e_i) v_i / (y* v)."""
    scaled = matrix * slopes
    value, right = dominant_pair(scaled)
    values, vectors = np.linalg.eig(scaled.T)
    left = vectors[:, int(np.argmin(np.abs(values - value)))]
    with np.errstate(all="ignore"):
        change = (left @ matrix) * right / (left @ right)
        gradient: Array = np.nan_to_num((change * np.conj(value)).real / abs(value))
    return gradient


def _thinned(matrix: Array, candidate: Candidate, low: float) -> Candidate:
    """As many least slopes as leave the spectral radius: what remains is essential, and its eigenvalue simple."""
    slopes = candidate.slopes.copy()
    for place in range(len(slopes)):
        tried = slopes.copy()
        tried[place] = low
        if _radii(matrix, tried[None])[0] >= candidate.radius * (1 - _GAIN):
            slopes = tried
    return Candidate(slopes, float(_radii(matrix, slopes[None])[0]))
