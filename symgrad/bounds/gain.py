"""Powers of small non-negative matrices: closed forms in k, Perron root and constant, and enclosures for any k."""

from __future__ import annotations

import math
from typing import Any

import sympy as sp
from flint import arb, arb_mat

from symgrad.language.norms import SpectralRadius, maximum

__all__ = [
    "ball_power_norm",
    "gain_power",
    "irreducible_blocks",
    "perron_constant",
    "perron_root",
    "perron_roots",
    "upper_ends",
]


def _characteristic(gain: sp.ImmutableDenseMatrix) -> tuple[sp.Expr, sp.Expr]:
    """Half the trace of a 2 x 2 matrix and the square root in its eigenvalues, real for non-negative entries."""
    a, b, c, d = gain
    return (a + d) / 2, sp.sqrt((a - d) ** 2 + 4 * b * c) / 2


def irreducible_blocks(matrix: sp.ImmutableDenseMatrix) -> list[sp.ImmutableDenseMatrix]:
    """The diagonal blocks of a matrix that is brought to block triangular form by ordering rows and columns alike.

    They belong to the strongly connected components of the graph of its entries that are not known to be zero; the
    eigenvalues of the matrix are those of the blocks (Horn and Johnson, Matrix Analysis 2013, sec. 6.2 and 8.3).

    >>> [block.tolist() for block in irreducible_blocks(sp.ImmutableDenseMatrix([[1, 2, 5], [3, 4, 6], [0, 0, 7]]))]
    [[[1, 2], [3, 4]], [[7]]]
    """
    groups = sorted(map(sorted, matrix.strongly_connected_components()))
    return [sp.ImmutableDenseMatrix(matrix.extract(group, group)) for group in groups]


def perron_roots(gain: sp.ImmutableDenseMatrix) -> list[sp.Expr]:
    """The spectral radii of the irreducible blocks of a non-negative matrix; that of the matrix is the largest.

    In closed form for blocks of one and two rows, else a :class:`SpectralRadius`.

    Source: Perron and Frobenius; for 2 x 2 the larger root of the characteristic polynomial.
    """
    return [_root(block) for block in irreducible_blocks(gain)]


def _root(block: sp.ImmutableDenseMatrix) -> sp.Expr:
    if block.rows == 1:
        return block[0, 0]
    if block.rows == 2:
        middle, root = _characteristic(block)
        return middle + root
    return SpectralRadius(block)


def perron_root(gain: sp.ImmutableDenseMatrix) -> sp.Expr:
    """The spectral radius of a non-negative matrix: the largest of its :func:`perron_roots`.

    >>> perron_root(sp.ImmutableDenseMatrix([[0, 1], [4, 0]]))
    2
    >>> perron_root(sp.ImmutableDenseMatrix([[0, 1, 9], [4, 0, 9], [0, 0, 3]]))
    3
    """
    return maximum(*perron_roots(gain))


def gain_power(gain: sp.ImmutableDenseMatrix, k: sp.Expr) -> sp.MatrixBase | sp.MatPow:
    r"""``G**k`` in closed form for one or two states, as an unevaluated power beyond.

    For 2 x 2 with eigenvalues l1 > l2: ``G^k = (l1^k (G - l2 I) - l2^k (G - l1 I)) / (l1 - l2)``
    (Sylvester's formula; Horn and Johnson, Topics in Matrix Analysis 1991, sec. 6.1).
    With l1 = l2 = a (then bc = 0 and a = d): ``G^k = a^k I + k a^(k-1) (G - a I)``.

    >>> k = sp.Symbol("k", integer=True, nonnegative=True)
    >>> gain_power(sp.ImmutableDenseMatrix([[1, 1], [0, 1]]), k)
    Matrix([
    [1, k],
    [0, 1]])
    """
    if gain.rows == 1:
        return sp.ImmutableDenseMatrix([[gain[0, 0] ** k]])
    if gain.rows > 2:
        return sp.MatPow(gain, k)
    middle, root = _characteristic(gain)
    unit = sp.eye(2)
    if root.is_zero:
        return sp.ImmutableDenseMatrix(middle**k * unit + k * middle ** (k - 1) * (gain - middle * unit))
    large, small = middle + root, middle - root
    power = (large**k * (gain - small * unit) - small**k * (gain - large * unit)) / (2 * root)
    return sp.ImmutableDenseMatrix(power)


