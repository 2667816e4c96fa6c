"""Chrono initialisation: forget biases whose time constants are spread over a range of steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp
from flint import acb, arb
from numpy.typing import NDArray

from symgrad.design.chrono_rules import CLOSED, LAW, LIMITS, TIME_CONSTANT
from symgrad.design.gates import checked_retention
from symgrad.design.real_powers import real_power
from symgrad.design.remedy import Remedy
from symgrad.design.verification import Case, Verification, verified
from symgrad.errors import InputError
from symgrad.language.derivation import Derivation, DerivationStep
from symgrad.language.numbers import exact_number
from symgrad.rigor.balls import to_ball, working_precision
from symgrad.rigor.functions import logistic

__all__ = ["Chrono", "chrono"]

_BITS = 96
_SAMPLES = 20000
_DEVIATIONS = 6


@dataclass(frozen=True, eq=False)
class Chrono(Remedy):
    """Forget biases ``b_f = log(u)`` with u uniform on ``[T_min - 1, T_max - 1]``, and input biases ``b_i = -b_f``.

    Attributes:
        shortest: T_min, at least 2.
        longest: T_max, above T_min.
    """

    shortest: sp.Expr = sp.S.Zero
    longest: sp.Expr = sp.S.Zero

    def sample(self, units: Any, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Biases for so many units: of the forget gates and of the input gates.

        Raises:
            InputError: no positive number of units, no non-negative integer seed.
        """
        if isinstance(units, bool) or not isinstance(units, int) or units < 1:
            raise InputError(f"units: a positive integer is needed, got {type(units).__name__} {units!r}")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise InputError(f"seed: a non-negative integer is needed, got {type(seed).__name__} {seed!r}")
        low, high = float(self.shortest) - 1, float(self.longest) - 1
        forget = np.log(np.random.default_rng(seed).uniform(low, high, units))
        return forget, -forget

    def fraction(self, steps: Any, retain: Any) -> sp.Expr:
        """The share of units that keep at least r over so many steps, where the gates receive nothing.

        ``f**T >= r`` holds for ``u >= 1/(r**(-1/T) - 1)``; u is uniform.

        Raises:
            InputError: no positive number of steps, or r not strictly between 0 and 1.
        """
        count, wanted = _count(steps), checked_retention(retain)
        least = 1 / (real_power(wanted, -1 / count) - 1)
        share = (self.longest - 1 - least) / (self.longest - self.shortest)
        ball = to_ball(share, _BITS)
        if ball <= 0:
            return sp.S.Zero
        return sp.S.One if ball >= 1 else share

    def expected(self, steps: Any) -> arb:
        """A ball around what units keep on average over so many steps, where the gates receive nothing.

        It is the integral of ``(u/(1 + u))**T`` over u, divided by ``T_max - T_min``; integrated rigorously.

        Raises:
            InputError: no positive number of steps.
        """
        count = int(_count(steps))
        with working_precision(_BITS):
            ends = _doubled(to_ball(self.shortest - 1), to_ball(self.longest - 1))
            whole = arb(0)
            for low, high in pairwise(ends):
                whole += acb.integral(lambda u, _: (-count * (1 + 1 / u).log()).exp(), acb(low), acb(high)).real
            return whole / (ends[-1] - ends[0])


def chrono(steps: Any) -> Chrono:
    """The chrono initialisation of an LSTM for dependencies of up to T_max steps.

    Args:
        steps: T_max, or a pair (T_min, T_max); T_min is 2 unless given.

    Returns:
        A :class:`Chrono`, with ``.sample(units)`` for biases, ``.fraction(steps, retain)`` and ``.expected(steps)``.

    Raises:
        InputError: no such numbers with ``2 <= T_min < T_max``.

    Source: Tallec and Ollivier, Can recurrent neural networks warp time?, 2018, sec. 3.

    >>> initial = chrono(100)
    >>> print(initial.formula, float(initial.fraction(50, 0.5)) > 0.2)
    (b_f >= 0) & (b_f <= log(99)) True
    """
    low, high = _span(steps)
    bias = sp.Symbol("b_f", real=True)
    ends = sp.log(low - 1), sp.log(high - 1)
    formula = sp.And(sp.Ge(bias, ends[0], evaluate=False), sp.Le(bias, ends[1], evaluate=False), evaluate=False)
    lasting = 1 / (1 - logistic(bias))
    guarantee = sp.And(sp.Ge(lasting, low, evaluate=False), sp.Le(lasting, high, evaluate=False), evaluate=False)
    return Chrono(
        name="chrono initialisation",
        quantity="forget biases b_f = log(u), u uniform, and input biases b_i = -b_f",
        parameter=bias,
        formula=formula,
        guarantee=guarantee,
        derivation=_derivation(bias, low, high),
        value=ends[1],
        remarks=(
            "every unit has a time constant from T_min to T_max steps, uniform there, where gates receive nothing",
            "b_i = -b_f makes the input gate 1 - f where gates receive nothing: the cell stays in [-1, 1]",
        ),
        check=partial(_measured, low, high),
        shortest=low,
        longest=high,
    )


