"""Means of products of factors under a Gaussian law, reduced by Stein's lemma to moments, erf and arcsine."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import sympy as sp

from symgrad.language.derivation import DerivationRule, DerivationStep
from symgrad.language.gaussian import GaussianMean, GaussianPairMean
from symgrad.meanfield.gaussian_laws import TiltedLaw
from symgrad.meanfield.gaussian_terms import INTEGRATED as _X
from symgrad.meanfield.gaussian_terms import ONE, Factor, NoClosedFormError, Sigmoid, Sum
from symgrad.meanfield.integration_rules import ARCSINE, ERROR, MOMENTS, ODD, SQUARE, STEIN, STEIN_AT_JUMPS

__all__ = ["Reduction"]

Pair = tuple[Factor, Factor]


@dataclass
class Reduction:
    """Finds ``E[F(x) G(y)]`` for factors F and G, noting each step.

    Attributes:
        variance: of x and of y.
        correlation: of x and y; 0 where there is one variable.
        conditional: whether the variance vanishes for some correlations, so that nothing may be divided by it.
        steps: what was done, in order.
    """

    variance: sp.Expr
    correlation: sp.Expr = sp.S.Zero
    conditional: bool = False
    steps: list[DerivationStep] = field(default_factory=list)
    _known: dict[Pair, sp.Expr] = field(default_factory=dict)

    def mean(self, first: Factor, second: Factor = ONE) -> sp.Expr:
        """The mean of the product.

        Raises:
            NoClosedFormError: the rules find none.
        """
        pair = _ordered(first, second)
        if pair not in self._known:
            self._known[pair] = self._found(*pair)
        return self._known[pair]

    def law(self, first: Factor, second: Factor) -> TiltedLaw:
        """The law that the exponentials tilt to."""
        quadratics, linears = (first.quadratic, second.quadratic), (first.linear, second.linear)
        return TiltedLaw(self.variance, self.correlation, quadratics, linears)

    def written(self, first: Factor, second: Factor = ONE) -> sp.Expr:
        """The mean as an unevaluated expression."""
        first, second = _ordered(first, second)
        functions = [sp.Lambda(_X, factor.at(_X)) for factor in (first, second)]
        if second != ONE:
            return GaussianPairMean(functions[0], functions[1], self.variance, self.correlation)
        return sp.S.One if first == ONE else GaussianMean(functions[0], self.variance)

    def _note(self, rule: DerivationRule, left: sp.Expr, right: sp.Expr) -> None:
        if left != right:
            self.steps.append(DerivationStep(rule, sp.Eq(left, right, evaluate=False)))

    def _found(self, first: Factor, second: Factor) -> sp.Expr:
        if _is_odd(first, second):
            self._note(ODD, self.written(first, second), sp.S.Zero)
            return sp.S.Zero
        if not first.sigmoids and not second.sigmoids:
            return self._leaf(first, second, MOMENTS)
        if first.linear.has(sp.I) or second.linear.has(sp.I):
            raise NoClosedFormError("an error function of a complex argument")
        if not first.power and not second.power:
            return self._leaf(first, second, ERROR)
        return self._by_parts(first, second) if first.power else self._by_parts(second, first)

    def _by_parts(self, first: Factor, second: Factor) -> sp.Expr:
        """Stein's lemma for one power of x."""
        law, n = self.law(first, second), first.power
        rest = first._replace(power=n - 1)
        parts = [(law.means[0], (rest, second))]
        if n > 1:
            parts.append(((n - 1) * law.covariance(0, 0), (first._replace(power=n - 2), second)))
        parts += [(law.covariance(0, 0) * k, (d, second)) for k, d in _slopes(rest)]
        if second.power:
            lower = second._replace(power=second.power - 1)
            parts.append((second.power * law.covariance(0, 1), (rest, lower)))
        parts += [(law.covariance(0, 1) * k, (rest, d)) for k, d in _slopes(second)]
        parts = [(k, pair) for k, pair in parts if k]
        points = [*self._points(rest, second, law.covariance(0, 0)), *self._points(second, rest, law.covariance(0, 1))]
        shown = [k * self.written(*pair) for k, pair in parts] + [k * inner.shown(terms) for k, inner, terms in points]
        self._note(STEIN_AT_JUMPS if points else STEIN, self.written(first, second), sp.Add(*shown))
        values = [k * self.mean(*pair) for k, pair in parts] + [k * inner.total(terms) for k, inner, terms in points]
        return sp.Add(*values)

    def _points(self, at: Factor, other: Factor, weight: sp.Expr) -> list[tuple[sp.Expr, Reduction, Sum]]:
        """Derivatives of signs: the mass at the threshold times the mean of the other factor, given that x is there."""
        found = []
        for sigmoid in at.sigmoids if weight else ():
            if not sigmoid.is_sign:
                continue
            threshold = -sigmoid.offset
            density = sp.exp(-(threshold**2) / (2 * self.variance)) / sp.sqrt(2 * sp.pi * self.variance)
            height = 2 * weight * density * _without(at, sigmoid).at(threshold)
            inner = Reduction(self.variance * (1 - self.correlation**2), sp.S.Zero, True, self.steps)
            if height:
                found.append((height, inner, _moved(other, self.correlation * threshold)))
        return found

    def total(self, terms: Sum) -> sp.Expr:
        """The mean of a sum of factors of one variable."""
        return sp.Add(*(value * self.mean(factor) for factor, value in terms.items()))

    def shown(self, terms: Sum) -> sp.Expr:
        """The same, unevaluated."""
        return sp.Add(*(value * self.written(factor) for factor, value in terms.items()))

    def _leaf(self, first: Factor, second: Factor, rule: DerivationRule) -> sp.Expr:
        law, shown = self.law(first, second), self.written(first, second)
        if rule is MOMENTS:
            value = law.moment(first.power, second.power)
        else:
            rule, value = self._sigmoids(law, first, second)
        if law.is_tilted and value not in (0, 1):
            standard = self._standard(law, first, second)
            self._note(SQUARE, shown, law.factor * standard)
            shown = standard
        self._note(SQUARE if value == 1 else rule, shown, law.factor if value == 1 else value)
        return law.factor * value

    def _standard(self, law: TiltedLaw, first: Factor, second: Factor) -> sp.Expr:
        """What is left of a mean under the tilted law, unevaluated."""
        left = [f._replace(quadratic=sp.S.Zero, linear=sp.S.Zero) for f in (first, second)]
        if ONE in left:
            i = 0 if left[1] == ONE else 1
            return GaussianMean(sp.Lambda(_X, left[i].at(_X + law.means[i])), law.covariance(i, i))
        deviations = [sp.sqrt(law.covariance(i, i)) for i in (0, 1)]
        functions = [sp.Lambda(_X, left[i].at(deviations[i] * _X + law.means[i])) for i in (0, 1)]
        return GaussianPairMean(
            functions[0], functions[1], sp.S.One, law.covariance(0, 1) / (deviations[0] * deviations[1])
        )

    def _sigmoids(self, law: TiltedLaw, first: Factor, second: Factor) -> tuple[DerivationRule, sp.Expr]:
        placed = [(s, 0) for s in first.sigmoids] + [(s, 1) for s in second.sigmoids]
        offsets = [sp.expand(s.offset + (1 if s.is_sign else s.slope) * law.means[i]) for s, i in placed]
        if len(placed) == 1:
            return ERROR, self._one_sigmoid(law, *placed[0], offsets[0])
        if not all(offset.is_zero for offset in offsets):
            raise NoClosedFormError("a product of error functions that are not centred")
        if len(placed) % 2:
            return ODD, sp.S.Zero
        if len(placed) > 2:
            raise NoClosedFormError("a product of four or more error functions")
        return ARCSINE, _arcsine(law, *placed)

    def _one_sigmoid(self, law: TiltedLaw, sigmoid: Sigmoid, i: int, offset: sp.Expr) -> sp.Expr:
        if offset.is_zero:
            return sp.S.Zero
        if not sigmoid.is_sign:
            return sp.erf(offset * sp.sqrt(law.determinant()) / sp.sqrt(_widened(law, sigmoid, i)))
        if self.conditional:
            raise NoClosedFormError("the conditional variance would be divided by")
        return sp.erf(offset / sp.sqrt(2 * law.covariance(i, i)))


