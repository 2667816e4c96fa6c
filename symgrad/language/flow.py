"""Flow: time derivatives of states as SymPy expressions, a recurrent network in continuous time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import sympy as sp

from symgrad.errors import InputError
from symgrad.language.matrix_properties import MatrixProperty
from symgrad.language.numbers import exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.presentable import Presentable

__all__ = ["Flow", "VectorField"]


@dataclass(frozen=True, eq=False)
class VectorField(Recurrence):
    """The right sides ``f`` of ``dx/dt = f(x, u, theta)``, in the language of a recurrence."""

    continuous: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class Flow(Presentable):
    """A flow ``dx/dt = f(x, u, theta)``: a recurrent network in continuous time.

    Args:
        rates: time derivative of each state, in the language of :class:`~symgrad.language.recurrence.Recurrence`:
            states are SymPy ``MatrixSymbol`` of shape (n, 1), or all of them ``Symbol`` in a scalar model.
        inputs: the symbols of the inputs ``u(t)``, the same kind as the states.
        name: how the flow is called in messages and titles.
        ranges: symbol -> interval in which every entry lies at all times; see :meth:`assuming`.
        properties: weight matrix -> what is known about it; see :meth:`assuming`.

    Raises:
        InputError: a wrong type, shape, or a missing state.
        UnsupportedExpressionError: a right side outside the language; names the sub-expression.

    >>> import sympy as sp, symgrad as sg
    >>> n, m = sp.symbols("n m", positive=True, integer=True)
    >>> W, U = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("U", n, m)
    >>> x, u = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("u", m, 1)
    >>> flow = Flow({x: -x + sg.activation("tanh")(W * x + U * u)}, inputs=[u])
    >>> print(flow)
    dx/dt = tanh(W*x + U*u) - x
    >>> flow.parameters
    (U, W)
    """

    rates: Mapping[sp.Expr, sp.Expr]
    inputs: tuple[sp.Expr, ...] = ()
    name: str = "flow"
    ranges: Mapping[sp.Expr, sp.Interval] = field(default_factory=dict)
    properties: Mapping[sp.Expr, frozenset[MatrixProperty]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.rates, Mapping) or not self.rates:
            raise InputError(f"rates: a mapping {{state: dx/dt}} with at least one state, got {self.rates!r}")
        for state, rate in self.rates.items():
            _check_rate(state, rate)
        made = self.field
        for name in ("inputs", "ranges", "properties"):
            object.__setattr__(self, name, getattr(made, name))
        object.__setattr__(self, "rates", made.updates)

    @cached_property
    def field(self) -> VectorField:
        """The right sides, what Jacobians, ranges and weights are asked of."""
        return VectorField(self.rates, self.inputs, self.name, ranges=self.ranges, properties=self.properties)

    @property
    def states(self) -> tuple[sp.Expr, ...]:
        """The states in the order given."""
        return self.field.states

    @property
    def parameters(self) -> tuple[sp.Expr, ...]:
        """Weights and scalar parameters, sorted by name; sizes left out."""
        return self.field.parameters

    @property
    def variables(self) -> tuple[sp.Expr, ...]:
        """States and inputs."""
        return self.field.variables

    @property
    def sizes(self) -> tuple[sp.Symbol, ...]:
        """The symbols that only give sizes, sorted by name."""
        return self.field.sizes

    @property
    def is_scalar(self) -> bool:
        """Whether states are numbers rather than vectors."""
        return self.field.is_scalar

    def symbol(self, key: object) -> sp.Expr:
        """The symbol of this flow for a symbol or a name.

        Raises:
            UnknownNameError: the flow has none of that name.
        """
        return self.field.symbol(key)

    def assuming(self, assumptions: Mapping[Any, Any]) -> Flow:
        """The same flow with ranges of states, inputs and parameters, and properties of weight matrices.

        A range of a state says that the trajectories spoken of stay in it at all times.

        Args:
            assumptions: as for :meth:`symgrad.Recurrence.assuming`.

        Raises:
            InputError: no real interval, or an empty one; ranges that contradict each other; a property of something
                that is no weight matrix of fitting shape.
            UnknownNameError: the flow has no such symbol.

        >>> import sympy as sp, symgrad as sg
        >>> x, w = sp.symbols("x w")
        >>> sg.flow_bound(Flow({x: -x + sg.activation("sigmoid")(w * x)}).assuming({"w": (0, 3)})).mu
        Max(-1, w/4 - 1)
        """
        made = self.field.assuming(assumptions)
        return replace(self, ranges=made.ranges, properties=made.properties)

    def discretised(self, eps: Any = None) -> Recurrence:
        """The map ``x' = x + eps f(x, u)`` of Euler's method, a recurrence.

        Args:
            eps: the step, a positive number or symbol; None for the positive symbol ``eps``.

        Raises:
            InputError: no positive number and no symbol, or a symbol that the flow uses for something else.

        >>> import sympy as sp, symgrad as sg
        >>> x, w = sp.symbols("x w")
        >>> print(Flow({x: -x + sg.activation("sigmoid")(w * x)}).discretised())
        x[t] = -eps*x[t-1] + eps*sigmoid(w*x[t-1]) + x[t-1]
        """
        step = sp.Symbol("eps", positive=True) if eps is None else _checked_step(eps)
        taken = {str(symbol) for symbol in (*self.variables, *self.field.sizes)}
        clash = sorted(taken & set(map(str, step.free_symbols)))
        if clash:
            raise InputError(f"eps: {clash[0]} is a state, an input or a size of flow {self.name}; choose another name")
        if eps is None and str(step) in map(str, self.parameters):
            raise InputError(f"eps: {step} is a parameter of flow {self.name}; give another symbol for the step")
        updates = {state: sum(_times(step, rate), start=state) for state, rate in self.rates.items()}
        return Recurrence(
            updates, self.inputs, f"{self.name}, discretised", ranges=self.ranges, properties=self.properties
        )


def _check_rate(state: Any, rate: Any) -> None:
    if isinstance(rate, bool) or not isinstance(rate, (sp.Expr, sp.MatrixBase, int, float)):
        raise InputError(
            f"time derivative of {state}: a SymPy expression is needed, got {type(rate).__name__} {rate!r}"
        )
    shapes = [getattr(item, "shape", None) for item in (rate, state)]
    if isinstance(state, (sp.Symbol, sp.MatrixSymbol)) and shapes[0] != shapes[1]:
        raise InputError(f"time derivative of {state}: got shape {shapes[0]}, needed {shapes[1]}: {rate}")


def _checked_step(eps: Any) -> sp.Expr:
    step = eps if isinstance(eps, sp.Expr) and eps.free_symbols else exact_number("eps", eps)
    if isinstance(step, sp.MatrixExpr) or step.is_positive is False or (step.is_number and not step.is_positive):
        raise InputError(f"eps: a positive number or symbol is needed, got {step}")
    return step


def _times(step: sp.Expr, rate: sp.Expr) -> list[sp.Expr]:
    """The terms of a number times an expression, sums in it multiplied out, so that terms of the state meet."""
    if not isinstance(rate, (sp.MatrixExpr, sp.MatrixBase)):
        return list(sp.Add.make_args(sp.expand_mul(step * rate)))
    if isinstance(rate, sp.MatAdd):
        return [part for term in rate.args for part in _times(step, term)]
    if isinstance(rate, sp.MatMul):
        factor, matrices = rate.as_coeff_matrices()
        if len(matrices) == 1:
            return (
                [factor * step * matrices[0]]
                if not isinstance(matrices[0], sp.MatAdd)
                else _times(factor * step, matrices[0])
            )
    return [step * rate]
