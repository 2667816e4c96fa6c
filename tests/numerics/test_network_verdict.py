"""Verdicts on networks: known cases, proofs that can be proved again, and altered certificates that are caught."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.numerics.growth_certificates import BoundCertificate, RuleCertificate, TrajectoryCertificate
from symgrad.numerics.periodic_orbit import PeriodicOrbit
from tests.present.zoo import zoo

N = 4
TURN = np.array([[0.6, -0.8], [0.8, 0.6]])


def orthogonal(n: int = N, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]


def drawn(model: sg.Recurrence, scale: float, sizes: dict[str, int], **fixed: Any) -> dict[str, Any]:
    """Random weights; scalars and some others fixed."""
    random, found = np.random.default_rng(0), {}
    for symbol in model.parameters:
        if str(symbol) not in fixed and getattr(symbol, "shape", ()):
            shape = [sizes[str(d)] for d in symbol.shape if d != 1]
            found[str(symbol)] = scale * random.standard_normal(shape)
    return {**found, **fixed}


def plain(weight: np.ndarray) -> dict[str, np.ndarray]:
    return {"W": weight, "U": np.zeros((len(weight), 1)), "b": np.zeros(len(weight))}


def words(found: sg.NetworkVerdict) -> tuple[str, str]:
    return found.outcome.value, found.verdict.value


def test_contractive_networks_vanish() -> None:
    found = sg.verdict(sg.models.elman(), plain(0.5 * orthogonal()))
    assert words(found) == ("vanishing", "certified")
    proof = found.vanishing_proved.certificate
    assert isinstance(proof, BoundCertificate)
    assert (proof.start, proof.method) == (10, "norm")  # 0.5^10 < 1e-3 < 0.5^9
    assert proof.rate == pytest.approx(0.5, rel=1e-12)
    assert found.explosion_excluded
    assert found.explosion_excluded.steps is None
    assert not found.vanishing_excluded
    assert not found.explosion_proved
    assert found.replay()


def test_weighted_norms_prove_what_the_plain_norm_cannot() -> None:
    found = sg.verdict(sg.models.elman(), plain(np.array([[0.5, 9.0], [0.0, 0.5]])))
    assert words(found) == ("vanishing", "certified")
    assert found.vanishing_proved.certificate.method == "perron"
    assert found.replay()


def test_products_that_grow_once_and_then_are_zero() -> None:
    found = sg.verdict(sg.models.elman("identity"), plain(np.array([[0.0, 9.0], [0.0, 0.0]])))
    assert words(found) == ("vanishing", "certified")
    assert found.vanishing_proved.certificate.start == 2
    assert found.explosion_excluded.certificate.limit == pytest.approx(9.0)
    assert found.replay()
    nothing = sg.verdict(sg.models.neuron(w=0, b=0))
    assert words(nothing)[0] == "vanishing"
    assert nothing.replay()


def test_orthogonal_networks() -> None:
    tanh = sg.verdict(sg.models.elman(), plain(orthogonal()), 60)
    assert words(tanh) == ("neither", "certified")
    assert tanh.vanishing_excluded.scope == "one trajectory"  # near zero tanh is nearly linear
    assert not tanh.vanishing_proved
    linear = sg.verdict(sg.models.elman("identity"), plain(orthogonal()), 60)
    assert words(linear) == ("neither", "certified")
    assert linear.vanishing_excluded.scope.startswith("every trajectory")
    assert linear.explosion_excluded.scope.startswith("every trajectory")
    assert linear.explosion_excluded.certificate.limit == pytest.approx(1.0)
    assert tanh.replay()
    assert linear.replay()


def test_a_declared_property_proves_without_numbers() -> None:
    tanh = sg.verdict(sg.models.elman().assuming({"W": sg.orthogonal}))
    assert tanh.explosion_excluded.verdict is sg.Verdict.PROVED
    assert tanh.outcome.value == "undecided"
    linear = sg.verdict(sg.models.elman("identity").assuming({"W": sg.orthogonal}))
    assert words(linear) == ("neither", "proved")
    assert isinstance(linear.vanishing_excluded.certificate, RuleCertificate)
    assert linear.replay()
    numbers = sg.verdict(sg.models.elman("identity").assuming({"W": sg.orthogonal}), plain(np.eye(3)[::-1]))
    assert words(numbers) == ("neither", "proved")  # a permutation is orthogonal exactly
    rounded = sg.verdict(sg.models.elman("identity").assuming({"W": sg.orthogonal}), plain(orthogonal()), 60)
    assert words(rounded) == ("neither", "certified")  # these floats are only nearly orthogonal


def test_numbers_in_the_model_prove_without_weights() -> None:
    halved = sg.verdict(sg.models.neuron(w=2, b=0))  # its slopes are at most 2/4
    assert words(halved) == ("vanishing", "proved")
    assert halved.vanishing_proved.certificate.start == 10
    assert halved.replay()
    leaking = sg.verdict(sg.models.leaky(alpha=-1, activation="identity").assuming({"W": sg.orthogonal}))
    assert words(leaking) == ("undecided", "undecided")  # 2 I - W may keep a vector
    assert sg.verdict(sg.models.elman()).outcome.value == "undecided"


def test_identity_initialised_relu() -> None:
    model = sg.models.irnn()
    found = sg.verdict(model, plain(np.eye(N)), 60)
    assert words(found) == ("neither", "certified")
    assert found.explosion_excluded.certificate.limit == 1.0
    assert found.explosion_excluded.steps is None
    kept = found.vanishing_excluded.certificate
    assert isinstance(kept, TrajectoryCertificate)
    assert kept.limit == 1.0
    assert found.replay()


@pytest.mark.slow
def test_leaky_and_residual_networks_change_slowly() -> None:
    leaky = sg.models.leaky()
    slow = sg.verdict(leaky, plain(0.5 * orthogonal()) | {"alpha": 0.01}, 100)
    assert words(slow) == ("neither", "certified")
    assert slow.vanishing_excluded.certificate.limit >= 0.985**100 * (1 - 1e-6)  # 1 - alpha - alpha/2
    later = sg.verdict(leaky, plain(0.5 * orthogonal()) | {"alpha": 0.01}, 2000)
    assert words(later) == ("vanishing", "certified")
    fed = plain(1e-3 * orthogonal()) | {"U": np.ones((N, 1))}
    residual = sg.verdict(sg.models.residual(), fed, 100)
    assert words(residual) == ("neither", "certified")
    assert 1 < residual.explosion_excluded.certificate.limit <= 1.001**100 * (1 + 1e-6)
    assert 0.999**100 * (1 - 1e-6) <= residual.vanishing_excluded.certificate.limit < 1
    assert residual.explosion_excluded.steps == 100
    assert all(found.replay() for found in (slow, later, residual))


def test_growth_along_every_direction() -> None:
    found = sg.verdict(sg.models.elman("identity"), plain(1.2 * orthogonal()))
    assert words(found) == ("exploding", "certified")
    proof = found.explosion_proved.certificate
    assert (proof.side, proof.claim) == ("lower", "grows")
    assert proof.rate == pytest.approx(1.2, rel=1e-9)
    assert found.explosion_proved.scope == "every trajectory"
    assert found.vanishing_excluded
    assert found.replay()


def test_growth_along_an_enclosed_trajectory() -> None:
    weight = 3.0 * np.random.default_rng(1).standard_normal((12, 12)) / math.sqrt(12)
    found = sg.verdict(sg.models.elman(), plain(weight), 60)
    assert words(found) == ("exploding", "certified")
    proof = found.explosion_proved.certificate
    assert isinstance(proof, TrajectoryCertificate)
    assert proof.limit >= 1e3
    assert found.replay()
    assert np.linalg.norm(product(weight, proof), 2) == pytest.approx(proof.limit, rel=1e-3)


def product(weight: np.ndarray, proof: TrajectoryCertificate) -> np.ndarray:
    """The product of Jacobians along the certificate's trajectory, by numpy alone."""
    state, found = proof.initial["h"], np.eye(len(weight))
    for _ in range(proof.steps):
        state = np.tanh(weight @ state)
        found = np.diag(1 - state**2) @ weight @ found
    return found


