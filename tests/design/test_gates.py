"""Biases of gates: against mpmath, autograd of torch cells, simulation, and under mutation."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.design.gate_biases import forget_bias, highway_bias, update_bias
from symgrad.design.remedy import Remedy
from symgrad.errors import InputError, UnknownNameError
from symgrad.rigor.balls import to_ball, working_precision

MAKERS = (forget_bias, update_bias, highway_bias)


def as_float(remedy: Remedy) -> mpmath.mpf:
    assert remedy.ball is not None
    return mpmath.mpf(remedy.ball.mid().str(30, radius=False))


@pytest.mark.parametrize("steps", [1, 2, 500, 10**9])
@pytest.mark.parametrize("retain", ["37/100", "999999/1000000", "1/1000000"])
def test_the_forget_bias_is_the_logit_of_the_root(steps: int, retain: str) -> None:
    with mpmath.workdps(60):
        root = (mpmath.mpf(sp.Rational(retain).p) / sp.Rational(retain).q) ** (mpmath.mpf(1) / steps)
        exact = mpmath.log(root / (1 - root))
        remedy = forget_bias(steps, sp.Rational(retain))
        assert abs(as_float(remedy) - exact) < mpmath.mpf("1e-25") * (1 + abs(exact))
    assert remedy.verify().holds


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("reach", [0, 1.5])
def test_a_bias_one_percent_off_is_caught(make: object, reach: float) -> None:
    remedy = make(60, 0.4, reach)
    assert remedy.verify().holds
    worse = -1 if make is not highway_bias else 1
    assert not remedy.with_value(float(remedy) + worse * 0.01 * abs(float(remedy))).verify().holds
    assert remedy.with_value(float(remedy) - worse * 0.01 * abs(float(remedy))).verify().holds


@settings(max_examples=2, deadline=None)
@given(
    st.integers(1, 10**6), st.fractions(min_value="1/100", max_value="99/100", max_denominator=100), st.integers(0, 4)
)
def test_solving_the_proved_bound_gives_the_same_bias(steps: int, retain: object, reach: int) -> None:
    remedy = forget_bias(steps, sp.Rational(retain), reach)
    solution = sg.design.solve(
        remedy.bounds[0], for_="b_f", target=sp.Ge(remedy.bounds[0].at(steps), sp.Rational(retain)), k=steps
    )
    assert solution.complete
    assert to_ball(solution.values.inf, 100).overlaps(remedy.ball)


def test_the_carry_bias_is_the_negative_of_the_forget_bias() -> None:
    assert float(highway_bias(10, 0.5, 1)) == -float(forget_bias(10, 0.5, 1))
    assert float(update_bias(10, 0.5, 1)) == float(forget_bias(10, 0.5, 1))
    assert float(update_bias(10, 0.5, 1, convention="chung")) == -float(forget_bias(10, 0.5, 1))


def test_symbols_stay_symbols() -> None:
    remedy = forget_bias()
    r, T = remedy.formula.rhs.free_symbols
    assert {str(r), str(T)} == {"r", "T"}
    assert remedy.value is None
    with pytest.raises(InputError, match="symbols"):
        remedy.verify()
    numbers = {s: {"r": sp.Rational(1, 2), "T": sp.Integer(7)}[str(s)] for s in remedy.formula.rhs.free_symbols}
    assert sp.simplify(remedy.formula.rhs.subs(numbers) - forget_bias(7, 0.5).value) == 0


@pytest.mark.parametrize("steps", [2, 10, 1000, 10**6])
@pytest.mark.parametrize("retain", [0.1, 0.37, 0.9])
def test_the_series_encloses_the_bias(steps: int, retain: float) -> None:
    remedy = forget_bias(steps, retain)
    with working_precision(300):
        start, error = (to_ball(part, 300) for part in remedy.series)
        exact = to_ball(remedy.value, 300)
        assert start - error <= exact <= start
        assert start - error / 2 > exact  # half of the error would be too little


def test_the_classical_bias_keeps_less_than_one_over_e() -> None:
    for steps in (2, 10, 500, 10**9):
        remedy = forget_bias(steps, 0.5)
        kept = to_ball(remedy.retained_by_classical, 100)
        assert kept < to_ball(sp.exp(-1), 100)
        assert float(kept) == pytest.approx((1 / (1 + np.exp(-float(remedy.classical)))) ** steps, rel=1e-6)
    assert forget_bias(1, 0.5).difference is None
    assert float(forget_bias(500, sp.exp(-1)).difference) == pytest.approx(1 / 1000, rel=0.01)


def test_an_lstm_cell_keeps_what_is_promised() -> None:
    """The derivative of the last cell by the first along the direct path: products of the forget gates, by autograd."""
    torch.manual_seed(0)
    steps, retain, size = 40, 0.3, 5
    cell = torch.nn.LSTMCell(3, size).double()
    reach = float(
        cell.weight_hh.detach()[size : 2 * size].abs().sum(1).max()
        + cell.weight_ih.detach()[size : 2 * size].abs().sum(1).max()
    )
    bias = float(forget_bias(steps, retain, reach))
    kept = {}
    for value in (bias, bias - 2 * reach - 1.0):
        with torch.no_grad():
            cell.bias_ih.zero_(), cell.bias_hh.zero_()
            cell.bias_ih[size : 2 * size] = value
        kept[value] = _direct_path(cell, steps, size)
    assert kept[bias] >= retain
    assert kept[bias - 2 * reach - 1.0] < retain


def _direct_path(cell: torch.nn.LSTMCell, steps: int, size: int) -> float:
    """d c_T/d c_0 with the gates held at their values, so that only the direct path is left."""
    c0 = torch.randn(size, dtype=torch.double, requires_grad=True)
    h, c = torch.zeros(size, dtype=torch.double), c0
    for _ in range(steps):
        u = torch.rand(3, dtype=torch.double) * 2 - 1
        h, c = (state[0] for state in cell(u[None], (h[None].detach(), c[None])))
    total = torch.stack([torch.autograd.grad(c[i], c0, retain_graph=True)[0][i] for i in range(size)])
    return float(total.min())


def test_highway_layers_carry_what_is_promised() -> None:
    torch.manual_seed(1)
    layers, retain, size = 20, 0.5, 4
    weights = [torch.randn(size, size, dtype=torch.double) * 0.2 for _ in range(layers)]
    start = torch.rand(size, dtype=torch.double) * 2 - 1
    reach = max(float(w.abs().sum(1).max()) for w in weights)  # states stay in [-1, 1]
    bias = float(highway_bias(layers, retain, reach))

    def carried(value: float) -> float:
        x = start.clone().requires_grad_()
        h = x
        for w in weights:
            gate = torch.sigmoid(w @ h.detach() + value)
            h = gate * torch.tanh(w @ h.detach()) + (1 - gate) * h
        return float(torch.stack([torch.autograd.grad(h[i], x, retain_graph=True)[0][i] for i in range(size)]).min())

    assert carried(bias) >= retain
    assert carried(bias + 2 * reach + 1) < retain


def test_a_gru_of_torch_keeps_what_is_promised() -> None:
    torch.manual_seed(2)
    steps, retain, size = 30, 0.4, 4
    cell = torch.nn.GRUCell(2, size).double()
    part = slice(size, 2 * size)
    reach = float((cell.weight_hh.detach()[part].abs().sum(1) + cell.weight_ih.detach()[part].abs().sum(1)).max())
    kept = []
    bias = float(update_bias(steps, retain, reach))
    for value in (bias, -bias):
        with torch.no_grad():
            cell.bias_ih.zero_(), cell.bias_hh.zero_()
            cell.bias_ih[part] = value
        gates = torch.ones(size, dtype=torch.double)
        h = torch.rand(size, dtype=torch.double) * 2 - 1
        for _ in range(steps):
            u = torch.rand(2, dtype=torch.double) * 2 - 1
            z = torch.sigmoid((cell.weight_ih[part] @ u) + (cell.weight_hh[part] @ h) + value)
            new = cell(u[None], h[None])[0].detach()
            assert torch.all((new - z.detach() * h).abs() <= 1 - z.detach() + 1e-12)  # torch's z keeps the state
            gates, h = gates * z.detach(), new
        kept.append(float(gates.min()))
    assert kept[0] >= retain > kept[1]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 0.5), "steps"),
        ((2.5, 0.5), "steps"),
        ((True, 0.5), "steps"),
        (("x", 0.5), "steps"),
        ((5, 1), "no finite bias"),
        ((5, 0), "asks for nothing"),
        ((5, 1.5), "retain"),
        ((5, -1), "retain"),
        ((5, "a"), "retain"),
        ((5, float("nan")), "retain"),
        ((5, 0.5, -1), "preactivation"),
        ((5, 0.5, "m"), "preactivation"),
    ],
)
def test_malformed_arguments_are_named(make: object, arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make(*arguments)


def test_other_conventions_are_unknown() -> None:
    with pytest.raises(UnknownNameError):
        update_bias(5, 0.5, convention="keras2")


def test_the_bound_has_a_proof_and_is_verified_by_simulation() -> None:
    remedy = forget_bias(20, 0.5, 2)
    (bound,) = remedy.bounds
    assert len(bound.proof.steps) >= 2
    value = 10 ** bound.evaluate({"b_f": float(remedy)}, 20).log10
    assert value == pytest.approx(0.5, rel=1e-9)
    numbers = {"b_f": float(remedy)}
    assert sg.verify(bound, numbers, horizon=5, trajectories=20, search="adversarial").verdict.holds
    tightened = sg.verify(bound.tightened(1.05), numbers, horizon=5, trajectories=20, search="adversarial")
    assert tightened.verdict.value == "refuted"


def test_seeds_are_checked() -> None:
    with pytest.raises(InputError, match="seed"):
        forget_bias(5, 0.5).verify(seed=-1)
