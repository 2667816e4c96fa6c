"""Critical lines in print: where chi_1 = 1, at which fixed point of the variance, and which are edges of chaos."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.meanfield.critical_points import CriticalLine, CriticalPoint
from symgrad.meanfield.fast_critical_line import CriticalLineFloats
from symgrad.meanfield.variance_words import NEUTRAL, REPELLING
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import expression, number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.mean_field_points import closed_form, gaps_text, ruled_array, value_latex
from symgrad.present.mean_field_words import words_latex
from symgrad.present.scalars import phrase

__all__ = ["edge_words"]

_WIDTH = 40
_EDGE = {True: "edge of chaos", False: "no edge of chaos", None: "undecided"}
_HEADER = ("sigma_w^2", "q*", "stability", "V'(q*)", "verdict")
_HEADER_LATEX = (r"\sigma_w^2", "q^*", phrase("stability"), "V'(q^*)", phrase("verdict"))


def edge_words(point: CriticalPoint) -> str:
    """Whether a point is an edge of chaos, in words."""
    return _EDGE[point.is_edge]


def _variance(point: CriticalPoint) -> str:
    return "any" if point.stability == NEUTRAL else ball_text(point.variance)


def _variance_latex(point: CriticalPoint) -> str:
    return phrase("any") if point.stability == NEUTRAL else ball_latex(point.variance)


def _head(line: CriticalLine) -> str:
    """How many points there are, how many of them edges, and what is proved."""
    count = len(line)
    what = f"chi_1 = 1 at {count or 'no'} fixed point{'' if count == 1 else 's'} of the variance"
    if line.complete:
        known = ", proved to be all" if count else ", proved"
    else:
        known = f"; others may have q in {gaps_text(line.gaps)}"
    return what + known


def _remarks(line: CriticalLine) -> list[str]:
    remarks = [line.reason] if line.reason else []
    repelling = [point for point in line if point.stability == REPELLING]
    if repelling:
        where = ", ".join(ball_text(point.sigma_w2, 8) for point in repelling)
        remarks.append(
            f"at sigma_w^2 = {where} the fixed point with chi_1 = 1 is repelling: the variance leaves it, so it is "
            "no edge of chaos"
        )
    if line.layer.dropout != 0:
        remarks.append(
            "the gradient keeps its size there; with dropout equal inputs do not stay equal: no edge of chaos"
        )
    if not line.edge and line.complete and all(point.is_edge is not None for point in line):
        remarks.append("there is no edge of chaos for these biases")
    return remarks


@text.register
def _(point: CriticalPoint) -> str:
    exact = closed_form(point.exact)
    digits = ball_text(point.sigma_w2)
    return ", ".join(
        [
            f"sigma_w^2 = {digits}" if exact is None else f"sigma_w^2 = {text(exact)} = {digits}",
            f"q* = {_variance(point)} ({point.stability})",
            f"V'(q*) = {ball_text(point.slope)}",
            edge_words(point),
        ]
    )


@text.register
def _(line: CriticalLine) -> str:
    rows = [f"{line.layer.activation.name}, sigma_b^2 = {text(line.sigma_b2)}: {_head(line)}"]
    if line.points:
        table = [[ball_text(p.sigma_w2), _variance(p), p.stability, ball_text(p.slope), edge_words(p)] for p in line]
        rows.append(column_table(_HEADER, table, [_WIDTH] * len(_HEADER)))
    exact = {text(closed_form(p.exact)): p for p in line if closed_form(p.exact) is not None}
    rows += [f"sigma_w^2 = {form} exactly" for form in exact]
    return "\n".join([*rows, *_remarks(line)])


@latex.register
def _(point: CriticalPoint) -> str:
    parts = [
        rf"\sigma_w^2 = {value_latex(point.sigma_w2, point.exact)}",
        rf"q^* = {_variance_latex(point)}\ {phrase(f'({point.stability})')}",
        f"V'(q^*) = {ball_latex(point.slope)}",
        phrase(edge_words(point)),
    ]
    return r", \quad ".join(parts)


@latex.register
def _(line: CriticalLine) -> str:
    rows = [rf"\sigma_b^2 = {latex(line.sigma_b2)}", words_latex(_head(line))]
    if line.points:
        table = [
            [
                value_latex(p.sigma_w2, p.exact),
                _variance_latex(p),
                phrase(p.stability),
                ball_latex(p.slope),
                phrase(edge_words(p)),
            ]
            for p in line
        ]
        rows.append(ruled_array([_HEADER_LATEX, *table]))
    return "\\begin{gathered}\n" + " \\\\[1ex]\n".join([*rows, *map(words_latex, _remarks(line))]) + "\n\\end{gathered}"


@to_dict.register
def _(point: CriticalPoint) -> dict[str, Any]:
    return {
        "kind": "critical point",
        "sigma_w2": ball_data(point.sigma_w2),
        "exact": None if point.exact is None else expression(point.exact),
        "variance": ball_data(point.variance),
        "slope": ball_data(point.slope),
        "stability": point.stability,
        "edge_of_chaos": point.is_edge,
    }


@to_dict.register
def _(line: CriticalLine) -> dict[str, Any]:
    return {
        "kind": "critical line",
        "activation": line.layer.activation.name,
        "sigma_b2": expression(line.sigma_b2),
        "points": [to_dict(point) for point in line],
        "complete": line.complete,
        "gaps": [[ball_data(end) for end in gap] for gap in line.gaps],
        "remarks": _remarks(line),
    }


def _rows(line: CriticalLineFloats) -> list[list[str]]:
    rows = []
    for index, offset in enumerate(line.sigma_b2):
        found = [j for j in range(line.sigma_w2.shape[1]) if np.isfinite(line.sigma_w2[index, j])]
        rows += [[f"{offset:.6g}", *_row(line, index, j)] for j in found] or [[f"{offset:.6g}", "none", "", "", ""]]
    return rows


def _row(line: CriticalLineFloats, index: int, j: int) -> list[str]:
    kept = line.continuum and line.sigma_b2[index] == 0
    stable = "neutral (continuum)" if kept else "attracting" if line.attracting[index, j] else "not attracting"
    variance = "all" if kept else f"{line.q[index, j]:.10g}"
    return [f"{line.sigma_w2[index, j]:.10g}", variance, stable, f"{line.slopes[index, j]:.6g}"]


@text.register
def _(line: CriticalLineFloats) -> str:
    header = ["sigma_b^2", "sigma_w^2", "q*", "stability", "V'(q*)"]
    head = "chi_1 = 1 at a fixed point of the variance, in floats (nothing is proved):"
    return "\n".join([head, column_table(header, _rows(line), [_WIDTH] * len(header))])


@latex.register
def _(line: CriticalLineFloats) -> str:
    header = [r"\sigma_b^2", r"\sigma_w^2", "q^*", phrase("stability"), "V'(q^*)"]
    rows = [[*map(_cell_latex, row[:3]), phrase(row[3]), _cell_latex(row[4])] for row in _rows(line)]
    return ruled_array([header, *rows])


def _cell_latex(cell: str) -> str:
    digits, power, exponent = cell.partition("e")
    if not cell or not digits.replace(".", "").replace("-", "").isdigit():
        return phrase(cell)
    return rf"{digits} \cdot 10^{{{int(exponent)}}}" if power else cell


@to_dict.register
def _(line: CriticalLineFloats) -> dict[str, Any]:
    def table(values: np.ndarray) -> list[list[Any]]:
        return [[None if np.isnan(value) else number(value) for value in row] for row in values]

    return {
        "kind": "critical line in floats",
        "sigma_b2": [number(value) for value in line.sigma_b2],
        "variance": table(line.q),
        "sigma_w2": table(line.sigma_w2),
        "slope": table(line.slopes),
        "attracting": line.attracting.tolist(),
        "continuum": line.continuum,
    }
