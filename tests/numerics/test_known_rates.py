"""The adversarial search against largest growth rates that are known, and claims below them that it must refute."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
import pytest

import symgrad as sg
from symgrad.language.norms import norm
from symgrad.language.weights import bind
from symgrad.numerics.coordinate_search import CoordinateSearch
from symgrad.numerics.exploration import SideExploration
from symgrad.numerics.search import explored, random_batches
from symgrad.numerics.setting import Setting
from symgrad.numerics.simulate import Batch

from .known_rates import CASES, GOLDEN, KnownRate

QUICK = {"relu, nilpotent when on", "switched shears", "leaky relu, random"}
QUICK_CASES = [case for case in CASES if case.name in QUICK]
OTHERS = [pytest.param(case, marks=pytest.mark.slow) for case in CASES if case.name not in QUICK]


def searched(case: KnownRate, horizon: int) -> SideExploration:
    model = case.model()
    weights = bind(model, case.weights, model.parameters)
    weights = weights.with_sizes({**dict.fromkeys(model.sizes, 2), **weights.sizes})
    return SideExploration(Setting(model, weights), norm(2), "upper", horizon)


def certified(case: KnownRate) -> float:
    """The rate known on paper, else the lower end that ball arithmetic proves."""
    return case.rate or sg.rate_bracket(case.model(), case.weights, effort="quick").lower


def named(case: KnownRate) -> str:
    return case.name


@pytest.mark.parametrize("case", [*QUICK_CASES, *OTHERS], ids=named)
def test_the_search_reaches_99_percent_of_the_largest_rate(case: KnownRate) -> None:
    horizon = 60
    with np.errstate(all="ignore"):
        found = explored(searched(case, horizon), None, "adversarial", 60, seed=0)
    assert math.exp(found.log[-1] / horizon) >= 0.99 * certified(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case.rate and "switched" not in case.name], ids=named)
def test_the_rates_on_paper_lie_in_the_proved_brackets(case: KnownRate) -> None:
    bracket = sg.rate_bracket(case.model(), case.weights)
    assert bracket.lower <= case.rate * (1 + 1e-9)
    assert case.rate <= bracket.upper * (1 + 1e-9)


ATTAINED = {"tanh, orthogonal": (), "hard tanh, orthogonal": ()}
ATTAINED |= dict.fromkeys(("logistic, orthogonal", "tanh, symmetric", "relu, symmetric"), pytest.mark.slow)
ATTAINED_CASES = [pytest.param(case, marks=ATTAINED[case.name]) for case in CASES if case.name in ATTAINED]


@pytest.mark.parametrize("case", ATTAINED_CASES, ids=named)
def test_a_claim_a_little_below_the_rate_is_refuted_and_the_bound_is_not(case: KnownRate) -> None:
    bound, options = sg.product_bound(case.model()), {"horizon": 6, "trajectories": 12, "search": "adversarial"}
    check = sg.verify(bound.tightened(0.985), case.weights, **options)
    assert check.verdict is sg.Verdict.REFUTED
    assert check.replay()
    assert sg.verify(bound, case.weights, **options).verdict.holds


def test_coordinate_search_finds_the_alternation_of_two_shears() -> None:
    """Either matrix alone grows like k; only the alternation grows like the golden ratio to the k."""
    (case,) = (case for case in CASES if case.name == "switched shears")
    problem = searched(case, 24)
    start = reduce(Batch.joined, random_batches(problem, 6, np.random.default_rng(0)))
    search, periods = CoordinateSearch(problem, 2, 24), np.full(6, 2)
    better = search.improved(start, periods, 12, 6, np.random.default_rng(1))
    again = search.improved(start, periods, 12, 6, np.random.default_rng(1))
    (symbol,) = problem.model.inputs
    np.testing.assert_array_equal(better.inputs[symbol], again.inputs[symbol])
    best = problem.log_norms(better, 24)
    assert math.exp(best.max() / 24) >= 0.99 * GOLDEN
    inputs = better.inputs[symbol][:4, 0, int(best.argmax()), 0]
    assert sorted(inputs[:2].tolist()) == [0.0, 1.0]
    assert inputs[2:].tolist() == inputs[:2].tolist()


def test_coordinate_search_never_ends_below_its_start_and_keeps_to_ranges() -> None:
    (case,) = (case for case in CASES if case.name == "relu, some units off")
    problem = searched(case, 10)
    start = reduce(Batch.joined, random_batches(problem, 8, np.random.default_rng(3)))
    search, periods = CoordinateSearch(problem, 3, 10), 1 + np.arange(8) % 3
    begin = search.values(search._stacked(start), periods)
    better = search.improved(start, periods, 6, 4, np.random.default_rng(0))
    end = search.values(search._stacked(better), periods)
    assert (end >= begin).all()
    assert (end > begin).any()
    assert all(np.abs(array).max() <= 1 for array in better.inputs.values())


def test_small_products_are_sought_by_coordinates_too() -> None:
    """A lower bound: the least singular value falls as far as leaky ReLU allows, its slope at all units."""
    model = sg.models.elman("leaky_relu")
    weights = bind(model, {"W": np.eye(2), "U": np.eye(2), "b": np.ones(2)}, model.parameters)
    problem = SideExploration(Setting(model, weights), norm(2), "lower", 4)
    with np.errstate(all="ignore"):
        found = explored(problem, None, "adversarial", 30, seed=0)
    assert found.log[-1] == pytest.approx(-4 * math.log(0.01), rel=1e-9)
