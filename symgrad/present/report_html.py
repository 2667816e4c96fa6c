"""A report as one page for browsers: formulas in MathML, pictures in SVG, derivations that fold, and no network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import count

from symgrad.bounds.proof import Proof, Step
from symgrad.language.derivation import Derivation, DerivationStep
from symgrad.present.dispatch import latex
from symgrad.present.layout import aligned
from symgrad.present.mathml import formula_html
from symgrad.present.notation import LATEX
from symgrad.present.proof_numbers import StepNumbers, numbered_proof
from symgrad.present.proofs import LEMMA, THEOREM, lemma_range, numbered_lines, proof_definitions, proof_writer
from symgrad.present.quantities import QuantityWriter
from symgrad.present.report_parts import Cell, Fold, Formula, Grid, Mark, Picture, Shown
from symgrad.present.report_writers import ReportWriter
from symgrad.present.teacher import Numbered

__all__ = ["HtmlReport", "inline_svg"]

_HEAD = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_LEFT_OUT = re.compile(r"<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_NUMBER = re.compile(r"[-+]?[\d.]+(e[-+]\d+)?")
_ID = re.compile(r'(\bid="|href="#|url\(#)')


class HtmlReport(ReportWriter):
    """For browsers. What users name is escaped; formulas, pictures and folds are this writer's own markup."""

    template = "report.html.jinja"
    picture_format = "svg"
    escapes = True
    beside = False

    def __init__(self) -> None:
        self._pictures = count(1)

    def heading(self, words: str) -> str:
        return words  # the template escapes it

    def words(self, words: str) -> str:
        return f"<p>{escape(words)}</p>"

    def subheading(self, words: str) -> str:
        return f"<h3>{escape(words)}</h3>"

    def shown(self, item: Shown) -> str:
        match item.obj:
            case Proof():
                return self._proof(item.obj, None)
            case Numbered(Proof() as proof, weights, k):
                return self._proof(*numbered_proof(proof, weights, k, LATEX))
            case Derivation():
                return self._derived(item.obj)
        return self.formula(latex(item.obj))

    def formula(self, formula: str) -> str:
        return f'<div class="math">{formula_html(formula)}</div>'

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        body = [[f"<td>{escape(cell)}</td>" for cell in row] for row in rows]
        return _table("numbers", header, body)

    def grid(self, item: Grid) -> str:
        body = [[f"<td{_kept(cell)}>{_cell(cell)}</td>" for cell in row] for row in item.rows]
        return _table("words", item.header, body)

    def code(self, lines: Sequence[str]) -> str:
        return f"<pre><code>{escape(chr(10).join(lines))}</code></pre>"

    def fold(self, item: Fold) -> str:
        return _details(escape(item.title), "\n".join(map(self.item, item.items)), item.unfolded)

    def picture(self, item: Picture) -> str:
        drawn = inline_svg(item.path.read_text(encoding="utf-8"), f"p{next(self._pictures)}-", item.words)
        return f"<figure>{drawn}<figcaption>{escape(item.words)}</figcaption></figure>"

    # --- proofs -----------------------------------------------------------------

    def _proof(self, proof: Proof, numbers: StepNumbers | None) -> str:
        parts = []
        for lemma in proof.lemmas:
            parts += [f"<h3>{LEMMA}</h3>", self.formula(lemma_range(lemma, LATEX)), *self._steps(lemma, numbers)]
        parts += [f"<h3>{THEOREM}</h3>"] if proof.lemmas else []
        return "\n".join([*parts, *self._steps(proof, numbers)])

    def _steps(self, proof: Proof, numbers: StepNumbers | None) -> list[str]:
        """What the names mean, and the steps, each of which unfolds to its rule."""
        writer = proof_writer(proof, LATEX)
        definitions = proof_definitions(proof, writer)
        steps = "\n".join(self._step(step, writer, numbers) for step in proof)
        return [*([self.formula(aligned(definitions))] if definitions else []), f'<div class="steps">{steps}</div>']

    def _step(self, step: Step, writer: QuantityWriter, numbers: StepNumbers | None) -> str:
        lines = [formula_html(line, "block") for line in numbered_lines(step, writer, numbers)]
        statement = "".join(f'<span class="line">{line}</span>' for line in lines)
        used = f" from {', '.join(f'({number})' for number in step.premises)}" if step.premises else ""
        reason = f'<span class="reason">{escape(step.rule.name + used)}</span>'
        head = f'<span class="label">({step.number})</span><span class="statement">{statement}</span>{reason}'
        return _details(head, self._rule(step.rule.statement, step.rule.hypotheses, step.rule.source), False)

    def _derived(self, derivation: Derivation) -> str:
        steps = "\n".join(self._derivation_step(place, step) for place, step in enumerate(derivation.steps, 1))
        return f'<p>{escape(derivation.claim)}:</p>\n<div class="steps">{steps}</div>'

    def _derivation_step(self, place: int, step: DerivationStep) -> str:
        statement = f'<span class="line">{formula_html(latex(step.relation))}</span>'
        note = f" ({step.note})" if step.note else ""
        reason = f'<span class="reason">{escape(step.rule.name + note)}</span>'
        head = f'<span class="label">({place})</span><span class="statement">{statement}</span>{reason}'
        return _details(head, self._rule(step.rule.statement, (), step.rule.source), False)

    def _rule(self, statement: str, hypotheses: Sequence[str], source: str) -> str:
        """The theorem that a step rests on."""
        conditions = "".join(f"<p>If {escape(words)}.</p>" for words in hypotheses)
        return f'<div class="rule">{self.formula(statement)}{conditions}<p class="source">{escape(source)}</p></div>'


def _details(head: str, content: str, unfolded: bool) -> str:
    return f"<details{' open' if unfolded else ''}><summary>{head}</summary>\n{content}\n</details>"


def _table(kind: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    return (
        f'<div class="wide"><table class="{kind}">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _kept(cell: Cell) -> str:
    """Numbers stay on one line."""
    return ' class="number"' if isinstance(cell, str) and _NUMBER.fullmatch(cell) else ""


def _cell(cell: Cell) -> str:
    match cell:
        case Formula(formula):
            return formula_html(formula, "inline")
        case Mark(words, tone):
            return f'<span class="mark {escape(tone)}">{escape(words)}</span>'
    return escape(cell)


def inline_svg(source: str, prefix: str, words: str) -> str:
    """A picture's file as part of a page: its names made unlike those of other pictures, and words for who hears it.

    Args:
        source: an SVG file as matplotlib writes it.
        prefix: put before each name in it.
        words: what it shows.
    """
    drawn = _LEFT_OUT.sub("", _HEAD.sub("", source, count=1))
    drawn = _ID.sub(rf"\g<1>{prefix}", drawn)
    opening, rest = drawn.split(">", 1)
    opening = re.sub(r'\s(?:width|height)="[^"]*"', "", opening)
    return f'{opening} role="img" aria-label="{escape(words)}">{rest.strip()}'
