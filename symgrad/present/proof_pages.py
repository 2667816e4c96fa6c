"""A proof on pages: what the names mean, a table of steps that breaks over pages, and the rules with their sources."""

from __future__ import annotations

import re

from symgrad.bounds.inequality import Rule
from symgrad.bounds.proof import Proof, Step
from symgrad.present.documents import body, equation_lines, fitted
from symgrad.present.notation import LATEX
from symgrad.present.proof_numbers import StepNumbers
from symgrad.present.proofs import (
    LEMMA,
    THEOREM,
    lemma_equation,
    numbered_lines,
    proof_definitions,
    proof_rules,
    proof_writer,
)
from symgrad.present.quantities import QuantityWriter
from symgrad.present.scalars import prose

__all__ = ["proof_body"]

_WIDTH = 62  # of a statement, in digits
_SHARE = 0.66  # the same of the width of the text
_NEXT = "\\\\\n\\noalign{{\\vskip {}}}\n"  # unlike the optional argument of a line end it also parts high lines
_TABLE = (
    r"\begin{longtable}{@{}r@{\quad}>{$\displaystyle}w{l}{0.66\textwidth}<{$}@{\quad}"
    r">{\raggedright\arraybackslash}p{0.24\textwidth}@{}}"
)


@body.register
def _(proof: Proof) -> str:
    return proof_body(proof)


def proof_body(proof: Proof, numbers: StepNumbers | None = None) -> str:
    """A proof on pages, with numbers below the bounds where there are weights."""
    lemmas = [line for lemma in proof.lemmas for line in (_heading(lemma), *_derivation(lemma, numbers))]
    title = [rf"\subsection*{{{THEOREM}}}"] if proof.lemmas else []
    rules = [_rule(rule) for rule in proof_rules(proof)]
    return "\n".join(
        [
            *lemmas,
            *title,
            *_derivation(proof, numbers),
            r"\subsection*{Rules}",
            r"\begin{description}",
            *rules,
            r"\end{description}",
        ]
    )


def _heading(lemma: Proof) -> str:
    return rf"\subsection*{{{LEMMA}}}{equation_lines([lemma_equation(lemma, LATEX)])}"


def _derivation(proof: Proof, numbers: StepNumbers | None) -> list[str]:
    """What the names mean, and the table of steps."""
    writer = proof_writer(proof, LATEX)
    rows = [_row(step, writer, numbers) for step in proof]
    definitions = proof_definitions(proof, writer)
    return [
        *([equation_lines(definitions)] if definitions else []),
        _TABLE,
        _NEXT.format("1.2ex").join(rows),
        r"\end{longtable}",
    ]


def _row(step: Step, writer: QuantityWriter, numbers: StepNumbers | None) -> str:
    """Number, statement, and the rule with what it uses."""
    lines = [fitted(line, _SHARE) for line in numbered_lines(step, writer, numbers, _WIDTH)]
    return f"({step.number}) & {_stacked(lines)} & {_reason(step)}"


def _stacked(lines: list[str]) -> str:
    """Lines of one statement one below the other, the first on the line of the step's number."""
    if len(lines) == 1:
        return lines[0]
    return r"\begin{array}[t]{@{}l@{}}" + _NEXT.format("0.8ex").join(lines) + r"\end{array}"


def _reason(step: Step) -> str:
    used = f" from {', '.join(f'({number})' for number in step.premises)}" if step.premises else ""
    hypotheses = "".join(rf"\newline if {prose(words)}" for words in step.rule.hypotheses)
    return rf"{prose(step.rule.name)}{used}{{\footnotesize{hypotheses}}}"


def _rule(rule: Rule) -> str:
    """A rule with its theorem and, smaller, where it is proved."""
    statement = re.sub(r",(\\ |\\quad\b)", r",\1\\allowbreak ", rule.statement)  # a long theorem breaks at its commas
    return (
        rf"\item[{{\normalfont {prose(rule.name)}:}}] ${statement}$"
        rf"\\{{\footnotesize {prose(rule.source)}}}"
    )
