"""solve: the values of a parameter for which a bound meets a target."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from symgrad.design.case_sets import Case, NoChainError, both, either
from symgrad.design.cases import gathered
from symgrad.design.chain_rules import EXTREMES, LEVELS, SIGNS_BETWEEN_ZEROS, SOLVED
from symgrad.design.forms import forms, opened
from symgrad.design.inversion import solved
from symgrad.design.level_sets import LevelSet, level_set
from symgrad.design.scalar_form import ScalarForm, scalar_form
from symgrad.design.signs import Facts
from symgrad.design.solutions import ENCLOSED, INVERTED, UNDECIDED, Solution, SolutionCase
from symgrad.design.spans import Span, as_set, relation_of, replaced
from symgrad.design.targets import target_span
from symgrad.design.whole_numbers import whole_spans
from symgrad.errors import InputError
from symgrad.language.derivation import Derivation, DerivationStep

__all__ = ["solve"]


def solve(
    bound: Any,
    *,
    for_: Any,
    target: Any = None,
    k: Any = None,
    values: Mapping[Any, Any] | None = None,
    within: sp.Interval | None = None,
) -> Solution:
    """All values of a parameter for which a bound meets a target.

    Operations are undone one by one where the parameter occurs once, with other parameters as symbols or numbers: that
    gives closed forms, case by case. Otherwise, with numbers for all other parameters, every crossing of the target's
    ends is enclosed and the sign between any two is proved.

    A power whose exponent is a symbol that is not declared an integer is taken of numbers that are not negative, since
    of others it is no real number for every exponent.

    Args:
        bound: of products, of gradients, or any scalar SymPy expression; or a relation, which then is the target too.
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
    if isinstance(bound, Relational):
        if target is not None:
            raise InputError(f"target: the relation {bound} is one already, got {target!r} as well")
        bound, target = bound.lhs - bound.rhs, bound.func(bound.lhs - bound.rhs, 0, evaluate=False)
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
