"""Elementary functions of complex balls with a flag that asks whether they are analytic there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from flint import acb, arb

from symgrad.rigor.balls_stable import exp_minus_one, one_plus_erf
from symgrad.rigor.functions import logistic, softplus

__all__ = ["FUNCTIONS"]

_NAN = acb("nan", "nan")


def _logistic(z: acb, analytic: bool) -> acb:
    if z.real.mid() > 0:
        return 1 / (1 + (-z).exp())
    grown = z.exp()
    return grown / (1 + grown)


def _softplus(z: acb, analytic: bool) -> acb:
    """Analytic in the strip ``|Im z| < pi`` and in the left half-plane, where it is the principal logarithm."""
    if analytic and not (abs(z.imag) < arb.pi() or z.real < 0):
        return _NAN
    return z + (-z).exp().log1p() if z.real > 0 else z.exp().log1p()


def _cut(
    function: Callable[[acb], acb],
    regular: Callable[[arb], bool],
    slope: Callable[[acb], acb] | None = None,
    axis: str = "real",
) -> Callable[..., acb]:
    """A function whose branch cuts lie on an axis, outside the set of regular points.

    Wide balls on which it gives nothing finite are enclosed by the value at their middle and the slope, where given.
    """

    def checked(z: acb, analytic: bool) -> acb:
        along, beside = (z.real, z.imag) if axis == "real" else (z.imag, z.real)
        if beside.contains(0) and not regular(along):
            return _NAN if analytic else function(z)
        value = function(z)
        if value.is_finite() or slope is None:
            return value
        middle = acb(z.real.mid(), z.imag.mid())
        return function(middle) + (z - middle) * slope(z)

    return checked


def _asinh(z: acb) -> acb:
    return acb(z.real.asinh()) if z.imag.is_zero() else z.asinh()


def _root_of_one_plus_square(z: acb) -> acb:
    """``sqrt(1 + z**2)`` off the cuts from i and -i along the imaginary axis; tight on wide balls."""
    turned = acb(-z.imag, z.real)
    return (1 + turned).sqrt() * (1 - turned).sqrt()


def _entire(function: Callable[[acb], acb]) -> Callable[[acb, bool], acb]:
    """A function without branch cuts; balls around a pole give no finite value of themselves."""
    return lambda z, analytic: function(z)


FUNCTIONS: dict[Any, Callable[[acb, bool], acb]] = {
    logistic: _logistic,
    softplus: _softplus,
    exp_minus_one: _entire(lambda z: z.expm1()),
    one_plus_erf: _entire(lambda z: (-z).erfc()),
    sp.exp: _entire(lambda z: z.exp()),
    sp.log: lambda z, analytic: z.log(analytic),
    sp.sin: _entire(lambda z: z.sin()),
    sp.cos: _entire(lambda z: z.cos()),
    sp.tan: _entire(lambda z: z.tan()),
    sp.cot: _entire(lambda z: z.cot()),
    sp.sec: _entire(lambda z: z.sec()),
    sp.csc: _entire(lambda z: z.csc()),
    sp.sinh: _entire(lambda z: z.sinh()),
    sp.cosh: _entire(lambda z: z.cosh()),
    sp.tanh: _entire(lambda z: z.tanh()),
    sp.coth: _entire(lambda z: 1 / z.tanh()),
    sp.sech: _entire(lambda z: z.sech()),
    sp.csch: _entire(lambda z: z.csch()),
    sp.erf: _entire(lambda z: z.erf()),
    sp.erfc: _entire(lambda z: z.erfc()),
    sp.gamma: _entire(lambda z: z.gamma()),
    sp.loggamma: _cut(lambda z: z.lgamma(), lambda x: x > 0),
    sp.asin: _cut(lambda z: z.asin(), lambda x: abs(x) < 1),
    sp.acos: _cut(lambda z: z.acos(), lambda x: abs(x) < 1),
    sp.atanh: _cut(lambda z: z.atanh(), lambda x: abs(x) < 1),
    sp.acosh: _cut(lambda z: z.acosh(), lambda x: x > 1),
    sp.asinh: _cut(_asinh, lambda y: abs(y) < 1, lambda z: 1 / _root_of_one_plus_square(z), "imaginary"),
    sp.atan: _cut(lambda z: z.atan(), lambda y: abs(y) < 1, axis="imaginary"),
    sp.Abs: lambda z, analytic: z.real_abs(analytic),
    sp.sign: lambda z, analytic: z.real_sgn(analytic),
    sp.re: _entire(lambda z: z),
    sp.conjugate: _entire(lambda z: z),
}
