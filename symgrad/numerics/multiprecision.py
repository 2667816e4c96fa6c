"""Simulation and products of Jacobians in any number of decimal digits, by mpmath: the reference for floats.

The values are not enclosed, but every scalar function is computed with more and more digits until its value settles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.calculus.evaluate import Evaluator
from symgrad.errors import InputError
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.operators import Vector
from symgrad.language.weights import LayerWeights, Weights
from symgrad.numerics.multiprecision_formulas import formula_value
from symgrad.numerics.running import Batch
from symgrad.numerics.sharing import Blocks

__all__ = ["MultiprecisionEvaluator", "checked_digits", "multiprecision_run", "product_log10_norms"]

Objects = NDArray[Any]

_MOST_DIGITS = 10_000
_GUARD = 10  # decimal digits beyond those wanted


def checked_digits(digits: Any) -> int:
    """A number of decimal digits, 50 unless given.

    Raises:
        InputError: not an integer from 15 to 10000.
    """
    if digits is None:
        return 50
    if isinstance(digits, bool) or not isinstance(digits, (int, np.integer)) or not 15 <= digits <= _MOST_DIGITS:
        raise InputError(f"digits: an integer from 15 to {_MOST_DIGITS} is needed, got {digits!r}")
    return int(digits)


class MultiprecisionEvaluator(Evaluator[Objects]):
    """Values of vectors and operators at one point, as matrices of mpmath's numbers, at its present precision.

    >>> import symgrad as sg
    >>> from symgrad.language.weights import bind
    >>> model = sg.models.elman()
    >>> weights = bind(model, {"W": [[2.0]], "U": [[1.0]], "b": [0.5]}, model.parameters)
    >>> with mpmath.workdps(30):
    ...     point = MultiprecisionEvaluator.of_weights(weights)
    ...     point.values |= {s: point.objects([[0.25]]) for s in model.variables}
    ...     print(point.operator(sg.jacobian(model).operator)[0, 0])
    0.560829732360865255458662549541
    """

    @classmethod
    def of_weights(cls, weights: Weights) -> MultiprecisionEvaluator:
        """The evaluator whose symbols are the parameters."""
        made = cls({}, dict(weights.sizes))
        made.values = {s: made.objects(a if a.ndim == 2 else a.reshape(-1, 1)) for s, a in weights.values.items()}
        return made

    def at(self, point: Mapping[sp.Expr, Any]) -> MultiprecisionEvaluator:
        """The evaluator with values of states and inputs put in, matrices (n, 1)."""
        other = MultiprecisionEvaluator({**self.values, **point}, {})
        other.sizes, other._matrices = self.sizes, self._matrices
        return other

    def objects(self, numbers: Any) -> Objects:
        """Numbers as a matrix of mpmath's, exactly where they are floats."""
        return np.vectorize(mpmath.mpf, otypes=[object])(np.asarray(numbers))

    def number(self, expr: sp.Expr) -> Any:
        known = {s: self.symbol(s)[0, 0] for s in expr.free_symbols if s not in self.sizes}
        return formula_value(expr.xreplace(self.sizes), known)

    def filled(self, value: sp.Expr, rows: int, columns: int) -> Objects:
        return np.full((rows, columns), self.number(value), dtype=object)

    def dense(self, matrix: sp.ImmutableDenseMatrix) -> Objects:
        return self._made([[self.number(entry) for entry in row] for row in matrix.tolist()])

    def _made(self, rows: Sequence[Sequence[Any]]) -> Objects:
        made = np.empty((len(rows), len(rows[0]) if rows else 0), dtype=object)
        for place, row in enumerate(rows):
            made[place, :] = row
        return made

    def identity(self, size: int) -> Objects:
        return self.objects(np.eye(size))

    def add(self, left: Objects, right: Objects) -> Objects:
        return left + right

    def multiply(self, left: Objects, right: Objects) -> Objects:
        return left * right

    def matmul(self, left: Objects, right: Objects) -> Objects:
        if left.shape == (1, 1) and right.shape[0] != 1:  # scalar models: a number acts on any row
            return left * right
        return np.asarray(left @ right)

    def scaled(self, number: Any, value: Objects) -> Objects:
        return number * value

    def scaled_rows(self, column: Objects, value: Objects) -> Objects:
        return column * value

    def transposed(self, value: Objects) -> Objects:
        return value.T

    def kronecker(self, left: Objects, right: Objects) -> Objects:
        return np.kron(left, right)

    def columns_below(self, value: Objects) -> Objects:
        return value.T.reshape(-1, 1)

    def assembled(self, rows: Sequence[Sequence[Objects]]) -> Objects:
        return np.block([list(row) for row in rows])

    def inverted(self, value: Objects) -> Objects:
        try:
            return self._made((mpmath.matrix(value.tolist()) ** -1).tolist())
        except ZeroDivisionError as error:
            raise InputError("weights: a matrix whose inverse is needed is singular") from error

    def function(self, activation: Activation, value: Objects) -> Objects:
        formula = activation.expr
        return np.vectorize(lambda entry: formula_value(formula, {VARIABLE: entry}), otypes=[object])(value)


