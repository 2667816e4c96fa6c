"""Ascent of the growth rate along periodic orbits, by its exact gradient with respect to the inputs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.calculus.jacobian import derivative
from symgrad.errors import SymgradError
from symgrad.language.construct import add_vectors, apply_operator
from symgrad.language.operators import Operator, Variable, Vector
from symgrad.numerics.orbit_system import OrbitSystem
from symgrad.numerics.point_values import PointValues

__all__ = ["OrbitAscent"]

Array = NDArray[np.float64]

_FIRST_STEP = 0.1
_LEAST_STEP = 1e-5
_GROWTH, _SHRINKAGE = 1.7, 0.3
_SMALLEST = 1e-300


@dataclass(frozen=True, eq=False)
class OrbitAscent:
    """Gradient ascent on log rho(J_p ... J_1) over the inputs, while the orbit follows them.

    With left and right eigenvectors of the product pushed along the orbit, the derivative by x_(t-1) and u_t is
    ``l_t' d(J_t r_(t-1)) / (l_t' J_t r_(t-1))``; how the orbit moves with the inputs comes from the implicit function
    theorem.

    Attributes:
        system: the equations of the orbits.
    """

    system: OrbitSystem

    @cached_property
    def _directions(self) -> dict[sp.Expr, sp.Expr]:
        return {s: _direction_symbol(s) for s in self.system.setting.model.states}

    @cached_property
    def _second(self) -> list[list[Operator]] | None:
        """The derivative of the Jacobian times a direction by all variables; None where no rule states it."""
        setting = self.system.setting
        share = setting.nodes.sharing.node
        directions = [Variable(s) for s in self._directions.values()]
        pushed: list[Vector] = [
            add_vectors(*(apply_operator(entry, q) for entry, q in zip(row, directions, strict=True)))
            for row in setting.nodes.blocks
        ]
        try:
            return [[share(derivative(node, s)) for s in self.system.steering.layout.symbols] for node in pushed]
        except SymgradError:
            return None

    @property
    def is_possible(self) -> bool:
        """Whether there are inputs to change and the gradient exists."""
        return bool(self.system.setting.model.inputs) and self._second is not None

    @cached_property
    def _pushed(self) -> PointValues:
        setting = self.system.setting
        directions = {q: setting.size(s) for s, q in self._directions.items()}
        sizes = {**self.system.steering.layout.size_by_symbol, **directions}
        return PointValues(setting.evaluator, sizes, rows=self._second or ())

    def improved(self, orbits: Array, iterations: int) -> Array:
        """(B, p, Y) orbits with rates at least as large."""
        kept, rates = orbits, self.system.rates(orbits)
        gradient = self.gradient(kept)
        step = np.full(len(kept), _FIRST_STEP)
        for _ in range(iterations):
            tried = np.array(kept)
            tried[:, :, self.system.size :] += step[:, None, None] * gradient
            tried = self.system.returned(np.clip(tried, *self.system.limits))
            fresh = self.system.rates(tried)
            better = fresh > rates
            kept = np.where(better[:, None, None], tried, kept)
            rates = np.where(better, fresh, rates)
            if better.any():
                gradient[better] = self.gradient(kept[better])
            step *= np.where(better, _GROWTH, _SHRINKAGE)
            if (step < _LEAST_STEP).all():
                break
        return kept

    def gradient(self, orbits: Array) -> Array:
        """(B, p, M) the direction of steepest ascent by the inputs, of largest entry 1; zero where there is none."""
        count, period, width = orbits.shape
        total = self.system.size
        _, slopes = self.system.steps(orbits)
        direct = self._direct(orbits, slopes[..., :total])
        slopes = self.system.derivative(slopes).reshape(count, period * total, period, width)
        by_states = slopes[..., :total].reshape(count, period * total, -1)
        by_inputs = slopes[..., total:].reshape(count, period * total, -1)
        good = np.isfinite(direct).all(axis=(1, 2)) & np.isfinite(slopes).all(axis=(1, 2, 3))
        found = np.zeros((count, period, width - total))
        pulled = direct[good, :, :total].reshape(int(good.sum()), -1)
        costate = (np.linalg.pinv(by_states[good]).swapaxes(1, 2) @ pulled[..., None])[..., 0]
        moved = np.einsum("br,brm->bm", costate, by_inputs[good]).reshape(-1, period, width - total)
        found[good] = direct[good, :, total:] - moved
        largest = np.abs(found).max(axis=(1, 2), keepdims=True, initial=0.0)
        return found / np.where(largest > 0, largest, 1.0)

    def _direct(self, orbits: Array, matrices: Array) -> Array:
        """(B, p, Y) the derivative of log rho by state and input before each step, each taken by itself."""
        right, left, scale = _eigenvectors(matrices)
        found = np.zeros(orbits.shape)
        for part, sign in ((np.real, 1.0), (np.imag, -1.0)):
            second = self._curvature(orbits, part(right))
            row = np.einsum("bpn,bpny->bpy", left / scale[:, None, None], second)
            found += np.real(row) if sign > 0 else -np.imag(row)
        return found

    def _curvature(self, orbits: Array, directions: Array) -> Array:
        """(B, p, N, Y) the derivative of J_t r_(t-1) by state and input, for real directions (B, p, N)."""
        count, period, _ = orbits.shape
        steering, states = self.system.steering, self.system.setting.model.states
        flat = directions.reshape(count * period, -1).T[:, :, None]
        ends = np.cumsum([self.system.setting.size(s) for s in states])[:-1].tolist()
        parts = dict(zip(self._directions.values(), np.split(flat, ends), strict=True))
        layout = steering.layout.split(orbits.reshape(count * period, -1))
        _, found = self._pushed.stacked({**layout, **parts}, count * period)
        return found.reshape(count, period, *found.shape[1:])


def _eigenvectors(matrices: Array) -> tuple[Array, Array, Array]:
    """Right vectors before each step (B, p, N), left vectors behind each (B, p, N) and l' P r (B,)."""
    count, period, size = matrices.shape[:3]
    product = np.broadcast_to(np.eye(size), (count, size, size))
    for step in range(period):
        product = matrices[:, step] @ product
    finite = np.asarray(np.isfinite(product).all(axis=(1, 2)))
    values, vectors = np.linalg.eig(np.where(finite[:, None, None], product, np.eye(size)))
    place, index = np.argmax(np.abs(values), axis=1), np.arange(count)
    right = [vectors[index, :, place]]
    for step in range(period - 1):
        right.append(np.einsum("bmn,bn->bm", matrices[:, step], right[-1]))
    last = np.linalg.pinv(vectors)[index, place]
    left = [last]
    for step in reversed(range(1, period)):
        left.insert(0, np.einsum("bm,bmn->bn", left[0], matrices[:, step]))
    scale = np.einsum("bn,bn->b", last, right[0]) * values[index, place]
    scale = np.where(np.abs(scale) > _SMALLEST, scale, np.nan)
    return np.stack(right, axis=1), np.stack(left, axis=1), scale


def _direction_symbol(state: sp.Expr) -> sp.Expr:
    if isinstance(state, sp.Symbol):
        return sp.Dummy(f"direction_{state}", real=True)
    return sp.MatrixSymbol(sp.Dummy(f"direction_{state}").name + "'", *state.shape)
