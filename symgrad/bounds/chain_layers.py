"""Bounds on the Jacobian of one layer that hold for all of its inputs: from above, from below, and least stretches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce, singledispatch

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.bounds.chain_rules import AFFINE, DIAGONAL, NORMALISATION, PASS, PRODUCT, SLOPE, SUM, UNBOUNDED
from symgrad.errors import SymgradError
from symgrad.language.chain_layers import (
    Affine,
    ChainLayer,
    Entrywise,
    FixedNormalisation,
    ParametricReLU,
    PassThrough,
    Residual,
    Scaling,
    VectorNormalisation,
)
from symgrad.language.derivation import DerivationRule
from symgrad.language.layer_chain import ChainWeights
from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.matrix_norms import operator_norm, smallest_singular_value

__all__ = ["BITS", "LARGEST_WIDTH", "JacobianEnds", "composed_ends", "layer_ends", "products_to_the_end"]

Array = NDArray[np.float64]

BITS = 96
LARGEST_WIDTH = 2048
"""Up to this many rows or columns of a weight matrix its norm is enclosed tightly; above, by the Frobenius norm."""

_ZERO, _INFINITE = arb(0), arb.pos_inf()


@dataclass(frozen=True, eq=False)
class JacobianEnds:
    """What is proved about the Jacobian J of a layer at every input; all numbers are balls around safe ends.

    Attributes:
        upper: not below ``||J||_2``.
        lower: not above ``||J||_2``.
        injective: not above ``||J v||/||v||`` for any vector v.
        surjective: not above ``||J^T v||/||v||`` for any vector v.
        rule: the theorem.
        formula: the bound from above as an exact number, where there is one.
        note: a remark in plain words.
        parts: of a residual block, the shortcut's and the branch's ends with those of their layers.
    """

    upper: arb
    lower: arb
    injective: arb
    surjective: arb
    rule: DerivationRule
    formula: sp.Expr | None = None
    note: str = ""
    parts: tuple[tuple[JacobianEnds, ...], ...] = ()


def layer_ends(layer: ChainLayer, weights: ChainWeights, least: bool = True) -> JacobianEnds:
    """Bounds of a layer's Jacobian for all inputs.

    Args:
        layer: the layer.
        weights: the parameters by name.
        least: whether least singular values of weight matrices are wanted; they count as 0 otherwise.

    >>> import numpy as np
    >>> from symgrad.language.chain_layers import Affine
    >>> ends = layer_ends(Affine("0", 2, 2, "W"), {"W": np.diag([3.0, 0.5])})
    >>> float(ends.upper), float(ends.injective)
    (3.0, 0.5)
    """
    with working_precision(BITS):
        return _ends(layer, weights, least)


def composed_ends(ends: tuple[JacobianEnds, ...]) -> JacobianEnds:
    """Bounds of the product of Jacobians of layers that follow each other, the first one first."""
    return products_to_the_end(ends)[0]


def products_to_the_end(ends: tuple[JacobianEnds, ...]) -> tuple[JacobianEnds, ...]:
    """Bounds of the product of the Jacobians from each layer on to the last; at the end that of the identity."""
    found = [JacobianEnds(arb(1), arb(1), arb(1), arb(1), PASS, sp.S.One)]
    with working_precision(BITS):
        for end in reversed(ends):
            found.append(_after(end, found[-1]))
    return tuple(reversed(found))


def _after(before: JacobianEnds, after: JacobianEnds) -> JacobianEnds:
    lower = _largest(after.injective * before.lower, after.lower * before.surjective)
    return JacobianEnds(
        _times(after.upper, before.upper),
        lower,
        after.injective * before.injective,
        after.surjective * before.surjective,
        PRODUCT,
    )


def _times(one: arb, other: arb) -> arb:
    """The product of bounds from above, in which 0 times infinity is 0."""
    return _ZERO if one == 0 or other == 0 else one * other


def _largest(*values: arb) -> arb:
    """The largest of bounds from below, by their lower ends."""
    return reduce(lambda a, b: a if a.lower() >= b.lower() else b, values)


@singledispatch
def _ends(layer: ChainLayer, weights: ChainWeights, least: bool) -> JacobianEnds:
    return JacobianEnds(_INFINITE, _ZERO, _ZERO, _ZERO, UNBOUNDED)


@_ends.register
def _(layer: Affine, weights: ChainWeights, least: bool) -> JacobianEnds:
    matrix = weights[layer.weight].T if layer.transposed else weights[layer.weight]
    if min(matrix.shape) > LARGEST_WIDTH:
        norm = operator_norm(matrix, "fro")
        root = arb(min(matrix.shape)).sqrt()
        note = f"more than {LARGEST_WIDTH} rows and columns: by the Frobenius norm"
        return JacobianEnds(arb(norm.upper), arb(norm.lower) / root, _ZERO, _ZERO, AFFINE, note=note)
    norm, (rows, columns) = operator_norm(matrix, 2), matrix.shape
    smallest = arb(smallest_singular_value(matrix).lower) if least else _ZERO
    return JacobianEnds(
        arb(norm.upper),
        arb(norm.lower),
        smallest if rows >= columns else _ZERO,
        smallest if columns >= rows else _ZERO,
        AFFINE,
        note=f"W is {layer.weight}",
    )


@_ends.register
def _(layer: Entrywise, weights: ChainWeights, least: bool) -> JacobianEnds:
    try:
        slope = layer.activation.slope
        most, smallest = slope.sup_abs, _least_modulus(slope.inf, slope.sup)
    except SymgradError as error:
        return JacobianEnds(_INFINITE, _ZERO, _ZERO, _ZERO, UNBOUNDED, sp.oo, str(error))
    upper = to_ball(most).upper() if most.is_finite else _INFINITE
    lower = to_ball(smallest).lower()
    return JacobianEnds(upper, lower, lower, lower, SLOPE, most, f"slope of {layer.activation.name}")


def _least_modulus(low: sp.Expr, high: sp.Expr) -> sp.Expr:
    if low.is_finite and to_ball(low) > 0:
        return low
    return -high if high.is_finite and to_ball(high) < 0 else sp.S.Zero


@_ends.register
def _(layer: ParametricReLU, weights: ChainWeights, least: bool) -> JacobianEnds:
    slopes = [abs(arb(entry)) for entry in weights[layer.weight].ravel().tolist()]
    every = [arb(1), *slopes]
    upper, smallest = max(every), min(every)
    return JacobianEnds(upper, smallest, smallest, smallest, SLOPE, note=f"slopes 1 and {layer.weight}")


@_ends.register
def _(layer: Scaling, weights: ChainWeights, least: bool) -> JacobianEnds:
    gains = np.ones(1) if layer.weight is None else weights[layer.weight]
    return _diagonal([arb(layer.factor) * arb(entry) for entry in gains.ravel().tolist()])


@_ends.register
def _(layer: FixedNormalisation, weights: ChainWeights, least: bool) -> JacobianEnds:
    gains = np.ones(layer.outputs) if layer.weight is None else weights[layer.weight]
    pairs = zip(gains.tolist(), weights[layer.variance].tolist(), strict=True)
    return _diagonal([arb(gain) / (arb(variance) + arb(layer.eps)).sqrt() for gain, variance in pairs])


def _diagonal(entries: list[arb]) -> JacobianEnds:
    if not all(entry.is_finite() for entry in entries):
        return JacobianEnds(_INFINITE, _ZERO, _ZERO, _ZERO, UNBOUNDED, sp.oo)
    uppers, lowers = [abs(entry).upper() for entry in entries], [abs(entry).lower() for entry in entries]
    least = min(lowers)
    return JacobianEnds(max(uppers), max(lowers), least, least, DIAGONAL)


@_ends.register
def _(layer: VectorNormalisation, weights: ChainWeights, least: bool) -> JacobianEnds:
    if layer.centred and layer.outputs == 1:
        return JacobianEnds(_ZERO, _ZERO, _ZERO, _ZERO, NORMALISATION, sp.S.Zero, "one entry less itself")
    gains = np.ones(1) if layer.weight is None else weights[layer.weight]
    most = max(abs(arb(entry)) for entry in gains.tolist())
    upper = most / arb(layer.eps).sqrt() if layer.eps > 0 else (_INFINITE if most > 0 else _ZERO)
    return JacobianEnds(upper, _ZERO, _ZERO, _ZERO, NORMALISATION, note=f"epsilon = {layer.eps:g}")


@_ends.register
def _(layer: PassThrough, weights: ChainWeights, least: bool) -> JacobianEnds:
    return JacobianEnds(arb(1), arb(1), arb(1), arb(1), PASS, sp.S.One)


@_ends.register
def _(layer: Residual, weights: ChainWeights, least: bool) -> JacobianEnds:
    parts = tuple(tuple(_ends(inner, weights, least) for inner in part) for part in (layer.shortcut, layer.branch))
    one, other = (composed_ends(part) for part in parts)
    upper = one.upper + other.upper
    lower, injective, surjective = (
        _largest(_ZERO, _less(getattr(one, side), other.upper), _less(getattr(other, side), one.upper))
        for side in ("lower", "injective", "surjective")
    )
    return JacobianEnds(upper, lower, injective, surjective, SUM, parts=parts)


def _less(value: arb, other: arb) -> arb:
    return value - other if other.is_finite() else _ZERO
