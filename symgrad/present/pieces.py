"""What a way of writing must say: the pieces that one and the same traversal puts together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import sympy as sp

from symgrad.language.elementwise import Activation
from symgrad.language.norms import Norm

__all__ = ["Function", "Names", "Notation"]

Names = Mapping[sp.Basic, str]
Function = Callable[[Activation], str]


class Notation(ABC):
    """The pieces of one way of writing; every method returns a string."""

    identity = "I"
    zero = "0"
    ones: str
    ones_in_sum: str
    less_or_equal: str
    greater_or_equal: str
    element_of: str
    hadamard_binds: bool
    dots: str
    claimed: str
    claimed_from_below: str
    tends_to: str
    parameters: str

    @abstractmethod
    def scalar(self, expr: sp.Basic, names: Names, function: Function, dots: bool = False) -> str:
        """A SymPy expression; with dots between factors, as befits numbers."""

    @abstractmethod
    def plain(self, symbol: sp.Expr) -> str:
        """A symbol without its step."""

    @abstractmethod
    def stepped(self, name: str, step: str) -> str:
        """A name at a step such as ``t-1``."""

    @abstractmethod
    def layered(self, name: str, layer: str) -> str:
        """A name at a layer."""

    @abstractmethod
    def function(self, function: Activation) -> str:
        """The name of a function."""

    @abstractmethod
    def brackets(self, inner: str) -> str:
        """In round brackets."""

    @abstractmethod
    def product(self, factors: Sequence[str]) -> str:
        """A product of numbers and matrices."""

    @abstractmethod
    def hadamard(self, factors: Sequence[str]) -> str:
        """An entrywise product."""

    @abstractmethod
    def diagonal(self, vector: str) -> str:
        """The diagonal matrix of a vector."""

    @abstractmethod
    def transposed(self, matrix: str) -> str:
        """The transpose."""

    @abstractmethod
    def kronecker(self, factors: Sequence[str]) -> str:
        """A Kronecker product."""

    @abstractmethod
    def stacked(self, matrix: str) -> str:
        """The columns of a matrix one below the other."""

    @abstractmethod
    def norm(self, inner: str, norm: Norm) -> str:
        """An operator norm."""

    @abstractmethod
    def least(self, inner: str, norm: Norm) -> str:
        """A minimum modulus."""

    @abstractmethod
    def comparison(self, matrix: str) -> str:
        """The comparison matrix of the blocks of a matrix."""

    @abstractmethod
    def modulus(self, inner: str) -> str:
        """An absolute value."""

    @abstractmethod
    def entry(self, vector: str) -> str:
        """Any entry of a vector."""

    @abstractmethod
    def indexed(self, matrix: str, index: str) -> str:
        """An entry or block of a matrix."""

    @abstractmethod
    def power(self, base: str, exponent: str) -> str:
        """A power of an atom."""

    @abstractmethod
    def interval(self, low: str, high: str, open_low: bool, open_high: bool) -> str:
        """An interval."""

    @abstractmethod
    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        """A matrix of entries."""

    @abstractmethod
    def total(self, term: str, first: str, last: str) -> str:
        """The sum of a term over k."""

    @abstractmethod
    def kept(self, gradient: str, terms: str) -> str:
        """A gradient of which only the last terms are kept."""

    @abstractmethod
    def quotient(self, above: str, below: str) -> str:
        """A quotient of two sums."""

    @abstractmethod
    def radius(self, matrix: str) -> str:
        """A spectral radius."""

    @abstractmethod
    def words(self, words: str) -> str:
        """Plain words."""

    @abstractmethod
    def extreme(self, which: str, function: str) -> str:
        """The supremum or infimum of a function, known by an enclosure."""

    @abstractmethod
    def rate(self, name: str) -> str:
        """The time derivative of a state."""

    @abstractmethod
    def at_time(self, name: str, time: str) -> str:
        """A state at a time."""

    @abstractmethod
    def exponential(self, inner: str) -> str:
        """The exponential function of a number."""

    @abstractmethod
    def integral(self, term: str, variable: str, first: str, last: str) -> str:
        """The integral of a term over a variable."""

    @abstractmethod
    def logarithmic_norm(self, inner: str, norm: Norm) -> str:
        """A logarithmic norm."""

    @abstractmethod
    def partial(self, of: str, by: str) -> str:
        """A partial derivative."""
