"""Slope forms made of plain arrays, and products of their Jacobians in NumPy."""

from __future__ import annotations

import math

import numpy as np

from symgrad.calculus.slope_form import SlopeForm
from symgrad.rigor.matrix_balls import ball_matrix

NORMS = (1, 2, math.inf)


def form(direct, out, into, inner, low, high, slots=None):
    blocks = (ball_matrix(np.asarray(block, dtype=float)) for block in (direct, out, into, inner))
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    return SlopeForm(*blocks, low, high, (len(direct),), slots or (len(low),))


def elman(matrix, low=0.0, high=1.0):
    """J = diag(slopes) W."""
    w = np.asarray(matrix, dtype=float)
    n = len(w)
    ends = (np.broadcast_to(np.asarray(end, dtype=float), (n,)).copy() for end in (low, high))
    return form(np.zeros((n, n)), np.eye(n), w, np.zeros((n, n)), *ends)


def output_side(matrix, low=0.0, high=1.0):
    """J = W diag(slopes)."""
    w = np.asarray(matrix, dtype=float)
    n = len(w)
    return form(np.zeros((n, n)), w, np.eye(n), np.zeros((n, n)), np.full(n, low), np.full(n, high))


def nested(seed, states=3, count=7, levels=3):
    """A form with slopes inside slopes, a direct part, negative slopes, and some that do not vary."""
    rng = np.random.default_rng(seed)
    level = np.sort(rng.integers(0, levels, count))
    inner = rng.standard_normal((count, count)) * (level[:, None] > level[None, :])
    low = rng.uniform(-1, 0.5, count)
    high = low + rng.uniform(0, 1, count) * (rng.random(count) < 0.8)
    slots = tuple(int((level == step).sum()) for step in range(levels))
    direct, out, into = (rng.standard_normal(shape) for shape in ((states,) * 2, (states, count), (count, states)))
    return form(0.3 * direct, out, into, inner, low, high, slots)


def observed_norms(given, steps, seed=0, trials=60):
    """The largest norms of products over slope sequences: random, corners, and repeated ones; p -> (steps,) array."""
    rng = np.random.default_rng(seed)
    largest = {p: np.zeros(steps) for p in NORMS}
    for trial in range(trials):
        product, factor = np.eye(given.size), None
        for k in range(steps):
            if factor is None or trial % 3 != 2:
                share = rng.random(given.count)
                share = share if trial % 3 == 0 else np.round(share)
                factor = given.at(given.low + (given.high - given.low) * share)
            product = factor @ product
            for p in NORMS:
                largest[p][k] = max(largest[p][k], np.linalg.norm(product, p))
    return largest


def assert_bounds_hold(certificate, given, steps=8, trials=60):
    """No product observed exceeds the bound, up to the rounding of the products themselves."""
    for p, norms in observed_norms(given, steps, trials=trials).items():
        for k, found in enumerate(norms, start=1):
            assert found <= float(certificate.bound(k, p)) * (1 + 1e-9) + 1e-290, (p, k)
        assert float(certificate.bound(0, p)) >= 1 or certificate.vanishes_after == 0
