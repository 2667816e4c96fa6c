"""The measured growth of gradients through a layer in parts: weights, slopes of activations, direct paths."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.diagnosis.carried_states import CarriedState, carried_states
from symgrad.diagnosis.layer_run import LayerRun, usable
from symgrad.diagnosis.pullback import Pullback
from symgrad.diagnosis.step_jacobians import StepJacobians
from symgrad.language.operators import Elementwise, Vector, symbols_of, walk
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.products import log10_scaled, rescaled

__all__ = ["GrowthParts", "growth_parts"]

Array = NDArray[np.float64]

_DIRECTIONS = 24  # along which products are followed
_SEQUENCES = 4


@dataclass(frozen=True, eq=False)
class GrowthParts:
    """Decades per step of the products of all T Jacobians of a layer, in floats (approximate).

    With the slopes of activations at their largest values the product is that of the weights (and gates) alone; what
    is missing from it to the measured one is saturation. So ``rate = unsaturated + saturation``.

    Attributes:
        steps: T.
        rate: of ``||dx_T/dx_0||``, the median over the sequences; minus infinity where the product is zero.
        unsaturated: the same with all slopes as large as they can be, except within the factors of direct paths.
        carried: the direct paths of states.
        slopes: each activation that states pass through and that is not part of a direct path -> the geometric mean of
            its slopes over units, steps and sequences, as a part of the largest one.
    """

    steps: int
    rate: float
    unsaturated: float
    carried: tuple[CarriedState, ...]
    slopes: Mapping[Elementwise, float]

    @property
    def mean_slope(self) -> float | None:
        """The geometric mean of all slopes as parts of the largest ones; None without an activation."""
        with np.errstate(divide="ignore"):
            logs = np.log(list(self.slopes.values()))
        return float(np.exp(logs.mean())) if len(logs) else None

    @property
    def saturation(self) -> float:
        """What the slopes take away."""
        return self.rate - self.unsaturated if np.isfinite(self.unsaturated) else float("nan")

    @property
    def direct(self) -> CarriedState | None:
        """The direct path that keeps most, None where there is none."""
        return max(self.carried, key=lambda item: item.best, default=None)


def growth_parts(run: LayerRun) -> GrowthParts:
    """Split the growth of the products of Jacobians over all steps of a run.

    The products act on up to 24 orthonormal directions, drawn once, along up to four of the sequences; with at most as
    many states the norm is that of the whole product. Sequences that overflow are left out.

    Raises:
        InputError: every sequence overflows in its first step.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": np.eye(2) / 10, "U": np.zeros((2, 1)), "b": np.zeros(2)}
    >>> found = growth_parts(LayerRun("layer 0", sg.models.elman(), weights, {"u": np.ones((9, 1))}))
    >>> found.rate, found.unsaturated, found.saturation, found.mean_slope
    (-1.0, -1.0, 0.0, 1.0)
    """
    few = usable(run)[0].part(slice(0, _SEQUENCES))
    carried = carried_states(few)
    steepest = _steepest(few, {node for item in carried for node in item.nodes})
    plain, linear = _rates(few, steepest)
    return GrowthParts(few.steps, plain, linear, carried, _mean_slopes(few, steepest))


def _steepest(run: LayerRun, but: Collection[Elementwise]) -> dict[Elementwise, float]:
    """The activations that states pass through -> the largest modulus of their slope, where that is finite."""
    states = set(run.model.states)
    found: dict[Elementwise, float] = {}
    for update in run.setting.nodes.updates.values():
        for node in walk(update):
            if isinstance(node, Elementwise) and node not in but and symbols_of(node) & states:
                most = node.function.slope.sup_abs
                if most.is_finite and not most.is_zero:
                    found[node] = float(most)
    return found


class _Steepest(Pullback):
    """Transposed derivatives with slopes as large as they can be; they keep their signs."""

    def __init__(
        self, results: Mapping[sp.Expr, Vector], variables: tuple[sp.Expr, ...], most: Mapping[Elementwise, float]
    ) -> None:
        super().__init__(results, variables)
        self._most = most

    def _handed_down(self, point: ArrayEvaluator, node: Vector, value: Any, reached: dict[Vector, Any]) -> None:
        if not isinstance(node, Elementwise) or node not in self._most:
            super()._handed_down(point, node, value, reached)
            return
        slope = point.vector(Elementwise(self._slope(node.function), node.argument))
        signed = np.where(np.asarray(slope) < 0, -self._most[node], self._most[node])
        self._to(reached, node.argument, point.multiply(signed, value))


def _rates(run: LayerRun, steepest: Mapping[Elementwise, float]) -> tuple[float, float]:
    """Decades per step of the product as it is and with the largest slopes, medians over the sequences."""
    jacobians, updates, states = StepJacobians(run), run.setting.nodes.updates, run.model.states
    followed = [_Followed(run, Pullback(updates, states)), _Followed(run, _Steepest(updates, states, steepest))]
    with np.errstate(all="ignore"):
        for step in reversed(range(run.steps)):
            point = jacobians.point(step)
            for item in followed:
                item.back(point, jacobians.rows)
    plain, linear = (float(np.median(item.log10())) / run.steps for item in followed)
    return plain, linear


class _Followed:
    """Directions that are handed back step by step, with a running exponent."""

    def __init__(self, run: LayerRun, pullback: Pullback) -> None:
        self._pullback, self._states = pullback, run.model.states
        count = min(run.total, _DIRECTIONS)
        drawn = np.random.default_rng(0).standard_normal((run.total, count))
        start = np.eye(count) if count == run.total else np.linalg.qr(drawn)[0]
        self._vectors = np.repeat(start[:, None, :], run.size, axis=1)
        self._exponent = np.zeros(run.size, dtype=np.int64)

    def back(self, point: ArrayEvaluator, rows: list[slice]) -> None:
        """One step back."""
        given = {s: np.ascontiguousarray(self._vectors[part]) for s, part in zip(self._states, rows, strict=True)}
        found, result = self._pullback(point, given), np.zeros_like(self._vectors)
        for symbol, part in zip(self._states, rows, strict=True):
            if symbol in found:
                result[part] = found[symbol]
        self._vectors, shift = rescaled(result)
        self._exponent += shift

    def log10(self) -> Array:
        """(B,) decimal logarithms of the norms; infinite where something overflowed."""
        batch = np.moveaxis(self._vectors, 1, 0)
        finite = np.isfinite(batch).all(axis=(1, 2))
        norms = np.full(len(batch), np.inf)
        norms[finite] = np.linalg.norm(batch[finite], 2, axis=(1, 2))
        return log10_scaled(norms, self._exponent)


def _mean_slopes(run: LayerRun, steepest: Mapping[Elementwise, float]) -> dict[Elementwise, float]:
    """The geometric means of slopes as parts of the largest ones."""
    jacobians, logs = StepJacobians(run), {node: 0.0 for node in steepest}
    slopes = {node: Elementwise(node.function.derivative, node.argument) for node in steepest}
    with np.errstate(divide="ignore"):
        for step in range(run.steps):
            point = jacobians.point(step)
            for node, most in steepest.items():
                part = np.abs(np.asarray(point.vector(slopes[node]))) / most
                logs[node] += float(np.log(part).mean()) / run.steps
    return {node: float(np.exp(value)) for node, value in logs.items()}
