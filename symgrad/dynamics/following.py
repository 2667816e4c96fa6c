"""Trajectories with their derivatives, by the method that the kind of model and the precision ask for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.dynamics.motion import Motion
from symgrad.dynamics.scalar_system import FLOW
from symgrad.dynamics.trajectories import TrajectorySensitivity, map_sensitivity
from symgrad.dynamics.variational import float_sensitivity, precise_sensitivity
from symgrad.errors import InputError

__all__ = ["checked_horizon", "followed"]

_DIGITS = 16


def followed(motion: Motion, initial: Any, horizon: float, precision: int | None) -> TrajectorySensitivity:
    """The trajectory of any motion by the method that its kind and the precision ask for."""
    checked = checked_horizon(horizon, motion.kind)
    if precision is not None and (isinstance(precision, bool) or not isinstance(precision, int) or precision < 1):
        raise InputError(f"precision: a positive number of digits, or None, is needed, got {precision!r}")
    if motion.kind != FLOW:
        return map_sensitivity(motion, initial, int(checked), precision or _DIGITS)
    if precision is None:
        return float_sensitivity(motion, initial, checked)
    return precise_sensitivity(motion, initial, checked, precision)


def checked_horizon(horizon: Any, kind: str) -> float:
    """T as a float: of a flow positive, of a map a whole number of steps.

    Raises:
        InputError: something else.
    """
    number = isinstance(horizon, (int, float, np.number)) and not isinstance(horizon, bool)
    if not number or not math.isfinite(horizon) or horizon <= 0:
        raise InputError(f"horizon: a positive number is needed, got {horizon!r}")
    if kind != FLOW and int(horizon) != horizon:
        raise InputError(f"horizon: a whole number of steps is needed for a map, got {horizon!r}")
    return float(horizon)
