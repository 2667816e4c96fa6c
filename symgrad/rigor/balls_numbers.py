"""Numbers and balls: exact input, outward rounded output, and constants known only by an enclosure."""

from __future__ import annotations

import contextlib
import math
import numbers
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import flint
import sympy as sp
from flint import arb, fmpq
from mpmath.libmp import from_man_exp

from symgrad.errors import InputError

__all__ = ["Enclosed", "ball_from_ends", "exact_ball", "log10_of", "lower_float", "upper_float", "working_precision"]

_FLOAT_BITS = 64  # enough for the rounding to a float to be the only one that counts
RADIUS_BITS = 30  # the mantissa of an arb radius
SMALL_END = arb(2) ** -24  # below this ratio, rounding the smaller end could change its sign
WIDEST_GAP = 4096  # bits between the ends of an interval up to which a midpoint is stored exactly


@contextlib.contextmanager
def working_precision(bits: int) -> Iterator[None]:
    """Set the precision of ball arithmetic, in bits, and restore the former one on leaving.

    >>> with working_precision(200):
    ...     arb.pi().rel_accuracy_bits() > 190
    True
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or bits < 2:
        raise InputError(f"bits: a precision is an integer of at least 2 bits, not {bits!r}")
    former = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = former


def exact_ball(number: float | Fraction | str | sp.Rational | sp.Float) -> arb:
    """The ball of a number that is taken as exact; its radius is only what the present precision forces.

    Args:
        number: an integer, a float (its binary value), a fraction, a SymPy rational or float, or a decimal or
            fraction in a string (its decimal value: ``"0.1"`` is one tenth).

    Raises:
        InputError: it is none of these, or not finite.

    >>> exact_ball(0.1).is_exact(), exact_ball("0.1").contains(fmpq(1, 10)), exact_ball(0.1).contains(fmpq(1, 10))
    (True, True, False)
    """
    if isinstance(number, (float, sp.Float, numbers.Integral)) and _is_finite(number):
        return arb(_mantissa_exponent(number))
    try:
        given: Any = None if isinstance(number, bool) else number
        value = Fraction(int(given.p), int(given.q)) if isinstance(given, sp.Rational) else Fraction(given)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError) as cause:
        message = f"number: a finite real number is needed, not {number!r} of type {type(number).__name__}"
        raise InputError(message) from cause
    return arb(fmpq(value.numerator, value.denominator))


def _is_finite(number: Any) -> bool:
    return math.isfinite(number) if isinstance(number, float) else not isinstance(number, bool)


def _mantissa_exponent(number: Any) -> tuple[int, int]:
    """``(m, e)`` with ``number == m * 2**e``."""
    if isinstance(number, sp.Float):
        sign, mantissa, exponent, _ = number._mpf_
        return (-int(mantissa) if sign else int(mantissa), int(exponent))
    if isinstance(number, numbers.Integral):
        return int(number), 0
    numerator, denominator = number.as_integer_ratio()
    return numerator, 1 - denominator.bit_length()


def upper_float(ball: arb) -> float:
    """The smallest float that is not below the ball: ``inf`` when the ball is unbounded or not a number.

    A positive ball never gives 0 (the smallest subnormal number instead), and beyond the largest float it is ``inf``.

    >>> upper_float(arb(1) / 3), upper_float(arb("1e-400")), upper_float(arb("1e400"))
    (0.33333333333333337, 5e-324, inf)
    """
    former = flint.ctx.prec
    if former >= _FLOAT_BITS:
        bound = ball.upper()
    else:  # by hand, as this is called very often
        flint.ctx.prec = _FLOAT_BITS
        try:
            bound = ball.upper()
        finally:
            flint.ctx.prec = former
    if bound.is_nan() or not bound.is_exact():
        return math.inf
    value = float(bound)
    while bound > value:
        value = math.nextafter(value, math.inf)
    return value + 0.0


def lower_float(ball: arb) -> float:
    """The largest float that is not above the ball: ``-inf`` when the ball is unbounded or not a number.

    >>> lower_float(arb(0.5)), lower_float(arb("1e-400")), lower_float(arb("1e400"))
    (0.5, 0.0, 1.7976931348623157e+308)
    """
    return 0.0 - upper_float(ball.neg(exact=True))


def ball_from_ends(lower: arb, upper: arb) -> arb:
    """The ball around ``[lower, upper]`` that keeps one end exactly, and so keeps the sign.

    (A plain union rounds both ends outward: that of 0 and 1 contains negative numbers.) An unbounded or undefined
    end gives a ball of infinite radius.

    >>> ball = ball_from_ends(arb(0), arb(1))
    >>> ball.lower() == 0, ball.upper() == 1
    (True, True)
    """
    if lower is upper and lower.is_finite():
        return lower
    low, high = lower.lower(), upper.upper()
    if not (low.is_finite() and high.is_finite()):
        return arb(0, arb.pos_inf())
    if high < low:
        low, high = high, low
    if _keeps_upper(low, high):
        return _ball_upwards(high.neg(exact=True), low.neg(exact=True)).neg(exact=True)
    return _ball_upwards(low, high)


def _keeps_upper(low: arb, high: arb) -> bool:
    """Whether the upper end is the one to keep: the one of far smaller size, else the one with the shorter mantissa.

    (A short mantissa is the mark of an exact value, such as a limit or a maximum.)
    """
    size_low, size_high = abs(low), abs(high)
    if size_low < size_high * SMALL_END or size_high < size_low * SMALL_END:
        return bool(size_high < size_low)
    return int(high.man_exp()[0]).bit_length() < int(low.man_exp()[0]).bit_length()


def _ball_upwards(low: arb, high: arb) -> arb:
    """A ball from exactly ``low`` to at least ``high``, for exact finite ends in this order."""
    mantissa, exponent = (int(part) for part in ((high - low).upper() / 2).man_exp())
    excess = mantissa.bit_length() - RADIUS_BITS
    if excess > 0:
        mantissa, exponent = (mantissa >> excess) + 1, exponent + excess
        if mantissa.bit_length() > RADIUS_BITS:
            mantissa, exponent = mantissa >> 1, exponent + 1
    if mantissa == 0:
        return low
    low_mantissa, low_exponent = (int(part) for part in low.man_exp()) if not low.is_zero() else (0, exponent)
    shift = min(exponent, low_exponent)
    if max(exponent, low_exponent) - shift > WIDEST_GAP:
        return low.union(high) if low < 0 else _ball_upwards(arb(0), high)
    middle = (mantissa << (exponent - shift)) + (low_mantissa << (low_exponent - shift))
    # flint turns a radius r into the next 30-bit number above r, even when r has 30 bits: half a unit less is exact.
    scale = RADIUS_BITS - mantissa.bit_length()
    radius = arb((2 * (mantissa << scale) - 1, exponent - scale - 1))
    ball = arb(arb((middle, shift)), radius)
    return ball if ball.contains(low) and ball.contains(high) else low.union(high)


class Enclosed(sp.AtomicExpr):
    """A real constant known by an enclosure that can be made as narrow as wanted.

    Two are equal if and only if their labels are equal, so a label must say which number it is. It evaluates, compares
    and prints like a number.

    Args:
        label: what the number is, for example ``"sup of the slope of SiLU"``.
        refine: given a number of bits, a ball that contains the number; more bits should give a narrower ball. It is
            called with the precision of ball arithmetic already set to these bits.

    >>> root = Enclosed("square root of 2", lambda bits: arb(2).sqrt())
    >>> root.is_positive, bool(root > sp.Rational(7, 5)), root.evalf(30)
    (True, True, 1.41421356237309504880168872421)
    """

    __slots__ = ("_balls", "label", "refine")
    is_number = True
    is_commutative = True
    is_real = True

    def __new__(cls, label: str, refine: Callable[[int], arb]) -> Enclosed:
        """Make the constant of this label."""
        if not isinstance(label, str) or not callable(refine):
            raise InputError(f"Enclosed: a label (str) and a function of bits are needed, not {label!r}, {refine!r}")
        self: Enclosed = super().__new__(cls)
        self.label, self.refine, self._balls = label, refine, {}
        return self

    def __getnewargs__(self) -> tuple[str, Callable[[int], arb]]:
        return self.label, self.refine

    def _hashable_content(self) -> tuple[str]:
        return (self.label,)

    def ball(self, bits: int) -> arb:
        """An enclosure computed with this many bits (cached)."""
        if bits not in self._balls:
            with working_precision(bits):
                self._balls[bits] = self.refine(bits)
        return self._balls[bits]

    def _sign(self) -> int | None:
        """1 or -1 when a ball of up to 1024 bits decides it, 0 when a ball is exactly 0."""
        for bits in (64, 256, 1024):
            ball = self.ball(bits)
            if ball.is_zero() or ball > 0 or ball < 0:
                return int(ball > 0) - int(ball < 0)
        return None

    @property
    def is_comparable(self) -> bool:
        """Whether SymPy may compare this number by its digits, which it may not when it cannot be told from 0."""
        return self._sign() is not None

    def _eval_is_positive(self) -> bool | None:
        sign = self._sign()
        return None if sign is None else sign > 0

    def _eval_is_negative(self) -> bool | None:
        sign = self._sign()
        return None if sign is None else sign < 0

    # Without these, SymPy's own methods would take the sign of a few digits for the sign of any number.
    _eval_is_extended_positive = _eval_is_positive
    _eval_is_extended_negative = _eval_is_negative

    def _eval_is_zero(self) -> bool | None:
        sign = self._sign()
        return None if sign is None else sign == 0

    def _eval_is_integer(self) -> bool | None:
        ball = self.ball(64)
        return None if ball.contains_integer() else False

    def _eval_evalf(self, prec: int) -> sp.Float:
        bits = prec + 10
        while self.ball(bits).rel_accuracy_bits() < prec and bits < 8 * (prec + 10):
            bits *= 2
        mantissa, exponent = self.ball(bits).mid().man_exp()
        return sp.Float._new(from_man_exp(int(mantissa), int(exponent), prec, "n"), prec)

    def _sympystr(self, printer: Any) -> str:
        digits, power = self._digits()
        return f"{digits}...{power}"

    def _latex(self, printer: Any) -> str:
        digits, power = self._digits()
        return rf"{digits}\ldots" + (rf" \cdot 10^{{{int(power[1:])}}}" if power else "")

    def _digits(self) -> tuple[str, str]:
        """Fifteen decimal digits, or as many as are known, and the power of ten (``"e-20"`` or empty)."""
        digits, mark, power = self.ball(64).str(15, radius=False).partition("e")
        return digits, mark + power


def log10_of(ball: arb, *, up: bool) -> float:
    """The decimal logarithm of a non-negative ball, rounded up or down; finite where the float itself is not.

    >>> round(log10_of(arb(2) ** -10000, up=True), 6)
    -3010.299957
    """
    with working_precision(128):
        end = ball.upper() if up else ball.lower()
        if not end > 0:
            return -math.inf if not up or end <= 0 else math.inf  # of an end that is not known, nothing
        log = end.log_base(10)  # exact for powers of ten
        return upper_float(log) if up else lower_float(log)
