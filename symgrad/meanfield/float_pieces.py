"""Formulas as float functions with what a quadrature rule must know: kinks, jumps, and where they vary how fast."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.errors import SymgradError
from symgrad.language.elementwise import VARIABLE
from symgrad.numerics.functions import ArrayFunction, array_function, constant_float
from symgrad.rigor.balls import ball_function, working_precision
from symgrad.rigor.ends import End
from symgrad.rigor.extrema import is_even
from symgrad.rigor.smooth_pieces import split

__all__ = ["FloatPieces", "float_pieces"]

Array = NDArray[np.float64]

_GRADING = 4.0
_OUT_OF_REACH = 14.0  # standard deviations
_FARTHEST = 1e160  # beyond, squares leave the range of floats
_BITS = 128


@dataclass(frozen=True)
class FloatPieces:
    """A formula compiled piece by piece.

    Attributes:
        formula: in ``VARIABLE``.
        kinks: where one smooth piece ends and the next begins, in order.
        hints: points between which the formula is expected to vary slowly; the kinks are not among them.
        centres: where it varies fastest, each with the length over which it does; of shape (count, 2).
        finest: the shortest length over which it is expected to vary; infinite for polynomials.
        even: whether it is proved to be an even function.
        pieces: the smooth pieces from left to right.
        functions: the same compiled.
    """

    formula: sp.Expr
    kinks: Array
    hints: Array
    centres: Array
    finest: float
    even: bool
    pieces: tuple[sp.Expr, ...]
    functions: tuple[ArrayFunction, ...]

    def __call__(self, x: Array) -> Array:
        """The values at an array of points; at a kink those of the right side."""
        if len(self.functions) == 1:
            return np.asarray(self.functions[0](np, x))
        place = np.searchsorted(self.kinks, x, side="right")
        values = np.full(x.shape, np.nan)
        for i, function in enumerate(self.functions):
            inside = place == i
            if inside.any():
                values[inside] = function(np, x[inside])
        return values

    def weighted(self, x: Array, logarithm: Array) -> Array:
        """The values times the exponential of an array, right also where a value alone leaves the range of floats."""
        values = self(x)
        with np.errstate(all="ignore"):
            product = np.asarray(values * np.exp(logarithm))
        lost = ~np.isfinite(values) | ~np.isfinite(product)
        if lost.any():
            exponents = np.broadcast_to(logarithm, x.shape)[lost]
            product[lost] = [self._in_balls(*pair) for pair in zip(x[lost], exponents, strict=True)]
        return product

    def breaks(self, means: Array | float, deviations: Array) -> Array:
        """The z at which ``m + s z`` is a kink or a hint, a row for each m and s; without hints where s is small."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            points = np.concatenate([self.kinks, self.hints]) if (deviations > self.finest / 2).any() else self.kinks
            return np.asarray((points - np.reshape(means, (-1, 1))) / deviations[:, None])

    def line_scales(self, deviations: Array) -> Array:
        """How long the distance from 0 is over which the formula at ``s z`` varies in z, for each s.

        NaN where a point away from 0 is in reach at which it varies faster than the points of a rule graded towards 0
        can follow, or where there are kinks.
        """
        if len(self.kinks):
            return np.full(len(deviations), np.nan)
        points, lengths = np.abs(self.centres[:, 0]), self.centres[:, 1]
        spacing = np.hypot(np.minimum(deviations, self.finest)[:, None], points)
        followed = (lengths >= spacing / 2) | (points > _OUT_OF_REACH * deviations[:, None]) | (points == 0)
        return np.where(followed.all(axis=1), self.finest / deviations, np.nan)

    def at_zero(self) -> float:
        """The mean of both limits at 0."""
        if 0.0 in self.kinks:
            left, right = (array_function(side) for side in self.sides_of_zero())
            return (_value(left, -1) + _value(right, 1)) / 2
        return float(self(np.zeros(1))[0])

    def sides_of_zero(self) -> tuple[sp.Expr, sp.Expr]:
        """The smooth pieces that meet at a kink at 0."""
        i = int(np.searchsorted(self.kinks, 0.0))
        return self.pieces[i], self.pieces[i + 1]

    def _in_balls(self, point: float, logarithm: float) -> float:
        with working_precision(_BITS):
            return float((ball_function(self.formula, VARIABLE)(float(point)) * arb(float(logarithm)).exp()).mid())


