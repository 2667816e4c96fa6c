"""When all singular values of a deep network's Jacobian can stay near 1: dynamical isometry on the critical line."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symgrad.errors import InputError, SymgradError
from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.gaussian import VARIANCE, GaussianMean
from symgrad.meanfield.fast_means import fast_mean
from symgrad.meanfield.isometry_ends import near_end
from symgrad.meanfield.isometry_far_end import far_end
from symgrad.meanfield.layer_factors import any_activation
from symgrad.meanfield.singular_values import slope_means, transform_coefficient
from symgrad.meanfield.spectral_rules import (
    CONSTANT_MODULUS,
    CONTINUITY,
    DEPTH,
    EXPANSION,
    JENSEN,
    MOMENT_RATIO,
    WEIGHT_TRANSFORM,
)
from symgrad.presentable import Presentable
from symgrad.rigor.balls import ball_function, to_ball
from symgrad.rigor.closed_forms import is_zero_constant, is_zero_function
from symgrad.rigor.ends import End as LineEnd
from symgrad.rigor.ends import sample_point
from symgrad.rigor.smooth_pieces import SmoothPiece, split

__all__ = ["IMPOSSIBLE", "POSSIBLE", "UNDECIDED", "DynamicalIsometry", "dynamical_isometry"]

POSSIBLE, IMPOSSIBLE, UNDECIDED = "possible", "impossible", "undecided"


@dataclass(frozen=True)
class DynamicalIsometry(Presentable):
    """Whether the variance of the squared singular values at ``chi_1 = 1`` can be made small at any depth.

    It is ``L (mu_2/mu_1^2 - 1 - s_1)`` there, so that what counts is the infimum of the bracket over the critical line.

    Attributes:
        activation: phi.
        weights: ``"gaussian"`` or ``"orthogonal"``.
        verdict: ``"possible"``, ``"impossible"`` or ``"undecided"``; proved unless undecided.
        reason: in words, with the behaviour of the variance fixed point where it is possible only in a limit.
        ratio: ``mu_2/mu_1^2`` as an expression in the variance, closed or in means.
        infimum: of the ratio over the critical line where it is known exactly, or None.
        smallest: the smallest value of the ratio found on the critical line, in floats, with its variance; or None.
        derivation: the proof, as far as it goes.

    >>> found = dynamical_isometry("leaky_relu")
    >>> found.possible, found.s_1
    (False, 0)
    >>> print(found.reason)
    mu_2/mu_1^2 = 200000002/100020001 at every variance, so the variance of the squared singular values grows with L
    """

    activation: Activation
    weights: str
    verdict: str
    reason: str
    ratio: sp.Expr
    infimum: sp.Expr | None
    smallest: tuple[float, float] | None
    derivation: Derivation = field(repr=False)

    @property
    def s_1(self) -> int:
        """The first coefficient of the S-transform of the weights, -1 or 0."""
        return transform_coefficient(self.weights)

    @property
    def possible(self) -> bool | None:
        """True or False where it is proved, None otherwise."""
        return {POSSIBLE: True, IMPOSSIBLE: False}.get(self.verdict)


def dynamical_isometry(activation: Any, weights: str = "orthogonal") -> DynamicalIsometry:
    """Whether dynamical isometry is possible on the critical line, with the proof.

    Args:
        activation: a name, an :class:`Activation` or a SymPy formula in one symbol; without jumps.
        weights: ``"orthogonal"`` or ``"gaussian"``.

    Returns:
        The verdict. It rests on the formula alone, on the modulus of its slope, and on what the slope does next to 0
        and far out, since in between the ratio ``mu_2/mu_1^2`` is continuous and larger than 1.

    Raises:
        InputError: a malformed argument, or an activation whose slope is 0 almost everywhere.
        UnsupportedExpressionError: the activation jumps.

    >>> dynamical_isometry("relu").verdict, dynamical_isometry("relu").infimum
    ('impossible', 2)
    >>> dynamical_isometry("tanh").verdict, dynamical_isometry("tanh", "gaussian").verdict
    ('possible', 'impossible')
    """
    phi = any_activation(activation)
    transform_coefficient(weights)
    if _is_flat(phi.derivative.expr):
        raise InputError(f"activation: the slope of {phi.name} is 0 almost everywhere, so that no chi_1 is 1")
    case = _Case(phi, weights)
    if weights == "gaussian":
        return case.impossible_for_gaussian_weights()
    return case.constant_modulus() or case.constant_ratio() or case.by_ends()


@dataclass(frozen=True)
class _Case:
    phi: Activation
    weights: str

    @cached_property
    def ratio(self) -> sp.Expr:
        first, second = slope_means(self.phi)
        ratio = second.expr / first.expr**2
        return sp.simplify(ratio) if _may_be_constant(ratio) else ratio

    def impossible_for_gaussian_weights(self) -> DynamicalIsometry:
        steps = (*self._opening(), _step(JENSEN, sp.Ge(MOMENT_RATIO, 1, evaluate=False)))
        variance = sp.Symbol("Var")
        last = _step(EXPANSION, sp.Ge(variance, DEPTH, evaluate=False), "at chi_1 = 1")
        reason = "with Gaussian weights the variance of the squared singular values is at least the depth"
        return self._result(IMPOSSIBLE, reason, None, (*steps, last))

    def constant_modulus(self) -> DynamicalIsometry | None:
        """Slopes of one modulus almost everywhere."""
        modulus = _modulus(self.phi)
        if modulus is None:
            return None
        rows = _step(CONSTANT_MODULUS, sp.Eq(MOMENT_RATIO, 1, evaluate=False), f"|phi'| = {modulus} almost everywhere")
        reason = "the slope has one modulus almost everywhere, so every squared singular value is chi_1^L"
        return self._result(POSSIBLE, reason, sp.S.One, (*self._opening(), rows))

    def constant_ratio(self) -> DynamicalIsometry | None:
        """A ratio that is the same at every variance, as for homogeneous activations."""
        ratio = self.ratio
        if ratio.free_symbols or not ratio.is_number or is_zero_constant(ratio - 1):
            return None
        steps = (*self._opening(), _step(CONTINUITY, sp.Eq(MOMENT_RATIO, ratio, evaluate=False), "for every q > 0"))
        reason = f"mu_2/mu_1^2 = {ratio} at every variance, so the variance of the squared singular values grows with L"
        return self._result(IMPOSSIBLE, reason, ratio, steps)

    def by_ends(self) -> DynamicalIsometry:
        """Between the ends the ratio is larger than 1; what it tends to at them decides."""
        ends = [near_end(self.phi), far_end(self.phi, self.ratio)]
        steps = [
            *self._opening(),
            _step(JENSEN, sp.Gt(MOMENT_RATIO, 1, evaluate=False), "|phi'| is not constant, so for every q > 0"),
            _step(CONTINUITY, sp.Gt(MOMENT_RATIO, 1, evaluate=False), "its infimum is 1 only if approached at an end"),
        ]
        for end in ends:
            steps += end.steps
        reached = next((end for end in ends if end.reaches_one), None)
        if reached is not None:
            return self._result(POSSIBLE, reached.words, sp.S.One, tuple(steps))
        if all(end.reaches_one is False for end in ends):
            reason = "mu_2/mu_1^2 stays away from 1 on the whole critical line: " + "; ".join(e.words for e in ends)
            return self._result(IMPOSSIBLE, reason, None, tuple(steps))
        reason = "; ".join(end.words for end in ends if end.reaches_one is None)
        return self._result(UNDECIDED, reason, None, tuple(steps))

    def _opening(self) -> tuple[DerivationStep, ...]:
        coefficient = transform_coefficient(self.weights)
        spread = DEPTH * (MOMENT_RATIO - 1 - coefficient)
        return (
            _step(WEIGHT_TRANSFORM, sp.Eq(sp.Symbol("s_1"), coefficient, evaluate=False), f"{self.weights} weights"),
            _step(EXPANSION, sp.Eq(sp.Symbol("Var"), spread, evaluate=False), "at chi_1 = 1"),
        )

    def _result(
        self, verdict: str, reason: str, infimum: sp.Expr | None, steps: tuple[DerivationStep, ...]
    ) -> DynamicalIsometry:
        claim = f"dynamical isometry of {self.phi.name} with {self.weights} weights is {verdict}"
        smallest = None if self.weights == "gaussian" or infimum is not None else _smallest(self.phi)
        return DynamicalIsometry(
            self.phi, self.weights, verdict, reason, self.ratio, infimum, smallest, Derivation(claim, steps)
        )


def _step(rule: DerivationRule, relation: sp.Basic, note: str = "") -> DerivationStep:
    return DerivationStep(rule, relation, note)


def _is_flat(slope: sp.Expr) -> bool:
    """Whether a slope is 0 almost everywhere; it is looked at in one point before that is proved."""
    somewhere = ball_function(slope, VARIABLE)(to_ball(sp.Rational(1, 3)))
    return bool(somewhere.contains(0)) and is_zero_function(slope)


def _may_be_constant(ratio: sp.Expr) -> bool:
    """Whether a closed ratio has the same value at two variances, up to rounding."""
    if ratio.has(GaussianMean):
        return False
    values = [to_ball(ratio.subs(VARIANCE, q), 96) for q in (sp.Rational(1, 3), sp.Integer(5))]
    return bool(values[0].overlaps(values[1]))


def _modulus(phi: Activation) -> sp.Expr | None:
    """The modulus of the slope if it is proved to be the same almost everywhere and not 0."""
    try:
        pieces = split(phi.derivative.expr, VARIABLE, LineEnd(-sp.oo, 1), LineEnd(sp.oo, -1))
    except SymgradError:
        return None
    square = pieces[0].formula.subs(VARIABLE, sample_point(pieces[0].left, pieces[0].right)) ** 2
    if is_zero_constant(square) or any(_differs(piece, square) for piece in pieces):
        return None
    return sp.sqrt(square) if all(is_zero_function(piece.formula**2 - square) for piece in pieces) else None


def _differs(piece: SmoothPiece, square: sp.Expr) -> bool:
    """Whether the squared slope is another number somewhere on a piece: cheaper than a proof that it is not."""
    middle = sample_point(piece.left, piece.right)
    others = [sample_point(piece.left, LineEnd(middle, -1)), sample_point(LineEnd(middle, 1), piece.right)]
    values = [ball_function(piece.formula, VARIABLE)(to_ball(point)) ** 2 for point in (middle, *others)]
    return not all(value.overlaps(to_ball(square)) for value in values)


def _smallest(phi: Activation) -> tuple[float, float] | None:
    """The smallest ratio on a grid of the critical line, and where; in floats."""
    q = np.geomspace(1e-6, 1e6, 97)
    slope = phi.derivative.expr
    second, fourth, values = (fast_mean(formula, VARIABLE, q) for formula in (slope**2, slope**4, phi.expr**2))
    with np.errstate(all="ignore"):
        ratio = np.where(q - values / second >= 0, fourth / second**2, np.inf)
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    best = int(ratio.argmin())
    return (float(ratio[best]), float(q[best])) if np.isfinite(ratio[best]) else None
