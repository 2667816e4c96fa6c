"""Singular values, isometry and simulated networks in print and in pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import InputError
from symgrad.meanfield.infinite_width import infinite_width
from symgrad.meanfield.singular_values import singular_values
from symgrad.numerics.wide_networks import WideNetwork
from symgrad.present.dispatch import plot
from tests.present.typesetting import complaints, typeset


@pytest.fixture(scope="module")
def network() -> WideNetwork:
    return sg.simulate_wide_network("relu", 24, 4, 2, weights="orthogonal", samples=6, seed=1)


def test_text_states_the_numbers_and_where_they_come_from(network: WideNetwork) -> None:
    found = singular_values("relu", 2, 10, q=1).text()
    assert "mean = chi_1^L = 1" in found
    assert found.endswith("= 20")
    isometry = sg.dynamical_isometry("relu").text()
    assert isometry.startswith("dynamical isometry of relu with orthogonal weights: impossible")
    assert "its infimum on the critical line = 2" in isometry
    assert "+- one standard error" in network.text()
    assert "infinite width 4" in network.text()


def test_data_is_json(network: WideNetwork) -> None:
    for item in (singular_values("relu", 2, 3, q=1), sg.dynamical_isometry("hard_tanh"), network):
        assert json.loads(json.dumps(item.to_dict())) == item.to_dict()
    data = network.to_dict()
    assert data["gradient"]["infinite_width"] == pytest.approx([1.0] * 5)
    assert np.shape(data["singular_values"]) == (6, 24)


@pytest.mark.slow
def test_latex_compiles(network: WideNetwork, tmp_path: Path) -> None:
    for item in (singular_values("relu", 2, 3, q=1), sg.dynamical_isometry("hard_tanh"), network):
        assert complaints(typeset(item.latex(standalone=True), tmp_path)) == []


@pytest.mark.parametrize(
    "kind", ["gradient", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("variance", "correlation"))]
)
def test_pictures_against_layers_show_theory_and_error_bars(network: WideNetwork, kind: str) -> None:
    axes = plot(network, kind)
    theory = next(line for line in axes.lines if line.get_linestyle() == "--")
    limit = infinite_width(network)
    expected = {"gradient": limit.gradient, "variance": limit.q, "correlation": limit.correlation}[kind]
    assert theory.get_ydata() == pytest.approx(expected)
    assert len(axes.containers) == 1
    assert axes.get_xlabel() == "layer $l$"
    assert (axes.get_yscale() == "log") is (kind == "gradient")


def test_the_histogram_marks_mean_and_spread(network: WideNetwork) -> None:
    axes = plot(network, "singular values")
    places = sorted(float(line.get_xdata()[0]) for line in axes.lines)
    assert places == pytest.approx([1.0, 3.0])  # mean 1, variance L = 4
    assert sum(bar.get_height() for bar in axes.patches) == 6 * 24


def test_pictures_that_there_are_not(network: WideNetwork) -> None:
    with pytest.raises(InputError, match="kind"):
        plot(network, "spectrum")
    bare = sg.simulate_wide_network("relu", 8, 1, 2, samples=2, spectrum=False)
    with pytest.raises(InputError, match="spectrum=True"):
        plot(bare, "singular values")
