r"""How the parts of an expression are written: in LaTeX or in plain text, for one and the same traversal."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symgrad.language.elementwise import Activation
from symgrad.language.norms import Norm
from symgrad.present.pieces import Function, Names, Notation
from symgrad.present.scalars import LatexScalars, TextScalars, function_latex, phrase, stepped_latex

__all__ = ["LATEX", "TEXT", "Notation"]


class _Latex(Notation):
    parameters = r"\theta"
    ones = r"\mathbf{1}"
    ones_in_sum = ones
    less_or_equal = r"\le"
    greater_or_equal = r"\ge"
    element_of = r"\in"
    hadamard_binds = False
    dots = r"\cdots"
    claimed = r"\overset{?}{\le}"
    claimed_from_below = r"\overset{?}{\ge}"
    tends_to = r"\to"

    def scalar(self, expr: sp.Basic, names: Names, function: Function, dots: bool = False) -> str:
        return LatexScalars(names, function, dots).doprint(expr)

    def plain(self, symbol: sp.Expr) -> str:
        return LatexScalars().doprint(symbol)

    def stepped(self, name: str, step: str) -> str:
        return stepped_latex(name, step)

    def layered(self, name: str, layer: str) -> str:
        return stepped_latex(name, layer)

    def function(self, function: Activation) -> str:
        return function_latex(function)

    def brackets(self, inner: str) -> str:
        return rf"\left({inner}\right)"

    def product(self, factors: Sequence[str]) -> str:
        return " ".join(factors)

    def hadamard(self, factors: Sequence[str]) -> str:
        return r" \odot ".join(factors)

    def diagonal(self, vector: str) -> str:
        return rf"\operatorname{{diag}}\left({vector}\right)"

    def transposed(self, matrix: str) -> str:
        return self.power(matrix, "T")

    def kronecker(self, factors: Sequence[str]) -> str:
        return r" \otimes ".join(factors)

    def stacked(self, matrix: str) -> str:
        return rf"\operatorname{{vec}}\left({matrix}\right)"

    def norm(self, inner: str, norm: Norm) -> str:
        return rf"\left\lVert {inner}\right\rVert_{{{norm.latex}}}"

    def least(self, inner: str, norm: Norm) -> str:
        if norm.p == 2:
            return rf"\sigma_{{\min}}\left({inner}\right)"
        return rf"\left\lVert\left({inner}\right)^{{-1}}\right\rVert_{{{norm.latex}}}^{{-1}}"

    def comparison(self, matrix: str) -> str:
        return rf"\left\langle {matrix}\right\rangle"

    def modulus(self, inner: str) -> str:
        return rf"\left|{inner}\right|"

    def entry(self, vector: str) -> str:
        return rf"\left({vector}\right)_{{i}}"

    def indexed(self, matrix: str, index: str) -> str:
        return f"{matrix}_{{{index}}}"

    def power(self, base: str, exponent: str) -> str:
        return f"{{{base}{{}}}}^{{{exponent}}}" if "^" in base else f"{base}^{{{exponent}}}"

    def interval(self, low: str, high: str, open_low: bool, open_high: bool) -> str:
        return rf"\left{'(' if open_low else '['}{low}, {high}\right{')' if open_high else ']'}"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        high = any(r"\frac" in entry for row in rows for entry in row)
        body = (r" \\[1ex] " if high else r" \\ ").join(" & ".join(row) for row in rows)
        return rf"\begin{{bmatrix}}{body}\end{{bmatrix}}"

    def words(self, words: str) -> str:
        return phrase(words)

    def extreme(self, which: str, function: str) -> str:
        return rf"\{which} {function}\quad\text{{(enclosed)}}"

    def total(self, term: str, first: str, last: str) -> str:
        return rf"\sum_{{k={first}}}^{{{last}}} {term}"

    def kept(self, gradient: str, terms: str) -> str:
        return rf"\left({gradient}\right)_{{\text{{last }} {terms}}}"

    def quotient(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def radius(self, matrix: str) -> str:
        return rf"\rho\left({matrix}\right)"

    def rate(self, name: str) -> str:
        return rf"\dot{{{name}}}" if len(name) == 1 else rf"\frac{{d}}{{dt}} {name}"

    def at_time(self, name: str, time: str) -> str:
        return rf"{name}\left({time}\right)"

    def exponential(self, inner: str) -> str:
        return f"e^{{{inner}}}"

    def integral(self, term: str, variable: str, first: str, last: str) -> str:
        return rf"\int_{{{first}}}^{{{last}}} {term}\,d{variable}"

    def logarithmic_norm(self, inner: str, norm: Norm) -> str:
        return rf"\mu_{{{norm.latex}}}\left({inner}\right)"

    def partial(self, of: str, by: str) -> str:
        return rf"\frac{{\partial {of}}}{{\partial {by}}}"


class _Text(Notation):
    parameters = "theta"
    ones = "ones"
    ones_in_sum = "1"
    less_or_equal = "<="
    greater_or_equal = ">="
    element_of = "in"
    hadamard_binds = True
    dots = "..."
    claimed = "<=?"
    claimed_from_below = ">=?"
    tends_to = "->"

    def scalar(self, expr: sp.Basic, names: Names, function: Function, dots: bool = False) -> str:
        return TextScalars(names, function).doprint(expr)

    def plain(self, symbol: sp.Expr) -> str:
        return str(symbol)

    def stepped(self, name: str, step: str) -> str:
        return f"{name}[{step}]"

    def layered(self, name: str, layer: str) -> str:
        return f"{name}_{layer}" if layer.isalnum() else f"{name}_({layer})"

    def function(self, function: Activation) -> str:
        return function.name

    def brackets(self, inner: str) -> str:
        return f"({inner})"

    def product(self, factors: Sequence[str]) -> str:
        return "*".join(factors)

    def hadamard(self, factors: Sequence[str]) -> str:
        return f"hadamard({', '.join(factors)})"

    def diagonal(self, vector: str) -> str:
        return f"diag({vector})"

    def transposed(self, matrix: str) -> str:
        return f"{matrix}.T"

    def kronecker(self, factors: Sequence[str]) -> str:
        return f"kron({', '.join(factors)})"

    def stacked(self, matrix: str) -> str:
        return f"vec({matrix})"

    def norm(self, inner: str, norm: Norm) -> str:
        return f"||{inner}||_{norm}"

    def least(self, inner: str, norm: Norm) -> str:
        return f"sigma_min({inner})" if norm.p == 2 else f"1/||({inner})**-1||_{norm}"

    def comparison(self, matrix: str) -> str:
        return f"<{matrix}>"

    def modulus(self, inner: str) -> str:
        return f"|{inner}|"

    def entry(self, vector: str) -> str:
        return f"each entry of {vector}"

    def indexed(self, matrix: str, index: str) -> str:
        return f"{matrix}_{index}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base}**{exponent}"

    def interval(self, low: str, high: str, open_low: bool, open_high: bool) -> str:
        return f"{'(' if open_low else '['}{low}, {high}{')' if open_high else ']'}"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        return "[" + ", ".join(f"[{', '.join(row)}]" for row in rows) + "]"

    def words(self, words: str) -> str:
        return words

    def extreme(self, which: str, function: str) -> str:
        return f"{which} {function} (enclosed)"

    def total(self, term: str, first: str, last: str) -> str:
        return f"sum(k = {first} ... {last}) {term}"

    def kept(self, gradient: str, terms: str) -> str:
        return f"({gradient} of the last {terms})"

    def quotient(self, above: str, below: str) -> str:
        return f"({above})/({below})"

    def radius(self, matrix: str) -> str:
        return f"rho({matrix})"

    def rate(self, name: str) -> str:
        return f"d{name}/dt"

    def at_time(self, name: str, time: str) -> str:
        return f"{name}({time})"

    def exponential(self, inner: str) -> str:
        return f"exp({inner})"

    def integral(self, term: str, variable: str, first: str, last: str) -> str:
        return f"integral({variable} = {first} ... {last}) {term} d{variable}"

    def logarithmic_norm(self, inner: str, norm: Norm) -> str:
        return f"mu_{norm}({inner})"

    def partial(self, of: str, by: str) -> str:
        return f"d {f'({of})' if '/' in of else of}/d {by}"


LATEX: Notation = _Latex()
TEXT: Notation = _Text()
