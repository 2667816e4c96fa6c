"""What the snippets of all frameworks have in common: the numbers they are made from, comments, and names."""

from __future__ import annotations

import keyword
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

__all__ = ["CONSTANT", "NORMAL", "ORTHOGONAL", "LayerRecipe", "ModelRecipe", "Start", "comment", "plain", "size_names"]

NORMAL, ORTHOGONAL, CONSTANT = "normal", "orthogonal", "constant"
_WIDTH = 100


@dataclass(frozen=True)
class LayerRecipe:
    """Weights of feedforward layers.

    Attributes:
        notes: what the snippet says about itself, lines of text.
        gain: g; weights have variance ``g^2/fan``.
        fan: ``"in"``, ``"out"`` or ``"average"``, over which fan the variance is spread.
        orthogonal: whether weights are orthogonal instead of Gaussian.
        bias_std: standard deviation of the biases.
    """

    notes: tuple[str, ...]
    gain: float
    fan: str
    orthogonal: bool
    bias_std: float


@dataclass(frozen=True)
class Start:
    """How one parameter starts.

    Attributes:
        symbol: the parameter.
        kind: ``"normal"`` of standard deviation ``value/sqrt(inputs)``, ``"orthogonal"`` times ``value``, or
            ``"constant"`` with that value.
        value: the number.
        transposed: whether the rows of a matrix are its inputs.
    """

    symbol: sp.MatrixSymbol
    kind: str
    value: float
    transposed: bool = False


@dataclass(frozen=True)
class ModelRecipe:
    """Weights of a recurrence.

    Attributes:
        notes: what the snippet says about itself, lines of text.
        starts: one a parameter.
        stacked: tensor name -> parameters in it one below the other, or empty.
        sizes: symbols of the sizes.
        left_out: parameters that the snippet leaves to the user.
    """

    notes: tuple[str, ...]
    starts: tuple[Start, ...]
    stacked: dict[str, tuple[str, ...]]
    sizes: tuple[sp.Symbol, ...]
    left_out: tuple[str, ...]


def plain(words: str) -> str:
    r"""Words on one line, in printable ASCII.

    >>> print(plain("tanh" + chr(10) + "import os" + chr(0) + chr(233)))
    tanh import os \xe9
    """
    shown = "".join(sign if sign.isprintable() else " " for sign in words)
    return shown.encode("ascii", "backslashreplace").decode("ascii")


def comment(lines: Iterable[str]) -> str:
    """Lines of text as comments, wrapped."""
    wrapped = [part for line in lines for part in textwrap.wrap(plain(line), _WIDTH, subsequent_indent="    ") or [""]]
    return "\n".join(f"# {line}".rstrip() for line in wrapped)


def size_names(sizes: Iterable[sp.Symbol]) -> dict[sp.Symbol, str]:
    """Names for sizes that are names in Python too."""
    names: dict[sp.Symbol, str] = {}
    for index, symbol in enumerate(sizes):
        name = str(symbol)
        fits = name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and len(name) <= 2
        names[symbol] = name if fits and name not in names.values() else f"size_{index}"
    return names
