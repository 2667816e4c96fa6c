"""Results that consist of statements and a derivation, in print."""

from __future__ import annotations

from typing import Any

from symgrad.design.statements import StatedResult
from symgrad.design.verification import Verification
from symgrad.language.derivation import Derivation
from symgrad.present.data import expression, number
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.documents import body, display
from symgrad.present.scalars import prose

__all__ = ["derivation_body"]


@text.register
def _(result: StatedResult) -> str:
    rows = [f"  {item.words}: {_relation(item.relation)}" for item in result.statements]
    return "\n".join([f"{result.title}", *rows])


@latex.register
def _(result: StatedResult) -> str:
    rows = [rf"& {latex(item.relation)} && \text{{{prose(item.words)}}}" for item in result.statements]
    chain = "\\begin{aligned}\n" + " \\\\[1ex]\n".join(rows) + "\n\\end{aligned}"
    parts = [rf"\text{{{prose(result.title)}}}", chain, latex(result.derivation)]
    return "\n".join([r"\begin{array}{l}", " \\\\[2ex]\n".join(parts), r"\end{array}"])


@to_dict.register
def _(result: StatedResult) -> dict[str, Any]:
    rows = [{"words": item.words, "relation": expression(item.relation)} for item in result.statements]
    kind = type(result).__name__
    return {"kind": kind, "title": result.title, "statements": rows, "derivation": to_dict(result.derivation)}


@text.register
def _(check: Verification) -> str:
    head = f"{check.claim}: {check.verdict.value} in {len(check.cases)} cases against {check.against}"
    worst = f"; largest ratio to the bound {check.worst:.6g}" if check.cases else ""
    return "\n".join([head + worst, *(f"  {failure}" for failure in check.failures)])


@latex.register
def _(check: Verification) -> str:
    rows = [rf"\text{{{prose(line.strip())}}}" for line in text(check).splitlines()]
    return "\\begin{array}{l}\n" + " \\\\\n".join(rows) + "\n\\end{array}"


@to_dict.register
def _(check: Verification) -> dict[str, Any]:
    cases = [
        {"words": c.words, "observed": number(c.observed), "bound": number(c.bound), "side": c.side, "holds": c.holds}
        for c in check.cases
    ]
    return {
        "kind": "verification",
        "claim": check.claim,
        "against": check.against,
        "verdict": check.verdict.value,
        "worst": number(check.worst),
        "cases": cases,
    }


def _relation(relation: Any) -> str:
    if getattr(relation, "rel_op", None) is None:
        return str(text(relation))
    return f"{text(relation.lhs)} {relation.rel_op.replace('==', '=')} {text(relation.rhs)}"


@body.register
def _(result: StatedResult) -> str:
    rows = [f"{_sentence(item.words)}:\n{display(latex(item.relation))}" for item in result.statements]
    return "\n\n".join([f"{_sentence(result.title)}.", *rows, derivation_body(result.derivation)])


def derivation_body(derivation: Derivation) -> str:
    """The steps one below the other, so that long derivations break over pages."""
    rows = [rf"\subsection*{{Derivation: {prose(derivation.claim)}}}"]
    for count, step in enumerate(derivation.steps, 1):
        note = f", {prose(step.note)}" if step.note else ""
        rows.append(f"({count}) {_sentence(step.rule.name)}{note}:\n{display(latex(step.relation))}")
    rows.append(r"\subsection*{Rules}")
    for rule in dict.fromkeys(step.rule for step in derivation.steps):
        rows.append(f"{_sentence(rule.name)}:\n{display(rule.statement)}\n{prose(rule.source)}.")
    return "\n\n".join(rows)


def _sentence(words: str) -> str:
    return prose(words[:1].upper() + words[1:])
