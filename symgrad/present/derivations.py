"""Derivations of scalars in print: one row a step, each with its rule; then the rules."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from symgrad.language.derivation import Derivation, DerivationRule
from symgrad.present.data import expression
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.scalars import phrase

__all__ = ["relation_text"]


def _rules(derivation: Derivation) -> list[DerivationRule]:
    """The rules used, each once, in order."""
    return list(dict.fromkeys(step.rule for step in derivation.steps))


@text.register
def _(derivation: Derivation) -> str:
    rows = [f"{derivation.claim}:"]
    for step in derivation.steps:
        note = f"; {step.note}" if step.note else ""
        rows.append(f"  {relation_text(step.relation)}    [{step.rule.name}{note}]")
    sources = [f"  [{rule.name}] {rule.source}" for rule in _rules(derivation)]
    return "\n".join([*rows, "Rules:", *sources])


@latex.register
def _(derivation: Derivation) -> str:
    rows = []
    for step in derivation.steps:
        note = rf"\;{phrase(f'({step.note})')}" if step.note else ""
        rows.append(rf"& {latex(step.relation)} && {phrase(step.rule.name)}{note}")
    rules = [rf"{phrase(rule.name + ':')}\quad {rule.statement}" for rule in _rules(derivation)]
    chain = "\\begin{aligned}\n" + " \\\\[1ex]\n".join(rows) + "\n\\end{aligned}"
    return "\n".join([r"\begin{array}{l}", " \\\\[2ex]\n".join([chain, *rules]), r"\end{array}"])


@to_dict.register
def _(derivation: Derivation) -> dict[str, Any]:
    steps = [
        {"rule": step.rule.name, "relation": expression(step.relation), "note": step.note} for step in derivation.steps
    ]
    rules = [{"name": r.name, "statement": r.statement, "source": r.source} for r in _rules(derivation)]
    return {"kind": "derivation", "claim": derivation.claim, "steps": steps, "rules": rules}


def relation_text(relation: sp.Basic) -> str:
    """An equation or inequality in plain characters."""
    if not isinstance(relation, Relational):
        return text(relation)
    sign = relation.rel_op.replace("==", "=")
    return f"{text(relation.lhs)} {sign} {text(relation.rhs)}"
