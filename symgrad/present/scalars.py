"""SymPy's printers for scalars and matrices, with the step of each state and input, readable decimals and norms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from symgrad.language.elementwise import ActivatedMatrix, ActivatedScalar, Activation
from symgrad.language.entrywise import EntrywiseModulus, PerronRatio
from symgrad.language.layers import LayerMatrix, LayerScalar
from symgrad.language.logarithmic_norm import LogarithmicNorm
from symgrad.language.norms import NORMS, MinimumModulus, OperatorNorm, SmallestSingularValue, SpectralRadius
from symgrad.present.harmless import harmless
from symgrad.present.numbers import Decimals

__all__ = ["LatexScalars", "TextScalars", "function_latex", "phrase", "primed", "prose", "stepped_latex"]

_LONG_FRACTION = 24  # words above a line for each one below from which on factors stand beside it, where lines break
_SPECIAL = re.compile(r"[#%&$]")
_UNDERSCORE = re.compile(r"(?<!\\)_")
_SUBSCRIPTS = re.compile(r"_\{[^{}]*\}")
_SUBSCRIPTED = re.compile(r"([^_]+)_(?:\{([^{}]*)\}|([0-9A-Za-z]))")
_SIGNS = {"<=": r"\le", ">=": r"\ge", "^": r"\hat{\ }", "_": r"\_", "|": "|", "<": "<", ">": ">"}
_SIGNS |= {"{": r"\{", "}": r"\}", "\\": r"\backslash ", "~": r"\sim "}


def _escaped_sign(match: re.Match[str]) -> str:
    return "\\" + match[0]


def stepped_latex(name: str, step: str) -> str:
    r"""The LaTeX of a name with a step added to its subscript.

    >>> stepped_latex("h", "t-1"), stepped_latex(r"\hat{h}_1", "t"), stepped_latex("W_{a}^{b}", "t")
    ('h_{t-1}', '\\hat{h}_{1,t}', '{W_{a}^{b}{}}_{t}')
    """
    if match := _SUBSCRIPTED.fullmatch(name):
        return f"{match[1]}_{{{match[2] or match[3]},{step}}}"
    # The empty group keeps TeX from taking a single letter with its scripts out of the braces again.
    return f"{{{name}{{}}}}_{{{step}}}" if "_" in name else f"{name}_{{{step}}}"


def _listed(name: str) -> str:
    r"""A name whose subscripts are kept apart, as in ``W_{hf,l0}`` for ``W_hf_l0``."""
    return _SUBSCRIPTS.sub(lambda match: match[0].replace(" ", ","), name)


def function_latex(function: Activation) -> str:
    r"""The LaTeX of a function's name; primes stand outside a name that has a superscript of its own.

    >>> import symgrad as sg
    >>> function_latex(sg.activation("tanh").derivative), function_latex(sg.activation("relu_squared").derivative)
    ("\\tanh'", "{\\operatorname{ReLU}^2{}}'")
    """
    primes = len(function.name) - len(function.name.rstrip("'"))
    base = harmless((function.latex or "").rstrip("'")) or _upright(function.name.rstrip("'"))
    return primed(base) + "'" * (primes - 1) if primes else base


def primed(name: str) -> str:
    """The LaTeX of a derivative's name."""
    return f"{{{name}{{}}}}'" if "^" in name else f"{name}'"


def _upright(name: str) -> str:
    if len(name) == 1 and name.isalpha():
        return name
    return rf"\operatorname{{{_UNDERSCORE.sub(chr(92) * 2 + '_', harmless(name))}}}"


def phrase(words: str) -> str:
    r"""Words inside a formula; the few signs that text mode has no letters for are set as mathematics.

    >>> print(phrase("0 <= z in 50 %"))
    \text{0 }\le\text{ z in 50 \%}
    """
    return "".join(part if is_sign else rf"\text{{{part}}}" for is_sign, part in _parts(words))


