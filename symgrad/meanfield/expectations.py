"""Means of entries as expressions: products of means over one Gaussian variable wherever the variables separate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, product

import sympy as sp

from symgrad.errors import UnsupportedExpressionError
from symgrad.language.elementwise import VARIABLE
from symgrad.language.gaussian import VARIANCE, GaussianMean
from symgrad.language.joint_mean import GaussianJointMean
from symgrad.meanfield.entries import Entries
from symgrad.meanfield.linear_forms import in_order, is_linear, linear_forms, with_form
from symgrad.meanfield.means import Mean
from symgrad.rigor.extrema import is_odd
from symgrad.rigor.functions import canonical

__all__ = ["Expectations"]

_MOST_TERMS = 2000

Term = tuple[sp.Expr, tuple[sp.Expr, ...]]
_Variables = Callable[[sp.Expr], frozenset[sp.Dummy]]


@dataclass
class Expectations:
    """Means of expressions in the fields and states of a coordinate.

    Args:
        entries: whose fields and states.
        updates: the entry of each next state; where one stands inside another, it is a stationary copy of that state.
        centred: the states whose mean is 0.

    Attributes:
        closures: states whose law had to be taken as Gaussian somewhere.
        moments: the symbols of moments that occur, each with the states whose product it is the mean of.
    """

    entries: Entries
    updates: dict[sp.Dummy, sp.Expr]
    centred: frozenset[sp.Dummy] = frozenset()
    closures: set[sp.Dummy] = field(default_factory=set)
    moments: dict[sp.Symbol, tuple[sp.Dummy, ...]] = field(default_factory=dict)
    _known: dict[tuple[sp.Expr, sp.Dummy | None], sp.Expr] = field(default_factory=dict)
    _sums: dict[frozenset[tuple[sp.Dummy, sp.Expr]], sp.Dummy] = field(default_factory=dict)
    _variances: dict[sp.Dummy, sp.Expr] = field(default_factory=dict)

    @cached_property
    def states(self) -> tuple[sp.Dummy, ...]:
        """The states, as they stand in expressions."""
        return tuple(self.updates)

    @cached_property
    def _gaussian(self) -> frozenset[sp.Dummy]:
        """The states whose stationary law is Gaussian: linear in fields and in states of this kind."""
        found = frozenset(self.updates)
        while True:
            known = found | self.entries.fields.keys()
            kept = frozenset(state for state in found if is_linear(self.updates[state], known))
            if kept == found:
                return found
            found = kept

    def first(self, state: sp.Dummy) -> sp.Expr:
        """The symbol of the mean of a state."""
        if state in self.centred:
            return sp.S.Zero
        symbol = sp.Symbol(f"m_{state.name}", real=True)
        self.moments[symbol] = (state,)
        return symbol

    def second(self, one: sp.Dummy, other: sp.Dummy) -> sp.Symbol:
        """The symbol of the mean of a product of two states."""
        pair = tuple(sorted({one, other}, key=in_order))
        name = f"Q_{','.join(state.name for state in pair)}"
        symbol = sp.Symbol(name, real=True) if len(pair) > 1 else sp.Symbol(name, nonnegative=True)
        self.moments[symbol] = (one, other)
        return symbol

    def mean(self, expr: sp.Expr, of: sp.Dummy | None = None) -> sp.Expr:
        """The mean of an expression in fields and states.

        Args:
            expr: the expression.
            of: the state whose next value it is made of, which must not be taken for a stationary copy of itself.
        """
        if (expr, of) not in self._known:
            terms = _terms(self._merged(self._stationary(expr, of)), self._random)
            products = [c * sp.Mul(*map(self._component, self._grouped(factors))) for c, factors in terms]
            self._known[expr, of] = sp.Add(*products)
        return self._known[expr, of]

    def variance(self, symbol: sp.Dummy) -> sp.Expr:
        """The variance of a field."""
        if symbol not in self._variances:
            found = self.entries.fields[symbol]
            second = sp.S.One if found.argument is None else self.mean(found.argument**2)
            self._variances[symbol] = found.scale * second
        return self._variances[symbol]

    def _random(self, expr: sp.Expr) -> frozenset[sp.Dummy]:
        return frozenset(expr.free_symbols & (self.entries.fields.keys() | self._variances.keys() | set(self.updates)))

    def _merged(self, expr: sp.Expr) -> sp.Expr:
        """The expression with one field in place of every sum of fields through which alone it depends on them."""
        fields = sorted(expr.free_symbols & self.entries.fields.keys(), key=in_order)
        for form in linear_forms(expr, fields):
            if len(form) > 1:
                key = frozenset(form.items())
                if key not in self._sums:
                    self._sums[key] = symbol = sp.Dummy("xi", real=True)
                    self._variances[symbol] = sp.Add(*(w**2 * self.variance(each) for each, w in form.items()))
                expr = with_form(expr, form, self._sums[key])
        return expr

    def _stationary(self, expr: sp.Expr, of: sp.Dummy | None) -> sp.Expr:
        """Next states inside an expression as states of their own, where nothing else depends on what they hold."""
        for state, update in self.updates.items():
            inside = self._random(update)
            if state == of or not inside & set(self.states) or not expr.has(update):
                continue
            copy = sp.Dummy(state.name, real=True)
            replaced = expr.xreplace({update: copy})
            if not (inside | set(self.states)) & replaced.free_symbols:  # old states are of another time
                expr = replaced.xreplace({copy: state})
        return expr

    def _grouped(self, factors: Iterable[sp.Expr]) -> list[sp.Expr]:
        """Products of the factors that share variables; different products are independent."""
        groups: list[tuple[frozenset[sp.Dummy], sp.Expr]] = []
        for factor in factors:
            random, joined = self._random(factor), factor
            apart = []
            for other, value in groups:
                if other & random:
                    random, joined = random | other, joined * value
                else:
                    apart.append((other, value))
            groups = [*apart, (random, joined)]
        return [value for _, value in groups]

    def _component(self, expr: sp.Expr) -> sp.Expr:
        random = self._random(expr)
        if random <= set(self.states) and expr.is_polynomial(*random):
            poly = sp.Poly(expr, *sorted(random, key=in_order))
            if poly.total_degree() <= 2:
                return self._moment(poly)
        inside = random & set(self.states)
        if len(inside) > 1 or not inside <= self._gaussian:
            self.closures |= inside
        return self._integral(expr, sorted(random, key=in_order))

    def _moment(self, poly: sp.Poly) -> sp.Expr:
        """A polynomial of degree two or less in states, by their moments."""
        total = sp.S.Zero
        for powers, coefficient in poly.terms():
            which = [state for state, power in zip(poly.gens, powers, strict=True) for _ in range(power)]
            moment = sp.S.One if not which else self.first(which[0]) if len(which) == 1 else self.second(*which)
            total += coefficient * moment
        return total

    def _law(self, symbol: sp.Dummy) -> tuple[sp.Expr, sp.Expr]:
        """Mean and variance of a variable; of a state those of its Gaussian closure."""
        if symbol not in self.updates:
            return sp.S.Zero, self.variance(symbol)
        return self.first(symbol), self.second(symbol, symbol) - self.first(symbol) ** 2

    def _integral(self, expr: sp.Expr, random: list[sp.Dummy]) -> sp.Expr:
        """The mean over Gaussian variables, as few as there are linear forms of them."""
        forms = linear_forms(expr, random)
        laws: list[tuple[sp.Symbol, sp.Expr]] = []
        for form in forms:
            place = sp.Symbol(f"x_{len(laws) + 1}", real=True) if len(forms) > 1 else VARIABLE
            means = [(weight, self._law(symbol)) for symbol, weight in form.items()]
            shift = sp.Add(*(weight * mean for weight, (mean, _) in means))
            laws.append((place, sp.Add(*(weight**2 * variance for weight, (_, variance) in means))))
            expr = with_form(expr, form, place + shift)
        return self._simplest(canonical(expr) if len(laws) == 1 else expr, laws)

    def _simplest(self, expr: sp.Expr, laws: list[tuple[sp.Symbol, sp.Expr]]) -> sp.Expr:
        if _is_antisymmetric(expr, [place for place, _ in laws]):
            return sp.S.Zero
        if len(laws) == 1:
            return _over_one(expr, *laws[0])
        places, variances = zip(*laws, strict=True)
        return GaussianJointMean(sp.Lambda(places, expr), sp.Tuple(*variances))


def _over_one(expr: sp.Expr, place: sp.Symbol, variance: sp.Expr) -> sp.Expr:
    """A mean over one variable: its closed form where that is a polynomial in the variance, as of ReLU."""
    if not expr.free_symbols - {place}:
        closed = Mean(expr).closed
        if closed is not None and closed.exists is sp.true and closed.value.is_polynomial(VARIANCE):
            return closed.value.xreplace({VARIANCE: variance})
    return GaussianMean(sp.Lambda(place, expr), variance)


def _is_antisymmetric(expr: sp.Expr, places: list[sp.Symbol]) -> bool:
    """Whether some choice of variables changes the sign of the expression when their signs change."""
    if len(places) == 1:
        return is_odd(expr, places[0]) if not expr.free_symbols - {places[0]} else False
    choices = (chosen for size in range(1, len(places) + 1) for chosen in combinations(places, size))
    return any(sp.expand(expr.xreplace({x: -x for x in chosen}) + expr, deep=False) == 0 for chosen in choices)


def _terms(expr: sp.Expr, random: _Variables) -> list[Term]:
    """A sum of coefficients times products; sums whose terms depend on the same variables stay whole."""
    inside = random(expr)
    if not inside:
        return [(expr, ())]
    if isinstance(expr, sp.Add) and len({random(part) for part in expr.args} - {frozenset()}) > 1:
        return [term for part in expr.args for term in _terms(part, random)]
    if isinstance(expr, sp.Mul):
        return _multiplied([_terms(part, random) for part in expr.args])
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp > 0:
        return _multiplied([_terms(expr.base, random)] * int(expr.exp))
    return [(sp.S.One, (expr,))]


def _multiplied(parts: list[list[Term]]) -> list[Term]:
    size = 1
    for part in parts:
        size *= len(part)
    if size > _MOST_TERMS:
        raise UnsupportedExpressionError(f"mean field: an entry's square has {size} terms, more than {_MOST_TERMS}")
    return [
        (sp.Mul(*(c for c, _ in choice)), tuple(f for _, factors in choice for f in factors))
        for choice in product(*parts)
    ]
