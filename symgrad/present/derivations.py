"""Derivations of scalars in print: one row a step, each with its rule; then the rules."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.relational import Relational

from symgrad.language.derivation import Derivation, DerivationRule
from symgrad.present.data import expression
from symgrad.present.dispatch import latex, text, to_dict

__all__: list[str] = []


def _rules(derivation: Derivation) -> list[DerivationRule]:
    """The rules used, each once, in order."""
    return list(dict.fromkeys(step.rule for step in derivation.steps))


@text.register
def _(derivation: Derivation) -> str:
    rows = [f"{derivation.claim}:"]
    for step in derivation.steps:
        note = f"; {step.note}" if step.note else ""
        rows.append(f"  {_relation(step.relation)}    [{step.rule.name}{note}]")
    sources = [f"  [{rule.name}] {rule.source}" for rule in _rules(derivation)]
    return "\n".join([*rows, "Rules:", *sources])


@latex.register
def _(derivation: Derivation) -> str:
    rows = []
    for step in derivation.steps:
        note = rf"\text{{ ({_plain(step.note)})}}" if step.note else ""
        rows.append(rf"& {latex(step.relation)} && \text{{{_plain(step.rule.name)}}}{note}")
    rules = [rf"\text{{{_plain(rule.name)}:}}\quad {rule.statement}" for rule in _rules(derivation)]
    chain = "\\begin{aligned}\n" + " \\\\[1ex]\n".join(rows) + "\n\\end{aligned}"
    return "\n".join([r"\begin{array}{l}", " \\\\[2ex]\n".join([chain, *rules]), r"\end{array}"])


@to_dict.register
def _(derivation: Derivation) -> dict[str, Any]:
    steps = [
        {"rule": step.rule.name, "relation": expression(step.relation), "note": step.note} for step in derivation.steps
    ]
    rules = [{"name": r.name, "statement": r.statement, "source": r.source} for r in _rules(derivation)]
    return {"kind": "derivation", "claim": derivation.claim, "steps": steps, "rules": rules}


def _relation(relation: sp.Basic) -> str:
    if not isinstance(relation, Relational):
        return text(relation)
    sign = relation.rel_op.replace("==", "=")
    return f"{text(relation.lhs)} {sign} {text(relation.rhs)}"


def _plain(words: str) -> str:
    """Words with the characters escaped that TeX would read as commands."""
    return "".join("\\" + c if c in "#$%&_{}" else r"\textasciicircum{}" if c == "^" else c for c in words)
