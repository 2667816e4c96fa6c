"""Why gradients through a layer vanish, explode or are kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from symgrad.presentable import Presentable

__all__ = ["Cause", "CauseFound"]


class Cause(StrEnum):
    """What makes gradients through a layer vanish or explode, or what keeps them.

    ``SATURATION``: slopes of activations far below their largest values. ``SMALL_NORM`` and ``LARGE_NORM``: the
    weights shrink or stretch even with the largest slopes. ``CLOSED_GATE``: the factor by which a state is handed on
    directly is small. ``OPEN_GATE``: it is near 1 and keeps the gradient. ``NON_NORMAL``: products grow for a while
    although they decay in the long run. ``AT_EDGE``: neither, the largest Lyapunov exponent is zero within its error,
    or makes less than a decade over all steps.
    """

    SATURATION = "saturation"
    SMALL_NORM = "small norm"
    LARGE_NORM = "large norm"
    CLOSED_GATE = "closed gate"
    OPEN_GATE = "open gate"
    NON_NORMAL = "non-normal"
    AT_EDGE = "at edge"


@dataclass(frozen=True, eq=False)
class CauseFound(Presentable):
    """One cause, from the measured sequences (approximate).

    Attributes:
        cause: which one.
        evidence: in words, with the numbers.
        share: by how many decades per step it changes the gradient, negative where it shrinks it; None where that
            cannot be told.
    """

    cause: Cause
    evidence: str
    share: float | None
