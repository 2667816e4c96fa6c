"""Time to find all fixed points of one neuron ``x = s(w x + b)`` for 1000 values of b, s the logistic function.

The certified sweep is compared with interval arithmetic of mpmath (``iv``) and with floats that prove nothing:

* iv, search: bisection of [0, 1] with an interval Newton test, for each value (Moore, Kearfott and Cloud 2009);
* iv, branches: what the sweep does, turns once and one interval Newton step for each fixed point, in iv;
* one by one: symgrad's own search by bisection and interval Newton, with a call for each value;
* scan + brentq: signs on a grid of 400 points, then scipy.optimize.brentq in each cell with a change of sign.

The slow ones are timed on every tenth or fiftieth value. Run: python benchmarks/fixed_points.py
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import mpmath
import numpy as np
from figures import Figure
from mpmath import iv
from numpy.typing import NDArray
from scipy.optimize import brentq

import symgrad as sg

Array = NDArray[np.float64]
Interval = Any  # of mpmath, which has no type hints

WEIGHTS = (5, 9)
COUNT = 1000
BITS = 80  # enough for a radius of 1e-15, at which the sweep stops, too
SMALLEST = 2.0**-40
CELLS = 400
REPETITIONS = 5


def certified(w: int, values: Array) -> list[int]:
    """The sweep."""
    return [int(count) for count in sg.fixed_points(sg.models.neuron(w=w), {"b": values}).counts]


def one_by_one(w: int, values: Array) -> list[int]:
    """A call for each value."""
    return [len(sg.fixed_points(sg.models.neuron(w=w), {"b": float(b)})) for b in values]


def scanned(w: int, values: Array) -> list[int]:
    """Changes of sign on a grid, and the roots between; nothing is proved."""
    grid = np.linspace(0.0, 1.0, CELLS + 1)
    counts = []
    for b in values.tolist():
        signs = np.sign(1 / (1 + np.exp(-(w * grid + b))) - grid)
        places = np.flatnonzero(signs[1:] * signs[:-1] <= 0)
        roots = {brentq(lambda x, b=b: 1 / (1 + math.exp(-(w * x + b))) - x, *grid[i : i + 2]) for i in places}
        counts.append(len(roots))
    return counts


def searched_in_iv(w: int, values: Array) -> list[int]:
    """Bisection of [0, 1] and interval Newton, for each value."""
    return [_count_in_iv(iv.mpf(w), iv.mpf(b)) for b in values.tolist()]


def _logistic(z: Interval) -> Interval:
    return 1 / (1 + iv.exp(-z))


def _count_in_iv(w: Interval, b: Interval) -> int:
    boxes, found = [iv.mpf([0, 1])], []
    while boxes:
        box = boxes.pop()
        value = _logistic(w * box + b) - box
        if value.a > 0 or value.b < 0:
            continue
        s = _logistic(w * box + b)
        slope = w * s * (1 - s) - 1
        if slope.a > 0 or slope.b < 0:
            middle = iv.mpf(box.mid)
            step = middle - (_logistic(w * middle + b) - middle) / slope
            if step.a > box.a and step.b < box.b:
                found.append(_contracted(w, b, step))
                continue
            if step.a > box.b or step.b < box.a:
                continue
        if box.delta < SMALLEST:
            raise ArithmeticError(f"{box} is undecided")
        middle = box.mid
        boxes += [iv.mpf([box.a, middle]), iv.mpf([middle, box.b])]
    return len(found)


def _contracted(w: Interval, b: Interval, box: Interval) -> Interval:
    """Interval Newton steps until the enclosure is narrow enough."""
    while box.delta > 2e-15:
        middle, s = iv.mpf(box.mid), _logistic(w * box + b)
        box = middle - (_logistic(w * middle + b) - middle) / (w * s * (1 - s) - 1)
    return box


def branches_in_iv(w: int, values: Array) -> list[int]:
    """The algorithm of the sweep in iv: on each branch of ``b = z - w s(z)`` one interval Newton step."""
    weight = iv.mpf(w)
    root = iv.sqrt(1 - 4 / weight)
    turns = [iv.log(x / (1 - x)) for x in ((1 - root) / 2, (1 + root) / 2)]
    folds = [z - weight * _logistic(z) for z in turns]
    ends = [-60.0 - w, *(float(mpmath.mpf(z.mid)) for z in turns), 60.0 + w]
    counts = []
    for b in values.tolist():
        level, found = iv.mpf(b), 0
        marks = [iv.mpf(["-inf", "-inf"]), *folds, iv.mpf(["inf", "inf"])]
        for place in range(3):
            low, high = sorted((marks[place], marks[place + 1]), key=lambda value: value.mid)
            if level.a > low.b and level.b < high.a:
                start = _bisected(w, b, ends[place], ends[place + 1])
                found += _is_enclosed(weight, level, start)
        counts.append(found)
    return counts


def _bisected(w: int, b: float, low: float, high: float) -> float:
    def residual(z: float) -> float:
        return z - w / (1 + math.exp(-z)) - b

    return float(brentq(residual, low, high))


def _is_enclosed(w: Interval, b: Interval, start: float) -> bool:
    middle = iv.mpf(start)
    s = _logistic(middle)
    value = middle - w * s - b
    step = value / (1 - w * s * (1 - s))
    radius = 2 * max(abs(step.a), abs(step.b))
    around = iv.mpf([start - radius, start + radius])
    t = _logistic(around)
    sharper = middle - value / (1 - w * t * (1 - t))
    return bool(around.a <= sharper.a and sharper.b <= around.b)


WAYS: dict[str, tuple[Callable[[int, Array], list[int]], int]] = {
    "certified sweep": (certified, 1),
    "iv, search": (searched_in_iv, 50),
    "iv, branches": (branches_in_iv, 10),
    "one by one": (one_by_one, 50),
    "scan + brentq": (scanned, 1),
}


def main(repetitions: int = REPETITIONS) -> None:
    """Print the time for each value and its ratio to that of the sweep; every way must find the same numbers."""
    iv.prec = BITS
    print(f"{'way':<16} {'w':>3} {'values':>7} {'ms each':>9} {'ratio':>8}")
    for w in WEIGHTS:
        values = np.linspace(-0.9 * w, -0.1 * w, COUNT)
        expected = np.array(certified(w, values))  # also compiles what every later sweep finds compiled
        sweep = None
        for name, (way, every) in WAYS.items():
            part = values[::every]
            seconds = statistics.median(_timed(way, w, part, expected[::every]) for _ in range(repetitions))
            each = seconds / len(part)
            sweep = sweep or each
            print(f"{name:<16} {w:>3} {len(part):>7} {each * 1e3:9.4f} {each / sweep:8.2f}")


TARGETS = {"iv, search": 4.0, "iv, branches": 4.0}


def figures(quick: bool) -> list[Figure]:
    """The sweep against each of the others; times of the slow ones are scaled from the part that they did."""
    iv.prec = BITS
    found = []
    for w in WEIGHTS[:1] if quick else WEIGHTS:
        values = np.linspace(-0.9 * w, -0.1 * w, 100 if quick else COUNT)
        expected = np.array(certified(w, values))
        rivals = [name for name in WAYS if name != "certified sweep" and not (quick and name == "one by one")]
        times: dict[str, list[float]] = {name: [] for name in ("certified sweep", *rivals)}
        for _ in range(2 if quick else REPETITIONS):
            for name, taken in times.items():
                way, every = WAYS[name]
                part = values[::every]
                taken.append(_timed(way, w, part, expected[::every]) * len(values) / len(part))
        case = f"all roots for {len(values)} values of b, w = {w}"
        found += [
            Figure(
                "fixed_points",
                case,
                times["certified sweep"],
                name,
                times[name],
                None if quick else TARGETS.get(name),
                _note(name),
            )
            for name in rivals
        ]
    return found


def _note(name: str) -> str:
    every = WAYS[name][1]
    notes = [f"rival timed on every {every}th value"] if every > 1 else []
    return ", ".join([*notes, *(["rival proves nothing"] if name == "scan + brentq" else [])])


def _timed(way: Callable[[int, Array], list[int]], w: int, values: Array, expected: Iterable[int]) -> float:
    begin = time.perf_counter()
    counts = way(w, values)
    seconds = time.perf_counter() - begin
    if counts != [int(count) for count in expected]:
        raise ArithmeticError(f"{way.__name__} finds other numbers of fixed points")
    return seconds


if __name__ == "__main__":
    main()
