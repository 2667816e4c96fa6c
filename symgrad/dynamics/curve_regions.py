"""How many fixed points a unit has where in the plane of its weight and bias."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.dynamics.constants import between, constant_sign, in_order
from symgrad.dynamics.curve_arcs import Arcs, arcs_of
from symgrad.dynamics.curve_points import CurvePoint
from symgrad.dynamics.curve_setting import Setting, neat
from symgrad.dynamics.slope_pieces import SlopePiece, joints, slope_period, slope_pieces
from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE
from symgrad.presentable import Presentable
from symgrad.rigor.balls import ball_function, lower_float, to_ball, upper_float, working_precision

_HEIGHT = sp.Symbol("B", real=True)
_PRECISIONS = (96, 192, 384, 768)
_NARROW = 2.0**-60

__all__ = ["CurveRegion", "FoldValues", "critical_levels", "fold_values", "regions_of"]


@dataclass(frozen=True, eq=False)
class CurveRegion(Presentable):
    """A range of weights over which the fixed points change in number at the same folds.

    Attributes:
        weights: the range, a condition on the weight: an open interval, or one number.
        folds: the biases at which the number changes, from the lowest to the highest effective bias.
        counts: the number of fixed points below the first of them, between them, and above the last; infinite where a
            whole interval consists of them.
        effective_folds: the same as values of the effective bias.
        effective_bias: B as a formula in the bias.
    """

    weights: sp.Basic
    folds: tuple[sp.Expr, ...]
    counts: tuple[sp.Expr, ...]
    effective_folds: tuple[sp.Expr, ...]
    effective_bias: sp.Expr

    @property
    def is_numeric(self) -> bool:
        """Whether the folds are numbers."""
        return not any(fold.free_symbols for fold in self.folds)

    @property
    def is_bistable(self) -> bool:
        """Whether three fixed points lie between two folds, and one outside."""
        return self.counts == (1, 3, 1)

    @property
    def lower(self) -> sp.Expr:
        """The fold at the lower end."""
        return self.folds[0]

    @property
    def upper(self) -> sp.Expr:
        """The fold at the upper end."""
        return self.folds[-1]

    @property
    def condition(self) -> sp.Basic:
        """The condition on weight and bias, between the outermost folds, or on the side of one with fixed points."""
        inner, folds = self.effective_bias, self.effective_folds
        if not folds:
            return self.weights
        above, below = inner > folds[0], inner < folds[-1]
        if len(folds) > 1:
            return sp.And(self.weights, above, below)
        return sp.And(self.weights, below if self.counts[0] > self.counts[1] else above)

    @property
    def inside(self) -> sp.Expr:
        """The greatest number of fixed points at a bias that is none of the folds."""
        return sp.Max(*self.counts)

    @property
    def outside(self) -> sp.Expr:
        """The least number of fixed points at a bias that is none of the folds."""
        return sp.Min(*self.counts)


@dataclass(frozen=True, eq=False)
class FoldValues(Presentable):
    """The biases at the folds, or the flips, for given weights.

    Attributes:
        weights: (n,).
        folds: (n, m, 2): lower and upper bounds of each, rounded outwards, in increasing order; NaN where there are
            fewer than m.
    """

    weights: NDArray[np.float64]
    folds: NDArray[np.float64]

    @property
    def lower(self) -> NDArray[np.float64]:
        """Bounds of the lowest bias at a fold, shape (n, 2); NaN where there is none."""
        return self._column(0)

    @property
    def upper(self) -> NDArray[np.float64]:
        """Bounds of the highest bias at a fold, shape (n, 2); NaN where there is none."""
        last = np.maximum((~np.isnan(self.folds[:, :, 0])).sum(axis=1) - 1, 0)
        return self.folds[np.arange(len(self.weights)), last] if self.folds.shape[1] else self._column(0)

    def _column(self, place: int) -> NDArray[np.float64]:
        return self.folds[:, place] if self.folds.shape[1] else np.full((len(self.weights), 2), np.nan)


def fold_values(setting: Setting, weights: Any, multiplier: int = 1) -> FoldValues:
    """The biases at the folds, enclosed.

    Args:
        setting: of the unit.
        weights: values of its weight, (n,), taken as the exact float64s that they are.
        multiplier: 1 for folds, -1 for flips.

    Raises:
        InputError: malformed weights, another multiplier, or other parameters without a value.
    """
    values = np.asarray(weights, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InputError(f"w_values: finite numbers of shape (n,) are needed, got {weights!r:.80}")
    if isinstance(multiplier, bool) or multiplier not in (1, -1):
        raise InputError(f"multiplier: 1 for folds or -1 for flips is needed, got {multiplier!r}")
    target = sp.S.One if multiplier == 1 else setting.level(-1) if setting.is_map else sp.S.Zero
    rows = [sorted(_rounded(setting, sp.Rational(float(value)), target)) for value in values]
    folds = np.full((len(rows), max(map(len, rows), default=0), 2), np.nan)
    for place, row in enumerate(rows):
        folds[place, : len(row)] = np.array(row).reshape(-1, 2)
    return FoldValues(values, folds)


def _rounded(setting: Setting, weight: sp.Expr, target: sp.Expr) -> Iterator[tuple[float, float]]:
    effective = setting.unit.weight.xreplace({setting.weight: weight})
    free = (
        effective.free_symbols | target.free_symbols | (setting.unit.bias.free_symbols - {setting.weight, setting.bias})
    )
    if free:
        raise InputError(f"values: numbers for {', '.join(sorted(map(str, free)))} are needed")
    if effective.is_zero or target.is_zero:
        return
    for z, formula in _turns(slope_pieces(setting.unit.activation), target / effective):
        ball = _sharp(partial(_bias_ball, setting, weight, effective, z, formula))
        yield lower_float(ball), upper_float(ball)


def _turns(pieces: tuple[SlopePiece, ...], level: sp.Expr) -> Iterator[tuple[Callable[[int], arb], sp.Expr]]:
    """Where s' passes a level, as balls for a number of bits, and the formula of s there."""
    for piece in pieces:
        if piece.direction and piece.contains(level):
            yield partial(piece.ball_at_level, level), piece.formula
    for joint in joints(pieces):
        if joint.sides(level).product < 0:
            yield partial(to_ball, joint.point), joint.before.formula


