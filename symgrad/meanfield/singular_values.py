"""Singular values of the input-output Jacobian of deep, wide random networks: mean and variance of their squares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.language.derivation import Derivation, DerivationStep
from symgrad.language.elementwise import Activation
from symgrad.language.gaussian import VARIANCE
from symgrad.language.numbers import exact_number
from symgrad.meanfield.layer_factors import any_activation, positive_number
from symgrad.meanfield.means import Mean
from symgrad.meanfield.spectral_rules import (
    CHAIN,
    DEPTH,
    EXPANSION,
    FREE_PRODUCT,
    MU,
    SLOPE_MOMENT,
    WEIGHT_TRANSFORM,
)
from symgrad.meanfield.variance_map import Unit, VarianceMap
from symgrad.meanfield.variance_points import VariancePoint, variance_points
from symgrad.meanfield.variant_steps import SIGMA_W
from symgrad.presentable import Presentable
from symgrad.rigor.balls import to_ball, working_precision

__all__ = ["SingularValues", "singular_values", "slope_means", "transform_coefficient"]

_BITS = 96
_COEFFICIENTS = {"gaussian": -1, "orthogonal": 0}


@dataclass(frozen=True)
class SingularValues(Presentable):
    """The first two moments of the squared singular values of the Jacobian of a deep network of infinite width.

    Attributes:
        activation: phi.
        weights: ``"gaussian"`` or ``"orthogonal"``.
        sigma_w2: the variance of the weights, exact.
        depth: the number of layers, L.
        q: the variance of the pre-activations, the same in every layer, enclosed.
        exact_q: the same in closed form, or None.
        stability: how the variance map behaves at q.
        moments: ``mu_1`` and ``mu_2``, the means of the second and fourth power of the derivative of phi, enclosed.
        chi: ``sigma_w^2 mu_1``, enclosed.
        mean: the mean of the squared singular values, ``chi^L``, enclosed.
        variance: their variance, enclosed.
        derivation: of the formulas.

    >>> found = singular_values("relu", 2, depth=10, q=1, weights="orthogonal")
    >>> found.s_1, found.variance == 10, found.moment_formulas
    (0, True, (1/2, 1/2))
    """

    activation: Activation
    weights: str
    sigma_w2: sp.Expr
    depth: int
    q: arb
    exact_q: sp.Expr | None
    stability: str
    moments: tuple[arb, arb]
    chi: arb
    mean: arb
    variance: arb
    derivation: Derivation = field(repr=False)

    @property
    def s_1(self) -> int:
        """The first coefficient of the S-transform of the weights, -1 or 0."""
        return transform_coefficient(self.weights)

    @property
    def moment_formulas(self) -> tuple[sp.Expr, sp.Expr]:
        """The moments of the slopes as expressions in the variance, closed or as means."""
        first, second = slope_means(self.activation)
        return first.expr, second.expr

    @property
    def chi_formula(self) -> sp.Expr:
        """The factor of the mean squared gradient from layer to layer, in the variance and the scale of weights."""
        return SIGMA_W**2 * self.moment_formulas[0]

    @property
    def mean_formula(self) -> sp.Expr:
        """The mean of the squared singular values after L layers."""
        return self.chi_formula**DEPTH

    @property
    def variance_formula(self) -> sp.Expr:
        """The variance of the squared singular values after L layers."""
        first, second = self.moment_formulas
        return self.chi_formula ** (2 * DEPTH) * DEPTH * (second / first**2 - 1 - self.s_1)

    @property
    def second_moment(self) -> arb:
        """The mean of the fourth powers of the singular values, enclosed."""
        with working_precision(_BITS):
            return self.variance + self.mean**2


def singular_values(
    activation: Any, sigma_w2: Any, depth: int, *, q: Any = None, sigma_b2: Any = None, weights: str = "gaussian"
) -> SingularValues:
    """Mean and variance of the squared singular values of a deep network's Jacobian, for infinite width.

    Pennington, Schoenholz and Ganguli 2018: the mean is ``chi^L``, the variance
    ``chi^(2L) L (mu_2/mu_1^2 - 1 - s_1)`` with ``mu_k = E[phi'^(2k)]`` and s_1 = -1 for Gaussian, 0 for orthogonal
    weights.

    Args:
        activation: a name, an :class:`symgrad.Activation` or a SymPy formula in one symbol.
        sigma_w2: the variance of the weights times the width.
        depth: the number of layers, L.
        q: the variance of the pre-activations in every layer, a number or a ball; or else
        sigma_b2: the variance of the biases; q is then the attracting fixed point of the variance map.
        weights: ``"gaussian"``, or ``"orthogonal"`` for ``W = sigma_w O`` with O uniform on the orthogonal group.

    Raises:
        InputError: a malformed argument; no attracting fixed point, or several.
        UnsupportedExpressionError: the activation jumps.

    >>> found = singular_values("relu", 2, depth=10, q=1)
    >>> found.mean == 1, found.variance == 20
    (True, True)
    >>> found.variance_formula
    2*L*(sigma_w**2/2)**(2*L)
    """
    phi = any_activation(activation)
    transform_coefficient(weights)
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
        raise InputError(f"depth: a number of layers, at least 1, is needed, got {depth!r}")
    gain = positive_number("sigma_w2", sigma_w2)
    if (q is None) == (sigma_b2 is None):
        raise InputError("q, sigma_b2: exactly one of them is needed")
    ball, exact, stability = _given(q) if q is not None else _fixed_point(phi, gain, sigma_b2)
    return _at(phi, gain, depth, weights, (ball, exact, stability))


def transform_coefficient(weights: str) -> int:
    """s_1, the first coefficient of the S-transform of the weights.

    Raises:
        InputError: other weights than Gaussian or orthogonal ones.
    """
    if weights not in _COEFFICIENTS:
        raise InputError(f'weights: "gaussian" or "orthogonal" is needed, got {weights!r}')
    return _COEFFICIENTS[weights]


def slope_means(activation: Activation) -> tuple[Mean, Mean]:
    """``E[phi'^2]`` and ``E[phi'^4]`` as functions of the variance."""
    slope = activation.derivative.expr
    return Mean(slope**2), Mean(slope**4)


def _at(
    phi: Activation, gain: sp.Expr, depth: int, weights: str, point: tuple[arb, sp.Expr | None, str]
) -> SingularValues:
    ball, exact, stability = point
    means = slope_means(phi)
    with working_precision(_BITS):
        first, second = (_moment(phi, mean, power, ball) for power, mean in zip((2, 4), means, strict=True))
        chi = to_ball(gain) * first
        spread = _ratio(phi, means, first, second) - 1 - transform_coefficient(weights)
        mean, variance = chi**depth, chi ** (2 * depth) * depth * spread
    derivation = _derivation(phi, weights, means)
    return SingularValues(
        phi, weights, gain, depth, ball, exact, stability, (first, second), chi, mean, variance, derivation
    )


def _ratio(phi: Activation, means: tuple[Mean, Mean], first: arb, second: arb) -> arb:
    """``mu_2/mu_1^2``, exact where the closed forms show that it does not depend on the variance."""
    if all(mean.closed is not None for mean in means):
        ratio = sp.simplify(means[1].expr / means[0].expr ** 2)
        if not ratio.free_symbols:
            return to_ball(ratio)
    if bool(first.contains(0)):
        raise InputError(f"activation: the slope of {phi.name} vanishes, or is not proved not to, at that variance")
    return second / first**2


def _moment(phi: Activation, mean: Mean, power: int, variance: arb) -> arb:
    if variance == 0:
        left, right = Unit(phi).slopes_beside_zero
        return to_ball((left**power + right**power) / 2)
    ball = mean.ball(variance)
    if not ball.is_finite():
        raise InputError(f"activation: E[{phi.name}'^{power}] is infinite at variance {variance}, or not proved finite")
    return ball


def _given(q: Any) -> tuple[arb, sp.Expr | None, str]:
    if isinstance(q, arb):
        if not q.is_finite() or not q >= 0:
            raise InputError(f"q: a ball around variances that are not negative is needed, got {q}")
        return q, None, "given"
    number = exact_number("q", q)
    if number < 0:
        raise InputError(f"q: a variance, not negative, is needed, got {q!r}")
    with working_precision(_BITS):
        return to_ball(number), number, "given"


def _fixed_point(phi: Activation, gain: sp.Expr, sigma_b2: Any) -> tuple[arb, sp.Expr | None, str]:
    """The one attracting fixed point of the variance map."""
    offset = exact_number("sigma_b2", sigma_b2)
    if offset < 0:
        raise InputError(f"sigma_b2: a number that is not negative is needed, got {sigma_b2!r}")
    found = variance_points(VarianceMap(Unit(phi), gain, offset))
    if found.continuum:
        raise InputError("q: every variance is a fixed point of the variance map, so that q has to be given")
    point = _only(found.attracting, sigma_b2)
    return point.ball, point.exact, point.stability


def _only(points: tuple[VariancePoint, ...], sigma_b2: Any) -> VariancePoint:
    if len(points) != 1:
        found = ", ".join(f"{float(point):.6g}" for point in points) or "none"
        raise InputError(f"sigma_b2: at {sigma_b2!r} one attracting fixed point is needed, there is {found}; give q")
    return points[0]


def _derivation(phi: Activation, weights: str, means: tuple[Mean, Mean]) -> Derivation:
    coefficient = transform_coefficient(weights)
    first, second = sp.symbols("m_1 m_2", positive=True)
    chi = sp.Symbol("chi", positive=True)
    spread = MU[1] / MU[0] ** 2 - 1 - coefficient

    def step(rule: Any, left: sp.Expr, right: sp.Expr, note: str = "") -> DerivationStep:
        return DerivationStep(rule, sp.Eq(left, right, evaluate=False), note)

    steps = (
        step(SLOPE_MOMENT, MU[0], means[0].expr, f"phi = {phi.name}, pre-activations of variance {VARIANCE}"),
        step(SLOPE_MOMENT, MU[1], means[1].expr),
        step(WEIGHT_TRANSFORM, sp.Symbol("s_1"), sp.Integer(coefficient), f"{weights} weights"),
        step(CHAIN, chi, SIGMA_W**2 * MU[0], "one layer"),
        step(FREE_PRODUCT, first, chi**DEPTH, "the mean of the squared singular values"),
        step(EXPANSION, second, chi ** (2 * DEPTH) * (1 + DEPTH * spread), "of their squares"),
        step(EXPANSION, second - first**2, chi ** (2 * DEPTH) * DEPTH * spread, "the variance"),
    )
    return Derivation(f"moments of the squared singular values of the Jacobian, {weights} weights", steps)
