"""ArrayEvaluator: values of vectors and operators in floats, for a whole batch of points at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from array_api_compat import array_namespace, device

from symgrad.calculus.evaluate import Evaluator
from symgrad.errors import InputError
from symgrad.language.elementwise import Activation
from symgrad.language.operators import Compose, Diagonal, Operator, Scale
from symgrad.language.weights import LayerWeights, Weights
from symgrad.numerics import kernels
from symgrad.numerics.functions import array_function, constant_float
from symgrad.numerics.kernels import Kernel
from symgrad.numerics.libraries import host, library_of
from symgrad.numerics.library import Library

__all__ = ["ArrayEvaluator", "LayerArrays"]

_SINGULAR = "weights: a matrix whose inverse is needed is singular"


class ArrayEvaluator(Evaluator[Any]):
    """Approximate values in floats, over any array library of the Python array API standard.

    Two kinds of arrays occur. A constant is a matrix of shape (rows, columns). What varies over a batch of B
    points has shape (rows, B, columns), with one column for a vector: the product of a constant matrix with a
    batch is then one matrix product.

    Args:
        values: symbol -> array of one of the two kinds.
        sizes: size symbol -> int.
        like: an array of the library and data type to compute with.

    >>> import numpy as np, sympy as sp, symgrad as sg
    >>> model = sg.models.elman()
    >>> h, W = model.symbol("h"), model.symbol("W")
    >>> node = sg.jacobian(model).operator
    >>> values = {str(s): np.zeros((1, 1)) for s in model.parameters + model.inputs} | {"W": np.array([[3.0]])}
    >>> values = {model.symbol(name): array for name, array in values.items()}
    >>> point = ArrayEvaluator(values | {h: np.array([[[0.0], [1.0]]])}, {s: 1 for s in model.sizes}, np.zeros(1))
    >>> point.operator(node).shape, round(float(point.operator(node)[0, 0, 0]), 12)
    ((1, 2, 1), 3.0)
    """

    def __init__(self, values: Mapping[sp.Expr, Any], sizes: Mapping[sp.Symbol, int], like: Any) -> None:
        super().__init__(values, sizes)
        self.xp = array_namespace(like)
        self.like = like
        self.placed = {"dtype": like.dtype, "device": device(like)}
        self._tapes: dict[Any, Any] = {}
        self._numbers: dict[sp.Expr, float] = {}
        self._products: dict[tuple[Operator, int], tuple[Any, Any]] = {}

    @classmethod
    def of_weights(
        cls, weights: Weights, sizes: Mapping[sp.Symbol, int] | None = None, like: Any = None
    ) -> ArrayEvaluator:
        """The evaluator whose symbols are the parameters; more sizes may be told, by default in NumPy's float64.

        For layers with parameters of their own it holds those of the first; see :meth:`at` for the others.
        """
        if isinstance(weights, LayerWeights):
            return LayerArrays.of_layers([cls.of_weights(layer, sizes, like) for layer in weights.layers])
        like = np.zeros(0) if like is None else like
        xp, where = array_namespace(like), device(like)
        values = {
            symbol: xp.asarray(array if array.ndim == 2 else array.reshape(-1, 1), dtype=like.dtype, device=where)
            for symbol, array in weights.values.items()
        }
        return cls(values, {**weights.sizes, **(sizes or {})}, like)

    def at(self, point: Mapping[sp.Expr, Any], step: int = 0) -> ArrayEvaluator:
        """The evaluator with values of states and inputs put in, of shape (size, B, 1); constants are shared.

        Args:
            point: symbol -> array.
            step: which step it is, from 0; where each has parameters of its own, theirs are taken.
        """
        other = ArrayEvaluator({**self.values, **point}, {}, self.like)
        other.sizes = self.sizes
        other._numbers, other._matrices = self._numbers, self._matrices
        return other

    @property
    def library(self) -> Library:
        """The library of the arrays."""
        return library_of(self.xp)

    def asarray(self, array: Any) -> Any:
        """An array of NumPy or the library on the evaluator's device, of its data type."""
        if isinstance(array, np.ndarray) and self.xp is not array_namespace(array):
            return self.xp.asarray(np.array(array), **self.placed)  # a copy: arrays may not be written to otherwise
        there = self.library.is_traced(array) or device(array) == self.placed["device"]
        return array if there and array.dtype == self.like.dtype else self.xp.asarray(array, **self.placed)

    def tape(self, nodes: Mapping[sp.Expr, Any], record: Callable[[], Any]) -> Any:
        """A tape of some nodes for these parameters, recorded at the first time."""
        key = tuple(nodes.items())
        if key not in self._tapes:
            self._tapes[key] = record()
        return self._tapes[key]

    def number(self, expr: sp.Expr) -> float:
        if expr not in self._numbers:
            self._numbers[expr] = self._number(expr)
        return self._numbers[expr]

    def _number(self, expr: sp.Expr) -> float:
        known = {s: self.sizes[s] for s in expr.free_symbols if s in self.sizes}
        others = expr.free_symbols - known.keys()
        known |= {s: sp.Rational(float(host(self.xp, self.symbol(s))[0, 0])) for s in others}
        return constant_float(expr.xreplace(known))

    def _matrix(self, expr: sp.Expr) -> Any:
        with self.library.known():  # it is kept, for other points and after the tracing
            return super()._matrix(expr)

    def filled(self, value: sp.Expr, rows: int, columns: int) -> Any:
        return self.xp.full((rows, columns), self.number(value), **self.placed)

    def dense(self, matrix: sp.ImmutableDenseMatrix) -> Any:
        rows = [[self.number(entry) for entry in row] for row in matrix.tolist()]
        return self.xp.asarray(rows, **self.placed)

    def identity(self, size: int) -> Any:
        return self.xp.eye(size, **self.placed)

    def do(self, kernel: Kernel, *operands: Any) -> Any:
        """One array operation; all that depends on values passes here."""
        return kernel(self.xp, *operands)

    def add(self, left: Any, right: Any) -> Any:
        return self.do(kernels.add, *self._alike(left, right))

    def multiply(self, left: Any, right: Any) -> Any:
        return self.do(kernels.multiply, *self._alike(left, right))

    def matmul(self, left: Any, right: Any) -> Any:
        if left.shape[0] == left.shape[-1] == 1 and right.shape[0] != 1:  # scalar models: a number acts on any row
            return self.multiply(left, right)
        return self.do(_PRODUCTS[left.ndim, right.ndim], left, right)

    def scaled(self, number: Any, value: Any) -> Any:
        return self.do(kernels.multiply, number, value)

    def scaled_rows(self, column: Any, value: Any) -> Any:
        return self.multiply(column, value)

    def transposed(self, value: Any) -> Any:
        return self.do(kernels.transposed_constant if value.ndim == 2 else kernels.transposed_batch, value)

    def kronecker(self, left: Any, right: Any) -> Any:
        if left.ndim == right.ndim == 2:
            return self.do(kernels.kronecker_of_constants, left, right)
        return self.do(kernels.kronecker_of_batches, *self._alike(left, right))

    def columns_below(self, value: Any) -> Any:
        return self.do(kernels.columns_below, value)

    def assembled(self, rows: Sequence[Sequence[Any]]) -> Any:
        return self.xp.concat([self.xp.concat(list(row), axis=1) for row in rows], axis=0)

    def inverted(self, value: Any) -> Any:
        try:
            inverse = self.xp.linalg.inv(value)
        except (np.linalg.LinAlgError, RuntimeError) as error:  # of PyTorch the latter
            raise InputError(_SINGULAR) from error
        if not self.library.is_traced(value) and not bool(self.xp.all(self.xp.isfinite(inverse))):  # as JAX tells
            raise InputError(_SINGULAR)
        return inverse

    def function(self, activation: Activation, value: Any) -> Any:
        return self.do(array_function(activation.expr), value)

    def apply(self, operator: Operator, value: Any) -> Any:
        """An operator times a matrix; repeated sums and products with one matrix are computed once.

        Neighbouring diagonals are multiplied with each other first, which is cheaper than with a matrix.
        """
        if isinstance(operator, (Diagonal, Scale)):
            return self._apply(operator, value)
        key = (operator, id(value))
        if key not in self._products:
            self._products[key] = (self._apply(operator, value), value)  # keeps the value, so that its id stays taken
        return self._products[key][0]

    def _apply(self, operator: Operator, value: Any) -> Any:
        if not isinstance(operator, Compose):
            return super().apply(operator, value)
        column: Any = None
        for factor in reversed(operator.factors):
            if isinstance(factor, Diagonal):
                entries = self.vector(factor.vector)
                column = entries if column is None else self.multiply(entries, column)
                continue
            value = value if column is None else self.scaled_rows(column, value)
            column, value = None, self.apply(factor, value)
        return value if column is None else self.scaled_rows(column, value)

    def _alike(self, left: Any, right: Any) -> tuple[Any, Any]:
        """A constant next to a batch gets the batch's dimension, of length 1."""
        if left.ndim == right.ndim:
            return left, right
        if left.ndim == 2:
            return self.do(kernels.with_batch, left), right
        return left, self.do(kernels.with_batch, right)


_PRODUCTS = {
    (2, 2): kernels.constant_times_constant,
    (2, 3): kernels.constant_times_batch,
    (3, 2): kernels.batch_times_constant,
    (3, 3): kernels.batch_times_batch,
}


class LayerArrays(ArrayEvaluator):
    """The same for layers with parameters of their own: :meth:`at` takes those of the step."""

    layers: tuple[ArrayEvaluator, ...]

    @classmethod
    def of_layers(cls, layers: Sequence[ArrayEvaluator]) -> LayerArrays:
        """The evaluator of some layers, by itself that of the first one."""
        first = layers[0]
        made = cls(first.values, {}, first.like)
        made.sizes, made.layers = first.sizes, tuple(layers)
        return made

    def at(self, point: Mapping[sp.Expr, Any], step: int = 0) -> ArrayEvaluator:
        return self.layers[step].at(point)
