"""Realising growth: inputs and periodic orbits of a model along which the slopes are near those of a fast sequence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.joint_spectral_radius import rate_of_product
from symgrad.calculus.slope_form import SlopeForm
from symgrad.numerics.functions import array_function
from symgrad.numerics.least_squares import least_squares
from symgrad.numerics.orbit_ascent import OrbitAscent
from symgrad.numerics.orbit_system import OrbitSystem, block_diagonal
from symgrad.numerics.periodic_orbit import PeriodicOrbit, enclosed_orbit

__all__ = ["OrbitSearch"]

Array = NDArray[np.float64]

_ROUNDS = 30  # of Gauss-Newton towards an orbit with the wanted arguments
_RETURN = 1e3  # how much more returning counts than arguments at their targets
_CUTOFF = 1e-10
_SAME = 1e-6  # relative difference of rates below which orbits count as the same
_PROVED = 4  # how many orbits are tried in balls
_PARENTS = 4
_ITERATIONS = 60  # of gradient ascent
_BESIDE = 1e-2  # off the wanted arguments, where an orbit may be isolated although there it is not
_GRID = 2.0**20
_FREE = 4  # random starts for each aimed one
_SEARCH = 2**34  # multiplications spent on random variations
_WORK = 2**31  # multiplications in one round of least squares


@dataclass(frozen=True, eq=False)
class OrbitSearch:
    """Periodic orbits of a model within ranges, sought in floats and proved afterwards.

    Attributes:
        system: the equations of the orbits, and the ranges in which they are to lie.
        form: the Jacobian as a function of its slopes.
    """

    system: OrbitSystem
    form: SlopeForm

    @cached_property
    def _ascent(self) -> OrbitAscent:
        return OrbitAscent(self.system)

    def best(
        self, slopes: Array, count: int, rounds: int, enough: float, random: np.random.Generator
    ) -> PeriodicOrbit | None:
        """The proved orbit of the largest rate among those found, None if none is proved.

        Args:
            slopes: (p, q) the sequence to come near to.
            count: how many orbits are sought.
            rounds: how often the best ones are varied at random.
            enough: the rate at which variations stop.
            random: the source of random numbers.
        """
        found, rates = self.found(slopes, count, rounds, enough, random)
        best: PeriodicOrbit | None = None
        for place in _distinct(rates)[:_PROVED]:
            proved = self._proved(found[place])
            if proved is not None and (best is None or proved.rate > best.rate):
                best = proved
        return best

    def found(
        self, slopes: Array, count: int, rounds: int, enough: float, random: np.random.Generator
    ) -> tuple[Array, Array]:
        """Orbits (B, p, Y) and their rates in floats, best first; minus infinity for what is none."""
        with np.errstate(all="ignore"):
            aimed = self.orbits(slopes, count, random)
            free = self.system.returned(self._free(len(slopes), len(aimed) * _FREE, random))
            return self._varied(np.concatenate([aimed, free]), len(aimed), rounds, enough, random)

    def _varied(
        self, found: Array, count: int, rounds: int, enough: float, random: np.random.Generator
    ) -> tuple[Array, Array]:
        """The orbits of the largest rates, best first, after variations of their inputs at random."""
        found, rates = (ordered[: 2 * count] for ordered in self._sorted(found))
        if self._ascent.is_possible and rates[0] < enough:
            top = self._ascent.improved(found[: max(count // 2, 2)], _ITERATIONS)
            found, rates = (ordered[: 2 * count] for ordered in self._sorted(np.concatenate([found, top])))
        inputs = self.form.size
        cost = max(1, (found.shape[1] * inputs) ** 3 * len(found) * 8)
        for _ in range(min(rounds, _SEARCH // cost) if found.shape[2] > inputs else 0):
            if rates[0] >= enough:
                break
            parents = found[random.integers(0, _PARENTS, len(found))]
            size = 10.0 ** random.uniform(-3, 0.5, (len(found), 1, 1))
            change = size * random.standard_normal(parents.shape)
            change[:, :, :inputs] = 0.0
            tried = self.system.returned(np.clip(parents + change, *self.system.limits))
            joined, values = self._sorted(np.concatenate([found, tried]))
            found, rates = joined[: len(found)], values[: len(found)]
        return found, rates

    def _sorted(self, found: Array) -> tuple[Array, Array]:
        """Orbits and rates in falling order of rates; those that repeat a rate come after all others."""
        rates = self.system.rates(found)
        order = np.argsort(-rates, kind="stable")
        first = _distinct(rates[order])
        order = np.concatenate([order[first], np.delete(order, first)])
        return found[order], rates[order]

    def _free(self, period: int, count: int, random: np.random.Generator) -> Array:
        """(B, p, Y) random inputs and short trajectories under them, from states of many sizes or all over a range."""
        width, total = sum(self.system.steering.layout.sizes), self.form.size
        size = 10.0 ** random.uniform(-2, 2, (count, period, width))  # entries of sizes of their own, or of one
        size[::2] = 10.0 ** random.uniform(-1, 2, (len(size[::2]), 1, 1))
        low, high = self.system.limits
        current = np.clip(size * random.standard_normal((count, period, width)), low, high)
        bounded = np.isfinite(high - low)
        within = np.where(bounded, low, 0.0) + np.where(bounded, high - low, 0.0) * random.random(current.shape)
        current[1::2] = np.where(bounded, within, current)[1::2]
        for step in range(1, period):
            after, _ = self.system.steps(current[:, step - 1 : step])
            current[:, step, :total] = after[:, 0]
        return current

    def orbits(self, slopes: Array, count: int, random: np.random.Generator) -> Array:
        """(B, p, Y) states and inputs that return after p steps, approximately."""
        period, width = len(slopes), sum(self.system.steering.layout.sizes)
        rows = period * (self.form.size + sum(self._rows))
        count = max(2, min(count, _WORK // (rows * period * width * min(rows, period * width))))
        targets = self._targets(slopes, count, random)
        spread = np.where(np.arange(count) % 2, 0.5, 0.0)[:, None, None]
        current = np.clip(spread * random.standard_normal((count, period, width)), *self.system.limits)
        for _ in range(_ROUNDS):
            moved = np.clip(current + self._step(current, targets), *self.system.limits)
            settled = np.allclose(moved, current, rtol=1e-13, atol=1e-13)
            current = moved
            if settled:
                break
        return self.system.returned(current)

    @cached_property
    def _rows(self) -> list[int]:
        return [self.system.setting.evaluator.size(node.size) for node in self.system.steering.activated]

    def _targets(self, slopes: Array, count: int, random: np.random.Generator) -> Array:
        """(B, p, R) arguments to aim at: where the slopes are the wanted ones if they are told apart, else random."""
        period = len(slopes)
        several = [self.system.steering.targets(count, random) for _ in range(period)]
        targets = np.stack(several, axis=1)
        if self.tells_slopes(slopes):
            wanted = self.matching(slopes, random, count)
            targets[: (count + 1) // 2 + 1] = wanted[: (count + 1) // 2 + 1]
            targets[1::4] += _BESIDE * random.standard_normal(targets[1::4].shape)
        elif period > 1:
            targets[::2] = targets[::2, :1]  # constant ones: a fixed point is an orbit of any period
        return targets

    def tells_slopes(self, slopes: Array) -> bool:
        """Whether each slope of a sequence (p, q) is that of one argument."""
        return len(self._rows) == 1 and slopes.shape[1] == self._rows[0]

    def matching(self, slopes: Array, random: np.random.Generator, count: int) -> Array:
        """(B, p, R) of the arguments worth trying, in each place one whose slope is nearest to the wanted one."""
        node = self.system.steering.activated[0]
        options = np.array(self.system.steering.candidates[0])
        steep = np.abs(np.asarray(array_function(node.function.derivative.expr)(np, options)))
        low, high = self.form.low, self.form.high
        share = (slopes - low) / np.where(high > low, high - low, 1.0)
        scaled = (steep - steep.min()) / max(float(np.ptp(steep)), 1e-300)
        distance = np.abs(share[..., None] - scaled)
        near = distance <= distance.min(axis=-1, keepdims=True) + 1e-2
        noise = random.random((count, *near.shape))
        noise[0] = np.arange(len(options))[::-1]  # the first one takes the first that fits everywhere
        return np.asarray(options[np.argmax(np.where(near, noise, -1.0), axis=-1)])

    def _step(self, current: Array, targets: Array) -> Array:
        """(B, p, Y) the step of Gauss-Newton; zero where derivatives are not finite."""
        count, period, width = current.shape
        parts = []
        if self.system.steering.activated:
            point = self.system.point(current)
            parts.append(self.system.steering.argument_residual(point, targets.reshape(count * period, -1)))
        residuals = [r.reshape(count, period, -1) for r, _ in parts]
        slopes = [block_diagonal(s.reshape(count, period, *s.shape[1:])) for _, s in parts]
        back, derivative = self.system.returning(current)
        residual = np.concatenate([*(r.reshape(count, -1) for r in residuals), _RETURN * back], axis=1)
        slope = np.concatenate([*slopes, _RETURN * derivative], axis=1)
        finite = np.isfinite(residual).all(axis=1) & np.isfinite(slope).all(axis=(1, 2))
        step = np.zeros((count, period * width))
        step[finite] = -least_squares(slope[finite], residual[finite], _CUTOFF)
        return step.reshape(current.shape)

    def _proved(self, orbit: Array) -> PeriodicOrbit | None:
        """The orbit as a result, if it is proved: as it is, or rounded, which may solve the equations exactly."""
        return self._proved_as(orbit) or self._proved_as(np.rint(orbit * _GRID) / _GRID)

    def _proved_as(self, orbit: Array) -> PeriodicOrbit | None:
        layout, model = self.system.steering.layout, self.system.setting.model
        parts = {s: array[:, :, 0].T for s, array in layout.split(orbit).items()}
        states = {str(s): parts[s] for s in model.states}
        inputs = {str(s): parts[s] for s in model.inputs}
        found = enclosed_orbit(model, self.system.setting.weights, self.system.ranges, states, inputs)
        if found is None:
            return None
        rate = rate_of_product(found.jacobians)
        return PeriodicOrbit(model, self.system.setting.weights, self.system.ranges, inputs, states, rate)


def _distinct(rates: Array) -> list[int]:
    """Places of finite rates in a falling sequence, one of those that agree."""
    kept: list[int] = []
    for place, rate in enumerate(rates.tolist()):
        if np.isfinite(rate) and (not kept or rate < rates[kept[-1]] * (1 - _SAME)):
            kept.append(place)
    return kept
