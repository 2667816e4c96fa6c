"""Sweeps over grids in print: text, LaTeX, data and pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import InputError, UnknownNameError


def cell(gain: float, size: int, method: str) -> dict[str, object]:
    if method == "poor" and size == 16:
        raise ValueError("too 50% poor_")
    return {"rate": gain * size / 16, "word": method}


GRID = {"gain": [0.5, 1.0, 1.5], "size": [8, 16], "method": ["norm", "poor"]}


@pytest.fixture(scope="module")
def found() -> sg.SweepResult:
    return sg.sweep(cell, GRID, repetitions=2)


def test_text_has_the_first_cells_and_the_failures(found: sg.SweepResult) -> None:
    lines = str(found).splitlines()
    assert "over gain, size, method, repetition: 24 cells, 6 of them failed" in lines[0]
    assert lines[1].split() == ["gain", "size", "method", "repetition", "rate", "word"]
    assert lines[3].split() == ["0.5", "8", "norm", "0", "0.25", "norm"]
    assert lines[-2:] == ["and 12 more cells", "6 failed with ValueError: too 50% poor_ (first: cell 6)"]


def test_latex_escapes_what_users_write(found: sg.SweepResult) -> None:
    written = found.latex()
    assert r"too 50\% poor}\_" in written
    assert r"\begin{array}{rrrrrr}" in written


def test_data_is_json_and_complete(found: sg.SweepResult) -> None:
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["cells"] == data["shown"] == len(data["columns"]["rate"]) == 24
    assert data["columns"]["rate"][:3] == [0.25, 0.25, 0.25]
    assert data["columns"]["rate"][6] == "nan"
    assert data["errors"][0]["message"] == "too 50% poor_"
    assert data["shape"] == [3, 2, 2, 2]


def test_a_heat_map_shows_means_over_the_other_parameters(found: sg.SweepResult) -> None:
    axes = found.plot("gain", "size", "rate", level=1.0)
    (mesh,) = [item for item in axes.collections if type(item).__name__ == "QuadMesh"]
    expected = np.array([[g * s / 16 for g in GRID["gain"]] for s in GRID["size"]])
    np.testing.assert_allclose(np.asarray(mesh.get_array()).reshape(2, 3), expected)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("gain", "size")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["rate = 1"]


def test_places_without_a_value_stay_empty(found: sg.SweepResult) -> None:
    axes = found.plot("size", "method", "rate")
    (mesh,) = [item for item in axes.collections if type(item).__name__ == "QuadMesh"]
    assert np.ma.getmaskarray(mesh.get_array()).reshape(2, 2).tolist() == [[False, False], [False, True]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["norm", "poor"]
    axes.figure.canvas.draw()


def test_curves_have_means_and_bands(found: sg.SweepResult) -> None:
    axes = found.plot("gain", curves="size", level=1.0)
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}
    assert lines["size = 8"] == [0.25, 0.5, 0.75]
    assert lines["size = 16"] == [0.5, 1.0, 1.5]
    single = found.plot("gain", ax=found.plot("gain").figure.add_subplot())
    np.testing.assert_allclose(single.get_lines()[0].get_ydata(), [1 / 3, 2 / 3, 1.0])
    assert len(single.collections) == 1


def test_what_cannot_be_drawn_is_said(found: sg.SweepResult) -> None:
    with pytest.raises(UnknownNameError, match="parameter for x"):
        found.plot("gein")
    with pytest.raises(UnknownNameError, match="unknown value 'rat'"):
        found.plot(value="rat")
    with pytest.raises(InputError, match="different parameters"):
        found.plot("gain", "gain")
    with pytest.raises(InputError, match="of a picture without y"):
        found.plot("gain", "size", curves="method")
    with pytest.raises(InputError, match="holds strings"):
        found.plot(value="word")
    with pytest.raises(InputError, match="at most 24"):
        sg.sweep(lambda a, b: a, {"a": [1, 2], "b": range(30)}).plot("a", curves="b")
    infinite = sg.sweep(lambda a: {"up": np.inf, "b": a}, {"a": [1, 2]})
    with pytest.raises(InputError, match="up has no finite number"):
        infinite.plot(value="up")
    assert infinite.plot().get_ylabel() == "b"
    with pytest.raises(InputError, match="no cell gave a value"):
        sg.sweep(lambda a: 1 / 0, {"a": [1, 2]}).plot()


def test_a_single_cell_can_be_drawn() -> None:
    assert sg.sweep(lambda a: a, {"a": [1]}).plot().get_lines()[0].get_ydata() == [1.0]
