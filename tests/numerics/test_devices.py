"""Every device of every library that is installed gives what NumPy gives; a graphics card, where there is one, too."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import symgrad as sg
from symgrad.numerics.libraries import LIBRARIES

HERE = [
    pytest.param(name, marks=pytest.mark.slow if name == "jax" else ())  # compiled for every device
    for name in LIBRARIES
    if find_spec(name)
]
N, STEPS = 8, 6


@pytest.mark.parametrize("name", HERE)
def test_all_devices_agree_with_numpy(name: str) -> None:
    random = np.random.default_rng(5)
    model = sg.models.elman("gelu")
    weights = {"W": random.normal(size=(N, N)) / N**0.5, "U": random.normal(size=(N, 2)), "b": np.zeros(N)}
    inputs = random.normal(size=(2, STEPS, 2))
    states = sg.simulate(model, weights, inputs).states["h"]
    norms = sg.product_norms(model, weights, inputs).log10
    bound = sg.product_bound(model)
    check = sg.verify(bound, weights, horizon=STEPS, trajectories=2)
    library = LIBRARIES[name]
    for device in (place for place in library.devices() if library.has(place, "float64")):
        where = {"backend": name, "device": device}
        assert np.allclose(sg.simulate(model, weights, inputs, **where).states["h"], states, rtol=0, atol=1e-13), device
        assert np.allclose(sg.product_norms(model, weights, inputs, **where).log10, norms, rtol=0, atol=1e-6), device
        there = sg.verify(bound, weights, horizon=STEPS, trajectories=2, **where)
        assert there.verdict == check.verdict, device
        assert there.ratio == pytest.approx(check.ratio, rel=1e-9), device