def perron_constant(gain: sp.ImmutableDenseMatrix, p: sp.Expr) -> sp.Expr | None:
    r"""A constant C with ``||G^k||_p <= C rho(G)^k`` for all k, for one or two states; None when there is none here.

    With a positive right eigenvector v (``G v = rho v``) the maximal row sum of ``G^k`` is at most
    ``max v / min v * rho^k``, likewise with the left one for column sums, and
    ``||A||_2^2 <= ||A||_1 ||A||_oo`` (Horn and Johnson, Matrix Analysis 2013, cor. 8.1.33; Golub and
    Van Loan, Matrix Computations 2013, cor. 2.3.2).
    Off-diagonal entries that are zero leave no positive eigenvector.

    >>> perron_constant(sp.ImmutableDenseMatrix([[1, 2], [2, 1]]), sp.oo)
    1
    """
    if gain.rows == 1:
        return sp.S.One
    if gain.rows > 2 or gain[0, 1].is_zero or gain[1, 0].is_zero:
        return None
    rho = perron_root(gain)
    rest = rho - gain[0, 0]
    ratios = {sp.oo: rest / gain[0, 1], sp.Integer(1): rest / gain[1, 0]}
    constants = {key: maximum(ratio, 1 / ratio) for key, ratio in ratios.items()}
    if p == 2:
        return sp.sqrt(constants[sp.oo] * constants[sp.Integer(1)])
    return constants[p]


def ball_power_norm(gain: Any, k: int, p: sp.Expr) -> arb:
    """A ball whose upper end bounds ``||G^k||_p``, for a non-negative matrix of balls.

    Both the power and the norm grow with every entry of a non-negative matrix, so the upper ends of the entries
    give an upper bound and the lower ends a lower one, and rounding errors of the entries do not pile up in k.
    Balls have unbounded exponents, so k = 10**6 neither under- nor overflows.
    For p = 2 the largest eigenvalue of the small Gram matrix is closed up to 2 x 2, and
    enclosed by traces of its powers beyond.
    """
    if k == 0:
        return arb(1)
    if not all(entry.is_finite() for entry in gain.entries()):
        return arb(0, math.inf)
    above, below = upper_ends(gain), _lower_ends(gain)
    upper = _norm(above**k, p)
    return upper if above == below else upper.union(_norm(below**k, p))


def upper_ends(gain: Any) -> Any:
    """The exact matrix of the upper ends of the entries."""
    return arb_mat(gain.nrows(), gain.ncols(), [entry.upper() for entry in gain.entries()])


def _lower_ends(gain: Any) -> Any:
    return arb_mat(gain.nrows(), gain.ncols(), [entry.lower() if entry > 0 else arb(0) for entry in gain.entries()])


def _norm(power: Any, p: sp.Expr) -> arb:
    if p == 2:
        return _spectral(power)
    rows = power.nrows()
    lines = [[power[i, j] if p == sp.oo else power[j, i] for j in range(rows)] for i in range(rows)]
    sums = [sum((abs(entry) for entry in line), arb(0)) for line in lines]
    result = sums[0]
    for other in sums[1:]:
        result = result.max(other)
    return result


def _spectral(matrix: Any) -> arb:
    """The 2-norm: exact for one and two columns, else from the trace of a high power of the Gram matrix."""
    gram = matrix.transpose() * matrix
    if gram.nrows() == 1:
        return gram[0, 0].nonnegative_part().sqrt()
    if gram.nrows() == 2:
        middle, half = (gram[0, 0] + gram[1, 1]) / 2, (gram[0, 0] - gram[1, 1]) / 2
        spread = half * half + gram[0, 1] * gram[0, 1]  # the operator ** is undefined on balls around zero
        return (middle + spread.nonnegative_part().sqrt()).nonnegative_part().sqrt()
    return _power_mean(gram)


def _power_mean(gram: Any, squarings: int = 40) -> arb:
    """The square root of the largest eigenvalue of a positive semidefinite matrix.

    ``(trace A^N)^(1/2N)`` bounds it from above, and from below after division by
    ``size^(1/2N)``; N = 2^squarings makes the two agree to 12 digits.
    """
    scale = gram.trace()
    if not scale > 0:
        return scale.nonnegative_part().sqrt()
    current, log_scale = gram / scale, scale.log()
    for _ in range(squarings):
        current = current * current
        factor = current.trace()
        current, log_scale = current / factor, 2 * log_scale + factor.log()
    size = arb(gram.nrows()).log()
    exponent = arb(2) ** (squarings + 1)
    upper = (log_scale / exponent).exp()
    return upper.union(((log_scale - size) / exponent).exp())
