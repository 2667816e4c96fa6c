"""Trajectories near periodic orbits whose slopes make products of Jacobians grow fast."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from symgrad.calculus.slope_form import SlopeForm
from symgrad.errors import SymgradError
from symgrad.numerics.orbit_system import OrbitSystem
from symgrad.numerics.realise import OrbitSearch
from symgrad.numerics.setting import Setting
from symgrad.numerics.simulate import Batch
from symgrad.numerics.slope_search import SlopeSearch
from symgrad.numerics.slope_setting import slope_setting
from symgrad.numerics.steering import Steering

__all__ = ["OrbitBatches"]

Array = NDArray[np.float64]

_PERIODS = (1, 2, 3)
_LONG_PERIODS = (8, 15)  # for which no orbits are sought
_RESTARTS, _ROUNDS, _VARIATIONS = 6, 1, 10
_NEAR = 0.999  # the share of the rate of the slopes by themselves that is enough
_LARGEST = 40  # entries of states and inputs, times steps of a period: beyond, least squares take long


@dataclass(frozen=True, eq=False)
class OrbitBatches:
    """Slopes are chosen first, then states and inputs that have them, and inputs that keep a trajectory there.

    The slopes are those of :class:`SlopeSearch`, the orbits those of :class:`OrbitSearch`, both in floats.

    Attributes:
        setting: the model and its weights.
        steps: of the trajectories that are wanted.
    """

    setting: Setting
    steps: int

    @cached_property
    def _search(self) -> tuple[SlopeForm, OrbitSearch] | None:
        """None for a model whose Jacobian is no function of slopes with bounds."""
        if self.setting.model.depth is not None or self._width > _LARGEST:
            return None
        try:
            form, ranges, _ = slope_setting(self.setting.model, self.setting.weights)
        except SymgradError:
            return None
        return form, OrbitSearch(OrbitSystem(self.setting, ranges), form)

    @cached_property
    def _steering(self) -> Steering:
        return Steering(self.setting, self.steps)

    @property
    def _width(self) -> int:
        return sum(self._steering.layout.sizes)

    def batch(self, count: int, random: np.random.Generator) -> Batch | None:
        """At most this many trajectories, for each period the fastest first; None if there are none."""
        if self._search is None or not count:
            return None
        form, search = self._search
        slopes, batches = SlopeSearch(form, np.eye(form.size)), []
        for place, period in enumerate((*_PERIODS, *_LONG_PERIODS)):
            here = len(range(place, count, len(_PERIODS) + len(_LONG_PERIODS)))
            if not here:
                break
            with np.errstate(all="ignore"):
                wanted = slopes.best((period,), _RESTARTS, _ROUNDS, random)
                near = self._steered(search, wanted, here, random)
                if period in _PERIODS and period * self._width <= _LARGEST:
                    near = self._orbits(search, wanted, float(slopes.rates(wanted[None])[0]), here, random) or near
            batches += [near] if near is not None else []
        return reduce(Batch.joined, batches) if batches else None

    def _orbits(
        self, search: OrbitSearch, slopes: Array, rate: float, count: int, random: np.random.Generator
    ) -> Batch | None:
        """The fastest orbits found near a sequence of slopes."""
        orbits, rates = search.found(slopes, _RESTARTS, _VARIATIONS, _NEAR * rate, random)
        good = orbits[np.isfinite(rates)][:count]
        return self._followed(good) if len(good) else None

    def _steered(self, search: OrbitSearch, slopes: Array, count: int, random: np.random.Generator) -> Batch | None:
        """Trajectories whose inputs keep the slopes near those of a sequence, as far as they can."""
        if not search.tells_slopes(slopes):
            return None
        steering = self._steering
        targets = np.moveaxis(search.matching(slopes, random, count), 1, 0)
        start = steering.solve(targets[0], np.zeros((count, self._width)), settle=False)
        return steering.kept(steering.layout.split(start), targets)

    def _followed(self, orbits: Array) -> Batch:
        """Trajectories that start on orbits (B, p, Y), with inputs that bring the arguments back to theirs."""
        steering, layout = self._steering, self._steering.layout
        targets = np.stack([steering.arguments(at) for at in np.moveaxis(orbits, 1, 0)])
        return steering.kept(layout.split(orbits[:, 0]), targets)
