"""In which phase a wide random network is: from chi_1 at the variances to which its layers converge."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symgrad.meanfield.variance_points import VariancePoint, VariancePoints
from symgrad.presentable import Presentable

__all__ = ["CHAOTIC", "CRITICAL", "DIVERGES", "ORDERED", "UNDECIDED", "Phase", "phase_of", "side_of_one"]

ORDERED = "ordered"
CRITICAL = "critical"
CHAOTIC = "chaotic"
DIVERGES = "variance diverges"
UNDECIDED = "undecided"

_BY_SIDE = {-1: ORDERED, 0: CRITICAL, 1: CHAOTIC, None: UNDECIDED}
_SIGNS = {-1: "chi_1 < 1", 0: "chi_1 = 1", 1: "chi_1 > 1", None: "chi_1 on an unproved side of 1"}


@dataclass(frozen=True)
class Phase(Presentable):
    """The phase of a network and why.

    Attributes:
        word: ordered, critical, chaotic, variance diverges or undecided.
        reason: what it rests on; it names the stability of the fixed points of the variance.
        variances: the fixed points of the variance map.
    """

    word: str
    reason: str
    variances: VariancePoints

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self.word == other
        return isinstance(other, Phase) and (self.word, self.reason) == (other.word, other.reason)

    def __hash__(self) -> int:
        return hash(self.word)


def side_of_one(points: VariancePoints, point: VariancePoint) -> int | None:
    """Whether ``chi_1`` lies below (-1), at (0) or above (1) one at a fixed point; None where that is not proved."""
    if point.chi < 1 or point.chi > 1:
        return -1 if point.chi < 1 else 1
    return 0 if point.exact is not None and points.flow.is_critical(point.exact) else None


def phase_of(points: VariancePoints) -> Phase:
    """The phase that goes with the fixed points of a variance map."""
    return Phase(*_judged(points), points)


def _judged(points: VariancePoints) -> tuple[str, str]:
    if points.continuum:
        return _of_a_continuum(points)
    attracting = points.attracting
    open_end = "" if points.complete else "; that there are no other fixed points is not proved"
    if not attracting:
        return _without_attraction(points)
    sides = [side_of_one(points, point) for point in attracting]
    where = "; ".join(
        f"{_SIGNS[side]} at q* = {_short(point)} ({point.stability})"
        for side, point in zip(sides, attracting, strict=True)
    )
    words = {_BY_SIDE[side] for side in sides}
    if len(words) > 1:
        return UNDECIDED, f"it depends on the variance of the input: {where}{open_end}"
    if open_end:
        return UNDECIDED, where + open_end
    if points.diverges:
        edge = max((float(p) for p in points if not p.attracts), default=float("nan"))
        where += f"; inputs of variance above {edge:.6g} (repelling) diverge"
    return words.pop(), where


def _of_a_continuum(points: VariancePoints) -> tuple[str, str]:
    chi = points.flow.chi_expr
    kept = "every variance is a fixed point (a continuum, neutral)"
    if points.flow.is_critical(sp.S.One) and not chi.free_symbols:
        return CRITICAL, f"chi_1 = 1 and {kept}"
    return UNDECIDED, f"{kept}; chi_1 depends on it"


def _without_attraction(points: VariancePoints) -> tuple[str, str]:
    if not points.complete:
        return UNDECIDED, "the fixed points of the variance are not all proved"
    at_one = [point for point in points if side_of_one(points, point) == 0]
    remark = "".join(f"; chi_1 = 1 at q* = {_short(p)}, which is {p.stability}: no edge of chaos" for p in at_one)
    if points.diverges:
        if not points.flow.unit.jumps and points.flow.is_critical(sp.S.One) and not points.flow.chi_expr.free_symbols:
            remark = "; chi_1 = 1 at every variance, but there is no fixed point: no edge of chaos"
        return DIVERGES, f"no fixed point of the variance attracts and large variances grow{remark}"
    if any(point.stability not in ("repelling", "semi-stable") for point in points):
        return UNDECIDED, f"the stability of the fixed points of the variance is not proved{remark}"
    if points.diverges is None:
        return UNDECIDED, f"no fixed point of the variance attracts; whether it diverges is not proved{remark}"
    return UNDECIDED, f"no fixed point of the variance attracts, and the variance stays bounded: it oscillates{remark}"


def _short(point: VariancePoint) -> str:
    return str(point.exact) if point.exact is not None and len(str(point.exact)) < 16 else f"{float(point):.6g}"
