"""Certified suprema of the slope of an activation: over the whole real line, against mpmath's ``iv`` on an interval.

symgrad proves the supremum over R, in closed form or to a relative 1e-15. The rival is branch and bound in mpmath's
interval arithmetic on [-12, 12] only, with the mean value form and the sign of the second derivative, until upper and
lower bound are 1e-9 apart (Moore, Kearfott and Cloud 2009, ch. 6). Both get formulas that they have not seen.
Run: python benchmarks/suprema.py
"""

from __future__ import annotations

import itertools
import time
from heapq import heappop, heappush
from typing import Any

import sympy as sp
from figures import Figure, in_turn, print_table
from mpmath import iv

from symgrad.rigor.balls import to_ball
from symgrad.rigor.extrema import extrema

REACH, TOLERANCE, BITS = 12, 1e-9, 53
TARGET = 1.0
_names = (f"z{k}" for k in itertools.count())


def formulas(z: sp.Symbol) -> dict[str, sp.Expr]:
    """The activations."""
    squash = 1 - 2 / (1 + sp.exp(2 * z))
    return {
        "silu": z / (1 + sp.exp(-z)),
        "mish": z * (1 - 2 / (1 + (1 + sp.exp(z)) ** 2)),
        "own, tanh with a bump": squash + sp.exp(-(z**2)) / 3,
        "own, damped wave": sp.sin(z) * sp.exp(-(z**2) / 4),
    }


def proved(name: str) -> sp.Expr:
    """The supremum over R, for a variable that was not used before."""
    z = sp.Symbol(next(_names), real=True)
    return extrema(formulas(z)[name].diff(z), z).sup.value


def in_intervals(name: str) -> tuple[float, float]:
    """Bounds of the supremum over [-REACH, REACH] by branch and bound in ``iv``."""
    iv.prec = BITS
    z = sp.Symbol(next(_names), real=True)
    slope = formulas(z)[name].diff(z)
    f, g = (sp.lambdify(z, expr, [{"exp": iv.exp, "sin": iv.sin, "cos": iv.cos}]) for expr in (slope, slope.diff(z)))
    count, low = itertools.count(), -float("inf")
    heap: list[tuple[float, int, Any]] = [(-float("inf"), next(count), iv.mpf([-REACH, REACH]))]
    while -heap[0][0] - low > TOLERANCE:
        box = heappop(heap)[2]
        for half in (iv.mpf([box.a, box.mid]), iv.mpf([box.mid, box.b])):
            middle, inner = f(iv.mpf(half.mid)), g(half)
            low = max(low, float(middle.a.a))
            rising = inner.a >= 0 or inner.b <= 0
            ends = max(float(f(iv.mpf(end)).b.b) for end in (half.a, half.b)) if rising else float("inf")
            high = min(float((middle + inner * (half - half.mid)).b.b), float(f(half).b.b), ends)
            if high > low:
                heappush(heap, (-high, next(count), half))
    return low, -heap[0][0]


def figures(quick: bool) -> list[Figure]:
    """Every activation."""
    found = []
    for name in formulas(sp.Symbol("z")):
        ours, theirs = in_turn(
            lambda name=name: proved(name), lambda name=name: in_intervals(name), 2 if quick else 5, time.process_time
        )
        low, high = in_intervals(name)
        value = to_ball(proved(name))
        note = f"supremum {value.str(12, radius=False)}"
        agrees = bool(value > low - TOLERANCE) and bool(value < high + TOLERANCE)
        case = f"sup of the slope over R: {name}"
        rival = f"iv on [-{REACH}, {REACH}] to {TOLERANCE:.0e}"
        found.append(Figure("suprema", case, ours, rival, theirs, TARGET, note, holds=agrees))
    return found


def main() -> None:
    """Print the table."""
    print_table(figures(False), "formula", "iv")


if __name__ == "__main__":
    main()