def prose(words: str) -> str:
    r"""Words outside of formulas.

    >>> print(prose("0 <= z in 50 %"))
    0 $\le$ z in 50 \%
    """
    return "".join(f"${part}$" if is_sign else part for is_sign, part in _parts(words))


def _parts(words: str) -> list[tuple[bool, str]]:
    """Signs in LaTeX, and the words between them."""
    plain = "".join(sign if sign.isprintable() else " " for sign in words)
    parts = [part for part in re.split(r"(<=|>=|[\^_|<>{}\\~])", plain) if part]
    return [(part in _SIGNS, _SIGNS.get(part) or _SPECIAL.sub(_escaped_sign, part)) for part in parts]


@lru_cache(maxsize=4096)  # the same few symbols stand in every line
def _with_scripts(name: str, style: str) -> str:
    """The name of a symbol with its sub- and superscripts, as SymPy reads them."""
    return str(LatexPrinter()._deal_with_super_sub(name, style))


class LatexScalars(LatexPrinter):
    """SymPy expressions as LaTeX, with given names for some symbols and functions."""

    def __init__(
        self,
        names: Mapping[sp.Basic, str] | None = None,
        function: Callable[[Activation], str] | None = None,
        dots: bool = False,
    ) -> None:
        settings = {"mul_symbol": "dot" if dots else None, "mat_delim": "[", "long_frac_ratio": _LONG_FRACTION}
        super().__init__(settings)
        self.names = names or {}
        self.function = function or function_latex
        self.decimals = Decimals(r"\ldots")

    def doprint(self, expr: Any) -> str:
        """The LaTeX of an expression."""
        return str(super().doprint(self.decimals.put_into(expr)))

    def _print(self, expr: Any, **kwargs: Any) -> str:
        if isinstance(expr, (LayerMatrix, LayerScalar)):
            return stepped_latex(LatexScalars().doprint(expr.symbol), self._print(expr.index))
        if isinstance(expr, (ActivatedScalar, ActivatedMatrix)):
            return rf"{self.function(expr.activation)}\left({self._print(expr.argument)}\right)"
        return str(super()._print(expr, **kwargs))

    def parenthesize(self, item: Any, level: int, is_neg: bool = False, strict: bool = False) -> str:
        """An operand, in brackets where it binds less tightly than needed; a minimum modulus has an exponent itself."""
        if isinstance(item, MinimumModulus) and level >= PRECEDENCE["Pow"]:
            return rf"\left({self._print(item)}\right)"
        return str(super().parenthesize(item, level, is_neg=is_neg, strict=strict))

    def _deal_with_super_sub(self, string: str, style: str = "plain") -> str:
        return _with_scripts(string, style)

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        return self.names.get(expr) or _listed(harmless(super()._print_Symbol(expr, style)))

    def _print_MatrixSymbol(self, expr: Any) -> str:
        return self.names.get(expr) or _listed(harmless(super()._print_MatrixSymbol(expr)))

    def _print_Float(self, expr: Any) -> str:
        return self.decimals.digits(expr) or super()._print_Float(expr)

    def _print_Identity(self, expr: Any) -> str:
        return "I"

    def _print_OneMatrix(self, expr: Any) -> str:
        rows, columns = map(self._print, expr.shape)
        return r"\mathbf{1}" if expr.shape[1] == 1 else rf"\mathbf{{1}}_{{{rows} \times {columns}}}"

    def _print_ZeroMatrix(self, expr: Any) -> str:
        return "0"

    def _print_HadamardProduct(self, expr: Any) -> str:
        return r" \odot ".join(self._factor(arg) for arg in expr.args)

    def _print_MatAdd(self, expr: Any) -> str:
        terms = sorted(map(self._print, expr.args), key=lambda term: term.startswith("-"))  # what is subtracted last
        return "".join([terms[0], *(f" {term}" if term.startswith("-") else f" + {term}" for term in terms[1:])])

    def _factor(self, expr: Any) -> str:
        inner = self._print(expr)
        return rf"\left({inner}\right)" if isinstance(expr, (sp.MatAdd, sp.MatMul)) else inner

    def _print_DiagMatrix(self, expr: Any) -> str:
        return rf"\operatorname{{diag}}\left({self._print(expr.args[0])}\right)"

    _print_DiagonalMatrix = _print_DiagMatrix


