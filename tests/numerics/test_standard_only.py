"""Products and searches on a library that refuses whatever the Python array API standard does not have."""

from __future__ import annotations

from typing import Any

import array_api_strict
import numpy as np
import pytest

import symgrad as sg
from symgrad.numerics.libraries import LIBRARIES
from symgrad.numerics.library import Standard

N, STEPS = 96, 24


@pytest.fixture(autouse=True)
def _strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIBRARIES, "array_api_strict", Standard("array_api_strict", array_api_strict))


@pytest.mark.parametrize(
    "options", [{}, {"ks": [STEPS], "method": "lanczos"}, {"norm": 1}], ids=["low rank", "lanczos", "dense"]
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_norms_of_products(options: dict[str, Any], dtype: str) -> None:
    random = np.random.default_rng(1)
    weights = {"W": random.normal(size=(N, N)) / N**0.5, "U": random.normal(size=(N, 2)), "b": np.zeros(N)}
    inputs = random.normal(size=(2, STEPS, 2))
    found = sg.product_norms(
        sg.models.elman(), weights, inputs, backend="array_api_strict", dtype=dtype, tolerance=1e-5, **options
    )
    expected = sg.product_norms(sg.models.elman(), weights, inputs, **{**options, "method": "dense"})
    assert np.abs(found.log10 - expected.log10).max() < 1e-5


@pytest.mark.parametrize("search", ["random", "adversarial"])
def test_a_bound_made_false_is_found_out(search: str) -> None:
    bound = sg.product_bound(sg.models.elman("tanh"))
    weights = {"W": [[0.0, 0.9], [-0.9, 0.0]], "U": [[1.0], [0.0]], "b": [0.0, 0.0]}
    options = {"horizon": 6, "trajectories": 10, "search": search, "backend": "array_api_strict"}
    assert sg.verify(bound, weights, **options).verdict == sg.Verdict.OBSERVED
    assert sg.verify(bound.tightened(0.98), weights, **options).verdict == sg.Verdict.REFUTED
