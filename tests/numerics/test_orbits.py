"""Orbits and the ascent along them against finite differences and simulation."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.calculus.slope_form import slope_form
from symgrad.calculus.unit_ranges import declared_ranges
from symgrad.language.weights import bind
from symgrad.numerics.orbit_ascent import OrbitAscent
from symgrad.numerics.orbit_system import OrbitSystem
from symgrad.numerics.realise import OrbitSearch
from symgrad.numerics.setting import Setting


def system(model, seed=0, n=3, m=2, scale=1.0):
    random = np.random.default_rng(seed)
    weights = {}
    for symbol in model.parameters:
        shape = [{"n": n, "m": m}.get(str(d), 1) for d in symbol.shape]
        array = scale * random.standard_normal(shape)
        weights[str(symbol)] = array[:, 0] if symbol.shape[1] == 1 else array
    bound = bind(model, weights)
    return OrbitSystem(Setting(model, bound), declared_ranges(model, bound))


def orbits(found, period, count, seed=1):
    random = np.random.default_rng(seed)
    start = 0.3 * random.standard_normal((count, period, sum(found.steering.layout.sizes)))
    return found.returned(start)


CELLS = [sg.models.elman(), sg.models.gru(), sg.models.lstm().assuming({"c": (-9, 9)})]


@pytest.mark.parametrize("model", CELLS, ids=lambda model: model.name)
@pytest.mark.parametrize("period", [1, 3])
def test_gradient_agrees_with_differences(model, period):
    found = system(model, scale=0.7)
    start = orbits(found, period, 3)
    ascent = OrbitAscent(found)
    gradient = ascent.gradient(start)
    size = 1e-5
    moved = []
    for sign in (1, -1):
        near = start.copy()
        near[:, :, found.size :] += sign * size * gradient
        moved.append(period * np.log(found.rates(found.returned(near))))
    slope = (moved[0] - moved[1]) / (2 * size)
    # along its own direction the derivative is the length of the gradient, so any other direction gives less
    random = np.random.default_rng(5)
    assert (slope > 0).all()
    length = np.sqrt(np.square(gradient).sum(axis=(1, 2)))
    for _ in range(3):
        other = random.standard_normal(gradient.shape)
        sides = []
        for sign in (1, -1):
            near = start.copy()
            near[:, :, found.size :] += sign * size * other
            sides.append(period * np.log(found.rates(found.returned(near))))
        expected = slope / length**2 * (other * gradient).sum(axis=(1, 2))
        np.testing.assert_allclose((sides[0] - sides[1]) / (2 * size), expected, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("model", CELLS, ids=lambda model: model.name)
def test_orbits_return_and_ascent_makes_them_faster(model):
    found = system(model, scale=0.7)
    start = orbits(found, 2, 4)
    ends = OrbitAscent(found).improved(start, 10)
    assert (found.rates(ends) >= found.rates(start)).all()
    assert (found.rates(ends) > found.rates(start) * 1.001).any()
    residual, _ = found.returning(ends)
    assert np.abs(residual).max() < 1e-9


def test_jacobians_are_those_of_the_form():
    model = sg.models.elman()
    found = system(model, scale=0.5)
    start = orbits(found, 2, 2)
    form = slope_form(model, found.setting.weights)
    after = np.roll(start[:, :, :3], -1, axis=1)
    for b in range(2):
        for t in range(2):
            np.testing.assert_allclose(
                found.steps(start)[1][b, t, :, : found.size], form.at(1 - after[b, t] ** 2), atol=1e-10
            )


def test_without_inputs_nothing_is_improved():
    h, W = sg.models.elman().symbol("h"), sg.models.elman().symbol("W")
    model = sg.Recurrence({h: W * h})
    assert not OrbitAscent(system(model)).is_possible


def test_wanted_slopes_are_met_where_the_inputs_allow_it():
    model = sg.models.elman()
    found = system(model, m=3)
    form = slope_form(model, found.setting.weights)
    wanted = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    near = OrbitSearch(found, form).orbits(wanted, 4, np.random.default_rng(0))
    after = np.roll(near[0, :, :3], -1, axis=0)
    np.testing.assert_allclose(1 - after**2, wanted, atol=1e-5)
