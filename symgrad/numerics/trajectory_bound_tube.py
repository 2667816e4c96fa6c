"""The tube around a trajectory: where every start and input within given radii leads.

The distance from the exact trajectory obeys ``d_t = A d_{t-1} + B du_t`` with some A and B within the enclosures of the
Jacobians over the tube (mean value theorem, one intermediate point a row). So it is kept as a linear image
``d = Z r`` of a box ``|r_i| <= 1``: ``Z' = [A_mid Z, B_mid diag(radius), diag(e)]``, where e collects the radii of A
and B and all rounding. No box is put around d in between, which is what makes plain interval arithmetic blow up. When Z
has grown too many columns, the older ones are put into a box along orthonormal axes Q (Lohner's method); what
``Z - Q Q'Z`` leaves is computed and added to e, so that nothing rests on Q being orthogonal.

Sources: Lohner 1987, Enclosing the solutions of ordinary initial and boundary value problems; Kuehn 1998, Rigorously
computed orbits of dynamical systems without the wrapping effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat
from numpy.typing import NDArray

from symgrad.calculus.enclose import column_of_balls
from symgrad.calculus.jacobian import derivative
from symgrad.errors import NoBoundError
from symgrad.language.operators import Apply, Operator, Variable, Vector, Weight
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.trajectory_bound_norms import floats_around
from symgrad.numerics.trajectory_bound_states import Columns, Course, PointEvaluator, stacked
from symgrad.rigor.balls import upper_float, working_precision

__all__ = ["Radii", "Tube", "tube_around"]

Array = NDArray[np.float64]

_BITS = 128
_MOST_COLUMNS = 48  # for each entry of the state; beyond, all but the newest half are put into a box
_TINY = 2.0**-900  # smaller entries of a linear image go into its error, so that nothing underflows
_LEAST_ERROR = 2.0**-800


@dataclass(frozen=True, eq=False)
class Radii:
    """Half widths of what is uncertain: state symbol -> (n,), input symbol -> (T, m)."""

    initial: Mapping[sp.Expr, Array]
    inputs: Mapping[sp.Expr, Array]

    @property
    def is_zero(self) -> bool:
        """Whether everything is exact."""
        return not any(array.any() for array in (*self.initial.values(), *self.inputs.values()))


@dataclass(frozen=True, eq=False)
class Tube:
    """The enclosure of all trajectories.

    Attributes:
        states: state symbol -> column of balls around all states after 0 ... T steps.
        evaluators: at each step an evaluator with balls around all old states and inputs.
    """

    states: list[Columns]
    evaluators: list[PointEvaluator]


def rounded_up(x: Array, terms: int) -> Array:
    """Not less than a sum of so many non-negative floats that was computed as x, with a few roundings beside."""
    return np.asarray(x * (1 + (terms + 8) * 2.0**-52))


class TubeEvaluator(PointEvaluator):
    """Balls over a tube; a constant matrix is applied to the linear image itself, which is narrower than its box."""

    nominal: PointEvaluator
    generators: Mapping[sp.Expr, Array]
    floats: dict[Operator, tuple[Array, Array]]

    def vector(self, node: Vector) -> Any:
        if isinstance(node, Apply) and isinstance(node.operator, Weight) and node not in self._vectors:
            variable = node.argument
            if isinstance(variable, Variable) and variable.symbol in self.generators:
                spread = self.generators[variable.symbol]
                self._vectors[node] = self._image(node.operator, self.nominal.vector(node), spread)
        return super().vector(node)

    def _image(self, operator: Operator, centre: Any, spread: Array) -> Any:
        if operator not in self.floats:
            near = floats_around(self.operator(operator))
            self.floats[operator] = np.ldexp(near.mid, near.exponent), np.ldexp(near.radius, near.exponent)
        mid, radius = self.floats[operator]
        moved, error = _moved(mid, radius, spread, rounded_up(np.abs(spread).sum(axis=1), spread.shape[1]))
        return _widened(centre, rounded_up(np.abs(moved).sum(axis=1) + error, spread.shape[1] + 1))


def tube_around(course: Course, radii: Radii) -> Tube:
    """The tube of all trajectories with starts and inputs within the radii of the course's own.

    Raises:
        NoBoundError: the tube is not bounded, as where a radius reaches over a pole.
    """
    with working_precision(_BITS), np.errstate(all="ignore"):  # what overflows is found infinite or undefined below
        return _Growing(course, radii).tube()


class _Growing:
    """The tube, step by step."""

    def __init__(self, course: Course, radii: Radii) -> None:
        self.course, self.radii, self.model = course, radii, course.sequence.model
        self.nodes = shared_nodes(self.model)
        self.fed = {s: array for s, array in radii.inputs.items() if array.any()}
        share = self.nodes.sharing.node
        self.input_blocks = [[share(derivative(node, s)) for s in self.fed] for node in self.nodes.updates.values()]
        ends = np.cumsum([len(array) for array in radii.initial.values()]).tolist()
        self.parts = {s: slice(e - len(a), e) for (s, a), e in zip(radii.initial.items(), ends, strict=True)}
        self.floats: dict[int, dict[Operator, tuple[Array, Array]]] = {}

    def tube(self) -> Tube:
        """All steps."""
        centre, points = self.course.states(_BITS), self.course.evaluators(_BITS)
        width = np.concatenate([*self.radii.initial.values()])
        spread = np.diag(width)
        evaluators: list[PointEvaluator] = []
        states = [self._around(centre[0], width)]
        for step, nominal in enumerate(points):
            point = self._over(nominal, states[-1], spread, step)
            plain = {s: point.vector(node) for s, node in self.nodes.updates.items()}
            spread, width = self._advanced(point, self._distances(plain, centre[step + 1]), spread, width, step)
            states.append(_common(self._around(centre[step + 1], width), plain))
            evaluators.append(point)
        return Tube(states, evaluators)

    def _around(self, centre: Columns, width: Array) -> Columns:
        return {s: _widened(centre[s], width[part]) for s, part in self.parts.items()}

    def _over(self, nominal: PointEvaluator, states: Columns, spread: Array, step: int) -> TubeEvaluator:
        values = dict(states)
        for symbol, array in self.course.sequence.inputs.items():
            values[symbol] = _widened(column_of_balls(array[step]), self.radii.inputs[symbol][step])
        point = TubeEvaluator({**nominal.values, **values}, {})
        point.sizes, point._matrices, point._identities = nominal.sizes, nominal._matrices, nominal._identities
        point.nominal, point.generators = nominal, {s: spread[part] for s, part in self.parts.items()}
        point.floats = self.floats.setdefault(id(self.course.sequence.weights.at(step)), {})
        return point

    def _advanced(
        self, point: TubeEvaluator, box: Array, spread: Array, width: Array, step: int
    ) -> tuple[Array, Array]:
        """The linear image and its box after a step."""
        mid, radius = _bounded(stacked(point, self.nodes.blocks), step)
        moved, error = _moved(mid, radius, spread, width)
        if self.fed:
            given = np.concatenate([array[step] for array in self.fed.values()])
            mid, radius = _bounded(stacked(point, self.input_blocks), step)
            fresh, more = _moved(mid, radius, np.diag(given), given)
            moved, error = np.hstack([moved, fresh]), error + more
        return self._settled(_with_error(moved, rounded_up(error, 2)), box, step)

    def _settled(self, spread: Array, box: Array, step: int) -> tuple[Array, Array]:
        """The image, or the box of plain interval arithmetic where that is much smaller."""
        spread[self._padding(step)] = 0.0
        width = rounded_up(np.abs(spread).sum(axis=1), spread.shape[1])
        smaller = np.fmin(width, box)
        smaller[self._padding(step)] = 0.0
        if not np.isfinite(smaller).all():
            raise NoBoundError(
                f"radius: the enclosure of the states has no bound after step {step + 1}; make it smaller"
            )
        if not np.isfinite(width).all() or width.sum() > 2 * smaller.sum():
            return np.diag(smaller), smaller
        return _shortened(spread), smaller

    def _padding(self, step: int) -> slice:
        """The rows that a narrow layer does not have; there is one state then."""
        width = self.course.sequence.widths(step + 1)
        return slice(0, 0) if width is None else slice(width, None)

    def _distances(self, plain: Columns, centre: Columns) -> Array:
        """How far states of interval arithmetic lie from the centre; infinite where that gives nothing."""
        found = []
        for symbol in self.parts:
            pairs = zip(plain[symbol].entries(), centre[symbol].entries(), strict=True)
            found += [upper_float(abs(ball - centre)) for ball, centre in pairs]
        values = np.array(found)
        return np.where(np.isnan(values), np.inf, values)


def _common(around: Columns, plain: Columns) -> Columns:
    """Balls around what two enclosures have in common."""
    found = {}
    for symbol, column in around.items():
        pairs = zip(column.entries(), plain[symbol].entries(), strict=True)
        entries = [a.intersection(b) if b.is_finite() and a.overlaps(b) else a for a, b in pairs]
        found[symbol] = arb_mat(len(entries), 1, entries)
    return found


def _widened(column: Any, widths: Array) -> Any:
    widths = np.where(np.isnan(widths), np.inf, widths)
    entries = [ball + arb(0, half) for ball, half in zip(column.entries(), widths.tolist(), strict=True)]
    return arb_mat(len(entries), 1, entries)


def _bounded(matrix: Any, step: int) -> tuple[Array, Array]:
    near = floats_around(matrix)
    if not near.is_finite:
        raise NoBoundError(f"radius: the Jacobian of step {step + 1} has no bound over the tube")
    return np.ldexp(near.mid, near.exponent), np.ldexp(near.radius, near.exponent)


def _moved(mid: Array, radius: Array, spread: Array, width: Array) -> tuple[Array, Array]:
    """The image under the midpoint, and per row a bound on what the radius and rounding add."""
    inner = mid.shape[1]
    moved = mid @ spread
    size = rounded_up(np.abs(spread).sum(axis=1), spread.shape[1])
    error = radius @ width + (inner + 2) * 2.0**-52 * (np.abs(mid) @ size) + _LEAST_ERROR  # the last for underflow
    return moved, rounded_up(error, inner + 2)


def _with_error(spread: Array, error: Array) -> Array:
    """One more column for each row with an error; columns of zeros left out."""
    small = np.abs(spread) < _TINY
    error = rounded_up(error + np.where(small, np.abs(spread), 0.0).sum(axis=1), spread.shape[1] + 1)
    whole = np.hstack([np.where(small, 0.0, spread), np.diag(error)])
    return np.ascontiguousarray(whole[:, whole.any(axis=0)])


def _shortened(spread: Array) -> Array:
    """The same or a larger image with fewer columns: old ones in a box along the principal axes."""
    rows, columns = spread.shape
    if columns <= _MOST_COLUMNS * max(rows, 4):
        return spread
    count = columns // 2
    old, new = spread[:, :count], spread[:, count:]
    axes = np.linalg.qr(_sorted(old))[0] if rows > 1 else np.ones((1, 1))
    inner = axes.T @ old
    box = rounded_up(np.abs(inner).sum(axis=1), columns)
    rest = np.abs(old - axes @ inner).sum(axis=1)
    size = np.abs(axes) @ np.abs(inner).sum(axis=1) + np.abs(old).sum(axis=1)
    error = rounded_up(rest + (rows + 4) * 2.0**-52 * size, columns + rows)
    scaled, more = _moved(axes, np.zeros_like(axes), np.diag(box), box)
    return _with_error(np.hstack([scaled, new]), rounded_up(error + more, 2))


def _sorted(spread: Array) -> Array:
    """About the principal axes times their lengths, longest first."""
    left, lengths, _ = np.linalg.svd(spread, full_matrices=False)
    return np.asarray(left * lengths)
