"""slope_setting: the Jacobian of a model with numbers as a function of its slopes, and for which trajectories it is."""

from __future__ import annotations

from symgrad.bounds.invariant import invariant_box
from symgrad.calculus.lasting_ranges import lasting_ranges
from symgrad.calculus.slope_form import SlopeForm, slope_form
from symgrad.calculus.unit_ranges import UnitRanges
from symgrad.errors import NoBoundError
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights

__all__ = ["slope_setting"]


def slope_setting(model: Recurrence, weights: Weights) -> tuple[SlopeForm, UnitRanges, str]:
    """Slopes over the ranges that all trajectories end up in, or those that do which start in an invariant box.

    Args:
        model: the recurrence, without a depth.
        weights: all parameters, with all sizes.

    Returns:
        The Jacobian as a function of slopes, the ranges, and which trajectories they hold for, in words.

    Raises:
        NoBoundError: slopes without bounds.
    """
    declared = " with states and inputs in their declared ranges" if model.ranges else ""
    lasting = lasting_ranges(model, weights)
    try:
        return slope_form(model, weights, lasting), lasting, f"every trajectory{declared}"
    except NoBoundError:
        box = lasting_ranges(model, weights, invariant_box(model).of_units(weights).ranges)
        return slope_form(model, weights, box), box, f"every trajectory that starts within the invariant box{declared}"
