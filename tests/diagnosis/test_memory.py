"""Memory, range of number formats and non-normality: closed forms, PyTorch's formats and float32 runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

import symgrad as sg
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.lyapunov import lyapunov
from symgrad.diagnosis.measured import MeasuredGradients, measure
from symgrad.diagnosis.memory import memory_horizon
from symgrad.diagnosis.normality import non_normality
from symgrad.diagnosis.precision import underflow
from symgrad.errors import InputError

Array = NDArray[np.float64]


def linear(W: Array, steps: int, loss: Array | None = None) -> LayerRun:
    size = len(W)
    weights = {"W": W, "U": np.ones((size, 1)), "b": np.zeros(size)}
    given = None if loss is None else {"h": loss}
    return LayerRun("linear", sg.models.elman("identity"), weights, {"u": np.zeros((1, steps, 1))}, loss=given)


def curve(values: list[float]) -> MeasuredGradients:
    row = np.array([values])
    return MeasuredGradients(np.arange(len(values)), row, row, None)


def test_memory_ends_where_the_norm_stays_below() -> None:
    run = linear(0.5 * np.eye(2), 20)
    found = memory_horizon(measure(run), lyapunov(run))
    assert found.steps == 10  # 2**-10 < 1e-3 < 2**-9
    assert found.from_lyapunov == pytest.approx(math.log(1000) / math.log(2))
    assert memory_horizon(measure(run), delta=0.3).steps == 2
    assert memory_horizon(curve([0.0, -4.0, -1.0, -4.0, -5.0])).steps == 3
    assert memory_horizon(curve([0.0, -4.0, -1.0])).steps is None
    assert memory_horizon(curve([0.0, -math.inf, -math.inf])).steps == 1


def test_memory_without_end() -> None:
    run = linear(np.array([[1.1]]), 20)
    found = memory_horizon(measure(run), lyapunov(run))
    assert (found.steps, found.from_lyapunov, found.measured) == (None, math.inf, 20)
    dead = linear(np.zeros((2, 2)), 20)
    assert memory_horizon(measure(dead), lyapunov(dead)).from_lyapunov == 0


@pytest.mark.parametrize("delta", [0.0, 1.0, -1.0, math.nan, True, "small"])
def test_bad_deltas_are_refused(delta: float) -> None:
    with pytest.raises(InputError, match=r"delta: a (number between 0 and 1|finite real number) is needed"):
        memory_horizon(curve([0.0, -1.0]), delta=delta)


def test_formats_are_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    for found in underflow(curve([0.0, -1.0])):
        known = torch.finfo(getattr(torch, found.format))
        assert (found.smallest_normal, found.largest) == (known.smallest_normal, known.max)
        half = torch.tensor(found.smallest / 2, dtype=torch.float64).to(getattr(torch, found.format))
        more = torch.tensor(found.smallest * 0.51, dtype=torch.float64).to(getattr(torch, found.format))
        assert (float(half), float(more)) == (0.0, found.smallest)


@pytest.mark.parametrize(("factor", "steps"), [(0.37, 120), (0.05, 40)])
def test_float32_gradients_become_zero_where_said(factor: float, steps: int) -> None:
    torch = pytest.importorskip("torch")
    loss = np.zeros((1, steps, 2))
    loss[0, -1] = [1.0, 0.0]
    float32 = underflow(measure(linear(factor * np.eye(2), steps, loss)))[0]
    assert float32.gradient == "loss"
    states = [torch.ones(2, dtype=torch.float32, requires_grad=True)]
    for _ in range(steps):
        states.append(states[-1] * factor)
    gradients = torch.autograd.grad(states[-1][0], states, retain_graph=True)
    zero = [k for k in range(steps + 1) if not gradients[steps - k].any()]
    assert float32.steps is not None
    assert abs(zero[0] - float32.steps) <= 3  # subnormal numbers are rounded at every step


def test_ranges_that_are_left_upwards_or_not_at_all() -> None:
    growing = {found.format: found for found in underflow(curve([3.0 * k for k in range(15)]))}
    assert {name: found.overflow_steps for name, found in growing.items()} == {
        "float32": 13,
        "float16": 2,
        "bfloat16": 13,
    }
    assert all(found.steps is None and found.extrapolated is None for found in growing.values())
    falling = underflow(curve([-0.1 * k for k in range(101)]))[0]
    assert falling.steps is None
    assert falling.extrapolated == math.ceil((149 + 1) * math.log10(2) / 0.1)
    late = underflow(curve([0.0, -50.0, -20.0, -50.0]))[0]  # what comes back is not lost
    assert late.steps == 3


def test_a_normal_matrix_has_no_departure() -> None:
    run = linear(np.array([[0.0, -0.9], [0.9, 0.0]]), 30)
    found = non_normality(run, measure(run), lyapunov(run))
    assert found.henrici == pytest.approx(0.0, abs=1e-7)
    assert found.transient == pytest.approx(0.0, abs=1e-12)
    assert (found.spectral_radius, found.operator_norm) == pytest.approx((0.9, 0.9))


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_the_departure_does_not_depend_on_the_size(size: float) -> None:
    run = linear(size * np.array([[1.0, 1.0], [0.0, 1.0]]), 1)
    found = non_normality(run, measure(run))
    assert found.henrici == pytest.approx(3**-0.5)
    assert found.spectral_radius == pytest.approx(size)


@pytest.mark.parametrize("with_spectrum", [True, False])
def test_transient_growth_of_a_triangular_matrix(with_spectrum: bool) -> None:
    W = np.array([[0.8, 10.0], [0.0, 0.8]])
    run = linear(W, 60)
    found = non_normality(run, measure(run), lyapunov(run) if with_spectrum else None)
    norms = [np.log10(np.linalg.norm(np.linalg.matrix_power(W, k), 2)) for k in range(61)]
    assert found.at_k == int(np.argmax(norms))
    assert found.transient == pytest.approx(max(norms), abs=1e-9)
    assert found.henrici == pytest.approx(10 / np.linalg.norm(W))
    assert found.spectral_radius == pytest.approx(0.8, abs=1e-6)


def test_long_growth_is_not_called_transient() -> None:
    run = linear(1.5 * np.eye(2), 40)
    assert non_normality(run, measure(run), lyapunov(run)).transient == pytest.approx(0.0, abs=1e-9)
    nilpotent = linear(np.array([[0.0, 3.0], [0.0, 0.0]]), 10)
    found = non_normality(nilpotent, measure(nilpotent), lyapunov(nilpotent))
    assert (found.at_k, found.henrici) == (1, pytest.approx(1.0))
    assert found.transient == pytest.approx(math.log10(3))


def test_no_matrix_is_taken_of_a_layer_that_is_too_large() -> None:
    draw = np.random.default_rng(0)
    run = linear(draw.standard_normal((520, 520)) / 520**0.5, 2)
    found = non_normality(run, measure(run))
    assert found.points == 0
    assert math.isnan(found.henrici)
