"""Recurrence: next states as SymPy expressions of states and inputs; the one object that every question is asked of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import sympy as sp

from symgrad.errors import InputError, UnknownNameError
from symgrad.language.layers import checked_depth, layer_index
from symgrad.language.lowering import Lowering
from symgrad.language.matrix_properties import MatrixProperty, properties_of
from symgrad.language.operators import Vector, symbols_of
from symgrad.language.ranges import check_against_assumptions, intersection, interval_of
from symgrad.language.well_formed import distinct_nodes
from symgrad.presentable import Presentable

__all__ = ["Recurrence"]

Shape = tuple[sp.Expr, sp.Expr]


@dataclass(frozen=True, eq=False)
class Recurrence(Presentable):
    """A recurrence ``x_t = F(x_{t-1}, u_t, theta)``.

    Args:
        updates: next state of each state. States are SymPy ``MatrixSymbol`` of
            shape (n, 1), n a symbol or a number, or all of them ``Symbol`` in a scalar model.
            The right sides speak of the *old* states; write the new ones out where
            another state needs them (as the LSTM's ``h`` needs the new ``c``).
        inputs: the symbols of the inputs ``u_t``, the same kind as the states.
        name: how the model is called in messages and titles.
        stacked: how weight files store the parameters: tensor name -> names of
            the parameters that lie in it, one below the other. A parameter named in
            several tensors is their sum.
        depth: None where all steps share the parameters. A positive integer or symbol makes the steps layers:
            ``x_l = F(x_{l-1}, u_l, theta_l)`` for l = 1 ... depth, each with parameters of its own.

    Raises:
        InputError: a wrong type, shape, or a missing state.
        UnsupportedExpressionError: a right side outside the language; names the sub-expression.

    >>> import sympy as sp, symgrad as sg
    >>> n, m = sp.symbols("n m", positive=True, integer=True)
    >>> W, U = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("U", n, m)
    >>> h, u = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("u", m, 1)
    >>> model = Recurrence({h: sg.activation("tanh")(W * h + U * u)}, inputs=[u])
    >>> model.states, model.inputs, model.parameters
    ((h,), (u,), (U, W))
    """

    continuous: ClassVar[bool] = False  # whether the right sides are time derivatives, see symgrad.language.flow

    updates: Mapping[sp.Expr, sp.Expr]
    inputs: tuple[sp.Expr, ...] = ()
    name: str = "recurrence"
    stacked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ranges: Mapping[sp.Expr, sp.Interval] = field(default_factory=dict)
    depth: sp.Expr | int | None = None
    properties: Mapping[sp.Expr, frozenset[MatrixProperty]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.updates, Mapping) or not self.updates:
            raise InputError(f"updates: a mapping {{state: next_state}} with at least one state, got {self.updates!r}")
        object.__setattr__(self, "updates", {key: _as_expr(key, value) for key, value in self.updates.items()})
        object.__setattr__(self, "inputs", _as_tuple(self.inputs))
        if not isinstance(self.ranges, Mapping):
            raise InputError(
                f"ranges: a mapping {{symbol: Interval}}, got {type(self.ranges).__name__} {self.ranges!r}"
            )
        object.__setattr__(self, "ranges", {key: interval_of(key, value) for key, value in self.ranges.items()})
        _check_variables(self.states, "states")
        _check_variables(self.inputs, "inputs")
        self._check_kinds()
        _ = self.nodes  # an expression outside the language is refused here, not at first use
        object.__setattr__(self, "depth", None if self.depth is None else checked_depth(self.depth))
        self._check_names()
        self._check_layers()
        object.__setattr__(self, "ranges", {self.symbol(key): value for key, value in self.ranges.items()})
        object.__setattr__(self, "properties", {self.symbol(key): held for key, held in self.properties.items()})
        for symbol, interval in self.ranges.items():
            check_against_assumptions(symbol, interval)
        for symbol, held in self.properties.items():
            self._check_properties(symbol, held)

    @property
    def states(self) -> tuple[sp.Expr, ...]:
        """The states in the order given."""
        return tuple(self.updates)

    @property
    def is_scalar(self) -> bool:
        """Whether states are numbers rather than vectors."""
        return isinstance(self.states[0], sp.Symbol)

    @cached_property
    def parameters(self) -> tuple[sp.Expr, ...]:
        """Weights and scalar parameters, those of declared ranges included, sorted by name; sizes left out."""
        ranges = set().union(*(interval.free_symbols for interval in self.ranges.values()))
        return tuple(sorted((self._used | ranges) - set(self.variables) - set(self.sizes), key=str))

    @property
    def variables(self) -> tuple[sp.Expr, ...]:
        """States and inputs."""
        return self.states + self.inputs

    @cached_property
    def sizes(self) -> tuple[sp.Symbol, ...]:
        """The symbols that only give sizes, such as n and m, sorted by name."""
        shapes = [node.shape for node in self._matrices]
        return tuple(sorted({s for shape in shapes for size in shape for s in sp.sympify(size).free_symbols}, key=str))

    @cached_property
    def nodes(self) -> dict[sp.Expr, Vector]:
        """Each state's update as an expression node, see :mod:`symgrad.language.operators`."""
        lowering = Lowering(frozenset(self.variables))
        return {state: lowering.vector(expr) for state, expr in self.updates.items()}

    @cached_property
    def _used(self) -> set[sp.Basic]:
        return set().union(*(symbols_of(node) for node in self.nodes.values()))

    @cached_property
    def _matrices(self) -> set[sp.Expr]:
        found = {symbol for symbol in self._used | set(self.variables) if isinstance(symbol, sp.MatrixSymbol)}
        nodes = [node for expr in self.updates.values() for node in distinct_nodes(expr)]
        return found | {node for node in nodes if isinstance(node, sp.MatrixExpr)}

    def symbol(self, key: object, among: Iterable[sp.Expr] | None = None) -> sp.Expr:
        """The symbol of this model for a symbol or a name.

        Raises:
            UnknownNameError: the model has none of that name.
        """
        known = {str(symbol): symbol for symbol in (self.variables + self.parameters if among is None else among)}
        if str(key) not in known or not isinstance(key, (str, sp.Basic)):
            raise UnknownNameError(f"symbol of model {self.name}", str(key), known)
        return known[str(key)]

    def assuming(self, assumptions: Mapping[Any, Any]) -> Recurrence:
        """The same model with assumptions: ranges of states, inputs and parameters, properties of weight matrices.

        What was assumed before stays: of two ranges of one symbol the intersection is taken.

        Args:
            assumptions: symbol or name -> ``sg.Interval(low, high)`` or a pair of numbers, in which every entry lies;
                or ``sg.orthogonal``, ``sg.symmetric``, ``sg.diagonal``, ``sg.nonnegative``, or a list of these.

        Raises:
            InputError: no real interval, or an empty one; ranges that contradict each other; a property of something
                that is no weight matrix of fitting shape.
            UnknownNameError: the model has no such symbol.

        >>> import symgrad as sg
        >>> sg.product_bound(sg.models.elman().assuming({"W": sg.orthogonal})).expr
        1
        """
        if not isinstance(assumptions, Mapping):
            raise InputError(
                f"ranges: a mapping {{symbol: Interval or property}} is needed, "
                f"got {type(assumptions).__name__} {assumptions!r}"
            )
        ranges, properties = dict(self.ranges), dict(self.properties)
        for key, value in assumptions.items():
            symbol = self.symbol(key)
            held = properties_of(f"assumption on {key}", value)
            if held is not None:
                properties[symbol] = properties.get(symbol, frozenset()) | held
            else:
                ranges[symbol] = intersection(symbol, ranges.get(symbol), interval_of(key, value))
        return replace(self, ranges=ranges, properties=properties)

    def _check_properties(self, symbol: sp.Expr, held: frozenset[MatrixProperty]) -> None:
        names = ", ".join(sorted(map(str, held)))
        if symbol not in self.parameters or not isinstance(symbol, sp.MatrixSymbol) or symbol.shape[1] == 1:
            kind = "a state or an input" if symbol in self.variables else "no matrix"
            raise InputError(f"assumption on {symbol}: {names} is a property of weight matrices, {symbol} is {kind}")
        wanting = [str(item) for item in held if item.square and symbol.shape[0] != symbol.shape[1]]
        if wanting:
            raise InputError(f"assumption on {symbol}: {', '.join(wanting)} needs a square matrix, got {symbol.shape}")

    @property
    def layer(self) -> sp.Symbol:
        """The symbol that counts the layers of a model with a depth."""
        return layer_index((*self.variables, *self.parameters, *self.sizes, self.depth))

    def _check_layers(self) -> None:
        """Ranges of layers must be the same at every one, so no parameter may stand in their ends."""
        for symbol, interval in self.ranges.items() if self.depth is not None else ():
            if interval.free_symbols:
                names = ", ".join(sorted(map(str, interval.free_symbols)))
                raise InputError(f"range of {symbol}: {names} has a value of its own at every layer; give numbers")

    def _check_kinds(self) -> None:
        if len({isinstance(symbol, sp.Symbol) for symbol in self.variables}) > 1:
            kinds = ", ".join(f"{symbol} ({type(symbol).__name__})" for symbol in self.variables)
            raise InputError(f"states and inputs must be all vectors or all scalars, got {kinds}")
        both = [str(symbol) for symbol in self.inputs if symbol in self.updates]
        if both:
            raise InputError(f"inputs: {', '.join(both)} is given both as a state and as an input")
        for state, expr in self.updates.items():
            shapes = [getattr(item, "shape", None) for item in (state, expr)]
            if shapes[0] != shapes[1]:
                raise InputError(f"next state of {state}: got shape {shapes[1]}, needed {shapes[0]}: {expr}")

    def _check_names(self) -> None:
        symbols = self.variables + self.parameters + self.sizes
        symbols += (self.depth,) if isinstance(self.depth, sp.Symbol) else ()
        names = [str(symbol) for symbol in symbols]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"updates: different symbols share the name {', '.join(twice)}")
        parameters = set(map(str, self.parameters))
        for tensor, parts in self.stacked.items():
            unknown = [part for part in parts if part not in parameters]
            if unknown:
                raise UnknownNameError(f"parameter in stacked tensor {tensor}", unknown[0], parameters)


