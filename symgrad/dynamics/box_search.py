"""All zeros of the equations of a system in a box: branch and prune with the interval Newton method."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.dynamics.certified_zero import CertifiedZero, certified_zero, newton_floats
from symgrad.dynamics.interval_newton import newton_step
from symgrad.dynamics.vector_region import Contraction, is_empty
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["SearchResult", "all_zeros"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_AT_ONCE = 1024
_INFLATED = 0.05
_TINY = 1e-13
_ROUNDING = 2.0**-48  # relative width of boxes that rounding keeps from shrinking
_NEAR = 1e-7  # relative distance at which stretches that are left count as one
_MARGINS = (1e-13, 1e-11, 1e-9, 1e-7)  # around what is left, tried one after the other
_NARROW = (1e-6, 1e-9)  # of the widths: boxes are not cut further, unless many stretches are left
_NARROWER = 1e-11  # the same for what is left when all else is done
_FEW_BOXES = 1500  # for each stretch that is left
_FEW_CLUSTERS = 12
_SHRUNK = 0.6  # of the largest width: then a box is tried again before it is cut
_MOST_CLUSTERS = 200


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found.

    Attributes:
        zeros: each proved, no two of them the same.
        undecided: (N, 1) boxes; every zero that is not among the others lies in one of them.
        boxes: how many were examined.
    """

    zeros: tuple[CertifiedZero, ...]
    undecided: tuple[Intervals, ...]
    boxes: int


def all_zeros(system: VectorSystem, region: Intervals, max_boxes: int) -> SearchResult:
    """All zeros in a region (N, 1), with proof: each box that is left out holds none, or the zero that is listed.

    Boxes shrink by the equations solved for each state and by the interval Newton method. Where the derivative over a
    box is proved regular it holds one zero at most; that one is proved to exist in balls. Other boxes are cut in two.

    Source: Moore, Kearfott and Cloud, Introduction to Interval Analysis 2009, ch. 8; Neumaier, Interval Methods for
    Systems of Equations 1990, ch. 5.
    """
    search = _Search(system, region)
    left = region
    for narrow in _NARROW:
        left = search.run(left, max_boxes - search.boxes, narrow)
        clusters = merged(left)
        if search.boxes >= max_boxes or len(clusters) <= _FEW_CLUSTERS:
            break
    if search.boxes < max_boxes and len(clusters) <= _FEW_CLUSTERS:
        clusters = [part for cluster in clusters for part in search.refined(cluster)]
    undecided = search.unexplained(clusters)
    zeros = [zero for zero in search.zeros if _meets(zero.bounds, region)]
    return SearchResult(tuple(zeros), tuple(undecided), search.boxes)


