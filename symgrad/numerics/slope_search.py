"""Search, in floats, for periodic sequences of slopes along which products of Jacobians grow fast."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.calculus.slope_form import SlopeForm

__all__ = ["SlopeSearch"]

Array = NDArray[np.float64]

_ROUNDS = 60  # of changing many slopes at once
_STEPS = 40  # of a greedy sequence, before which it settles
_LINEAR = 6
_SWEEPS = 8  # of single changes at the end
_PROGRESS = 1e-10  # relative; less counts as none
_NEAR = 1e-9  # of the largest modulus: eigenvalues this near are followed as one
_SMALLEST = 1e-300


@dataclass(frozen=True, eq=False)
class SlopeSearch:
    """Jacobians of a slope form in floats, and ascent of the rate rho(J_p ... J_1)^(1/p) over the corners of its box.

    The Jacobian is affine in each slope, so that corners are enough; the derivative of rho by a slope comes from the
    eigenvectors of the product on either side.

    Attributes:
        form: the Jacobian as a function of the slopes.
        transform: (N, N) the matrix S of a norm |S x| in which products grow evenly; it guides the search.
    """

    form: SlopeForm
    transform: Array

    def rates(self, slopes: Array) -> Array:
        """(B,) the rates of sequences of slopes (B, p, q), approximate."""
        values = np.linalg.eigvals(_product(self.form.at(slopes)))
        return np.asarray(np.abs(values).max(axis=1) ** (1 / slopes.shape[1]))

    def gradient(self, slopes: Array) -> tuple[Array, Array]:
        """Rates (B,) and the derivative (B, p, q) of the logarithm of the spectral radius by each slope."""
        matrices = self.form.at(slopes)
        product = _product(matrices)
        values, vectors = np.linalg.eig(product)
        place = np.argmax(np.abs(values), axis=1)
        index = np.arange(len(place))
        radius = np.abs(values[index, place])
        right = vectors[index, :, place]
        left = _left_vectors(product, vectors, values[index, place], place)
        scale = np.einsum("bi,bi->b", left, right) * values[index, place]
        scale = np.where(np.abs(scale) > _SMALLEST, scale, np.inf)
        pushed, rights = right, []
        for step in range(slopes.shape[1]):
            rights.append(np.einsum("bqn,bn->bq", self.form.entering(slopes[:, step]), pushed))
            pushed = np.einsum("bmn,bn->bm", matrices[:, step], pushed)
        found = np.empty(slopes.shape)
        for step in reversed(range(slopes.shape[1])):
            found[:, step] = np.real(self.form.leaving(slopes[:, step], left) * rights[step] / scale[:, None])
            left = np.einsum("bm,bmn->bn", left, matrices[:, step])
        return radius ** (1 / slopes.shape[1]), found

    def improved(self, slopes: Array) -> Array:
        """Sequences (B, p, q) at corners with rates at least as large: many slopes are changed at once, then fewer."""
        low, high = self.form.low, self.form.high
        shape = slopes.shape
        rate, slope = self.gradient(slopes)
        count = np.full(len(slopes), shape[1] * shape[2])
        for _ in range(_ROUNDS):
            if not (count > 0).any():
                break
            target = np.where(slope > 0, high, low)
            gain = ((target - slopes) * slope).reshape(len(slopes), -1)
            order = np.argsort(np.argsort(-gain, axis=1, kind="stable"), axis=1)
            moved = (gain > 0) & (order < count[:, None])
            tried = np.where(moved.reshape(shape), target, slopes)
            fresh, fresh_slope = self.gradient(tried)
            better = fresh > rate * (1 + _PROGRESS)
            useful = np.minimum(count, moved.sum(axis=1))
            slopes = np.where(better[:, None, None], tried, slopes)
            slope = np.where(better[:, None, None], fresh_slope, slope)
            rate = np.where(better, fresh, rate)
            count = np.where(better, np.maximum(2 * useful, 1), useful // 2)
        return slopes

    def polished(self, slopes: Array, sweeps: int) -> Array:
        """One sequence (p, q) with every single slope tried at its other end, until none helps."""
        low, high = self.form.low, self.form.high
        free = np.argwhere(np.broadcast_to(low < high, slopes.shape))
        best = float(self.rates(slopes[None])[0])
        for _ in range(sweeps):
            changed = np.repeat(slopes[None], len(free), axis=0)
            rows, columns = free[:, 0], free[:, 1]
            ends = np.where(slopes[rows, columns] > low[columns], low[columns], high[columns])
            changed[np.arange(len(free)), rows, columns] = ends
            found = self.rates(changed) if len(free) else np.zeros(1)
            place = int(np.argmax(found))
            if not found[place] > best * (1 + _PROGRESS):
                break
            slopes, best = changed[place], float(found[place])
        return slopes

    def starts(self, period: int, count: int, random: np.random.Generator) -> Array:
        """(B, p, q) corners to begin at: all high, all low, and random ones of several densities."""
        low, high = self.form.low, self.form.high
        density = random.uniform(0.2, 1.0, (count, 1, 1))
        chosen = random.random((count, period, len(low))) < density
        chosen[0] = True
        return np.where(chosen, high, low)

    def greedy(self, count: int, random: np.random.Generator) -> Array:
        """(B, T, q) sequences whose every step lengthens a vector most, in the norm given by ``transform``."""
        low = self.form.low
        vectors = random.standard_normal((count, self.transform.shape[0]))
        steps = np.empty((count, _STEPS, len(low)))
        for step in range(_STEPS):
            steps[:, step] = self._steepest(vectors, random)
            vectors = np.einsum("bmn,bn->bm", self.form.at(steps[:, step]), vectors)
            size = np.abs(vectors).max(axis=1, keepdims=True)
            vectors = np.where(size > 0, vectors / np.where(size > 0, size, 1.0), random.standard_normal(vectors.shape))
        return steps

    def _steepest(self, vectors: Array, random: np.random.Generator) -> Array:
        """(B, q) slopes that lengthen each vector much: the squared length is convex, so linear steps increase it."""
        low, high = self.form.low, self.form.high
        slopes = low + (high - low) * random.uniform(0.3, 1.0, (len(vectors), len(low)))
        gram = self.transform.T @ self.transform
        for _ in range(_LINEAR):
            ends = np.einsum("bmn,bn->bm", self.form.at(slopes), vectors) @ gram
            arguments = np.einsum("bqn,bn->bq", self.form.entering(slopes), vectors)
            slopes = np.where(self.form.leaving(slopes, ends) * arguments > 0, high, low)
        return slopes

    def best(self, periods: Iterable[int], count: int, rounds: int, random: np.random.Generator) -> Array:
        """(p, q) the best sequence found over some periods; of equal ones the shortest.

        Args:
            periods: numbers of steps p to try, in this order; the best so far is repeated to start the next.
            count: how many sequences are improved at a time.
            rounds: how often the best is disturbed at random and improved again.
            random: the source of random numbers.
        """
        found, rate = np.array(self.form.high)[None], -1.0
        for period in periods:
            chosen = self._best_of(period, found, count, rounds, random)
            value = float(self.rates(chosen[None])[0])
            if value > rate * (1 + _NEAR):
                found, rate = chosen, value
        return found

    def _best_of(self, period: int, known: Array, count: int, rounds: int, random: np.random.Generator) -> Array:
        begin = np.concatenate([self.starts(period, count, random), self.greedy(count, random)[:, -period:]])
        begin[count - 1] = np.resize(known, begin[count - 1].shape)
        chosen = self._top(self.improved(begin))
        for _ in range(rounds):
            disturbed = self._disturbed(chosen, count, random)
            disturbed[0] = chosen
            chosen = self._top(self.improved(disturbed))
        return self.polished(chosen, _SWEEPS)

    def _top(self, slopes: Array) -> Array:
        return np.asarray(slopes[int(np.argmax(self.rates(slopes)))])

    def _disturbed(self, slopes: Array, count: int, random: np.random.Generator) -> Array:
        """(count, p, q) copies with about 1 to 8 slopes moved to the other end."""
        low, high = self.form.low, self.form.high
        share = 2.0 ** random.uniform(0, 3, (count, 1, 1)) / max(slopes.size, 1)
        other = np.where(slopes > low, low, high)
        return np.where(random.random((count, *slopes.shape)) < share, other, slopes)


def _product(matrices: Array) -> Array:
    """(B, N, N) the products J_p ... J_1 of (B, p, N, N); zero where they leave the floats."""
    done = matrices[:, 0]
    for step in range(1, matrices.shape[1]):
        done = matrices[:, step] @ done
    return np.where(np.isfinite(done).all(axis=(1, 2), keepdims=True), done, 0.0)


def _left_vectors(product: Array, vectors: Any, values: Any, place: Any) -> Any:
    """(B, N) left eigenvectors of some eigenvalues: rows of the inverse, or eigenvectors of the adjoint."""
    index = np.arange(len(place))
    try:
        return np.linalg.inv(vectors)[index, place]
    except np.linalg.LinAlgError:
        found, others = np.linalg.eig(np.swapaxes(product, 1, 2))
        nearest = np.argmin(np.abs(found - values[:, None]), axis=1)
        return others[index, :, nearest]
