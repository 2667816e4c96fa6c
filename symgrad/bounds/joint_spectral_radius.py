"""The joint spectral radius of finitely many matrices, enclosed by branch and bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.bounds.ellipsoid_norm import ellipsoid_norm
from symgrad.bounds.word_products import Factors, Words
from symgrad.errors import InputError
from symgrad.presentable import Presentable
from symgrad.rigor.array_input import checked_matrix
from symgrad.rigor.balls import lower_float, upper_float, working_precision
from symgrad.rigor.matrix_balls import point_matrix
from symgrad.rigor.spectral_radius import spectral_radius_above, spectral_radius_bounds

__all__ = ["JointSpectralRadius", "joint_spectral_radius", "rate_of_product"]

Array = NDArray[np.float64]

_BITS = 192
_ENTRIES = 2**22  # of the products of one round
_STORED = 2**25  # entries of all products that are kept
_DIGITS = 140  # products of matrices with entries up to 1 stay below this many decimal digits
_AGREE = 1e-9  # relative difference below which two rates count as equal


@dataclass(frozen=True, eq=False)
class JointSpectralRadius(Presentable):
    """Two proved bounds of the largest growth rate of products of some matrices, and a product that attains the lower.

    Attributes:
        matrices: the set, ``arb_mat`` each.
        lower: max over the products tried of rho(product)^(1/length), rounded down.
        upper: proved upper bound of limsup max ||A_(i_k) ... A_(i_1)||^(1/k), rounded up.
        product: indices (i_1, ..., i_p) of the periodic product A_(i_p) ... A_(i_1) whose rate is at least ``lower``.
        transform: (n, n) the matrix S of the norm ||S . S^-1||_2 in which products were measured.
        examined: how many products were measured.
        depth: the length of the longest of them.
        wanted: the gap, number of products and depth at which the search was told to stop.

    >>> found = joint_spectral_radius([[[2.0]], [[-3.0]]])
    >>> found.lower, found.gap < 1e-9, found.product
    (3.0, True, (1,))
    """

    matrices: tuple[Any, ...] = field(repr=False)
    lower: float
    upper: float
    product: tuple[int, ...]
    transform: Array = field(repr=False)
    examined: int
    depth: int
    wanted: tuple[float, int, int] = field(repr=False)

    @property
    def gap(self) -> float:
        """How far the upper bound may be above the true value, upper / lower - 1; infinite if lower is 0 alone."""
        if self.upper == self.lower:
            return 0.0
        return math.inf if self.lower == 0 else self.upper / self.lower - 1

    def replay(self) -> bool:
        """Prove again that the periodic product grows at the lower rate."""
        return rate_of_product([self.matrices[i] for i in self.product]) >= self.lower

    def verify(self, matrices: Sequence[Any] | None = None) -> bool:
        """Prove the upper bound again, by the same branch and bound, for these or other matrices."""
        gap, products, depth = self.wanted
        given = self.matrices if matrices is None else matrices
        found = joint_spectral_radius(given, transform=self.transform, gap=gap, products=products, depth=depth)
        return found.upper <= self.upper


def rate_of_product(factors: Sequence[Any]) -> float:
    """A proved lower bound of rho(A_p ... A_1)^(1/p) for ``arb_mat`` matrices given in the order A_1, ..., A_p.

    >>> pair = arb_mat([[1, 1], [0, 1]]), arb_mat([[1, 0], [1, 1]])
    >>> round(rate_of_product(pair), 12)
    1.61803398875
    """
    with working_precision(_BITS):
        product = reduce(lambda done, factor: factor * done, factors[1:], factors[0])
        low = spectral_radius_above(product)
        return lower_float(low if len(factors) == 1 or low == 0 else low.root(len(factors)))


def joint_spectral_radius(
    matrices: Any,
    *,
    transform: Any = None,
    gap: float = 1e-3,
    products: int = 100_000,
    depth: int = 60,
) -> JointSpectralRadius:
    """The joint spectral radius lim max ||A_(i_k) ... A_(i_1)||^(1/k) of finitely many square matrices, enclosed.

    Words of matrices are extended, those of the largest norm first, until every one left has a norm below
    (1 + gap) times the best rate found; then nothing exceeds that: G. Gripenberg, *Computing the joint spectral
    radius*, Linear Algebra Appl. 234 (1996). Norms are rounded up, spectral radii of products down.

    Args:
        matrices: square arrays of one size (taken as exact), or ``arb_mat`` matrices.
        transform: invertible (n, n) array S: products are measured by ||S . S^-1||_2. By default the ellipsoid found
            by descent; the result is proved for any.
        gap: relative width of the bracket at which to stop.
        products: how many products may be measured; fewer of large matrices, that they fit into memory.
        depth: the longest product.

    Returns:
        A :class:`JointSpectralRadius`, valid also where the budget ran out.

    Raises:
        InputError: no matrices, different sizes, entries that are not finite, a singular transform, a budget or gap
            that is not positive.

    >>> found = joint_spectral_radius([[[1.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]]])
    >>> found.lower <= (1 + 5**0.5) / 2 <= found.upper, found.gap < 1.001e-3, found.product
    (True, True, (0, 1))
    """
    balls = _checked(matrices)
    _check_budget(gap, products, depth)
    floats = np.array([[float(entry.mid()) for entry in matrix.entries()] for matrix in balls])
    size = balls[0].nrows()
    floats = floats.reshape(len(balls), size, size)
    chosen = ellipsoid_norm(floats) if transform is None else _checked_transform(transform, size)
    factors = Factors.of(balls, chosen)
    search = _Search(factors, gap, products, depth)
    search.run()
    low = rate_of_product([balls[i] for i in search.word])
    high = max(upper_float(arb(search.upper) * arb(factors.scale)), low)
    if len(balls) == 1:
        high = max(low, upper_float(spectral_radius_bounds(balls[0])[1]))
    wanted = (float(gap), int(products), int(depth))
    return JointSpectralRadius(balls, low, high, search.word, chosen, search.examined, search.longest, wanted)


def _checked(matrices: Any) -> tuple[Any, ...]:
    """Square matrices of one size as ``arb_mat``."""
    given = tuple(matrices) if isinstance(matrices, (Sequence, np.ndarray)) else ()
    if not given:
        raise InputError(f"matrices: a sequence of square matrices is needed, got {type(matrices).__name__}")
    balls = tuple(m if isinstance(m, arb_mat) else point_matrix(checked_matrix(m)) for m in given)
    shapes = {(m.nrows(), m.ncols()) for m in balls}
    if len(shapes) > 1 or any(rows != columns or rows == 0 for rows, columns in shapes):
        raise InputError(f"matrices: square matrices of one size are needed, got shapes {sorted(shapes)}")
    if not all(entry.is_finite() for m in balls for entry in m.entries()):
        raise InputError("matrices: an entry that is not finite was given")
    return balls


def _checked_transform(transform: Any, size: int) -> Array:
    array = checked_matrix(transform)
    if array.shape != (size, size):
        raise InputError(f"transform: shape ({size}, {size}) is needed, got {array.shape}")
    return np.array(array, dtype=np.float64)


def _check_budget(gap: Any, products: Any, depth: Any) -> None:
    if isinstance(gap, bool) or not isinstance(gap, (int, float)) or not 0 < gap < math.inf:
        raise InputError(f"gap: a positive number is needed, got {gap!r}")
    for name, value in (("products", products), ("depth", depth)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise InputError(f"{name}: a positive integer is needed, got {value!r}")


class _Search:
    """Branch and bound over words, in scaled floats; what it says from above is proved, from below it is a proposal."""

    def __init__(self, factors: Factors, gap: float, products: int, depth: int) -> None:
        self.factors = factors
        options, size = factors.matrices.shape[:2]
        self.gap, self.budget = gap, min(products, max(options, _STORED // size**2))
        self.depth = min(depth, int(_DIGITS / math.log10(size + 1)))
        self.best, self.longest = 0.0, 1
        self.word: tuple[int, ...] = (0,)
        self.done = 0.0  # the largest rate of a word that is not extended any more
        first = Words.single(factors)
        self.examined = len(first.rates)
        self.open = {1: first}
        self._compare(first)

    @property
    def upper(self) -> float:
        """Every infinite word begins with a word that is done or open: the largest of their rates bounds all growth."""
        return max(self.done, *(float(words.rates.max(initial=0.0)) for words in self.open.values()))

    def run(self) -> None:
        """Extend words until none is left above the target, or the budget is spent."""
        options = len(self.factors.matrices)
        size = self.factors.matrices.shape[-1] ** 2
        self._prune()
        while any(len(words.rates) for words in self.open.values()) and self.examined + options <= self.budget:
            room = min((self.budget - self.examined) // options, max(1, _ENTRIES // (options * size)))
            self._extend(max(room, 1))

    def _extend(self, room: int) -> None:
        """Extend some of the words of the largest rate, all of one length."""
        length = max((n for n, words in self.open.items() if len(words.rates)), key=lambda n: self.open[n].rates.max())
        words = self.open[length]
        count = min(room, max(16, len(words.rates) // 4))
        order = np.argsort(-words.rates, kind="stable")
        fresh = words.part(order[:count]).extended(self.factors)
        self.examined += len(fresh.rates)
        self.longest = max(self.longest, length + 1)
        self.open[length] = words.part(order[count:])
        self._compare(fresh)
        present = self.open.get(length + 1)
        self.open[length + 1] = fresh if present is None else _joined(present, fresh)
        self._prune()

    def _compare(self, words: Words) -> None:
        """Note a word whose spectral radius gives a better rate from below; shorter words are preferred."""
        length = words.letters.shape[1]
        radii = np.abs(np.linalg.eigvals(words.matrices)).max(axis=1)
        rates = np.where(np.isfinite(radii), radii, 0.0) ** (1 / length)
        place = int(np.argmax(rates))
        if rates[place] > self.best * (1 + _AGREE):
            self.best, self.word = float(rates[place]), tuple(map(int, words.letters[place]))

    def _prune(self) -> None:
        """Take out what is below the target, or as long as allowed."""
        target = self.best * (1 + self.gap)
        for length, words in self.open.items():
            keep = (words.rates > target) & (length < self.depth)
            self.done = max(self.done, float(words.rates[~keep].max(initial=0.0)))
            self.open[length] = words.part(keep)


def _joined(one: Words, other: Words) -> Words:
    return Words(*(np.concatenate(pair) for pair in zip(_fields(one), _fields(other), strict=True)))


def _fields(words: Words) -> tuple[Any, ...]:
    return words.letters, words.matrices, words.errors, words.rates
