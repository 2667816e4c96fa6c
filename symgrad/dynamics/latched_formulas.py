"""The stable states of a driven unit whose parameters have no values, as formulas in them."""

from __future__ import annotations

import sympy as sp

from symgrad.dynamics.curve import FixedPointCurve
from symgrad.dynamics.curve_regions import CurveRegion
from symgrad.dynamics.curve_setting import neat
from symgrad.dynamics.invariance import INCREASING, SIGNS
from symgrad.dynamics.latched_states import NOT_CERTIFIED, LatchedState
from symgrad.dynamics.latching_setting import DrivenUnit
from symgrad.dynamics.scalar_system import FLOW
from symgrad.errors import InputError

__all__ = ["symbolic_states"]

# For the numbers of fixed points below, between and above the folds: on which branches states are lost, to a rise of B
# above the last fold (1), to a fall below the first one (-1), or never (0).
_LOST: dict[tuple[int, ...], tuple[int, ...]] = {(1, 3, 1): (1, -1), (2, 0): (1,), (0, 2): (-1,), (1,): (0,)}


def symbolic_states(driven: DrivenUnit, curve: FixedPointCurve) -> tuple[LatchedState, ...]:
    """The stable states for each range of weights with the same folds, as formulas.

    Raises:
        InputError: the folds have no closed form for symbols, or lie otherwise than in one or two.
    """
    regions = [region for region in curve.regions if _counts(region) in _LOST]
    if not regions or len(regions) < len(curve.regions):
        names = ", ".join(str(symbol) for symbol in driven.system.parameters if symbol != driven.input)
        raise InputError(
            f"values: numbers for {names} of {driven.system.name} are needed; "
            f"its folds are known in closed form only for some or for no values of them"
        )
    return tuple(state for region in regions for state in _states_of_region(driven, curve, region))


def _counts(region: CurveRegion) -> tuple[int, ...]:
    return tuple(int(count) for count in region.counts) if sp.oo not in region.counts else ()


def _states_of_region(driven: DrivenUnit, curve: FixedPointCurve, region: CurveRegion) -> list[LatchedState]:
    in_model = curve.setting.named
    level, gain = in_model(driven.level), sp.Abs(in_model(driven.gain))
    monotone, argument = _monotone_everywhere(driven, curve)
    condition = _joint(in_model(region.condition.xreplace(curve.setting.given)), monotone)
    states = []
    for place, side in enumerate(_LOST[_counts(region)]):
        low = in_model(region.effective_folds[0]) if side < 0 else -sp.oo
        high = in_model(region.effective_folds[-1]) if side > 0 else sp.oo
        largest = neat((high - level if side > 0 else level - low) / gain) if side else sp.oo
        states.append(LatchedState(place, None, low, high, largest, condition, bool(side), argument))
    return states


def _joint(region: sp.Basic, monotone: sp.Basic) -> sp.Basic:
    """Both conditions; what follows from another one on the same symbol left out."""
    parts = [*sp.And.make_args(region), *sp.And.make_args(monotone)]
    kept: list[sp.Basic] = []
    for part in parts:
        same = [other for other in parts if other != part and other.free_symbols == part.free_symbols]
        if not (len(part.free_symbols) == 1 and any(_follows(part, other) for other in same)):
            kept.append(part)
    return sp.And(*kept)


def _follows(part: sp.Basic, other: sp.Basic) -> bool:
    """Whether an inequality of the form ``x > number`` follows from another one."""
    both = all(isinstance(r, (sp.StrictGreaterThan, sp.GreaterThan)) and r.rhs.is_number for r in (part, other))
    return both and part.lhs == other.lhs and bool(other.rhs > part.rhs)


def _monotone_everywhere(driven: DrivenUnit, curve: FixedPointCurve) -> tuple[sp.Basic, str]:
    """A condition under which the argument for the states holds, and the argument."""
    unit, in_model = driven.unit, curve.setting.named
    rises = bool(unit.activation.slope.inf.is_nonnegative)
    in_state = driven.input in unit.offset.free_symbols
    in_both = in_state and driven.input in unit.bias_in.free_symbols
    backward = -unit.decay > 0
    if driven.system.kind == FLOW:
        return in_model(backward), SIGNS if (rises or in_state) and not in_both else NOT_CERTIFIED
    needed = in_model(sp.And(backward, -unit.decay <= 1, unit.weight > 0))
    if needed == sp.false or not rises or in_both:
        return in_model(backward), NOT_CERTIFIED
    return needed, INCREASING
