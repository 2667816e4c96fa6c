"""What a bound says about vanishing and exploding products: statements derived from how it grows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symgrad.bounds.growth import Growth
from symgrad.language.layers import LayerInfimum, LayerSupremum
from symgrad.language.norms import MinimumModulus, OperatorNorm, SmallestSingularValue
from symgrad.presentable import Presentable

__all__ = ["Criterion", "criteria"]


@dataclass(frozen=True)
class Criterion(Presentable):
    """A condition on the parameters that is sufficient or necessary for vanishing or exploding gradients.

    Vanishing: the products of k Jacobians tend to zero as k grows. Exploding: they are not bounded; from a lower
    bound, they grow beyond limit along every direction.

    Attributes:
        phenomenon: ``"vanishing"`` or ``"exploding"``.
        kind: ``"sufficient"`` or ``"necessary"``.
        condition: on the rate per step.
    """

    phenomenon: str
    kind: str
    condition: sp.Basic

    @property
    def says_something(self) -> bool:
        """Whether the condition is more than one that never holds, or a necessary one that always does."""
        return self.condition != (sp.false if self.kind == "sufficient" else sp.true)

    @cached_property
    def solved(self) -> sp.Basic:
        """The condition solved for the norm in it, where it is linear in one and contains nothing else."""
        return _solved(self.condition)


def criteria(growth: Growth, side: str) -> tuple[Criterion, ...]:
    """The statements that follow from a bound on products.

    From above: a rate below 1 makes products vanish, so a rate of at least 1 is necessary for them not to; growth
    beyond every limit needs a rate above 1 where ``C * rate**k`` bounds with the rate itself. From below the other way
    round.
    """
    if side == "lower":
        proved, excluded, enough, needed = "exploding", "vanishing", growth.compared(sp.Gt), (sp.Lt, sp.Le)
    else:
        proved, excluded, enough, needed = "vanishing", "exploding", growth.compared(sp.Lt), (sp.Gt, sp.Ge)
    statements = Criterion(proved, "sufficient", enough), Criterion(excluded, "necessary", _negation(growth, *needed))
    return tuple(item for item in statements if item.says_something)


def _negation(growth: Growth, strict: type[sp.Rel], weak: type[sp.Rel]) -> sp.Basic:
    """What is left when growth at rate 1 is excluded: only where the bound is constant there."""
    return growth.needed(strict if growth.is_steady else weak)


def _solved(condition: sp.Basic) -> sp.Basic:
    """``c * norm < 1`` as ``norm < 1/c``."""
    if not isinstance(condition, (sp.StrictLessThan, sp.StrictGreaterThan, sp.LessThan, sp.GreaterThan)):
        return condition
    left, right = condition.args
    over_layers = left.atoms(LayerSupremum, LayerInfimum)
    atoms = over_layers or left.atoms(OperatorNorm, SmallestSingularValue, MinimumModulus)
    if len(atoms) != 1:
        return condition
    atom = next(iter(atoms))
    place = sp.Dummy("norm", positive=True)
    rest = left.xreplace({atom: place})
    factor, other = rest.as_independent(place, as_Add=False)
    if other != place or not factor.is_number or not factor.is_positive:
        return condition
    return condition.func(atom, right / factor)
