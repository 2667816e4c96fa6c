"""Fixed points of several real unknowns: what is known of each, and of all of them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import acb, arb
from numpy.typing import NDArray

from symgrad.dynamics.points import STABLE, UNSTABLE
from symgrad.dynamics.vector_system import VectorSystem
from symgrad.presentable import Presentable
from symgrad.rigor.interval_arrays import Intervals

__all__ = ["COMPLETE", "SAMPLED", "SlowPoint", "VectorFixedPoint", "VectorFixedPoints"]

Array = NDArray[np.float64]

COMPLETE, SAMPLED = "complete", "sampled"


@dataclass(frozen=True, eq=False)
class VectorFixedPoint(Presentable):
    """A fixed point of a map or flow with several unknowns, proved to exist.

    Attributes:
        system: whose fixed point.
        column: (N, 1) ``arb_mat``, balls around the stacked states with a radius of at most ``1e-15 (1 + |x|)``.
        eigenvalues: balls around the N eigenvalues of the Jacobian there, repeated ones as often as they occur; at a
            kink of an activation around those of all Jacobians between both sides.
        growth: encloses the spectral radius of a map, the largest real part (spectral abscissa) of a flow.
        stability: ``"stable"``, ``"unstable"``, or ``"undecided"`` where an enclosure straddles the unit circle (map)
            or the imaginary axis (flow).
        status: ``"unique"``: no other fixed point lies in the balls; ``"at least one"``: it exists.

    >>> import symgrad as sg
    >>> weights = {"W": [[0.0, 2.0], [2.0, 0.0]], "U": [[0], [0]], "b": [0, 0], "u": [0]}
    >>> point = sg.fixed_points(sg.models.elman(), weights, box=(-0.5, 0.5))[0]
    >>> point.value["h"].tolist(), point.stability, sorted(float(value.real.mid()) for value in point.eigenvalues)
    ([0.0, 0.0], 'unstable', [-2.0, 2.0])
    """

    system: VectorSystem = field(repr=False)
    column: Any = field(repr=False)
    eigenvalues: tuple[acb, ...]
    growth: arb
    stability: str
    status: str

    @property
    def states(self) -> dict[str, tuple[arb, ...]]:
        """State name -> a ball around each of its entries."""
        return {str(state): tuple(part) for state, part in self.system.split(self.column).items()}

    @property
    def value(self) -> dict[str, Array]:
        """State name -> (n,) floats, the middles of the balls; () for a state that is a number."""
        arrays = {name: np.array([float(ball.mid()) for ball in balls]) for name, balls in self.states.items()}
        return {name: array.reshape(()) for name, array in arrays.items()} if self.system.model.is_scalar else arrays

    @property
    def stacked(self) -> Array:
        """(N,) the middles of the balls of all states, one below the other."""
        return np.array([float(ball.mid()) for ball in self.column.entries()])

    @property
    def unstable_directions(self) -> int | None:
        """How many eigenvalues lie beyond the edge of stability; None where that is not decided for all."""
        sides = [side_of(value, self.system) for value in self.eigenvalues]
        return None if 0 in sides else sides.count(1)


@dataclass(frozen=True, eq=False)
class SlowPoint(Presentable):
    """A local minimum of ``q(x) = |r(x)|^2 / 2`` that is no fixed point, approximate: the state hardly moves there.

    Attributes:
        value: state name -> (n,) floats.
        speed: q, about.

    Source: Sussillo and Barak, Opening the black box, Neural Computation 25 (2013).
    """

    value: Mapping[str, Array]
    speed: float


@dataclass(frozen=True, eq=False)
class VectorFixedPoints(Presentable):
    """Fixed points of a map or flow with several unknowns: a sequence of :class:`VectorFixedPoint`.

    Attributes:
        system: whose fixed points.
        box: (N, 1) the box that was given, of which all is meant; None for all real numbers.
        region: (N, 1) what was searched: a part of the box that is proved to hold all fixed points in it.
        points: those found, each proved.
        complete: whether it is proved that there are no others in the box.
        search: ``"complete"`` or ``"sampled"``.
        undecided: (N, 1) boxes in which there may be others, where a complete search did not finish.
        slow_points: of a sampled search, by their speed.
        boxes: how many boxes a complete search examined, or from how many starts a sampled one set out.

    >>> import symgrad as sg
    >>> weights = {"W": [[0.0, 2.0], [2.0, 0.0]], "U": [[0], [0]], "b": [0, 0], "u": [0]}
    >>> found = sg.fixed_points(sg.models.elman(), weights)
    >>> len(found), len(found.stable), found.complete
    (3, 2, True)
    """

    system: VectorSystem = field(repr=False)
    box: Intervals | None = field(repr=False)
    region: Intervals | None = field(repr=False)
    points: tuple[VectorFixedPoint, ...]
    complete: bool
    search: str
    undecided: tuple[Intervals, ...] = ()
    slow_points: tuple[SlowPoint, ...] = field(default=(), repr=False)
    boxes: int = 0

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[VectorFixedPoint]:
        return iter(self.points)

    def __getitem__(self, index: int) -> VectorFixedPoint:
        return self.points[index]

    @property
    def stable(self) -> tuple[VectorFixedPoint, ...]:
        """Those that are stable by linearisation."""
        return tuple(point for point in self.points if point.stability == STABLE)

    @property
    def unstable(self) -> tuple[VectorFixedPoint, ...]:
        """Those that are unstable by linearisation."""
        return tuple(point for point in self.points if point.stability == UNSTABLE)

    @property
    def is_flow(self) -> bool:
        """Whether eigenvalues are those of a flow."""
        return not self.system.is_map


def side_of(value: acb, system: VectorSystem) -> int:
    """-1 within the unit circle (map) or the left half plane (flow), 1 beyond, 0 where that is not decided."""
    size, edge = (abs(value), 1) if system.is_map else (value.real, 0)
    if size < edge:
        return -1
    return 1 if size > edge else 0