def _arcsine(law: TiltedLaw, *placed: tuple[Sigmoid, int]) -> sp.Expr:
    """The mean of the product of two centred sigmoids; the determinant cancels."""
    numerator, roots = 2 * law.scaled(placed[0][1], placed[1][1]), []
    for sigmoid, i in placed:
        if sigmoid.is_sign:
            roots.append(2 * law.scaled(i, i))
        else:
            numerator *= sigmoid.slope
            roots.append(_widened(law, sigmoid, i))
    root = roots[0] if roots[0] == roots[1] else sp.sqrt(roots[0]) * sp.sqrt(roots[1])
    return 2 * sp.asin(numerator / root) / sp.pi


def _widened(law: TiltedLaw, sigmoid: Sigmoid, i: int) -> sp.Expr:
    """``1 + 2 var(slope x)``, times the determinant: that of a law tilted by ``exp(-slope**2 x**2)`` besides."""
    return law.determinant(sigmoid.slope**2, sp.S.Zero) if i == 0 else law.determinant(sp.S.Zero, sigmoid.slope**2)


@lru_cache(maxsize=4096)
def _ordered(first: Factor, second: Factor) -> Pair:
    """The two in an order that depends on what they are only, the constant last: x and y may change places."""
    swapped = second.size < first.size if first.size != second.size else second.key < first.key
    return (first, second) if swapped else (second, first)


def _is_odd(first: Factor, second: Factor) -> bool:
    """Whether the product changes its sign with both variables."""
    (there, one), (other, two) = first.reflected(), second.reflected()
    return (there, other) == (first, second) and one * two == -1


def _without(factor: Factor, sigmoid: Sigmoid) -> Factor:
    left = list(factor.sigmoids)
    left.remove(sigmoid)
    return factor._replace(sigmoids=tuple(left))


def _slopes(factor: Factor) -> list[tuple[sp.Expr, Factor]]:
    """The derivative of the product of error functions, each a constant times a factor; signs are left out."""
    found = []
    for sigmoid in factor.sigmoids:
        if sigmoid.is_sign:
            continue
        rest, (slope, offset) = _without(factor, sigmoid), sigmoid
        tilted = rest._replace(
            quadratic=sp.expand(rest.quadratic - slope**2), linear=sp.expand(rest.linear - 2 * slope * offset)
        )
        found.append((2 * slope / sp.sqrt(sp.pi) * sp.exp(-(offset**2)), tilted))
    return found


def _moved(factor: Factor, shift: sp.Expr) -> Sum:
    """The factor at ``x + shift`` as a sum of factors at x."""
    if shift == 0:
        return {factor: sp.S.One}
    a, b, n = factor.quadratic, factor.linear, factor.power
    sigmoids = tuple(
        s._replace(offset=sp.expand(s.offset + (1 if s.is_sign else s.slope) * shift)) for s in factor.sigmoids
    )
    constant = sp.exp(sp.expand(a * shift**2 + b * shift))
    return {
        Factor(k, a, sp.expand(b + 2 * a * shift), sigmoids): sp.binomial(n, k) * shift ** (n - k) * constant
        for k in range(n + 1)
    }
