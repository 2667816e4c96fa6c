"""Networks with growing gradients for a given W: checked with numpy, and simulated; proofs that there is none."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import symgrad as sg
from symgrad.numerics.claims.growth_search import growing_slopes
from symgrad.numerics.claims.reachable_slopes import reachable_slopes

Array = NDArray[np.float64]
Found = sg.claims.SpectralRadiusCounterexample

PUBLISHED = [[8, -16], [4, -8]]
FUNCTIONS = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "softsign": lambda z: z / (1 + np.abs(z)),
}
LARGEST = {"sigmoid": 0.25, "tanh": 1.0, "relu": 1.0, "softsign": 1.0}


def radius(matrix: Array) -> float:
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def nilpotent(size: int, seed: int, scale: float) -> Array:
    """A dense matrix whose spectral radius is 0 up to rounding."""
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(random.normal(size=(size, size)))[0]
    return scale * basis @ np.triu(random.normal(size=(size, size)), 1) @ basis.T


def confirm_growth(found: Found, name: str) -> None:
    """Fixed point and Jacobian again in floats, with difference quotients, and the simulation that leaves the point."""
    W, b, x, inside = found.matrix, found.biases, found.fixed_point, found.network.inside
    assert b is not None
    assert x is not None
    s = FUNCTIONS[name]

    def step(state: Array) -> Array:
        return s(W @ state + b) if inside else W @ s(state) + b

    scale = 1 + np.abs(x).max() + np.abs(W).max()
    assert np.abs(step(x) - x).max() <= 1e-9 * scale
    width = 1e-5
    columns = [(step(x + width * e) - step(x - width * e)) / (2 * width) for e in np.eye(len(x))]
    assert radius(np.array(columns).T) >= found.rate * (1 - 1e-3) - 1e-3
    assert all(norm.lower >= found.rate**k * (1 - 1e-9) for k, norm in enumerate(found.norms, 1))


def confirm_none(found: Found, name: str, trials: int = 200) -> None:
    """Random slopes never give a larger spectral radius than is proved."""
    random, size = np.random.default_rng(0), len(found.matrix)
    slopes = random.uniform(0, LARGEST[name], (trials, size)) * (random.random((trials, size)) < 0.8)
    largest = max(radius(found.matrix * d) for d in slopes)
    assert found.rate is not None
    assert largest <= found.rate * (1 + 1e-9) + 1e-7
    if found.proof is not None and found.proof.method == "perron":
        assert LARGEST[name] * radius(np.abs(found.matrix)) <= found.rate * (1 + 1e-9) <= 1 + 1e-9


def test_growth_two_is_found_for_the_published_matrix() -> None:
    found = sg.claims.spectral_radius_counterexample(PUBLISHED)
    assert found.spectral_radius == (0.0, 0.0)
    assert found.found
    assert found.refutes_claim
    assert found.verdict is sg.Verdict.REFUTED
    assert 1.99 < found.rate < 2
    assert found.eigenvalue.real.overlaps(found.eigenvalue.real)
    assert found.replay()
    confirm_growth(found, "sigmoid")


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@pytest.mark.parametrize("form", ["outside", "inside"])
@settings(max_examples=6, deadline=None, derandomize=True, database=None)
@given(size=st.integers(1, 6), seed=st.integers(0, 10**6), scale=st.floats(0.1, 8))
def test_every_answer_is_confirmed_by_numpy(name: str, form: str, size: int, seed: int, scale: float) -> None:
    matrix = np.random.default_rng(seed).normal(size=(size, size)) * scale / np.sqrt(size)
    model = sg.models.elman(name) if form == "inside" else None
    found = sg.claims.spectral_radius_counterexample(matrix, name, model)
    assert found.spectral_radius[0] - 1e-9 <= radius(matrix) <= found.spectral_radius[1] + 1e-9
    assert found.found == (found.verdict is sg.Verdict.REFUTED)
    if found.verdict is sg.Verdict.UNDECIDED:
        assert not found.replay()
        assert LARGEST[name] * radius(np.abs(matrix)) > 1
    else:
        assert found.replay()
        (confirm_growth if found.found else confirm_none)(found, name)


@pytest.mark.parametrize(("size", "name"), [(3, "tanh"), (8, "relu"), (6, "sigmoid")])
def test_gradients_grow_although_the_spectral_radius_is_nearly_zero(size: int, name: str) -> None:
    found = sg.claims.spectral_radius_counterexample(nilpotent(size, size, 6 / LARGEST[name]), name)
    assert found.refutes_claim
    assert found.replay()
    confirm_growth(found, name)


def test_the_simulated_network_leaves_the_fixed_point() -> None:
    found = sg.claims.spectral_radius_counterexample(nilpotent(5, 1, 4), "tanh", sg.models.elman("tanh"))
    assert found.weights is not None
    start = found.fixed_point + 1e-9
    run = sg.simulate(found.network.model, found.weights, np.zeros((8, 1)), initial={"h": start})
    gap = np.abs(run.states["h"] - found.fixed_point).max(axis=1)
    assert gap[8] > 2 * gap[2] > 0


def test_the_largest_of_all_corners_is_found_and_more_by_an_ascent() -> None:
    matrix = np.random.default_rng(5).normal(size=(8, 8))
    corners = ((np.arange(256)[:, None] >> np.arange(8)) & 1).astype(float)
    best = max(radius(matrix * d) for d in corners)
    assert growing_slopes(matrix, 0.0, 1.0)[0].radius >= best * (1 - 1e-12)
    large = np.random.default_rng(6).normal(size=(14, 14))
    drawn = np.random.default_rng(7).uniform(0, 1, (500, 14))
    assert growing_slopes(large, 0.0, 1.0)[0].radius >= max(radius(large * d) for d in drawn)


# --- matrices of every kind --------------------------------------------------------------


@pytest.mark.parametrize(
    ("matrix", "method"),
    [
        (np.zeros((3, 3)), "nilpotent"),
        (np.triu(np.full((40, 40), 1e6), 1), "nilpotent"),
        (np.array([[3.0, 1e9], [0.0, -3.5]]), "perron"),
        (np.eye(4)[[1, 2, 3, 0]] * 4, "perron"),
        (np.array([[4.0]]), "perron"),
        (3, "perron"),
        (np.linalg.qr(np.random.default_rng(0).normal(size=(24, 24)))[0] * 3.9, "norm"),
        (np.array([[0.0, 200.0], [0.07, 0.0]]), "perron"),
        (np.array([[3.0, -3.0], [3.0, 1.5]]), "quadratic"),
    ],
)
def test_where_none_exists_this_is_proved(matrix: object, method: str) -> None:
    found = sg.claims.spectral_radius_counterexample(matrix)
    assert not found.found
    assert found.verdict is sg.Verdict.CERTIFIED
    assert found.proof is not None
    assert found.proof.method == method
    assert found.replay()
    assert all(step.holds() for step in found.steps)
    assert found.biases is found.slopes is found.fixed_point is found.eigenvalue is found.weights is None
    confirm_none(found, "sigmoid", 50)


@pytest.mark.parametrize("matrix", [[[-5.0]], np.eye(5) * 8, np.full((3, 3), 3.0), np.diag([0.0, 9.0, 9.0, 1.0])])
def test_multiple_and_negative_eigenvalues_do_not_hinder_growth(matrix: object) -> None:
    found = sg.claims.spectral_radius_counterexample(matrix)
    assert found.found
    assert not found.refutes_claim
    assert found.replay()
    confirm_growth(found, "sigmoid")


def test_a_slope_without_bound_grows_unless_no_walk_is_closed() -> None:
    assert sg.claims.spectral_radius_counterexample([[0.01]], "relu_squared").rate > 1
    assert not sg.claims.spectral_radius_counterexample([[0.0, 5.0], [0.0, 0.0]], "relu_squared").found


def test_an_activation_of_ones_own_and_negative_slopes_are_searched() -> None:
    z = sp.Symbol("z")
    bump = sg.Activation("bump", sp.exp(-(z**2)) * z)
    found = sg.claims.spectral_radius_counterexample([[0.0, 2.0], [-2.0, 0.0]], bump)
    assert found.found
    assert found.replay()
    # The slopes 1 and -2 exp(-3/2) have a negative product, which the rotation turns into real eigenvalues.
    assert found.rate > 2 * np.sqrt(2 * np.exp(-1.5)) - 1e-6


def test_where_neither_is_proved_it_says_what_was_tried() -> None:
    # Alternating slopes make products grow, so that no norm contracts; one set of slopes reaches 0.97 only.
    found = sg.claims.spectral_radius_counterexample(
        [[-0.384, -0.101, 0.982], [0.39, -0.97, -0.006], [-0.367, 0.089, -0.952]], "tanh"
    )
    assert found.verdict is sg.Verdict.UNDECIDED
    assert not found.found
    assert not found.replay()
    assert "s rho(|W|)" in found.reason
    assert found.best == pytest.approx(0.97, abs=1e-3)
    assert found.rate is None


# --- mutations ---------------------------------------------------------------------------


def test_an_altered_counter_example_is_caught() -> None:
    found = sg.claims.spectral_radius_counterexample(PUBLISHED)
    point = found.growth
    assert point is not None
    altered = [
        replace(point, rate=point.rate * 1.01),
        replace(point, biases=point.biases + np.array([0.0, 1e-6])),
        replace(point, fixed_point=point.fixed_point + 1e-6),
        replace(point, slopes=point.slopes * 1.01),
        replace(point, norms=tuple(replace(n, lower=n.lower * 1.01, upper=n.upper * 1.01) for n in point.norms)),
        replace(point, eigenvalue=point.eigenvalue * 2),
        replace(point, matrix=point.matrix * 1.001),
    ]
    assert [item.replay() for item in altered] == [False] * len(altered)
    assert not replace(found, matrix=found.matrix + 1).replay()
    assert not replace(found, spectral_radius=(0.5, 0.9)).replay()
    assert not replace(found, growth=None).replay()


def test_a_tightened_proof_is_caught() -> None:
    cases = [
        sg.claims.spectral_radius_counterexample([[1, 2], [2, 1]]),
        sg.claims.spectral_radius_counterexample([[0.9, 0], [0, 0.9]], "tanh"),
        sg.claims.spectral_radius_counterexample([[0.6, -0.7], [0.7, 0.6]], "tanh"),
    ]
    assert {case.proof.method for case in cases if case.proof is not None} == {"perron", "norm"}
    for case in cases:
        assert case.proof is not None
        assert case.proof.replay()
        assert not replace(case.proof, rate=case.proof.rate * 0.99).replay()
        assert not replace(case.proof, matrix=case.proof.matrix * 1.01).replay()
    assert not replace(cases[0].proof, method="nilpotent", rate=0.0).replay()
    quadratic = sg.claims.spectral_radius_counterexample([[3.0, -3.0], [3.0, 1.5]]).proof
    assert quadratic is not None
    assert quadratic.certificate is not None
    assert not replace(quadratic, matrix=quadratic.matrix * 1.5).replay()
    assert not replace(quadratic, rate=quadratic.rate * 0.5).replay()


# --- input, and what it prints -----------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (([[1, 2, 3], [4, 5, 6]],), r"W: a square matrix .* got shape \(2, 3\)"),
        (([],), "W: a square matrix"),
        (([[1, float("nan")], [0, 0]],), "W: NaN and infinity"),
        (("abc",), "W: an array of real numbers"),
        ((PUBLISHED, "tahn"), "did you mean 'tanh'"),
        ((PUBLISHED, "tanh", sg.models.lstm()), "no plain recurrent network; accepted are"),
        ((PUBLISHED, "tanh", sg.models.leaky()), "no plain recurrent network"),
        ((PUBLISHED, "tanh", sg.models.neuron()), "no plain recurrent network"),
        ((PUBLISHED, "tanh", "elman"), "model: a Recurrence or None is needed, got str"),
        ((PUBLISHED, "tanh", sg.models.elman().assuming({"h": (-1, 1)})), "without declared ranges"),
    ],
)
def test_bad_input_is_named(arguments: tuple[object, ...], expected: str) -> None:
    with pytest.raises(sg.InputError, match=expected):
        sg.claims.spectral_radius_counterexample(*arguments)


def test_a_seed_and_the_size_of_the_model_are_checked() -> None:
    with pytest.raises(sg.InputError, match="seed: a non-negative integer"):
        sg.claims.spectral_radius_counterexample(PUBLISHED, seed=-1)
    W, x, b = sp.MatrixSymbol("W", 3, 3), sp.MatrixSymbol("x", 3, 1), sp.MatrixSymbol("b", 3, 1)
    three = sg.Recurrence({x: sg.activation("tanh")(W * x + b)})
    with pytest.raises(sg.InputError, match="3 units, got shape"):
        sg.claims.spectral_radius_counterexample(PUBLISHED, model=three)
    assert sg.claims.spectral_radius_counterexample(np.eye(3) * 2, model=three).found


def test_an_activation_that_jumps_is_refused() -> None:
    step = sg.Activation("step", sp.Heaviside(sp.Symbol("z")))
    with pytest.raises(sg.SymgradError, match="jumps"):
        sg.claims.spectral_radius_counterexample(PUBLISHED, step)


@pytest.mark.parametrize("matrix", [PUBLISHED, [[1, 2], [2, 1]], np.diag([5.0] * 12), [[0, 1], [0, 0]]])
def test_what_is_printed(matrix: object) -> None:
    found = sg.claims.spectral_radius_counterexample(matrix)
    assert found.verdict.value in str(found)
    assert found.latex().count(r"\begin{") == found.latex().count(r"\end{")
    part = found.growth or found.proof
    assert part is not None
    assert str(part) in str(found)
    assert part.latex().startswith(r"\begin{array}{l}")
    data = json.loads(json.dumps(found.to_dict()))
    assert data["found"] == found.found
    assert json.loads(json.dumps(part.to_dict())) in (data["growth"], data["proof"])
    assert data["matrix"] == np.asarray(matrix, dtype=float).tolist()
    if found.found:
        assert "spectral radius of J at the fixed point: at least" in str(found)
        assert found.plot().get_yscale() == "log"
    else:
        with pytest.raises(sg.InputError, match="no growing gradients"):
            found.plot()


def test_arguments_with_wanted_slopes_are_solved_for() -> None:
    table = reachable_slopes(sg.activation("tanh"))
    for slope in (1.0, 0.9, 0.5, 0.01, 1e-9):
        assert 1 - np.tanh(table.point(slope)) ** 2 == pytest.approx(slope, abs=1e-8)
    assert reachable_slopes(sg.activation("selu")).high == pytest.approx(1.0507 * 1.67326, rel=1e-4)