@pytest.mark.slow
def test_growth_along_a_fixed_point_though_the_spectral_radius_is_zero() -> None:
    weights = {"W_rec": [[8.0, -16.0], [4.0, -8.0]], "W_in": np.zeros((2, 1)), "b": [-4.0, -100.0]}
    found = sg.verdict(sg.models.sigmoid_rnn(), weights)
    assert words(found) == ("exploding", "certified")
    proof = found.explosion_proved.certificate
    assert not isinstance(proof, PeriodicOrbit) or proof.rate == pytest.approx(2.0, rel=1e-6)
    assert found.explosion_proved.scope == "one trajectory"
    assert found.replay()


@pytest.mark.slow
def test_gated_networks() -> None:
    sizes = {"n": 2, "m": 1}
    lstm = sg.models.lstm().assuming({"u": (-1, 1)})
    forgetting = sg.verdict(lstm, drawn(lstm, 0.05, sizes, b_hf=np.full(2, -3.0)))
    assert words(forgetting) == ("vanishing", "certified")
    keeping = sg.verdict(lstm, drawn(lstm, 0.01, sizes, b_hf=np.full(2, 30.0)), 30)
    assert words(keeping) == ("neither", "certified")
    gru = sg.models.gru().assuming({"u": (-1, 1)})
    assert words(sg.verdict(gru, drawn(gru, 0.05, sizes))) == ("vanishing", "certified")
    assert forgetting.replay()
    assert keeping.replay()


