"""Formulas as MathML, which browsers display by themselves: without a script, a font or a host to fetch them from."""

from __future__ import annotations

import re
from html import escape
from xml.etree.ElementTree import Element, tostring

from symgrad.errors import SymgradError

__all__ = ["formula_html", "left_over", "mathml"]

# The converter does not say on which side a bar stands, so each is carried through as a character of its own.
_BARS = {
    r"\bigl\lVert": ("\ue000", '<mo form="prefix" fence="true" minsize="1.4em">‖</mo>'),
    r"\bigr\rVert": ("\ue001", '<mo form="postfix" fence="true" minsize="1.4em">‖</mo>'),
    r"\lVert": ("\ue002", '<mo form="prefix" fence="true" stretchy="false">‖</mo>'),
    r"\rVert": ("\ue003", '<mo form="postfix" fence="true" stretchy="false">‖</mo>'),
}
_WORD = re.compile(
    r"(?P<before><mrow>|(?:\(|‖)</mo>)?"
    r"<m[io]>(?P<word>[A-Za-z]{2,})</m[io]>"
    r"(?P<bracket>(?:<mi>′</mi></msup>)?(?:<mrow>)?<mo [^>]*>\()?"
)
_THIN = "0.167em"
_REFERENCE = re.compile(r"&#x([0-9A-Fa-f]{5});")
_OPERATOR = re.compile(r"\\operatorname\*?\{([^{}\\]*[^A-Za-z{}\\][^{}\\]*)\}")
_SIGN = re.compile(r"\\(.)", re.DOTALL)
_SIGNS = {sign: chr(0xE010 + place) for place, sign in enumerate("_%#&$")}
_BACK = str.maketrans({character: sign for sign, character in _SIGNS.items()})
_RULES = re.compile(r"\\(?:toprule|midrule|bottomrule)\b")
_SPACED_END = re.compile(r"\\\\\s*\[[\d.]+\w+\]")
_LEFT_OVER = re.compile(r">[^<]*?(\\[a-zA-Z]+|[\ue000-\ue01f])")

# What a formula may consist of: no link, no style and no handler of events gets through, whatever its words say.
_ELEMENTS = re.compile(
    "math|m(row|i|o|n|text|space|s|sub|sup|subsup|under|over|underover|multiscripts|prescripts|frac|sqrt|root|table|tr|"
    "td|labeledtr|style|padded|phantom|enclose|error)|none"
)
_ATTRIBUTES = re.compile(
    "xmlns|display|form|fence|stretchy|(min|max)size|[lr]space|symmetric|largeop|movablelimits|accent(under)?|"
    "linethickness|displaystyle|scriptlevel|mathvariant|(column|row)(align|lines|spacing)|width|height|depth|voffset|"
    "linebreak|notation|separator"
)


def mathml(formula: str, display: str = "block") -> str:
    r"""A formula in LaTeX as MathML, with TeX's spaces around bars and words.

    Words of users in it are text of the result and never markup.

    Args:
        formula: in LaTeX, without delimiters.
        display: ``"block"`` or ``"inline"``.

    Raises:
        SymgradError: latex2mathml is missing; the formula is not LaTeX.

    >>> print(mathml(r"x \le \text{<b>}", "inline"))  # doctest: +ELLIPSIS
    <math xmlns="..." display="inline"><mrow><mi>x</mi><mo>≤</mo><mtext>&lt;b&gt;</mtext></mrow></math>
    """
    tree = _converted(_prepared(formula), display)
    _clean(tree)
    text = tostring(tree, encoding="unicode").replace("<mi>;</mi>", "<mo>;</mo>")
    for character, element in _BARS.values():
        text = re.sub(f"<m[ion][^>]*>{character}</m[ion]>", element, text)
    text = re.sub(r"<mo[^>]*>\|</mo>", '<mo lspace="0" rspace="0" stretchy="false">|</mo>', text)
    return _WORD.sub(_spaced, text)