def _as_tuple(inputs: Any) -> tuple[sp.Expr, ...]:
    if isinstance(inputs, (sp.Basic, str)) or not isinstance(inputs, Iterable):
        raise InputError(f"inputs: a list of symbols is needed, got {type(inputs).__name__} {inputs!r}")
    return tuple(inputs)


def _as_expr(state: Any, value: Any) -> sp.Expr:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = sp.sympify(value)
    if isinstance(value, sp.MatrixBase):
        return sp.ImmutableDenseMatrix(value)
    if not isinstance(value, sp.Expr):
        raise InputError(f"next state of {state}: a SymPy expression is needed, got {type(value).__name__} {value!r}")
    return value


def _check_variables(symbols: tuple[Any, ...], what: str) -> None:
    for symbol in symbols:
        vector = isinstance(symbol, sp.MatrixSymbol) and symbol.shape[1] == 1
        if not vector and not isinstance(symbol, sp.Symbol):
            shape = f" of shape {symbol.shape}" if isinstance(symbol, sp.MatrixExpr) else ""
            raise InputError(
                f"{what}: a MatrixSymbol of shape (n, 1) or a Symbol is needed, "
                f"got {type(symbol).__name__} {symbol!r}{shape}"
            )
    if len(set(symbols)) < len(symbols):
        raise InputError(f"{what}: the same symbol stands twice in {', '.join(map(str, symbols))}")
