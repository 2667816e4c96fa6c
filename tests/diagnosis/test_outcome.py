"""The outcome follows the strongest statement there is, and says what it rests on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import symgrad as sg
from symgrad.diagnosis.certified_sequence import Opening
from symgrad.diagnosis.growth_bounds import GrowthBounds, growth_bounds
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.measured import measure
from symgrad.diagnosis.outcome import LayerOutcome, layer_outcome
from symgrad.errors import InputError
from tests.diagnosis.constructed import elman, orthogonal


def outcome(run: LayerRun, **more: bool) -> LayerOutcome:
    return layer_outcome(growth_bounds(run, run.steps, **more), measure(run).log10_products)


def said(found: LayerOutcome) -> tuple[str, str]:
    return found.outcome.value, found.verdict.value


def bounds(upper: float | None = None, lower: float | None = None, along: float | None = None) -> GrowthBounds:
    """Made-up bounds that end at these logarithms after two steps."""
    curves = [None if end is None else np.array([end / 2, end]) for end in (upper, lower, along)]
    above, below = ({} if curve is None else {"range": curve} for curve in curves[:2])
    return GrowthBounds(np.arange(1, 3), above, below, {}, curves[2], "", "all", along_least=curves[2])


def test_contraction_vanishes_for_every_trajectory() -> None:
    found = outcome(elman(0.5 * orthogonal(), steps=20))
    assert said(found) == ("vanishing", "certified")
    assert "every trajectory" in found.scope
    assert "invariant box" not in found.scope  # the bound by operator norms needs none
    assert "20 Jacobians" in found.reason


def test_a_rule_that_needs_no_weights_proves() -> None:
    run = LayerRun("neuron", sg.models.neuron(w=2, b=0), {}, length=20)
    assert said(outcome(run)) == ("vanishing", "proved")
    with_numbers = LayerRun("neuron", sg.models.neuron(), {"w": 2.0, "b": 0.0}, length=20)
    assert said(outcome(with_numbers)) == ("vanishing", "certified")


def test_linear_networks_are_decided_from_both_sides() -> None:
    assert said(outcome(elman(orthogonal(), activation="identity", steps=20))) == ("neither", "certified")
    grows = outcome(elman(2 * orthogonal(), activation="identity", steps=20))
    assert said(grows) == ("exploding", "certified")
    assert "every direction" in grows.reason


def test_the_enclosed_sequence_certifies_where_no_bound_on_all_does() -> None:
    run = elman(1.3 * orthogonal(), steps=30, scale=8.0)
    found = outcome(run)
    assert said(found) == ("vanishing", "certified")
    assert found.scope == "the first sequence"
    assert said(outcome(run, along=False)) == ("vanishing", "observed")


@pytest.mark.parametrize(
    ("upper", "lower", "expected"),
    [
        (-3.0, None, ("vanishing", "certified")),
        (-2.99, None, ("undecided", "undecided")),
        (9.0, 3.0, ("exploding", "certified")),
        (9.0, 2.99, ("undecided", "undecided")),
        (2.9, -2.9, ("neither", "certified")),
        (3.0, -2.9, ("undecided", "undecided")),
    ],
)
def test_bounds_decide_exactly_at_the_limits(upper: float, lower: float | None, expected: tuple[str, str]) -> None:
    divided = np.array([[0.0, -9.0], [0.0, 9.0]])
    assert said(layer_outcome(bounds(upper, lower), divided)) == expected


def test_sequences_decide_by_three_quarters() -> None:
    votes = np.array([[0.0, -9.0]] * 3 + [[0.0, 0.0]])
    found = layer_outcome(bounds(), votes)
    assert said(found) == ("vanishing", "observed")
    assert "3 of 4 sequences agree" in found.reason
    split = layer_outcome(bounds(), votes[1:])
    assert said(split) == ("undecided", "undecided")
    assert "2 vanishing, 0 exploding, 1 neither" in split.reason


def test_one_enclosed_sequence_suffices_for_explosion_alone() -> None:
    still = np.zeros((4, 2))
    assert said(layer_outcome(bounds(along=5.0), still)) == ("exploding", "certified")
    assert said(layer_outcome(bounds(along=-5.0), still)) == ("neither", "observed")


@pytest.mark.parametrize(("end", "expected"), [(-4.0, "certified"), (4.0, "certified"), (0.0, "observed")])
def test_the_first_steps_certify_vanishing_and_explosion_only(end: float, expected: str) -> None:
    known = replace(bounds(), opening=Opening(7, end, end))
    found = layer_outcome(known, np.array([[0.0, 2 * end]]))
    assert found.verdict.value == expected
    assert ("dx_7/dx_0" in found.reason) is (expected == "certified")


def test_a_gradient_of_zero_has_vanished_and_overflow_is_explosion() -> None:
    zero = layer_outcome(bounds(), np.array([[0.0, -np.inf]]))
    assert said(zero) == ("vanishing", "observed")
    assert "is 0" in zero.reason
    assert said(layer_outcome(bounds(), np.array([[0.0, np.inf]]))) == ("exploding", "observed")
    assert said(layer_outcome(bounds(), np.array([[0.0, np.nan]]))) == ("undecided", "undecided")


def peaked(height: float, steps: int = 3) -> np.ndarray:
    """A gradient that grows to a height and is zero one step later."""
    return np.array([[*np.linspace(0.0, height, steps), -np.inf]])


def test_a_gradient_that_explodes_on_the_way_has_exploded_even_if_it_is_zero_at_the_end() -> None:
    found = layer_outcome(bounds(), np.repeat(peaked(9.0), 4, axis=0))
    assert (*said(found), found.steps) == ("exploding", "observed", 2)
    assert "||dx_T/dx_(T-2)|| is 1e+9" in found.reason
    assert "||dx_T/dx_(T-3)|| 0" in found.reason
    below = layer_outcome(bounds(), peaked(2.9))
    assert (*said(below), below.steps) == ("vanishing", "observed", 3)
    split = layer_outcome(bounds(), np.concatenate([peaked(9.0), peaked(2.9)]))
    assert said(split) == ("undecided", "undecided")


def test_an_enclosed_explosion_on_the_way_is_certified() -> None:
    known = replace(bounds(), along=np.array([4.0, -9.0]), along_least=np.array([3.9, -9.1]))
    found = layer_outcome(known, np.array([[0.0, 4.0, -9.0]]))
    assert (*said(found), found.steps) == ("exploding", "certified", 1)
    assert "dx_T/dx_(T-1) is between 7940 and 10000 and that of dx_T/dx_(T-2) between 7.94e-10" in found.reason
    loose = replace(known, along_least=np.array([2.9, -9.1]))
    assert said(layer_outcome(loose, np.array([[0.0, 2.95, -9.0]]))) == ("vanishing", "certified")


def test_bounds_that_allow_an_explosion_on_the_way_do_not_exclude_it() -> None:
    either = replace(bounds(upper=1.0, lower=-1.0), upper={"range": np.array([3.5, 1.0])})
    assert said(layer_outcome(either, np.zeros((1, 3)))) == ("neither", "observed")


def test_a_network_whose_units_die_at_the_first_step_explodes() -> None:
    weights = {"W": 3 * np.eye(2), "U": np.ones((2, 1)), "b": np.zeros(2)}
    inputs = np.array([-1.0] + [1.0] * 40).reshape(1, 41, 1)  # relu of -1 + 3 * 0: the derivative by h_0 is zero
    run = LayerRun("layer 0", sg.models.elman("relu"), weights, {"u": inputs})
    assert measure(run).typical[-1] == -np.inf
    found = outcome(run)
    assert (*said(found), found.steps) == ("exploding", "certified", 40)


def test_limits_may_be_given() -> None:
    curves = np.array([[0.0, -2.0]])
    assert said(layer_outcome(bounds(), curves, delta=0.02)) == ("vanishing", "observed")
    assert said(layer_outcome(bounds(), -curves, growth=50)) == ("exploding", "observed")


@pytest.mark.parametrize(("delta", "growth", "named"), [(0.0, 10, "delta"), (1.0, 10, "delta"), (0.1, 1.0, "growth")])
def test_bad_limits_are_refused(delta: float, growth: float, named: str) -> None:
    with pytest.raises(InputError, match=named):
        layer_outcome(bounds(), np.zeros((1, 2)), delta=delta, growth=growth)


def test_nothing_measured_is_refused() -> None:
    with pytest.raises(InputError, match="at least one step"):
        layer_outcome(bounds(), np.zeros((1, 1)))


def test_a_tightened_bound_would_change_the_outcome_and_is_caught() -> None:
    run = elman(orthogonal(), activation="identity", steps=20)
    true = growth_bounds(run, 20, along=False)
    false = replace(true, upper={"norm": true.upper["norm"] - 4.0})
    assert said(layer_outcome(false, measure(run).log10_products)) != said(outcome(run))
    assert (measure(run).log10_products[:, 1:] > false.log10_best).all()


def test_an_enclosure_that_is_not_sharp_says_both_ends() -> None:
    known = replace(bounds(along=-5.0), along_least=np.array([-3.0, -6.0]))
    found = layer_outcome(known, np.array([[0.0, -2.7, -5.5]]))
    assert said(found) == ("vanishing", "certified")
    assert "is between 1e-6 and 1e-5, enclosed" in found.reason
