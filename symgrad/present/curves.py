"""Curves of fixed points in text and as data: the bias, where the curve turns, and how many points there are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import sympy as sp

from symgrad.dynamics.curve import FixedPointCurve
from symgrad.dynamics.curve_points import CurveCusp, CurvePoint
from symgrad.dynamics.curve_regions import CurveRegion
from symgrad.language.elementwise import VARIABLE
from symgrad.present import dispatch
from symgrad.present.curve_writing import conditions, domain, preactivation, text, with_decimals
from symgrad.present.data import expression
from symgrad.present.dispatch import to_dict

__all__ = ["places"]

_SHORT = 60  # signs of an expression that stands in a line with others
_GENERIC = ("fold", "flip")
_NO_FORMULA = "no closed form of the inverse: the pre-activation z is the parameter"


def _given(curve: FixedPointCurve) -> str:
    return ", ".join(f"{symbol} = {text(value)}" for symbol, value in curve.given.items())


@dispatch.text.register
def _(curve: FixedPointCurve) -> str:
    inner, weight, bias = preactivation(curve)
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
        lines.append(f"curve: {curve.bias}({x}) = {text(curve.expr)} for {domain(curve, text)}")
        lines.append(f"slope: d{curve.bias}/d{x} = {text(curve.derivative)}")
    if curve.period is not None:
        lines.append(f"what follows repeats in z with the period {text(curve.period)}")
    lines += _point_lines("folds, multiplier 1: W s'(z) = 1", curve.folds, curve)
    lines += [f"cusp: {_cusp(curve, cusp)}" for cusp in curve.cusps]
    if curve.setting.is_map:
        level = curve.setting.named(curve.setting.level(-1))
        lines += _point_lines(f"flips, multiplier -1: W s'(z) = {text(level)}", curve.flip, curve)
    return "\n".join([*lines, *(f"number: {_region(curve, region)}" for region in curve.regions)])


def _point_lines(title: str, points: tuple[CurvePoint, ...], curve: FixedPointCurve) -> list[str]:
    if not points:
        return [f"{title}: none"]
    return [f"{title}:", *(f"  {_point(point, curve)}" for point in points)]


def _point(point: CurvePoint, curve: FixedPointCurve) -> str:
    parts = [f"{curve.state} = {with_decimals(point.x)}", f"{curve.bias} = {with_decimals(point.b)}"]
    if point.is_parametric:
        parts.insert(0, f"{curve.weight} = {text(point.w)}")
    where = conditions(point.condition, text)
    words = [", ".join(parts)]
    words += [f"where {where}"] if where else []
    words += [point.kind] if point.kind not in _GENERIC else []
    words += ["degenerate"] if point.nondegenerate == sp.false else []
    words += [_curvature(point)] if point.curvature is not None and not point.is_parametric else []
    return "; ".join(words)


def _curvature(point: CurvePoint) -> str:
    """The second derivative of B by z, and where it is not zero if that is not everywhere."""
    words = f"B''(z) = {text(point.curvature)}"
    if point.nondegenerate in (sp.true, sp.false, point.condition):
        return words
    return f"{words}, not zero where {conditions(point.nondegenerate, text)}"


def _cusp(curve: FixedPointCurve, cusp: CurveCusp) -> str:
    names = zip((curve.weight, curve.bias, curve.state), cusp, strict=True)
    corner = "" if cusp.smooth else " (s' has a corner there)"
    return ", ".join(f"{name} = {with_decimals(value)}" for name, value in names) + corner


def _region(curve: FixedPointCurve, region: CurveRegion) -> str:
    """As ``w > 4: 1 below, 3 between, 1 above the folds``."""
    where = conditions(region.weights, text)
    prefix = f"where {where}: " if where else ""
    names = [text(fold) for fold in region.effective_folds]
    bias = text(region.effective_bias)
    if not names:
        return f"{prefix}{region.counts[0]} fixed point for every {curve.bias}"
    if len(names) == 2 and max(map(len, names)) > _SHORT:
        names = ["the lower fold", "the upper fold"]
    return prefix + ", ".join(f"{count} for {place}" for count, place in places(region, bias, names))


def places(region: CurveRegion, bias: str, names: list[str]) -> Iterator[tuple[str, str]]:
    """Each number of fixed points of a region, with the inequality for the bias."""
    spans = [f"{bias} < {names[0]}"]
    spans += [f"{low} < {bias} < {high}" for low, high in pairwise(names)]
    spans.append(f"{bias} > {names[-1]}")
    return zip(map(str, region.counts), spans, strict=True)


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
        "multiplier": None if curve.multiplier is None else expression(curve.multiplier),
        "period": None if curve.period is None else expression(curve.period),
        "folds": [to_dict(fold) for fold in curve.folds],
        "cusps": [to_dict(cusp) for cusp in curve.cusps],
        "flips": [to_dict(flip) for flip in curve.flip],
        "regions": [to_dict(region) for region in curve.regions],
    }


@dispatch.text.register
def _(point: CurvePoint) -> str:
    where = conditions(point.condition, text)
    numbers = ", ".join(f"{name} = {with_decimals(value)}" for name, value in zip("wbx", point, strict=True))
    return f"{point.kind}: {numbers}" + (f"; where {where}" if where else "")


@to_dict.register
def _(point: CurvePoint) -> dict[str, Any]:
    values = {"w": point.w, "b": point.b, "x": point.x, "z": point.z}
    return {
        "kind": point.kind,
        **{name: expression(value) for name, value in values.items()},
        "condition": expression(point.condition),
        "nondegenerate": expression(point.nondegenerate),
        "exact": point.exact,
        "curvature": None if point.curvature is None else expression(point.curvature),
    }


@dispatch.text.register
def _(cusp: CurveCusp) -> str:
    return "cusp: " + ", ".join(f"{name} = {with_decimals(v)}" for name, v in zip("wbx", cusp, strict=True))


@to_dict.register
def _(cusp: CurveCusp) -> dict[str, Any]:
    values = {"w": cusp.w, "b": cusp.b, "x": cusp.x, "z": cusp.z}
    numbers = {name: expression(value) for name, value in values.items()}
    return {"kind": "cusp", **numbers, "smooth": cusp.smooth, "exact": cusp.exact}
