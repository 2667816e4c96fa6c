"""solve: the values of a parameter for which a bound meets a target."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sympy as sp

from symgrad.design.cases import gathered
from symgrad.design.chain_rules import EXTREMES, LEVELS, SIGNS_BETWEEN_ZEROS, SOLVED
from symgrad.design.forms import forms, opened
from symgrad.design.inversion import Case, NoChainError, both, either, solved
from symgrad.design.level_sets import LevelSet, level_set
from symgrad.design.scalar_form import ScalarForm, scalar_form
from symgrad.design.signs import Facts
from symgrad.design.solution_check import SolutionCheck, checked
from symgrad.design.spans import Span, as_set, relation_of, replaced
from symgrad.design.targets import target_span
from symgrad.design.whole_numbers import whole_spans
from symgrad.errors import InputError, SymgradError
from symgrad.language.derivation import Derivation, DerivationStep
from symgrad.presentable import Presentable
from symgrad.rigor.extrema import Extrema, extrema

__all__ = ["Solution", "SolutionCase", "solve"]

INVERTED, ENCLOSED, UNDECIDED = "inverted", "enclosed", "undecided"


@dataclass(frozen=True, eq=False)
class SolutionCase:
    """The values in one case of the other parameters.

    Attributes:
        condition: what is supposed of them; true where nothing is.
        spans: the union of these intervals is what is found; ends are closed forms or enclosed constants.
        values: the same as a SymPy set; for a number of steps the whole numbers in it.
        formula: the same as a relation of the parameter.
        derivation: how it was found.
    """

    condition: sp.Basic
    spans: tuple[Span, ...]
    values: sp.Set
    formula: sp.Basic
    derivation: Derivation


@dataclass(frozen=True, eq=False)
class Solution(Presentable):
    """The values of one parameter for which a bound meets a target.

    Attributes:
        expression: the bound, as a formula.
        parameter: what it is solved for.
        target: the values of the bound that are wanted.
        domain: the values that the parameter may have.
        cases: the answer, which depends on signs of formulas in the other parameters; one case where it does not.
        method: ``"inverted"``, operation by operation; ``"enclosed"``, by all zeros of a formula in one unknown;
            ``"undecided"`` where these are not all found.

    >>> import symgrad as sg
    >>> bound = sg.product_bound(sg.models.leaky(), side="upper")
    >>> found = solve(bound, for_="W", target=sp.Le(bound.at(10), 1), k=10, values={"alpha": 0.5})
    >>> print(found.formula, found.check().holds)
    OperatorNorm(W) <= 1 True
    """

    expression: sp.Expr
    parameter: sp.Expr
    target: Span
    domain: sp.Interval
    cases: tuple[SolutionCase, ...]
    method: str
    form: ScalarForm = field(repr=False)

    @property
    def main(self) -> SolutionCase | None:
        """The one case that supposes no equation between the other parameters and has solutions; None if several do."""
        if len(self.cases) == 1:
            return self.cases[0]
        generic = [case for case in self.cases if not _has_equation(case.condition)]
        solvable = [case for case in generic if case.spans]
        return solvable[0] if len(solvable) == 1 else None

    @property
    def values(self) -> sp.Set:
        """The set of values.

        In the :attr:`main` case, under its :attr:`condition`; where there is no such case the set is left as the
        condition that the bound meets the target, and :attr:`cases` tell more.
        """
        if self.main is not None:
            return self.main.values
        variable = sp.Dummy(str(self.parameter), real=True)
        relation = relation_of((self.target,), self.expression, Span()).xreplace({self.parameter: variable})
        return sp.ConditionSet(variable, relation, self.domain)

    @property
    def condition(self) -> sp.Basic:
        """What :attr:`values` and :attr:`formula` suppose of the other parameters."""
        return self.main.condition if self.main is not None else sp.true

    @property
    def formula(self) -> sp.Basic:
        """The answer as a relation of the parameter, under :attr:`condition`."""
        if self.main is not None:
            return self.main.formula
        return sp.Or(*(sp.And(case.condition, case.formula) for case in self.cases))

    @property
    def derivation(self) -> Derivation:
        """How the :attr:`main` case (otherwise the first) was found."""
        return (self.main or self.cases[0]).derivation

    @property
    def complete(self) -> bool:
        """Whether the answer is proved: there are no values beyond those given, and these are values."""
        return self.method != UNDECIDED

    @property
    def impossible(self) -> bool:
        """Whether it is proved that no value works, whatever the other parameters are."""
        return self.complete and not any(case.spans for case in self.cases)

    @property
    def always(self) -> bool:
        """Whether it is proved that every value works, whatever the other parameters are."""
        return self.complete and all(as_set(case.spans) == self.domain for case in self.cases)

    @cached_property
    def extremes(self) -> Extrema | None:
        """The infimum and the supremum of the bound over all values of the parameter, proved.

        None where other parameters are symbols, or where they are not found.
        """
        if self.form.others:
            return None
        try:
            return extrema(self.form.formula, self.form.unknown, self.domain)
        except SymgradError:
            return None

    @property
    def reason(self) -> str:
        """One sentence on what was found."""
        name = self.parameter
        if not self.complete:
            return f"not all values of {name} at which the bound crosses the target were found"
        if self.impossible:
            return f"no value of {name} works{self._why()}"
        if self.always:
            return f"every value of {name} works{self._why()}"
        return f"the values of {name} that work are proved to be all"

    def _why(self) -> str:
        found = self.extremes
        if found is None:
            return ""
        low, high = found.inf.value, found.sup.value
        return f": over {self.domain} the bound has infimum {low} and supremum {high}"

    def check(self, seed: int = 0) -> SolutionCheck:
        """Evaluate the bound in balls next to the ends, inside and outside of the values.

        Args:
            seed: of the numbers that are drawn for other parameters.
        """
        return checked(self.form, self.target, self.cases if self.complete else (), self.domain, seed)


def solve(
    bound: Any,
    *,
    for_: Any,
    target: Any,
    k: Any = None,
    values: Mapping[Any, Any] | None = None,
    within: sp.Interval | None = None,
) -> Solution:
    """All values of a parameter for which a bound meets a target.

    Operations are undone one by one where the parameter occurs once, with other parameters as symbols or numbers: that
    gives closed forms, case by case. Otherwise, with numbers for all other parameters, every crossing of the target's
    ends is enclosed and the sign between any two is proved.

    Args:
        bound: of products, of gradients, or any scalar SymPy expression.
        for_: the parameter: a symbol, a norm such as ``sg.OperatorNorm(W)``, or the name of a symbol or weight. The
            number of steps may be solved for too; then the values are whole numbers.
        target: an interval ``sg.Interval(low, high)``, a number for equality, or a relation such as
            ``sp.Le(bound.expr, 2)``.
        k: the number of steps. Without it the number of steps stays a symbol, for a number >= 1.
        values: symbol or name -> number for other parameters, arrays for weights.
        within: an interval that the parameter is to lie in, besides what the model says about it.

    Returns:
        A :class:`Solution`; one without values says why none works.

    Raises:
        InputError: a malformed argument; a parameter that occurs several times while others are symbols, and for which
            no closed form is found.
        UnknownNameError: a parameter that the bound does not have.

    >>> import symgrad as sg
    >>> bound = sg.product_bound(sg.models.residual("sigmoid"))
    >>> solve(bound, for_="W", target=sg.Interval(1, 2)).formula
    OperatorNorm(W) <= 4*2**(1/k) - 4
    >>> print(solve(bound, for_="W", target=sp.Lt(bound.expr, 1)).reason)
    no value of OperatorNorm(W) works
    """
    form = scalar_form(bound, for_, k, values, _sides(target))
    span = target_span(target, lambda side: _is_bound(side, form)).xreplace(
        {atom: symbol for symbol, atom in form.shown.items()}
    )
    if form.unknown in span.low.free_symbols | span.high.free_symbols:
        raise InputError(f"target: {target} must not contain {form.shown[form.unknown]}, which is solved for")
    domain = form.domain if within is None else _checked_interval(within).intersect(form.domain)
    if not isinstance(domain, sp.Interval):
        raise InputError(f"within: {within} has no inner point in common with {form.domain}")
    return _Solver(form, span, domain).run()


def _sides(target: Any) -> tuple[sp.Basic, ...]:
    """The formulas of a target in which symbols may occur."""
    if isinstance(target, sp.Interval):
        return (target.start, target.end)
    return (target,) if isinstance(target, sp.Basic) else ()


def _is_bound(side: sp.Expr, form: ScalarForm) -> bool:
    """Whether a side of a relation is the bound: as it is solved, or before numbers were put in."""
    return side in (*form.originals, form.restored(form.formula)) or form.plain(side) == form.formula


def _checked_interval(within: Any) -> sp.Interval:
    if not isinstance(within, sp.Interval):
        raise InputError(
            f"within: an interval sg.Interval(low, high) is needed, got {type(within).__name__} {within!r}"
        )
    return within


def _has_equation(condition: sp.Basic) -> bool:
    return bool(condition.atoms(sp.Eq)) or isinstance(condition, sp.Eq)


@dataclass(frozen=True, eq=False)
class _Solver:
    """One formula, one unknown, one target."""

    form: ScalarForm
    target: Span
    domain: sp.Interval

    def run(self) -> Solution:
        found = self._inverted()
        if found is not None:
            return self._solution(
                tuple(case for case in map(self._case, gathered(found)) if case.condition != sp.false), INVERTED
            )
        symbols = (self.form.formula.free_symbols | self.target.low.free_symbols | self.target.high.free_symbols) - {
            self.form.unknown
        }
        if symbols:
            names = ", ".join(sorted(str(self.form.shown[s]) for s in symbols))
            raise InputError(
                f"for_: no closed form for {self.form.shown[self.form.unknown]} was found in "
                f"{self.form.restored(self.form.formula)}; with numbers for {names} in `values` it is enclosed"
            )
        levels = level_set(self.form.formula, self.form.unknown, self.domain, self.target)
        return self._solution((self._enclosed_case(levels),), UNDECIDED if levels.gaps else ENCLOSED)

    def _solution(self, cases: tuple[SolutionCase, ...], method: str) -> Solution:
        restored = self.form.restored
        target = self.target.xreplace(dict(self.form.shown))
        unknown = self.form.shown[self.form.unknown]
        return Solution(restored(self.form.formula), unknown, target, self.domain, cases, method, self.form)

    def _inverted(self) -> list[Case] | None:
        """The cases by undoing operations; None where that cannot be done."""
        facts = Facts(dict(self.form.ranges) | {self.form.unknown: self.domain})
        try:
            return self._chained(self.form.formula, [Case(facts, (Span.of(self.domain),))], facts)
        except NoChainError:
            return None

    def _chained(self, formula: sp.Expr, within: list[Case], facts: Facts) -> list[Case]:
        """The solutions within a set, in the first form of the formula in which operations can be undone.

        Where there is none, a switch such as an absolute value is opened, and each side solved by itself.
        """
        for written in forms(formula, self.form.unknown):
            with suppress(NoChainError):
                return self._undone(written, within, facts)
        sides = opened(formula, self.form.unknown)
        if sides is None:
            raise NoChainError(f"{self.form.unknown} occurs several times in {formula}")
        decider, above, below = sides
        upper = both(solved(decider, True, False, sp.S.Zero, self.form.unknown, facts), within)
        lower = both(solved(decider, False, True, sp.S.Zero, self.form.unknown, facts), within)
        return list(either(self._chained(above, upper, facts), self._chained(below, lower, facts)))

    def _undone(self, formula: sp.Expr, within: list[Case], facts: Facts) -> list[Case]:
        unknown, target, found = self.form.unknown, self.target, within
        if target.high != sp.oo:
            found = both(solved(formula, False, target.open_high, target.high, unknown, facts), found)
        if target.low != -sp.oo:
            found = both(solved(formula, True, target.open_low, target.low, unknown, facts), found)
        return found

    def _case(self, case: Case) -> SolutionCase:
        return self._made(case.facts.condition, case.spans, case.steps)

    def _enclosed_case(self, levels: LevelSet) -> SolutionCase:
        formula, unknown = self.form.formula, self.form.unknown
        name = self.form.shown[unknown]
        steps = [
            DerivationStep(LEVELS, sp.Eq(formula, mark.level, evaluate=False), f"at {name} = {mark.value}")
            for mark in levels.marks
        ]
        for point, value, inside in levels.samples:
            if value is sp.nan:
                continue  # the bound is no real number there
            side = "in the target" if inside else "not in the target"
            note = f"at {name} = {sp.N(point, 6)}, {side}"
            steps.append(DerivationStep(SIGNS_BETWEEN_ZEROS, sp.Eq(formula, value, evaluate=False), note))
        return self._made(sp.true, levels.spans, tuple(steps))

    def _made(self, condition: sp.Basic, spans: tuple[Span, ...], steps: tuple[DerivationStep, ...]) -> SolutionCase:
        shown, domain = dict(self.form.shown), Span.of(self.domain)
        unknown = shown[self.form.unknown]
        restored = tuple(span.xreplace(shown) for span in spans)
        formula = relation_of(restored, unknown, domain)
        values = whole_spans(restored) if unknown.is_integer else as_set(restored)
        kept = [DerivationStep(step.rule, replaced(step.relation, shown), step.note) for step in steps]
        last = DerivationStep(EXTREMES if formula in (sp.true, sp.false) else SOLVED, formula)
        claim = f"{unknown} for which the bound is as wanted"
        return SolutionCase(condition.xreplace(shown), restored, values, formula, Derivation(claim, (*kept, last)))
