"""Words of users in pictures, where a dollar sign would start a formula."""

from __future__ import annotations

import sympy as sp

from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.present.dispatch import text

__all__ = ["activation_title", "literal"]

_TITLE = 40  # signs of a name or a formula that stands in a title


def literal(words: str) -> str:
    r"""Words in which no dollar starts a formula, with a question mark for signs that the font of pictures lacks.

    >>> print(literal("5 $"))
    5 \$
    """
    return "".join(map(_drawn, words)).replace("$", r"\$")


def _drawn(sign: str) -> str:
    if sign.isascii() and sign.isprintable():
        return sign
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = sign.isprintable() and get_font(findfont(FontProperties())).get_char_index(ord(sign))
    return sign if known else "?"


def activation_title(phi: Activation) -> str:
    """The name of an activation, shortened if it is long, or its formula if it has no name and the formula is short.

    >>> import symgrad as sg
    >>> activation_title(sg.activation("tanh"))
    'tanh'
    """
    formula = text(phi.expr.xreplace({VARIABLE: sp.Symbol("x", real=True)}))
    shown = formula if phi.name == "phi" and len(formula) <= _TITLE else phi.name
    return literal(shown if len(shown) <= _TITLE else f"{shown[: _TITLE - 3]}...")
