"""Formulas as MathML, made when the documentation is built.

MathJax, Sphinx's default, is fetched from another host by the reader's browser, and sphinx.ext.imgmath asks for a TeX
installation at build time. Browsers display MathML themselves, so that the pages are complete without either.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.util import logging

from symgrad.present.mathml import left_over, mathml


def checked(node: nodes.Element, display: str) -> str:
    """The MathML of a node; a warning, which fails the build, where a command is unknown."""
    text = mathml(node.astext(), display)
    command = left_over(text)
    if command:
        logging.getLogger(__name__).warning("no MathML for %s in: %s", command, node.astext(), location=node)
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
