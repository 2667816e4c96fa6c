"""A report in LaTeX, and what a writer of reports has to know."""

from __future__ import annotations

import textwrap
from abc import ABC, abstractmethod
from collections.abc import Sequence

from symgrad.language.derivation import Derivation
from symgrad.present.documents import body, display, fitted, page
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

__all__ = ["LatexReport", "ReportWriter"]


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