def _span(steps: Any) -> tuple[sp.Expr, sp.Expr]:
    pair = steps if isinstance(steps, (tuple, list)) else (2, steps)
    if len(pair) != 2:
        raise InputError(f"steps: T_max or a pair (T_min, T_max) is needed, got {len(pair)} numbers")
    low, high = (exact_number("steps", number) for number in pair)
    if not (to_ball(low) >= 2 and to_ball(high) > to_ball(low)):
        raise InputError(f"steps: 2 <= T_min < T_max is needed, got T_min = {low}, T_max = {high}")
    return low, high


def _doubled(low: arb, high: arb) -> list[arb]:
    """Points from one end to the other, each twice the one before."""
    points = [low]
    while 2 * points[-1] < high:
        points.append(2 * points[-1])
    return [*points, high]


def _count(steps: Any) -> sp.Integer:
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer, sp.Integer)) or steps < 1:
        raise InputError(f"steps: a positive integer is needed, got {type(steps).__name__} {steps!r}")
    return sp.Integer(int(steps))


def _derivation(bias: sp.Symbol, low: sp.Expr, high: sp.Expr) -> Derivation:
    u, steps = sp.Symbol("u", positive=True), sp.Symbol("T", positive=True)
    gate = logistic(sp.log(u), evaluate=False)
    kept = (u / (1 + u)) ** steps
    law = sp.Integral(kept, (u, low - 1, high - 1)) / (high - low)
    rows = (
        DerivationStep(CLOSED, sp.Eq(gate, u / (1 + u), evaluate=False)),
        DerivationStep(TIME_CONSTANT, sp.Eq(1 / (1 - gate), 1 + u, evaluate=False)),
        DerivationStep(
            LIMITS, sp.And(sp.Ge(1 + u, low, evaluate=False), sp.Le(1 + u, high, evaluate=False), evaluate=False)
        ),
        DerivationStep(LAW, sp.Eq(sp.Function("E")(sp.Symbol("f") ** steps), law, evaluate=False)),
    )
    return Derivation("time constants of units with chrono biases", rows)


def _measured(low: sp.Expr, high: sp.Expr, value: sp.Expr, seed: int) -> Verification:
    """Drawn biases against the law: time constants within the limits, the mean of what is kept over T_max steps.

    The largest bias that is claimed is ``value``; no drawn one may be above it, nor all stay clear of it.
    """
    initial = chrono((low, high))
    forget, entering = initial.sample(_SAMPLES, seed)
    steps = max(1, int(high))
    kept = np.exp(-steps * np.logaddexp(0.0, -forget))
    slack = _DEVIATIONS * kept.std() / np.sqrt(_SAMPLES)
    expected = float(initial.expected(steps).mid())
    largest = float(to_ball(value))
    gap = np.log1p(_DEVIATIONS * float(high - low) / _SAMPLES / float(high - 1))
    cases = [
        Case("largest of the drawn biases", float(forget.max()), largest),
        Case("largest of the drawn biases, within what chance allows", float(forget.max()) + gap, largest, "lower"),
        Case("shortest time constant drawn", float(1 + np.exp(forget.min())), float(low), "lower"),
        Case("mean kept over T_max steps", float(kept.mean()), expected + slack),
        Case("mean kept over T_max steps", float(kept.mean()), expected - slack, "lower"),
        Case("sum of input and forget bias", float(np.abs(forget + entering).max()), 0.0, "equal"),
    ]
    return verified("biases follow the law", f"{_SAMPLES} drawn units", cases)
