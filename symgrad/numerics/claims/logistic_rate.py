"""The claim that products of Jacobians are at most ||W||^k because |s'| <= 1, against the rate s ||W||."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from symgrad.bounds.product import Bound, product_bound
from symgrad.errors import InputError, NoBoundError
from symgrad.language import models
from symgrad.language.activations import activation as activation_by_name
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.numbers import exact_number
from symgrad.numerics.claims.growth_point import Enclosures, attained
from symgrad.numerics.claims.plain_network import plain_network
from symgrad.numerics.claims.reachable_slopes import reachable_slopes
from symgrad.numerics.claims.statements import (
    ARTICLE,
    Correction,
    Demonstration,
    DerivedStep,
    LiteratureClaim,
    Statement,
    numbered,
)
from symgrad.numerics.verdict import Verdict
from symgrad.rigor.balls import ball_function, lower_float, to_ball, upper_float, working_precision

__all__ = ["logistic_rate"]

_BITS = 128
_STEPS = (1, 2, 5, 10, 20, 50)
_NEAR, _NOISE = 10.0, 1e-9  # where difference quotients are compared with the derivative, and how closely
_LONG = 48  # of a number, in characters
_GAP = 1e-4  # by which the slopes of a table may stay below their supremum
_UNBOUNDED = 10.0  # a slope that any activation without a bound exceeds on its table
_INSTANCES = 4  # random networks on which each step of the proof is tried again


def logistic_rate(activation: str | Activation = "sigmoid", norm: Any = 2) -> LiteratureClaim:
    """The claim ``||P_k|| <= ||W||^k`` because ``|s'| <= 1``, and the rate that the activation really has.

    With s the least upper bound of ``|s'|``, products are at most ``(s ||W||)^k``, and no rate is smaller: a network
    with one neuron attains it. For the logistic function s = 1/4, so that the claim is true but four times too weak at
    every step; for GELU s is above 1, and the claim is false.

    Args:
        activation: name or object.
        norm: of the W of the demonstration, positive.

    Returns:
        The claim, proved where s <= 1, else refuted; the correction holds the bound with its proof.

    Raises:
        UnknownNameError: no such activation.
        UnsupportedExpressionError: the activation jumps.
        InputError: the norm is not a positive number.

    >>> claim = logistic_rate()
    >>> claim.verdict.value, claim.correction.bound.rate
    ('proved', OperatorNorm(W_rec)/4)
    >>> logistic_rate("gelu").verdict.value
    'refuted'
    """
    s = activation_by_name(activation)
    size = exact_number("norm", norm)
    if not size.is_positive or float(size) in (0.0, float("inf")):
        raise InputError(f"norm: a positive float is needed, got {norm!r}")
    found, bound = _attained(s, float(size)), _bound(s)
    first = abs(found.jacobian[0, 0]).abs_lower()
    true = bool(s.slope.is_bounded) and not to_ball(s.slope.sup_abs, _BITS) > 1
    verdict = Verdict.PROVED if true else Verdict.REFUTED if first > arb(float(size)) else Verdict.UNDECIDED
    return LiteratureClaim(
        "logistic_rate",
        _claim(s),
        verdict,
        _reason(s, true),
        _correction(s, bound),
        _steps(s, bound, found),
        _table(bound, found, float(size)),
        _numbers(found, float(size)) if verdict is Verdict.REFUTED else {},
        partial(logistic_rate, activation, norm),
    )


def _claim(s: Activation) -> Statement:
    return Statement(
        f"because |s'| <= 1 for s = {s}, products of k Jacobians of x = W s(x) + ... have norm at most ||W||^k",
        r"\left\lVert J_t \cdots J_{t-k+1} \right\rVert \le \left\lVert W \right\rVert^k",
        f"{ARTICLE}; Pascanu, Mikolov and Bengio 2013 (arXiv:1211.5063), sec. 2.1, have the bound of the slope in it",
    )


def _reason(s: Activation, true: bool) -> str:
    slope = s.slope.sup_abs
    if not slope.is_finite:
        return f"the slope of {s} has no bound"
    if not true:
        return f"sup |s'| = {_shown(slope)} is above 1, and one neuron has a Jacobian beyond ||W|| already"
    if slope == 1:
        return "true, and no smaller rate holds: sup |s'| = 1"
    return f"true but too weak by the factor {_shown(1 / slope)} at every step: sup |s'| = {_shown(slope)}"


def _shown(number: sp.Expr) -> str:
    text = str(number)
    return text if len(text) <= _LONG else f"{float(number):.12g}..."


def _bound(s: Activation) -> Bound | None:
    try:
        return product_bound(models.sigmoid_rnn(s))
    except NoBoundError:
        return None


def _correction(s: Activation, bound: Bound | None) -> Correction:
    if bound is None:
        text = f"no power of ||W|| bounds the products, as the slope of {s} has no bound; declare a range of the state"
        return Correction(text, r"\sup |\sigma'| = \infty", "the range of the derivative")
    text = f"products of k Jacobians have norm at most (s ||W||)^k with s = sup |s'| = {_shown(s.slope.sup_abs)}"
    source = "Pascanu, Mikolov and Bengio 2013, sec. 2.1, and the proof of the bound"
    formula = r"\left\lVert J_t \cdots J_{t-k+1} \right\rVert \le \left(s \left\lVert W \right\rVert\right)^k"
    return Correction(text, formula, source, (bound,))


def _attained(s: Activation, size: float) -> Enclosures:
    """A network with one neuron whose fixed point has about the largest slope, with W = -size or size."""
    table = reachable_slopes(s)
    place = int(np.argmax(np.abs(table.slopes)))
    # With w s' < 0 the fixed point is simple.
    weight = np.array([[-np.sign(table.slopes[place]) * size]])
    found = attained(plain_network(None, s), weight, np.array([table.point(float(table.slopes[place]))]))
    if found is None:
        raise NoBoundError(f"activation {s}: no fixed point with its largest slope could be enclosed")
    return found


def _numbers(found: Enclosures, size: float) -> dict[str, Any]:
    norm = lower_float(abs(found.jacobian[0, 0]))
    return {
        "norm of W": size,
        "b": found.biases,
        "fixed point": [float(ball.mid()) for ball in found.state.entries()],
        "norm of J at least": norm,
    }


def _steps(s: Activation, bound: Bound | None, found: Enclosures) -> tuple[DerivedStep, ...]:
    slope = s.slope.sup_abs
    lines = [
        (
            f"s'(z) = {s.derivative.expr}",
            rf"\sigma'(z) = {sp.latex(s.derivative.expr)}",
            "differentiation",
            lambda: _is_derivative(s),
        ),
        (
            f"sup |s'| = {_shown(slope)}",
            rf"\sup |\sigma'| = {sp.latex(slope)}",
            "the zeros of s'' and both ends of the line, all enclosed",
            lambda: _is_least_bound(s, found),
        ),
    ]
    if bound is not None:
        lines.append(
            (
                f"||P_k|| <= {bound.expr}, by the {len(bound.proof)} steps of the proof of the bound",
                r"\left\lVert P_k \right\rVert \le \left(s \left\lVert W \right\rVert\right)^k",
                "every rule is applied again and tried on random networks",
                lambda: bool(bound.proof.audit(_INSTANCES)),
            )
        )
    return numbered(*lines)


def _is_derivative(s: Activation) -> bool:
    """Whether difference quotients in balls agree with the formula of the derivative, away from kinks."""
    value, slope = (ball_function(each.expr, VARIABLE) for each in (s, s.derivative))
    table = reachable_slopes(s)
    near = table.points[np.abs(table.points) < _NEAR]
    with working_precision(_BITS):
        width = arb((1, -_BITS // 3))
        for x in map(arb, near.tolist()):
            quotient = (value(x + width) - value(x - width)) / (2 * width)
            if not abs(quotient - slope(x)) <= _NOISE * (1 + abs(quotient)):
                return False
    return len(near) > 0


def _is_least_bound(s: Activation, found: Enclosures) -> bool:
    """Whether the slope at the fixed point is not beyond the supremum, and slopes of the table come near it."""
    slope = s.slope.sup_abs
    largest = float(np.abs(reachable_slopes(s).slopes).max())
    if not slope.is_finite:
        return largest > _UNBOUNDED
    with working_precision(_BITS):
        top = to_ball(slope, _BITS)
        return not abs(found.slopes[0]) > top and bool(top * (1 - _GAP) <= largest)


def _table(bound: Bound | None, found: Enclosures, size: float) -> Demonstration:
    rows = []
    for k in _STEPS:
        with working_precision(_BITS):
            claimed = upper_float(arb(size) ** k)
            observed = lower_float(abs(found.jacobian[0, 0]) ** k)
        value = "none" if bound is None else float(bound.evaluate({"W_rec": [[size]]}, k))
        rows.append((k, claimed, value, observed))
    title = f"one neuron with |W| = {size:g} at its fixed point; bounds are rounded up, the norm attained down"
    header = ("k", "claimed bound", "corrected bound", "norm attained")
    shown = header if bound is not None else ("k", "claimed bound", "norm attained")
    return Demonstration(title, header, tuple(rows), shown, ("", "up", "up", "down"))
