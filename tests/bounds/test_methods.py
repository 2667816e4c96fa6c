"""Methods of product_bound: known rates, validity along trajectories, winners, and claims that are caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.bounds.unit_slopes import UnitSlopes
from symgrad.errors import InputError, NoBoundError, UnknownNameError
from symgrad.language.weights import bind
from tests.calculus.unit_models import MODELS, bounded, weights_of

METHODS = ("range", "perron", "diagonal", "quadratic", "best")
BOUNDED = {name: bounded(model) for name, model in MODELS.items()}
NAMES = ["sigmoid_rnn", "elman", "leaky", "lstm", "gru", "highway", "stack"]


def check_trajectories(name, method) -> None:
    model, weights = BOUNDED[name], weights_of(MODELS[name], scale=0.7)
    bound = sg.product_bound(model, method=method)
    check = sg.verify(bound, weights, horizon=12, trajectories=20, search="adversarial")
    assert check.verdict is sg.Verdict.OBSERVED
    assert check.worst_ratio <= 1 + 1e-9
    assert check.left_range == 0


@pytest.mark.parametrize(
    "name", [*NAMES[:2], "lstm", *(pytest.param(name, marks=pytest.mark.slow) for name in ("leaky", "gru", "highway"))]
)
def test_no_trajectory_in_the_box_exceeds_the_best_bound(name) -> None:
    check_trajectories(name, "best")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", METHODS)
def test_no_trajectory_in_the_box_exceeds_a_bound(name, method) -> None:
    check_trajectories(name, method)


def test_a_perron_bound_in_closed_form() -> None:
    bound = sg.product_bound(sg.models.sigmoid_rnn(), method="perron")
    assert str(bound.rate) == "SpectralRadius(Abs(W_rec))/4"
    leaky = sg.product_bound(sg.models.leaky(0.25).assuming({"u": (-1, 1)}), method="perron")
    assert str(leaky.rate) == "SpectralRadius(Abs(W))/4 + 3/4"


@pytest.mark.parametrize("p", [1, 2, "inf"])
def test_a_perron_rate_is_the_spectral_radius_of_the_moduli(p) -> None:
    """A cycle with very different weights: the norm says 100, the Perron root 1, with a constant of at most 100."""
    matrix = np.array([[0.0, 100.0], [-0.01, 0.0]])
    weights = {"W": matrix, "U": np.zeros((2, 1)), "b": np.zeros(2)}
    model = sg.models.elman().assuming({"u": (-1, 1)})
    bound = sg.product_bound(model, norm=p, method="perron")
    values = [bound.evaluate(weights, k) for k in (1, 10, 10**4)]
    assert values[-1] == pytest.approx(100.0, rel=1e-3)
    assert float(sg.product_bound(model, norm=p).evaluate(weights, 10).log10) == pytest.approx(20.0)
    power = np.linalg.matrix_power(np.abs(matrix), 9)
    assert np.linalg.norm(power, float(p)) <= bound.evaluate(weights, 9) * (1 + 1e-12)


def test_a_nilpotent_network_forgets_everything() -> None:
    weights = {"W": np.triu(np.ones((4, 4)), 1), "U": np.zeros((4, 1)), "b": np.zeros(4)}
    bound = sg.product_bound(sg.models.elman().assuming({"u": (-1, 1)}), method="perron")
    assert bound.evaluate(weights, 3) > 0
    assert bound.evaluate(weights, 4) == 0
    assert bound.horizon(1e-9, weights) == 4


def test_a_symmetric_network_has_one_rate_by_every_method() -> None:
    random = np.random.default_rng(0)
    half = random.normal(size=(5, 5))
    matrix = np.abs(half + half.T) / 8
    weights = {"W": matrix, "U": np.zeros((5, 1)), "b": np.zeros(5)}
    model, radius = sg.models.elman(), np.abs(np.linalg.eigvalsh(matrix)).max()
    for method in ("norm", *METHODS):
        log10 = sg.product_bound(model, method=method).evaluate(weights, 2000).log10
        assert log10 / 2000 == pytest.approx(np.log10(radius), rel=1e-3, abs=1e-3)


def test_a_triangular_network_forgets_at_the_rate_of_its_diagonal() -> None:
    """No diagonal or quadratic norm is needed to know it: the rate is the largest |W_ii|, whatever stands above."""
    weights = {"W": [[0.5, 50.0], [0.0, 0.6]], "U": np.zeros((2, 1)), "b": np.zeros(2)}
    model = sg.models.elman()
    assert sg.product_bound(model).horizon(1e-3, weights) == sp.oo
    for method in ("perron", "diagonal", "quadratic"):
        log10 = sg.product_bound(model, method=method).evaluate(weights, 4000).log10
        assert np.log10(0.6) <= log10 / 4000 <= np.log10(0.66)


def test_the_best_is_the_least_and_names_its_method() -> None:
    model, weights = bounded(MODELS["elman"]), weights_of(MODELS["elman"], size=4)
    bounds = {method: sg.product_bound(model, method=method) for method in METHODS}
    for k in (1, 7, 60):
        values = {method: bound.evaluate(weights, k) for method, bound in bounds.items()}
        best = values.pop("best")
        assert best == min(values.values())
        assert values[best.method] == best


@pytest.mark.parametrize("method", METHODS)
def test_a_tightened_bound_is_refuted(method) -> None:
    weights = {"W": [[0.9, 0.0], [0.0, 0.4]], "U": np.eye(2), "b": np.zeros(2)}
    bound = sg.product_bound(sg.models.elman().assuming({"u": (-1, 1)}), method=method)
    check = sg.verify(bound.tightened(0.95), weights, horizon=30, trajectories=50, search="adversarial")
    assert check.verdict is sg.Verdict.REFUTED
    assert check.replay()


@pytest.mark.parametrize("method", METHODS)
def test_horizons_are_reached(method) -> None:
    weights = {"W": [[0.5, 0.2], [-0.1, 0.4]], "U": np.eye(2), "b": np.zeros(2)}
    bound = sg.product_bound(sg.models.elman().assuming({"u": (-1, 1)}), method=method)
    steps = bound.horizon(1e-6, weights)
    assert bound.evaluate(weights, steps) <= 1e-6
    assert all(bound.evaluate(weights, k) <= 1e-6 for k in (steps + 1, steps + 50))
    assert bound.evaluate(weights, max(steps // 2, 1)) > 1e-6


def test_certificates_are_checked_again_and_forged_ones_are_not() -> None:
    weights = {"W": [[0.5, 0.2], [-0.1, 0.4]], "U": np.eye(2), "b": np.zeros(2)}
    model = sg.models.elman().assuming({"u": (-1, 1)})
    bound = sg.product_bound(model, method="quadratic")
    (certificate,) = bound.with_weights(weights).certificates
    form = UnitSlopes(bound.box, bind(model, weights)).form
    assert certificate.verify(form)
    assert not replace(certificate, rate=0.9 * certificate.rate).verify(form)


def test_subs_and_proofs_keep_the_method() -> None:
    model = sg.models.leaky().assuming({"u": (-1, 1)})
    bound = sg.product_bound(model, method="perron").subs({"alpha": 0.5})
    assert bound.method == "perron"
    assert str(bound.rate) == "SpectralRadius(Abs(W))/2 + 1/2"
    lstm = sg.product_bound(sg.models.lstm().assuming({"u": (-1, 1)}), method="range")
    proved = [lemma.conclusion.quantity.vector for lemma in lstm.proof.lemmas]
    assert proved == [lstm.model.nodes[state] for state in lstm.model.states]
    assert lstm.proof.audit(instances=3)


@pytest.mark.parametrize("scale", [1e200, 1e-310])
@pytest.mark.parametrize("name", ["elman", "gru", "sigmoid_rnn", "leaky"])
def test_the_best_is_found_at_the_edges_of_the_floats(name, scale) -> None:
    """Where a solver's numbers overflow there is no certificate, and the other bounds remain."""
    weights = weights_of(MODELS[name], scale=scale)
    best, plain = (sg.product_bound(BOUNDED[name], method=m).evaluate(weights, 3) for m in ("best", "range"))
    assert np.isfinite(best.log10)
    assert best.log10 <= plain.log10


