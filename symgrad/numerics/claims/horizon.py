"""The claim that only the first O(1/gamma) terms of a gradient matter, against the horizon ln delta / ln gamma."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Any

import sympy as sp
from flint import arb

from symgrad.errors import InputError
from symgrad.language.numbers import exact_number
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
    rounded,
)
from symgrad.numerics.verdict import Verdict
from symgrad.rigor.balls import lower_float, to_ball, working_precision

__all__ = ["horizon"]

_RATES = tuple(sp.Rational(text) for text in ("0.5", "0.9", "0.99", "0.999"))
_BITS = 256
_GAMMA, _DELTA, _A, _C = sp.symbols("gamma delta a C", positive=True)
_K = sp.Symbol("K", integer=True, positive=True)


def horizon(gamma: Any = 0.99, delta: Any = 0.01) -> LiteratureClaim:
    """The claim that gradients depend effectively on the first O(1/gamma) terms only, and how many matter.

    Terms that decay like gamma^k leave the share gamma^K of their sum behind the first K, so that
    ``ln delta / ln gamma`` terms reach it up to delta. This grows without limit as gamma tends to 1, where ``1/gamma``
    falls to 1; no constant factor mends that.

    Args:
        gamma: the rate, a rational number between 0 and 1; a float stands for its shortest decimal. Where so few terms
            do happen to be enough for it, the counter-example is a rate nearer to 1.
        delta: the share that may be left out, between 0 and 1.

    Returns:
        The claim, refuted; its demonstration lists, for this rate and for some that tend to 1, ``1/gamma``, the number
        of terms needed, and the share that the first ceil(1/gamma) terms leave out, rounded down.

    Raises:
        InputError: no number, or one outside the open interval from 0 to 1.

    >>> table = horizon(0.99, 0.01).demonstration
    >>> dict(zip(table.column("gamma"), table.column("terms needed")))[0.99]
    459
    """
    rate, share = _share("gamma", gamma), _share("delta", delta)
    witness = rate if _needed(rate, share) > _ceiling(1 / rate) else 1 - (1 - share) / 8
    terms, least = _needed(witness, share), _ceiling(1 / witness)
    left = lower_float(_power(witness, least))
    reason = (
        f"at gamma = {_shown(witness)} the first {least} terms leave at least {rounded(left, up=False, digits=3)} of "
        f"the sum out, {terms} terms are needed for {_shown(share)}; "
        "and as gamma tends to 1 the need grows, while 1/gamma falls"
    )
    again = partial(horizon, gamma, delta)
    found = {"gamma": float(witness), "terms": least, "share left out at least": left, "terms needed": terms}
    steps, table = _steps(witness, share), _table({rate, witness}, share)
    return LiteratureClaim("horizon", _CLAIM, Verdict.REFUTED, reason, _correction(), steps, table, found, again)


_CLAIM = Statement(
    "terms that decay as gamma^k with gamma < 1 make the gradient depend effectively on the first O(1/gamma) of them",
    r"k = O(\gamma^{-1})",
    f"{ARTICLE}, on the prototypical recurrent network",
)


def _correction() -> Correction:
    return Correction(
        "the terms beyond the first K = ceil(ln delta / ln gamma) are at most the share delta of the bound on the sum",
        r"K = \left\lceil \frac{\ln\delta}{\ln\gamma} \right\rceil",
        "the geometric sum; for the bounds of the library see Bound.horizon and GradientBound.truncation",
    )


def _share(name: str, value: Any) -> sp.Rational:
    number = exact_number(name, value)
    if not isinstance(number, sp.Rational) or not 0 < number < 1:
        raise InputError(f"{name}: a rational number between 0 and 1 is needed, got {value!r}")
    return number


def _power(rate: sp.Rational, steps: int) -> arb:
    with working_precision(_BITS):
        return to_ball(rate, _BITS) ** steps


def _ceiling(number: sp.Rational) -> int:
    return -((-int(number.p)) // int(number.q))


def _needed(rate: sp.Rational, share: sp.Rational) -> int:
    """The least K with rate^K <= share: by logarithms in balls, decided exactly where these do not tell."""
    with working_precision(_BITS):
        quotient = to_ball(share, _BITS).log() / to_ball(rate, _BITS).log()
        low, high = quotient.lower().ceil(), quotient.upper().ceil()
    if low == high:
        return max(1, int(float(low)))
    exact, number = Fraction(int(rate.p), int(rate.q)), int(float(low))
    return number if exact**number <= Fraction(int(share.p), int(share.q)) else number + 1


def _steps(rate: sp.Rational, share: sp.Rational) -> tuple[DerivedStep, ...]:
    return numbered(*_GEOMETRIC, *_COMPARED, _counted(rate, share))


_SUM = (1 - _GAMMA**_K) / (1 - _GAMMA)
_NEED = sp.log(_DELTA) / sp.log(_GAMMA)
_GEOMETRIC: tuple[Line, ...] = (
    (
        "the first K terms of the geometric series add up to (1 - gamma^K)/(1 - gamma)",
        r"\sum_{k=0}^{K-1} \gamma^k = \frac{1-\gamma^K}{1-\gamma}",
        "the sum is 0 for K = 0 and grows by gamma^K from K to K + 1",
        lambda: _SUM.subs(_K, 0) == 0 and holds(sp.Eq(_SUM.subs(_K, _K + 1) - _SUM, _GAMMA**_K)),
    ),
    (
        "what they leave out is the share gamma^K of the whole",
        r"1 - (1-\gamma) \sum_{k=0}^{K-1} \gamma^k = \gamma^K",
        "from 1, with the whole sum 1/(1 - gamma)",
        lambda: holds(sp.Eq(1 - (1 - _GAMMA) * _SUM, _GAMMA**_K)),
    ),
    (
        "gamma^K <= delta if and only if K >= ln delta / ln gamma",
        r"\gamma^K \le \delta \iff K \ge \frac{\ln\delta}{\ln\gamma}",
        "gamma^x falls in x and is delta at x = ln delta / ln gamma",
        lambda: holds(sp.Eq(sp.exp(_NEED * sp.log(_GAMMA)), _DELTA)),
    ),
)
_COMPARED: tuple[Line, ...] = (
    (
        "1/gamma falls as gamma grows, ln delta / ln gamma rises",
        r"\frac{d}{d\gamma}\frac{1}{\gamma} = -\frac{1}{\gamma^2} < 0, \quad "
        r"\frac{d}{d\gamma}\frac{\ln\delta}{\ln\gamma} = -\frac{\ln\delta}{\gamma\ln^2\gamma} > 0",
        "derivatives, for 0 < delta < 1",
        lambda: (
            holds(sp.Eq(sp.diff(1 / _GAMMA, _GAMMA), -1 / _GAMMA**2))
            and holds(sp.Eq(sp.diff(_NEED, _GAMMA), -sp.log(_DELTA) / (_GAMMA * sp.log(_GAMMA) ** 2)))
        ),
    ),
    (
        "no constant C makes C/gamma terms enough for all gamma < 1",
        r"\lim_{\gamma\to 1} \frac{\ln\delta / \ln\gamma}{C/\gamma} = \infty",
        "limit from below, for delta = e^-a with a > 0",
        lambda: sp.limit(-_A * _GAMMA / (_C * sp.log(_GAMMA)), _GAMMA, 1, "-") == sp.oo,
    ),
)


def _counted(rate: sp.Rational, share: sp.Rational) -> Line:
    terms = _needed(rate, share)
    return (
        f"at gamma = {_shown(rate)}, K = {terms} is the least number of terms that leaves out {_shown(share)} at most",
        rf"\gamma^{{{terms}}} \le \delta < \gamma^{{{terms - 1}}}",
        "in ball arithmetic, exactly where the balls do not tell",
        lambda: _reaches(rate, share, terms) and not _reaches(rate, share, terms - 1),
    )


def _reaches(rate: sp.Rational, share: sp.Rational, terms: int) -> bool:
    """Whether rate^terms <= share."""
    with working_precision(_BITS):
        power, target = to_ball(rate, _BITS) ** terms, to_ball(share, _BITS)
        if power < target or power > target:
            return bool(power < target)
    return Fraction(int(rate.p), int(rate.q)) ** terms <= Fraction(int(share.p), int(share.q))


def _table(rates: set[sp.Rational], share: sp.Rational) -> Demonstration:
    rows = tuple(_row(each, share) for each in sorted({*rates, *_RATES}))
    title = (
        f"terms needed to leave at most {_shown(share)} of the sum out, against 1/gamma; "
        "the share left out is rounded down"
    )
    header = ("gamma", "1/gamma", "ceil(1/gamma)", "share these leave out", "terms needed")
    return Demonstration(title, header, rows, ("gamma", "1/gamma", "terms needed"), ("", "", "", "down", ""))


def _row(rate: sp.Rational, share: sp.Rational) -> tuple[Cell, ...]:
    claimed = _ceiling(1 / rate)
    return float(rate), float(1 / rate), claimed, lower_float(_power(rate, claimed)), _needed(rate, share)


def _shown(number: sp.Rational) -> str:
    return f"{float(number):.12g}"
