"""Quantities and the inequalities about them in print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy as sp

from symgrad.bounds.inequality import (
    BlockLogarithmicNorms,
    BlockNorms,
    ComparisonOf,
    DifferentialNorm,
    EntryRange,
    Inequality,
    LogarithmicNormOf,
    MinimumModulusOf,
    OperatorNormOf,
    ProductModulus,
    ProductNorm,
    Quantity,
    RowNormOf,
    VectorNormOf,
)
from symgrad.bounds.weighted_quantities import MagnitudesOf, WeightedDifferentialNorm, WeightedProductNorm
from symgrad.calculus.jacobian import Jacobian, jacobian
from symgrad.language.nodes import Node
from symgrad.language.norms import Norm
from symgrad.language.operators import Apply, Block, Operator, Variable, Weight, children
from symgrad.language.recurrence import Recurrence
from symgrad.present.flow_quantities import FlowWriter
from symgrad.present.layout import Equation
from symgrad.present.matrix_entries import sum_terms, written_matrix
from symgrad.present.notation import Notation
from symgrad.present.parameter_rows import is_named, row_name, row_written_out
from symgrad.present.shorthand import Shorthand
from symgrad.present.weighted import WeightedWriter
from symgrad.present.writer import Term

__all__ = ["QuantityWriter", "Statement", "assumed_ranges", "is_equality", "printed_nodes"]

_LONG = 200  # characters of source from which on the Jacobian is not written out again
_FEW = 3  # layers up to here are written one by one


@dataclass(frozen=True)
class Statement:
    """An inequality in print.

    Attributes:
        left: the quantity.
        relation: equal, at most, element of.
        terms: the bound, as the terms of a sum.
        entries: what the names of entries stand for, where the bound is a wide matrix.
    """

    left: str
    relation: str
    terms: Sequence[Term]
    entries: Sequence[Equation] = ()


def is_equality(item: Inequality) -> bool:
    """Whether quantity and bound are known to be equal: by a rule that says so, applied to equalities."""
    return item.rule.equality == "always" and all(map(is_equality, item.premises))


def printed_nodes(quantity: Quantity) -> tuple[Node, ...]:
    """The vectors and operators that are written out where a quantity is printed."""
    match quantity:
        case EntryRange(vector) | VectorNormOf(vector, _):
            return (vector,)
        case (
            OperatorNormOf(operator, _)
            | MinimumModulusOf(operator, _)
            | LogarithmicNormOf(operator, _)
            | MagnitudesOf(operator)
        ) if not isinstance(operator, Block):
            return (operator,)
        case RowNormOf(entries, _):
            return entries
    return ()


def assumed_ranges(conclusion: Inequality) -> set[sp.Basic]:
    """The symbols whose declared ranges or properties a proof rests on."""
    found: set[sp.Basic] = set()
    for step in conclusion.steps():
        subject = next(iter(vars(step.quantity).values()))
        if isinstance(step.quantity, EntryRange) and isinstance(subject, Variable):
            found.add(subject.symbol)
        elif any("declared" in hypothesis for hypothesis in step.rule.hypotheses):
            found |= _weights(subject)
    return found


def _weights(node: Node) -> set[sp.Basic]:
    """The weight matrices that an operator, or the one in front of a vector, is made of."""
    if isinstance(node, Weight):
        return set(node.matrix.atoms(sp.MatrixSymbol))
    parts = (node.operator,) if isinstance(node, Apply) else children(node) if isinstance(node, Operator) else ()
    return set().union(*(_weights(part) for part in parts if isinstance(part, Operator)))


class QuantityWriter:
    """Writes quantities and inequalities of one model.

    Args:
        model: the recurrence.
        notation: LaTeX or plain text.
        printed: the nodes that will be written, to find what deserves a name.
    """

    def __init__(self, model: Recurrence, notation: Notation, printed: Sequence[Node]) -> None:
        self.model = model
        self.notation = notation
        self.derivative: Jacobian = jacobian(model)
        several = len(model.states) > 1
        self.shorthand = Shorthand(model, notation, printed, self.derivative if several else None)
        self.vocabulary = self.shorthand.vocabulary
        self.weighted = WeightedWriter(self.vocabulary)
        self.jacobian = self.vocabulary.letter("J", "F", "D")
        self.source = self.vocabulary.letter("B", "S", "C")
        self.flow = FlowWriter(self.vocabulary, self.jacobian, self.source)
        self._letters = {
            "gain": self.vocabulary.letter("G", "H", "M"),
            "comparison": self.vocabulary.letter("M", "N", "K"),
            "metzler": self.flow.matrix,
        }

    @property
    def gain(self) -> str:
        """The gain matrix, of layer l where each has its own."""
        return self._matrix("gain")

    @property
    def comparison(self) -> str:
        """The comparison matrix."""
        return self._matrix("comparison")

    def _matrix(self, kind: str) -> str:
        layered = self.model.depth is not None
        return self.notation.layered(self._letters[kind], self.vocabulary.step) if layered else self._letters[kind]

    def product(self, k: sp.Expr) -> str:
        """The product of k Jacobians."""
        notation, steps = self.notation, ("t", "t-1", f"t-{k}+1")
        if self.model.depth is not None:
            return self._over_layers(lambda layer: notation.stepped(self.jacobian, layer), k)
        first, second, last = (notation.stepped(self.jacobian, step) for step in steps)
        return notation.product([first, second, notation.dots, last])

    def _over_layers(self, factor: Callable[[str], str], k: sp.Expr) -> str:
        """The product of what each of k layers has, the last layer first."""
        if k.is_Integer and k <= _FEW:
            return self.notation.product([factor(str(layer)) for layer in range(int(k), 0, -1)])
        last = self.notation.plain(k)
        second = str(k - 1) if k.is_Integer else f"{last}-1"
        return self.notation.product([factor(last), factor(second), self.notation.dots, factor("1")])

    def power(self, kind: str, k: sp.Expr) -> str:
        """What k steps make of the gain or comparison matrix: its power, or a product over layers."""
        letter, notation = self._letters[kind], self.notation
        if self.model.depth is not None:
            return self._over_layers(lambda layer: notation.layered(letter, layer), k)
        return notation.power(letter, str(k))

    def norm(self, inner: str, norm: Norm) -> str:
        """The norm of a Jacobian or a product of them; of a scalar its absolute value."""
        single = self.model.is_scalar and len(self.model.states) == 1
        return self.notation.modulus(inner) if single else self.notation.norm(inner, norm)

    def least(self, inner: str, norm: Norm) -> str:
        """The minimum modulus of a Jacobian or a product of them; of a scalar its absolute value."""
        single = self.model.is_scalar and len(self.model.states) == 1
        return self.notation.modulus(inner) if single else self.notation.least(inner, norm)

    def quantity(self, quantity: Quantity) -> str:
        """What is bounded."""
        notation = self.notation
        at_step = self.vocabulary.stepped(self.jacobian, "t")
        match quantity:
            case EntryRange(vector):
                written = self.shorthand.writer.write(vector)
                return written if self.model.is_scalar else notation.entry(written)
            case OperatorNormOf(Block(), norm):
                return self.norm(at_step, norm)
            case OperatorNormOf(operator, norm):
                inner = self._operator(operator)
                return notation.modulus(inner) if self.model.is_scalar else notation.norm(inner, norm)
            case BlockNorms(_, norm):
                return notation.brackets(notation.norm(notation.indexed(notation.brackets(at_step), "ij"), norm))
            case ProductNorm(_, k, norm) | WeightedProductNorm(_, k, norm, _):
                return self.norm(self.product(k), norm)
            case MinimumModulusOf(operator, norm):
                inner = self._operator(operator)
                return notation.modulus(inner) if self.model.is_scalar else notation.least(inner, norm)
            case ComparisonOf():
                return notation.comparison(at_step)
            case ProductModulus(_, k, norm):
                return self.least(self.product(k), norm)
            case VectorNormOf(vector, norm):
                inner = self.shorthand.writer.write(vector)
                return notation.modulus(inner) if self.model.is_scalar else notation.norm(inner, norm)
        return self.flow.quantity(quantity, self._operator) or self._of_parameters(quantity)

    def _operator(self, operator: Operator) -> str:
        """An operator written out, but for a long Jacobian, which is explained above."""
        written = self.shorthand.writer.write(operator)
        blocks = self.derivative.blocks
        whole = len(blocks) == 1 and operator == blocks[0][0]
        return self.vocabulary.stepped(self.jacobian, "t") if whole and len(written) > _LONG else written

    def _of_parameters(self, quantity: Quantity) -> str:
        """A quantity about moduli of entries, or about derivatives by several parameters."""
        notation, stepped = self.notation, self.vocabulary.stepped
        match quantity:
            case MagnitudesOf(operator):
                block = isinstance(operator, Block)
                return notation.modulus(stepped(self.jacobian, "t") if block else self._operator(operator))
            case RowNormOf(entries, norm):
                if is_named(self.shorthand.writer, entries):
                    return notation.norm(row_name(self.vocabulary, entries), norm)
                return notation.norm(row_written_out(self.shorthand.writer, entries), norm)
            case DifferentialNorm(_, _, first, steps, norm) | WeightedDifferentialNorm(_, _, first, steps, norm):
                last = self.vocabulary.scalar(steps)
                letters = [stepped(self.jacobian, step) for step in (last, f"{last}-k+1")]
                terms = notation.product([letters[0], notation.dots, letters[1], stepped(self.source, f"{last}-k")])
                return notation.norm(notation.total(terms, self.vocabulary.scalar(first), f"{last}-1"), norm)
        raise TypeError(f"{type(quantity).__name__} has no written form")

    def statement(self, item: Inequality) -> Statement:
        """The whole inequality."""
        notation = self.notation
        if isinstance(item.quantity, EntryRange):
            relation = notation.element_of
        elif is_equality(item):
            relation = "="
        else:
            below = isinstance(item.quantity, (MinimumModulusOf, ComparisonOf, ProductModulus))
            relation = notation.greater_or_equal if below else notation.less_or_equal
        kinds: dict[type[Quantity], str] = {
            BlockNorms: "gain",
            ComparisonOf: "comparison",
            BlockLogarithmicNorms: "metzler",
        }
        kind = kinds.get(type(item.quantity))
        entries = self._named_matrix(kind, item.bound)[1] if kind else ()
        if isinstance(item.quantity, (MagnitudesOf, WeightedProductNorm)):
            entries = self.weighted.explained(item)
        return Statement(self.quantity(item.quantity), relation, self._bound(item), entries)

    def _bound(self, item: Inequality) -> list[Term]:
        notation, quantity = self.notation, item.quantity
        match quantity:
            case EntryRange():
                return [(False, self._interval(*item.bound))]
            case BlockNorms():
                return [(False, f"{self.gain} = {self._named_matrix('gain', item.bound)[0]}")]
            case OperatorNormOf(Block(), norm):
                return [(False, notation.norm(self.gain, norm))]
            case ProductNorm(Block(), k, norm):
                return [(False, notation.norm(self.power("gain", k), norm))]
            case DifferentialNorm():
                return [(False, self._series(quantity, item.premises))]
            case ComparisonOf():
                return [(False, f"{self.comparison} = {self._named_matrix('comparison', item.bound)[0]}")]
            case ProductModulus(Block(), k, norm):
                return [(False, notation.least(self.power("comparison", k), norm))]
        return self._bound_of_weights_or_flows(item)

    def _bound_of_weights_or_flows(self, item: Inequality) -> list[Term]:
        """A bound in a weighted norm, or on a flow; any other as it is."""
        match item.quantity:
            case BlockLogarithmicNorms():
                return [(False, f"{self.flow.matrix} = {self._named_matrix('metzler', item.bound)[0]}")]
        found = self.flow.bound(item)
        return self._bound_in_weighted_norms(item) if found is None else [(False, found)]

    def _bound_in_weighted_norms(self, item: Inequality) -> list[Term]:
        """The least of several bounds, or one with a letter for a long matrix; any other as it is."""
        match item.quantity:
            case MagnitudesOf(Block()):
                return [(False, f"{self.weighted.moduli} = {self.weighted.blocks(item.bound)[0]}")]
            case WeightedProductNorm(kind="best") | WeightedDifferentialNorm(kind="best"):
                written = ["".join(text for _, text in self._bound(each)) for each in item.premises if each.is_finite]
                return [(False, self.weighted.least(written))]
            case WeightedProductNorm():
                return self.weighted.terms(item.bound)
            case MagnitudesOf() if self.model.is_scalar:
                return self.sum(item.bound.as_explicit()[0, 0])
            case WeightedDifferentialNorm() as quantity:
                return [(False, self.weighted.series(quantity, item.premises))]
        return self.sum(item.bound)

    def _series(self, quantity: DifferentialNorm, premises: Sequence[Inequality]) -> str:
        """The sum of the powers of the rate times the source, or that of the powers of the gain matrix."""
        notation, scalar = self.notation, self.vocabulary.scalar
        first, last = scalar(quantity.first), f"{scalar(quantity.steps)}-1"
        rate, *sources = (premise.bound for premise in premises)
        if isinstance(quantity.jacobian, Block):
            column = self.gain_matrix(sp.ImmutableDenseMatrix(sources))
            term = notation.product([notation.power(self.gain, "k"), column])
            return notation.norm(notation.total(term, first, last), quantity.norm)
        base = scalar(rate) if rate.is_Atom and rate.is_nonnegative else notation.brackets(scalar(rate))
        factor = notation.brackets(scalar(sources[0])) if sources[0].is_Add else scalar(sources[0])
        return notation.product([factor, notation.total(notation.power(base, "k"), first, last)])

    def sum(self, expr: sp.Expr) -> list[Term]:
        """An expression as the terms of a sum."""
        return sum_terms(self.vocabulary, expr)

    def _interval(self, low: sp.Expr, high: sp.Expr) -> str:
        scalar = self.vocabulary.scalar
        return self.notation.interval(scalar(low), scalar(high), low == -sp.oo, high == sp.oo)

    def _named_matrix(self, kind: str, matrix: sp.MatrixBase) -> tuple[str, list[Equation]]:
        return written_matrix(self.vocabulary, self._letters[kind], matrix)

    def matrix_equations(self, kind: str, matrix: sp.MatrixBase) -> list[Equation]:
        """What the gain or comparison matrix is, wide entries by name."""
        written, entries = self._named_matrix(kind, matrix)
        return [Equation(self._matrix(kind), "=", [(False, written)]), *entries]

    def gain_matrix(self, gain: sp.MatrixBase) -> str:
        """A matrix of bounds."""
        return self.notation.matrix([[self.vocabulary.scalar(entry) for entry in row] for row in gain.tolist()])

    def jacobian_equations(self) -> list[Equation]:
        """What the Jacobian is, in the names used."""
        left = self.vocabulary.stepped(self.jacobian, "t")
        states = self.model.states
        if len(states) == 1:
            return [Equation(left, "=", self.shorthand.writer.terms(self.derivative.blocks[0][0]))]
        at = self.vocabulary.at
        new = self.vocabulary.new
        partials = [[self.notation.partial(new(state), at(old, "t-1")) for old in states] for state in states]
        return [Equation(left, "=", [(False, self.notation.matrix(partials))])]

    def source_equation(self) -> Equation:
        """What the derivative by the parameters is called."""
        states, vocabulary = self.model.states, self.vocabulary
        state = vocabulary.plain[states[0]] if len(states) == 1 else vocabulary.letter("x", "s", "y")
        new = self.notation.rate(state) if self.model.continuous else vocabulary.stepped(state, "t")
        written = self.notation.partial(new, self.notation.parameters)
        return Equation(vocabulary.stepped(self.source, "t"), "=", [(False, written)])
