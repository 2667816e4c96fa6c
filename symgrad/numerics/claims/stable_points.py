"""The claim that a curve of one neuron holds its stable points: it holds all fixed points, stable or not."""

from __future__ import annotations

from functools import partial
from typing import Any

import sympy as sp

from symgrad.calculus.jacobian import jacobian
from symgrad.errors import InputError
from symgrad.language import models
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.claims.statements import (
    ARTICLE,
    Cell,
    Correction,
    Demonstration,
    DerivedStep,
    Line,
    LiteratureClaim,
    Statement,
    holds,
    numbered,
)
from symgrad.numerics.verdict import Verdict
from symgrad.rigor.balls import ball_function, lower_float, to_ball, upper_float, working_precision

__all__ = ["stable_points"]

_BITS = 128
_X = sp.Symbol("x", positive=True)
_W, _EPS = sp.Symbol("w", real=True), sp.Symbol("eps", positive=True)
_BIAS = sp.log(_X / (1 - _X)) - _W * _X
_FEEDBACK = _W * _X * (1 - _X)
_EVENLY = tuple(sp.Rational(i, 10) for i in range(1, 10))


def stable_points(w: Any = 5, eps: Any = None) -> LiteratureClaim:
    """The claim that the points (x, ln(x/(1-x)) - w x) are the stable points of one logistic neuron.

    The curve holds all fixed points of ``x' = (1 - eps) x + eps s(w x + b)``, and of ``dx/dt = -x + s(w x + b)``, the
    flow that it tends to. Of these only some are stable: those with ``w x (1 - x) < 1``, and for the map with a large
    step and a negative weight only those with ``w x (1 - x) > 1 - 2/eps`` as well.

    Args:
        w: the weight of the neuron on itself, a rational number; 5 in the article.
        eps: the step of the map, a rational number above 0 and at most 1; None for the flow.

    Returns:
        The claim, refuted where some points of the curve are unstable (w > 4 for the flow), else proved; with the
        certified multiplier of fixed points on both sides.

    Raises:
        InputError: w or eps is no such number.

    Source: Doya 1993, Bifurcations of recurrent neural networks in gradient descent learning.

    >>> claim = stable_points(5)
    >>> claim.verdict.value, set(claim.demonstration.column("stability")) == {"stable", "unstable"}
    ('refuted', True)
    >>> stable_points(3).verdict.value
    'proved'
    """
    weight, step = _rational("w", w), None if eps is None else _rational("eps", eps)
    if step is not None and not 0 < step <= 1:
        raise InputError(f"eps: a number above 0 and at most 1 is needed, got {eps!r}")
    low, high = _extreme_feedback(weight)
    least = -sp.oo if step is None else 1 - 2 / step
    table = _table(weight, step)
    unstable = [row for row in table.rows if "unstable" in row]
    verdict = Verdict.REFUTED if high > 1 or low < least else Verdict.UNDECIDED if low == least else Verdict.PROVED
    return LiteratureClaim(
        "stable_points",
        _claim(weight),
        verdict,
        _reason(weight, least, verdict),
        _correction(step),
        _steps(weight, step),
        table,
        _unstable(unstable[len(unstable) // 2], step) if unstable else {},
        partial(stable_points, w, eps),
    )


def _unstable(row: tuple[Cell, ...], step: sp.Rational | None) -> dict[str, Cell]:
    """The numbers of an unstable fixed point."""
    x, b, low, high, _ = row
    name = "eigenvalue of the flow" if step is None else "multiplier of the map"
    bound: dict[str, Cell] = {f"{name} at least": low} if float(low) > 0 else {f"{name} at most": high}
    return {"x": x, "b": b, **bound}


def _rational(name: str, value: Any) -> sp.Rational:
    number = exact_number(name, value)
    if not isinstance(number, sp.Rational):
        raise InputError(f"{name}: a rational number is needed, got {value!r}")
    return number


def _extreme_feedback(weight: sp.Rational) -> tuple[sp.Rational, sp.Rational]:
    """The infimum and supremum of w x (1 - x) over 0 < x < 1."""
    ends = sp.S.Zero, weight / 4
    return min(ends), max(ends)


def _claim(weight: sp.Rational) -> Statement:
    return Statement(
        f"the stable points of one neuron with w = {weight} are the points (x, b) with b = ln(x/(1-x)) - {weight} x",
        rf"(x, b) = \left(x, \ln\frac{{x}}{{1-x}} - {sp.latex(weight)} x\right)",
        f"{ARTICLE}, on one neuron as a dynamical system",
    )


def _reason(weight: sp.Rational, least: sp.Expr, verdict: Verdict) -> str:
    if verdict is Verdict.PROVED:
        return "true for this weight: the curve holds all fixed points, and all of them are stable"
    if verdict is Verdict.UNDECIDED:
        return "all points but x = 1/2 are stable; of that the linearisation, of multiplier -1, tells nothing"
    if weight > 4:
        low, high = (f"{float(x):.6g}" for x in _folds(weight))
        return f"the curve holds all fixed points; those with x between {low} and {high} are unstable"
    return f"the curve holds all fixed points; those with w x (1 - x) below {least} are unstable"


def _folds(weight: sp.Rational) -> tuple[sp.Expr, sp.Expr]:
    """Where w x (1 - x) = 1, for w >= 4."""
    root = sp.sqrt(1 - 4 / weight)
    return (1 - root) / 2, (1 + root) / 2


def _correction(step: sp.Rational | None) -> Correction:
    text = "the curve holds all fixed points, of which those with w x (1 - x) < 1 are stable, those above unstable"
    formula = r"w x (1-x) < 1"
    if step is not None:
        text += f"; of the map with eps = {step} also those with w x (1 - x) < 1 - 2/eps are unstable"
        formula = r"1 - \tfrac{2}{\varepsilon} < w x (1-x) < 1"
    return Correction(
        text, formula, "Doya 1993, Bifurcations of recurrent neural networks in gradient descent learning"
    )


def _on_curve(expr: sp.Expr) -> sp.Expr:
    """An expression of the neuron at a point of the curve, in x, w and eps."""
    named = {symbol: _X if str(symbol) == "x" else _BIAS for symbol in expr.free_symbols if str(symbol) in {"x", "b"}}
    return sp.simplify(expr.xreplace(named).doit().rewrite(sp.exp))


def _neuron() -> Recurrence:
    return models.neuron(w=_W, eps=_EPS)


def _steps(weight: sp.Rational, step: sp.Rational | None) -> tuple[DerivedStep, ...]:
    return numbered(*_FIXED, _CRITERION if step is None else _MAP_CRITERION, _reached(weight))


_ARGUMENT = sp.Symbol("a", real=True)
_VALUE = 1 / (1 + sp.exp(-_ARGUMENT))
_MULTIPLIER = 1 - _EPS + _EPS * _FEEDBACK
_FIXED: tuple[Line, ...] = (
    (
        "every point (x, b) of the curve is a fixed point: s(w x + b) = x",
        r"\sigma(w x + b) = x \quad\text{for}\quad b = \ln\frac{x}{1-x} - w x",
        "the update equation of the neuron, with b put in",
        lambda: holds(sp.Eq(_on_curve(_neuron().updates[_neuron().states[0]]), _X)),
    ),
    (
        "there is no other: s(a) = x only for a = ln(x/(1-x))",
        r"\ln\frac{\sigma(a)}{1-\sigma(a)} = a, \qquad \sigma' = \sigma(1-\sigma) > 0",
        "the inverse of the logistic function, which is strictly increasing",
        lambda: (
            holds(sp.Eq(sp.exp(_ARGUMENT), _VALUE / (1 - _VALUE)))
            and holds(sp.Eq(sp.diff(_VALUE, _ARGUMENT), _VALUE * (1 - _VALUE)))
        ),
    ),
    (
        "the multiplier of the map there is m = 1 - eps + eps w x (1 - x)",
        r"m = 1 - \varepsilon + \varepsilon w x (1-x)",
        "the Jacobian of the neuron, with b put in",
        lambda: holds(sp.Eq(_on_curve(jacobian(_neuron()).explicit()[0, 0]), _MULTIPLIER)),
    ),
)
_CRITERION: Line = (
    "the flow has the eigenvalue (m - 1)/eps = w x (1 - x) - 1, so that the point is stable where w x (1 - x) < 1",
    r"\frac{m-1}{\varepsilon} = w x (1-x) - 1 < 0",
    "linearisation; unstable where it is positive",
    lambda: holds(sp.Eq((_MULTIPLIER - 1) / _EPS, _FEEDBACK - 1)),
)
_MAP_CRITERION: Line = (
    "|m| < 1 if and only if 1 - 2/eps < w x (1 - x) < 1; unstable beyond",
    r"|m| < 1 \iff 1 - \tfrac{2}{\varepsilon} < w x (1-x) < 1",
    "m grows with w x (1 - x), and is -1 and 1 at the ends",
    lambda: (
        holds(sp.Eq(_MULTIPLIER, 1 + _EPS * (_FEEDBACK - 1)))
        and holds(sp.Eq(_MULTIPLIER, -1 + _EPS * (_FEEDBACK - (1 - 2 / _EPS))))
    ),
)


def _reached(weight: sp.Rational) -> Line:
    """What w x (1 - x) reaches for a weight."""
    identity = sp.Eq(_W / 4 - _FEEDBACK, _W * (_X - sp.Rational(1, 2)) ** 2)
    if weight <= 4:
        strict = " (for w = 4 too: -x + s(4 x + b) falls strictly, as 4 s' < 1 but at one argument)"
        return (
            f"w x (1 - x) lies between 0 and w/4 = {weight / 4}{strict if weight == 4 else ''}",
            r"\tfrac{w}{4} - w x (1-x) = w \left(x - \tfrac12\right)^2",
            "completing the square",
            lambda: holds(identity) and bool(weight / 4 <= 1),
        )
    ends = _folds(weight)
    return (
        f"w x (1 - x) = 1 at x = (1 -+ sqrt(1 - 4/w))/2 = {ends[0]} and {ends[1]}, and it is larger in between",
        r"x = \tfrac12 \left(1 \pm \sqrt{1 - \tfrac4w}\right)",
        "a quadratic equation; its largest value is w/4 > 1, at x = 1/2",
        lambda: holds(identity) and all(holds(sp.Eq(weight * x * (1 - x), 1)) for x in ends),
    )


def _table(weight: sp.Rational, step: sp.Rational | None) -> Demonstration:
    near = [1 / (2 * abs(weight)), 1 - 1 / (2 * abs(weight))] if abs(weight) > 1 else []
    rows = tuple(_row(x, weight, step) for x in sorted({*_EVENLY, *near}))
    words = "eigenvalue of the flow" if step is None else f"multiplier of the map with eps = {step}"
    title = f"fixed points of the neuron with w = {weight} and the {words}, rounded down and up"
    header = ("x", "b", "at least", "at most", "stability")
    return Demonstration(title, header, rows, ("x", "b"), ("", "", "down", "up", ""))


def _row(x: sp.Rational, weight: sp.Rational, step: sp.Rational | None) -> tuple[Cell, ...]:
    feedback = weight * x * (1 - x)
    multiplier = feedback - 1 if step is None else 1 - step + step * feedback
    edge = abs(multiplier) - 1 if step is not None else multiplier
    stability = "stable" if edge < 0 else "unstable" if edge > 0 else "not told by the linearisation"
    with working_precision(_BITS):
        value = to_ball(multiplier, _BITS)
        bias = ball_function(_BIAS.xreplace({_W: weight}), _X)(to_ball(x, _BITS))
    return float(x), float(bias.mid()), lower_float(value), upper_float(value), stability
