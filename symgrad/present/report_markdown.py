"""A report in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from symgrad.bounds.inequality import Rule
from symgrad.bounds.proof import Proof, Step
from symgrad.present.dispatch import latex
from symgrad.present.layout import aligned
from symgrad.present.notation import LATEX
from symgrad.present.proof_numbers import StepNumbers, numbered_proof
from symgrad.present.proofs import (
    LEMMA,
    THEOREM,
    lemma_range,
    numbered_lines,
    proof_definitions,
    proof_rules,
    proof_writer,
)
from symgrad.present.report_parts import Cell, Fold, Formula, Grid, Mark, Picture, Shown
from symgrad.present.report_writers import ReportWriter
from symgrad.present.teacher import Numbered

__all__ = ["MarkdownReport"]

# Commands whose backslash Markdown takes for one that escapes a sign.
_SPACES = {r"\,": r"\thinspace ", r"\;": r"\thickspace ", r"\!": r"\negthinspace "}
_BRACES = {r"\{": r"\lbrace ", r"\}": r"\rbrace "}
_SPECIAL = re.compile(r"([\\`*_{}<>|$\[\]])")


class MarkdownReport(ReportWriter):
    """For GitHub and other renderers that know ``$$``."""

    template = "report.md.jinja"
    picture_format = "png"

    def heading(self, words: str) -> str:
        return self.words(words)

    def words(self, words: str) -> str:
        return _SPECIAL.sub(r"\\\1", words)

    def shown(self, item: Shown) -> str:
        match item.obj:
            case Proof():
                return self._proof(item.obj, None)
            case Numbered(Proof() as proof, weights, k):
                return self._proof(*numbered_proof(proof, weights, k, LATEX))
        return self.formula(latex(item.obj))

    def formula(self, formula: str) -> str:
        return f"$$\n{_safe(formula)}\n$$"

    def _proof(self, proof: Proof, numbers: StepNumbers | None) -> str:
        parts: list[str] = []
        for lemma in proof.lemmas:
            parts += [f"**{LEMMA}**", self.formula(lemma_range(lemma, LATEX)), *self._derivation(lemma, numbers)]
        parts += [f"**{THEOREM}**"] if proof.lemmas else []
        rules = [self._rule(rule) for rule in proof_rules(proof)]
        return "\n\n".join([*parts, *self._derivation(proof, numbers), "**Rules**", "\n".join(rules)])

    def _derivation(self, proof: Proof, numbers: StepNumbers | None) -> list[str]:
        """What the names mean, and the steps."""
        writer = proof_writer(proof, LATEX)
        steps = []
        for step in proof:
            lines = numbered_lines(step, writer, numbers)
            statement = lines[0] if len(lines) == 1 else _stacked(lines)
            steps.append(f"**({step.number})** {self._reason(step)}\n\n{self.formula(statement)}")
        definitions = proof_definitions(proof, writer)
        return [*([self.formula(aligned(definitions))] if definitions else []), *steps]

    def _reason(self, step: Step) -> str:
        used = f" from {', '.join(map(str, step.premises))}" if step.premises else ""
        hypotheses = "".join(f"; if {words}" for words in step.rule.hypotheses)
        return self.words(f"{step.rule.name}{used}{hypotheses}:")

    def _rule(self, rule: Rule) -> str:
        return f"- {self.words(rule.name)}: ${_safe(rule.statement)}$  \n  {self.words(rule.source)}"

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        lines = [map(self.words, header), ["---:"] * len(header), *rows]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

    def grid(self, item: Grid) -> str:
        lines = [map(self.words, item.header), ["---"] * len(item.header), *(map(self._cell, row) for row in item.rows)]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

    def _cell(self, cell: Cell) -> str:
        match cell:
            case Formula(formula):
                inline = _safe(formula).replace("|", r"\vert ")  # a bar would end the cell
                return f"${inline}$"
            case Mark(words):
                return f"**{self.words(words)}**"
        return self.words(cell)

    def code(self, lines: Sequence[str]) -> str:
        longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
        fence = "`" * max(longest + 1, 3)
        return "\n".join([f"{fence}python", *lines, fence])

    def fold(self, item: Fold) -> str:
        return "\n\n".join([f"**{self.words(item.title)}**", *map(self.item, item.items)])

    def subheading(self, words: str) -> str:
        return f"### {self.words(words)}"

    def picture(self, item: Picture) -> str:
        return f"![{self.words(item.words)}]({item.path.name.replace(' ', '%20')})"


def _stacked(lines: Sequence[str]) -> str:
    rows = r" \\ ".join(lines)
    return rf"\begin{{array}}{{l}}{rows}\end{{array}}"


def _safe(formula: str) -> str:
    """A formula without the backslashes that Markdown would take away."""
    words = _SPACES | _BRACES
    return re.sub(r"\\.", lambda match: words.get(match[0], match[0]), formula)
