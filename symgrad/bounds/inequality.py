"""Quantities that are bounded, and the inequalities about them, which only a rule can make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import sympy as sp

from symgrad.errors import SymgradError
from symgrad.language.nodes import Node
from symgrad.language.norms import MatrixScalar, Norm
from symgrad.language.operators import Block, Operator, Vector

__all__ = [
    "BlockLogarithmicNorms",
    "BlockNorms",
    "ComparisonOf",
    "Conclusion",
    "DifferentialNorm",
    "EntryRange",
    "FlowDifferentialNorm",
    "FlowNorm",
    "Inequality",
    "Lacking",
    "LogarithmicNormOf",
    "MinimumModulusOf",
    "OperatorNormOf",
    "ProductModulus",
    "ProductNorm",
    "Quantity",
    "RowNormOf",
    "Rule",
    "VectorNormOf",
    "rule",
    "rules_for",
]


@dataclass(frozen=True, eq=False)
class Quantity(Node):
    """What an inequality bounds, uniformly over all admissible states, inputs and steps.

    Attributes:
        words: what it is, before what it speaks of.
    """

    words: ClassVar[str] = "the quantity"


@dataclass(frozen=True, eq=False)
class OperatorNormOf(Quantity):
    """The operator norm of an operator; bounded from above by an expression."""

    words: ClassVar[str] = "the operator norm of"

    operator: Operator
    norm: Norm


@dataclass(frozen=True, eq=False)
class EntryRange(Quantity):
    """The values that entries of a vector take; enclosed by a pair (low, high)."""

    words: ClassVar[str] = "the range of the entries of"

    vector: Vector


@dataclass(frozen=True, eq=False)
class BlockNorms(Quantity):
    """The matrix of operator norms of the blocks; bounded entry by entry by a gain matrix."""

    words: ClassVar[str] = "the norms of the blocks of"

    block: Block
    norm: Norm


@dataclass(frozen=True, eq=False)
class ProductNorm(Quantity):
    """The operator norm of a product of k Jacobians taken at any k steps; bounded by an expression in k."""

    words: ClassVar[str] = "the norm of products of"

    jacobian: Operator
    k: sp.Symbol
    norm: Norm


@dataclass(frozen=True, eq=False)
class MinimumModulusOf(Quantity):
    """The least stretching of an operator, min ``||A x|| / ||x||`` over all x, bounded from below by an expression.

    For p = 2 and a square operator it is the smallest singular value; for any p and an invertible one
    ``1 / ||A^-1||_p``. Never below zero.
    """

    words: ClassVar[str] = "the minimum modulus of"

    operator: Operator
    norm: Norm


@dataclass(frozen=True, eq=False)
class ComparisonOf(Quantity):
    """The comparison matrix of the blocks: minimum moduli on the diagonal, norms with a minus sign elsewhere.

    Bounded from below entry by entry.
    """

    words: ClassVar[str] = "the comparison matrix of"

    block: Block
    norm: Norm


@dataclass(frozen=True, eq=False)
class ProductModulus(Quantity):
    """The minimum modulus of a product of k Jacobians taken at any k steps; bounded from below by an expression."""

    words: ClassVar[str] = "the minimum modulus of products of"

    jacobian: Operator
    k: sp.Symbol
    norm: Norm


@dataclass(frozen=True, eq=False)
class VectorNormOf(Quantity):
    """The norm of a vector; bounded from above by an expression."""

    words: ClassVar[str] = "the norm of"

    vector: Vector
    norm: Norm


@dataclass(frozen=True, eq=False)
class RowNormOf(Quantity):
    """The operator norm of operators side by side, ``[B_1 ... B_m]``: one state by all parameters; from above."""

    words: ClassVar[str] = "the operator norm of the row of"

    entries: tuple[Operator, ...]
    norm: Norm


@dataclass(frozen=True, eq=False)
class DifferentialNorm(Quantity):
    """The norm of a part of the sum over the steps that the last state's derivative by the parameters is.

    It is ``sum_{k=first}^{steps-1} P_k B``, where P_k is a product of the last k Jacobians and B the derivative of one
    update by the parameters, taken at any points; bounded from above by an expression in the number of steps.

    Attributes:
        jacobian: of the states, a :class:`~symgrad.language.operators.Block` where there are several.
        rows: for each state the derivatives by the parameters.
        first: the first k of the sum.
        steps: the number of steps.
        norm: of the whole.
    """

    words: ClassVar[str] = "the norm of the sum over the steps of products with"

    jacobian: Operator
    rows: tuple[tuple[Operator, ...], ...]
    first: sp.Expr
    steps: sp.Expr
    norm: Norm


@dataclass(frozen=True, eq=False)
class LogarithmicNormOf(Quantity):
    """The logarithmic norm of an operator; bounded from above by an expression, which may be negative."""

    words: ClassVar[str] = "the logarithmic norm of"

    operator: Operator
    norm: Norm


@dataclass(frozen=True, eq=False)
class BlockLogarithmicNorms(Quantity):
    """The matrix of logarithmic norms of the diagonal blocks and of norms of the others; bounded entry by entry."""

    words: ClassVar[str] = "the logarithmic norms of the blocks of"

    block: Block
    norm: Norm


@dataclass(frozen=True, eq=False)
class FlowNorm(Quantity):
    """The norm of ``dx(T)/dx(0)`` along any solution of a flow with this Jacobian; bounded by an expression in T."""

    words: ClassVar[str] = "the norm of the derivative by the initial state of the flow with the Jacobian"

    jacobian: Operator
    time: sp.Symbol
    norm: Norm


@dataclass(frozen=True, eq=False)
class FlowDifferentialNorm(Quantity):
    """The norm of a part of the integral over time that the last state's derivative by the parameters is.

    It is the integral over s from ``first`` to ``time`` of ``Phi B``, where Phi is the derivative of the last state by
    that a time s earlier and B the derivative of the right sides by the parameters there; for a flow.

    Attributes:
        jacobian: of the right sides, a :class:`~symgrad.language.operators.Block` where there are several states.
        rows: for each state the derivatives by the parameters.
        first: where the integral begins.
        time: where it ends.
        norm: of the whole.
    """

    words: ClassVar[str] = "the norm of the integral over time of propagators with"

    jacobian: Operator
    rows: tuple[tuple[Operator, ...], ...]
    first: sp.Expr
    time: sp.Expr
    norm: Norm


@dataclass(frozen=True)
class Conclusion:
    """What a rule answers when it applies.

    Attributes:
        bound: an expression; for a range a SymPy tuple (low, high), for block norms and comparisons a matrix.
        premises: the inequalities that the bound was computed from.
    """

    bound: sp.Basic
    premises: tuple[Inequality, ...] = ()


@dataclass(frozen=True)
class Lacking:
    """What a rule answers when it does not apply: the hypothesis that it lacks."""

    reason: str


Prove = Callable[[Quantity], "Inequality"]


@dataclass(frozen=True)
class Rule:
    """One theorem in the form the engine can apply.

    Attributes:
        name: short, unique.
        quantity: the type of quantity it speaks of.
        text: the theorem in plain characters.
        statement: the theorem as LaTeX.
        hypotheses: what must hold, each a phrase; none when it always holds.
        source: where it is proved.
        equality: when the bound is attained.
        apply: from a quantity (and a way to ask for premises) to a conclusion.
    """

    name: str
    quantity: type[Quantity]
    text: str
    statement: str
    hypotheses: tuple[str, ...]
    source: str
    equality: str
    apply: Callable[..., Conclusion | Lacking]

    def __call__(self, quantity: Quantity, prove: Prove, context: Any) -> Inequality | Lacking:
        """Apply the rule: the only way an :class:`Inequality` comes to be."""
        answer = self.apply(quantity, prove, context)
        if isinstance(answer, Lacking):
            return answer
        return Inequality(quantity, answer.bound, self, answer.premises, _made_by=_SEAL)


_SEAL = object()
_RULES: list[Rule] = []


def rule(
    quantity: type[Quantity], *, statement: str, source: str, equality: str, hypotheses: tuple[str, ...] = ()
) -> Callable[[Callable[..., Conclusion | Lacking]], Rule]:
    """Decorator: register a theorem. Rules for a quantity are tried in the order of registration."""

    def register(function: Callable[..., Conclusion | Lacking]) -> Rule:
        name = function.__name__.replace("_", " ")
        if any(known.name == name for known in _RULES):
            raise SymgradError(f"rule {name!r} is declared twice")
        if not function.__doc__:
            raise SymgradError(f"rule {name!r} does not state its theorem: give it a docstring")
        made = Rule(name, quantity, function.__doc__, statement, hypotheses, source, equality, function)
        _RULES.append(made)
        return made

    return register


def rules_for(kind: type[Quantity] | None = None) -> tuple[Rule, ...]:
    """All rules, or those about one type of quantity, in the order in which they are tried."""
    return tuple(item for item in _RULES if kind is None or item.quantity is kind)


class Inequality:
    """A proved statement: quantity, bound, the rule that gives it and the premises it rests on.

    Raises:
        SymgradError: when constructed by anything but a rule.
    """

    __slots__ = ("bound", "premises", "quantity", "rule")

    def __init__(
        self,
        quantity: Quantity,
        bound: sp.Basic,
        rule: Rule,
        premises: tuple[Inequality, ...],
        *,
        _made_by: object = None,
    ) -> None:
        if _made_by is not _SEAL:
            raise SymgradError("an Inequality is made by a rule; use symgrad.bounds.engine to derive one")
        for name, value in (("quantity", quantity), ("bound", bound), ("rule", rule), ("premises", premises)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an Inequality cannot be changed ({name})")

    quantity: Quantity
    bound: Any
    rule: Rule
    premises: tuple[Inequality, ...]

    @property
    def is_finite(self) -> bool:
        """Whether the bound says anything, that is, has no infinity in it."""
        return not _has_infinity(self.bound)

    def steps(self) -> Iterator[Inequality]:
        """All inequalities below this one, premises first, shared ones once."""
        seen: set[Quantity] = set()

        def visit(item: Inequality) -> Iterator[Inequality]:
            if item.quantity not in seen:
                seen.add(item.quantity)
                for premise in item.premises:
                    yield from visit(premise)
                yield item

        yield from visit(self)


def _has_infinity(expr: sp.Basic) -> bool:
    """Whether an infinity stands in an expression, other than as the p of a norm."""
    if expr in (sp.oo, -sp.oo, sp.zoo, sp.nan):
        return True
    parts = expr.args[:1] if isinstance(expr, MatrixScalar) else expr.args
    return any(map(_has_infinity, parts))
