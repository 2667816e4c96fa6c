"""Curves of fixed points in LaTeX: the derivation, one row a step."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from symgrad.dynamics.curve import FixedPointCurve
from symgrad.dynamics.curve_points import CurveCusp, CurvePoint
from symgrad.dynamics.curve_regions import CurveRegion
from symgrad.present import dispatch
from symgrad.present.curve_writing import conditions, decimals, domain, latex, preactivation
from symgrad.present.curves import places
from symgrad.present.scalars import function_latex, phrase
from symgrad.present.widths import visible_length
from symgrad.rigor.functions import logistic

__all__: list[str] = []

_WIDE = 80.0  # digits of a row beyond which a condition has one of its own
_INFINITE = r"\infty"
_GENERIC = ("fold", "flip")


@dispatch.latex.register
def _(curve: FixedPointCurve) -> str:
    inner, weight, bias = preactivation(curve)
    s = function_latex(curve.setting.unit.activation)
    formula = curve.setting.unit.activation.expr.replace(logistic, lambda z: 1 / (1 + sp.exp(-z)))
    rows = [
        phrase("fixed points: ") + rf"z = W\, {s}(z) + B, \quad z = {latex(inner)},",
        rf"W = {latex(weight)}, \quad B = {latex(bias)}, \quad {s}(z) = {latex(formula)}",
        *_curve_rows(curve),
        *([] if curve.period is None else [phrase("period in z: ") + latex(curve.period)]),
        *_special_rows(phrase("folds, ") + rf"W\, {s}'(z) = 1: ", curve.folds, curve),
        *(phrase("cusp, ") + rf"{s}''(z) = 0: \quad {_cusp(curve, cusp)}" for cusp in curve.cusps if cusp.smooth),
        *(phrase("cusp at a corner: ") + _cusp(curve, cusp) for cusp in curve.cusps if not cusp.smooth),
    ]
    if curve.setting.is_map:
        level = latex(curve.setting.named(curve.setting.level(-1)))
        rows += _special_rows(phrase("flips, multiplier -1: ") + rf"W\, {s}'(z) = {level}: ", curve.flip, curve)
    rows += [_region(region, curve) for region in curve.regions]
    return "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


def _curve_rows(curve: FixedPointCurve) -> list[str]:
    x, b = latex(curve.state), latex(curve.bias)
    if curve.expr is None:
        state, bias = curve.parametric
        return [phrase("curve: ") + rf"{x}(z) = {latex(state)}, \quad {b}(z) = {latex(bias)}"]
    return [
        phrase("curve: ") + rf"{b}({x}) = {latex(curve.expr)}, \quad {domain(curve, latex)}",
        phrase("slope: ") + rf"\frac{{d {b}}}{{d {x}}} = {latex(curve.derivative)}",
    ]


def _special_rows(title: str, points: tuple[CurvePoint, ...], curve: FixedPointCurve) -> list[str]:
    if not points:
        return [title + phrase("none")]
    return [title.rstrip(), *(row for point in points for row in _point(point, curve))]


def _point(point: CurvePoint, curve: FixedPointCurve) -> list[str]:
    pairs = [(curve.state, point.x), (curve.bias, point.b)]
    if point.is_parametric:
        pairs.insert(0, (curve.weight, point.w))
    row, where = _pairs(pairs), conditions(point.condition, latex)
    row += rf" \quad {phrase(f'({point.kind})')}" if point.kind not in _GENERIC else ""
    if not where:
        return [row]
    where = rf"\quad {phrase('where ')} {where}"
    if point.curvature is not None and not point.is_parametric:
        where += rf", \quad B''(z) = {latex(point.curvature)}"
    return [row, where] if visible_length(row) + visible_length(where) > _WIDE else [f"{row} {where}"]


def _pairs(pairs: Iterable[tuple[sp.Symbol, sp.Expr]]) -> str:
    return r", \quad ".join(f"{latex(name)} = {latex(value)}" + _about(value) for name, value in pairs)


def _about(value: sp.Expr) -> str:
    digits = decimals(value)
    return rf" \approx {digits}" if digits else ""


def _cusp(curve: FixedPointCurve, cusp: CurveCusp) -> str:
    return _pairs(zip((curve.weight, curve.bias, curve.state), cusp, strict=True))


def _region(region: CurveRegion, curve: FixedPointCurve) -> str:
    where = conditions(region.weights, latex)
    folds = list(map(latex, region.effective_folds))
    if len(folds) == 2 and not region.is_numeric:
        folds = [rf"{latex(curve.bias)}_{{-}}", rf"{latex(curve.bias)}_{{+}}"]
    prefix = where + r": \quad " if where else ""
    if not folds:
        return prefix + phrase(f"{region.counts[0]} fixed point for every ") + latex(curve.bias)
    inequalities = places(region, latex(region.effective_bias), folds)
    parts = [rf"{count.replace('oo', _INFINITE)} {phrase(' for ')} {place}" for count, place in inequalities]
    return prefix + phrase("number of fixed points ") + r",\; ".join(parts)


@dispatch.latex.register
def _(point: CurvePoint) -> str:
    where = conditions(point.condition, latex)
    row = r", \quad ".join(f"{name} = {latex(value)}" for name, value in zip("wbx", point, strict=True))
    return row + (rf" \quad {phrase('where ')} {where}" if where else "")


@dispatch.latex.register
def _(cusp: CurveCusp) -> str:
    return r", \quad ".join(f"{name} = {latex(value)}" for name, value in zip("wbx", cusp, strict=True))
