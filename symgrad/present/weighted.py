"""Bounds in weighted norms in print: rates and constants by name, the least of several bounds, and what they mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sympy as sp

from symgrad.bounds.inequality import Inequality
from symgrad.bounds.weighted_quantities import WeightedDifferentialNorm, WeightedProductNorm, geometric_parts
from symgrad.bounds.weighted_rules import GAMMA, C
from symgrad.language.entrywise import EntrywiseModulus, PerronRatio
from symgrad.language.norms import NORMS, Norm, SpectralRadius
from symgrad.present.layout import Equation
from symgrad.present.matrix_entries import sum_terms, written_matrix
from symgrad.present.notation import LATEX
from symgrad.present.vocabulary import Vocabulary
from symgrad.present.writer import Term

__all__ = ["WeightedWriter"]

_RATIOS = {
    sp.oo: (r"\frac{\max_{i} #_{i}}{\min_{i} #_{i}}", "max(#)/min(#)", "#"),
    sp.Integer(1): (r"\frac{\max_{i} @_{i}}{\min_{i} @_{i}}", "max(@)/min(@)", "@"),
    sp.Integer(2): (
        r"\frac{\max_{i} \sqrt{@_{i} / #_{i}}}{\min_{i} \sqrt{@_{i} / #_{i}}}",
        "max(sqrt(@/#))/min(sqrt(@/#))",
        "#@",
    ),
}


class WeightedWriter:
    """Writes what is known of products in weighted norms.

    Args:
        vocabulary: the names of one model's symbols.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary, self.notation = vocabulary, vocabulary.notation
        self.moduli = vocabulary.letter("N", "A", "B")
        self._rate = vocabulary.letter("gamma", "lambda", "mu")
        self._constant = vocabulary.letter("C", "K", "L")

    def terms(self, expr: sp.Expr) -> list[Term]:
        """An expression as the terms of a sum."""
        return sum_terms(self.vocabulary, self._named(expr))

    def scalar(self, expr: sp.Expr) -> str:
        """An expression, with a letter for a matrix of blocks."""
        return self.vocabulary.scalar(self._named(expr))

    def _named(self, expr: sp.Expr) -> sp.Expr:
        names: dict[sp.Basic, sp.Basic] = {GAMMA: _like(GAMMA, self._rate), C: _like(C, self._constant)}
        names |= {item: sp.MatrixSymbol(self.moduli, *item.shape) for item in _long_matrices([expr])}
        named: sp.Expr = expr.xreplace(names)
        return named

    def blocks(self, matrix: sp.BlockMatrix) -> tuple[str, list[Equation]]:
        """A matrix of blocks, and what the names in it stand for."""
        if self.vocabulary.model.is_scalar:
            return written_matrix(self.vocabulary, self.moduli, matrix.as_explicit())
        return written_matrix(self.vocabulary, self.moduli, matrix.blocks)

    def matrix_equations(self, exprs: Iterable[sp.Expr]) -> list[Equation]:
        """What the letter for a long matrix stands for in some expressions."""
        lines = []
        for matrix in _long_matrices(exprs):
            if isinstance(matrix, sp.BlockMatrix):
                written, entries = self.blocks(matrix)
                lines += [Equation(self.moduli, "=", [(False, written)]), *entries]
            else:
                terms = [(False, self.vocabulary.scalar(term)) for term in sp.MatAdd.make_args(matrix)]
                lines.append(Equation(self.moduli, "=", terms))
        return lines

    def explained(self, item: Inequality) -> list[Equation]:
        """What the letters in an inequality stand for that no step before it has explained."""
        if isinstance(item.bound, sp.BlockMatrix):
            return self.blocks(item.bound)[1]
        in_sum = isinstance(item.quantity, WeightedProductNorm) and item.quantity.kind == "perron"
        return self.matrix_equations([item.bound]) if in_sum and not item.bound.atoms(sp.BlockMatrix) else []

    def least(self, written: Sequence[str]) -> str:
        """The least of several bounds, each once."""
        each = list(dict.fromkeys(written))
        if len(each) == 1:
            return each[0]
        listed = ", ".join(each)
        return rf"\min\left({listed}\right)" if self.notation is LATEX else f"min({listed})"

    def series(self, quantity: WeightedDifferentialNorm, premises: Sequence[Inequality]) -> str:
        """The sum of the powers of a rate times its constant and the source, of several states the norm of theirs."""
        notation, scalar = self.notation, self.vocabulary.scalar
        product, *rows = premises
        constant, rate = geometric_parts(product.bound, vars(product.quantity)["k"])
        base = self.scalar(rate) if rate == GAMMA else notation.brackets(self.scalar(rate))
        total = notation.total(notation.power(base, "k"), scalar(quantity.first), f"{scalar(quantity.steps)}-1")
        size = notation.norm(notation.matrix([[scalar(row.bound)] for row in rows]), quantity.norm)
        if len(rows) == 1:
            size = notation.brackets(scalar(rows[0].bound)) if rows[0].bound.is_Add else scalar(rows[0].bound)
        factors = [] if constant == 1 else [self.scalar(constant)]
        factors += [] if len(rows) == 1 and rows[0].bound == 1 else [size]
        return notation.product([*factors, total])

    def meanings(self, exprs: Iterable[sp.Expr], kinds: Collection[str], jacobian: str, norm: Norm) -> list[Equation]:
        """What rates and constants are that have no closed form, or a name only."""
        ratios = {atom: None for expr in exprs for atom in expr.atoms(PerronRatio)}
        found = [self._ratio(atom) for atom in ratios]
        if "diagonal" in kinds:
            found += self._diagonal(jacobian, norm)
        if "quadratic" in kinds:
            found += self._quadratic(jacobian, norm)
        return found

    def _ratio(self, atom: PerronRatio) -> Equation:
        """The ratio of the entries of Perron vectors."""
        typeset, plain, used = _RATIOS[NORMS[atom.p].p]
        names = dict(zip("#@", self.vocabulary.letters("v", "w", "x", "y"), strict=False))
        matrix = self.moduli if _long_matrices([atom]) else self.scalar(atom.matrix)
        inner = self.notation.brackets(matrix) if " " in matrix else matrix
        radius = self.notation.radius(matrix)
        sides = {
            "#": f"{self.notation.product([inner, '#'])} = {self.notation.product([radius, '#'])}",
            "@": f"{self.notation.product(['@^{T}', inner])} = {self.notation.product([radius, '@^{T}'])}",
        }
        if self.notation is not LATEX:
            sides["@"] = f"@'*{inner} = {radius}*@'"
        meaning = [typeset if self.notation is LATEX else plain, *(sides[name] for name in used)]
        joined = (r",\quad " if self.notation is LATEX else ", ").join(meaning)
        for sign, name in names.items():
            joined = joined.replace(sign, name)
        return Equation(self.scalar(atom), "=", [(False, joined)])

    def _diagonal(self, jacobian: str, norm: Norm) -> list[Equation]:
        """The norm with weights that the rate holds in."""
        S = self.vocabulary.letter("S", "D", "Z")
        inverse = self.notation.power(S, "-1")
        scaled = self.notation.norm(self.notation.product([S, jacobian, inverse]), NORMS[sp.Integer(2)])
        size = rf"\kappa_{{2}}\left({S}\right)" if self.notation is LATEX else f"cond({S})"
        words = self._words(norm, size, f"diagonal {S}")
        return [Equation(scaled, self.notation.less_or_equal, [(False, f"{self.letter(GAMMA)}{words}")])]

    def _quadratic(self, jacobian: str, norm: Norm) -> list[Equation]:
        """The quadratic norm that the rate holds in."""
        P = self.vocabulary.letter("P", "Q", "R")
        if self.notation is LATEX:
            left, sign, size = (
                rf"{jacobian}^{{T}} {P} {jacobian}",
                r"\preceq",
                rf"\sqrt{{\kappa_{{2}}\left({P}\right)}}",
            )
            right = rf"{self.letter(GAMMA)}^{{2}} {P}"
        else:
            left, sign, size = f"{jacobian}'*{P}*{jacobian}", "<=", f"sqrt(cond({P}))"
            right = f"{self.letter(GAMMA)}**2*{P}"
        return [Equation(left, sign, [(False, f"{right}{self._words(norm, size, f'positive definite {P}')}")])]

    def _words(self, norm: Norm, size: str, kind: str) -> str:
        """What goes with the rate: the constant, and where both come from."""
        constant = f"{self.letter(C)} = {size}" if norm.p == 2 else ""
        space = r",\quad " if self.notation is LATEX else ", "
        words = self.notation.words(f"{kind}, found for given weights")
        return space + (f"{constant}{space}" if constant else "") + words

    def letter(self, symbol: sp.Symbol) -> str:
        """What stands for the rate, or for the constant."""
        return self.notation.plain(self._named(symbol))


def _long_matrices(exprs: Iterable[sp.Expr]) -> list[sp.Expr]:
    """The matrices whose Perron vectors or spectral radius occur, but for the moduli of a single weight."""
    atoms = [atom for expr in exprs for atom in expr.atoms(PerronRatio, SpectralRadius)]
    found = {atom.matrix for atom in atoms}
    kept = [matrix for matrix in found if not matrix.is_symbol and not _is_short(matrix)]
    return sorted(kept, key=str) if len(kept) > 1 else kept  # in words a matrix of blocks is long


def _is_short(matrix: sp.Expr) -> bool:
    return isinstance(matrix, EntrywiseModulus) and isinstance(matrix.matrix, sp.MatrixSymbol)


def _like(symbol: sp.Symbol, name: str) -> sp.Symbol:
    return symbol if symbol.name == name else sp.Symbol(name, **symbol.assumptions0)
