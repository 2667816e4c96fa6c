"""Curves of fixed points in print: the formula of the bias, where the curve turns, and how many points there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import sympy as sp

from symgrad.dynamics.curve import FixedPointCurve
from symgrad.dynamics.curve_points import CurveCusp, CurvePoint
from symgrad.dynamics.curve_regions import CurveRegion
from symgrad.language.elementwise import VARIABLE
from symgrad.present.data import expression
from symgrad.present.dispatch import latex as plain_latex
from symgrad.present.dispatch import text as plain_text
from symgrad.present.dispatch import to_dict
from symgrad.present.numbers import reads_as_decimal
from symgrad.present.scalars import function_latex, phrase
from symgrad.rigor.balls import Enclosed, to_ball

__all__: list[str] = []

_SHORT = 60  # signs of an expression that stands in a line with others
_DIGITS = 10
_LONGEST = 20
_TITLES = {"fold": "folds", "flip": "flips"}
_NO_FORMULA = "no closed form of the inverse: the pre-activation z is the parameter"


def _given(curve: FixedPointCurve) -> str:
    return ", ".join(f"{symbol} = {text(value)}" for symbol, value in curve.given.items())


def _readable(expr: sp.Basic) -> sp.Basic:
    """The same with the first digits of fractions that are too long to read."""
    long = [
        r for r in expr.atoms(sp.Rational) if max(len(str(r.p)), len(str(r.q))) > _LONGEST and not reads_as_decimal(r)
    ]
    return expr.xreplace({r: Enclosed(str(r), partial(to_ball, r)) for r in long})


def text(expr: Any) -> str:
    """An expression as text."""
    return plain_text(_readable(expr))


def latex(expr: Any) -> str:
    """An expression as LaTeX."""
    return plain_latex(_readable(expr))


def _decimals(expr: sp.Expr) -> str:
    """The digits of an exact number that is not rational."""
    plain = expr.free_symbols or expr.is_Rational or expr.atoms(Enclosed)
    return "" if plain else str(sp.N(expr, _DIGITS))


def _with_decimals(expr: sp.Expr) -> str:
    digits = _decimals(expr)
    return text(expr) + (f" (about {digits})" if digits else "")


def _conditions(condition: sp.Basic, written: Callable[[Any], str]) -> str:
    """A condition with commas for "and"; empty where it always holds."""
    if condition == sp.true:
        return ""
    if isinstance(condition, sp.And):
        return ", ".join(_conditions(part, written) for part in sorted(condition.args, key=sp.default_sort_key))
    if isinstance(condition, sp.Or):
        parts = sorted(condition.args, key=sp.default_sort_key)
        return " or ".join(_conditions(part, written) for part in parts)
    if isinstance(condition, sp.Ne) and written is text:
        return f"{written(condition.lhs)} != {written(condition.rhs)}"
    return written(condition)


def _equations(curve: FixedPointCurve) -> tuple[sp.Expr, sp.Expr, sp.Expr, sp.Expr]:
    """The pre-activation in the state, W and B, and the state at a pre-activation."""
    unit, setting = curve.setting.unit, curve.setting
    argument = setting.at_weight(unit.weight_in * unit.system.state + unit.bias_in)
    found = (argument, setting.effective_weight, setting.at_weight(unit.bias), curve.parametric[0])
    inner, weight, bias, state = (setting.named(expr) for expr in found)
    return inner, weight, bias, state


@plain_text.register
def _(curve: FixedPointCurve) -> str:
    inner, weight, bias, _ = _equations(curve)
    s, x = curve.setting.unit.activation, curve.state
    given = f" at {_given(curve)}" if curve.given else ""
    lines = [
        f"fixed points of {curve.name}{given}: z = W s(z) + B with z = {text(inner)}, s = {s}, "
        f"W = {text(weight)}, B = {text(bias)}"
    ]
    if curve.expr is None:
        state, value = curve.parametric
        lines += [_NO_FORMULA, f"curve: {x}(z) = {text(state)}, {curve.bias}(z) = {text(value)}"]
    else:
        lines.append(f"curve: {curve.bias}({x}) = {text(curve.expr)} for {_domain(curve, text)}")
        lines.append(f"slope: d{curve.bias}/d{x} = {text(curve.derivative)}")
    if curve.period is not None:
        lines.append(f"what follows repeats in z with the period {text(curve.period)}")
    lines += _point_lines("folds, multiplier 1: W s'(z) = 1", curve.folds, curve)
    lines += [f"cusp: {_cusp(curve, cusp)}" for cusp in curve.cusps]
    if curve.setting.is_map:
        level = curve.setting.named(curve.setting.level(-1))
        lines += _point_lines(f"flips, multiplier -1: W s'(z) = {text(level)}", curve.flip, curve)
    return "\n".join([*lines, *(f"number: {_region(curve, region)}" for region in curve.regions)])


def _domain(curve: FixedPointCurve, written: Callable[[Any], str]) -> str:
    if not isinstance(curve.domain, sp.Interval):
        return _conditions(curve.domain, written)
    if curve.domain == sp.S.Reals or not (curve.domain.start.is_finite or curve.domain.end.is_finite):
        return f"every {written(curve.state)}" if written is text else rf"\text{{every }} {written(curve.state)}"
    inside = "in" if written is text else r"\in"
    return f"{written(curve.state)} {inside} {written(curve.domain)}"


def _point_lines(title: str, points: tuple[CurvePoint, ...], curve: FixedPointCurve) -> list[str]:
    if not points:
        return [f"{title}: none"]
    return [f"{title}:", *(f"  {_point(point, curve)}" for point in points)]


def _point(point: CurvePoint, curve: FixedPointCurve) -> str:
    parts = [f"{curve.state} = {_with_decimals(point.x)}", f"{curve.bias} = {_with_decimals(point.b)}"]
    if point.is_parametric:
        parts.insert(0, f"{curve.weight} = {text(point.w)}")
    where = _conditions(point.condition, text)
    words = [", ".join(parts)]
    words += [f"where {where}"] if where else []
    words += [point.kind] if point.kind not in _TITLES else []
    words += ["degenerate"] if point.nondegenerate == sp.false else []
    if point.nondegenerate not in (sp.true, sp.false, point.condition):
        words.append(f"non-degenerate where {_conditions(point.nondegenerate, text)}")
    return "; ".join(words)


def _cusp(curve: FixedPointCurve, cusp: CurveCusp) -> str:
    names = zip((curve.weight, curve.bias, curve.state), cusp, strict=True)
    corner = "" if cusp.smooth else " (s' has a corner there)"
    return ", ".join(f"{name} = {_with_decimals(value)}" for name, value in names) + corner


def _region(curve: FixedPointCurve, region: CurveRegion) -> str:
    """As ``w > 4: 1 below, 3 between, 1 above the folds``."""
    where = _conditions(region.weights, text)
    prefix = f"where {where}: " if where else ""
    names = [text(fold) for fold in region.effective_folds]
    bias = text(region.effective_bias)
    if not names:
        return f"{prefix}{region.counts[0]} fixed point for every {curve.bias}"
    if len(names) == 2 and max(map(len, names)) > _SHORT:
        names = ["the lower fold", "the upper fold"]
    return prefix + ", ".join(f"{count} for {place}" for count, place in _places(region, bias, names))


def _places(region: CurveRegion, bias: str, names: list[str]) -> Iterator[tuple[str, str]]:
    spans = [f"{bias} < {names[0]}"]
    spans += [f"{low} < {bias} < {high}" for low, high in pairwise(names)]
    spans.append(f"{bias} > {names[-1]}")
    return zip(map(str, region.counts), spans, strict=True)


@plain_latex.register
def _(curve: FixedPointCurve) -> str:
    inner, weight, bias, _ = _equations(curve)
    s = function_latex(curve.setting.unit.activation)
    formula = rf"{s}(z) = {latex(curve.setting.unit.activation.expr)}"
    rows = [
        phrase("fixed points: ") + rf"z = W\, {s}(z) + B, \quad z = {latex(inner)},",
        rf"W = {latex(weight)}, \quad B = {latex(bias)}, \quad {formula}",
        *_curve_rows(curve),
        *([] if curve.period is None else [phrase("period in z: ") + latex(curve.period)]),
        *_special_rows(phrase("folds, ") + rf"W\, {s}'(z) = 1: ", curve.folds, curve),
        *(
            phrase("cusp, ")
            + rf"{s}''(z) = 0: \quad {_pairs_latex(zip((curve.weight, curve.bias, curve.state), cusp, strict=True))}"
            for cusp in curve.cusps
        ),
    ]
    if curve.setting.is_map:
        level = latex(curve.setting.named(curve.setting.level(-1)))
        rows += _special_rows(phrase("flips, multiplier -1, ") + rf"W\, {s}'(z) = {level}: ", curve.flip, curve)
    rows += [_region_latex(region, curve) for region in curve.regions]
    return "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


def _curve_rows(curve: FixedPointCurve) -> list[str]:
    x, b = latex(curve.state), latex(curve.bias)
    if curve.expr is None:
        state, bias = curve.parametric
        return [phrase("curve: ") + rf"{x}(z) = {latex(state)}, \quad {b}(z) = {latex(bias)}"]
    return [
        phrase("curve: ") + rf"{b}({x}) = {latex(curve.expr)}, \quad {_domain(curve, latex)}",
        rf"\frac{{d {b}}}{{d {x}}} = {latex(curve.derivative)}",
    ]


def _special_rows(title: str, points: tuple[CurvePoint, ...], curve: FixedPointCurve) -> list[str]:
    if not points:
        return [title + phrase("none")]
    return [title.rstrip(": ") + ":", *(_point_latex(point, curve) for point in points)]


def _point_latex(point: CurvePoint, curve: FixedPointCurve) -> str:
    pairs = [(curve.state, point.x), (curve.bias, point.b)]
    if point.is_parametric:
        pairs.insert(0, (curve.weight, point.w))
    row = _pairs_latex(pairs)
    where = _conditions(point.condition, latex)
    row += rf" \quad {phrase('where ')} {where}" if where else ""
    return row + (rf" \quad {phrase(f'({point.kind})')}" if point.kind not in _TITLES else "")


def _pairs_latex(pairs: Iterable[tuple[sp.Symbol, sp.Expr]]) -> str:
    return r", \quad ".join(f"{latex(name)} = {latex(value)}" + _about(value) for name, value in pairs)


def _about(value: sp.Expr) -> str:
    digits = _decimals(value)
    return rf" \approx {digits}" if digits else ""


def _region_latex(region: CurveRegion, curve: FixedPointCurve) -> str:
    where = _conditions(region.weights, latex)
    folds = list(map(latex, region.effective_folds))
    if len(folds) == 2 and not region.is_numeric:
        folds = [rf"{latex(curve.bias)}_{{-}}", rf"{latex(curve.bias)}_{{+}}"]
    bias = latex(region.effective_bias)
    prefix = where + r": \quad " if where else ""
    if not folds:
        return prefix + phrase(f"{region.counts[0]} fixed point for every ") + latex(curve.bias)
    parts = [rf"{count} {phrase(' for ')} {place}" for count, place in _places(region, bias, folds)]
    return prefix + phrase("number of fixed points ") + r",\; ".join(parts)


@to_dict.register
def _(curve: FixedPointCurve) -> dict[str, Any]:
    state, bias = curve.parametric
    return {
        "kind": "fixed point curve",
        "model": curve.name,
        "activation": str(curve.setting.unit.activation),
        "state": str(curve.state),
        "weight": str(curve.weight),
        "bias": str(curve.bias),
        "given": {str(symbol): expression(value) for symbol, value in curve.given.items()},
        "expr": None if curve.expr is None else expression(curve.expr),
        "derivative": None if curve.derivative is None else expression(curve.derivative),
        "domain": expression(curve.domain),
        "parametric": {"parameter": str(VARIABLE), "state": expression(state), "bias": expression(bias)},
        "multiplier": expression(curve.multiplier),
        "period": None if curve.period is None else expression(curve.period),
        "folds": [to_dict(fold) for fold in curve.folds],
        "cusps": [to_dict(cusp) for cusp in curve.cusps],
        "flips": [to_dict(flip) for flip in curve.flip],
        "regions": [to_dict(region) for region in curve.regions],
    }


@plain_text.register
def _(point: CurvePoint) -> str:
    where = _conditions(point.condition, text)
    numbers = ", ".join(f"{name} = {_with_decimals(value)}" for name, value in zip("wbx", point, strict=True))
    return f"{point.kind}: {numbers}" + (f"; where {where}" if where else "")


@plain_latex.register
def _(point: CurvePoint) -> str:
    where = _conditions(point.condition, latex)
    row = r", \quad ".join(f"{name} = {latex(value)}" for name, value in zip("wbx", point, strict=True))
    return row + (rf" \quad {phrase('where ')} {where}" if where else "")


@to_dict.register
def _(point: CurvePoint) -> dict[str, Any]:
    values = {"w": point.w, "b": point.b, "x": point.x, "z": point.z}
    return {
        "kind": point.kind,
        **{name: expression(value) for name, value in values.items()},
        "condition": expression(point.condition),
        "nondegenerate": expression(point.nondegenerate),
        "exact": point.exact,
    }


@plain_text.register
def _(cusp: CurveCusp) -> str:
    return "cusp: " + ", ".join(f"{name} = {_with_decimals(v)}" for name, v in zip("wbx", cusp, strict=True))


@plain_latex.register
def _(cusp: CurveCusp) -> str:
    return r", \quad ".join(f"{name} = {latex(value)}" for name, value in zip("wbx", cusp, strict=True))


@to_dict.register
def _(cusp: CurveCusp) -> dict[str, Any]:
    values = {"w": cusp.w, "b": cusp.b, "x": cusp.x, "z": cusp.z}
    numbers = {name: expression(value) for name, value in values.items()}
    return {"kind": "cusp", **numbers, "smooth": cusp.smooth, "exact": cusp.exact}
