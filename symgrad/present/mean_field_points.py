"""Fixed points of mean-field maps in print, each with its stability, and what is proved about others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from flint import arb

from symgrad.language.gaussian import VARIANCE
from symgrad.meanfield.correlation_points import CorrelationPoint, CorrelationPoints
from symgrad.meanfield.variance_points import VariancePoint, VariancePoints
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import expression
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.mean_field_words import words_latex
from symgrad.present.scalars import phrase
from symgrad.rigor.balls import Enclosed

__all__ = ["closed_form", "gaps_text", "ruled_array", "value_latex"]

_SHORT = 40
_WIDTH = 40


def closed_form(exact: sp.Expr | None) -> sp.Expr | None:
    """A closed form, if it says more than the digits do and is short."""
    if exact is None or exact.is_Integer or exact.atoms(Enclosed, sp.Float):
        return None
    return exact if len(text(exact)) <= _SHORT else None


def value_latex(ball: arb, exact: sp.Expr | None) -> str:
    """A number as its closed form, or its digits."""
    shown = closed_form(exact)
    if shown is not None and shown.is_Rational:
        return str(latex(shown))
    return ball_latex(ball) if shown is None else rf"{latex(shown)} = {ball_latex(ball)}"


def gaps_text(gaps: Sequence[tuple[arb, arb]]) -> str:
    """The stretches that are not searched in full."""
    return ", ".join(f"[{ball_text(low, 4)}, {ball_text(high, 4)}]".replace("inf", "oo") for low, high in gaps)


def ruled_array(rows: Sequence[Sequence[str]]) -> str:
    """A LaTeX array with a rule below its first row."""
    lines = [" & ".join(row) for row in rows]
    head, *others = lines
    columns = "c" * len(rows[0])
    return (
        f"\\begin{{array}}{{{columns}}}\n"
        + " \\\\\n".join([head, r"\hline \rule{0pt}{2.6ex}" + others[0], *others[1:]])
        + ("\n\\end{array}")
    )


def _verdict(found: VariancePoints) -> str:
    count, plural = len(found) or "no", "" if len(found) == 1 else "s"
    if found.continuum:
        return "every variance is a fixed point: a continuum, neutral, attracting none"
    proved = ", proved to be all" if found.points else ", proved"
    known = proved if found.complete else f"; others may lie in {gaps_text(found.gaps)}"
    if not found.complete and not found.gaps:
        known = "; that there is exactly one in each enclosure is not proved"
    return f"{count} fixed point{plural} of the variance map on q >= 0{known}"


def _far_out(found: VariancePoints) -> list[str]:
    if found.diverges is None:
        return ["whether large variances grow or shrink is not proved"]
    return ["large variances grow without bound"] if found.diverges else []


def _rational(point: VariancePoint) -> bool:
    exact = closed_form(point.exact)
    return exact is not None and bool(exact.is_Rational)


def _digits(point: VariancePoint) -> str:
    return text(point.exact) if _rational(point) else ball_text(point.ball)


def _map(found: VariancePoints) -> sp.Expr:
    return found.flow.expr


@text.register
def _(point: VariancePoint) -> str:
    exact = None if _rational(point) else closed_form(point.exact)
    digits = _digits(point)
    return ", ".join(
        [
            f"q* = {digits}" if exact is None else f"q* = {text(exact)} = {digits}",
            point.stability,
            f"V'(q*) = {ball_text(point.slope)}",
            f"chi_1 = {ball_text(point.chi)}",
            f"xi_q = {ball_text(point.depth_scale)} layers",
        ]
    )


@text.register
def _(found: VariancePoints) -> str:
    rows = [_verdict(found), *_far_out(found), f"V({VARIANCE}) = {text(_map(found))}"]
    if found.points:
        table = [
            [
                _digits(point),
                point.stability,
                ball_text(point.slope),
                ball_text(point.chi),
                ball_text(point.depth_scale),
                "" if _rational(point) or closed_form(point.exact) is None else text(closed_form(point.exact)),
            ]
            for point in found
        ]
        header = ["q*", "stability", "V'(q*)", "chi_1", "xi_q", "closed form"]
        kept = len(header) if any(row[-1] for row in table) else len(header) - 1
        rows.insert(1, column_table(header[:kept], [row[:kept] for row in table], [_WIDTH] * kept))
    return "\n".join(rows)


@latex.register
def _(point: VariancePoint) -> str:
    parts = [
        f"q^* = {value_latex(point.ball, point.exact)}",
        phrase(point.stability),
        f"V'(q^*) = {ball_latex(point.slope)}",
        rf"\chi_1 = {ball_latex(point.chi)}",
        rf"\xi_q = {ball_latex(point.depth_scale)}",
    ]
    return r", \quad ".join(parts)


@latex.register
def _(found: VariancePoints) -> str:
    rows = [rf"V({VARIANCE}) = {latex(_map(found))}", words_latex(_verdict(found))]
    if found.points:
        header = ["q^*", phrase("stability"), "V'(q^*)", r"\chi_1", r"\xi_q"]
        table = [
            [
                value_latex(point.ball, point.exact),
                phrase(point.stability),
                *(ball_latex(ball) for ball in (point.slope, point.chi, point.depth_scale)),
            ]
            for point in found
        ]
        rows.append(ruled_array([header, *table]))
    return "\\begin{gathered}\n" + " \\\\[1ex]\n".join([*rows, *map(phrase, _far_out(found))]) + "\n\\end{gathered}"


@to_dict.register
def _(point: VariancePoint) -> dict[str, Any]:
    return {
        "kind": "fixed point of the variance",
        "variance": ball_data(point.ball),
        "exact": None if point.exact is None else expression(point.exact),
        "slope": ball_data(point.slope),
        "chi": ball_data(point.chi),
        "stability": point.stability,
        "proved": point.proved,
        "xi_q": ball_data(point.depth_scale),
    }


@to_dict.register
def _(found: VariancePoints) -> dict[str, Any]:
    return {
        "kind": "fixed points of the variance",
        "map": expression(_map(found)),
        "points": [to_dict(point) for point in found],
        "continuum": found.continuum,
        "complete": found.complete,
        "gaps": [[ball_data(end) for end in gap] for gap in found.gaps],
        "diverges": found.diverges,
    }


@text.register
def _(point: CorrelationPoint) -> str:
    return f"c* = {ball_text(point.ball)}, {point.stability}, C'(c*) = {ball_text(point.slope)}"


@text.register
def _(found: CorrelationPoints) -> str:
    rows = [f"correlations of two inputs of variance q = {ball_text(found.variance)}: {found.reason}"]
    if not found.continuum and found.points:
        table = [[ball_text(p.ball), p.stability, ball_text(p.slope)] for p in found]
        rows.append(column_table(["c*", "stability", "C'(c*)"], table, [_WIDTH] * 3))
    return "\n".join([*rows, *_open(found)])


def _open(found: CorrelationPoints) -> list[str]:
    return [] if found.complete else ["that there are no others in [0, 1] is not proved"]


@latex.register
def _(point: CorrelationPoint) -> str:
    return (
        rf"c^* = {ball_latex(point.ball)}, \quad {phrase(point.stability)}, \quad C'(c^*) = {ball_latex(point.slope)}"
    )


@latex.register
def _(found: CorrelationPoints) -> str:
    rows = [rf"q = {ball_latex(found.variance)}", words_latex(found.reason)]
    if not found.continuum and found.points:
        table = [[ball_latex(p.ball), phrase(p.stability), ball_latex(p.slope)] for p in found]
        rows.append(ruled_array([["c^*", phrase("stability"), "C'(c^*)"], *table]))
    return "\\begin{gathered}\n" + " \\\\[1ex]\n".join([*rows, *map(phrase, _open(found))]) + "\n\\end{gathered}"


@to_dict.register
def _(point: CorrelationPoint) -> dict[str, Any]:
    return {
        "kind": "fixed point of the correlation",
        "correlation": ball_data(point.ball),
        "exact": None if point.exact is None else expression(point.exact),
        "slope": ball_data(point.slope),
        "stability": point.stability,
    }


@to_dict.register
def _(found: CorrelationPoints) -> dict[str, Any]:
    return {
        "kind": "fixed points of the correlation",
        "variance": ball_data(found.variance),
        "points": [to_dict(point) for point in found],
        "reason": found.reason,
        "continuum": found.continuum,
        "complete": found.complete,
    }
