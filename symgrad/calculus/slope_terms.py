"""Reading a Jacobian as constants and diagonals of slopes, shared ones once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from symgrad.calculus.enclose import BallEvaluator
from symgrad.calculus.structure import collected, gated_terms
from symgrad.calculus.unit_ranges import IntervalEvaluator
from symgrad.errors import NoBoundError
from symgrad.language.construct import compose, hadamard_vectors, scale
from symgrad.language.operators import (
    Compose,
    Diagonal,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Vector,
    Zero,
    symbols_of,
)
from symgrad.language.recurrence import Recurrence
from symgrad.language.to_sympy import vector_to_sympy
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["Slot", "SlotReader", "Source"]

Source = tuple[Literal["state", "slot"], int]
Term = tuple[int, tuple[Operator, ...]]  # the column's state, and factors whose product it is
Signal = dict[Source, Any]


@dataclass(frozen=True, eq=False)
class Slot:
    """A diagonal of slopes: their intervals (n, 1), and what it multiplies."""

    slopes: Intervals
    inside: Signal


class SlotReader:
    """Turns rows of a Jacobian into linear signals of the states and of diagonals times such signals."""

    def __init__(self, model: Recurrence, balls: BallEvaluator, intervals: IntervalEvaluator) -> None:
        self._varying = frozenset(model.variables)
        self._balls, self._intervals = balls, intervals
        self._known: dict[Any, Signal] = {}
        self.slots: list[Slot] = []

    def signal(self, terms: list[Term], rows: int) -> Signal:
        """The sum of products of operators, each applied to its state."""
        constant, diagonals, prefixed = self._sorted(terms)
        key = frozenset(constant), *(frozenset((k, frozenset(v)) for k, v in g.items()) for g in (diagonals, prefixed))
        if key not in self._known:
            self._known[key] = self._read(constant, diagonals, prefixed, rows)
        return self._known[key]

    def _read(
        self,
        constant: list[Term],
        diagonals: dict[Vector, list[Term]],
        prefixed: dict[Operator, list[Term]],
        rows: int,
    ) -> Signal:
        total: Signal = {}
        for column, factors in constant:
            matrix = self._balls.operator(compose(*factors)) if factors else self._balls.identity(rows)
            _add(total, ("state", column), matrix)
        for operator, inner in prefixed.items():
            matrix = self._balls.operator(operator)
            for source, value in self.signal(inner, matrix.ncols()).items():
                _add(total, source, self._balls.matmul(matrix, value))
        for vector, inner in diagonals.items():
            _add(total, ("slot", self._slot(vector, inner, rows)), self._balls.identity(rows))
        return total

    def _slot(self, vector: Vector, inner: list[Term], rows: int) -> int:
        while (following := self._shared(inner)) is not None:  # neighbouring diagonals are one
            vector = hadamard_vectors(vector, following)
            inner = [(column, factors[1:]) for column, factors in inner]
        slopes = self._intervals.vector(vector)
        if not slopes.is_finite:
            raise NoBoundError(
                f"no finite bound: the entries of {_shown(vector)} have no known range; declare ranges of states and "
                "inputs with model.assuming({name: sg.Interval(low, high)})"
            )
        inside = self.signal(inner, rows)
        self.slots.append(Slot(slopes, inside))
        return len(self.slots) - 1

    def _shared(self, terms: list[Term]) -> Vector | None:
        """The vector of the varying diagonal that all terms begin with."""
        first = {factors[0] if factors else None for _, factors in terms}
        head = first.pop()
        return head.vector if not first and isinstance(head, Diagonal) and self._varies(head) else None

    def _varies(self, operator: Operator) -> bool:
        return bool(symbols_of(operator) & self._varying)

    def _sorted(self, terms: list[Term]) -> tuple[list[Term], dict[Vector, list[Term]], dict[Operator, list[Term]]]:
        """Constant terms, those that begin with a varying diagonal, and those that begin with a constant."""
        constant: list[Term] = []
        diagonals: dict[Vector, list[Term]] = {}
        prefixed: dict[Operator, list[Term]] = {}
        for column, factors in self._expanded(terms):
            fixed = next((i for i, factor in enumerate(factors) if self._varies(factor)), None)
            if fixed is None:
                constant.append((column, factors))
            elif fixed:
                prefixed.setdefault(compose(*factors[:fixed]), []).append((column, factors[fixed:]))
            else:
                head = factors[0]
                assert isinstance(head, Diagonal)
                diagonals.setdefault(head.vector, []).append((column, factors[1:]))
        return constant, diagonals, prefixed

    def _expanded(self, terms: list[Term]) -> list[Term]:
        """Terms that do not begin with a sum, a product or a multiple of something that varies."""
        found: list[Term] = []
        for column, factors in terms:
            head, rest = (factors[0], factors[1:]) if factors else (None, ())
            match head:
                case Zero():
                    continue
                case Identity():
                    found += self._expanded([(column, rest)])
                case Compose(parts) if self._varies(head):
                    found += self._expanded([(column, (*parts, *rest))])
                case Scale(coefficient, operand) if self._varies(head):
                    number = scale(coefficient, Identity(operand.shape[1] if not rest else rest[0].shape[0]))
                    found += self._expanded([(column, (operand, *rest, *self._last(number, rest)))])
                case OperatorSum() if self._varies(head):
                    found += self._expanded([(column, (part, *rest)) for part in _collected(head)])
                case _:
                    found.append((column, factors))
        return found

    def _last(self, number: Operator, rest: tuple[Operator, ...]) -> tuple[Operator, ...]:
        """A multiple moved behind all other factors."""
        if not isinstance(number, Scale):
            return ()
        return (scale(number.coefficient, Identity(rest[-1].shape[1])),) if rest else (number,)


def _collected(operator: OperatorSum) -> tuple[Operator, ...]:
    """The terms of a sum, those that share what stands behind their gates taken together."""
    rests = [rest for _, rest in gated_terms(operator)]
    if len(set(rests)) == len(rests):
        return operator.terms
    together = collected(operator)
    return together.terms if isinstance(together, OperatorSum) else (together,)


def _add(total: Signal, source: Source, matrix: Any) -> None:
    total[source] = total[source] + matrix if source in total else matrix


def _shown(vector: Vector, longest: int = 120) -> str:
    written = str(vector_to_sympy(vector))
    return written if len(written) <= longest else f"{written[:longest]}..."
