"""Formulas as MathML, made when the documentation is built.

MathJax, Sphinx's default, is fetched from another host by the reader's browser, and sphinx.ext.imgmath asks for a TeX
installation at build time. Browsers display MathML themselves, so that the pages are complete without either.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

# The converter does not say on which side a bar stands, so each is carried through as a character of its own.
BARS = {
    r"\bigl\lVert": ("\ue000", '<mo form="prefix" fence="true" minsize="1.4em">‖</mo>'),
    r"\bigr\rVert": ("\ue001", '<mo form="postfix" fence="true" minsize="1.4em">‖</mo>'),
    r"\lVert": ("\ue002", '<mo form="prefix" fence="true" stretchy="false">‖</mo>'),
    r"\rVert": ("\ue003", '<mo form="postfix" fence="true" stretchy="false">‖</mo>'),
}
WORD = re.compile(
    r"(?P<before><mrow>|(?:&#x00028;|‖)</mo>)?"
    r"<m[io]>(?P<word>[A-Za-z]{2,})</m[io]>"
    r"(?P<bracket>(?:<mi>&#x02032;</mi></msup>)?(?:<mrow>)?<mo [^>]*>&#x00028;)?"
)
THIN = "0.167em"


def mathml(formula: str, display: str) -> str:
    """A formula in LaTeX as MathML, with TeX's spaces around bars and words."""
    formula = re.sub(r"\\B(ig[lr])", r"\\b\1", formula)
    formula = re.sub(r"\\\\\[\w+\]", r"\\\\", formula).replace("{aligned}", "{split}")
    for command, (character, _) in BARS.items():
        formula = re.sub(rf"(?<!\\left)(?<!\\right){re.escape(command)}(?![a-zA-Z])", character, formula)
    text = convert(formula, display=display).replace("<mi>;</mi>", "<mo>;</mo>")
    for character, element in BARS.values():
        text = re.sub(f"<m[io][^>]*>{character}</m[io]>", element, text)
    text = re.sub(r"<mo[^>]*>&#x0007C;</mo>", '<mo lspace="0" rspace="0" stretchy="false">|</mo>', text)
    return WORD.sub(spaced, text)


def spaced(found: re.Match[str]) -> str:
    """A word such as max or diag with a thin space on each side, but for brackets."""
    left = "0" if found["before"] is not None else THIN
    right = "0" if found["bracket"] else THIN
    word = f'<mo lspace="{left}" rspace="{right}">{found["word"]}</mo>'
    return (found["before"] or "") + word + (found["bracket"] or "")


def checked(node: nodes.Element, display: str) -> str:
    """The MathML of a node; a warning, which fails the build, where a command is unknown."""
    text = mathml(node.astext(), display)
    left_over = re.search(r">[^<]*(\\[a-zA-Z]+|[\ue000-\ue003]|&(?![#\w]+;))", text)
    if left_over:
        logging.getLogger(__name__).warning("no MathML for %s in: %s", left_over[1], node.astext(), location=node)
    return text


def visit_inline(writer: Any, node: nodes.math) -> None:
    """Write a formula of a line."""
    writer.body.append(checked(node, "inline"))
    raise nodes.SkipNode


def visit_block(writer: Any, node: nodes.math_block) -> None:
    """Write a formula of its own line; what is too wide can be scrolled."""
    writer.body.append(f'<div class="math">{checked(node, "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Offer the renderer as ``html_math_renderer = "mathml"``."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
