"""Remedies bring gradients back, their numbers are those of the formulas, and their PyTorch lines do what they say."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.design.growth import Trial
from symgrad.design.questions import Question
from symgrad.diagnosis import remedy_search
from symgrad.diagnosis.causes import Cause, CauseFound
from symgrad.diagnosis.changed_weights import Change, changes, torch_code
from symgrad.diagnosis.growth_parts import growth_parts
from symgrad.diagnosis.layer_candidates import without_shifts
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.measured import measure
from symgrad.diagnosis.outcome import LayerOutcome
from symgrad.diagnosis.remedies import RemedyFound
from symgrad.diagnosis.remedy_search import find_remedies
from symgrad.errors import InputError
from symgrad.numerics.network_verdict import Outcome
from symgrad.numerics.verdict import Verdict
from tests.diagnosis.constructed import GRU, LSTM, elman, gated, orthogonal, own


def outcome(which: Outcome) -> LayerOutcome:
    return LayerOutcome(which, Verdict.OBSERVED, "", "")


def remedies(run: LayerRun, *causes: Cause) -> tuple[RemedyFound, ...]:
    which = Outcome.VANISHING if measure(run).typical[-1] < 0 else Outcome.EXPLODING
    return find_remedies(run, outcome(which), tuple(CauseFound(cause, "", None) for cause in causes))


@pytest.mark.parametrize("which", [Outcome.NEITHER, Outcome.UNDECIDED])
def test_a_healthy_layer_gets_none(which: Outcome) -> None:
    assert find_remedies(elman(0.5 * orthogonal(), steps=5), outcome(which)) == ()


@pytest.mark.slow
def test_the_forget_bias_is_that_of_the_formula() -> None:
    run = gated(LSTM, {"b_hf": -3.0}, steps=100)
    first, *_ = remedies(run, Cause.CLOSED_GATE)
    assert first.values["b_hf"] == pytest.approx(float(sg.design.forget_bias(100, sp.exp(-1))), rel=1e-12)
    assert first.code is not None
    assert "module.bias_hh[8:16] = 4.6001" in first.code
    before, after = first.growth
    assert before < -30
    assert abs(after) < 2


def test_what_is_promised_is_what_happens() -> None:
    run = own(-6.0, steps=80)
    first, *_ = remedies(run, Cause.CLOSED_GATE)
    changed = {name: np.full_like(run.weights[name], value) for name, value in first.values.items()}
    after = measure(replace(run, weights={**run.weights, **changed})).typical[-1]
    assert first.growth[0] == pytest.approx(measure(run).typical[-1], abs=1e-9)
    assert first.growth[1] == pytest.approx(after, abs=1e-9)
    assert first.proved is not None
    assert first.proved >= after


def test_biases_of_saturated_activations_are_removed_and_no_others() -> None:
    run = gated(GRU, {"b_in": 6.0, "b_hz": 2.0}, steps=3)
    question = Question(run.model, run.setting.weights, Trial({}, 3), sp.exp(-1))
    saturated = [node for node, mean in growth_parts(run).slopes.items() if mean < 0.5]
    (found,) = without_shifts(question, saturated)
    assert found.name == "set b_in to zero"
    assert not found.weights.values[run.model.symbol("b_in")].any()


@pytest.mark.slow
def test_a_network_that_saturates_gets_its_edge_back() -> None:
    best, *_ = remedies(elman(1.2 * orthogonal(), bias=5.0), Cause.SATURATION)
    assert best.values["b"] == 0
    assert "edge of chaos" in best.name
    assert abs(best.growth[1]) < 3


def test_growth_for_a_while_is_removed_by_orthogonal_weights() -> None:
    run = elman(np.eye(8) / 2 + 3 * np.eye(8, k=1), activation="identity", steps=20)
    first = remedies(run, Cause.NON_NORMAL)[0]
    assert "orthogonal" in first.name
    assert first.growth[1] == pytest.approx(0, abs=1e-9)


def test_explosion_is_clipped_too() -> None:
    *_, last = remedies(elman(2 * orthogonal(), activation="identity", steps=20), Cause.LARGE_NORM)
    assert "clip" in last.name
    assert last.values == {"theta": 1.0}
    assert "max_norm=1" in str(last.code)
    assert math.isnan(last.growth[1])
    with pytest.raises(InputError, match="norm"):
        find_remedies(elman(2 * orthogonal(), activation="identity"), outcome(Outcome.EXPLODING), threshold=-1.0)


@pytest.mark.slow
def test_only_what_brings_the_gradient_nearer_to_one_is_listed() -> None:
    run = elman(0.5 * orthogonal(), steps=40)
    found = remedies(run, Cause.SMALL_NORM)
    assert found
    assert all(abs(item.growth[1]) < abs(item.growth[0]) for item in found)
    cured = [abs(item.growth[1]) <= 3 for item in found]
    assert cured == sorted(cured, reverse=True)


@pytest.mark.slow
def test_where_no_formula_helps_a_factor_is_measured() -> None:
    run = gated(sg.models.lstm(bias=False), {}, steps=60)
    (found,) = remedies(run, Cause.CLOSED_GATE)
    assert "measured" in found.name
    assert "nothing is proved" in found.promise
    assert abs(found.growth[1]) < 0.5


def test_large_layers_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remedy_search, "_MOST_STATES", 4)
    found = remedies(gated(GRU, {"b_hz": -3.0}, steps=50), Cause.CLOSED_GATE)
    assert found
    assert all(math.isnan(number) for item in found for number in item.growth)


def test_changes_are_named_by_kind() -> None:
    old = {"W": 2 * orthogonal() + np.eye(8), "b": np.arange(8.0)}
    assert changes(old, old) == ()
    assert changes(old, {**old, "W": 0.5 * old["W"]}) == (Change("W", "scale", pytest.approx(0.5)),)
    large = {**old, "W": 1e200 * old["W"]}
    assert changes(large, old) == (Change("W", "scale", pytest.approx(1e-200)),)
    assert changes(old, {**old, "W": 3 * np.eye(8)}) == (Change("W", "identity", pytest.approx(3)),)
    left, _, right = np.linalg.svd(old["W"])
    assert changes(old, {**old, "W": 1.5 * left @ right}) == (Change("W", "orthogonal", pytest.approx(1.5)),)
    assert changes(old, {**old, "b": np.full(8, 2.0)}) == (Change("b", "fill", 2.0),)
    assert changes(old, {**old, "W": old["W"] + orthogonal(seed=9)}) is None


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("LSTM", "b_hf", Change("b_hf", "fill", 4.5)),
        ("GRU", "W_hz", Change("W_hz", "orthogonal", 1.25)),
        ("RNN", "W", Change("W", "scale", 0.25)),
        ("RNN", "W", Change("W", "identity", 0.75)),
        ("RNN", "b", Change("b", "fill", 0.5)),
    ],
)
def test_the_lines_of_pytorch_make_the_change(kind: str, name: str, change: Change) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = getattr(torch.nn, f"{kind}Cell")(2, 3).double()
    model, before = sg.from_torch(module)
    run = LayerRun("cell", model, before, {"u": np.zeros((1, 1, 2))})
    exec(torch_code(model, run.weights, (change,)), {"torch": torch, "module": module})
    model, after = sg.from_torch(module)
    changed = LayerRun("cell", model, after, {"u": np.zeros((1, 1, 2))}).weights
    made = changes(run.weights, changed)
    assert made is not None
    assert [(item.name, item.kind) for item in made] == [(name, change.kind)]
    assert made[0].number == pytest.approx(change.number, rel=1e-8)
