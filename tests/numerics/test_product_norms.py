"""Norms of products with few columns or with vectors alone, against singular values of plain dense products."""

from __future__ import annotations

import dataclasses
import itertools
import math
import tracemalloc

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.numerics import gram_norms, leading_values, low_rank_products, symmetric_lapack
from symgrad.numerics import product_norms as module
from symgrad.numerics.backends import backend as backend_of
from symgrad.numerics.product_norms import product_norms
from tests.numerics.dense import dense_log10_norms, random_problem

MODELS = ("elman", "lstm", "gru", "leaky", "residual", "highway")


def shift(n: int) -> np.ndarray:
    """A shift with growing entries: the most stretched direction moves on at every step."""
    return np.diag(1.0 + np.arange(n - 1) / 4, 1)


def elman(W: np.ndarray, activation: str = "identity", steps: int = 30, batch: int = 1) -> tuple:
    n = len(W)
    rng = np.random.default_rng(3)
    weights = {"W": W, "U": rng.standard_normal((n, 2)), "b": np.zeros(n)}
    return sg.models.elman(activation), weights, rng.standard_normal((batch, steps, 2)), None


def check(problem, tolerance=1e-6, **options) -> sg.ProductNorms:
    model, weights, inputs, initial = problem
    found = product_norms(model, weights, inputs, initial, tolerance=tolerance, **options)
    expected = dense_log10_norms(model, weights, inputs, initial)[found.ks - 1]
    np.testing.assert_allclose(found.log10, expected, rtol=0, atol=tolerance / math.log(10))  # equal where infinite
    low = np.nan_to_num(expected, neginf=-1e9)
    assert (np.nan_to_num(found.log10, neginf=-1e9) <= low + 1e-12).all()
    assert (np.nan_to_num(found.log10_upper, neginf=-1e9) >= low - 1e-12).all()
    assert found.reached <= found.tolerance
    return found


@pytest.mark.parametrize("name", MODELS)
def test_the_norm_at_every_horizon_is_that_of_the_dense_product(name) -> None:
    check(random_problem(name, n=12, steps=40, batch=5))


@pytest.mark.parametrize("name", MODELS)
def test_one_long_horizon_is_that_of_the_dense_product(name) -> None:
    assert check(random_problem(name, n=10, steps=40, batch=2), ks=[40], method="lanczos").method == "lanczos"


