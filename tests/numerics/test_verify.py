"""verify: tightened claims are refuted where the bound is attained, true bounds never, and every refutation replays."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.weights import bind
from symgrad.numerics.confirm import confirm
from symgrad.numerics.findings import Findings
from symgrad.numerics.problem import Problem
from symgrad.numerics.verdict import Verdict
from symgrad.numerics.verify import verify
from symgrad.numerics.witness import separate
from tests.numerics.cases import RANDOM_CASES, STEERED_CASES, Case, elman, open_lstm, orthogonal, ranged_lstm

ALL = [(case, norm) for case in RANDOM_CASES + STEERED_CASES for norm in case.norms]
# By default in the first norm of each case, in the slow run in all of them.
FIRST = [pytest.param(c, p, marks=[] if p == c.norms[0] else pytest.mark.slow) for c, p in ALL]


def checked(case: Case, norm, factor: float | None = None, **options):
    bound = case.bound(norm)
    claim = bound if factor is None else bound.tightened(factor)
    settings = {"horizon": case.horizon, "trajectories": 60, "search": case.search} | options
    return verify(claim, case.weights, **settings)


@pytest.mark.parametrize(("case", "norm"), FIRST, ids=lambda value: getattr(value, "name", str(value)))
def test_a_tightened_claim_is_refuted_where_the_bound_is_attained(case: Case, norm) -> None:
    check = checked(case, norm, case.factor)
    assert check.verdict is Verdict.REFUTED
    assert check.replay()
    witness = check.witness
    assert witness.log10_observed > witness.log10_bound
    assert witness.excess > 1
    assert 1 <= witness.k <= case.horizon
    assert {name: array.shape[0] for name, array in witness.inputs.items()} == dict.fromkeys(witness.inputs, witness.k)


@pytest.mark.parametrize(("case", "norm"), FIRST, ids=lambda value: getattr(value, "name", str(value)))
def test_the_bound_itself_is_never_refuted_and_nearly_attained(case: Case, norm) -> None:
    check = checked(case, norm)
    assert check.verdict is Verdict.OBSERVED, check.reason
    assert case.factor < check.worst_ratio <= 1
    assert check.witness is None


@pytest.mark.parametrize("search", ["random", pytest.param("adversarial", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", RANDOM_CASES, ids=lambda case: case.name)
def test_either_search_finds_what_needs_no_steering(case: Case, search: str) -> None:
    check = checked(case, case.norms[0], case.factor, search=search, trajectories=30, seed=11)
    assert check.verdict is Verdict.REFUTED


def weights_of(model: sg.Recurrence, n: int, m: int, scale: float, seed: int) -> dict:
    random = np.random.default_rng(seed)
    weights = {}
    for symbol in model.parameters:
        shape = tuple({"n": n, "m": m}.get(str(d), 1) for d in getattr(symbol, "shape", ()))
        array = scale * random.standard_normal(shape)
        weights[symbol] = np.abs(array) if shape == () else array[:, 0] if symbol.shape[1] == 1 else array
    return weights


MODELS = {
    "elman": lambda a: sg.models.elman(a),
    "leaky": lambda a: sg.models.leaky(None, a),
    "residual": lambda a: sg.models.residual(a),
    "sigmoid_rnn": lambda a: sg.models.sigmoid_rnn(a),
    "lstm": lambda a: sg.models.lstm().assuming({"c": (-2, 2)}),
}


@settings(max_examples=20)
@given(
    name=st.sampled_from(sorted(MODELS)),
    activation=st.sampled_from(["tanh", "sigmoid", "relu", "gelu", "hardswish", "sin", "softsign", "selu"]),
    norm=st.sampled_from([1, 2, "inf"]),
    n=st.integers(1, 4),
    m=st.integers(1, 3),
    scale=st.sampled_from([1e-150, 1e-3, 0.1, 0.5, 1.0, 3.0, 1e3, 1e150]),
    search=st.sampled_from(["random", "adversarial"]),
    seed=st.integers(0, 10**6),
)
def test_true_bounds_are_never_refuted(name, activation, norm, n, m, scale, search, seed) -> None:
    model = MODELS[name](activation)
    weights = weights_of(model, n, m, scale, seed)
    bound = sg.product_bound(model, norm=norm)
    check = verify(bound, weights, horizon=12, trajectories=18, search=search, seed=seed)
    assert check.verdict is Verdict.OBSERVED, check.reason
    assert check.worst_ratio <= 1


@settings(max_examples=10)
@given(
    activation=st.sampled_from(["tanh", "sigmoid", "gelu", "silu", "mish", "softplus", "selu", "sin", "gaussian"]),
    norm=st.sampled_from([1, 2, "inf"]),
    n=st.integers(1, 5),
    seed=st.integers(0, 10**6),
)
def test_one_step_of_any_matrix_attains_the_bound(activation, norm, n, seed) -> None:
    """With free inputs all slopes can be largest at once, and then the Jacobian is the matrix times that slope."""
    random = np.random.default_rng(seed)
    U = np.linalg.qr(random.standard_normal((n, n)))[0]
    weights = elman(random.standard_normal((n, n)), U, 3 * random.standard_normal(n))
    claim = sg.product_bound(sg.models.elman(activation), norm=norm).tightened(0.999)
    check = verify(claim, weights, horizon=2, trajectories=40, search="adversarial", seed=seed)
    assert check.verdict is Verdict.REFUTED
    assert check.replay()


@pytest.mark.slow
def test_the_search_comes_close_on_arbitrary_matrices() -> None:
    random = np.random.default_rng(8)
    weights = elman(random.standard_normal((6, 6)), random.standard_normal((6, 6)), random.standard_normal(6))
    for norm in (1, 2, "inf"):
        for name in ("sigmoid", "gelu", "tanh", "softplus"):
            bound = sg.product_bound(sg.models.elman(name), norm=norm)
            check = verify(bound, weights, horizon=3, trajectories=60, search="adversarial")
            assert check.tightness(1) > 0.999


# --- ranges -----------------------------------------------------------------------------------------------------------


def test_trajectories_that_leave_the_ranges_do_not_count() -> None:
    x = sp.Symbol("x")
    model = sg.Recurrence({x: 2 * x * x}).assuming({x: (-1, 1)})  # |slope| = 4|x| <= 4, beyond it more
    check = verify(sg.product_bound(model), horizon=30, trajectories=100)
    assert check.verdict is Verdict.OBSERVED
    assert check.left_range > 0
    assert check.tightness(1) == pytest.approx(1)
    claim = sg.product_bound(model).tightened(0.99)
    refuted = verify(claim, horizon=30, trajectories=100)
    assert refuted.verdict is Verdict.REFUTED
    assert refuted.witness.k == 1  # from x = 1 the next state is 2
    assert refuted.witness.initial["x"].tolist() in ([1.0], [-1.0])


def test_all_trajectories_outside_is_undecided() -> None:
    x = sp.Symbol("x")
    model = sg.Recurrence({x: x / 2}).assuming({x: (-1, 1)})
    bound = sg.product_bound(model)
    problem = Problem(bound, bind(model, None), 3)
    none = dataclasses.replace(Findings.empty(3), trajectories=7)
    assert confirm(problem, none, 0).verdict is Verdict.UNDECIDED


def test_a_replay_outside_the_ranges_proves_nothing() -> None:
    model = sg.models.elman("identity").assuming({"h": (-1, 1)})
    bound, weights = sg.product_bound(model).tightened(0.5), bind(model, elman(np.eye(2)), model.parameters)
    sides = [
        separate(bound, weights, {"h": np.array([start, 0.0])}, {"u": np.zeros((2, 2))}, np.ones(2), 2, 96)
        for start in (1.0, 1.5)
    ]
    assert [side.is_proved for side in sides] == [True, False]
    assert all(side.observed > side.bound for side in sides)


# --- the witness ------------------------------------------------------------------------------------------------------


def refuted_check():
    case = RANDOM_CASES[2]
    return checked(case, 2, 0.99)


def test_a_witness_replays_from_its_stored_numbers_alone() -> None:
    witness = refuted_check().witness
    copy = dataclasses.replace(
        witness,
        initial={name: np.array(array.tolist()) for name, array in witness.initial.items()},
        inputs={name: np.array(array.tolist()) for name, array in witness.inputs.items()},
        direction=np.array(witness.direction.tolist()),
    )
    assert copy.replay()
    assert copy.observed_lower > copy.bound_upper
    assert np.log10(copy.observed_lower) == pytest.approx(witness.log10_observed, abs=1e-12)


def test_an_altered_witness_does_not_replay() -> None:
    witness = refuted_check().witness
    assert not dataclasses.replace(witness, initial={"h": witness.initial["h"] + 10.0}).replay()


def test_a_witness_agrees_with_plain_matrix_products() -> None:
    case = RANDOM_CASES[2]
    witness = refuted_check().witness
    state, product = witness.initial["h"], np.eye(4)
    for u in witness.inputs["u"]:
        argument = case.weights["W"] @ state + case.weights["U"] @ u + case.weights["b"]
        product = np.diag(1 / np.cosh(argument) ** 2) @ case.weights["W"] @ product
        state = np.tanh(argument)
    assert np.linalg.norm(product, 2) == pytest.approx(10**witness.log10_observed, rel=1e-9)


def test_chaos_is_no_counter_example() -> None:
    """Float trajectories of a chaotic map part from the true ones; the verdict must not depend on them."""
    x, r = sp.symbols("x r")
    model = sg.Recurrence({x: r * x * (1 - x)}).assuming({x: (0, 1)})
    check = verify(sg.product_bound(model).tightened(0.75), {"r": 3.9}, horizon=150, trajectories=50, seed=2)
    assert check.verdict is Verdict.REFUTED
    assert check.replay()
    assert verify(sg.product_bound(model), {"r": 3.9}, horizon=150, trajectories=50).verdict is Verdict.OBSERVED


# --- edges ------------------------------------------------------------------------------------------------------------


def test_horizon_one() -> None:
    check = verify(sg.product_bound(sg.models.elman()), elman(orthogonal()), horizon=1, trajectories=5)
    assert check.ks.tolist() == [1]
    assert check.worst_k == 1


def test_a_bound_of_zero() -> None:
    check = verify(sg.product_bound(sg.models.elman()), elman(np.zeros((3, 3))), horizon=4)
    assert check.verdict is Verdict.OBSERVED
    assert np.isneginf(check.log10_bound).all()
    assert check.ratio.tolist() == [1.0] * 4


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_extreme_bounds_stay_in_the_log_scale(size: float) -> None:
    weights = elman(size * np.eye(2))
    check = verify(sg.product_bound(sg.models.elman("identity")), weights, horizon=50, trajectories=20)
    assert check.verdict is Verdict.OBSERVED
    assert check.log10_bound[-1] == pytest.approx(50 * np.log10(size), rel=1e-9)
    assert check.worst_ratio == pytest.approx(1, rel=1e-6)
    claim = sg.product_bound(sg.models.elman("identity")).tightened(0.99)
    assert verify(claim, weights, horizon=50, trajectories=20).verdict is Verdict.REFUTED


def test_models_without_parameters_or_with_a_free_size() -> None:
    n = sp.Symbol("n", positive=True, integer=True)
    h, g = sp.MatrixSymbol("h", n, 1), sp.Symbol("g", positive=True)
    tanh = sg.activation("tanh")
    for model, weights in ((sg.Recurrence({h: tanh(h)}), None), (sg.Recurrence({h: g * tanh(h)}), {"g": 0.5})):
        assert verify(sg.product_bound(model), weights, horizon=5).worst_ratio == pytest.approx(1)
        assert verify(sg.product_bound(model).tightened(0.99), weights, horizon=5).verdict is Verdict.REFUTED


def test_given_inputs_are_examined_too() -> None:
    weights = elman(np.diag([1.5, 0.1]), np.eye(2), np.array([30.0, 30.0]))
    quiet = np.full((3, 8, 2), 30.0)
    quiet[1] = -30.0  # makes up for the bias
    bound = sg.product_bound(sg.models.elman().assuming({"u": (-30, 30)}))
    check = verify(bound.tightened(0.99), weights, horizon=8, trajectories=1, inputs=quiet)
    assert check.trajectories == 4
    assert check.verdict is Verdict.REFUTED
    assert check.witness.trajectory == 1


def test_long_sequences_are_cut_into_windows() -> None:
    """The one step at which the input makes up for the bias is the second one of a window of two steps."""
    weights = elman(np.diag([1.5, 0.1]), np.eye(2), np.array([30.0, 30.0]))
    loud = np.full((11, 2), 30.0)
    loud[7] = -30.0 - weights["W"] @ np.ones(2)
    claim = sg.product_bound(sg.models.elman().assuming({"u": (-40, 40)})).tightened(0.99)
    check = verify(claim, weights, horizon=2, trajectories=1, inputs=loud)
    assert check.trajectories == 1 + 6
    assert check.verdict is Verdict.OBSERVED
    alone = verify(claim, weights, horizon=1, trajectories=1, inputs={"u": loud})
    assert alone.trajectories == 1 + 11
    assert alone.verdict is Verdict.REFUTED
    np.testing.assert_allclose(alone.witness.inputs["u"][0], loud[7])


def test_the_same_seed_gives_the_same_check() -> None:
    bound = sg.product_bound(ranged_lstm())
    first, second = (verify(bound, open_lstm(bias=1.0), horizon=6, trajectories=20, seed=4) for _ in range(2))
    np.testing.assert_array_equal(first.log10_observed, second.log10_observed)


def test_progress_is_told() -> None:
    told = []
    bound = sg.product_bound(sg.models.elman())
    verify(
        bound, elman(orthogonal()), horizon=3, trajectories=20, progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (20, 20)
    assert told == sorted(told)


def test_the_observed_norms_do_not_exceed_what_more_trajectories_find() -> None:
    bound = sg.product_bound(sg.models.elman("sigmoid"))
    weights = weights_of(bound.model, 4, 2, 1.0, 3)
    few, many = (verify(bound, weights, horizon=10, trajectories=count) for count in (5, 400))
    assert (many.log10_observed >= few.log10_observed - 0.05).all()
    assert few.left_range == 0
    assert few.versions.keys() == {"numpy", "python-flint", "sympy"}


BOUND = sg.product_bound(sg.models.elman())
FINE = elman(np.eye(2))
BAD = {
    "no bound": (lambda: verify(sg.models.elman(), FINE), InputError, "bound: a Bound"),
    "horizon 0": (lambda: verify(BOUND, FINE, horizon=0), InputError, "horizon: a positive integer.* 0"),
    "horizon a float": (lambda: verify(BOUND, FINE, horizon=2.0), InputError, "horizon.*2.0"),
    "horizon a truth": (lambda: verify(BOUND, FINE, horizon=True), InputError, "horizon.*True"),
    "no trajectories": (lambda: verify(BOUND, FINE, trajectories=0), InputError, "trajectories: a positive"),
    "negative seed": (lambda: verify(BOUND, FINE, seed=-1), InputError, "seed: a non-negative"),
    "seed no number": (lambda: verify(BOUND, FINE, seed="a"), InputError, "seed.*'a'"),
    "unknown search": (lambda: verify(BOUND, FINE, search="adverserial"), UnknownNameError, "'adversarial'"),
    "no weights": (lambda: verify(BOUND), InputError, "U .*W .*missing"),
    "weights that only simulation needs": (lambda: verify(BOUND, {"W": np.eye(2)}), InputError, "U .*b .*missing"),
    "wrong shape": (lambda: verify(BOUND, FINE | {"b": np.zeros(3)}), InputError, "b"),
    "unknown weight": (lambda: verify(BOUND, FINE | {"V": np.eye(2)}), UnknownNameError, "'V'"),
    "NaN": (lambda: verify(BOUND, FINE | {"b": np.full(2, np.nan)}), InputError, "weight b"),
    "short inputs": (lambda: verify(BOUND, FINE, horizon=9, inputs=np.zeros((8, 2))), InputError, r"9 steps.*\(8, 2\)"),
    "wide inputs": (lambda: verify(BOUND, FINE, horizon=3, inputs=np.zeros((8, 3))), InputError, "m = 2"),
    "flat inputs": (lambda: verify(BOUND, FINE, horizon=3, inputs=np.zeros(8)), InputError, r"\(8,\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_with_one_clear_message(case: str) -> None:
    call, kind, text = BAD[case]
    with pytest.raises(kind, match=text):
        call()


def test_questions_to_a_check_that_make_no_sense() -> None:
    check = verify(BOUND, FINE, horizon=3, trajectories=4)
    with pytest.raises(InputError, match="none to replay"):
        check.replay()
    for k in (0, 4, 1.0, True):
        with pytest.raises(InputError, match="from 1 to 3"):
            check.tightness(k)
