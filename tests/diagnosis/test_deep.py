"""Diagnoses of deep networks: right outcomes and causes on networks built for them, and remedies that work."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.diagnosis.causes import Cause
from symgrad.diagnosis.deep import deep_diagnosis
from symgrad.diagnosis.deep_changes import redrawn
from symgrad.diagnosis.deep_outcome import deep_outcome
from symgrad.errors import InputError
from symgrad.language.chain_layers import Affine, Entrywise, Residual
from symgrad.language.layer_chain import LayerChain
from symgrad.numerics.network_verdict import Outcome
from symgrad.numerics.verdict import Verdict

N = 24


def plain(kind: str, depth: int, gain: float, bias: float = 0.0, width: int = N) -> tuple[LayerChain, dict[str, Any]]:
    """A network of equal widths with Gaussian weights."""
    random = np.random.default_rng(1)
    layers: list[Any] = []
    weights = {}
    for i in range(depth):
        layers += [Affine(f"{2 * i}", width, width, f"{i}.w", f"{i}.b")]
        layers += [Entrywise(f"{2 * i + 1}", width, width, sg.activation(kind))]
        weights[f"{i}.w"] = gain * random.standard_normal((width, width)) / np.sqrt(width)
        weights[f"{i}.b"] = bias * random.standard_normal(width)
    return LayerChain(tuple(layers), "net"), weights


def residual(depth: int, gain: float) -> tuple[LayerChain, dict[str, Any]]:
    random = np.random.default_rng(2)
    blocks = [
        Residual(
            f"{i}", N, N, branch=(Affine(f"{i}.f", N, N, f"{i}.w"), Entrywise(f"{i}.g", N, N, sg.activation("relu")))
        )
        for i in range(depth)
    ]
    weights = {f"{i}.w": gain * random.standard_normal((N, N)) / np.sqrt(N) for i in range(depth)}
    return LayerChain(tuple(blocks), "residual net"), weights


CASES = {
    "small weights": (plain("tanh", 12, 0.4), Outcome.VANISHING, Cause.SMALL_NORM),
    "small weights, relu": (plain("relu", 20, 0.7), Outcome.VANISHING, Cause.SMALL_NORM),
    "saturated": (plain("tanh", 12, 1.0, bias=4.0), Outcome.VANISHING, Cause.SATURATION),
    "sigmoid": (plain("sigmoid", 12, 1.0), Outcome.VANISHING, Cause.SMALL_NORM),
    "large weights": (plain("relu", 20, 4.0), Outcome.EXPLODING, Cause.LARGE_NORM),
    "residual": (residual(20, 2.0), Outcome.EXPLODING, Cause.LARGE_NORM),
    "critical": (plain("relu", 12, 2**0.5), Outcome.NEITHER, Cause.AT_EDGE),
    "fading": (plain("tanh", 4, 0.4), Outcome.NEITHER, Cause.SMALL_NORM),
}


@pytest.mark.parametrize("name", CASES)
def test_outcome_and_cause(name: str) -> None:
    (chain, weights), outcome, cause = CASES[name]
    found = deep_diagnosis(chain, weights, remedies=False)
    assert found.outcome is outcome
    assert found.verdict in (Verdict.CERTIFIED, Verdict.OBSERVED)
    assert found.causes[0].cause is cause
    assert found.found.reason


def test_every_input_is_certified_where_the_norms_suffice() -> None:
    chain, weights = plain("tanh", 12, 0.2)
    found = deep_diagnosis(chain, weights, remedies=False, enclosed=0)
    assert (found.outcome, found.verdict, found.found.scope) == (Outcome.VANISHING, Verdict.CERTIFIED, "every input")


def test_without_proof_the_measurement_only_observes() -> None:
    chain, weights = plain("tanh", 20, 0.6)
    found = deep_diagnosis(chain, weights, remedies=False, enclosed=0)
    assert found.bound.log10_upper[0] > -3
    assert (found.outcome, found.verdict) == (Outcome.VANISHING, Verdict.OBSERVED)
    along = deep_diagnosis(chain, weights, remedies=False, enclosed=2)
    assert (along.verdict, along.found.scope) == (Verdict.CERTIFIED, "the first 2 inputs")


def test_curves_keep_their_order() -> None:
    chain, weights = plain("tanh", 10, 1.3, bias=0.2)
    found = deep_diagnosis(chain, weights, remedies=False)
    assert (found.measured.log10_products.max(axis=0) <= found.bound.log10_upper + 1e-12).all()
    norms = [norm.upper.log10 for norm in found.enclosures[0].products or ()]
    np.testing.assert_allclose(norms, found.measured.log10_products[0], rtol=0, atol=1e-9)
    steps = [layer.step for layer in found.layers]
    assert sum(steps) == pytest.approx(found.measured.typical_loss[0] - found.measured.typical_loss[-1])
    assert found["3"] is found[3]
    assert len(found) == found.depth == 20


@pytest.mark.parametrize(
    ("network", "name"), [(plain("tanh", 20, 0.4), "edge of chaos"), (residual(20, 2.0), "branches")]
)
def test_remedies_bring_gradients_back(network: Any, name: str) -> None:
    found = deep_diagnosis(*network)
    assert any(name in remedy.name for remedy in found.remedies)
    for remedy in found.remedies:
        before, after = remedy.growth
        assert abs(before) >= 3
        assert abs(after) < 3
        if remedy.proved is not None:
            assert after <= remedy.proved


def test_the_factor_of_branches_keeps_its_promise_as_it_is_printed() -> None:
    found = deep_diagnosis(*residual(20, 2.0), samples=1, enclosed=0)
    remedy = next(item for item in found.remedies if "branches" in item.name)
    printed = re.search(r"x \+ (\S+) \*", remedy.code or "")
    assert printed
    assert float(printed[1]) == remedy.values["a"]
    steepest = Fraction(remedy.values["Lipschitz constant of the branches"])
    growth = (1 + Fraction(remedy.values["a"]) * steepest) ** int(remedy.values["blocks"])
    assert 0.99 * found.growth < growth <= found.growth


def test_the_advised_gain_is_that_of_the_theory_and_its_code_runs() -> None:
    torch = pytest.importorskip("torch")
    found = deep_diagnosis(*plain("relu", 20, 0.5))
    remedy = next(item for item in found.remedies if "gaussian" in item.name)
    assert remedy.values["sigma_w"] == pytest.approx(2**0.5)
    network = torch.nn.Sequential(torch.nn.Linear(400, 300), torch.nn.ReLU())
    exec(compile(remedy.code or "", "remedy", "exec"), {"network": network})
    assert network[0].weight.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.02)


@pytest.mark.parametrize("orthogonal", [False, True])
def test_weights_drawn_anew_have_the_variance_that_is_asked_for(orthogonal: bool) -> None:
    chain = LayerChain((Affine("0", 200, 100, "a"), Affine("1", 100, 200, "b", transposed=True)))
    weights = {"a": np.zeros((100, 200)), "b": np.zeros((100, 200))}
    found = redrawn(chain, weights, 1.5, orthogonal, seed=0)
    assert np.var(found["a"]) == pytest.approx(2.25 / 200, rel=0.03)
    assert np.var(found["b"]) == pytest.approx(2.25 / 100, rel=0.03)


def test_the_loss_is_that_of_autograd() -> None:
    torch = pytest.importorskip("torch")
    from symgrad.interop.torch_chains import chain_from_torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.GELU(), torch.nn.Linear(6, 3)).double()
    inputs = torch.linspace(-1, 1, 20, dtype=torch.float64).reshape(5, 4).requires_grad_(True)
    target = torch.tensor([0, 1, 2, 0, 1])
    torch.nn.functional.cross_entropy(module(inputs), target).backward()
    chain, weights = chain_from_torch(module)
    found = deep_diagnosis(
        chain, weights, inputs.detach().numpy(), lambda y: torch.nn.functional.cross_entropy(y, target), remedies=False
    )
    expected = np.log10(np.linalg.norm(inputs.grad.numpy(), axis=1))
    np.testing.assert_allclose(found.measured.log10_loss[:, 0], expected, rtol=0, atol=1e-12)
    assert found.inputs == "5 given"


def test_a_dead_layer_is_saturation() -> None:
    layers = (Affine("0", 2, 2, "w", "b"), Entrywise("1", 2, 2, sg.activation("relu")), Affine("2", 2, 2, "w"))
    found = deep_diagnosis(LayerChain(layers), {"w": np.eye(2), "b": [-50.0, -50.0]}, remedies=False)
    assert found.outcome is Outcome.VANISHING
    assert found.causes[0].cause is Cause.SATURATION
    assert "1" in found.causes[0].evidence


def test_inputs_that_overflow_are_left_out() -> None:
    layers = (Entrywise("0", 1, 1, sg.activation("relu_squared")),) * 3
    found = deep_diagnosis(LayerChain(layers), {}, np.array([[1.0], [1e60]]), remedies=False, enclosed=0)
    assert len(found.measured.log10_loss) == 1
    assert "1 of 2 inputs overflow" in found.notes[0]
    with pytest.raises(InputError, match="overflow"):
        deep_diagnosis(LayerChain(layers), {}, np.array([[1e60]]), remedies=False)


def test_limits_decide() -> None:
    chain, weights = plain("tanh", 4, 0.4)
    found = deep_diagnosis(chain, weights, remedies=False)
    for delta, growth, outcome in ((1e-12, 1e3, Outcome.NEITHER), (0.5, 1e3, Outcome.VANISHING)):
        decided = deep_outcome(found.bound, found.measured, found.enclosures, delta=delta, growth=growth)
        assert decided.outcome is outcome


BAD = (
    ({"inputs": np.ones((2, 3))}, "inputs"),
    ({"inputs": np.ones((2, 2), dtype=int)}, "inputs"),
    ({"loss": np.ones((3, 1))}, "loss"),
    ({"loss": "mean"}, "loss"),
    ({"delta": 2.0}, "delta"),
    ({"growth": 0.5}, "growth"),
    ({"samples": 0}, "samples"),
    ({"enclosed": -1}, "enclosed"),
)


@pytest.mark.parametrize(("options", "name"), BAD)
def test_bad_input_is_refused(options: Any, name: str) -> None:
    chain = LayerChain((Affine("0", 2, 2, "w"),))
    with pytest.raises(InputError, match=name):
        deep_diagnosis(chain, {"w": np.eye(2)}, **options)
    with pytest.raises(InputError, match="chain"):
        deep_diagnosis("chain", {})
