"""Remedies and solved bounds in print: the value, what it guarantees, and why."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from symgrad.design.chrono import Chrono
from symgrad.design.gate_biases import ForgetBias
from symgrad.design.remedy import Remedy
from symgrad.design.solution_check import SolutionCheck
from symgrad.design.solutions import Solution, SolutionCase
from symgrad.present.ball_text import ball_data, ball_latex, ball_text
from symgrad.present.data import expression
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.documents import body, display
from symgrad.present.scalars import phrase, prose
from symgrad.rigor.balls import Enclosed, to_ball

__all__: list[str] = []

_BITS = 128


def _relation(relation: sp.Basic | str) -> str:
    """A relation as text; a conjunction with commas."""
    if isinstance(relation, str):
        return relation
    if isinstance(relation, sp.And):
        return ", ".join(map(_relation, relation.args))
    if isinstance(relation, sp.Or):
        return " or ".join(map(_relation, relation.args))
    if not isinstance(relation, Relational):
        return {sp.true: "every value", sp.false: "no value"}.get(relation, text(relation))
    return f"{text(relation.lhs)} {relation.rel_op.replace('==', '=')} {text(relation.rhs)}"


def _relation_latex(relation: sp.Basic | str) -> str:
    if isinstance(relation, str):
        return phrase(relation)
    if isinstance(relation, (sp.And, sp.Or)):
        sign = r",\quad " if isinstance(relation, sp.And) else r"\quad\text{or}\quad "
        return sign.join(map(_relation_latex, relation.args))
    if relation in (sp.true, sp.false):
        return phrase("every value" if relation == sp.true else "no value")
    return str(latex(relation))


def _extra(remedy: Remedy) -> list[tuple[str, str, str]]:
    """Lines of single kinds of remedies: words, the same in text and in LaTeX."""
    if isinstance(remedy, ForgetBias) and remedy.value is not None and remedy.difference is not None:
        classical, kept = to_ball(remedy.classical, _BITS), to_ball(remedy.retained_by_classical, _BITS)
        return [
            ("log(T - 1)", ball_text(classical), ball_latex(classical)),
            ("kept by log(T - 1)", ball_text(kept), ball_latex(kept)),
            ("difference", ball_text(remedy.difference), ball_latex(remedy.difference)),
        ]
    if isinstance(remedy, Chrono):
        mean = remedy.expected(max(1, int(remedy.longest)))
        return [("mean kept over T_max steps", ball_text(mean), ball_latex(mean))]
    return []


@text.register
def _(remedy: Remedy) -> str:
    rows = [f"{remedy.name}: {remedy.quantity}", f"  {_relation(remedy.formula)}"]
    if remedy.ball is not None:
        rows.append(f"  {remedy.parameter} = {ball_text(remedy.ball)}")
    rows.append(f"  guarantees {_relation(remedy.guarantee)}")
    rows += [f"  {words}: {value}" for words, value, _ in _extra(remedy)]
    return "\n".join([*rows, *(f"  note: {remark}" for remark in remedy.remarks)])


@latex.register
def _(remedy: Remedy) -> str:
    rows = [_relation_latex(remedy.formula)]
    if remedy.ball is not None:
        rows.append(f"{latex(remedy.parameter)} = {ball_latex(remedy.ball)}")
    rows.append(phrase("guarantees ") + _relation_latex(remedy.guarantee))
    rows += [phrase(f"{words}: ") + value for words, _, value in _extra(remedy)]
    return "\\begin{gathered}\n" + " \\\\\n".join(rows) + "\n\\end{gathered}"


@body.register
def _(remedy: Remedy) -> str:
    head = f"{prose(remedy.name.capitalize())}: {prose(remedy.quantity)}."
    notes = " ".join(f"{prose(remark[:1].upper() + remark[1:])}." for remark in remedy.remarks)
    return "\n\n".join([head, display(latex(remedy)), notes, "Derivation:", body(remedy.derivation)])


@to_dict.register
def _(remedy: Remedy) -> dict[str, Any]:
    said = remedy.guarantee
    return {
        "kind": "remedy",
        "name": remedy.name,
        "quantity": remedy.quantity,
        "parameter": str(remedy.parameter),
        "formula": expression(remedy.formula),
        "guarantee": said if isinstance(said, str) else expression(said),
        "value": None if remedy.value is None else expression(remedy.value),
        "ball": ball_data(remedy.ball),
        "remarks": list(remedy.remarks),
        "more": {words: value for words, value, _ in _extra(remedy)},
        "derivation": to_dict(remedy.derivation),
        "bounds": [to_dict(bound) for bound in remedy.bounds],
    }


def _condition(case: SolutionCase) -> str:
    return "" if case.condition == sp.true else f"if {_relation(case.condition)}: "


@text.register
def _(found: Solution) -> str:
    rows = [f"{text(found.parameter)} for which {_goal(found)}"]
    if found.complete:
        rows += [f"  {_condition(case)}{_relation(case.formula)}{_digits(case)}" for case in found.cases]
    return "\n".join([*rows, f"  {found.method}; {found.reason}"])


def _goal(found: Solution) -> str:
    return _relation(found.target.relation(found.expression, type(found.target)()))


def _digits(case: SolutionCase) -> str:
    """The ends in digits, where they are closed forms of numbers."""
    ends = [end for span in case.spans for end in dict.fromkeys((span.low, span.high))]
    shown = [e for e in ends if e.is_number and e.is_finite and not (e.is_Rational or isinstance(e, Enclosed))]
    return f"  (ends {', '.join(ball_text(to_ball(end, _BITS)) for end in shown)})" if shown else ""


@latex.register
def _(found: Solution) -> str:
    goal = _relation_latex(found.target.relation(found.expression, type(found.target)()))
    rows = []
    for case in found.cases if found.complete else ():
        condition = "" if case.condition == sp.true else phrase(" if ") + _relation_latex(case.condition)
        rows.append(_relation_latex(case.formula) + condition)
    return "\\begin{gathered}\n" + " \\\\\n".join([goal, *rows, phrase(_plain(found.reason))]) + "\n\\end{gathered}"


def _plain(sentence: str) -> str:
    """A sentence without what TeX would read as formulas."""
    return sentence.replace("_", " ").replace("**", "^").replace("^", " to the power ")


@body.register
def _(found: Solution) -> str:
    return "\n\n".join([display(latex(found)), "Derivation:", body(found.derivation)])


@to_dict.register
def _(found: Solution) -> dict[str, Any]:
    cases = [
        {
            "condition": expression(case.condition),
            "formula": expression(case.formula),
            "values": expression(case.values),
            "derivation": to_dict(case.derivation),
        }
        for case in found.cases
    ]
    return {
        "kind": "solution",
        "parameter": str(found.parameter),
        "bound": expression(found.expression),
        "target": expression(found.target.relation(found.expression, type(found.target)())),
        "method": found.method,
        "complete": found.complete,
        "impossible": found.impossible,
        "always": found.always,
        "reason": found.reason,
        "cases": cases,
    }


@text.register
def _(check: SolutionCheck) -> str:
    good = sum(point.holds for point in check.points)
    rows = [f"the solution is right at {good} of {len(check.points)} points"]
    for point in check.points:
        if not point.holds:
            others = "".join(f", {name} = {value}" for name, value in point.others)
            rows.append(f"  wrong at {sp.N(point.value, 8)}{others}: the bound is {ball_text(point.bound)}")
    return "\n".join(rows)


@latex.register
def _(check: SolutionCheck) -> str:
    return phrase(text(check).splitlines()[0])


@to_dict.register
def _(check: SolutionCheck) -> dict[str, Any]:
    points = [
        {
            "value": str(point.value),
            "others": {name: str(value) for name, value in point.others},
            "bound": ball_data(point.bound),
            "claimed": point.claimed,
            "met": point.met,
        }
        for point in check.points
    ]
    return {"kind": "solution check", "holds": check.holds, "points": points}
