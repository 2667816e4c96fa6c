"""Numbers put into formulas: what the weights make of norms, parameters and sizes, in balls and in print."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from flint import arb

from symgrad.calculus.enclose import BoundEvaluator
from symgrad.language.norms import MatrixScalar
from symgrad.present.notation import LATEX
from symgrad.present.rounded import Rounded, rounded
from symgrad.present.vocabulary import Vocabulary
from symgrad.rigor.balls import working_precision

__all__ = ["NumberWriter"]

_BITS = 128
_FEW = 4  # rows and columns of matrices that are written out in numbers


class NumberWriter:
    """Writes what expressions are for given weights.

    Args:
        vocabulary: the names of what stays a symbol.
        evaluator: the weights.
    """

    def __init__(self, vocabulary: Vocabulary, evaluator: BoundEvaluator) -> None:
        self.vocabulary, self.evaluator = vocabulary, evaluator
        self.is_latex = vocabulary.notation is LATEX
        self._relations = {"equal": "=", "about": r"\approx" if self.is_latex else "~="}

    def ball(self, expr: sp.Expr) -> arb:
        """A ball around the value of an expression."""
        with working_precision(_BITS):
            return self.evaluator.ball(expr)

    def known(self, expr: sp.Basic) -> bool:
        """Whether all that an expression depends on has a number."""
        weights = self.evaluator.weights
        symbols = expr.free_symbols - weights.values.keys() - weights.sizes.keys()
        return not symbols and expr.atoms(sp.MatrixSymbol) <= weights.values.keys()

    def digits(self, number: Rounded) -> str:
        """The digits of a number."""
        return number.latex if self.is_latex else number.text

    def relation(self, numbers: Sequence[Rounded], up: bool) -> str:
        """How what is known stands to numbers as they are written: equal, about, or bounded by them."""
        kinds = {number.kind for number in numbers}
        notation = self.vocabulary.notation
        bound = notation.less_or_equal if up else notation.greater_or_equal
        return bound if "bound" in kinds else self._relations["about" if "about" in kinds else "equal"]

    def formula(self, expr: sp.Expr) -> tuple[str, str] | None:
        """An expression with numbers in the place of norms, parameters and sizes, and how it stands to the original.

        Returns:
            Relation and formula; None where there is nothing to put in.
        """
        found = {atom: rounded(self.ball(atom), up=True) for atom in self._atoms(expr)}
        if not found:
            return None
        stand_ins = {atom: sp.Dummy(f"number{index:03d}", real=True) for index, atom in enumerate(found)}
        names = {stand_ins[atom]: self._within(self.digits(number)) for atom, number in found.items()}
        exact = all(number.kind == "equal" for number in found.values())
        written = self.vocabulary.scalar_with(expr.xreplace(stand_ins), names)
        return self._relations["equal" if exact else "about"], written

    def _atoms(self, expr: sp.Expr) -> list[sp.Basic]:
        """Norms that stand in no other norm, then the symbols outside of them."""
        norms = [atom for atom in expr.atoms(MatrixScalar) if self.known(atom)]
        outer = [atom for atom in norms if not any(atom != other and other.has(atom) for other in norms)]
        rest = expr.xreplace({atom: sp.Dummy() for atom in outer})
        symbols = [symbol for symbol in rest.free_symbols if self.known(symbol)]
        return sorted((*outer, *symbols), key=sp.default_sort_key)

    def _within(self, digits: str) -> str:
        return self.vocabulary.notation.brackets(digits) if digits.startswith("-") or "cdot" in digits else digits

    def matrix(self, content: sp.MatrixBase, up: bool) -> tuple[str, str]:
        """A matrix with each entry as a number, rounded in one direction, and how it stands to the original."""
        rows = [[rounded(self.ball(entry), up) for entry in row] for row in content.tolist()]
        written = self.vocabulary.notation.matrix([[self.digits(number) for number in row] for row in rows])
        return self.relation([number for row in rows for number in row], up), written

    def entries(self, expr: sp.MatrixExpr) -> tuple[str, str] | None:
        """A small matrix expression with each entry rounded up, and how it stands to the original; None for others."""
        sizes = [sp.sympify(size).xreplace(dict(self.evaluator.weights.sizes)) for size in expr.shape]
        if any(size > _FEW for size in sizes):
            return None
        with working_precision(_BITS):
            balls = self.evaluator.matrix(expr)
        rows = [[rounded(entry, up=True) for entry in row] for row in balls.tolist()]
        written = self.vocabulary.notation.matrix([[self.digits(number) for number in row] for row in rows])
        return self.relation([number for row in rows for number in row], up=True), written

    def value(self, ball: arb, up: bool) -> tuple[str, str]:
        """A number, rounded in a direction, and how what it bounds stands to it."""
        number = rounded(ball, up)
        return self.relation([number], up), self.digits(number)

    def power(self, constant: arb, rate: arb, exponent: str, up: bool) -> tuple[str, str]:
        """``C * rate**k`` with both numbers rounded in one direction."""
        numbers = [rounded(constant, up), rounded(rate, up)]
        notation = self.vocabulary.notation
        base = self.digits(numbers[1])
        written = notation.power(notation.brackets(base) if "cdot" in base or "e" in base else base, exponent)
        if numbers[0].kind == "equal" and numbers[0].text == "1":
            return self.relation(numbers[1:], up), written
        sign = r" \cdot " if self.is_latex else "*"
        return self.relation(numbers, up), f"{self.digits(numbers[0])}{sign}{written}"
