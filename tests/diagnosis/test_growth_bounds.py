"""Bounds on a layer's gradients hold along its sequences, are not loose where they are exact, and say their scope."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

from symgrad.diagnosis import certified_sequence, growth_bounds
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.measured import measure
from symgrad.diagnosis.seen_ranges import with_seen_ranges
from symgrad.errors import InputError, UnknownNameError
from tests.diagnosis.constructed import GRU, LSTM, elman, gated, layer, orthogonal, own

Array = NDArray[np.float64]
bounds_of = growth_bounds.growth_bounds
SLACK = 1e-9  # decades, for the rounding of what is measured in floats


def runs() -> dict[str, LayerRun]:
    return {
        "elman": elman(0.7 * orthogonal(), steps=12),
        "linear": elman(np.triu(np.full((4, 4), 0.5)), activation="identity", steps=12),
        "lstm": gated(LSTM, {"b_hf": 1.0}, n=3, steps=12),
        "gru": gated(GRU, {}, n=3, steps=12),
        "own": own(-1.0, steps=12),
    }


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in ("own", "gru") else name for name in runs()]
)
def test_the_measured_norms_keep_to_every_bound(name: str) -> None:
    run = runs()[name]
    found, measured = bounds_of(run, 12), measure(run).log10_products[:, 1:]
    assert found.upper
    for curve in found.upper.values():
        assert (measured <= curve + SLACK).all()
    for curve in found.lower.values():
        assert (curve <= measured + SLACK).all()
    assert found.along is not None
    assert found.along_least is not None
    assert (found.along_least <= measured[0] + SLACK).all()
    assert (measured[0] <= found.along + SLACK).all()
    assert (found.along - found.along_least < 1e-9).all()


def test_bounds_of_a_multiple_of_an_orthogonal_matrix_are_exact_and_no_smaller_one_holds() -> None:
    run = elman(0.5 * orthogonal(), activation="identity", steps=30)
    found, measured = bounds_of(run, 30), measure(run).log10_products[:, 1:]
    for curve in (found.log10_best, found.along):
        assert curve is not None
        assert np.allclose(curve, np.arange(1, 31) * np.log10(0.5), atol=1e-6)
        assert not (measured <= curve - 1e-5).all()  # a tightened claim is false


def test_the_enclosed_sequence_agrees_with_products_of_many_digits() -> None:
    run = elman(np.array([[0.9, 0.7], [-0.3, 0.8]]), bias=0.4, steps=15)
    found = bounds_of(run, 15, methods=["norm"])
    exact = _products_of_many_digits(run)
    assert found.along is not None
    assert found.along_least is not None
    assert all(
        float(low) <= value <= float(high)
        for low, value, high in zip(found.along_least, exact, found.along, strict=True)
    )
    assert not all(value <= float(high) - 1e-10 for value, high in zip(exact, found.along, strict=True))


def _products_of_many_digits(run: LayerRun) -> list[mpmath.mpf]:
    """log10 ||J_T ... J_{T-k+1}|| of the first sequence of a tanh network of two units with 60 digits."""
    with mpmath.workdps(60):
        W, U, b = (mpmath.matrix(run.weights[name].tolist()) for name in ("W", "U", "b"))
        h, jacobians = mpmath.matrix(run.initial["h"][0].tolist()), []
        for u in run.inputs["u"][0]:
            h = (W * h + U * mpmath.matrix(u.tolist()) + b).apply(mpmath.tanh)
            jacobians.append(mpmath.diag([1 - value**2 for value in h]) * W)
        product, logs = mpmath.eye(2), []
        for matrix in reversed(jacobians):
            product = product * matrix
            logs.append(mpmath.log10(max(mpmath.svd_r(product, compute_uv=False))))
    return logs


def test_bounds_that_rest_on_a_box_do_not_count_for_sequences_that_start_outside() -> None:
    inside = elman(0.5 * orthogonal(), steps=10)
    outside = replace(inside, initial={"h": np.full((3, 8), 1.5)})
    assert "range" in bounds_of(inside, 10, along=False).upper
    found = bounds_of(outside, 10, along=False)
    assert list(found.upper) == ["norm"]
    assert "starts with h outside" in found.missing["upper", "range"]
    assert "invariant box" not in found.scope


def test_inputs_are_declared_as_they_were_seen() -> None:
    run = elman(0.5 * orthogonal(), steps=10)
    largest = float(np.abs(run.inputs["u"]).max())
    u = run.model.symbol("u")
    end = with_seen_ranges(run).ranges[u].end
    assert largest <= float(end) <= largest + 1 / 16
    wide = replace(run, model=run.model.assuming({"u": (-50, 50)}))
    assert with_seen_ranges(wide).ranges[u].end == 50
    narrow = replace(run, model=run.model.assuming({"u": (-0.25, 0.25)}))  # the sequences leave it
    assert with_seen_ranges(narrow).ranges[u].end == end
    still = replace(run, inputs={"u": np.zeros((3, 10, 2))})
    assert with_seen_ranges(still).ranges[u].end > 0


def test_a_declared_range_that_a_state_leaves_is_dropped() -> None:
    run = elman(0.9 * orthogonal(), bias=1.0, steps=10)
    h = run.model.symbol("h")
    assert h in with_seen_ranges(replace(run, model=run.model.assuming({"h": (-1, 1)}))).ranges
    assert h not in with_seen_ranges(replace(run, model=run.model.assuming({"h": (-0.01, 0.01)}))).ranges


def test_what_takes_long_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    run = elman(0.5 * orthogonal(), steps=10)
    monkeypatch.setitem(growth_bounds.MOST_STATES, "quadratic", 7)
    monkeypatch.setattr(certified_sequence, "MOST_WORK", 100)
    found = bounds_of(run, 10)
    assert "quadratic" not in found.upper
    assert "more than the 7" in found.missing["upper", "quadratic"]
    assert found.along is None
    assert "10 steps of 8 states" in found.note
    assert "quadratic" in found.note
    assert "quadratic" in bounds_of(run, 10, methods=["quadratic"], along=False).upper  # asked for by name


def test_of_a_long_sequence_the_first_steps_are_enclosed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = elman(0.5 * orthogonal(), steps=40)
    monkeypatch.setattr(certified_sequence, "MOST_WORK", 12 * certified_sequence.work_per_step(8, whole=True))
    found = bounds_of(run, 40, methods=["norm"])
    assert found.along is None
    assert found.opening is not None
    assert found.opening.steps == 12
    assert "first 12 steps" in found.note
    measured = float(measure(run.part(slice(0, 1), 12)).log10_products[0, -1])  # ||dx_12/dx_0||
    assert found.opening.least - SLACK <= measured <= found.opening.most + SLACK
    assert found.opening.most - found.opening.least < 1e-9


def test_the_first_sequence_may_be_shorter_than_the_horizon() -> None:
    found = bounds_of(elman(0.5 * orthogonal(), steps=5), 9, methods=["norm"])
    assert found.along is not None
    assert np.isfinite(found.along[:5]).all()
    assert np.isnan(found.along[5:]).all()
    assert found.horizon == 9
    assert found.upper["norm"].shape == (9,)


def test_without_a_bound_the_best_one_is_infinite() -> None:
    found = bounds_of(layer(LSTM, _lstm()), 3, methods=["norm"], along=False)
    assert not found.upper
    assert found.best() is None
    assert found.best("lower") is None
    assert np.isposinf(found.log10_best).all()
    assert np.isneginf(found.log10_best_lower).all()


def _lstm() -> dict[str, Array]:
    run = gated(LSTM, {}, n=2, steps=3)
    return dict(run.weights)


def test_bad_arguments_are_refused() -> None:
    run = elman(0.5 * orthogonal(), steps=3)
    with pytest.raises(InputError, match="horizon: a positive integer"):
        bounds_of(run, 0)
    with pytest.raises(UnknownNameError, match="methods"):
        bounds_of(run, 3, methods=["frobenius"])


@pytest.mark.parametrize("small", [True, False])
def test_where_floats_lose_their_digits_balls_are_taken(small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    run = elman(np.triu(np.full((16, 16), 0.5)), activation="identity", steps=60)
    if not small:
        monkeypatch.setattr(certified_sequence, "BALL_WORK", 0)
    found = certified_sequence.sequence_growth(run, 60)
    measured = measure(run).log10_products[0, 1:]
    assert found.most is not None
    assert found.least is not None
    assert (found.most - found.least < 1e-9).all()
    assert (np.abs(measured - found.most) < SLACK).all()
    monkeypatch.setattr(certified_sequence, "BALL_WORK", 0)
    monkeypatch.setattr(certified_sequence, "MOST_BALL_WORK", 0)
    wide = certified_sequence.sequence_growth(run, 60)
    assert wide.most is not None
    assert (measured <= wide.most + SLACK).all()
    assert wide.most[-1] > measured[-1] + 1
    assert "within many decades" in wide.note


def test_large_layers_are_enclosed_within_a_stated_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    run = elman(0.5 * orthogonal(), steps=10)
    monkeypatch.setattr(certified_sequence, "_SHARP", 1)
    found = certified_sequence.sequence_growth(run, 10)
    measured = measure(run).log10_products[0, 1:]
    assert found.most is not None
    assert found.least is not None
    assert (found.least <= measured + SLACK).all()
    assert (measured <= found.most + SLACK).all()
    assert (found.most - found.least < 0.1).all()


def test_bounds_that_tell_nothing_stand_in_one_row() -> None:
    found = growth_bounds.GrowthBounds(
        np.arange(1, 3),
        {"norm": np.array([1.0, 40.0]), "range": np.array([2.0, 30.0]), "quadratic": np.array([0.5, -2.0])},
        {"norm": np.array([-5.0, -400.0]), "range": np.array([-np.inf, -np.inf])},
        {},
        np.array([0.1, -2.5]),
        "",
        along_least=np.array([0.1, -2.6]),
    )
    assert (found.telling("upper"), found.telling("lower")) == (("quadratic",), ())
    lines = str(found).splitlines()
    assert "at most, methods norm, range" in str(found)
    assert [line.split()[-1] for line in lines[2:6]] == ["0.01", "1e+30", "1e-400", "0.00317"]
    assert set(found.to_dict()["upper_log10"]) == {"norm", "range", "quadratic"}
    exploding = replace(found, along=np.array([10.0, 30.0]), along_least=np.array([10.0, 29.0]))
    assert set(exploding.telling("upper")) == {"norm", "range", "quadratic"}
    nothing = replace(found, along=None, along_least=None, upper={}, lower={})
    assert (nothing.telling("upper"), nothing.telling("lower")) == ((), ())
    zero = replace(found, along=np.full(2, -np.inf), along_least=np.full(2, -np.inf))
    assert zero.telling("upper") == ("quadratic",)
