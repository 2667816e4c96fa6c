"""The equations of the stationary moments of a wide random cell, and of the second moments of its Jacobian."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symgrad.calculus.jacobian import jacobian
from symgrad.errors import UnsupportedExpressionError
from symgrad.language.recurrence import Recurrence
from symgrad.meanfield.cell_jacobian import paths, second_moment, transfer_matrix
from symgrad.meanfield.cell_parameters import CellParameters
from symgrad.meanfield.entries import Entries
from symgrad.meanfield.expectations import Expectations

__all__ = ["MomentSystem", "check_wide", "moment_system"]


@dataclass(frozen=True)
class MomentSystem:
    """Expressions in moments of states and in the symbols of the variances.

    Attributes:
        updates: symbol of a moment -> its next value.
        blocks: ``lim tr(J_ij J_ij^T) / n`` of each block of the state Jacobian.
        transfer: how second moments of the gradient go back by one step, see
            ``transfer_matrix`` of ``symgrad.meanfield.cell_jacobian``.
        closures: names of the states whose law is taken as Gaussian somewhere.
    """

    updates: dict[sp.Symbol, sp.Expr]
    blocks: sp.ImmutableDenseMatrix
    transfer: sp.ImmutableDenseMatrix
    closures: tuple[str, ...]

    @property
    def mean_square(self) -> sp.Expr:
        """The mean-squared singular value of the whole state Jacobian, ``tr(J J^T)`` over its number of rows."""
        return sp.Add(*self.blocks) / self.blocks.rows

    @property
    def unknowns(self) -> tuple[sp.Symbol, ...]:
        """The moments."""
        return tuple(self.updates)


def moment_system(model: Recurrence, parameters: CellParameters) -> MomentSystem:
    """The equations for a model.

    Raises:
        UnsupportedExpressionError: an operator that is no dense weight.
    """
    entries = Entries(model.states, parameters.symbols, parameters.means)
    updates = {entries.state_symbols[state]: entries.of(node) for state, node in model.nodes.items()}
    expectations = _centred(entries, updates)
    operators = jacobian(model).blocks
    blocks = [[paths(block, entries) for block in row] for row in operators]
    squares = [[second_moment(block, block, expectations) for block in row] for row in blocks]
    transfer = transfer_matrix(blocks, expectations)
    moments = _closed(expectations, updates, [*transfer, *(square for row in squares for square in row)])
    return MomentSystem(
        moments,
        sp.ImmutableDenseMatrix(squares),
        sp.ImmutableDenseMatrix(transfer),
        tuple(sorted(state.name for state in expectations.closures)),
    )


def check_wide(model: Recurrence) -> None:
    """Refuse what has no limit of infinite width.

    Raises:
        UnsupportedExpressionError: a scalar model, a flow, states of different sizes, weights with structure.
    """
    if model.continuous or model.is_scalar:
        kind = "a flow" if model.continuous else "a scalar model"
        raise UnsupportedExpressionError(f"mean field: wide recurrent networks are meant, {model.name} is {kind}")
    sizes = {state.shape[0] for state in model.states}
    if len(sizes) > 1:
        given = ", ".join(f"{state} of size {state.shape[0]}" for state in model.states)
        raise UnsupportedExpressionError(f"mean field: states of one size are needed, got {given}")
    structured = [str(s) for s, held in model.properties.items() if any(str(p) != "orthogonal" for p in held)]
    if structured:
        raise UnsupportedExpressionError(
            f"mean field: {structured[0]} is assumed to have structure, so it is not dense"
        )


def _centred(entries: Entries, updates: dict[sp.Dummy, sp.Expr]) -> Expectations:
    """Means with as many states of mean 0 as is consistent."""
    centred = frozenset(updates)
    while True:
        expectations = Expectations(entries, updates, centred)
        kept = frozenset(state for state in centred if expectations.mean(updates[state], state) == 0)
        if kept == centred:
            return Expectations(entries, updates, centred)
        centred = kept


def _closed(
    expectations: Expectations, updates: dict[sp.Dummy, sp.Expr], needed: list[sp.Expr]
) -> dict[sp.Symbol, sp.Expr]:
    """The next value of every moment that is needed, and of those that these need."""
    found: dict[sp.Symbol, sp.Expr] = {}
    waiting = _moments(expectations, needed)
    while waiting:
        symbol = waiting.pop(0)
        states = expectations.moments[symbol]
        product = sp.Mul(*(updates[state] for state in states))
        found[symbol] = expectations.mean(product, states[0] if len(set(states)) == 1 else None)
        waiting += [s for s in _moments(expectations, [found[symbol]]) if s not in found and s not in waiting]
    return found


def _moments(expectations: Expectations, expressions: list[sp.Expr]) -> list[sp.Symbol]:
    inside = set().union(*(expr.free_symbols for expr in expressions))
    return sorted(inside & expectations.moments.keys(), key=str)
