"""A report in LaTeX or in Markdown, and what a writer of reports has to know."""

from __future__ import annotations

import re
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Sequence

from symgrad.bounds.inequality import Rule
from symgrad.bounds.proof import Proof, Step
from symgrad.language.derivation import Derivation
from symgrad.present.dispatch import latex
from symgrad.present.documents import body, display, fitted, page
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
from symgrad.present.report_parts import (
    Cell,
    Code,
    Fold,
    Formula,
    Grid,
    Heading,
    Item,
    Mark,
    Picture,
    Shown,
    Table,
    Words,
)
from symgrad.present.scalars import prose
from symgrad.present.statements import derivation_body
from symgrad.present.teacher import Numbered

__all__ = ["LatexReport", "MarkdownReport", "ReportWriter"]


class ReportWriter(ABC):
    """How the parts of a report are written in one format."""

    template: str
    picture_format: str
    escapes = False  # whether the template escapes what is no markup
    beside = True  # whether pictures are files beside the report

    @abstractmethod
    def heading(self, words: str) -> str:
        """The words of a heading."""

    @abstractmethod
    def words(self, words: str) -> str:
        """A paragraph of plain words."""

    @abstractmethod
    def subheading(self, words: str) -> str:
        """A small heading."""

    @abstractmethod
    def shown(self, item: Shown) -> str:
        """An object in its formulas."""

    @abstractmethod
    def formula(self, formula: str) -> str:
        """A displayed formula."""

    @abstractmethod
    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """A table."""

    @abstractmethod
    def grid(self, item: Grid) -> str:
        """A table of words and formulas."""

    @abstractmethod
    def code(self, lines: Sequence[str]) -> str:
        """Lines of a program."""

    @abstractmethod
    def fold(self, item: Fold) -> str:
        """A part with a small heading."""

    @abstractmethod
    def picture(self, item: Picture) -> str:
        """A picture."""

    def finished(self, rendered: str) -> str:
        """The whole file, from what the template gives."""
        return rendered.strip() + "\n"

    def item(self, item: Item) -> str:
        """Any part."""
        match item:
            case Words(words):
                return self.words(words)
            case Heading(words):
                return self.subheading(words)
            case Shown():
                return self.shown(item)
            case Formula(formula):
                return self.formula(formula)
            case Table(header, rows):
                return self.table(header, rows)
            case Grid():
                return self.grid(item)
            case Code(lines):
                return self.code(lines)
            case Fold():
                return self.fold(item)
            case Picture():
                return self.picture(item)


class LatexReport(ReportWriter):
    """For pdflatex."""

    template = "report.tex.jinja"
    picture_format = "pdf"

    def heading(self, words: str) -> str:
        return prose(words)

    def words(self, words: str) -> str:
        return rf"{{\raggedright {' '.join(map(_breakable, words.split()))}\par}}"

    def shown(self, item: Shown) -> str:
        return derivation_body(item.obj) if isinstance(item.obj, Derivation) else body(item.obj)

    def formula(self, formula: str) -> str:
        return display(formula)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        head = " & ".join(map(prose, header))
        lines = " \\\\\n".join(" & ".join(map(_number, row)) for row in rows)
        columns = "r" * len(header)
        return (
            f"\\begin{{longtable}}{{{columns}}}\n\\toprule\n{head} \\\\\n\\midrule\n\\endhead\n"
            f"{lines} \\\\\n\\bottomrule\n\\end{{longtable}}"
        )

    def grid(self, item: Grid) -> str:
        columns = "".join(
            rf">{{\raggedright\arraybackslash}}p{{\dimexpr {w:.3f}\textwidth-2\tabcolsep\relax}}" for w in item.widths
        )
        head = " & ".join(map(prose, item.header))
        rows = " \\\\\n".join(
            " & ".join(_typeset(*cell) for cell in zip(row, item.widths, strict=True)) for row in item.rows
        )
        return (
            f"\\begin{{longtable}}{{{columns}}}\n\\toprule\n{head} \\\\\n\\midrule\n\\endhead\n"
            f"{rows} \\\\\n\\bottomrule\n\\end{{longtable}}"
        )

    def code(self, lines: Sequence[str]) -> str:
        shown = r"\\".join(rf"\mbox{{}}{prose(line).replace('  ', '~~')}" for line in lines)
        return rf"{{\raggedright\ttfamily {shown}\par}}"

    def fold(self, item: Fold) -> str:
        return "\n\n".join([self.subheading(item.title), *map(self.item, item.items)])

    def subheading(self, words: str) -> str:
        return rf"\subsection*{{{prose(words)}}}"

    def finished(self, rendered: str) -> str:
        return page(rendered)

    def picture(self, item: Picture) -> str:
        return (
            f"\\begin{{center}}\n\\includegraphics[width=0.75\\textwidth]{{{item.path.name}}}\n\n"
            f"{prose(item.words)}\n\\end{{center}}"
        )


def _breakable(word: str) -> str:
    """A word, which may go over several lines if it is a long formula or number."""
    parts = textwrap.wrap(word, _LONGEST_WORD)
    return r"\allowbreak{}".join(map(prose, parts))


def _typeset(cell: Cell, width: float) -> str:
    """A cell of words or formulas in a column of a width."""
    match cell:
        case Formula(formula):
            return f"${fitted(formula, width - _MARGIN)}$"
        case Mark(words):
            return rf"\textbf{{{prose(words)}}}"
    return " ".join(map(_breakable, cell.split()))


def _number(cell: str) -> str:
    """A number such as ``1.5e-40`` as mathematics."""
    mantissa, mark, exponent = cell.partition("e")
    return rf"${mantissa} \cdot 10^{{{int(exponent)}}}$" if mark and exponent else f"${cell}$"


_LONGEST_WORD = 20
_MARGIN = 0.03  # of a table's column, as a share of the text's width

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
