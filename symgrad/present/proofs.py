"""A proof in print: what the names mean, numbered steps with rule and hypotheses, and the rules with their sources."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import sympy as sp

from symgrad.bounds.inequality import DifferentialNorm, EntryRange, FlowDifferentialNorm, RowNormOf, Rule
from symgrad.bounds.proof import Audit, Proof, Step
from symgrad.bounds.weighted_quantities import WeightedDifferentialNorm
from symgrad.language.nodes import Node
from symgrad.present.breaking import folded
from symgrad.present.data import bound_data
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.equations import function_equations, range_equations
from symgrad.present.layout import Equation, broken, column_table, equation_rows, plain_lines
from symgrad.present.notation import LATEX, TEXT, Notation
from symgrad.present.parameter_rows import is_named, row_equations
from symgrad.present.proof_numbers import StepNumbers
from symgrad.present.quantities import QuantityWriter, Statement, assumed_ranges, printed_nodes
from symgrad.present.scalars import phrase
from symgrad.present.vocabulary import Vocabulary
from symgrad.present.widths import visible_length

__all__ = [
    "LEMMA",
    "THEOREM",
    "lemma_equation",
    "lemma_range",
    "numbered_lines",
    "proof_definitions",
    "proof_latex",
    "proof_rules",
    "proof_text",
    "proof_writer",
    "statement_lines",
]

_STATEMENT_WIDTH = 62
_RELATION = 3
_PHRASE_WIDTH = 60
_TEXT_WIDTHS = (3, 64, 20, 9, 30, 40)
LEMMA = "Lemma, one step maps the box of states into itself"
THEOREM = "Bound, for states in the box"
_HEADER = ("", "statement", "rule", "from", "hypothesis", "source")


_OF_PARAMETERS = DifferentialNorm, FlowDifferentialNorm, WeightedDifferentialNorm


def _printed(proof: Proof) -> list[Node]:
    return [node for step in proof for node in printed_nodes(step.inequality.quantity)]


def proof_writer(proof: Proof, notation: Notation) -> QuantityWriter:
    """What writes the quantities of a proof."""
    return QuantityWriter(proof.model, notation, _printed(proof))


def proof_definitions(proof: Proof, writer: QuantityWriter) -> list[Equation]:
    """What the names mean that the steps use."""
    printed = _printed(proof)
    return [
        *([] if isinstance(proof.conclusion.quantity, EntryRange) else writer.jacobian_equations()),
        *([writer.source_equation()] if isinstance(proof.conclusion.quantity, _OF_PARAMETERS) else []),
        *_row_definitions(proof, writer),
        *writer.shorthand.definitions(printed, spelled_out=False),
        *function_equations(writer.vocabulary, printed),
        *range_equations(writer.vocabulary, assumed_ranges(proof.conclusion)),
    ]


def _row_definitions(proof: Proof, writer: QuantityWriter) -> list[Equation]:
    """What the rows of derivatives that go by name consist of, each block once."""
    found: dict[str, Equation] = {}
    for quantity in (step.inequality.quantity for step in proof):
        if isinstance(quantity, RowNormOf) and is_named(writer.shorthand.writer, quantity.entries):
            for equation in row_equations(writer.shorthand.writer, quantity.entries):
                found.setdefault(equation.left, equation)
    return list(found.values())


def proof_rules(proof: Proof) -> list[Rule]:
    """The rules used, also in lemmas, each once, in the order of first use."""
    return list(dict.fromkeys(step.rule for part in (*proof.lemmas, proof) for step in part))


def lemma_range(lemma: Proof, notation: Notation) -> str:
    """The range of a state that a lemma is about, on one line."""
    found = lemma_equation(lemma, notation)
    return f"{found.left} {found.relation} {found.right}"


def lemma_equation(lemma: Proof, notation: Notation) -> Equation:
    """The range of a state that a lemma is about, after one step from within the box."""
    vocabulary, conclusion = Vocabulary(lemma.model, notation), lemma.conclusion
    state = next(state for state, node in lemma.model.nodes.items() if conclusion.quantity == EntryRange(node))
    name = vocabulary.new(state)
    left = name if isinstance(state, sp.Symbol) else notation.entry(name)
    low, high = conclusion.bound
    ends = vocabulary.scalar(low), vocabulary.scalar(high)
    interval = notation.interval(*ends, low == -sp.oo, high == sp.oo)
    return Equation(left, notation.element_of, [(False, interval)])


# --- LaTeX ----------------------------------------------------------------------


@latex.register
def _(proof: Proof) -> str:
    return proof_latex(proof)


def proof_latex(proof: Proof, numbers: StepNumbers | None = None) -> str:
    """A proof as one display, with numbers below the bounds where there are weights."""
    parts: list[str] = []
    for lemma in proof.lemmas:
        parts += [rf"\text{{{LEMMA}:}}\quad {lemma_range(lemma, LATEX)}", *_derivation(lemma, numbers)]
    parts += [rf"\text{{{THEOREM}:}}"] if proof.lemmas else []
    rules = [row for rule in proof_rules(proof) for row in _rule_rows(rule)]
    parts += [*_derivation(proof, numbers), _environment("array", rules, columns="{l}")]
    return _environment("array", parts, r"\\[2ex]", "{l}")


def _derivation(proof: Proof, numbers: StepNumbers | None) -> list[str]:
    """What the names mean, and the steps."""
    writer = proof_writer(proof, LATEX)
    definitions = equation_rows(proof_definitions(proof, writer))
    steps = [row for step in proof for row in _step_rows(step, writer, numbers)]
    return [_environment("aligned", rows) for rows in (definitions, steps) if rows]


def _environment(name: str, rows: Sequence[str], end: str = r"\\", columns: str = "") -> str:
    body = f" {end}\n".join(rows)
    return f"\\begin{{{name}}}{columns}\n{body}\n\\end{{{name}}}"


def numbered_lines(
    step: Step, writer: QuantityWriter, numbers: StepNumbers | None, width: float = _STATEMENT_WIDTH
) -> list[str]:
    """The lines of a step's statement, and the number that its bound is."""
    statement = writer.statement(step.inequality)
    lines = statement_lines(statement, width)
    for entry in statement.entries:
        lines += [rf"\qquad {line}" for line in statement_lines(entry, width * 0.9)]
    number = None if numbers is None else numbers.line(step)
    return lines if number is None else [*lines, rf"\qquad {number}"]


