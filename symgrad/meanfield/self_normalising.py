"""Self-normalising activations: parameters of a family for which layers keep mean 0 and the variance.

A family is a formula that is a polynomial in its parameters, such as that of SELU. Its moments at a Gaussian argument
are then polynomials in the parameters, with Gaussian means of formulas without parameters for coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp
from flint import arb, arb_mat

from symgrad.errors import InputError
from symgrad.language.derivation import Derivation, DerivationRule, DerivationStep
from symgrad.language.elementwise import VARIABLE, Activation, written_out
from symgrad.language.gaussian import GaussianMean
from symgrad.language.parse import parse_expression
from symgrad.meanfield.layer_factors import Quantity, positive_number
from symgrad.meanfield.moment_polynomials import MomentPolynomial, free_variable, moment_polynomials
from symgrad.presentable import Presentable
from symgrad.rigor.balls import ball_function, working_precision
from symgrad.rigor.krawczyk import krawczyk_zero

__all__ = ["SelfNormalising", "self_normalising"]

_BITS = 160
_CONDITIONS = 2
_KEPT = DerivationRule(
    "self-normalising layer",
    r"h' = W \varphi(h),\; W_{ij} \sim N(0, 1/n),\; \mathbb{E}\,\varphi(\sqrt{q} z) = 0,\;"
    r" \mathbb{E}\,\varphi(\sqrt{q} z)^2 = q \;\Rightarrow\; h'_i \sim N(0, q)",
    "Klambauer et al. 2017, Self-normalizing neural networks, section 2",
)
_MOMENTS = DerivationRule(
    "moments of a family",
    r"\mathbb{E} \sum_\alpha \theta^\alpha f_\alpha(\sqrt{q} z)"
    r" = \sum_\alpha \theta^\alpha\, \mathbb{E} f_\alpha(\sqrt{q} z)",
    "linearity; each mean in closed form or enclosed",
)
_ELIMINATED = DerivationRule(
    "polynomial equations", r"p_1(\theta) = p_2(\theta) = 0", "elimination; the zero is enclosed by Krawczyk's operator"
)


@dataclass(frozen=True)
class SelfNormalising(Presentable):
    """Parameters for which ``E[phi] = 0`` and ``E[phi^2] = q`` at a Gaussian argument of variance q.

    Attributes:
        formula: phi with its parameters, in ``VARIABLE``.
        parameters: their symbols.
        variance: q.
        solutions: the values of the parameters, all positive, a tuple of them for each solution.
        derivation: from the two conditions to the values of the first solution.

    >>> found = self_normalising("a*(relu(x) - b)", ["a", "b"])
    >>> found.values["b"], found.activation.range.sup
    (sqrt(2)/(2*sqrt(pi)), oo)
    """

    formula: sp.Expr
    parameters: tuple[sp.Symbol, ...]
    variance: sp.Expr
    solutions: tuple[tuple[Quantity, ...], ...]
    derivation: Derivation

    @property
    def values(self) -> dict[str, sp.Expr]:
        """Name -> value of each parameter, in closed form where the means have one, in the first solution."""
        return {str(p): value.expr for p, value in zip(self.parameters, self.solutions[0], strict=True)}

    @property
    def balls(self) -> dict[str, arb]:
        """Name -> enclosure of each parameter in the first solution."""
        return {str(p): value.ball for p, value in zip(self.parameters, self.solutions[0], strict=True)}

    @property
    def activation(self) -> Activation:
        """The activation with the values of the first solution."""
        return Activation("phi", self.formula.subs(dict(zip(self.parameters, self.values.values(), strict=True))))


def self_normalising(formula: Any, parameters: Sequence[Any], variance: Any = 1) -> SelfNormalising:
    """The parameters of a family of activations for which a layer keeps mean 0 and the variance of its activations.

    Args:
        formula: SymPy or text (as ``symgrad`` reads formulas) in one variable and the parameters, a polynomial in them.
        parameters: two symbols or names; their values are sought among the positive numbers.
        variance: q, of the pre-activations; 1 unless given.

    Returns:
        The values in closed form where the Gaussian means have one, and enclosed; that there is a solution in the
        enclosure is proved by Krawczyk's operator.

    Raises:
        InputError: malformed arguments, no polynomial, or no positive solution.

    Source: Klambauer, Unterthiner, Mayr and Hochreiter 2017, *Self-normalizing neural networks*.

    >>> selu = self_normalising("a*relu(x) + a*b*(exp(min(x, 0)) - 1)", ["a", "b"])
    >>> {name: round(float(ball.mid()), 13) for name, ball in selu.balls.items()}
    {'a': 1.0507009873555, 'b': 1.6732632423544}
    """
    q = positive_number("variance", variance)
    phi, symbols = _family(formula, parameters)
    first, second = moment_polynomials(phi, symbols, q)
    if not first.terms:
        raise InputError(f"formula: E[phi] = 0 for all parameters of {phi}, so that the two are not determined")
    conditions = _Conditions(first, second.plus(-q))
    found = conditions.solutions()
    if not found:
        names = ", ".join(map(str, symbols))
        raise InputError(
            f"formula: no positive {names} were found for which E[phi] = 0 and E[phi^2] = {q}, phi = {phi}"
        )
    return SelfNormalising(phi, symbols, q, found, _derivation(conditions, phi, q, found[0]))


def _family(formula: Any, parameters: Any) -> tuple[sp.Expr, tuple[sp.Symbol, ...]]:
    given = (parameters,) if isinstance(parameters, (str, sp.Symbol)) else tuple(parameters)
    if len(given) != _CONDITIONS or not all(isinstance(name, (str, sp.Symbol)) for name in given):
        raise InputError(
            f"parameters: two symbols or names are needed, as there are two conditions, got {parameters!r}"
        )
    phi = parse_expression(formula) if isinstance(formula, str) else formula
    if not isinstance(phi, sp.Expr):
        raise InputError(f"formula: a SymPy formula or text is needed, got {type(formula).__name__} {formula!r}")
    symbols = tuple(sp.Symbol(str(name), positive=True) for name in given)
    old = {symbol: new for symbol in phi.free_symbols for new in symbols if str(symbol) == str(new)}
    return free_variable(written_out(phi).subs(old), symbols), symbols


@dataclass(frozen=True)
class _Conditions:
    """Two polynomials in two parameters that are to vanish."""

    first: MomentPolynomial
    second: MomentPolynomial

    @cached_property
    def named(self) -> tuple[tuple[sp.Expr, sp.Expr], dict[sp.Symbol, Quantity]]:
        """The polynomials with symbols for their coefficients, and the values of these."""
        values: dict[sp.Symbol, Quantity] = {}
        written = []
        for polynomial in (self.first, self.second):
            names = {powers: sp.Symbol(f"m_{len(values) + i}", real=True) for i, powers in enumerate(polynomial.terms)}
            values |= {names[powers]: value for powers, value in polynomial.terms.items()}
            written.append(polynomial.written(names))
        return (written[0], written[1]), values

    def solutions(self) -> tuple[tuple[Quantity, ...], ...]:
        """The positive common zeros that elimination finds, each proved."""
        with working_precision(_BITS):
            proved = [self._proved(found) for found in self._eliminated()]
        return tuple(solution for solution in proved if solution is not None)

    def _eliminated(self) -> list[tuple[sp.Expr, ...]]:
        equations, _ = self.named
        try:
            found = sp.solve(equations, self.first.symbols, dict=True)
        except NotImplementedError:
            return []
        symbols = self.first.symbols
        return [tuple(one[s] for s in symbols) for one in found if all(s in one for s in symbols)]

    def _proved(self, formulas: tuple[sp.Expr, ...]) -> tuple[Quantity, ...] | None:
        """The values with Krawczyk's enclosures, or None where they are not positive or there is no proof."""
        _, values = self.named
        balls = [value.ball for value in values.values()]
        start = [ball_function(formula, tuple(values))(*balls) for formula in formulas]
        if not all(ball.is_finite() for ball in start):
            return None
        zero = krawczyk_zero(self._values, self._derivatives, arb_mat([[ball.mid()] for ball in start]))
        if zero is None or not all(zero[i, 0] > 0 for i in range(_CONDITIONS)):
            return None
        exact = {name: value.expr for name, value in values.items()}
        return tuple(Quantity(formula.subs(exact), zero[i, 0]) for i, formula in enumerate(formulas))

    def _values(self, point: arb_mat) -> arb_mat:
        return arb_mat([[self._evaluated(equation, point)] for equation in self.named[0]])

    def _derivatives(self, point: arb_mat) -> arb_mat:
        rows = [[sp.diff(equation, symbol) for symbol in self.first.symbols] for equation in self.named[0]]
        return arb_mat([[self._evaluated(entry, point) for entry in row] for row in rows])

    def _evaluated(self, formula: sp.Expr, point: arb_mat) -> arb:
        _, values = self.named
        inputs = (*self.first.symbols, *values)
        return ball_function(formula, inputs)(*point.entries(), *(value.ball for value in values.values()))


def _derivation(conditions: _Conditions, phi: sp.Expr, q: sp.Expr, solution: tuple[Quantity, ...]) -> Derivation:
    (first, second), values = conditions.named
    exact = {name: value.expr for name, value in values.items()}
    means = [GaussianMean(sp.Lambda(VARIABLE, part), q) for part in (phi, phi**2)]
    symbols = conditions.first.symbols
    steps = [
        DerivationStep(_KEPT, sp.Eq(means[0], 0, evaluate=False), "mean 0 is kept"),
        DerivationStep(_KEPT, sp.Eq(means[1], q, evaluate=False), "the variance is kept"),
        DerivationStep(_MOMENTS, sp.Eq(means[0], first.subs(exact), evaluate=False)),
        DerivationStep(_MOMENTS, sp.Eq(means[1], second.subs(exact) + q, evaluate=False)),
        *(
            DerivationStep(_ELIMINATED, sp.Eq(symbol, value.expr, evaluate=False))
            for symbol, value in zip(symbols[::-1], solution[::-1], strict=True)
        ),
    ]
    return Derivation("parameters for which layers keep mean 0 and the variance", tuple(steps))
