"""Bounds on moduli of entries and in weighted norms, tried on random instances of a model in ball arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sympy as sp
from flint import arb, arb_mat

from symgrad.bounds.certificates import RateCertificate
from symgrad.bounds.diagonal_scaling import diagonal_certificate
from symgrad.bounds.gain import ball_power_norm
from symgrad.bounds.inequality import DifferentialNorm, Inequality
from symgrad.bounds.parameter_instances import dense, sum_limit, sums_stay_below, terms_tried
from symgrad.bounds.perron_scaling import perron_certificates
from symgrad.bounds.quadratic import quadratic_certificate
from symgrad.bounds.weighted_quantities import MagnitudesOf, WeightedDifferentialNorm, WeightedProductNorm
from symgrad.bounds.weighted_rules import GAMMA, C
from symgrad.calculus.enclose import BallEvaluator, BoundEvaluator, norm_of_balls, vector_norm
from symgrad.calculus.jacobian import jacobian
from symgrad.calculus.slope_form import SlopeForm, slope_form
from symgrad.errors import NoBoundError
from symgrad.language.norms import Norm, OperatorNorm
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.rigor.balls import ball_function, exact_ball

__all__ = ["InstanceCertificates", "moduli_obey", "product_limit", "weighted_obeys", "weighted_sum_obeys"]


class InstanceCertificates:
    """The certificates of weighted norms for one random instance, each found when it is asked for.

    Args:
        model: the recurrence, whose ranges the states and inputs are in.
        weights: the numbers.
    """

    def __init__(self, model: Recurrence, weights: Weights) -> None:
        self.model, self.weights = model, weights
        self._found: dict[tuple[str, sp.Expr], list[RateCertificate]] = {}
        self._form: SlopeForm | None = None

    def of(self, quantity: WeightedProductNorm) -> list[RateCertificate]:
        """Those of a kind; none where a slope is not bounded for these weights, about which nothing is claimed.

        Raises:
            TypeError: the quantity is about another Jacobian than that of the model.
        """
        if quantity.jacobian != jacobian(self.model).operator:
            raise TypeError("no check is defined for products of other operators than the Jacobian of the model")
        key = quantity.kind, quantity.norm.p
        if key not in self._found:
            try:
                self._found[key] = _KINDS[quantity.kind](self._slopes(), quantity.norm)
            except NoBoundError:
                self._found[key] = []
        return self._found[key]

    def _slopes(self) -> SlopeForm:
        if self._form is None:
            known = {**dict.fromkeys(self.model.sizes, 1), **self.weights.sizes}
            self._form = slope_form(self.model, self.weights.with_sizes(known))
        return self._form


_KINDS: dict[str, Callable[[SlopeForm, Norm], list[RateCertificate]]] = {
    "perron": lambda form, norm: perron_certificates(form, norm.p),
    "diagonal": lambda form, norm: [diagonal_certificate(form)],
    "quadratic": lambda form, norm: [quadratic_certificate(form)],
}


def moduli_obey(
    quantity: MagnitudesOf, bound: sp.Expr, bounds: BoundEvaluator, points: Sequence[BallEvaluator]
) -> bool:
    """Whether no entry of an operator is proved to exceed its bound in modulus at some point."""
    limits = bounds.matrix(bound).entries()
    for point in points:
        entries = dense(quantity.operator, point).entries()
        if any(abs(entry) > limit for entry, limit in zip(entries, limits, strict=True)):
            return False
    return True


def weighted_obeys(
    inequality: Inequality,
    bounds: BoundEvaluator,
    certificates: InstanceCertificates,
    runs: Iterable[tuple[int, Any]],
    norm: Norm,
) -> bool:
    """Whether no product of a few Jacobians is proved to exceed what is stated, with numbers put in.

    Args:
        inequality: about the norm of products, through a weighted norm.
        bounds: its expressions with the weights put in.
        certificates: of the same weights, for rates and constants that only weights tell.
        runs: products of the Jacobian, and of how many.
        norm: of the products.
    """
    limits: dict[int, arb] = {}
    for steps, product in runs:
        if steps not in limits:
            limits[steps] = _limit(inequality, steps, bounds, certificates)
        if exact_ball(norm_of_balls(product, norm.p).lower) > limits[steps]:
            return False
    return True


def _limit(inequality: Inequality, steps: int, bounds: BoundEvaluator, certificates: InstanceCertificates) -> arb:
    """The bound for a number of steps."""
    quantity = inequality.quantity
    if not inequality.is_finite:
        return arb.pos_inf()
    if not isinstance(quantity, WeightedProductNorm):
        return product_limit(inequality.bound.xreplace({vars(quantity)["k"]: sp.Integer(steps)}), bounds)
    if quantity.kind == "best":
        return _least(_limit(item, steps, bounds, certificates) for item in inequality.premises)
    stated = inequality.bound.xreplace({quantity.k: sp.Integer(steps)})
    found = certificates.of(quantity)
    if not stated.has(GAMMA, C):
        return _least([bounds.ball(stated), *(item.bound(steps, quantity.norm.p) for item in found)])
    value = ball_function(stated, (C, GAMMA))
    p = float(quantity.norm.p)
    return _least(value(item.constants[p], exact_ball(item.rate)) for item in found)


def weighted_sum_obeys(
    inequality: Inequality,
    bounds: BoundEvaluator,
    certificates: InstanceCertificates,
    points: Sequence[BallEvaluator],
) -> bool:
    """Whether no sum over a few steps is proved to exceed what is stated through weighted norms.

    Args:
        inequality: about the sum over the steps of products with derivatives by the parameters.
        bounds: its expressions with the weights put in.
        certificates: of the same weights.
        points: the same weights with states and inputs.
    """
    quantity = inequality.quantity
    if not isinstance(quantity, WeightedDifferentialNorm):
        raise TypeError(f"no sum over the steps in a weighted norm: {type(quantity).__name__}")
    return sums_stay_below(quantity, _sum_limit(inequality, bounds, certificates), points)


def _sum_limit(inequality: Inequality, bounds: BoundEvaluator, certificates: InstanceCertificates) -> arb:
    """The stated bound on a sum with numbers put in; for a symbolic or larger number of steps, from its premises."""
    quantity, premises = inequality.quantity, inequality.premises
    if not inequality.is_finite:
        return arb.pos_inf()
    if isinstance(quantity, DifferentialNorm):
        return sum_limit(inequality, quantity, bounds).upper()
    if not isinstance(quantity, WeightedDifferentialNorm):
        raise TypeError(f"no bound on a sum over the steps: {type(quantity).__name__}")
    if quantity.kind == "best":
        return _least(_sum_limit(item, bounds, certificates) for item in premises)
    first, steps = terms_tried(quantity)
    if (quantity.first, quantity.steps) == (first, steps):
        return _least(map(bounds.ball, _with_rates(inequality, certificates)))
    sizes = arb_mat([[bounds.ball(row.bound)] for row in premises[1:]])
    factors = (_limit(premises[0], k, bounds, certificates) for k in range(first, steps))
    return (vector_norm(sizes, quantity.norm) * sum(factors, arb(0))).upper()


def _with_rates(inequality: Inequality, certificates: InstanceCertificates) -> list[sp.Expr]:
    """What is stated, with the rates and constants of certificates where it is stated in such symbols."""
    product, stated = inequality.premises[0].quantity, inequality.bound
    if not stated.has(GAMMA, C) or not isinstance(product, WeightedProductNorm):
        return [stated]
    p = float(product.norm.p)
    found = (item for item in certificates.of(product) if item.constants[p].is_finite())
    return [stated.xreplace({C: _rational(item.constants[p]), GAMMA: _rational(arb(item.rate))}) for item in found]


def _rational(ball: arb) -> sp.Rational:
    """The upper end of a ball, exactly."""
    mantissa, exponent = ball.upper().man_exp()
    return sp.Rational(int(mantissa)) * sp.Rational(2) ** int(exponent)


def _least(limits: Iterable[arb]) -> arb:
    """The least upper end."""
    least = arb.pos_inf()
    for limit in limits:
        upper = limit.upper()
        least = upper if upper < least else least
    return least


def product_limit(bound: sp.Expr, bounds: BoundEvaluator) -> arb:
    """The bound at a fixed number of steps; powers of gain matrices in balls, as symbols they grow long."""
    if isinstance(bound, OperatorNorm) and isinstance(bound.matrix, sp.MatPow):
        return ball_power_norm(bounds.matrix(bound.matrix.base), int(bound.matrix.exp), bound.p)
    return bounds.ball(bound)
