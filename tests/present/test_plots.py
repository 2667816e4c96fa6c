"""Pictures: the curves are the numbers that numpy gives, at every scale; nothing global is touched."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

import symgrad as sg

W = np.random.default_rng(0).standard_normal((3, 3))
WEIGHTS = {"W": W, "U": np.eye(3), "b": np.zeros(3)}


def curve(axes: Any, index: int) -> tuple[Any, Any]:
    line = axes.get_lines()[index]
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


@pytest.mark.parametrize("norm", [1, 2, "inf"])
def test_the_bound_is_drawn_as_numpy_computes_it(norm: Any) -> None:
    bound = sg.product_bound(sg.models.elman("sigmoid"), norm)
    axes = bound.plot(WEIGHTS, horizon=12, trajectories=0)
    ks, values = curve(axes, 0)
    order = {"inf": np.inf}.get(norm, norm)
    assert ks.tolist() == list(range(1, 13))
    assert np.allclose(values, (np.linalg.norm(W, order) / 4) ** ks, rtol=1e-12)
    assert axes.get_yscale() == "log"


def test_what_is_observed_stays_below_and_is_what_verify_found() -> None:
    bound = sg.product_bound(sg.models.elman())
    check = sg.verify(bound, WEIGHTS, horizon=10, trajectories=5)
    axes = check.plot()
    assert np.allclose(np.log10(curve(axes, 1)[1]), check.log10_observed)
    assert (curve(axes, 1)[1] <= curve(axes, 0)[1] * (1 + 1e-9)).all()
    same = bound.plot(WEIGHTS, horizon=10, trajectories=5)
    assert np.array_equal(curve(same, 1)[1], curve(axes, 1)[1])


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_beyond_floats_the_axis_holds_logarithms(scale: float) -> None:
    bound = sg.product_bound(sg.models.elman("identity"))
    axes = bound.plot({"W": scale * np.eye(2)}, horizon=100, trajectories=0)
    assert axes.get_yscale() == "linear"
    assert r"\log_{10}" in axes.get_ylabel()
    assert curve(axes, 0)[1][-1] == pytest.approx(100 * np.log10(scale))


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_constant_and_zero_bounds_are_drawn(weight: float) -> None:
    bound = sg.product_bound(sg.models.elman("identity"))
    axes = bound.plot({"W": weight * np.eye(2)}, horizon=5, trajectories=0)
    axes.figure.canvas.draw()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert ("bound 0 or infinite from k = 1 on" in labels) == (weight == 0)


def test_lower_bounds_layers_and_several_states() -> None:
    lower = sg.product_bound(sg.models.residual(), side="lower").plot(
        {**WEIGHTS, "W": W / 50}, horizon=6, trajectories=4
    )
    assert (curve(lower, 1)[1] >= curve(lower, 0)[1] * (1 - 1e-9)).all()
    assert r"\min_x" in lower.get_ylabel()
    deep = sg.product_bound(sg.models.feedforward())
    axes = deep.plot({"W": [W, 2 * W, W], "b": np.zeros((3, 3))}, horizon=50, trajectories=0)
    assert curve(axes, 0)[0].tolist() == [1, 2, 3]


def test_a_refuted_claim_and_a_horizon_are_marked() -> None:
    claim = sg.product_bound(sg.models.elman()).tightened(0.5)
    weights = {"W": np.eye(2), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    check = sg.verify(claim, weights, horizon=8, trajectories=10)
    assert check.witness is not None
    axes = check.plot()
    assert "refuted here" in [text.get_text() for text in axes.get_legend().get_texts()]
    marked = sg.product_bound(sg.models.elman("sigmoid")).plot({"W": np.eye(2)}, horizon=50, trajectories=0, delta=1e-3)
    assert curve(marked, 1)[0][0] == 5  # 4**-5 < 1e-3 < 4**-4


def labels(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_the_rate_stands_in_the_legend() -> None:
    bound = sg.product_bound(sg.models.elman("sigmoid"))
    assert labels(bound.plot({"W": np.eye(2)}, trajectories=0)) == [r"upper bound, $\gamma \approx 0.250$"]
    lower = sg.product_bound(sg.models.residual(), side="lower").plot({"W": np.eye(2) / 3}, trajectories=0)
    assert labels(lower) == [r"lower bound, $\gamma \approx 0.667$"]
    pair = sg.product_bound(sg.models.lstm().assuming({"c": (-2, 2)}))
    weights = {f"W_h{gate}": np.eye(2) for gate in "ifgo"}
    mean = (pair.evaluate(weights, 40).log10 - pair.evaluate(weights, 1).log10) / 39
    assert labels(pair.plot(weights, trajectories=0, horizon=40)) == [f"upper bound, about ${10**mean:.3g}$ a step"]


def test_every_refuted_point_is_marked() -> None:
    weights = {"W": np.eye(2), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    check = sg.verify(sg.product_bound(sg.models.elman()).tightened(0.5), weights, horizon=8, trajectories=10)
    marked = next(line for line in check.plot().get_lines() if line.get_label() == "beyond the bound")
    assert marked.get_xdata().tolist() == check.ks[check.log10_observed > check.log10_bound].tolist()
    assert len(marked.get_xdata())


def test_axes_may_hold_several_bounds_of_one_scale() -> None:
    bound = sg.product_bound(sg.models.elman("identity"))
    axes = bound.plot({"W": np.eye(2) / 2}, horizon=50, trajectories=0)
    bound.plot({"W": np.eye(2)}, horizon=20, trajectories=0, ax=axes)
    assert len(axes.get_lines()) == 2
    assert axes.get_xlim()[1] >= 50
    assert axes.get_ylim()[0] <= 2.0**-50
    with pytest.raises(sg.InputError, match="ax: the curves there are of another scale"):
        bound.plot({"W": 1e9 * np.eye(2)}, horizon=100, trajectories=0, ax=axes)


def test_given_axes_are_used_and_nothing_global_changes() -> None:
    from matplotlib.figure import Figure

    before = dict(mpl.rcParams)
    axes = Figure().add_subplot()
    assert sg.product_bound(sg.models.elman()).plot({"W": W}, trajectories=0, ax=axes) is axes
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: sg.product_bound(sg.models.elman()).plot({"W": W}, trajectories=0, ax=3),
            "ax: matplotlib axes .* int",
        ),
        (lambda: sg.models.elman().plot(), "there is no picture of Recurrence"),
        (lambda: sg.product_bound(sg.models.elman()).plot({}, trajectories=0), "missing"),
        (lambda: sg.product_bound(sg.models.elman()).plot({"W": W}, trajectories=-1), "trajectories: "),
        (lambda: sg.product_bound(sg.models.elman()).plot({"W": W}, trajectories=0, horizon=0), "horizon: "),
    ],
)
def test_bad_input_is_refused(call: Any, message: str) -> None:
    with pytest.raises(sg.InputError, match=message):
        call()
