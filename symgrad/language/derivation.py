"""Derivations: chains of equations and inequalities between scalars, each step with the rule that gives it."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symgrad.presentable import Presentable

__all__ = ["Derivation", "DerivationRule", "DerivationStep"]


@dataclass(frozen=True)
class DerivationRule:
    """A theorem about scalars that steps of a derivation name.

    Attributes:
        name: short, in plain words.
        statement: the theorem as LaTeX.
        source: where it is proved.
    """

    name: str
    statement: str
    source: str


@dataclass(frozen=True)
class DerivationStep:
    """One step.

    Attributes:
        rule: the theorem used.
        relation: what it gives: a SymPy equation or inequality, unevaluated (``sympy.Eq(a, b, evaluate=False)``).
        note: a remark in plain words, such as the hypothesis that was checked; may be empty.
    """

    rule: DerivationRule
    relation: sp.Basic
    note: str = ""


@dataclass(frozen=True)
class Derivation(Presentable):
    """A chain of steps that ends in what was to be shown.

    Attributes:
        claim: what is derived, in words.
        steps: in order; the last one's relation is the result.
    """

    claim: str
    steps: tuple[DerivationStep, ...]

    @property
    def conclusion(self) -> sp.Basic:
        """The relation of the last step."""
        return self.steps[-1].relation