def _step_rows(step: Step, writer: QuantityWriter, numbers: StepNumbers | None) -> list[str]:
    """The rows of one step: number, statement, rule; long statements and hypotheses go on below."""
    left = numbered_lines(step, writer, numbers)
    used = f" from {', '.join(map(str, step.premises))}" if step.premises else ""
    right = [phrase(line) for line in textwrap.wrap(step.rule.name + used, _PHRASE_WIDTH)]
    for hypothesis in step.rule.hypotheses:
        right += [rf"\scriptstyle {phrase(line)}" for line in textwrap.wrap(f"if {hypothesis}", _PHRASE_WIDTH)]
    count = max(len(left), len(right))
    cells = [lines + [""] * (count - len(lines)) for lines in (left, right)]
    labels = [f"({step.number})"] + [""] * (count - 1)
    return [rf"{label} & \quad {a} && \quad {b}" for label, a, b in zip(labels, *cells, strict=True)]


def statement_lines(statement: Statement | Equation, width: float = _STATEMENT_WIDTH) -> list[str]:
    """A statement on lines of about a width; where both sides are long the relation starts a line."""
    *above, last = folded(statement.left, width)
    space = width - visible_length(last) - _RELATION
    right = broken(statement.terms, max(space, width * 3 / 4))
    first, *later = [line for part in right for line in folded(part, width * 3 / 4)]
    relation = f"{statement.relation} {first}"
    both = [f"{last} {relation}"] if visible_length(first) <= space else [last, rf"\qquad {relation}"]
    indented = [line if index == 0 else rf"\quad {line}" for index, line in enumerate([*above, *both])]
    return [*indented, *(rf"\qquad {line}" for line in later)]


def _rule_rows(rule: Rule) -> list[str]:
    """A rule with its theorem and, smaller, where it is proved."""
    source = textwrap.wrap(rule.source, 2 * _PHRASE_WIDTH)
    head = rf"\text{{{rule.name}}}:\quad {rule.statement}"
    return [head, *(rf"\quad\scriptstyle {phrase(line)}" for line in source)]


