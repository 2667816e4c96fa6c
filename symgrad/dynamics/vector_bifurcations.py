"""Bifurcations of the fixed points of models with several unknowns, in one parameter."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.dynamics.bifurcation_points import BifurcationPoint
from symgrad.dynamics.symmetries import Symmetry
from symgrad.dynamics.vector_certificates import certify
from symgrad.dynamics.vector_conditions import Box
from symgrad.dynamics.vector_derivatives import Extended
from symgrad.dynamics.vector_search import Search, search_box

__all__ = ["complete_search"]

Array = NDArray[np.float64]


def complete_search(
    extended: Extended, whole: Box, symmetries: tuple[Symmetry, ...], max_boxes: int
) -> tuple[Search, tuple[BifurcationPoint, ...]]:
    """All bifurcations with (x, p) in a box."""
    outcome = search_box(extended, whole, lambda c, z, reach: certify(extended, symmetries, c, z, reach), max_boxes)
    points = [f.result for f in outcome.found if f.result is not None and _may_lie_in(f.z, whole)]
    return outcome, tuple(sorted(points, key=lambda point: point.value))


def _may_lie_in(z: Any, whole: Box) -> bool:
    return all(a.overlaps(b) for a, b in zip(z.entries(), whole.balls.entries(), strict=True))