@lru_cache(maxsize=256)
def float_pieces(formula: sp.Expr, symbol: sp.Symbol = VARIABLE) -> FloatPieces:
    """A formula in one symbol, compiled.

    Where its kinks cannot be found, as of ``Abs(sin(x))`` which has infinitely many, it is taken as one piece: rules
    that check themselves then find the kinks.
    """
    formula = formula.xreplace({symbol: VARIABLE})
    try:
        found = split(formula, VARIABLE, End(-sp.oo, 1), End(sp.oo, -1))
    except SymgradError:
        found = ()
    pieces = [piece.formula for piece in found] or [formula]
    kinks = np.array([constant_float(piece.right.value) for piece in found[:-1]])
    centres = _centres(pieces, kinks)
    hints = _graded(centres)
    hints = hints[~np.isin(hints, kinks)]
    finest = min(scale for _, scale in centres)
    functions = tuple(array_function(piece) for piece in pieces)
    return FloatPieces(
        formula, kinks, hints, np.array(centres), finest, is_even(formula, VARIABLE), tuple(pieces), functions
    )


def _value(function: ArrayFunction, side: int) -> float:
    """The limit at 0 from one side, where the formula as it is written may have no value."""
    at, near, nearer = (float(value) for value in function(np, side * np.array([0.0, 1e-9, 1e-12])))
    if np.isfinite(at):
        return at
    return nearer if abs(nearer - near) <= 1e-6 * max(abs(nearer), 1.0) else at


def _centres(pieces: list[sp.Expr], kinks: Array) -> list[tuple[float, float]]:
    """Where arguments of functions vanish or turn, each with the distance at which they have changed by about 1."""
    if all(piece.is_polynomial(VARIABLE) for piece in pieces):  # panels are exact for them whatever their scale
        return [(0.0, np.inf)]
    centres = {0.0: 1.0} | {float(point): 1.0 for point in kinks}
    for node in {node for piece in pieces for node in piece.atoms(sp.Function, sp.Pow)}:
        for argument in node.args:
            for point, scale in _roots(argument):
                centres[point] = min(scale, centres.get(point, 1.0))
    finest = min(centres.values())
    # next to a kink another function may vary as fast as the fastest one
    return [(point, finest if point in kinks else scale) for point, scale in centres.items()]


def _roots(argument: Any) -> list[tuple[float, float]]:
    """The real parts of the roots of a polynomial argument, and how far it goes from there to change by 1."""
    if not isinstance(argument, sp.Expr) or not argument.has(VARIABLE) or not argument.is_polynomial(VARIABLE):
        return []
    with np.errstate(all="ignore"):
        coefficients = np.array([constant_float(c) for c in sp.Poly(argument, VARIABLE).all_coeffs()])
    if not np.isfinite(coefficients).all() or len(coefficients) > 20:
        return []
    moved = [np.roots(coefficients - shift * np.eye(len(coefficients))[-1]) for shift in (1.0, -1.0)]
    others = np.concatenate(moved)
    found = []
    for root in np.roots(coefficients):
        scale = max(float(np.abs(others - root).min()), 1e-150)
        found.append((float(root.real), min(scale, 1.0)))
    return found


def _graded(centres: list[tuple[float, float]]) -> Array:
    """Points at geometrically growing distances from each centre."""
    farthest = max(abs(point) for point, _ in centres)
    hints = [np.array([point for point, _ in centres])]
    for point, scale in centres:
        if np.isinf(scale):
            continue
        steps = int(np.log(_FARTHEST / scale) / np.log(_GRADING))
        distances = scale * _GRADING ** np.arange(steps)
        if point:  # far away the grading around 0 is enough
            distances = distances[distances <= _GRADING * max(farthest, 1.0)]
        hints += [point + distances, point - distances]
    return np.unique(np.concatenate(hints))
