"""Bifurcations of fixed points: one point with its certified conditions, and all of them in an interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from flint import acb, arb
from numpy.typing import NDArray

from symgrad.dynamics.points import UNDECIDED, UNIQUE
from symgrad.presentable import Presentable

__all__ = [
    "BORDER_COLLISION",
    "CUSP",
    "FLIP",
    "HOPF",
    "KINDS",
    "NEIMARK_SACKER",
    "PITCHFORK",
    "SADDLE_NODE",
    "SUBCRITICAL",
    "SUPERCRITICAL",
    "TRANSCRITICAL",
    "BifurcationPoint",
    "Bifurcations",
    "Branch",
]

SADDLE_NODE, PITCHFORK, TRANSCRITICAL, CUSP = "saddle-node", "pitchfork", "transcritical", "cusp"
FLIP, NEIMARK_SACKER, HOPF, BORDER_COLLISION = "flip", "Neimark-Sacker", "Hopf", "border-collision"
KINDS = (SADDLE_NODE, PITCHFORK, TRANSCRITICAL, CUSP, FLIP, NEIMARK_SACKER, HOPF, BORDER_COLLISION)
SUPERCRITICAL, SUBCRITICAL = "supercritical", "subcritical"


@dataclass(frozen=True, eq=False)
class BifurcationPoint(Presentable):
    """A fixed point with a critical multiplier or eigenvalue, at its value of the parameter.

    Attributes:
        kind: one of ``KINDS``, or ``"undecided"``: critical, but which kind is not proved.
        parameter: encloses the value of the parameter (the first one of a search in two).
        state: encloses the fixed point, one ball a coordinate.
        eigenvalues: enclose the critical multipliers of a map, or eigenvalues of a flow; at a kink the slopes of both
            sides; empty for an equation that is not of the form x = g(x).
        coefficients: of the normal form (Kuznetsov, Elements of Applied Bifurcation Theory), name -> ball.
        criticality: ``"supercritical"``, ``"subcritical"``, or None where the kind has none or it is not proved.
        nondegenerate: whether all conditions of the normal form are proved; None where a ball does not tell.
        status: ``"unique"``: exactly one such point lies in the balls; ``"at least one"``; ``"undecided"``: there may
            be one.
        conditions: what is proved, in words and numbers.
        exact_parameter: the parameter in closed form, where one is proved; else None.
        exact_state: the fixed point in closed form; else None.
        exact_coefficients: those coefficients that have a short closed form, name -> constant.
        second: encloses the second parameter of a search in two; else None.
        exact_second: the second parameter in closed form; else None.

    >>> import symgrad as sg
    >>> point = sg.bifurcations("x = r*x*(1 - x)", "r", interval=(2, 4))[0]
    >>> point.kind, point.exact_parameter, point.criticality, float(point.coefficients["c"])
    ('flip', 3, 'supercritical', 9.0)
    """

    kind: str
    parameter: arb
    state: tuple[arb, ...]
    eigenvalues: tuple[arb | acb, ...] = ()
    coefficients: Mapping[str, arb] = field(default_factory=dict)
    criticality: str | None = None
    nondegenerate: bool | None = None
    status: str = UNIQUE
    conditions: tuple[str, ...] = ()
    exact_parameter: sp.Expr | None = None
    exact_state: tuple[sp.Expr, ...] | None = None
    exact_coefficients: Mapping[str, sp.Expr] = field(default_factory=dict)
    second: arb | None = None
    exact_second: sp.Expr | None = None

    @property
    def value(self) -> float:
        """The parameter as a float, the middle of its ball."""
        return float(self.parameter.mid())

    @property
    def decided(self) -> bool:
        """Whether the kind, and that there is such a point, are proved."""
        return self.kind != UNDECIDED and self.status != UNDECIDED


@dataclass(frozen=True, eq=False)
class Branch(Presentable):
    """A curve of fixed points, computed in floats for pictures and as a source of candidates; nothing is proved of it.

    Attributes:
        parameter: its values along the curve, shape (m,).
        states: fixed points, shape (m, n).
        stable: whether each is stable by linearisation, shape (m,).
        special: the certified bifurcations that lie on it.
        closed: whether the curve returns to where it begins.
    """

    parameter: NDArray[np.float64]
    states: NDArray[np.float64]
    stable: NDArray[np.bool_]
    special: tuple[BifurcationPoint, ...] = ()
    closed: bool = False

    def __len__(self) -> int:
        return int(self.parameter.size)


@dataclass(frozen=True, eq=False)
class Bifurcations(Presentable):
    """The bifurcations of the fixed points of a system: a sequence of :class:`BifurcationPoint`.

    Attributes:
        system: whose, a ScalarSystem or a VectorSystem, with ``kind``, ``name`` and the parameters left free.
        parameter: the parameter that varies, or both of a search in two.
        interval: where it was searched, one interval a parameter; of a search over all real numbers infinite.
        box: where fixed points were searched, one interval a coordinate; may be infinite.
        points: sorted by the parameter.
        branches: numeric curves of fixed points, for pictures.
        complete: whether it is proved that there are no others.
        undecided: stretches of the parameter in which there may be others; empty if complete.
        remarks: what limits the proof, or degenerate facts, in sentences.

    >>> import symgrad as sg
    >>> found = sg.bifurcations(sg.models.neuron(w=5), "b")
    >>> [point.kind for point in found], found.complete
    (['saddle-node', 'saddle-node'], True)
    """

    system: Any
    parameter: tuple[sp.Symbol, ...]
    interval: tuple[sp.Interval, ...]
    box: tuple[sp.Interval, ...]
    points: tuple[BifurcationPoint, ...]
    branches: tuple[Branch, ...] = ()
    complete: bool = True
    undecided: tuple[sp.Interval, ...] = ()
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[BifurcationPoint]:
        return iter(self.points)

    def __getitem__(self, index: int) -> BifurcationPoint:
        return self.points[index]

    def of_kind(self, kind: str) -> tuple[BifurcationPoint, ...]:
        """Those of one kind, for example ``"saddle-node"``."""
        return tuple(point for point in self.points if point.kind == kind)
