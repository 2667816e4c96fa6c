import math

import flint
import numpy as np
import pytest
from flint import arb

from symgrad.errors import InputError
from symgrad.rigor.balls import working_precision
from symgrad.rigor.matrix_balls import ball_matrix, midpoint_radius, point_matrix


def test_points_are_exact_at_any_precision():
    values = np.array([[0.1, -5e-324], [1.7e308, 1 / 3]])
    with working_precision(10):
        balls = point_matrix(values).entries()
    assert all(ball.is_exact() for ball in balls)
    assert [float(ball) for ball in balls] == values.ravel().tolist()


def test_midpoint_radius_contains_each_ball():
    balls = ball_matrix([[0.1, -3.0], [1e-320, 1e300]], [[0.5, 0.0], [1e-322, 1e299]])
    matrix, radius = midpoint_radius(balls)
    with working_precision(2000):
        for ball, middle, rad in zip(balls.entries(), matrix.ravel(), radius.ravel(), strict=True):
            assert arb(float(middle)) - arb(float(rad)) <= ball.lower()
            assert ball.upper() <= arb(float(middle)) + arb(float(rad))
    with pytest.raises(InputError, match="without finite bounds"):
        midpoint_radius(flint.arb_mat([[arb(0, math.inf)]]))
    assert midpoint_radius(ball_matrix(np.zeros((0, 2))))[0].shape == (0, 2)