def left_over(markup: str) -> str | None:
    r"""The first LaTeX command that a formula's MathML still has as its text; None if there is none.

    >>> left_over(mathml(r"\fitted{x}")), left_over(mathml("x"))
    ('\\fitted', None)
    """
    found = _LEFT_OVER.search(markup)
    return found[1] if found else None


def formula_html(formula: str, display: str = "block") -> str:
    r"""A formula as MathML, or as its source where it is not LaTeX that can be converted.

    >>> formula_html(r"\fitted{<b>}", "inline")
    '<code class="tex">\\fitted{&lt;b&gt;}</code>'
    """
    try:
        markup = mathml(formula, display)
    except _NotConverted:
        return f'<code class="tex">{escape(formula)}</code>'
    return markup if left_over(markup) is None else f'<code class="tex">{escape(formula)}</code>'


class _NotConverted(SymgradError):
    """A formula that the converter does not take."""


def _converted(formula: str, display: str) -> Element:
    try:
        from latex2mathml.converter import convert_to_element
    except ImportError:
        raise SymgradError("formulas in HTML need latex2mathml: pip install 'symgrad[report]'") from None
    try:
        return convert_to_element(formula, display=display)
    except Exception as error:  # the converter raises errors of many kinds
        raise _NotConverted(f"formula: no MathML for {formula!r}: {type(error).__name__}") from None


def _prepared(formula: str) -> str:
    """The same formula in the part of LaTeX that the converter knows."""
    formula = _SIGN.sub(lambda match: _SIGNS.get(match[1], match[0]), formula)  # the converter keeps their backslash
    formula = re.sub(r"\\B(ig[lr])", r"\\b\1", formula)
    formula = _SPACED_END.sub(r"\\\\", formula)
    formula = formula.replace("{aligned}", "{split}")
    formula = formula.replace(r"\begin{gathered}", r"\begin{array}{c}").replace(r"\end{gathered}", r"\end{array}")
    formula = _OPERATOR.sub(lambda match: rf"\text{{{match[1]}}}", _RULES.sub(r"\\hline", formula))
    for command, (character, _) in _BARS.items():
        formula = re.sub(rf"(?<!\\left)(?<!\\right){re.escape(command)}(?![a-zA-Z])", character, formula)
    return formula


def _clean(tree: Element) -> None:
    """Plain characters instead of references to them, and nothing but mathematics."""
    for element in tree.iter():
        element.tag = element.tag if _ELEMENTS.fullmatch(element.tag) else "mrow"
        for name in [name for name in element.attrib if not _ATTRIBUTES.fullmatch(name)]:
            del element.attrib[name]
        element.text, element.tail = _plain(element.text), _plain(element.tail)
    for table in tree.iter("mtable"):
        _rule(table)


def _rule(table: Element) -> None:
    """Mark the rows above lines and the columns left of lines: browsers leave the table's own attribute out."""
    rows = [row for row in table if row.tag == "mtr"]
    for row, line in zip(rows, table.attrib.pop("rowlines", "").split(), strict=False):
        if line == "solid":
            row.set("class", "ruled")
    lines = table.attrib.pop("columnlines", "").split()
    for cells in rows:
        for cell, line in zip(cells, lines, strict=False):
            if line == "solid":
                cell.set("class", "ruled")


def _plain(text: str | None) -> str | None:
    return None if text is None else _REFERENCE.sub(lambda match: chr(int(match[1], 16)), text).translate(_BACK)


def _spaced(found: re.Match[str]) -> str:
    """A word such as max or diag with a thin space on each side, but for brackets."""
    left = "0" if found["before"] is not None else _THIN
    right = "0" if found["bracket"] else _THIN
    word = f'<mo lspace="{left}" rspace="{right}">{found["word"]}</mo>'
    return (found["before"] or "") + word + (found["bracket"] or "")
