"""What solving a bound for a parameter gives: the values, case by case, and why there are no others."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import sympy as sp

from symgrad.design.scalar_form import ScalarForm
from symgrad.design.solution_check import SolutionCheck, checked
from symgrad.design.spans import Span, as_set, relation_of
from symgrad.errors import SymgradError
from symgrad.language.derivation import Derivation
from symgrad.presentable import Presentable
from symgrad.rigor.extrema import Extrema, extrema

__all__ = ["ENCLOSED", "INVERTED", "UNDECIDED", "Solution", "SolutionCase"]

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
    >>> found = sg.design.solve(bound, for_="W", target=sp.Le(bound.at(10), 1), k=10, values={"alpha": 0.5})
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
        condition that the bound meets the target, and ``cases`` tell more.
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
        """Whether the answer is proved; there are then no values beyond those given, and these work."""
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
            return (
                f"not all values of {name} at which the bound crosses the target were found in {self.domain}; "
                "a bounded interval as `within` may help"
            )
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


def _has_equation(condition: sp.Basic) -> bool:
    return bool(condition.atoms(sp.Eq)) or isinstance(condition, sp.Eq)
