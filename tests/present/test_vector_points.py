"""Fixed points of vector models in print and in pictures."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.present import latex, text, to_dict


def _elman(W: Any, **options: Any) -> sg.VectorFixedPoints:
    n = len(W)
    values = {"W": W, "U": np.zeros((n, 1)), "b": np.zeros(n), "u": [0.0]}
    return sg.fixed_points(sg.models.elman(), values, **options)


def _flow() -> sg.VectorFixedPoints:
    x, y = sp.symbols("x y")
    tanh = sg.activation("tanh")
    return sg.fixed_points(sg.Flow({x: -x + tanh(3 * x - y), y: -y + tanh(x + y)}))


def test_the_table_says_what_is_proved() -> None:
    lines = text(_elman(np.diag([3.0, 0.5]))).splitlines()
    assert lines[0] == "3 fixed points of elman, proved to be all"
    assert "max |lambda|" in lines[1]
    assert any("h = (-0.994902, 0)" in line and "stable" in line for line in lines)
    assert any("h = (0, 0)" in line and "unstable" in line for line in lines)
    boxed = text(_elman(np.diag([3.0, 0.5]), box=(0, 1)))
    assert "2 fixed points of elman, proved to be all in [0, 1] x [0, 1]" in boxed
    assert "max Re(lambda)" in text(_flow())


def test_what_is_not_proved_is_said() -> None:
    undecided = text(_elman(np.diag([1.0, 0.5])))
    assert "could not be decided" in undecided
    assert "at least one" in undecided
    assert "undecided: [" in undecided
    sampled = text(_elman(np.diag([3.0, 0.5]), search="sampled"))
    assert "found from 256 starts; there may be others" in sampled


def test_numbers_within_ends_that_were_given_are_written_in_full() -> None:
    assert "[0.1, 0.9999999]" in text(_elman(np.diag([3.0]), box={"h": ([0.1], [0.9999999])}))


def test_data_survive_json() -> None:
    found = _elman(np.diag([3.0, 0.5]))
    data = json.loads(json.dumps(to_dict(found)))
    assert data["complete"] is True
    assert data["box"] is None
    assert [point["stability"] for point in data["points"]] == ["stable", "unstable", "stable"]
    for point, given in zip(data["points"], found, strict=True):
        for value, (low, high) in zip(point["value"]["h"], point["enclosure"]["h"], strict=True):
            assert low <= value <= high
        assert point["growth"][0] <= float(given.growth.mid()) <= point["growth"][1]
        assert len(point["eigenvalues"]) == 2
    assert to_dict(_flow())["points"][2]["value"] == {"x": 0.0, "y": 0.0}


def test_latex_names_states_and_stability() -> None:
    source = latex(_elman(np.diag([3.0, 0.5])))
    assert r"\max \left|\lambda\right|" in source
    assert r"h = \left(-0.994902,\, 0\right)^{T}" in source
    assert r"\operatorname{Re}" in latex(_flow())
    assert r"\text{stable}" in latex(_flow()[0])
    assert "eigenvalues" in text(_flow()[0])


def test_slow_points_are_called_approximate() -> None:
    values = {"W": np.diag([2.0, 0.5, 0.2]), "U": np.zeros((3, 1)), "b": [0.56, 0, 0], "u": [0.0]}  # fold at b = 0.5328
    found = sg.fixed_points(sg.models.elman(), values, search="sampled")
    (slow,) = found.slow_points
    assert abs(slow.value["h"][0] + 0.7) < 0.1
    assert "slow points, approximate" in text(found)
    assert "slow" in text(found.slow_points[0])
    assert r"\approx" in latex(found.slow_points[0])
    assert to_dict(found.slow_points[0])["kind"] == "slow point"
    axes = found.plot()
    assert any("slow, approximate" in str(line.get_label()) for line in axes.get_lines())


def _labels(axes: Any) -> list[str]:
    return [str(label) for label in axes.get_legend_handles_labels()[1]]


def test_the_phase_plane_shows_nullclines_and_points() -> None:
    found = _flow()
    axes = found.plot()
    assert axes.get_xlabel() == "state $x$"
    assert axes.get_ylabel() == "state $y$"
    assert _labels(axes) == ["$dx/dt = 0$", "$dy/dt = 0$", "stable (2)", "saddle (2)", "unstable in all directions (1)"]
    low, high = axes.get_xlim()
    assert all(low < float(point.value["x"]) < high for point in found)
    contours = [item for item in axes.collections if hasattr(item, "levels")]
    assert len(contours) == 2


@pytest.mark.parametrize("size", [1, 3])
def test_pictures_of_any_size_and_of_eigenvalues(size: int) -> None:
    found = _elman(3 * np.eye(size))
    for axes in (found.plot(), found.plot("eigenvalues")):
        assert axes.get_title().startswith("elman")
        axes.figure.canvas.draw()
    circle = found.plot("eigenvalues").get_lines()[0]
    assert np.allclose(np.hypot(*circle.get_data()), 1)


def test_pictures_without_points_and_on_given_axes() -> None:
    none = _elman(3 * np.eye(2), box=(2, 3))
    none.plot()
    first = _flow().plot("eigenvalues")
    assert _flow().plot("eigenvalues", ax=first) is first
    with pytest.raises(sg.InputError, match="kind"):
        _flow().plot("phase")
