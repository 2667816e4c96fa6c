"""All critical fixed points (x, p) of a vector system in a box, by subdivision, and the proof that there are no others.

Boxes are contracted by interval Newton steps for all coordinates but the one along which the curve of fixed points
runs, so that folds are no obstacle. A box is done when it holds no fixed point, when every critical matrix is regular
over it, or when it lies in a box around a certified point that is proved to hold no other one of its kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.dynamics.vector_conditions import Box, conditions_of, critical_matrix, float_sign, is_regular
from symgrad.dynamics.vector_derivatives import Extended, column
from symgrad.rigor.balls import lower_float, upper_float, working_precision
from symgrad.rigor.matrix_balls import midpoints

__all__ = ["Found", "Search", "search_box"]

Array = NDArray[np.float64]

_BITS = 64
_CONTRACTIONS = 3
_SMALLEST = 2.0**-20  # of the first box: what is as small is undecided
_TRIED_AT = 0.25  # of the first box: boxes that are smaller are searched for a critical point
_LEAST_SCALE = 2.0**-10  # of a coordinate whose side is narrow from the start
_CELL, _TRIES = 2.0**-6, 6  # in a part of the first box of this size only so many starts are tried
_SHAPES = (1.0, 2.0**-4, 2.0**-8)  # sides in the parameter against those in the states
_RADII = [2.0**-k for k in range(3, 20)]


@dataclass(frozen=True, eq=False)
class Found:
    """A critical point, or one at which a test function vanishes without a bifurcation.

    Attributes:
        condition: which critical matrix is singular.
        result: what was certified.
        z: the column (x, p) of balls.
        clear: boxes around it that are proved to hold no other point of the condition.
    """

    condition: str
    result: Any
    z: Any
    clear: tuple[Box, ...]


Certify = Callable[[str, Array, Array], tuple[Any, Any, Callable[[Box], bool]] | None]


@dataclass
class Search:
    """The outcome of a search.

    Attributes:
        found: certified points.
        open: boxes in which nothing is decided.
        count: how many boxes were treated.
    """

    found: list[Found] = field(default_factory=list)
    open: list[Box] = field(default_factory=list)
    count: int = 0


def search_box(extended: Extended, whole: Box, certify: Certify, max_boxes: int) -> Search:
    """Searches a box of (x, p).

    Args:
        extended: the equations.
        whole: the box, finite.
        certify: gives for a condition, a start in floats and a reach the certified point next to it: a result, its
            column (x, p) of balls, and a function that tells of a box around it whether there is no other one in it.
        max_boxes: at which the rest is left undecided.
    """
    with working_precision(_BITS):
        return _Run(extended, whole, certify, max_boxes).run()


class _Run:
    def __init__(self, extended: Extended, whole: Box, certify: Certify, max_boxes: int) -> None:
        self.extended, self.whole, self.certify, self.max_boxes = extended, whole, certify, max_boxes
        self.scale = np.maximum(whole.width, _LEAST_SCALE * (1 + np.abs(whole.middle)))
        self.conditions = conditions_of(extended)
        self.outcome = Search()
        self.tries = Counter[tuple[Any, ...]]()

    def run(self) -> Search:
        """The largest boxes first, so that what is open at last is small."""
        order, outcome = count(), self.outcome
        waiting = [(0.0, next(order), self.whole)]
        while waiting:
            if outcome.count >= self.max_boxes:
                outcome.open += [box for *_, box in waiting]
                break
            outcome.count += 1
            for part in self.parts(heappop(waiting)[-1]):
                heappush(waiting, (-float((part.width / self.scale).max()), next(order), part))
        return outcome

    def parts(self, box: Box) -> list[Box]:
        """What is left to do for a box."""
        left = self.contracted(box)
        if left is None:
            return []
        open_conditions = self.open_conditions(left)
        if not open_conditions:
            return []
        relative = left.width / self.scale
        if relative.max() < _TRIED_AT:
            for condition in open_conditions:
                self.try_point(condition, left)
            open_conditions = [c for c in open_conditions if not self.is_clear(c, left)]
            if not open_conditions:
                return []
        if relative.max() < _SMALLEST:
            self.outcome.open.append(left)
            return []
        return list(left.halves(int(np.argmax(relative))))

    def is_clear(self, condition: str, box: Box) -> bool:
        """Whether the points of a condition in a box are known."""
        return any(box.within(clear) for f in self.outcome.found if f.condition == condition for clear in f.clear)

    def open_conditions(self, box: Box) -> list[str]:
        """The conditions that may be fulfilled at unknown points of a box."""
        rest = [c for c in self.conditions if not self.is_clear(c, box)]
        if not rest:
            return []
        a = self.extended.linearisation(box.balls)
        return [c for c in rest if not is_regular(critical_matrix(self.extended, c, a))]

    def try_point(self, condition: str, box: Box) -> None:
        """Certify a point in or next to a box, with as wide a box around it as can be proved."""
        if not self.is_crossed(condition, box):
            return
        cell = (condition, *np.floor(box.middle / (self.scale * _CELL)).tolist())
        self.tries[cell] += 1
        if self.tries[cell] > _TRIES:
            return
        near = box.around(4, _SMALLEST * self.scale)
        if any(f.condition == condition and near.contains(_floats(f.z)) for f in self.outcome.found):
            return
        made = self.certify(condition, box.middle, 1.5 * box.width + _SMALLEST * self.scale)
        if made is None:
            return
        result, z, alone = made
        centre = _floats(z)
        if not near.contains(centre) or self.is_known(condition, z):
            return
        self.outcome.found.append(Found(condition, result, z, self.clear_boxes(centre, alone)))

    def clear_boxes(self, centre: Array, alone: Callable[[Box], bool]) -> tuple[Box, ...]:
        """The widest boxes of some shapes that are proved to hold no other point; flat ones fit to pitchforks."""
        found = []
        for flatness in _SHAPES:
            scale = self.scale.copy()
            scale[-1] *= flatness
            boxes = (Box(centre - radius * scale, centre + radius * scale) for radius in _RADII)
            widest = next((box for box in boxes if alone(box)), None)
            if widest is not None:
                found.append(widest)
        return tuple(found)

    def is_crossed(self, condition: str, box: Box) -> bool:
        """Whether the determinant seems to change its sign along the curve of fixed points in or next to a box."""
        middle = box.middle
        slopes = self.extended.floats(middle)[1]
        if not np.isfinite(slopes).all():
            return False
        tangent = np.linalg.svd(slopes * self.scale)[2][-1] * self.scale
        reach = box.width + _SMALLEST * self.scale
        with np.errstate(divide="ignore"):
            step = float(np.min(reach / np.abs(tangent)))
        ends = [float_sign(self.extended, condition, middle + side * step * tangent) for side in (-1, 1)]
        return not ends[0] == ends[1] != 0

    def is_known(self, condition: str, z: Any) -> bool:
        """Whether a certified point is one that was found before."""
        return any(
            f.condition == condition and all(a.overlaps(b) for a, b in zip(f.z.entries(), z.entries(), strict=True))
            for f in self.outcome.found
        )

    def contracted(self, box: Box) -> Box | None:
        """A part of a box that holds all of its fixed points; None where there are none."""
        for _ in range(_CONTRACTIONS):
            before = box.width
            narrower = self.mapped(box)
            narrower = None if narrower is None else self.newton(narrower)
            if narrower is None:
                return None
            box = narrower
            if (box.width > 0.7 * before).all():
                break
        return box

    def mapped(self, box: Box) -> Box | None:
        """The part of a box in which r may vanish; of a map the part in its image."""
        z = box.balls
        residual = self.extended.residual(z)
        if not all(entry.contains(0) for entry in residual.entries()):
            return None
        if not self.extended.system.is_map:
            return box
        x, p = self.extended.split(z)
        image = self.extended.system.right_side(x, [p])
        return _intersection(box, range(self.extended.size), image.entries())

    def newton(self, box: Box) -> Box | None:
        """One Newton step for all coordinates but one."""
        slopes = self.extended.slopes(box.balls)
        floats = midpoints(slopes)
        if not np.isfinite(floats).all():
            return box
        free = _free_coordinate(floats, box.width)
        places = [i for i in range(len(box.low)) if i != free]
        try:
            inverse = arb_mat(np.linalg.inv(floats[:, places]).tolist())
        except np.linalg.LinAlgError:
            return box
        centre = column(box.middle)
        distance = (box.balls - centre).entries()
        matrix = (inverse * slopes).tolist()
        moved = (inverse * self.extended.residual(centre)).entries()
        image = []
        for row, place in enumerate(places):
            entry = centre[place, 0] - moved[row] - matrix[row][free] * distance[free]
            for j in places:
                entry += (int(j == place) - matrix[row][j]) * distance[j]
            image.append(entry)
        return _intersection(box, places, image)


def _free_coordinate(slopes: Array, width: Array) -> int:
    """The coordinate through whose sides the curve leaves a box."""
    tangent = np.abs(np.linalg.svd(slopes)[2][-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = np.where(width > 0, tangent / width, 0.0)
    return int(np.argmax(speed)) if speed.any() else int(np.argmax(tangent))


def _intersection(box: Box, places: Any, entries: list[arb]) -> Box | None:
    low, high = box.low.copy(), box.high.copy()
    for place, entry in zip(places, entries, strict=True):
        if not entry.is_finite():
            continue
        low[place] = max(low[place], lower_float(entry))
        high[place] = min(high[place], upper_float(entry))
        if low[place] > high[place]:
            return None
    return Box(low, high)


def _floats(z: Any) -> Array:
    return np.array([float(entry) for entry in z.entries()])
