"""Bifurcations in print: a table of the points with what is proved of them, and plain data."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp
from flint import acb, arb

from symgrad.dynamics.bifurcation_points import BifurcationPoint, Bifurcations, Branch
from symgrad.dynamics.scalar_system import ScalarSystem
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import expression, interval
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.scalars import phrase

__all__: list[str] = []

_DIGITS, _FEW = 8, 5
_SHOWN = 3  # coordinates of a state in a table
_GREEK = re.compile(r"(lambda|theta|omega)")
_LONG = 40  # signs of a closed form that stands in a table


def _label(found: Bifurcations) -> str:
    return str(found.system.state) if isinstance(found.system, ScalarSystem) else "state"


def _where(found: Bifurcations, written: Callable[[Any], str]) -> str:
    """Which parameters were searched."""
    parts = []
    for symbol, span in zip(found.parameter, found.interval, strict=True):
        ends = (span.start, span.end)
        parts.append(f"all real {symbol}" if ends == (-sp.oo, sp.oo) else f"{symbol} in {written(span)}")
    return ", ".join(parts)


def _ends(span: sp.Interval) -> str:
    return f"[{span.start}, {span.end}]"


def _closed(value: sp.Expr | None, ball: arb, written: Callable[[Any], str], digits: Callable[[Any], str]) -> str:
    """The closed form where it is short, else digits."""
    if value is not None and len(str(value)) <= _LONG:
        return written(value)
    return digits(ball)


def _digits(ball: arb | acb) -> str:
    return ball_text(ball, _DIGITS)


def _digits_latex(ball: arb | acb) -> str:
    return ball_latex(ball, _DIGITS)


def _state(point: BifurcationPoint, written: Callable[[Any], str], digits: Callable[[Any], str]) -> str:
    exact = point.exact_state or (None,) * len(point.state)
    parts = [_closed(e, b, written, digits) for e, b in zip(exact[:_SHOWN], point.state[:_SHOWN], strict=True)]
    more = [] if len(point.state) <= _SHOWN else ["..." if written is text else r"\ldots"]
    return parts[0] if len(point.state) == 1 else f"({', '.join([*parts, *more])})"


def _parameters(point: BifurcationPoint, written: Callable[[Any], str], digits: Callable[[Any], str]) -> list[str]:
    values = [_closed(point.exact_parameter, point.parameter, written, digits)]
    if point.second is not None:
        values.append(_closed(point.exact_second, point.second, written, digits))
    return values


def _coefficients(point: BifurcationPoint) -> str:
    return ", ".join(f"{name} = {ball_text(ball, _FEW)}" for name, ball in point.coefficients.items())


def _kind(point: BifurcationPoint) -> str:
    return point.kind if point.criticality is None else f"{point.criticality} {point.kind}"


def _proved(point: BifurcationPoint) -> str:
    words = {True: "nondegenerate", False: "degenerate", None: "nondegeneracy not decided"}
    return f"{point.status}, {words[point.nondegenerate]}"


def _summary(found: Bifurcations) -> str:
    if found.complete:
        return "proved: there are no others"
    if found.undecided:
        return f"not proved to be all: undecided for {', '.join(sorted({_ends(s) for s in found.undecided}))}"
    return "found by continuation: there may be others"


@text.register
def _(found: Bifurcations) -> str:
    names = [str(symbol) for symbol in found.parameter]
    title = f"bifurcations of {found.system.name} in {', '.join(names)}, for {_where(found, _ends)}"
    if not found.points:
        return "\n".join([title, "none", _summary(found), *found.remarks])
    header = ["kind", *names, _label(found), "normal form", "proved"]
    rows = [
        [_kind(p), *_parameters(p, text, _digits), _state(p, text, _digits), _coefficients(p), _proved(p)]
        for p in found
    ]
    return "\n".join([title, _table(header, rows), _summary(found), *found.remarks])


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return column_table(header, rows, widths)


@text.register
def _(point: BifurcationPoint) -> str:
    parameters = ", ".join(_parameters(point, text, _digits))
    lines = [f"{_kind(point)} at parameter {parameters}, state {_state(point, text, _digits)} ({_proved(point)})"]
    if point.coefficients:
        lines.append(_coefficients(point))
    return "\n".join([*lines, *point.conditions])


@latex.register
def _(found: Bifurcations) -> str:
    names = [latex(symbol) for symbol in found.parameter]
    state = latex(found.system.state) if isinstance(found.system, ScalarSystem) else phrase("state")
    header = [phrase("kind"), *names, state, phrase("normal form"), phrase("proved")]
    rows = [
        [
            phrase(_kind(p)),
            *_parameters(p, latex, _digits_latex),
            _state(p, latex, _digits_latex),
            _coefficients_latex(p),
            phrase(_proved(p)),
        ]
        for p in found
    ]
    lines = [r" & ".join(row) + r" \\" for row in [header, *rows]]
    lines.insert(1, r"\hline")
    body = "\n".join(lines)
    table = f"\\begin{{array}}{{{'l' * len(header)}}}\n{body}\n\\end{{array}}"
    notes = [phrase(note) for note in (_summary(found), *found.remarks)]
    return "\\begin{gathered}\n" + " \\\\\n".join([table, *notes]) + "\n\\end{gathered}"


def _coefficients_latex(point: BifurcationPoint) -> str:
    parts = [f"{_name_latex(name)} = {ball_latex(ball, _FEW)}" for name, ball in point.coefficients.items()]
    return r",\; ".join(parts)


def _name_latex(name: str) -> str:
    r"""A derivative such as F_xx/2 as ``F_{xx}/2``; Greek letters by name."""
    words = []
    for word in name.split(" "):
        head, mark, tail = word.partition("_")
        index, slash, rest = tail.partition("/")
        words.append(f"{head}_{{{index}}}{slash}{rest}" if mark else _GREEK.sub(r"\\\1", word))
    return r"\ell_{1}" if name == "l1" else " ".join(words)


@latex.register
def _(point: BifurcationPoint) -> str:
    values = ", ".join([*_parameters(point, latex, _digits_latex), _state(point, latex, _digits_latex)])
    parts = [rf"{phrase(_kind(point) + ' at ')} \left({values}\right)"]
    if point.coefficients:
        parts.append(_coefficients_latex(point))
    return r",\quad ".join(parts)


@to_dict.register
def _(found: Bifurcations) -> dict[str, Any]:
    return {
        "kind": "bifurcations",
        "model": found.system.name,
        "system": found.system.kind,
        "parameter": [str(symbol) for symbol in found.parameter],
        "interval": [interval(span) for span in found.interval],
        "box": [interval(span) for span in found.box],
        "complete": found.complete,
        "undecided": [interval(span) for span in found.undecided],
        "points": [to_dict(point) for point in found],
        "branches": [to_dict(branch) for branch in found.branches],
        "remarks": list(found.remarks),
    }


@to_dict.register
def _(point: BifurcationPoint) -> dict[str, Any]:
    exact = point.exact_state
    return {
        "kind": point.kind,
        "parameter": ball_data(point.parameter),
        "second_parameter": None if point.second is None else ball_data(point.second),
        "state": [ball_data(ball) for ball in point.state],
        "eigenvalues": [ball_data(value) for value in point.eigenvalues],
        "coefficients": {name: ball_data(ball) for name, ball in point.coefficients.items()},
        "criticality": point.criticality,
        "nondegenerate": point.nondegenerate,
        "status": point.status,
        "conditions": list(point.conditions),
        "exact": {
            "parameter": _formula(point.exact_parameter),
            "second_parameter": _formula(point.exact_second),
            "state": None if exact is None else [expression(part) for part in exact],
            "coefficients": {name: expression(value) for name, value in point.exact_coefficients.items()},
        },
    }


def _formula(expr: sp.Expr | None) -> dict[str, str] | None:
    return None if expr is None else expression(expr)


@text.register
def _(branch: Branch) -> str:
    span = f"[{branch.parameter.min():.6g}, {branch.parameter.max():.6g}]" if len(branch) else "nowhere"
    stable = int(branch.stable.sum())
    return f"branch of fixed points: {len(branch)} points, {stable} of them stable, parameter in {span} (approximate)"


@latex.register
def _(branch: Branch) -> str:
    return phrase(text(branch))


@to_dict.register
def _(branch: Branch) -> dict[str, Any]:
    return {
        "kind": "branch",
        "parameter": branch.parameter.tolist(),
        "states": branch.states.tolist(),
        "stable": branch.stable.tolist(),
        "closed": branch.closed,
    }