# --- plain text -----------------------------------------------------------------


def proof_text(proof: Proof, widths: Sequence[int] = _TEXT_WIDTHS, numbers: StepNumbers | None = None) -> str:
    """A proof as a table in plain text.

    Args:
        proof: the proof.
        widths: the largest width of each column: number, statement, rule, premises, hypothesis, source.
        numbers: what the bounds are for given weights.
    """
    writer = proof_writer(proof, TEXT)
    rows = [_text_row(step, writer, numbers) for step in proof]
    definitions = plain_lines(proof_definitions(proof, writer))
    own = "\n\n".join(part for part in (definitions, column_table(_HEADER, rows, widths)) if part)
    if not proof.lemmas:
        return own
    lemmas = (f"{LEMMA}: {lemma_range(item, TEXT)}\n\n{proof_text(item, widths, numbers)}" for item in proof.lemmas)
    return "\n\n".join([*lemmas, f"{THEOREM}:\n\n{own}"])


def _text_row(step: Step, writer: QuantityWriter, numbers: StepNumbers | None) -> tuple[str, ...]:
    statement = writer.statement(step.inequality)
    line = Equation(statement.left, statement.relation, statement.terms)
    premises, rule = ", ".join(map(str, step.premises)), step.rule
    hypotheses = "; ".join(rule.hypotheses)
    number = None if numbers is None else numbers.line(step)
    entries = "".join(f", {entry.left} = {entry.right}" for entry in statement.entries)
    written = f"{line.left} {line.relation} {line.right}{entries}{'' if number is None else f' {number}'}"
    return str(step.number), written, rule.name, premises, hypotheses, rule.source


@text.register
def _(proof: Proof) -> str:
    return proof_text(proof)


@latex.register
def _(audit: Audit) -> str:
    lines = [f"{_checked(audit)}{'' if audit.failures else 'all hold'}", *audit.failures]
    return _environment("array", [phrase(line) for line in lines], columns="{l}")


@text.register
def _(audit: Audit) -> str:
    return _checked(audit) + ("; ".join(audit.failures) or "all hold")


def _checked(audit: Audit) -> str:
    return f"{audit.steps} steps checked on {audit.instances} random instances each: "


# --- data -----------------------------------------------------------------------


@to_dict.register
def _(proof: Proof) -> dict[str, Any]:
    plain, typeset = proof_writer(proof, TEXT), proof_writer(proof, LATEX)
    return {
        "kind": "proof",
        "model": proof.model.name,
        "definitions": {
            "text": [f"{e.left} {e.relation} {e.right}" for e in proof_definitions(proof, plain)],
            "latex": [f"{e.left} {e.relation} {e.right}" for e in proof_definitions(proof, typeset)],
        },
        "lemmas": [to_dict(lemma) for lemma in proof.lemmas],
        "steps": [_step_data(step, plain, typeset) for step in proof],
        "rules": [_rule_data(rule) for rule in proof_rules(proof)],
    }


def _step_data(step: Step, plain: QuantityWriter, typeset: QuantityWriter) -> dict[str, Any]:
    written = {"text": plain.statement(step.inequality), "latex": typeset.statement(step.inequality)}
    return {
        "number": step.number,
        "quantity": {key: statement.left for key, statement in written.items()},
        "relation": written["text"].relation,
        "bound": bound_data(step.inequality.bound),
        "statement": {key: f"{s.left} {s.relation} {Equation('', '', s.terms).right}" for key, s in written.items()},
        "rule": step.rule.name,
        "premises": list(step.premises),
        "hypotheses": list(step.rule.hypotheses),
        "source": step.rule.source,
    }


def _rule_data(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "statement": rule.statement,
        "hypotheses": list(rule.hypotheses),
        "source": rule.source,
        "equality": rule.equality,
    }


@to_dict.register
def _(audit: Audit) -> dict[str, Any]:
    return {
        "kind": "audit",
        "holds": bool(audit),
        "steps": audit.steps,
        "instances": audit.instances,
        "failures": list(audit.failures),
    }
