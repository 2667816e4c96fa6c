"""A zero of a system of equations, proved to exist and enclosed: the operator of Krawczyk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flint
from flint import acb, acb_mat, arb, arb_mat

__all__ = ["krawczyk_zero"]

_STEPS = 12  # of Newton's method; with a fixed inverse each gains about ten digits
_SHARE = 4  # the first box is wider than the last step by this factor


def krawczyk_zero(function: Callable[[Any], Any], derivative: Callable[[Any], Any], start: Any) -> Any | None:
    """Balls around a zero of ``function``: R^n -> R^n, or holomorphic C^n -> C^n, near a starting point.

    With c an approximate zero, Y an approximate inverse of the derivative there and X a box around c,
    ``K = c - Y f(c) + (I - Y f'(X)) (X - c)``. If K lies in the interior of X, then X contains exactly one zero, and
    it lies in K (R. Krawczyk, *Newton-Algorithmen zur Bestimmung von Nullstellen mit Fehlerschranken*, Computing 4
    (1969); S. M. Rump, *Verification methods*, Acta Numerica 19 (2010), theorem 13.2).

    Args:
        function: of a column of balls (``arb_mat`` or ``acb_mat``, n by 1), encloses its values.
        derivative: of the same, encloses the n by n matrix of derivatives over the balls.
        start: a column of the same kind, near the zero.

    Returns:
        A column of balls in which a zero lies, or None where the test does not prove one. If ``function`` has balls
        for coefficients, every function within them has its own zero there.

    >>> from symgrad.rigor.balls import working_precision
    >>> with working_precision(128):
    ...     root = krawczyk_zero(lambda x: x * x[0, 0] - arb_mat([[2]]), lambda x: 2 * x, arb_mat([[1.4]]))[0, 0]
    ...     root.overlaps(arb(2).sqrt()), root.rel_accuracy_bits() > 90
    (True, True)
    """
    try:
        inverse = derivative(start).mid().inv().mid()
    except ZeroDivisionError:
        return None
    centre = _refined(function, inverse, start.mid())
    correction = inverse * function(centre)
    box = _around(centre, correction)
    slope = inverse * derivative(box)
    image = centre - correction + (_identity(slope) - slope) * (box - centre)
    pairs = zip(box.entries(), image.entries(), strict=True)
    return image if all(wide.contains_interior(narrow) for wide, narrow in pairs) else None


def _refined(function: Callable[[Any], Any], inverse: Any, centre: Any) -> Any:
    """Newton's method with one inverse, until steps no longer shrink."""
    size = arb.pos_inf()
    for _ in range(_STEPS):
        step = (inverse * function(centre)).mid()
        moved = max((abs(entry).upper() for entry in step.entries()), default=arb(0))
        if not moved < size:
            break
        centre, size = (centre - step).mid(), moved
    return centre


def _around(centre: Any, correction: Any) -> Any:
    """The box around a centre that is somewhat wider than the last correction of it."""
    unit = arb((1, -(3 * flint.ctx.prec) // 4))
    pairs = zip(centre.entries(), correction.entries(), strict=True)
    balls = [_ball(point, (_SHARE * abs(step) + unit * (1 + abs(point))).upper()) for point, step in pairs]
    return type(centre)(len(balls), 1, balls)


def _ball(point: Any, radius: arb) -> Any:
    if isinstance(point, acb):
        return acb(arb(point.real, radius), arb(point.imag, radius))
    return arb(point, radius)


def _identity(like: Any) -> Any:
    size, kind = like.nrows(), acb_mat if isinstance(like, acb_mat) else arb_mat
    return kind(size, size, [int(i == j) for i in range(size) for j in range(size)])
