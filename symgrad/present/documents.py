r"""Whole LaTeX documents: what is on a page, so that long derivations break over lines and pages.

A document needs a small TeX only: the packages amsmath, amssymb, array, booktabs, geometry, graphicx and longtable.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

from symgrad.present.dispatch import latex
from symgrad.present.layout import Equation, equation_rows
from symgrad.present.lines import equations, has_equations
from symgrad.present.notation import LATEX

__all__ = ["body", "display", "document", "equation_lines", "fitted", "page"]

_HEAD = r"""\documentclass[a4paper]{article}
\usepackage[margin=2cm]{geometry}
\usepackage{amsmath,amssymb,array,booktabs,graphicx,longtable}
\allowdisplaybreaks
\setcounter{MaxMatrixCols}{99}
\setlength{\parindent}{0pt}
\setlength{\jot}{5pt}
\newsavebox{\widebox}
% A formula that is shrunk to a width if it is wider.
\newcommand{\fitted}[2]{\sbox{\widebox}{$\displaystyle #2$}%
  \ifdim\wd\widebox>#1\resizebox{#1}{!}{\usebox{\widebox}}\else\usebox{\widebox}\fi}
\begin{document}
"""
_DIGIT = 0.0104  # of the width of the text, in 10 points on A4 with margins of 2 cm
_ACCENTS = {
    "\N{COMBINING GRAVE ACCENT}": "grave",
    "\N{COMBINING ACUTE ACCENT}": "acute",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "hat",
    "\N{COMBINING TILDE}": "tilde",
    "\N{COMBINING MACRON}": "bar",
    "\N{COMBINING BREVE}": "breve",
    "\N{COMBINING DIAERESIS}": "ddot",
    "\N{COMBINING RING ABOVE}": "mathring",
    "\N{COMBINING CARON}": "check",
}
_OWN_CAPITALS = "ΓΔΘΛΞΠΣΥΦΨΩ"
_KNOWN = "¡¿ÆæßØøŒœŁłı–—‘’“”…§©"  # to pdflatex without further packages


def document(obj: Any) -> str:
    r"""A complete document about an object, for pdflatex.

    Raises:
        InputError: nothing is known about typesetting such an object.

    >>> import symgrad as sg
    >>> print(document(sg.models.elman()).splitlines()[-3])
    h_{t} &= \tanh\left(W h_{t-1} + U u_{t} + b\right)
    """
    return page(body(obj))


def page(content: str) -> str:
    """A complete document with a content."""
    return f"{_HEAD}{''.join(map(_typeable, content))}\n\\end{{document}}\n"


@singledispatch
def body(obj: Any) -> str:
    """What a document says about an object: text with displayed formulas."""
    if has_equations(obj):
        return equation_lines(equations(obj, LATEX))
    return display(latex(obj))


def display(formula: str) -> str:
    """A displayed formula, shrunk to the width of the page if it is wider."""
    return f"\\[\n{fitted(formula)}\n\\]"


def fitted(formula: str, share: float = 1.0) -> str:
    """A formula that is shrunk if it is wider than a share of the text's width."""
    return rf"\fitted{{{share:.3g}\textwidth}}{{{formula}}}"


def equation_lines(found: Sequence[Equation]) -> str:
    """Equations one below the other, over as many lines and pages as they need."""
    rows = equation_rows(found, wide=lambda line, width: fitted(line, width * _DIGIT))
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _typeable(sign: str) -> str:
    """A character as pdflatex takes it in text and formulas: Greek letters and accents by their commands.

    Signs of which its fonts know nothing are written as their code points.
    """
    if sign.isascii():
        return sign
    base, *marks = list(unicodedata.normalize("NFD", sign))
    if len(marks) == 1 and marks[0] in _ACCENTS and base.isascii():
        return rf"\ensuremath{{\{_ACCENTS[marks[0]]}{{\mathrm{{{base}}}}}}}"
    words = unicodedata.name(sign, "").split()
    if words[:1] != ["GREEK"] or words[2:3] != ["LETTER"] or len(words) != 4:
        return sign if sign in _KNOWN else rf"\ensuremath{{\text{{[U+{ord(sign):04X}]}}}}"
    name = words[3].lower().replace("lamda", "lambda")
    if words[1] == "SMALL":
        return r"\ensuremath{o}" if name == "omicron" else rf"\ensuremath{{\{name}}}"
    return rf"\ensuremath{{\{name.title()}}}" if sign in _OWN_CAPITALS else rf"\ensuremath{{{_latin(name)}}}"


def _latin(name: str) -> str:
    """The Latin letter that a Greek capital looks like."""
    return r"\mathrm{" + {"eta": "H", "rho": "P", "chi": "X"}.get(name, name[0].upper()) + "}"