def test_scalar_models() -> None:
    neuron = sg.models.neuron()
    assert words(sg.verdict(neuron, {"w": 2.0, "b": 0.0})) == ("vanishing", "certified")
    unstable = {"w": 8.0, "b": -4.0}  # the slope is 2 at the fixed point 1/2, which is not reached from 0
    anywhere = sg.verdict(neuron.assuming({"x": (0, 1)}), unstable)
    assert words(anywhere) == ("exploding", "certified")
    assert anywhere.replay()


@pytest.mark.slow
def test_several_states_and_norms() -> None:
    model = sg.stack([sg.models.elman(), sg.models.elman()])
    sizes = {str(size): 2 for size in model.sizes}
    for norm in (1, 2, "inf"):
        found = sg.verdict(model, drawn(model, 0.1, sizes), norm=norm)
        assert words(found) == ("vanishing", "certified")
        assert found.replay()


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.2, 2.5), st.sampled_from(["identity", "tanh", "leaky_relu"]))
def test_verdicts_agree_with_trajectories(seed: int, gain: float, activation: str) -> None:
    random = np.random.default_rng(seed)
    weights = plain(gain * random.standard_normal((2, 2)))
    found = sg.verdict(sg.models.elman(activation), weights, 30, seed=seed)
    seen = sg.compare_bounds(sg.models.elman(activation), weights, 30, trajectories=20, seed=seed, methods=["norm"])
    if found.vanishing_proved:
        assert seen.log10_largest[-1] <= -3
        assert not found.vanishing_excluded
        assert not found.explosion_proved
    if found.explosion_excluded:
        assert seen.log10_largest.max() <= math.log10(found.explosion_excluded.certificate.limit) + 1e-9
    if found.vanishing_excluded and isinstance(found.vanishing_excluded.certificate, BoundCertificate):
        assert seen.log10_smallest[-1] >= math.log10(found.vanishing_excluded.certificate.limit) - 1e-9
    if activation == "identity":  # every product is a power of W, whose norm is known
        size = np.linalg.norm(np.linalg.matrix_power(weights["W"], 30), 2)
        assert found.outcome.value != "exploding" or max(abs(np.linalg.eigvals(weights["W"]))) > 1 or size > 1
        assert found.outcome.value != "vanishing" or size <= 1e-3
    assert found.replay()


def test_altered_certificates_are_caught() -> None:
    decay = sg.verdict(sg.models.elman(), plain(0.5 * orthogonal())).vanishing_proved.certificate
    for change in (
        {"limit": decay.limit * 0.9},
        {"start": decay.start - 1},
        {"rate": decay.rate * 0.99},
        {"constant": decay.constant * 0.99},
    ):
        assert not replace(decay, **change).replay()
    linear = sg.verdict(sg.models.elman("identity"), plain(1.2 * orthogonal()), 20)
    growth = linear.explosion_proved.certificate
    assert not replace(growth, rate=growth.rate * 1.01).replay()
    assert not replace(growth, constant=growth.constant * 1.01).replay()
    steady = sg.verdict(sg.models.elman("identity"), plain(orthogonal()), 20)
    above, below = steady.explosion_excluded.certificate, steady.vanishing_excluded.certificate
    assert not replace(above, limit=0.99).replay()
    assert not replace(above, steps=None).replay()  # the norm of these floats is above 1 by rounding
    assert not replace(below, limit=1.01).replay()
    assert not replace(below, steps=None).replay()


