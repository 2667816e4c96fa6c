"""The operations of PyTorch, each repeated with the values of :mod:`symgrad.interop.torch_values`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import sympy as sp

from symgrad.interop.torch_activations import activation_of_call
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_values import Fixed, Flow, gathered, moved, spread, without_batch
from symgrad.interop.tracing import Blocks, Trace, Traced, TraceRefusal
from symgrad.language.activations import activation
from symgrad.language.elementwise import VARIABLE, Activation

__all__ = ["Operations", "operation_name"]

# Operations that only move entries about; see symgrad.interop.torch_values.moved.
MOVING = set(
    "view reshape flatten unflatten ravel squeeze unsqueeze transpose swapaxes swapdims t permute movedim moveaxis T mT "
    "adjoint expand expand_as broadcast_to view_as reshape_as repeat tile repeat_interleave chunk split "
    "split_with_sizes tensor_split hsplit vsplit unbind narrow select index_select flip fliplr flipud roll getitem "
    "atleast_1d atleast_2d take diagonal cat concat concatenate stack hstack vstack column_stack".split()
)
# Operations that leave every number as it is.
SAME = set(
    "clone contiguous to double float type type_as requires_grad_ cpu identity alias positive pos real "
    "_assert_async".split()
)
# Linear maps of the entries whose coefficients are found by carrying them out on every unit vector.
SUMMING = {"sum", "mean", "cumsum"}
LARGEST_SUMMED = 4096
DROPPING = {"dropout", "alpha_dropout", "feature_alpha_dropout", "dropout1d"}
ALIKE = {"zeros_like", "ones_like", "full_like"}

Operand = Any  # Flow, Fixed or a number


def operation_name(target: Any) -> str:
    """The name of an operation, the same for functions, methods and operators; a private one for what is not known."""
    if isinstance(target, str):
        name = target
    elif _is_known_function(target):
        name = target.__name__
    else:
        return f"<{target!r}>"
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
    return {"truediv": "div", "divide": "div", "multiply": "mul", "subtract": "sub", "negative": "neg"}.get(
        name.removesuffix("_") if name != "requires_grad_" else name, name.removesuffix("_")
    )


def _is_known_function(target: Any) -> bool:
    torch = torch_module()
    home = getattr(target, "__module__", None) or ""
    name = getattr(target, "__name__", "")
    places = (torch, torch.nn.functional, torch.special, torch._C._nn, torch._VF, torch.Tensor)
    return home in ("_operator", "builtins") or any(getattr(place, name, None) is target for place in places)


@dataclass(frozen=True)
class Operations:
    """Repeats operations in a trace.

    Attributes:
        trace: where.
        batch: the length of batch axes, None where the program has none.
        constant: gives symbols to fixed numbers that have none: called with them and their tensor in the shape wanted.
    """

    trace: Trace
    batch: int | None
    constant: Callable[[Any, Any], Traced]

    def flow(self, node: Any, name: str, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """The outcome of an operation whose outcome depends on input or state.

        Raises:
            TraceRefusal: it cannot be expressed.
        """
        result = node.meta["value"]
        if name in SAME:
            return args[0]
        if name in DROPPING:
            return self._dropped(args, options)
        if name in ALIKE:
            return Fixed(result)
        if name == "getitem" and isinstance(args[0], (tuple, list)):
            return args[0][args[1]]
        if name == "getattr" and args[1] in SAME:
            return args[0]
        if name in MOVING or (name == "getattr" and args[1] in MOVING):
            return self._moved(node, args, options)
        if name in SUMMING and isinstance(args[0], Flow):
            return self._summed(node, args[0], args[1:], options)
        special = getattr(self, f"_{name}", None) if name in _SPECIAL else None
        if special is not None:
            return special(node, *args, **_plain(options))
        return self._activated(node, args, options)

    def columns(self, result: Any, *operands: Operand) -> tuple[list[Traced], tuple[int, ...], int | None]:
        """Operands broadcast to the shape of a result, as columns or scalars; that shape, and its batch axis."""
        shape = tuple(result.shape)
        axes = {len(shape) - value.rank + value.batch for value in operands if _batched(value)}
        if len(axes) > 1:
            raise TraceRefusal("values whose batch stands at different axes meet")
        axis = axes.pop() if axes else None
        found = [self._column(value, shape, axis) for value in operands]
        return found, tuple(size for place, size in enumerate(shape) if place != axis), axis

    def _column(self, value: Operand, shape: tuple[int, ...], axis: int | None) -> Traced:
        if isinstance(value, Flow):
            return spread(self.trace, value, shape, axis)
        if isinstance(value, Fixed):
            return self.fixed_column(value, shape, axis)
        return self.trace.number(value)

    def fixed_column(self, value: Fixed, shape: tuple[int, ...], axis: int | None) -> Traced:
        torch = torch_module()
        if value.tensor.numel() == 1:
            return self._scalar(value)
        place = None if axis is None else value.tensor.ndim - len(shape) + axis
        tensor = without_batch(value.tensor, place, self.batch)
        data = value.column if tensor is value.tensor else None
        if data is None:
            data = self.constant(value, tensor.reshape(-1))
        if not isinstance(data, Blocks):
            return data
        target = [1 if place == axis else size for place, size in enumerate(shape)]
        places = torch.arange(tensor.numel()).reshape(tensor.shape).broadcast_to(target)
        return gathered(self.trace, data, places.reshape(-1).numpy())

    def _scalar(self, value: Fixed) -> Traced:
        return value.data if value.data is not None else self.constant(value, value.tensor.reshape(()))

    def matrix(self, value: Operand) -> Blocks:
        """Fixed numbers as a matrix."""
        if not isinstance(value, Fixed) or value.tensor.ndim != 2:
            raise TraceRefusal("two values that depend on input or state are multiplied as matrices")
        found = value.matrix
        data = self.constant(value, value.tensor) if found is None else found
        return data if isinstance(data, Blocks) else self.trace.filled(data, tuple(value.tensor.shape))

    def entrywise(self, node: Any, function: Callable[..., Traced], *operands: Operand) -> Flow:
        """A function of the entries of several operands."""
        columns, shape, axis = self.columns(node.meta["value"], *operands)
        found = function(*columns)
        if not isinstance(found, Blocks) or found.shape[0] != prod(shape):
            found = self.trace.add(self.trace.filled(0, (prod(shape), 1)), found)
        return Flow(found, shape, axis)

    # --- groups -----------------------------------------------------------------

    def _dropped(self, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
        given = dict(zip(("p", "training"), args[1:], strict=False)) | dict(options)
        if given.get("training", True) and given.get("p", 0.5):
            raise TraceRefusal("dropout in training mode is random; call module.eval() first")
        return args[0]

    def _moved(self, node: Any, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """Entries of the first argument, or of all tensors in it, moved about."""
        several = isinstance(args[0], (tuple, list))
        sources = [self._as_flow(value) for value in (args[0] if several else args[:1])]

        def operation(numbered: list[Any]) -> Any:
            rest = [_example(part, name) for part, name in zip(args[1:], node.args[1:], strict=True)]
            named = {key: _example(part, node.kwargs[key]) for key, part in options.items()}
            first = numbered if several else numbered[0]
            if node.op == "call_method":
                return getattr(first, node.target)(*rest, **named)
            return node.target(first, *rest, **named)

        return moved(sources, self.batch or 0, operation, self.trace)

    def _as_flow(self, value: Operand) -> Flow:
        """Fixed numbers among values that flow, with the batch axis they have."""
        if isinstance(value, Flow):
            return value
        if not isinstance(value, Fixed):
            raise TraceRefusal(f"tensors are needed, got {value!r}")
        axis = None
        if self.batch is not None:
            axis = next((place for place, size in enumerate(value.tensor.shape) if size == self.batch), None)
        shape = tuple(value.tensor.shape)
        own = tuple(size for place, size in enumerate(shape) if place != axis)
        found = self.fixed_column(value, shape, axis)
        return Flow(found if isinstance(found, Blocks) else self.trace.filled(found, (prod(own), 1)), own, axis)

    def _summed(self, node: Any, value: Flow, args: Sequence[Any], options: Mapping[str, Any]) -> Flow:
        """A linear map of the entries, found from what it makes of every unit vector."""
        torch = torch_module()
        size = prod(value.shape)
        if size > LARGEST_SUMMED:
            raise TraceRefusal(f"sums over more than {LARGEST_SUMMED} entries are not traced")
        units = torch.eye(size, dtype=torch.float64).reshape(size, *value.shape)
        if value.batch is not None:
            scales = torch.arange(1, (self.batch or 0) + 1, dtype=torch.float64)
            units = torch.stack([units * scale for scale in scales], value.batch + 1)
        function = (
            (lambda unit: getattr(unit, node.target)(*args, **options))
            if node.op == "call_method"
            else (lambda unit: node.target(unit, *args, **options))
        )
        results = torch.stack([function(unit) for unit in units])
        axis = None if value.batch is None else _scaled_axis(results, self.batch or 0)
        first = results if axis is None else results.select(axis + 1, 0)
        shape = tuple(first.shape[1:])
        return Flow(self.trace.matmul(_numbers(first.reshape(size, -1).T.numpy()), value.column), shape, axis)

    def _activated(self, node: Any, args: Sequence[Any], options: Mapping[str, Any]) -> Flow:
        function = activation_of_call(node.target, list(args[1:]), options) if args else None
        if function is None or not isinstance(args[0], Flow):
            raise TraceRefusal("it is not among the operations that can be traced")
        if any(isinstance(part, (Flow, Fixed)) for part in (*args[1:], *options.values())):
            raise TraceRefusal("its parameters must be numbers")
        return self.entrywise(node, lambda column: self.trace.apply(function, column), args[0])

    # --- arithmetic ---------------------------------------------------------------

    def _add(self, node: Any, left: Operand, right: Operand, alpha: Any = 1) -> Flow:
        return self.entrywise(node, lambda a, b: self.trace.add(a, self._scaled(alpha, b)), left, right)

    def _sub(self, node: Any, left: Operand, right: Operand, alpha: Any = 1) -> Flow:
        return self.entrywise(node, lambda a, b: self.trace.subtract(a, self._scaled(alpha, b)), left, right)

    def _rsub(self, node: Any, left: Operand, right: Operand, alpha: Any = 1) -> Flow:
        return self.entrywise(node, lambda a, b: self.trace.subtract(b, self._scaled(alpha, a)), left, right)

    def _mul(self, node: Any, left: Operand, right: Operand) -> Flow:
        return self.entrywise(node, self.trace.multiply, left, right)

    def _div(self, node: Any, left: Operand, right: Operand, rounding_mode: Any = None) -> Flow:
        if rounding_mode is not None:
            raise TraceRefusal("division with rounding has no derivative")
        return self.entrywise(node, self.trace.divide, left, right)

    def _neg(self, node: Any, value: Operand) -> Flow:
        return self.entrywise(node, self.trace.negate, value)

    def _pow(self, node: Any, base: Operand, exponent: Operand) -> Flow:
        if not isinstance(exponent, (Flow, Fixed)):
            return self.entrywise(node, lambda a: self.trace.power(a, self.trace.number(exponent)), base)
        if isinstance(base, (Flow, Fixed)) or not base > 0:
            raise TraceRefusal("a power needs a given number as exponent, or a positive number as base")
        rate = sp.log(self.trace.number(base))
        function = Activation(f"pow({base}, z)", sp.exp(rate * VARIABLE))
        return self.entrywise(node, lambda a: self.trace.apply(function, a), exponent)

    def _rpow(self, node: Any, exponent: Operand, base: Operand) -> Flow:
        return self._pow(node, base, exponent)

    def _lerp(self, node: Any, start: Operand, end: Operand, weight: Operand) -> Flow:
        t = self.trace
        return self.entrywise(node, lambda a, b, w: t.add(a, t.multiply(w, t.subtract(b, a))), start, end, weight)

    def _addcmul(self, node: Any, base: Operand, left: Operand, right: Operand, value: Any = 1) -> Flow:
        t = self.trace
        return self.entrywise(node, lambda a, b, c: t.add(a, self._scaled(value, t.multiply(b, c))), base, left, right)

    def _addcdiv(self, node: Any, base: Operand, left: Operand, right: Operand, value: Any = 1) -> Flow:
        t = self.trace
        return self.entrywise(node, lambda a, b, c: t.add(a, self._scaled(value, t.divide(b, c))), base, left, right)

    def _where(self, node: Any, condition: Operand, left: Operand, right: Operand) -> Flow:
        if not isinstance(condition, Fixed):
            raise TraceRefusal("a choice by a condition on the input or the state cannot be traced")
        mask = Fixed(condition.tensor.to(torch_module().float64))
        t = self.trace
        return self.entrywise(
            node, lambda m, a, b: t.add(t.multiply(m, a), t.multiply(t.subtract(sp.S.One, m), b)), mask, left, right
        )

    def _maximum(self, node: Any, left: Operand, right: Operand) -> Flow:
        return self._chosen(node, left, right, 1)

    def _minimum(self, node: Any, left: Operand, right: Operand) -> Flow:
        return self._chosen(node, left, right, -1)

    def _chosen(self, node: Any, left: Operand, right: Operand, sign: int) -> Flow:
        """max(a, b) = b + relu(a - b), min(a, b) = b - relu(b - a)."""
        t, relu = self.trace, activation("relu")

        def larger(a: Traced, b: Traced) -> Traced:
            above = t.subtract(a, b) if sign > 0 else t.subtract(b, a)
            return t.add(b, self._scaled(sign, t.apply(relu, above)))

        return self.entrywise(node, larger, left, right)

    def _scaled(self, factor: Any, value: Traced) -> Traced:
        if factor == 1:
            return value
        if isinstance(factor, (Flow, Fixed)):
            raise TraceRefusal("its factor must be a number")
        return self.trace.multiply(self.trace.number(factor), value)

    # --- products with matrices -------------------------------------------------

    def _matmul(self, node: Any, left: Operand, right: Operand) -> Flow:
        result = node.meta["value"]
        if isinstance(right, Fixed) and right.tensor.ndim == 2 and isinstance(left, Flow):
            return self._from_right(result, left, self.matrix(right).transposed)
        if isinstance(left, Fixed) and left.tensor.ndim == 2 and isinstance(right, Flow):
            return self._from_left(result, self.matrix(left), right)
        return self._inner(result, left, right)

    def _from_right(self, result: Any, value: Flow, matrix: Blocks) -> Flow:
        """The last axis of a value is multiplied."""
        if value.batch == value.rank - 1 or prod(value.shape[:-1]) != 1:
            raise TraceRefusal("a matrix is multiplied along an axis that does not hold one vector")
        shape = tuple(size for axis, size in enumerate(result.shape) if axis != value.batch)
        return Flow(self.trace.matmul(matrix, value.column), shape, value.batch)

    def _from_left(self, result: Any, matrix: Blocks, value: Flow) -> Flow:
        """The last axis but one of a value, or its only one, is multiplied."""
        vector = value.rank == 1
        if value.batch is not None and value.batch != value.rank - 1:
            raise TraceRefusal("a matrix is multiplied along the axis of the batch")
        rows = value.shape[0] if vector or value.batch is not None else value.shape[-2]
        if prod(value.shape) != rows:
            raise TraceRefusal("a matrix is multiplied along an axis that does not hold one vector")
        axis = None if value.batch is None else result.ndim - 1
        shape = tuple(size for place, size in enumerate(result.shape) if place != axis)
        return Flow(self.trace.matmul(matrix, value.column), shape, axis)

    def _inner(self, result: Any, left: Operand, right: Operand) -> Flow:
        """The product of a vector, or of each in a batch, with one vector."""
        one = next((value for value in (right, left) if not _batched(value) and _rank(value) == 1), None)
        other = left if one is right else right
        if one is None or not isinstance(other, Flow) or (other.rank - (other.batch is not None)) != 1:
            raise TraceRefusal("two values that depend on input or state are multiplied as matrices")
        if other.batch not in (None, 0 if one is right else 1):
            raise TraceRefusal("a vector is multiplied along the axis of the batch")
        first, second = other.column, self._column(one, (prod(other.shape),), None)
        if isinstance(one, Fixed) and isinstance(second, Blocks):
            found = self.trace.matmul(second.transposed, first)
        else:
            product = self.trace.multiply(first, second)
            found = self.trace.total(product if isinstance(product, Blocks) else first)
        return Flow(found, (), None if other.batch is None else 0)

    _mm = _mv = _dot = _inner_product = _matmul

    def _rmatmul(self, node: Any, right: Operand, left: Operand) -> Flow:
        return self._matmul(node, left, right)

    def _linear(self, node: Any, value: Operand, weight: Operand, bias: Operand = None) -> Flow:
        if not isinstance(weight, Fixed) or not isinstance(value, Flow):
            raise TraceRefusal("the weights of linear must not depend on input or state")
        if weight.tensor.ndim == 1:
            found = self._matmul(node, value, weight)
        else:
            found = self._from_right(node.meta["value"], value, self.matrix(weight))
        return found if bias is None else self._add(node, found, bias)

    def _addmm(self, node: Any, base: Operand, left: Operand, right: Operand, beta: Any = 1, alpha: Any = 1) -> Flow:
        t, product = self.trace, self._matmul(node, left, right)
        return self.entrywise(node, lambda a, b: t.add(self._scaled(beta, a), self._scaled(alpha, b)), base, product)

    _addmv = _addmm

    # --- PyTorch's own cells -------------------------------------------------------

    def _gates(self, node: Any, value: Operand, weights: Operand, bias: Operand, count: int) -> list[Blocks]:
        """Affine maps whose rows lie one below the other in one matrix; one column each."""
        if not isinstance(value, Flow) or prod(value.shape) != value.shape[-1]:
            raise TraceRefusal("a cell takes one vector")
        total = self.trace.matmul(self.matrix(weights), value.column)
        if bias is not None:
            added = self.trace.add(total, self.fixed_column(bias, (total.shape[0],), None))
            total = added if isinstance(added, Blocks) else total
        size = total.shape[0] // count
        return [self.trace.piece(total, place * size, (place + 1) * size) for place in range(count)]

    def _both(self, node: Any, pairs: Sequence[tuple[Operand, Operand, Operand]], count: int) -> list[Any]:
        parts = [self._gates(node, *pair, count) for pair in pairs]
        return [self.trace.add(a, b) for a, b in zip(*parts, strict=True)]

    def _lstm_cell(
        self, node: Any, value: Flow, state: Sequence[Flow], w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
    ) -> tuple[Flow, Flow]:
        t, (sigmoid, tanh) = self.trace, map(activation, ("sigmoid", "tanh"))
        i, f, g, o = self._both(node, ((value, w_ih, b_ih), (state[0], w_hh, b_hh)), 4)
        c = t.add(t.multiply(t.apply(sigmoid, f), state[1].column), t.multiply(t.apply(sigmoid, i), t.apply(tanh, g)))
        h = t.multiply(t.apply(sigmoid, o), t.apply(tanh, c))
        return tuple(Flow(column, old.shape, old.batch) for column, old in ((h, state[0]), (c, state[1])))

    def _gru_cell(
        self, node: Any, value: Flow, state: Flow, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
    ) -> Flow:
        t, (sigmoid, tanh) = self.trace, map(activation, ("sigmoid", "tanh"))
        fed, recalled = self._gates(node, value, w_ih, b_ih, 3), self._gates(node, state, w_hh, b_hh, 3)
        r, z = (t.apply(sigmoid, t.add(a, b)) for a, b in zip(fed[:2], recalled[:2], strict=True))
        n = t.apply(tanh, t.add(fed[2], t.multiply(r, recalled[2])))
        h = t.add(t.multiply(t.subtract(sp.S.One, z), n), t.multiply(z, state.column))
        return Flow(h, state.shape, state.batch)

    def _rnn_tanh_cell(self, node: Any, value: Flow, state: Flow, *weights: Any, name: str = "tanh") -> Flow:
        w_ih, w_hh, b_ih, b_hh = (*weights, None, None)[:4]
        (total,) = self._both(node, ((value, w_ih, b_ih), (state, w_hh, b_hh)), 1)
        return Flow(self.trace.apply(activation(name), total), state.shape, state.batch)

    def _rnn_relu_cell(self, node: Any, value: Flow, state: Flow, *weights: Any) -> Flow:
        return self._rnn_tanh_cell(node, value, state, *weights, name="relu")


_SPECIAL = set(
    "add sub rsub mul div neg pow rpow lerp addcmul addcdiv where maximum minimum matmul mm mv dot rmatmul linear "
    "addmm addmv lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell".split()
)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "out"}


def _batched(value: Operand) -> bool:
    return isinstance(value, Flow) and value.batch is not None


def _rank(value: Operand) -> int | None:
    if isinstance(value, Flow):
        return value.rank
    return value.tensor.ndim if isinstance(value, Fixed) else None


def _example(value: Any, node: Any) -> Any:
    """Arguments that only give places (fixed ones) or shapes."""
    if isinstance(value, tuple):
        return tuple(_example(part, own) for part, own in zip(value, node, strict=True))
    if isinstance(value, Fixed):
        return value.tensor
    if isinstance(value, Flow):
        example = node.meta["value"]
        if not example.is_floating_point():
            raise TraceRefusal("places that depend on input or state cannot be traced")
        return example
    return value


def _numbers(matrix: Any) -> Blocks:
    """A matrix of given numbers."""
    rows, columns = matrix.shape
    if (matrix == matrix[0, 0]).all():
        return Blocks(((_ratio(matrix[0, 0]) * sp.OneMatrix(rows, columns),),))
    return Blocks(((sp.ImmutableDenseMatrix(rows, columns, [_ratio(x) for x in matrix.reshape(-1)]),),))


def _ratio(number: float) -> sp.Rational:
    """The simple fraction, such as 1/3, that a float was rounded from; else the float itself."""
    simple = Fraction(float(number)).limit_denominator(LARGEST_SUMMED)
    exact = simple if float(simple) == float(number) else Fraction(float(number))
    return sp.Rational(exact.numerator, exact.denominator)


def _scaled_axis(results: Any, batch: int) -> int:
    """The axis of the batch, whose k-th element was scaled by k."""
    torch = torch_module()
    for axis in range(results.ndim - 1):
        count = torch.arange(1, batch + 1).reshape([-1 if place == axis + 1 else 1 for place in range(results.ndim)])
        if results.shape[axis + 1] == batch and torch.allclose(results, results.narrow(axis + 1, 0, 1) * count):
            return axis
    raise TraceRefusal("it runs over the batch")
