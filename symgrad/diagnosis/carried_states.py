"""What a state hands on directly to its own next value: the factor of a gate, a leak or the 1 of a residual connection.

Only paths through which a state passes as it is count, entry by entry: not through a weight matrix and not through an
activation. They are read off the update, so any cell has the ones that it has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.step_jacobians import StepJacobians
from symgrad.language.operators import (
    Apply,
    Compose,
    Constant,
    Diagonal,
    Elementwise,
    Hadamard,
    Identity,
    Operator,
    OperatorSum,
    Scale,
    Variable,
    Vector,
    VectorSum,
    walk,
)
from symgrad.language.to_sympy import vector_to_sympy
from symgrad.numerics.arrays import ArrayEvaluator

__all__ = ["CarriedState", "carried_states"]

Array = NDArray[np.float64]
Path = tuple[Vector | sp.Expr, ...]  # factors that are multiplied with each other; none of them is the factor 1


@dataclass(frozen=True, eq=False)
class CarriedState:
    """The factor by which a state is handed on directly, along the sequences of a layer.

    Attributes:
        state: the state.
        factor: the factor as a formula, such as ``sigmoid(W_f*h + U_f*u + b_f)``.
        values: (T, n, B) the factors.
        gated: whether an activation or a scalar parameter makes it, and not a number or a vector of weights alone.
        nodes: the entrywise activations in the factor.
    """

    state: sp.Expr
    factor: str
    values: Array
    gated: bool
    nodes: tuple[Elementwise, ...]

    @property
    def units(self) -> Array:
        """(n, B) decades per step over all steps, for each unit; minus infinity where one factor is zero."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log10(np.abs(self.values)).mean(axis=0))

    @property
    def best(self) -> float:
        """Decades per step of the unit that keeps most, the median over the sequences."""
        return float(np.median(self.units.max(axis=0)))

    @property
    def typical(self) -> float:
        """The median factor over units, steps and sequences."""
        return float(np.median(self.values))


def carried_states(run: LayerRun) -> tuple[CarriedState, ...]:
    """The states of a layer that are handed on directly, with the factors along its sequences.

    >>> import numpy as np, symgrad as sg
    >>> from symgrad.diagnosis.layer_run import LayerRun
    >>> weights = {"alpha": 0.25, "W": np.eye(2), "U": np.ones((2, 1)), "b": np.zeros(2)}
    >>> found = carried_states(LayerRun("layer 0", sg.models.leaky(), weights, {"u": np.ones((3, 1))}))
    >>> [(str(item.state), item.factor, item.typical) for item in found]
    [('h', '1 - alpha', 0.75)]
    """
    updates = run.setting.nodes.updates
    paths = {state: _paths(update, state) for state, update in updates.items()}
    carried = {state: found for state, found in paths.items() if found}
    values = _values(run, carried) if carried else {}
    return tuple(_carried(state, found, values[state]) for state, found in carried.items())


def _carried(state: sp.Expr, paths: list[Path], values: Array) -> CarriedState:
    parts = [part for path in paths for part in path]
    vectors = [part for part in parts if isinstance(part, Vector)]
    nodes = tuple(dict.fromkeys(node for vector in vectors for node in walk(vector) if isinstance(node, Elementwise)))
    scalars = any(part.free_symbols for part in parts if isinstance(part, sp.Expr))
    return CarriedState(state, _formula(paths), values, bool(nodes) or scalars, nodes)


def _paths(node: Vector, state: sp.Expr) -> list[Path]:
    """The factors of every way on which a state passes unchanged."""
    match node:
        case Variable(symbol):
            return [()] if symbol == state else []
        case VectorSum(terms):
            return [path for term in terms for path in _paths(term, state)]
        case Hadamard(left, right):
            sides = ((left, right), (right, left))
            return [(*path, other) for one, other in sides for path in _paths(one, state)]
        case Apply(operator, argument):
            return [(*part, *path) for path in _paths(argument, state) for part in _diagonal_parts(operator)]
    return []


def _diagonal_parts(operator: Operator) -> list[Path]:
    """The terms of an operator that do not mix entries."""
    match operator:
        case Identity():
            return [()]
        case Diagonal(vector):
            return [(vector,)]
        case Scale(coefficient, operand):
            return [(coefficient, *part) for part in _diagonal_parts(operand)]
        case OperatorSum(terms):
            return [part for term in terms for part in _diagonal_parts(term)]
        case Compose(factors):
            parts: list[Path] = [()]
            for factor in factors:
                parts = [(*left, *right) for left in parts for right in _diagonal_parts(factor)]
            return parts
    return []


def _values(run: LayerRun, carried: dict[sp.Expr, list[Path]]) -> dict[sp.Expr, Array]:
    """For each state the sums over its paths, (T, n, B)."""
    jacobians = StepJacobians(run)
    found: dict[sp.Expr, list[Array]] = {state: [] for state in carried}
    for step in range(run.steps):
        point = jacobians.point(step)
        for state, paths in carried.items():
            total = sum(_product(point, path) for path in paths)
            found[state].append(np.broadcast_to(total, run.columns[state].shape[1:])[..., 0])
    return {state: np.array(rows) for state, rows in found.items()}


def _product(point: ArrayEvaluator, path: Path) -> Array:
    result = np.ones((1, 1, 1))
    for part in path:
        value = point.number(part) if isinstance(part, sp.Expr) else np.asarray(point.vector(part))
        result = result * (value[:, None, :] if isinstance(value, np.ndarray) and value.ndim == 2 else value)
    return result


def _formula(paths: list[Path]) -> str:
    """The sum of products as a formula in one entry: vectors stand for their entries."""
    names: dict[sp.Symbol, str] = {}
    total = sp.S.Zero
    for path in paths:
        term = sp.S.One
        for part in path:
            term *= part if isinstance(part, sp.Expr) else _named(part, names)
        total += term
    text = str(total)
    for symbol, name in names.items():
        text = text.replace(str(symbol), name)
    return text


def _named(vector: Vector, names: dict[sp.Symbol, str]) -> sp.Expr:
    """A symbol in place of a vector; a constant as its number and a sum term by term, so that ``1 - z`` stays so."""
    match vector:
        case Constant(value, _):
            return value
        case VectorSum(terms):
            return sp.Add(*(_named(term, names) for term in terms))
        case Apply(Scale(coefficient, Identity()), argument):
            return coefficient * _named(argument, names)
    text = str(vector_to_sympy(vector))
    known = next((symbol for symbol, name in names.items() if name == text), None)
    symbol = known or sp.Symbol(f"factor_{len(names)}_")
    names[symbol] = text
    return symbol
