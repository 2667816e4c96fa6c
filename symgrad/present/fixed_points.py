"""Fixed points of one unknown in print: where they are, how stable, and the proof that there are no others."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.dynamics.points import FixedPoint, FixedPoints, Gap
from symgrad.dynamics.scalar_system import EQUATION, FLOW, MAP
from symgrad.present.ball_text import ball_data, ball_latex, ball_text, radius_text
from symgrad.present.data import expression, interval, number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.scalars import phrase
from symgrad.rigor.balls import Enclosed

__all__: list[str] = []

_SHORT = 40  # signs of a closed form that stands in a table
_WIDTHS = (60, 12, 60, 14, 48)
_DIGITS = 5
_MULTIPLIER = {MAP: "multiplier", FLOW: "eigenvalue", EQUATION: "multiplier"}
_RESIDUAL = {MAP: ("F({x}) - {x}", "F({x}) - {x}"), FLOW: ("f({x})", "f({x})"), EQUATION: ("r({x})", "r({x})")}
_SIGNS = {1: "> 0", -1: "< 0", 0: "without a proven sign"}


def _closed_form(point: FixedPoint) -> sp.Expr | None:
    """The closed form, if it says more than the digits do."""
    exact = point.exact
    plain = exact is None or exact.is_Integer or exact.atoms(Enclosed)
    return None if plain else exact


def _short(written: str) -> str:
    return written if len(written) <= _SHORT else ""


def _rows(points: tuple[FixedPoint, ...]) -> list[list[str]]:
    return [
        [
            ball_text(point.ball),
            point.stability,
            ball_text(point.multiplier),
            point.status,
            "" if _closed_form(point) is None else _short(text(_closed_form(point))),
        ]
        for point in points
    ]


def _columns(found: FixedPoints) -> list[int]:
    """Which columns say something: an equation has no multipliers, and there may be no closed forms."""
    linearised = [] if found.system.kind == EQUATION else [1, 2]
    closed = [4] if any(row[-1] for row in _rows(found.points)) else []
    return [0, *linearised, 3, *closed]


def _header(found: FixedPoints) -> list[str]:
    return [str(found.system.state), "stability", _MULTIPLIER[found.system.kind], "status", "closed form"]


def _table(found: FixedPoints) -> str:
    kept = _columns(found)
    cells = [[row[i] for i in kept] for row in [_header(found), *_rows(found.points)]]
    return column_table(cells[0], cells[1:], [_WIDTHS[i] for i in kept])


def _summary(found: FixedPoints) -> tuple[str, str]:
    """What was found, and what is proved; between them stands where."""
    count = len(found)
    noun = "solution" if found.system.kind == EQUATION else "fixed point"
    isolated = "isolated " if found.continua else ""
    known = "" if found.complete else "found "
    head = f"{found.system.name}: {count or 'no'} {isolated}{noun}{'s' if count != 1 else ''} {known}in "
    if not found.complete:
        return head, f"; that there are {'no others' if count else 'none'} is not proved"
    return head, ", proved" if not count else ", proved to be all"


def _place(box: sp.Interval) -> str:
    if box.start == -sp.oo and box.end == sp.oo:
        return "the real numbers"
    return _interval(box)


def _interval(part: sp.Interval) -> str:
    left, right = "[" if part.start.is_finite else "(", "]" if part.end.is_finite else ")"
    return f"{left}{text(part.start)}, {text(part.end)}{right}"


def _residual(found: FixedPoints, index: int) -> str:
    state = found.system.state
    return _RESIDUAL[found.system.kind][index].format(x=latex(state) if index else text(state))


def _enclosures(found: FixedPoints) -> list[str]:
    balls = [point.ball for point in found if not point.ball.is_exact() and point.ball.is_finite()]
    if not balls:
        return []
    widest = max(balls, key=lambda ball: float(ball.rad()))
    return [f"enclosed with a radius of at most {radius_text(widest)}"]


def _proof(found: FixedPoints) -> list[str]:
    """The signs of the residual between the points, from left to right."""
    if not found.gaps:
        return []
    parts = [f"{_SIGNS[gap.sign]} from {_end(gap.left)} to {_end(gap.right)}" for gap in found.gaps]
    return [f"{_residual(found, 0)} is {', '.join(parts)}"]


def _end(value: float) -> str:
    return f"{value:.{_DIGITS}g}".replace("inf", "oo")


@text.register
def _(found: FixedPoints) -> str:
    lines = [_place(found.box).join(_summary(found))]
    if found.points:
        lines += [_table(found), *_enclosures(found)]
    lines += [f"every point of {_interval(part)} is a fixed point" for part in found.continua]
    lines.append(f"{_residual(found, 0)} = {text(found.system.residual)}")
    return "\n".join([*lines, *_proof(found)])


@text.register
def _(point: FixedPoint) -> str:
    exact = _closed_form(point)
    parts = [ball_text(point.ball) if exact is None else f"{text(exact)} = {ball_text(point.ball)}"]
    parts += [] if point.multiplier is None else [f"multiplier {ball_text(point.multiplier)}", point.stability]
    return ", ".join([*parts, point.status])


@latex.register
def _(point: FixedPoint) -> str:
    words = [] if point.multiplier is None else [phrase(point.stability)]
    slope = [] if point.multiplier is None else [rf"\lambda = {ball_latex(point.multiplier)}"]
    return r", \quad ".join([f"x^* = {_value_latex(point)}", *slope, *words, phrase(point.status)])


def _value_latex(point: FixedPoint) -> str:
    exact = _closed_form(point)
    digits = ball_latex(point.ball)
    if exact is None or not _short(text(exact)):
        return digits
    return latex(exact) if point.ball.is_exact() else rf"{latex(exact)} = {digits}"


@latex.register
def _(found: FixedPoints) -> str:
    head, tail = map(phrase, _summary(found))
    rows = [head + _place_latex(found.box) + tail, f"{_residual(found, 1)} = {latex(found.system.residual)}"]
    if found.points:
        rows.append(_table_latex(found))
    rows += [_continuum(found, part) for part in found.continua]
    if found.gaps:
        signs = [[_residual(found, 1) + _sign(gap), _span(gap, found.system.state)] for gap in found.gaps]
        rows.append(_array("ll", signs))
    return "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


def _place_latex(box: sp.Interval) -> str:
    return r"\mathbb{R}" if box.start == -sp.oo and box.end == sp.oo else _interval_latex(box)


def _interval_latex(part: sp.Interval) -> str:
    left, right = "[" if part.start.is_finite else "(", "]" if part.end.is_finite else ")"
    return rf"\left{left}{latex(part.start)},\, {latex(part.end)}\right{right}"


def _table_latex(found: FixedPoints) -> str:
    kept = [i for i in _columns(found) if i < len(_WIDTHS) - 1]
    names = [latex(found.system.state) + "^*", *map(phrase, _header(found)[1:-1])]
    rows = [
        [_value_latex(point), phrase(point.stability), ball_latex(point.multiplier), phrase(point.status)]
        for point in found
    ]
    return _array("clcl" if len(kept) > 2 else "cl", [[row[i] for i in kept] for row in [names, *rows]], line=True)


def _array(columns: str, rows: list[list[str]], *, line: bool = False) -> str:
    lines = [" & ".join(row) for row in rows]
    if line:
        lines[1] = r"\hline " + lines[1]
    return f"\\begin{{array}}{{{columns}}}\n" + " \\\\\n".join(lines) + "\n\\end{array}"


def _continuum(found: FixedPoints, part: sp.Interval) -> str:
    return rf"{latex(found.system.state)} \in {_interval_latex(part)}" + phrase(": all are fixed points")


def _sign(gap: Gap) -> str:
    return {1: " > 0", -1: " < 0"}.get(gap.sign, phrase(" without a proven sign"))


def _span(gap: Gap, state: sp.Symbol) -> str:
    return phrase("for ") + rf"{_tex_end(gap.left)} < {latex(state)} < {_tex_end(gap.right)}"


def _tex_end(value: float) -> str:
    written = _end(value)
    digits, power, exponent = written.partition("e")
    if power:
        return rf"{digits} \cdot 10^{{{int(exponent)}}}"
    return written.replace("oo", r"\infty")


@to_dict.register
def _(point: FixedPoint) -> dict[str, Any]:
    return {
        "kind": "fixed point",
        "point": ball_data(point.ball),
        "multiplier": ball_data(point.multiplier),
        "stability": point.stability,
        "status": point.status,
        "exact": None if point.exact is None else expression(point.exact),
        "order": point.order,
    }


@to_dict.register
def _(found: FixedPoints) -> dict[str, Any]:
    return {
        "kind": "fixed points",
        "model": found.system.name,
        "system": found.system.kind,
        "state": str(found.system.state),
        "residual": expression(found.system.residual),
        "box": interval(found.box),
        "complete": found.complete,
        "points": [to_dict(point) for point in found],
        "continua": [interval(part) for part in found.continua],
        "gaps": [{"left": number(gap.left), "right": number(gap.right), "sign": gap.sign} for gap in found.gaps],
    }
