"""Normalisations tried on numbers: the formula of the Jacobian against SymPy's derivative of the definition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.design.normalisation_steps import STD
from symgrad.design.verification import Case, Verification, verified

__all__ = ["check_normalisation", "drawn"]

_DIGITS = 40
_SMALLEST = 1e-25  # two evaluations to 40 digits differ by less unless one is wrong
_SIZES = (1, 2, 3, 5)


class _Normalised(Protocol):
    """What of a normalisation is checked."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> sp.Expr: ...
    @property
    def gains(self) -> tuple[sp.Expr, ...]: ...
    @property
    def eps(self) -> sp.Expr: ...
    @property
    def centred(self) -> bool: ...
    @property
    def along_batch(self) -> bool: ...
    @property
    def is_exact(self) -> bool: ...
    @property
    def norm(self) -> sp.Expr: ...
    @property
    def norm_floor(self) -> sp.Expr: ...
    def uniform(self, std: object = None) -> sp.Expr: ...
    def map_at(self, x: Any) -> sp.ImmutableDenseMatrix: ...
    def std_at(self, x: Any) -> sp.Expr: ...
    def jacobian_at(self, x: Any) -> sp.ImmutableDenseMatrix: ...


@dataclass(frozen=True)
class _Draw:
    """Numbers for the symbols of a normalisation, and how many entries there are."""

    count: int
    values: dict[sp.Symbol, sp.Expr]

    def number(self, expr: sp.Expr) -> float:
        return float(sp.N(expr.subs(self.values), _DIGITS))


def drawn(random: np.random.Generator, low: int = -40, high: int = 40) -> sp.Rational:
    """A random rational number, not zero."""
    return sp.Rational(int(random.integers(low, high)) * 2 + 1, 16)


def _draws(norm: _Normalised, random: np.random.Generator) -> Iterator[_Draw]:
    sizes = _SIZES if norm.size.is_Symbol else (min(int(norm.size), 6),)
    symbols = sorted({s for e in (*norm.gains, norm.eps) for s in e.free_symbols}, key=str)
    for count in sizes:
        values: dict[sp.Symbol, sp.Expr] = {s: abs(drawn(random)) if s.is_positive else drawn(random) for s in symbols}
        if norm.size.is_Symbol:
            values[norm.size] = sp.Integer(count)
        yield _Draw(count, values)


def _points(norm: _Normalised, draw: _Draw, random: np.random.Generator) -> Iterator[list[sp.Expr]]:
    """Random points, and where eps allows it those at which the bound over all points is attained."""
    for scale in (1, 10, sp.Rational(1, 100)):
        yield [scale * drawn(random) for _ in range(draw.count)]
    if norm.eps.subs(draw.values).is_positive:
        yield [sp.S.Zero] * draw.count


def check_normalisation(norm: _Normalised, seed: int) -> Verification:
    """The comparisons at random points and random values of the symbols."""
    random = np.random.default_rng(seed)
    cases: list[Case] = []
    if norm.size.is_Integer and norm.size > _SIZES[-1] + 1:
        return _large(norm, random)
    for draw in _draws(norm, random):
        symbols = sp.symbols(f"x0:{draw.count}", real=True)
        derivative = norm.map_at(symbols).jacobian(sp.Matrix(symbols)).subs(draw.values)
        for point in _points(norm, draw, random):
            cases += _at(norm, draw, derivative.subs(dict(zip(symbols, point, strict=True))), point)
    return verified(f"Jacobian of {norm.name} and its norm", "SymPy's derivative of the definition", cases)


def _at(norm: _Normalised, draw: _Draw, derivative: sp.Matrix, point: list[sp.Expr]) -> Iterator[Case]:
    std = norm.std_at(point).subs(draw.values)
    if std == 0:
        return
    formula = norm.jacobian_at(point).subs(draw.values)
    where = f"n = {draw.count} at {point}"
    difference = sp.N(derivative, _DIGITS) - sp.N(formula, _DIGITS)
    yield Case(f"error of the Jacobian times s, {where}", float(difference.norm() * std), _SMALLEST)
    largest = float(np.linalg.norm(np.array(sp.N(derivative), dtype=np.float64), 2))
    yield from _norms(norm, draw, largest, std, where)


def _norms(norm: _Normalised, draw: _Draw, largest: float, std: sp.Expr, where: str) -> Iterator[Case]:
    """The claims about the norm; the first gain alone enters where samples are normalised together."""
    gain = abs(draw.number(norm.gains[0])) / draw.number(sp.Max(*map(sp.Abs, norm.gains))) if norm.along_batch else 1.0
    at_point = draw.number(norm.norm.subs(STD, std)) * gain
    tiny = 1e-12 / draw.number(std)  # a norm of zero comes out as rounding errors
    observed = 0.0 if largest < tiny and at_point == 0 else largest
    yield Case(f"norm, {where}", observed, at_point, "equal" if norm.is_exact else "upper")
    if not norm.is_exact:
        yield Case(f"norm, {where}", largest, draw.number(norm.norm_floor.subs(STD, std)), "lower")
    yield Case(f"norm against the bound for every x, {where}", observed, draw.number(norm.uniform()))


def _large(norm: _Normalised, random: np.random.Generator) -> Verification:
    """Many entries in floats: the derivative by complex steps, which lose no digits."""
    draw = next(_draws(norm, random))
    n, eps = int(norm.size), draw.number(norm.eps)
    gains = np.array([draw.number(g) for g in norm.gains])
    gains = np.full(n, gains[0]) if norm.along_batch or len(gains) == 1 else gains
    cases: list[Case] = []
    for scale in (1.0, 30.0, 0.01):
        x = scale * random.standard_normal(n)
        derivative = _complex_steps(x, gains, eps, norm.centred)
        std = sp.Float(_std(x, eps, norm.centred).real)
        where = f"n = {n}, entries of size {scale}"
        draw = _Draw(n, draw.values)
        cases += _norms(norm, draw, float(np.linalg.norm(derivative, 2)), std, where)
    return verified(f"norm of the Jacobian of {norm.name}", "derivatives by complex steps", cases)


def _std(x: NDArray[Any], eps: float, centred: bool) -> Any:
    rest = x - x.mean() if centred else x
    return np.sqrt(np.mean(rest * rest) + eps)


def _complex_steps(x: NDArray[Any], gains: NDArray[Any], eps: float, centred: bool) -> NDArray[np.float64]:
    step = 1e-30
    columns = []
    for index in range(len(x)):
        moved = x.astype(complex)
        moved[index] += 1j * step
        rest = moved - moved.mean() if centred else moved
        columns.append((gains * rest / _std(moved, eps, centred)).imag / step)
    return np.array(columns).T
