"""StatedResult: results that consist of named statements in closed form and the derivation behind them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import sympy as sp

from symgrad.language.derivation import Derivation
from symgrad.presentable import Presentable

__all__ = ["StatedResult", "Statement"]


@dataclass(frozen=True)
class Statement:
    """A relation and what it says.

    Attributes:
        words: what the relation is about, in plain words.
        relation: a SymPy relation or expression.
    """

    words: str
    relation: sp.Basic


class StatedResult(Presentable, ABC):
    """A result with statements and a derivation; see the classes that derive from it."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What the result is, in a few words."""

    @property
    @abstractmethod
    def statements(self) -> tuple[Statement, ...]:
        """What is claimed, one relation each."""

    @property
    @abstractmethod
    def derivation(self) -> Derivation:
        """Why it holds."""