@dataclass(eq=False)
class _Search:
    """The boxes still to be examined and what is known."""

    system: VectorSystem
    region: Intervals
    zeros: list[CertifiedZero] = field(default_factory=list)
    around: list[Intervals] = field(default_factory=list)  # where each zero is the only one
    boxes: int = 0
    precise: bool = False  # whether rounding errors of the residual count

    def __post_init__(self) -> None:
        self.contract = Contraction(self.system)

    def run(self, region: Intervals, max_boxes: int, narrow: float) -> Intervals:
        """Examine a box; what is returned could not be decided."""
        queue, left, count = [region], [], 0
        while queue and count < max_boxes:
            boxes = _joined([queue.pop() for _ in range(min(len(queue), _AT_ONCE))])
            count += boxes.shape[1]
            again, undecided = self.examine(boxes, narrow)
            left.append(undecided)
            width = max(1, _AT_ONCE // 2)
            queue += [_columns(again, slice(at, at + width)) for at in range(0, again.shape[1], width)]
        self.boxes += count
        return _joined([*left, *queue])

    def refined(self, cluster: Intervals) -> list[Intervals]:
        """What is left of a stretch when its boxes are cut further; it stays in one piece where that shows little."""
        self.precise = True
        return merged(self.run(cluster, _FEW_BOXES, _NARROWER), _NEAR)

    def examine(self, boxes: Intervals, narrow: float) -> tuple[Intervals, Intervals]:
        """Boxes to examine again, and boxes that are too narrow for it."""
        before = boxes.high - boxes.low
        found = self.contract(boxes)
        keep = ~is_empty(found) & ~self._explained(found)
        keep[keep] &= self._may_vanish(_columns(found, keep))
        found, before = _columns(found, keep), before[:, keep]
        if not found.shape[1]:
            return found, found
        wide = _inflated(found)
        step = newton_step(self.system, found, wide, self.precise)
        keep = ~is_empty(step.boxes)
        keep[keep] &= ~self._isolated(_columns(step.boxes, keep), _columns(wide, keep), step.regular[keep])
        rest, slopes = _columns(step.boxes, keep), _moduli(step.slopes)[..., keep]
        widths = rest.high - rest.low
        wanting = widths > np.maximum(narrow * self._scale(rest), _ROUNDING * (1 + rest.magnitude))
        small = ~wanting.any(axis=0)
        shrunk = (widths.max(axis=0) <= _SHRUNK * before[:, keep].max(axis=0)) & ~small
        cut = ~small & ~shrunk
        halves = _halved(_columns(rest, cut), slopes[..., cut], wanting[:, cut])
        return _joined([_columns(rest, shrunk), *halves]), _columns(rest, small)

    def _scale(self, boxes: Intervals) -> Array:
        whole = np.minimum(self.region.high - self.region.low, 1.0)
        size: Array = np.maximum(whole, np.minimum(boxes.magnitude, self.region.high - self.region.low))
        return size

    def _may_vanish(self, boxes: Intervals) -> Mask:
        """False where the range of some entry of the residual over a box does not hold zero."""
        values = self.system.residual_over(boxes)
        return np.asarray((~((values.low > 0) | (values.high < 0))).all(axis=0))

    def _explained(self, boxes: Intervals) -> Mask:
        """Whether a box lies where a known zero is the only one."""
        inside = np.zeros(boxes.shape[1], dtype=bool)
        for around in self.around:
            inside |= ((around.low <= boxes.low) & (boxes.high <= around.high)).all(axis=0)
        return inside

    def _isolated(self, boxes: Intervals, wide: Intervals, regular: Mask) -> Mask:
        """Whether the only zero that a box can hold is known now."""
        done = np.zeros(boxes.shape[1], dtype=bool)
        places = np.flatnonzero(regular)
        if not len(places):
            return done
        starts = ((boxes.low + boxes.high) / 2)[:, places].T
        for place, point in zip(places, newton_floats(self.system, starts), strict=True):
            around = _columns(wide, [place])
            column = point[:, None]
            if ((around.low < column) & (column < around.high)).all():
                done[place] = self._prove(point, around)
        return done

    def _prove(self, point: Array, around: Intervals) -> bool:
        """Whether a zero next to a point is proved, in the interior of a box that holds one at most."""
        if any(_inside(known.bounds, around) for known in self.zeros):
            return True
        zero = certified_zero(self.system, point)
        if zero is None or not _inside(zero.bounds, around):
            return False
        if any(_inside(zero.bounds, other) for other in self.around):
            return True
        self.zeros.append(CertifiedZero(zero.column, True))
        self.around.append(around)
        return True

    def unexplained(self, clusters: list[Intervals]) -> list[Intervals]:
        """Those of some boxes that may hold more than a known zero."""
        return [cluster for cluster in clusters if not (self._explained(cluster)[0] or self._settled(cluster))]

    def _settled(self, cluster: Intervals) -> bool:
        """Whether one zero at most lies in a wider box, and that one is known or proved now."""
        for margin in _MARGINS:
            wide = _inflated(cluster, margin)
            step = newton_step(self.system, cluster, wide, True)
            if is_empty(step.boxes)[0] or self._isolated(step.boxes, wide, step.regular)[0]:
                return True
        return False


def _inside(inner: Intervals, outer: Intervals) -> bool:
    return bool(((outer.low < inner.low) & (inner.high < outer.high)).all())


def _meets(one: Intervals, other: Intervals) -> bool:
    return bool(((one.low <= other.high) & (other.low <= one.high)).all())


def _columns(boxes: Intervals, index: Any) -> Intervals:
    return Intervals(boxes.low[:, index], boxes.high[:, index])


def _joined(parts: list[Intervals]) -> Intervals:
    return Intervals(*(np.concatenate([getattr(part, end) for part in parts], axis=1) for end in ("low", "high")))


def _inflated(boxes: Intervals, least: float = _TINY) -> Intervals:
    margin = _INFLATED * (boxes.high - boxes.low) + least * (1 + boxes.magnitude)
    return Intervals(boxes.low - margin, boxes.high + margin)


def _moduli(slopes: Intervals) -> Array:
    return np.minimum(np.nan_to_num(slopes.magnitude, posinf=1e100), 1e100)


def _halved(boxes: Intervals, moduli: Array, wanting: Mask) -> list[Intervals]:
    """Boxes cut in two, of the sides that are still wide, where the residual changes most (maximal smear)."""
    widths = np.where(wanting, boxes.high - boxes.low, 0.0)
    place = np.argmax((moduli * widths[None]).max(axis=0) + _TINY * widths, axis=0)
    columns = np.arange(boxes.shape[1])
    middle = (boxes.low + boxes.high)[place, columns] / 2
    low, high = boxes.low.copy(), boxes.high.copy()
    high[place, columns], low[place, columns] = middle, middle
    return [Intervals(boxes.low, high), Intervals(low, boxes.high)]


def merged(boxes: Intervals, near: float = 0.0) -> list[Intervals]:
    """(N, 1) hulls of the groups of some boxes (N, B) that no gap along an axis parts; the last may be of many groups.

    Args:
        boxes: which.
        near: distance relative to 1 + |x| up to which it is no gap.
    """
    found: list[Intervals] = []
    margin = near * (1 + boxes.magnitude) / 2
    wide = Intervals(boxes.low - margin, boxes.high + margin)
    places = [np.arange(boxes.shape[1])] if boxes.shape[1] else []
    while places:
        group = places.pop()
        parts = _parted(_columns(wide, group), group)
        if len(parts) == 1:
            found.append(_hull(_columns(boxes, group)))
        else:
            places += parts
    if len(found) > _MOST_CLUSTERS:
        found = [*found[:_MOST_CLUSTERS], _hull(_joined(found[_MOST_CLUSTERS:]))]
    return found


def _parted(boxes: Intervals, places: NDArray[np.int_]) -> list[NDArray[np.int_]]:
    """The places of boxes (N, B) in groups with gaps between them along one axis; one group where there is no gap."""
    for low, high in zip(boxes.low, boxes.high, strict=True):
        order = np.argsort(low, kind="stable")
        gaps = np.flatnonzero(low[order][1:] > np.maximum.accumulate(high[order])[:-1])
        if len(gaps):
            return np.split(places[order], gaps + 1)
    return [places]


def _hull(boxes: Intervals) -> Intervals:
    return Intervals(boxes.low.min(axis=1, keepdims=True), boxes.high.max(axis=1, keepdims=True))
