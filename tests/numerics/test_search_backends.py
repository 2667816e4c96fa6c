"""Searches on the array back ends: both gradients agree, findings are the same, no rounding counts as violation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.language.norms import norm
from symgrad.language.weights import bind
from symgrad.numerics.ascent import Ascent
from symgrad.numerics.backends import backend
from symgrad.numerics.controls import Controls
from symgrad.numerics.examination import examine
from symgrad.numerics.exploration import SideExploration
from symgrad.numerics.gradients import AutomaticGradient, DerivedGradient
from symgrad.numerics.problem import Problem
from symgrad.numerics.setting import Setting
from symgrad.numerics.simulate import Batch

from .cases import elman, orthogonal, ranged_lstm
from .test_search import STEPS, problem, some_batch

SLOW_JAX = ["torch", pytest.param("jax", marks=pytest.mark.slow)]


def largest_difference(one: dict[Any, np.ndarray], other: dict[Any, np.ndarray]) -> float:
    return max(float(np.abs(one[s] - other[s]).max()) for s in one)


@pytest.mark.parametrize("library", SLOW_JAX)
@pytest.mark.parametrize("p", [1, 2, "inf"])
@pytest.mark.parametrize("name", ["elman", "lstm"])
def test_automatic_and_derived_gradients_agree(name: str, p: Any, library: str) -> None:
    pytest.importorskip(library)
    given = problem(name, p)
    batch = some_batch(given.model)
    direction, at = Ascent(given).first_direction(batch, STEPS), Controls.of(batch, STEPS)
    derived = DerivedGradient(given).at(at, direction)
    automatic = AutomaticGradient(replace(given, backend=backend(library))).at(at, direction)
    np.testing.assert_allclose(automatic.objective, derived.objective, atol=1e-14)
    assert largest_difference(automatic.gradient.initial, derived.gradient.initial) < 1e-14
    assert largest_difference(automatic.direction, derived.direction) < 1e-14
    for one, other in zip(automatic.gradient.inputs, derived.gradient.inputs, strict=True):
        assert largest_difference(one, other) < 1e-14


def antisymmetric() -> SideExploration:
    """A model with formulas of matrices and a number among its parameters."""
    n, m = sp.symbols("n m", integer=True, positive=True)
    h, u = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("u", m, 1)
    W, U, g = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("U", n, m), sp.Symbol("g", real=True)
    model = sg.Recurrence({h: h + g * ((W - W.T - g * sp.Identity(n)) * h + U * u).applyfunc(sp.tanh)}, inputs=[u])
    random = np.random.default_rng(0)
    weights = {"W": random.normal(size=(3, 3)), "U": random.normal(size=(3, 2)), "g": 0.2}
    return SideExploration(Setting(model, bind(model, weights, model.parameters)), norm(2), "upper", 3)


@pytest.mark.parametrize("library", SLOW_JAX)
def test_parameters_stay_numbers_from_one_gradient_to_the_next(library: str) -> None:
    """JAX compiles each number of steps and of trajectories by itself; nothing traced may be kept for the others."""
    pytest.importorskip(library)
    host = antisymmetric()
    problem, random = replace(host, backend=backend(library)), np.random.default_rng(1)
    derived, automatic = DerivedGradient(host), AutomaticGradient(problem)
    for steps, count in ((1, 2), (3, 2), (3, 4), (1, 2)):
        initial = {s: random.normal(size=(3, count, 1)) for s in host.model.states}
        batch = Batch(initial, {s: random.normal(size=(3, 2, count, 1)) for s in host.model.inputs}, 3)
        direction, at = Ascent(host).first_direction(batch, steps), Controls.of(batch, steps)
        one, other = derived.at(at, direction), automatic.at(at, direction)
        np.testing.assert_allclose(other.objective, one.objective, atol=1e-13)
        assert largest_difference(other.gradient.initial, one.gradient.initial) < 1e-13
    expected = host.log_norms(batch, 3)
    np.testing.assert_allclose(problem.log_norms(batch, 3), expected, atol=1e-13)


@pytest.mark.parametrize("library", SLOW_JAX)
def test_ascent_climbs_slopes_with_kinks_where_the_library_differentiates(library: str) -> None:
    """The slope of hard swish rises between its kinks, which our own second derivatives do not cover."""
    pytest.importorskip(library)
    model = sg.models.elman("hardswish")
    weights = bind(model, {"W": 0.9 * orthogonal(), "U": np.eye(4), "b": np.zeros(4)}, model.parameters)
    given = SideExploration(Setting(model, weights), norm(2), "upper", 3, backend(library))
    assert not DerivedGradient(given).is_possible
    start = batch_of_inputs(np.random.default_rng(0).uniform(-0.5, 0.5, (3, 4, 2, 1)))
    before, after = given.log_norms(start, 3), given.log_norms(Ascent(given).improved(start, 3, 25), 3)
    assert (after >= before - 1e-12).all()
    assert (after > before + 0.1).all()


def batch_of_inputs(inputs: np.ndarray) -> Batch:
    """Two trajectories of the Elman network from zero."""
    model = sg.models.elman()
    return Batch({s: np.zeros((4, 2, 1)) for s in model.states}, dict.fromkeys(model.inputs, inputs), len(inputs))


@pytest.mark.parametrize("search", ["random", pytest.param("adversarial", marks=pytest.mark.slow)])
@pytest.mark.parametrize("library", SLOW_JAX)
def test_checks_agree_across_back_ends_and_repeat(library: str, search: str) -> None:
    pytest.importorskip(library)
    model = ranged_lstm()
    random = np.random.default_rng(3)
    shapes = {s: [{"n": 3, "m": 2}.get(str(d), 1) for d in s.shape] for s in model.parameters}
    weights = {str(s): random.uniform(-0.5, 0.5, shape).squeeze() for s, shape in shapes.items()}
    bound, options = sg.product_bound(model), {"horizon": 6, "trajectories": 12, "search": search, "seed": 2}
    host = sg.verify(bound, weights, **options)
    first, second = (sg.verify(bound, weights, **options, backend=library) for _ in range(2))
    np.testing.assert_array_equal(first.log10_observed, second.log10_observed)
    np.testing.assert_allclose(first.log10_observed, host.log10_observed, atol=1e-11 if search == "random" else 0.05)
    assert (first.backend.name, first.to_dict()["backend"]) == (library, str(backend(library)))


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_rounding_of_float32_refutes_nothing(library: str) -> None:
    """The bound is attained exactly, up to what float32 rounds; a false claim is caught still."""
    pytest.importorskip(library)
    bound = sg.product_bound(sg.models.elman("identity"))
    options = {"horizon": 60, "trajectories": 6, "backend": library, "dtype": "float32"}
    check = sg.verify(bound, elman(orthogonal()), **options)
    assert check.verdict is sg.Verdict.OBSERVED
    assert 0.999 < check.worst_ratio <= 1 + 1e-9
    claim = sg.verify(bound.tightened(0.995), elman(orthogonal()), **options)
    assert claim.verdict is sg.Verdict.REFUTED
    assert claim.replay()


def test_what_exceeds_a_bound_in_float32_is_computed_again() -> None:
    bound = sg.product_bound(sg.models.elman("identity"))
    weights = bind(bound.model, elman(orthogonal()), bound.model.parameters)
    given = Problem(bound, weights, 3, backend("numpy", dtype="float32"))
    found = examine(
        given,
        Batch(
            {s: np.ones((4, 2, 1)) for s in bound.model.states},
            {s: np.zeros((3, 2, 2, 1)) for s in bound.model.inputs},
            3,
        ),
    )
    raised = replace(found, log=found.log + np.array([0.0, 0.1, 0.0]))
    again = given.recomputed(raised)
    assert raised.log[1] > 0.09
    assert abs(again.log[1]) < 1e-15
    assert again.log[[0, 2]].tolist() == raised.log[[0, 2]].tolist()
    assert set(again.trajectory.tolist()) == set(again.starts)


def test_float32_keeps_to_ranges_whose_ends_it_cannot_hold() -> None:
    model = sg.models.elman().assuming({"u": (-0.1, 0.1)})
    weights = bind(model, elman(orthogonal()) | {"U": np.eye(4)}, model.parameters)
    given = SideExploration(Setting(model, weights), norm(2), "upper", 2, backend("numpy", dtype="float32"))
    (array,) = given.rounded(batch_of_inputs(np.full((2, 4, 2, 1), 0.1))).inputs.values()
    short = array.astype(np.float32)
    np.testing.assert_array_equal(short, array)
    assert float(short.max()) <= 0.1 < float(np.nextafter(short.max(), np.float32(1)))


def test_weights_beyond_float32_are_refused_there() -> None:
    weights = elman(1e200 * np.eye(2))
    options = {"horizon": 3, "trajectories": 3}
    assert sg.verify(sg.product_bound(sg.models.elman()), weights, **options).verdict.holds
    with pytest.raises(sg.InputError, match="dtype: float32 does not hold all numbers of W, up to 1e\\+200"):
        sg.verify(sg.product_bound(sg.models.elman()), weights, **options, dtype="float32")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "tensorflow"}, "unknown backend 'tensorflow'"),
        ({"device": "cuda:7"}, "device: numpy has no 'cuda:7'"),
        ({"dtype": "float16"}, "dtype: float64 or float32 is needed"),
        ({"backend": 3}, "backend: one of numpy"),
    ],
)
def test_what_is_no_back_end_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(sg.SymgradError, match=words):
        sg.verify(sg.product_bound(sg.models.elman()), elman(orthogonal()), horizon=2, trajectories=2, **options)
