"""Lyapunov exponents: exactly known systems, published numbers, and another QR of autograd's Jacobians in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.lyapunov import lyapunov
from symgrad.errors import InputError, UnknownNameError

torch = pytest.importorskip("torch")
x, y = sp.symbols("x y")
LOGISTIC = sg.Recurrence({x: 4 * x * (1 - x)}, name="logistic")
HENON = sg.Recurrence({x: 1 - sp.Rational(14, 10) * x**2 + y, y: sp.Rational(3, 10) * x}, name="henon")


def test_the_logistic_map_doubles() -> None:
    found = sg.lyapunov_spectrum(LOGISTIC, initial={"x": [[0.3], [0.71], [0.123]]}, steps=2000)
    assert found.largest == pytest.approx(np.log(2), abs=4 * found.errors[0])
    assert found.errors[0] < 0.007
    assert (found.steps, found.discarded, found.trajectories, found.size) == (1600, 400, 3, 1)
    assert found.dimension == 1


def test_the_henon_map_has_its_published_exponents() -> None:
    # 0.4192, -1.6229: J. C. Sprott, Chaos and Time-Series Analysis, Oxford 2003, appendix A; their sum is ln 0.3.
    found = sg.lyapunov_spectrum(HENON, initial={"x": 0.1, "y": 0.1}, steps=2000)
    assert found.sum == pytest.approx(np.log(0.3), abs=1e-10)
    assert found.exponents == pytest.approx([0.4192, -1.6229], abs=0.02)
    assert (np.abs(found.exponents - [0.4192, -1.6229]) < 4 * found.errors).all()
    assert found.dimension == pytest.approx(1.258, abs=0.02)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_linear_network_has_the_logarithms_of_its_eigenvalues(seed: int) -> None:
    draw = np.random.default_rng(seed)
    basis, moduli = draw.standard_normal((4, 4)), np.array([1.3, 0.8, 0.31, 1e-3])
    W = basis @ np.diag(moduli) @ np.linalg.inv(basis)
    weights = {"W": W, "U": np.ones((4, 1)), "b": np.zeros(4)}
    found = sg.lyapunov_spectrum(sg.models.elman("identity"), weights, steps=600)
    np.testing.assert_allclose(found.exponents, np.log(moduli), atol=1e-6)
    fewer = sg.lyapunov_spectrum(sg.models.elman("identity"), weights, steps=600, count=2)
    np.testing.assert_allclose(fewer.exponents, np.log(moduli[:2]), atol=1e-6)
    assert fewer.size == 4


def test_no_length_under_or_overflows() -> None:
    weights = {"W": np.diag([1e-150, 1e-170]), "U": np.ones((2, 1)), "b": np.zeros(2)}
    found = sg.lyapunov_spectrum(sg.models.elman("identity"), weights, steps=50)
    np.testing.assert_allclose(found.exponents, np.log([1e-150, 1e-170]), rtol=1e-9)
    weights["W"] = np.diag([1e100, 1e-170])
    found = sg.lyapunov_spectrum(sg.models.elman("identity"), weights, steps=50)
    np.testing.assert_allclose(found.exponents, np.log([1e100, 1e-170]), rtol=1e-9)


def test_what_becomes_zero_is_minus_infinity() -> None:
    draw = np.random.default_rng(3)
    weights = {"W": draw.standard_normal((5, 2)) @ draw.standard_normal((2, 5)), "U": np.ones((5, 1)), "b": np.zeros(5)}
    found = sg.lyapunov_spectrum(sg.models.elman(), weights, steps=40)
    assert np.isfinite(found.exponents[:2]).all()
    assert (found.exponents[2:] == -np.inf).all()
    assert np.isnan(found.errors[2:]).all()
    dead = {"W": np.eye(3), "U": np.zeros((3, 1)), "b": -np.ones(3)}
    assert (sg.lyapunov_spectrum(sg.models.elman("relu"), dead, steps=20).exponents == -np.inf).all()


def independent(W: Any, start: Any, steps: int, discard: int) -> Any:
    """The same by QR of Jacobians that PyTorch differentiates, from another frame."""
    matrix, state = torch.from_numpy(W), torch.from_numpy(start)
    frame, total = torch.eye(len(W), dtype=torch.float64), torch.zeros(len(W), dtype=torch.float64)
    for step in range(steps):
        jacobian = torch.autograd.functional.jacobian(lambda h: torch.tanh(matrix @ h), state)
        frame, upper = torch.linalg.qr(jacobian @ frame)
        state = torch.tanh(matrix @ state)
        total += upper.diagonal().abs().log() if step >= discard else 0.0
    return (total / (steps - discard)).numpy()


def test_a_chaotic_network_agrees_with_pytorch() -> None:
    draw = np.random.default_rng(0)
    W, start = 2.5 * draw.standard_normal((12, 12)) / 12**0.5, draw.standard_normal(12)
    weights = {"W": W, "U": np.zeros((12, 1)), "b": np.zeros(12)}
    found = sg.lyapunov_spectrum(sg.models.elman(), weights, initial={"h": start}, steps=400, discard=150)
    np.testing.assert_allclose(found.exponents, independent(W, start, 400, 150), atol=0.03)


def test_driven_sequences_and_their_length() -> None:
    draw = np.random.default_rng(2)
    weights = {"W": draw.standard_normal((3, 3)), "U": draw.standard_normal((3, 2)), "b": np.zeros(3)}
    inputs = draw.standard_normal((4, 60, 2))
    found = sg.lyapunov_spectrum(sg.models.elman(), weights, inputs, steps=40)
    assert (found.steps, found.discarded, found.trajectories) == (32, 8, 4)
    again = sg.lyapunov_spectrum(sg.models.elman(), weights, {"u": inputs[:, :40]}, discard=8)
    np.testing.assert_array_equal(found.exponents, again.exponents)


def test_an_unstable_point_of_rest_is_said() -> None:
    weights = {"W": 2 * np.eye(2), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    assert "unstable fixed point" in sg.lyapunov_spectrum(sg.models.elman(), weights, steps=30).notes[0]
    moving = sg.lyapunov_spectrum(sg.models.elman(), weights, initial={"h": [0.1, 0.2]}, steps=200)
    assert moving.notes == ()
    assert moving.largest < 0


def test_overflow_is_left_out_and_said() -> None:
    found = sg.lyapunov_spectrum(HENON, initial={"x": [[0.1], [50.0]], "y": [[0.1], [0.0]]}, steps=50)
    assert found.trajectories == 1
    assert found.notes == ("1 of 2 sequences overflow, left out",)
    with pytest.raises(InputError, match="every trajectory of henon overflows, the last at step"):
        sg.lyapunov_spectrum(HENON, initial={"x": 50.0, "y": 0.0}, steps=50)


ELMAN = sg.models.elman()
GIVEN = {"W": np.eye(2), "U": np.ones((2, 1)), "b": np.zeros(2)}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model: a Recurrence is needed, got NoneType"),
    ({"weights": {"W": np.eye(2)}}, "missing"),
    ({"weights": np.eye(2)}, "weights: a mapping"),
    ({"steps": 0}, "steps: a positive integer is needed, got 0"),
    ({"steps": True}, "steps: a positive integer is needed, got True"),
    ({"count": -1}, "count: a positive integer"),
    ({"count": 1.5}, "count: a positive integer"),
    ({"steps": 10, "discard": 10}, "discard: an integer from 0 to 9"),
    ({"inputs": np.ones((5, 3))}, "last dimension must be m = 1"),
    ({"inputs": np.ones((5, 1)), "steps": 6}, "steps: the inputs have 5, got 6"),
    ({"inputs": np.full((5, 1), np.nan)}, "NaN"),
    ({"initial": [1.0, 2.0]}, "initial: a mapping"),
    ({"model": LOGISTIC, "weights": {}, "inputs": np.ones(3)}, "has none; give steps instead"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        sg.lyapunov_spectrum(**{"model": ELMAN, "weights": GIVEN, **change})


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError):
        sg.lyapunov_spectrum(ELMAN, GIVEN, {"v": np.ones((5, 1))})
    with pytest.raises(UnknownNameError):
        sg.lyapunov_spectrum(ELMAN, {**GIVEN, "Q": 1.0}, steps=5)


def test_a_diagnosis_of_many_states_takes_the_largest_exponents() -> None:
    draw = np.random.default_rng(6)
    weights = {"W": draw.standard_normal((70, 70)) / 70**0.5, "U": np.ones((70, 1)), "b": np.zeros(70)}
    run = LayerRun("wide", ELMAN, weights, {"u": np.zeros((1, 20, 1))})
    assert len(lyapunov(run).exponents) == 32
    everything = sg.lyapunov_spectrum(ELMAN, weights, steps=20)
    assert len(everything.exponents) == 70
    np.testing.assert_allclose(everything.sum, np.linalg.slogdet(weights["W"])[1], rtol=1e-9)