def multiprecision_run(
    weights: Weights, updates: Mapping[sp.Expr, Vector], batch: Batch, digits: int
) -> dict[sp.Expr, Objects]:
    """The states of a batch, state symbol -> (T+1, n, B, 1) of mpmath's numbers."""
    states = {s: np.empty((batch.steps + 1, *a.shape), dtype=object) for s, a in batch.initial.items()}
    with mpmath.workdps(digits + _GUARD):
        evaluators = _evaluators(weights)
        for symbol, array in batch.initial.items():
            states[symbol][0] = evaluators[0].objects(array)
        for step in range(batch.steps):
            for place in range(batch.size):
                point = _point(evaluators, batch, states, step, place)
                for symbol, node in updates.items():
                    states[symbol][step + 1, :, place] = point.vector(node)
    return states


def _evaluators(weights: Weights) -> list[MultiprecisionEvaluator]:
    layers = weights.layers if isinstance(weights, LayerWeights) else (weights,)
    return [MultiprecisionEvaluator.of_weights(layer) for layer in layers]


def _point(
    evaluators: Sequence[MultiprecisionEvaluator],
    batch: Batch,
    states: Mapping[sp.Expr, Objects],
    step: int,
    place: int,
) -> MultiprecisionEvaluator:
    """The evaluator at one step of one trajectory."""
    evaluator = evaluators[step if len(evaluators) > 1 else 0]
    inputs = {s: evaluator.objects(a[step, :, place]) for s, a in batch.inputs.items()}
    return evaluator.at({**{s: a[step, :, place] for s, a in states.items()}, **inputs})


def product_log10_norms(
    weights: Weights,
    updates: Mapping[sp.Expr, Vector],
    blocks: Blocks,
    batch: Batch,
    *,
    norm: Any = 2,
    ks: Sequence[int] | None = None,
    digits: int = 50,
) -> Objects:
    """Decimal logarithms of ``||J_k ... J_1||``, (K, B) of mpmath's numbers; minus infinity for zero.

    Products are formed densely and spectral norms are singular values, by mpmath; for small matrices only.

    Args:
        weights: the parameters.
        updates: state symbol -> its next value.
        blocks: of the Jacobian.
        batch: starting points and inputs.
        norm: 1, 2 or infinity.
        ks: the numbers of factors wanted, in increasing order; all of 1 ... T unless given.
        digits: decimal digits.
    """
    wanted = range(1, batch.steps + 1) if ks is None else ks
    found = np.full((len(wanted), batch.size), -mpmath.inf, dtype=object)
    states = multiprecision_run(weights, updates, batch, digits)
    with mpmath.workdps(digits + _GUARD):
        evaluators = _evaluators(weights)
        for place in range(batch.size):
            product: Objects | None = None
            for step in range(max(wanted, default=0)):
                jacobian = _jacobian(_point(evaluators, batch, states, step, place), blocks, batch)
                product = jacobian if product is None else jacobian @ product
                if step + 1 in wanted:
                    found[list(wanted).index(step + 1), place] = _log10(_norm(product, norm))
    return found


def _jacobian(point: MultiprecisionEvaluator, blocks: Blocks, batch: Batch) -> Objects:
    sizes = [len(array) for array in batch.initial.values()]
    return np.block(
        [
            [np.broadcast_to(point.operator(entry), (rows, columns)) for entry, columns in zip(row, sizes, strict=True)]
            for row, rows in zip(blocks, sizes, strict=True)
        ]
    )


def _norm(matrix: Objects, norm: Any) -> Any:
    if norm == 2:
        return max(mpmath.svd_r(mpmath.matrix(matrix.tolist()), compute_uv=False))
    sums = abs(matrix).sum(axis=0 if norm == 1 else 1)
    return max(sums)


def _log10(value: Any) -> Any:
    return mpmath.log10(value) if value else -mpmath.inf
