"""Theorems about the values that the entries of a vector can take."""

from __future__ import annotations

from functools import reduce
from typing import Any

import sympy as sp

from symgrad.bounds.inequality import Conclusion, EntryRange, Lacking, Prove, rule
from symgrad.bounds.intervals import (
    REALS,
    ends,
    hull,
    interval_product,
    interval_scaled,
    interval_sum,
    is_numeric,
    is_within_unit,
    magnitude,
)
from symgrad.bounds.shapes import range_in_closed_form
from symgrad.calculus.structure import affine_terms, complementary_products, one_argument_function
from symgrad.errors import SymgradError
from symgrad.language.elementwise import Activation, Range
from symgrad.language.norms import OperatorNorm
from symgrad.language.operators import (
    Apply,
    Constant,
    Elementwise,
    Hadamard,
    Identity,
    Scale,
    Variable,
    VectorSum,
)
from symgrad.language.to_sympy import operator_to_sympy

_LONGEST = 40  # operations in the ends of a range in closed form that further functions are applied to
MOORE = "Moore, Kearfott and Cloud, Introduction to Interval Analysis 2009"


@rule(
    EntryRange,
    statement=r"v = a\mathbf 1 \;\Rightarrow\; v_i \in [a, a]",
    source="definition",
    equality="always",
)
def constant_entries(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """The entries of a constant vector are that constant."""
    match goal.vector:
        case Constant(value, _):
            return Conclusion(ends(value, value))
        case Variable(symbol) if isinstance(symbol, sp.MatrixBase):
            return Conclusion(ends(sp.Min(*symbol), sp.Max(*symbol)))
    return Lacking("its entries are not written out")


@rule(
    EntryRange,
    statement=r"F(X) \subseteq X,\ x_0 \in X \;\Rightarrow\; x_t \in X \ \forall t",
    source=f"induction over the steps; {MOORE}, sec. 8.1",
    equality="when the trajectory reaches the end of the box",
    hypotheses=("the first state lies in the box X", "one step maps the box into itself, which a lemma shows"),
)
def invariant_box(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """If one step maps the box X into itself and the first state lies in X, all states lie in X."""
    if not isinstance(goal.vector, Variable) or goal.vector.symbol not in context.setting.derived:
        return Lacking("no invariant box is derived for it")
    declared = context.declared(goal.vector.symbol)
    return Conclusion(ends(declared.start, declared.end))


@rule(
    EntryRange,
    statement=r"x_i \in [a, b] \text{ as declared for } x",
    source="the declared assumption",
    equality="when the range is reached",
    hypotheses=("the variable stays in the declared range at every step, the first included",),
)
def declared_range(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """x_i in [a, b] as declared for x."""
    declared = context.declared(goal.vector.symbol) if isinstance(goal.vector, Variable) else None
    if declared is None:
        return Lacking("no range is declared")
    return Conclusion(ends(declared.start, declared.end))


@rule(
    EntryRange,
    statement=r"|p_i| \le \lVert p\rVert_\infty \text{ for a vector of parameters}",
    source="definition of the maximum norm",
    equality="when the entry of largest modulus has that sign",
    hypotheses=("no state and no input stands in p",),
)
def parameter_vector(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """|p_i| <= ||p||_inf for a vector of parameters."""
    if not isinstance(goal.vector, Variable) or not context.is_constant(goal.vector):
        return Lacking("it is no vector of parameters")
    if isinstance(goal.vector.symbol, sp.Symbol):
        return Conclusion(ends(goal.vector.symbol, goal.vector.symbol))
    size = OperatorNorm(goal.vector.symbol, sp.oo)
    return Conclusion(ends(-size, size))


@rule(
    EntryRange,
    statement=r"x_i \in (-\infty, \infty)",
    source="no assumption is made",
    equality="when every value occurs",
)
def undeclared_variable(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """x_i may be any real number."""
    return Conclusion(REALS) if isinstance(goal.vector, Variable) else Lacking("it is no variable")


@rule(
    EntryRange,
    statement=r"v_i = f(w_i) \;\Rightarrow\; v_i \in [\inf f, \sup f] \text{ over the range of } w",
    source="definition; several entrywise steps of one vector are fused into one function",
    equality="when w reaches the arguments where f is extreme",
)
def fused_function(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """If v = f(w) entrywise, then v_i is in [inf f, sup f] over the range of w, several steps fused into one f."""
    fused = one_argument_function(goal.vector)
    if fused is None:
        return Lacking("it is no composite function of one vector")
    formula, base = fused
    try:
        function = Activation("f", sp.piecewise_fold(formula) if formula.has(sp.ITE) else formula)
    except SymgradError as error:
        return Lacking(f"the composite function cannot be enclosed: {error}")
    argument = prove(EntryRange(base))
    found = _function_range(function, argument, context)
    if isinstance(found, Conclusion) and argument.is_finite and sp.oo in (found.bound[1], -found.bound[0]):
        return Lacking("the ends of the range are symbols, and the function is unbounded over all numbers")
    return found


@rule(
    EntryRange,
    statement=r"v_i = f(w_i) \;\Rightarrow\; v_i \in [\inf f, \sup f] \text{ over the range of } w",
    source="definition of the closed hull; at a kink both one-sided limits count",
    equality="when w reaches the arguments where f is extreme",
)
def function_values(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """If v = f(w) entrywise, then v_i is in [inf f, sup f] over the range of w, both sides at a kink."""
    match goal.vector:
        case Elementwise(function, argument):
            return _function_range(function, prove(EntryRange(argument)), context)
    return Lacking("it is no function of a vector")


def _function_range(function: Activation, argument: Any, context: Any) -> Conclusion | Lacking:
    if context.setting.refined and argument.is_finite and not is_numeric(argument.bound) and _is_short(argument.bound):
        closed = range_in_closed_form(function, argument.bound)
        if closed is not None:
            return Conclusion(closed, (argument,))
    try:
        found = _range_over(function, argument.bound)
    except SymgradError as error:
        return Lacking(f"the range of {function.name} could not be proved: {error}")
    whole_line = argument.bound == REALS or not is_numeric(argument.bound)
    needless = whole_line and found.is_bounded  # true over the whole line, whatever the argument
    return Conclusion(ends(found.inf, found.sup), () if needless else (argument,))


def _is_short(bounds: sp.Tuple) -> bool:
    """Whether ends are short enough to be put into functions: they grow fivefold from layer to layer of a stack."""
    return sum(end.count_ops() for end in bounds) <= _LONGEST


def _range_over(function: Activation, bounds: sp.Tuple) -> Range:
    """Over the whole line where the ends are symbols: true for every value of theirs."""
    if not is_numeric(bounds) or bounds == REALS:
        return function.range
    if bounds[0] == bounds[1]:
        value = function.expr.xreplace({function.variable: bounds[0]})
        return Range(value, value)
    return function.range_on(sp.Interval(*bounds))


@rule(
    EntryRange,
    statement=r"v_i \in [a, b] \;\Rightarrow\; c v_i \in c\,[a, b]",
    source=f"{MOORE}, sec. 2.3",
    equality="always",
)
def scaled_entries(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """v_i in [a, b] implies c v_i in c [a, b]."""
    match goal.vector:
        case Apply(Scale(coefficient, Identity()), argument):
            premise = prove(EntryRange(argument))
            return Conclusion(interval_scaled(coefficient, premise.bound), (premise,))
    return Lacking("it is no scalar multiple")


@rule(
    EntryRange,
    statement=r"z_i \in [0, 1] \;\Rightarrow\; z_i a_i + (1 - z_i) b_i \in \operatorname{hull}(a_i, b_i)",
    source="a convex combination of two numbers lies between them",
    equality="when z reaches 0 or 1 where a or b is extreme",
    hypotheses=("0 <= z <= 1 in every entry",),
)
def convex_combination_of_entries(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """z_i in [0, 1] implies z_i a_i + (1 - z_i) b_i in the hull of the ranges of a and b."""
    pair = complementary_products(goal.vector)
    if pair is None:
        return Lacking("it is not of the form z*a + (1 - z)*b")
    gate, first, second = pair
    inside = prove(EntryRange(gate))
    if not is_within_unit(inside.bound):
        return Lacking("the gate is not known to lie in [0, 1]")
    branches = prove(EntryRange(first)), prove(EntryRange(second))
    return Conclusion(hull(*(branch.bound for branch in branches)), (inside, *branches))


@rule(
    EntryRange,
    statement=r"v_i \in [a, b],\ w_i \in [c, d] \;\Rightarrow\; v_i + w_i \in [a + c, b + d]",
    source=f"{MOORE}, sec. 2.3",
    equality="when both ends are reached at once",
)
def summed_entries(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """v_i in [a, b], w_i in [c, d] imply v_i + w_i in [a + c, b + d]."""
    if not isinstance(goal.vector, VectorSum):
        return Lacking("it is no sum")
    terms = affine_terms(goal.vector)
    constant = terms.pop(None, sp.S.Zero)
    premises = tuple(prove(EntryRange(base)) for base in terms if base is not None)
    scaled = [interval_scaled(c, premise.bound) for c, premise in zip(terms.values(), premises, strict=True)]
    return Conclusion(interval_sum(ends(constant, constant), *scaled), premises)


@rule(
    EntryRange,
    statement=r"v_i \in I,\ w_i \in K \;\Rightarrow\; v_i w_i \in I \cdot K",
    source=f"{MOORE}, sec. 2.3",
    equality="when both ends are reached at once",
)
def multiplied_entries(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """v_i in I, w_i in K imply v_i w_i in I K."""
    match goal.vector:
        case Hadamard(left, right):
            premises = prove(EntryRange(left)), prove(EntryRange(right))
            return Conclusion(reduce(interval_product, (premise.bound for premise in premises)), premises)
    return Lacking("it is no entrywise product")


@rule(
    EntryRange,
    statement=r"|(A v)_i| \le \lVert A\rVert_\infty \max_j |v_j|",
    source="definition of the maximal row sum",
    equality="when v takes its largest modulus with the signs of the row of largest sum",
    hypotheses=("A is constant",),
)
def weighted_sum_of_entries(goal: EntryRange, prove: Prove, context: Any) -> Conclusion | Lacking:
    """|(A v)_i| <= ||A||_inf max_j |v_j|."""
    match goal.vector:
        case Apply(operator, argument) if context.is_constant(operator):
            premise = prove(EntryRange(argument))
            size = OperatorNorm(operator_to_sympy(operator), sp.oo)
            high = sp.oo if magnitude(premise.bound) == sp.oo else size * magnitude(premise.bound)
            return Conclusion(ends(-high, high), (premise,))
    return Lacking("it is no constant matrix times a vector")