def test_a_cell_without_a_range_is_named_where_its_forget_gate_saturates() -> None:
    with pytest.raises(NoBoundError, match="declare ranges"):
        sg.product_bound(BOUNDED["lstm"], method="best").evaluate(weights_of(MODELS["lstm"], scale=1e200), 3)


def test_weights_that_do_not_matter_may_be_left_out() -> None:
    bound = sg.product_bound(sg.models.elman(), method="quadratic")
    assert bound.evaluate({"W": [[0.5]]}, 10) == pytest.approx(0.5**10, rel=1e-6)
    with pytest.raises(InputError, match="W"):
        bound.evaluate({"b": [0.0]}, 10)


def test_bad_arguments() -> None:
    with pytest.raises(UnknownNameError, match="quadratic"):
        sg.product_bound(sg.models.elman(), method="sharp")
    with pytest.raises(InputError, match="from below"):
        sg.product_bound(sg.models.elman(), side="lower", method="perron")
    with pytest.raises(InputError, match="parameters of its own"):
        sg.product_bound(sg.models.feedforward(3), method="range")
    with pytest.raises(NoBoundError, match=r"c: sg\.Interval"):
        sg.product_bound(sg.models.lstm(peephole=True).assuming({"u": (-1, 1)}), method="quadratic")