def test_altered_trajectories_and_rules_are_caught() -> None:
    kept = sg.verdict(sg.models.irnn(), plain(np.eye(2)), 20).vanishing_excluded.certificate
    assert kept.replay()
    assert not replace(kept, limit=1.01).replay()
    assert not replace(kept, initial={"h": -np.ones(2)}).replay()  # all units are off
    assert not replace(kept, steps=19, inputs={name: array for name, array in kept.inputs.items()}).replay()
    bounded = sg.verdict(sg.models.elman().assuming({"W": sg.orthogonal})).explosion_excluded.certificate
    assert bounded.replay()
    assert not replace(bounded, limit=0.99).replay()
    assert not replace(bounded, claim="decays").replay()


def test_a_start_outside_of_its_range_is_caught() -> None:
    model = sg.models.elman("identity").assuming({"u": (-1, 1)})
    weights = {"W": [[1.5, 0.0], [0.0, 0.2]], "U": np.eye(2), "b": np.zeros(2)}
    proof = sg.verdict(model, weights, 30).explosion_proved.certificate
    assert isinstance(proof, TrajectoryCertificate)
    assert proof.replay()
    assert not replace(proof, inputs={"u": np.full_like(proof.inputs["u"], 2.0)}).replay()


def test_given_inputs_take_part() -> None:
    found = sg.verdict(sg.models.elman("identity"), plain(np.diag([1.5, 0.2])), 30, inputs=np.zeros((40, 1)))
    assert found.outcome.value == "exploding"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delta": 0}, "delta: a number between 0 and 1"),
        ({"delta": 1}, "delta: a number between 0 and 1"),
        ({"growth": 1}, "growth: a number above 1"),
        ({"growth": "much"}, "growth"),
        ({"horizon": 0}, "horizon: a positive integer"),
        ({"seed": -1}, "seed: a non-negative integer"),
        ({"norm": 3}, "norm"),
        ({"inputs": np.zeros((3, 1))}, "at least horizon"),
        ({"weights": {"W": np.eye(2)}}, "missing"),
        ({"weights": None, "inputs": np.zeros((300, 1))}, "inputs: they take part only together with weights"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(sg.SymgradError, match=message):
        sg.verdict(sg.models.elman(), **({"weights": plain(np.eye(2))} | options))


def test_other_objects_are_refused() -> None:
    with pytest.raises(sg.InputError, match="model: a Recurrence"):
        sg.verdict("elman")
    with pytest.raises(sg.InputError, match="the layers of feedforward end"):
        sg.verdict(sg.models.feedforward())
    unproved = sg.verdict(sg.models.elman()).vanishing_proved
    with pytest.raises(sg.InputError, match="none to replay"):
        unproved.replay()


def test_models_without_weights_are_undecided_or_proved() -> None:
    for name in ("elman", "gru", "leaky", "irnn"):
        found = sg.verdict(zoo(name))
        assert found.outcome.value == "undecided"
        assert found.weights is None


@pytest.mark.parametrize("gain", [0.5, 1.2])
def test_it_is_printed_typeset_and_data(gain: float) -> None:
    found = sg.verdict(sg.models.elman("identity"), plain(gain * TURN), 50)
    written = str(found)
    assert written.startswith(f"elman: {found.outcome} (certified)")
    assert all(f"  {statement.name}: " in written for statement in found.statements)
    assert r"\text{vanishing proved" in found.latex()
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["outcome"] == found.outcome.value
    assert data["statements"]["explosion_proved"]["holds"] is (gain > 1)
    kinds = {"vanishing_proved", "vanishing_excluded", "explosion_proved", "explosion_excluded"}
    assert set(data["statements"]) == kinds


def test_every_kind_of_certificate_is_printed() -> None:
    kept = sg.verdict(sg.models.irnn(), plain(np.eye(2)), 20).vanishing_excluded
    rule = sg.verdict(sg.models.elman("identity").assuming({"W": sg.orthogonal}))
    for statement in (kept, *rule.statements):
        assert str(statement).startswith(statement.name)
        assert r"\text{" in statement.latex()
        json.dumps(statement.to_dict(), allow_nan=False)
    assert "||P_k||_2 >= 1 for every k <= 20" in str(kept)
    assert "by the rules alone" in str(rule.explosion_excluded)