class TextScalars(StrPrinter):
    """SymPy expressions as plain text, with given names for some symbols and functions."""

    def __init__(
        self, names: Mapping[sp.Basic, str] | None = None, function: Callable[[Activation], str] | None = None
    ) -> None:
        super().__init__()
        self.names = names or {}
        self.function = function or str
        self.decimals = Decimals("...")

    def doprint(self, expr: Any) -> str:
        """The text of an expression."""
        return str(super().doprint(self.decimals.put_into(expr)))

    def _print(self, expr: Any, **kwargs: Any) -> str:
        if isinstance(expr, (LayerMatrix, LayerScalar)):
            return f"{expr.symbol}_{self._print(expr.index)}"
        if isinstance(expr, (ActivatedScalar, ActivatedMatrix)):
            return f"{self.function(expr.activation)}({self._print(expr.argument)})"
        if isinstance(expr, OperatorNorm):
            return f"||{self._print(expr.matrix)}||_{NORMS[expr.p]}"
        if isinstance(expr, SmallestSingularValue):
            return f"sigma_min({self._print(expr.matrix)})"
        if isinstance(expr, MinimumModulus):
            return f"1/||{self._print(sp.Inverse(expr.matrix))}||_{NORMS[expr.p]}"
        if isinstance(expr, LogarithmicNorm):
            return f"mu_{NORMS[expr.p]}({self._print(expr.matrix)})"
        if isinstance(expr, SpectralRadius):
            return f"rho({self._print(expr.matrix)})"
        if isinstance(expr, PerronRatio):
            return f"kappa_{NORMS[expr.p]}({self._print(expr.matrix)})"
        if isinstance(expr, EntrywiseModulus):
            return f"|{self._print(expr.matrix)}|"
        return str(super()._print(expr, **kwargs))

    def parenthesize(self, item: Any, level: int, strict: bool = False) -> str:
        """An operand, in brackets where it binds less tightly than needed; a minimum modulus is a fraction."""
        if isinstance(item, MinimumModulus) and level >= PRECEDENCE["Mul"]:
            return f"({self._print(item)})"
        return str(super().parenthesize(item, level, strict=strict))

    def _print_Symbol(self, expr: Any) -> str:
        return self.names.get(expr) or super()._print_Symbol(expr)

    def _print_MatrixSymbol(self, expr: Any) -> str:
        return self.names.get(expr) or super()._print_MatrixSymbol(expr)

    def _print_Float(self, expr: Any) -> str:
        return self.decimals.digits(expr) or super()._print_Float(expr)

    def _print_Dummy(self, expr: Any) -> str:
        return self.names.get(expr) or super()._print_Dummy(expr)

    def _print_OneMatrix(self, expr: Any) -> str:
        return f"ones({', '.join(map(self._print, expr.shape))})"

    def _print_HadamardProduct(self, expr: Any) -> str:
        return f"hadamard({', '.join(map(self._print, expr.args))})"

    def _print_Limit(self, expr: Any) -> str:
        formula, symbol, point, _ = map(self._print, expr.args)
        return f"lim({formula}, {symbol} -> {point})"

    def _print_MatrixBase(self, expr: Any) -> str:
        return "[" + ", ".join(f"[{', '.join(map(self._print, row))}]" for row in expr.tolist()) + "]"

    _print_ImmutableDenseMatrix = _print_MatrixBase

    def _print_BlockMatrix(self, expr: Any) -> str:
        return str(self._print(expr.blocks))

    def _print_Abs(self, expr: Any) -> str:
        return f"|{self._print(expr.args[0])}|"

    def _print_Interval(self, expr: Any) -> str:
        left, right = ("(" if expr.left_open else "["), (")" if expr.right_open else "]")
        return f"{left}{self._print(expr.start)}, {self._print(expr.end)}{right}"
