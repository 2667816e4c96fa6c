"""Normalisations against autograd of PyTorch's layers, exact derivatives, and falsified claims."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad import design
from symgrad.design.normalisation import Normalisation

pytestmark = pytest.mark.usefixtures("double_precision")
EPS = 1e-3


def autograd(layer: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    return torch.autograd.functional.jacobian(layer, torch.tensor(x)).numpy()


def formula(norm: Normalisation, x: np.ndarray) -> np.ndarray:
    return np.array(norm.jacobian_at([sp.Float(float(v), 30) for v in x]).evalf(20), dtype=float)


def norm_at(norm: Normalisation, x: np.ndarray) -> float:
    std = norm.std_at([sp.Float(float(v), 30) for v in x])
    return float(norm.norm.subs(norm.std, std))


@pytest.mark.parametrize("n", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_jacobian_and_its_norm_are_those_of_pytorch(kind: str, n: int) -> None:
    x = np.random.default_rng(n).standard_normal(n)
    layer = torch.nn.LayerNorm(n, eps=EPS) if kind == "layer" else torch.nn.RMSNorm(n, eps=EPS)
    torch.nn.init.constant_(layer.weight, -1.7)
    norm = (design.layer_norm if kind == "layer" else design.rms_norm)(n, -1.7, EPS)
    expected = autograd(layer, x)
    assert formula(norm, x) == pytest.approx(expected, abs=1e-12)
    assert norm_at(norm, x) == pytest.approx(np.linalg.norm(expected, 2), rel=1e-10, abs=1e-12)


def test_gains_of_every_entry_bound_the_norm_from_both_sides() -> None:
    gains = [0.5, -3.0, 2.0, 1.0, -1.5]
    layer = torch.nn.LayerNorm(5, eps=EPS)
    layer.weight.data = torch.tensor(gains)
    norm = design.layer_norm(gamma=gains, eps=EPS)
    for seed in range(5):
        x = np.random.default_rng(seed).standard_normal(5)
        expected = autograd(layer, x)
        assert formula(norm, x) == pytest.approx(expected, abs=1e-12)
        std = float(norm.std_at([sp.Float(v) for v in x]))
        truth = np.linalg.norm(expected, 2)
        assert 1.5 / std <= truth * (1 + 1e-12)
        assert float(norm.norm_floor.subs(norm.std, std)) == pytest.approx(1.5 / std)
        assert truth <= norm_at(norm, x) * (1 + 1e-12)
    assert not norm.is_exact


def test_batch_norm_while_training_normalises_along_the_batch() -> None:
    layer = torch.nn.BatchNorm1d(2, eps=EPS)
    layer.weight.data = torch.tensor([2.0, -0.5])
    x = np.random.default_rng(3).standard_normal((6, 2))
    jacobian = autograd(layer.train(), x)  # (samples, features, samples, features)
    assert abs(jacobian[:, 0, :, 1]).max() == 0
    for feature, gain in enumerate((2.0, -0.5)):
        block = design.batch_norm(6, gamma=gain, eps=EPS)
        assert formula(block, x[:, feature]) == pytest.approx(jacobian[:, feature, :, feature], abs=1e-12)
    whole = np.linalg.norm(jacobian.reshape(12, 12), 2)
    assert whole <= float(design.batch_norm(6, gamma=[2.0, -0.5], eps=EPS).uniform())


def test_batch_norm_at_evaluation_is_affine() -> None:
    layer = torch.nn.BatchNorm1d(3, eps=EPS).eval()
    layer.weight.data = torch.tensor([2.0, -0.5, 1.0])
    layer.running_var = torch.tensor([4.0, 0.25, 1.0])
    jacobian = autograd(layer, np.ones((1, 3)))[0, :, 0, :]
    found = design.batch_norm_evaluation([2.0, -0.5, 1.0], [4.0, 0.25, 1.0], EPS)
    assert np.array(found.jacobian, dtype=float) == pytest.approx(jacobian, abs=1e-15)
    assert float(found.norm) == pytest.approx(np.linalg.norm(jacobian, 2), rel=1e-14)
    assert float(found.floor) == pytest.approx(np.linalg.svd(jacobian, compute_uv=False)[-1], rel=1e-14)


def test_eigenvalues_are_those_of_the_bracket() -> None:
    for make, n in ((design.layer_norm, 5), (design.rms_norm, 4), (design.layer_norm, 2), (design.rms_norm, 1)):
        norm = make(n, 1, sp.Rational(1, 10))
        x = [sp.Integer(v) for v in range(1, n + 1)]
        std = norm.std_at(x)
        bracket = np.array((norm.jacobian_at(x) * std).evalf(), dtype=float)
        stated = [float(v.subs(norm.std, std)) for v, count in norm.eigenvalues.items() for _ in range(int(count))]
        assert sorted(stated) == pytest.approx(np.linalg.eigvalsh(bracket), abs=1e-12)


def test_bound_for_every_x_is_attained_where_all_entries_agree() -> None:
    norm = design.layer_norm(3, 2, 0.01)
    at_rest = formula(norm, np.zeros(3))
    assert float(norm.uniform()) == pytest.approx(np.linalg.norm(at_rest, 2)) == 20
    assert norm.uniform(std=0.5) == 4
    assert norm.uniform(std=0.01) == 20, "s cannot be below sqrt(eps)"


@pytest.mark.parametrize(("n", "expected"), [(1, 0), (2, 0), (3, sp.oo)])
def test_without_eps_only_few_entries_keep_the_norm_bounded(n: int, expected: object) -> None:
    assert design.layer_norm(n, 1, 0).uniform() == expected


@settings(max_examples=8)
@given(st.lists(st.floats(-5, 5), min_size=3, max_size=4).filter(lambda x: np.std(x) > 1e-3), st.floats(-3, 3))
def test_norm_at_any_point(x: list[float], gain: float) -> None:
    norm = design.layer_norm(len(x), gain, 1e-5)
    truth = np.linalg.norm(formula(norm, np.array(x)), 2)
    assert norm_at(norm, np.array(x)) == pytest.approx(truth, rel=1e-9, abs=1e-12)


@dataclass(frozen=True)
class TooSmall(Normalisation):
    """A norm that is one percent too small."""

    @property
    def norm(self) -> sp.Expr:
        return sp.Rational(99, 100) * super().norm


@dataclass(frozen=True)
class WithoutProjection(Normalisation):
    """A Jacobian that forgets that the variance depends on x."""

    def jacobian_at(self, x: list[sp.Expr]) -> sp.ImmutableDenseMatrix:
        n = len(x)
        return sp.ImmutableDenseMatrix((sp.eye(n) - sp.ones(n, n) / n) / self.std_at(x))


@pytest.mark.parametrize("false", [TooSmall, WithoutProjection])
def test_verification_catches_false_claims(false: type[Normalisation]) -> None:
    true = design.layer_norm(3, 1, 0.1)
    assert true.verify().holds
    assert not false(true.name, true.size, true.gains, true.eps, true.centred).verify().holds


def test_verification_of_many_entries() -> None:
    assert design.layer_norm(30, 2, 1e-5).verify().holds
    wrong = TooSmall("layer norm", sp.Integer(30), (sp.Integer(2),), sp.Rational(1, 100), True)
    assert not wrong.verify().holds


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n": 0}, "n: a positive integer"),
        ({"n": 2.5}, "n: a positive integer"),
        ({"n": 3, "gamma": [1, 2]}, "gamma: one number or 3"),
        ({"gamma": "x"}, "gamma: a number or a non-empty sequence"),
        ({"eps": -1}, "eps: a number that is not negative"),
        ({"eps": float("nan")}, "eps: a finite real number"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(sg.InputError, match=words):
        design.layer_norm(**arguments)


def test_points_where_nothing_can_be_said_are_refused() -> None:
    with pytest.raises(sg.InputError, match="variance and eps are both zero"):
        design.layer_norm(2, 1, 0).jacobian_at([1, 1])
    with pytest.raises(sg.InputError, match="x: 2 entries are needed, got 3"):
        design.layer_norm(2).jacobian_at([1, 2, 3])
    with pytest.raises(sg.InputError, match="running variance of zero"):
        design.batch_norm_evaluation(variance=0, eps=0)


def test_running_statistics_are_verified_and_a_wrong_norm_is_caught() -> None:
    found = design.batch_norm_evaluation(gamma=[1, -3, 2], variance=[4, 9, 0.25], eps=0.001)
    assert found.verify().holds
    assert design.batch_norm_evaluation().verify(seed=3).holds

    class Smaller(type(found)):
        @property
        def norm(self) -> sp.Expr:
            return super().norm * sp.Rational(99, 100)

    assert not Smaller(found.gains, found.variances, found.eps).verify().holds