def _bias_ball(
    setting: Setting, weight: sp.Expr, effective: sp.Expr, z: Callable[[int], arb], formula: sp.Expr, bits: int
) -> arb:
    height = ball_function(VARIABLE - effective * formula, VARIABLE)(z(bits))
    return ball_function(setting.bias_for(_HEIGHT, weight), _HEIGHT)(height)


def _sharp(ball: Callable[[int], arb]) -> arb:
    """The ball at the least precision at which it is as narrow as floats can tell."""
    for bits in _PRECISIONS:
        with working_precision(bits):
            found = ball(bits)
        if found.is_finite() and found.rad() < _NARROW * max(1.0, float(abs(found.mid()))):
            break
    return found


def regions_of(setting: Setting, folds: Sequence[CurvePoint]) -> tuple[CurveRegion, ...]:
    """The ranges of the effective weight with at most two folds, all in closed form, and the counts there.

    Where the weight is a number: that one, however many folds there are. None for a slope with a period.
    """
    weight, activation = setting.effective_weight, setting.unit.activation
    if slope_period(activation) is not None:
        return ()
    if not weight.free_symbols:
        return (_of_number(setting, arcs_of(activation, weight)),)
    if any(fold.is_parametric for fold in folds):
        return ()
    levels = critical_levels(setting)
    ends = [sp.S.NegativeInfinity, *levels, sp.oo]
    regions = []
    for low, high in pairwise(ends):
        sample = between(low, high)
        arcs = arcs_of(activation, sample)
        if 0 < len(arcs.boundaries) <= 2:
            found = _of_interval(setting, folds, arcs, sample, (low, high))
            regions += [] if found is None else [found]
    return tuple(regions)


def critical_levels(setting: Setting, *, merged: bool = False) -> list[sp.Expr]:
    """The effective weights, 0 included, at which a fold appears or vanishes, or an end of B(z) changes its limit."""
    slopes = {slope for piece in slope_pieces(setting.unit.activation) for slope in (piece.first, piece.last)}
    finite = [1 / s for s in slopes if s not in (sp.oo, -sp.oo) and constant_sign(s) != 0]
    return in_order([*finite, sp.S.Zero], merged=merged)


def _of_number(setting: Setting, arcs: Arcs) -> CurveRegion:
    folds = tuple(setting.named(setting.bias_for(height)) for height in arcs.boundaries)
    bias = setting.named(setting.at_weight(setting.unit.bias))
    return CurveRegion(sp.true, folds, arcs.counts, arcs.boundaries, bias)


def _of_interval(
    setting: Setting, folds: Sequence[CurvePoint], arcs: Arcs, sample: sp.Expr, ends: tuple[sp.Expr, sp.Expr]
) -> CurveRegion | None:
    """The region around a sample: folds are matched by the order of their pre-activations, which cannot change."""
    weight = setting.named(setting.effective_weight)
    solved = {setting.named(setting.weight): setting.named(setting.weight_for(sample))}
    present = [fold for fold in folds if fold.nondegenerate.subs(weight, sample).subs(solved) == sp.true]
    present.sort(key=lambda fold: float(to_ball(fold.z.subs(weight, sample).subs(solved)).mid()))
    turning = [height for height, turn in zip(arcs.heights[1:-1], arcs.turns, strict=True) if turn]
    if len(turning) != len(present) or len(turning) != len(arcs.boundaries):
        return None
    biases = tuple(present[turning.index(height)].b for height in arcs.boundaries)
    effective = setting.named(setting.at_weight(setting.unit.bias))
    symbol = setting.named(setting.bias)
    heights = biases if effective == symbol else tuple(neat(effective.subs(symbol, b)) for b in biases)
    return CurveRegion(_inside(weight, ends), biases, arcs.counts, heights, effective)


def _inside(weight: sp.Expr, ends: tuple[sp.Expr, sp.Expr]) -> sp.Basic:
    above = sp.true if ends[0] == -sp.oo else weight > ends[0]
    below = sp.true if ends[1] == sp.oo else weight < ends[1]
    return sp.And(above, below)
