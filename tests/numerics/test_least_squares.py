"""Least squares against the pseudo-inverse, with directions that do not count."""

from __future__ import annotations

import numpy as np
import pytest

from symgrad.numerics.least_squares import least_squares


@pytest.mark.parametrize("shape", [(0, 3, 2), (5, 4, 3), (5, 3, 4), (0, 40, 20), (3, 40, 20), (3, 20, 40)])
@pytest.mark.parametrize("lost", [0, 1])
def test_the_shortest_of_the_nearest(shape, lost: int) -> None:
    random = np.random.default_rng(0)
    matrices, targets = random.standard_normal(shape), random.standard_normal(shape[:2])
    if lost:  # a direction without effect but for rounding
        left, values, right = np.linalg.svd(matrices, full_matrices=False)
        values[:, -1:] = 1e-13
        matrices = left * values[:, None, :] @ right
    expected = (np.linalg.pinv(matrices, rcond=1e-9) @ targets[..., None])[..., 0]
    np.testing.assert_allclose(least_squares(matrices, targets, 1e-9), expected, atol=1e-9)