def switching(steps: int = 40, n: int = 8) -> tuple:
    """Directions that shrink in the first half and grow in the second: what was negligible comes to decide the norm."""
    h, u = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("u", n, 1)
    model = sg.Recurrence({h: sg.hadamard(u, h)}, inputs=[u])
    early = np.concatenate([np.full(n // 2, 1.0), np.full(n - n // 2, 0.1)])
    inputs = np.concatenate([np.tile(early, (steps // 2, 1)), np.tile(early[::-1], (steps - steps // 2, 1))])
    inputs[-3:] = early[::-1] ** 3
    return model, None, inputs[None], {"h": np.ones((1, n))}


HOSTILE = {
    "orthogonal": lambda: elman(np.linalg.qr(np.random.default_rng(0).standard_normal((12, 12)))[0]),
    "non-normal": lambda: elman(np.eye(12) / 2 + np.triu(np.ones((12, 12)), 1)),
    "growing shift": lambda: elman(shift(10), steps=12),
    "low rank": lambda: elman(np.outer(np.arange(1.0, 13), np.ones(12))),
    "rotating blocks": lambda: elman(np.kron(np.diag([1.0, 0.5, 0.25]), [[0.8, -0.6], [0.6, 0.8]])),
    "zero": lambda: elman(np.zeros((6, 6)), steps=4),
    "rectified": lambda: elman(0.5 * np.random.default_rng(5).standard_normal((9, 9)), "relu", batch=4),
    "saturated": lambda: elman(9 * np.random.default_rng(2).standard_normal((6, 6)), "tanh", batch=3),
    "switching": switching,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("method", ["low rank", "lanczos"])
def test_weights_that_bring_dropped_directions_back(name: str, method: str) -> None:
    problem = HOSTILE[name]()
    steps = problem[2].shape[1]
    check(problem, method=method, ks=[steps] if method == "lanczos" else None)


def test_products_that_vanish_have_no_logarithm_and_warn_of_nothing() -> None:
    model, weights, inputs, _ = elman(shift(5), steps=9)
    found = product_norms(model, weights, inputs[0])
    assert np.isfinite(found.log10[:4]).all()
    assert (found.log10[4:] == -np.inf).all()
    assert (found.log10_upper[4:] == -np.inf).all()
    one = product_norms(model, weights, inputs[0], ks=[9], method="lanczos")
    assert one.log10.tolist() == one.log10_upper.tolist() == [-np.inf]


@pytest.mark.parametrize("scale", [1e170, 1e-170])
@pytest.mark.parametrize("method", ["low rank", "lanczos", "dense"])
def test_no_length_makes_products_over_or_underflow(scale: float, method: str) -> None:
    W = np.random.default_rng(1).standard_normal((4, 4))
    model, plain, inputs, _ = elman(W, steps=40)
    found = product_norms(model, plain | {"W": scale * W, "U": np.zeros((4, 2))}, inputs, ks=[40], method=method)
    expected = product_norms(model, plain, inputs, ks=[40]).log10 + 40 * math.log10(scale)
    np.testing.assert_allclose(found.log10, expected, rtol=1e-12)


def test_ten_thousand_steps_in_log_scale() -> None:
    model, weights, _, _ = elman(np.diag([0.5, 0.4, 0.3, 0.2]))
    found = product_norms(model, weights, np.zeros((10_000, 2)))
    np.testing.assert_allclose(found.log10, math.log10(0.5) * np.arange(1, 10_001), rtol=1e-9)
    assert found.ranks[0] == 4
    assert found.ranks[-1] == 1


def test_a_trajectory_that_overflows_is_not_a_number_and_leaves_the_others_alone() -> None:
    model, weights, inputs, _ = elman(np.diag([1e5, 2.0, 1.0]), "relu", steps=80, batch=2)
    initial = {"h": np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])}
    weights["U"] = np.zeros((3, 2))
    found = product_norms(model, weights, inputs, initial)
    assert np.isfinite(found.log10[:, 0]).all()
    assert np.isnan(found.log10[-1, 1])


@pytest.mark.parametrize("ks", [None, [34], [35], [39]])
def test_a_step_that_overflows_has_no_jacobian(ks) -> None:
    """The state after 35 steps is beyond the floats, and so may be the arguments of slopes at the 35th."""
    model, weights, _, _ = elman(np.array([[1e9]]), "relu")
    weights["U"] = np.zeros((1, 1))
    found = product_norms(model, weights, np.zeros((39, 1)), {"h": np.array([30.0])}, ks=ks)
    np.testing.assert_allclose(found.log10, [9.0 * k if k < 35 else math.nan for k in found.ks], rtol=1e-12)


def test_dropped_directions_that_grow_again_are_seen_and_kept_in_another_run() -> None:
    problem = switching()
    found = check(problem)
    first = product_norms(*problem, ks=range(1, 20))
    assert first.ranks[-1] == 4
    assert (found.ranks == 8).all()


def test_without_the_probes_the_growth_of_dropped_directions_is_missed(monkeypatch) -> None:
    measured = gram_norms.GramNorms.measured

    def without_probes(self, passed, rank):
        found = measured(self, passed, rank)
        return dataclasses.replace(found, probes=np.zeros_like(found.probes))

    monkeypatch.setattr(gram_norms.GramNorms, "measured", without_probes)
    with pytest.raises(AssertionError):
        check(switching())


def test_a_search_that_stops_at_once_is_refused_by_the_factorisation(monkeypatch) -> None:
    problem = elman(np.diag(np.linspace(1, 1.2, 90)), steps=3)
    monkeypatch.setattr(leading_values, "_TRIDIAGONAL", 80)
    monkeypatch.setattr(symmetric_lapack, "_CHECKS", (2, 3))
    check(problem)
    monkeypatch.setattr(leading_values, "is_positive_definite_below", lambda *_: True)
    with pytest.raises(AssertionError):
        check(problem)


def test_a_smaller_upper_side_fails() -> None:
    problem = random_problem("gru", n=8, steps=20, batch=3)
    found = product_norms(*problem)
    exact = dense_log10_norms(*problem)
    assert (found.log10_upper - found.reached / math.log(10) - 1e-9 < exact).any()


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("exponents", [(9, 9), (-9, -9), (16, -16)], ids=["grows", "decays", "alternates"])
def test_steps_that_leave_the_range_of_floats_together_are_made_one_by_one(
    backend, dtype, exponents, monkeypatch
) -> None:
    """Factors grow or decay so fast that a few of them overflow or underflow."""
    if backend != "numpy":
        pytest.importorskip(backend)
    passed = []
    stretch = low_rank_products._Attempt._stretch
    monkeypatch.setattr(
        low_rank_products._Attempt, "_stretch", lambda *given: passed.append(stretch(*given)) or passed[-1]
    )
    layers, base = 60, np.random.default_rng(0).standard_normal((40, 40)) / 40**0.5
    scales = 10.0 ** (np.resize(exponents, layers) * (4 if dtype == "float64" else 1))
    expected, product, exponent = [], np.eye(40), 0.0
    for scale in scales:
        product = base @ product
        size = np.linalg.norm(product, 2)
        product, exponent = product / size, exponent + math.log10(size) + math.log10(scale)
        expected.append(exponent)
    chosen = backend_of(backend, dtype=dtype)
    steps = [Scaled(scale * base, chosen) for scale in scales]
    factors = low_rank_products.Factors(lambda places: iter(steps), 1, 40)
    found = low_rank_products.log10_norms(factors, layers, 1e-3, chosen)
    np.testing.assert_allclose(found[1:, 0], expected, rtol=0, atol=2e-4)
    assert False in passed


def test_memory_does_not_grow_with_the_steps() -> None:
    """Of every horizon only numbers are kept: the directions of orthogonal factors never become fewer."""
    factor = Scaled(np.linalg.qr(np.random.default_rng(0).standard_normal((64, 64)))[0], backend_of())

    def peak(steps: int) -> int:
        factors = low_rank_products.Factors(lambda places: itertools.repeat(factor, steps), 1, 64)
        tracemalloc.start()
        low_rank_products.log10_norms(factors, steps, 1e-6, backend_of())
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(20)
    assert peak(400) - peak(50) < 10 * 64**2 * 8


class Scaled:
    """A matrix as a factor of products."""

    def __init__(self, matrix, chosen) -> None:
        self._matrix, self._xp, self.finite = chosen.asarray(matrix), chosen.xp, chosen.asarray(np.ones(1)) > 0

    def times(self, columns):
        flat = self._xp.reshape(columns, (columns.shape[0], -1))
        return self._xp.reshape(self._matrix @ flat, columns.shape)


@pytest.mark.parametrize("name", ["elman", "lstm"])
@pytest.mark.parametrize("method", ["low rank", "lanczos", "dense"])
@pytest.mark.parametrize("backend", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_back_ends_agree_with_numpy(name: str, method: str, backend: str) -> None:
    problem = random_problem(name, n=5, steps=12, batch=2)
    ks = [12] if method == "lanczos" else None
    expected = product_norms(*problem, ks=ks, method="dense")
    found = product_norms(*problem, ks=ks, method=method, backend=backend)
    np.testing.assert_allclose(found.log10, expected.log10, rtol=0, atol=1e-6 / math.log(10))
    assert (found.log10_upper >= expected.log10 - 1e-12).all()


def test_jax_agrees_with_numpy() -> None:
    problem = random_problem("elman", n=3, steps=4)
    found, expected = (product_norms(*problem, method="dense", backend=name) for name in ("jax", "numpy"))
    np.testing.assert_allclose(found.log10, expected.log10, rtol=0, atol=1e-13)


def test_single_precision_comes_as_close_as_it_can() -> None:
    problem = random_problem("elman", n=16, steps=40, batch=2)
    found = product_norms(*problem, dtype="float32")
    assert found.reached <= found.tolerance == pytest.approx(4096 * 2.0**-23)
    np.testing.assert_allclose(found.log10, dense_log10_norms(*problem), atol=1e-3)


@pytest.mark.parametrize("p", [1, "inf"])
def test_other_norms_are_sums(p) -> None:
    problem = random_problem("highway", n=6, steps=10, batch=2)
    found = product_norms(*problem, norm=p)
    exact = product_norms(*problem, norm=p, backend="mpmath", digits=30)
    np.testing.assert_allclose(found.log10, exact.log10.astype(float), atol=1e-12)
    assert found.method == "dense"
    assert found.failure == 0.0 == found.reached


def test_high_precision_is_the_same_and_more_exact() -> None:
    problem = random_problem("gru", n=3, steps=8, batch=2)
    exact = product_norms(*problem, backend="mpmath", digits=40)
    found = product_norms(*problem)
    np.testing.assert_allclose(found.log10, exact.log10.astype(float), rtol=0, atol=1e-6)
    assert (found.log10_upper >= exact.log10.astype(float) - 1e-13).all()


def test_scalars_stacks_and_layers() -> None:
    neuron = product_norms(sg.models.neuron(w=2, b=-1), steps=5)
    assert neuron.log10.shape == (5,)
    stack = sg.stack([sg.models.gru(), sg.models.elman()])
    rng = np.random.default_rng(0)
    sizes = {s: 5 for s in stack.sizes}
    weights = {
        s: 0.5 * rng.standard_normal([int(sp.sympify(d).xreplace(sizes)) for d in s.shape]) for s in stack.parameters
    }
    weights = {s: a[:, 0] if a.shape[1] == 1 else a for s, a in weights.items()}
    inputs = {s: rng.standard_normal((2, 12, 5)) for s in stack.inputs}
    check((stack, weights, inputs, None))


def test_one_horizon_of_too_many_states_is_sought_with_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = random_problem("elman", n=12, steps=64)
    found = product_norms(*problem, ks=64)
    assert found.method == "low rank"
    monkeypatch.setattr(module, "_MEMORY", 1000)
    long = product_norms(*problem, ks=64)
    assert long.method == "lanczos"
    assert np.abs(long.log10 - found.log10).max() < 1e-6
    assert product_norms(*problem, ks=[2]).method == "low rank"
    assert product_norms(*problem).method == "low rank"
    # No direction stands out: vectors alone do not come within the tolerance, columns do.
    flat = elman(np.linalg.qr(np.random.default_rng(0).standard_normal((40, 40)))[0], steps=40)
    assert product_norms(*flat, ks=[40]).reached <= 1e-6


def test_portions_of_trajectories_give_the_same(monkeypatch) -> None:
    problem = random_problem("leaky", n=6, steps=20, batch=5)
    whole = product_norms(*problem)
    monkeypatch.setattr(module, "_MEMORY", 8 * 6 * 36 * 2)
    parts = product_norms(*problem)
    np.testing.assert_allclose(parts.log10, whole.log10, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ks": [0]}, "ks: integers from 1 to the number of steps 4"),
        ({"ks": [9]}, "ks: integers"),
        ({"ks": []}, "ks: integers"),
        ({"ks": 2.5}, "ks: integers"),
        ({"ks": [True]}, "ks: integers"),
        ({"tolerance": 0}, "tolerance: a number between 0 and 1"),
        ({"tolerance": float("nan")}, "tolerance"),
        ({"method": "svd"}, "method: one of auto"),
        ({"method": "lanczos"}, "one horizon"),
        ({"method": "low rank", "norm": 1}, "spectral norm"),
        ({"seed": -1}, "seed"),
        ({"backend": "numpie"}, "numpie"),
        ({"digits": 20}, "digits"),
    ],
)
def test_bad_options_are_refused(options, message) -> None:
    model, weights, inputs, _ = elman(np.eye(2), steps=4)
    with pytest.raises(sg.SymgradError, match=message):
        product_norms(model, weights, inputs, **options)


def test_the_count_of_products() -> None:
    model, weights, inputs, _ = elman(np.eye(3), steps=5)
    found = product_norms(model, weights, inputs[0], method="dense")
    assert found.products == 3 * 5


def test_presentation() -> None:
    found = product_norms(*random_problem("elman", n=6, steps=20, batch=2))
    assert "both sides within" in str(found)
    assert r"\lVert J_1" in found.latex()
    assert len(found.to_dict()["log10"]) == 20
    axes = found.plot()
    assert [a.get_ylabel() for a in axes.figure.axes][1] == "rank"
