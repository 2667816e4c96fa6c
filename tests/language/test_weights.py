"""Weights by symbol or name, in every form that arrays come in, and every way to get them wrong."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.weights import bind, exact_array

ELMAN, LSTM, LEAKY = sg.models.elman(), sg.models.lstm(), sg.models.leaky()
n, m = ELMAN.states[0].shape[0], ELMAN.inputs[0].shape[0]
RNG = np.random.default_rng(0)
W, U, B = RNG.standard_normal((3, 3)), RNG.standard_normal((3, 2)), RNG.standard_normal(3)


def value(model, weights, name, needed=()):
    return bind(model, weights, needed).values[model.symbol(name)]


class TestForms:
    @pytest.mark.parametrize("key", ["W", ELMAN.symbol("W"), sp.MatrixSymbol("W", 3, 3)])
    def test_names_and_symbols(self, key):
        found = bind(ELMAN, {key: W})
        assert np.array_equal(found.values[ELMAN.symbol("W")], W)
        assert found.sizes == {n: 3}

    @pytest.mark.parametrize("vector", [B, B[:, None], B.tolist(), B[:, None].tolist(), tuple(B)])
    def test_vectors(self, vector):
        assert np.array_equal(value(ELMAN, {"b": vector}, "b"), B)

    def test_sizes_come_from_any_weight(self):
        assert bind(ELMAN, {"U": U}).sizes == {n: 3, m: 2}
        assert bind(ELMAN, {"b": B}).sizes == {n: 3}
        assert bind(ELMAN, {"W": W, "U": U}).shape(ELMAN.inputs[0]) == (2, 1)
        with pytest.raises(InputError, match="do not tell the size"):
            bind(ELMAN, {"W": W}).shape(ELMAN.inputs[0])

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.int64, np.uint16])
    def test_narrow_and_integer_types_are_exact(self, dtype):
        array = np.array([[1, 2], [3, 5]], dtype=dtype) / (1 if np.issubdtype(dtype, np.integer) else 3)
        found = value(ELMAN, {"W": array}, "W")
        assert found.dtype == np.float64
        assert np.array_equal(found, array)

    def test_extended_precision_only_without_rounding(self):
        assert value(LEAKY, {"alpha": np.longdouble(0.5)}, "alpha") == 0.5
        if np.finfo(np.longdouble).nmant > 52:
            with pytest.raises(InputError, match=r"weight alpha: numbers of dtype .* do not fit float64 exactly"):
                bind(LEAKY, {"alpha": np.longdouble(1) / 3})

    def test_sympy_numbers_and_matrices(self):
        matrix = sp.Matrix([[1, sp.Rational(1, 2)], [sp.Float(0.1), 3]])
        assert np.array_equal(value(ELMAN, {"W": matrix}, "W"), [[1, 0.5], [0.1, 3]])
        assert value(LEAKY, {"alpha": sp.Rational(1, 4)}, "alpha") == 0.25
        assert value(LEAKY, {sp.Symbol("alpha", positive=True): 0.1}, "alpha").shape == ()

    def test_arrays_given_are_not_shared(self):
        array = W.copy()
        found = value(ELMAN, {"W": array}, "W")
        array[0, 0] = 99.0
        assert found[0, 0] == W[0, 0]

    def test_other_parameters_may_be_given_or_missing(self):
        assert set(bind(ELMAN, {"W": W, "b": B}, [ELMAN.symbol("W")]).values) == {ELMAN.symbol("W"), ELMAN.symbol("b")}
        assert bind(ELMAN, None).values == {}
        assert bind(ELMAN, {}).sizes == {}


class TestStacked:
    @pytest.mark.parametrize("suffix", ["", "_l0"])
    def test_gates_in_pytorchs_order(self, suffix):
        tensor = RNG.standard_normal((12, 3))
        found = bind(LSTM, {f"weight_hh{suffix}": tensor}).values
        for i, gate in enumerate("ifgo"):
            assert np.array_equal(found[LSTM.symbol(f"W_h{gate}")], tensor[3 * i : 3 * i + 3])

    def test_two_biases_are_added(self):
        assert np.array_equal(value(ELMAN, {"bias_hh": B, "bias_ih_l0": 2 * B}, "b"), 3 * B)

    def test_half_a_sum_is_an_error_only_where_it_is_needed(self):
        given = {"weight_hh": W, "bias_hh": B}
        assert set(bind(ELMAN, given, [ELMAN.symbol("W")]).values) == {ELMAN.symbol("W")}
        with pytest.raises(InputError, match="b is the sum of bias_hh and bias_ih; bias_ih is missing"):
            bind(ELMAN, given, ELMAN.parameters)

    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            ({"weight_hh": np.ones((10, 3))}, r"4 blocks \(W_hi, W_hf, W_hg, W_ho\) .* got shape \(10, 3\)"),
            ({"bias_hh": 1.0}, r"4 blocks .* got shape \(\)"),
            ({"weight_hh": np.ones((12, 4))}, r"weight W_hi: got shape \(3, 4\), needed \(n, n\)"),
            ({"weight_hh": np.ones((12, 3)), "W_hi": W}, "W_hi is given both by itself and inside a stacked tensor"),
            ({"weight_hh": np.ones((12, 3)), "weight_hh_l0": np.ones((12, 3))}, "weight_hh is given twice"),
            ({"weight_hh_l1": np.ones((12, 3))}, "unknown weight of model lstm 'weight_hh_l1': did you mean"),
        ],
    )
    def test_refused(self, weights, message):
        with pytest.raises(InputError, match=message):
            bind(LSTM, weights)

    def test_an_overflowing_sum(self):
        huge = np.full(3, 1.7e308)
        with pytest.raises(InputError, match="the sum b of bias_hh and bias_ih overflows"):
            bind(ELMAN, {"bias_hh": huge, "bias_ih": huge})


REFUSED = {
    "one row for a column": ({"b": B[None]}, r"weight b: got shape \(1, 3\), needed \(n, 1\) or \(n,\)"),
    "a matrix for a vector": ({"b": W}, r"weight b: got shape \(3, 3\), needed \(n, 1\)"),
    "a number for a vector": ({"b": 1.0}, r"weight b: got shape \(\), needed \(n, 1\)"),
    "not square": ({"W": np.ones((3, 4))}, r"weight W: got shape \(3, 4\), needed \(n, n\) with n = 3"),
    "sizes that differ": ({"W": W, "U": np.ones((4, 2))}, r"weight U: got shape \(4, 2\), needed \(n, m\) with n = 3"),
    "flat": ({"W": np.ones(9)}, r"weight W: got shape \(9,\), needed \(n, n\)"),
    "three axes": ({"W": np.ones((3, 3, 1))}, r"weight W: got shape \(3, 3, 1\), needed \(n, n\)"),
    "NaN": ({"W": [[1, np.nan], [0, 1]]}, r"weight W: NaN and infinity .* found nan at index \(0, 1\)"),
    "infinity": ({"b": [0.0, -np.inf]}, r"weight b: NaN and infinity .* found -inf at index \(1,\)"),
    "complex": ({"W": W + 0j}, r"weight W: an array of real numbers is needed, got dtype complex128 of shape \(3, 3\)"),
    "truth values": ({"W": np.eye(3, dtype=bool)}, "got dtype bool"),
    "text": ({"W": "abc"}, "got dtype <U3"),
    "nothing": ({"W": None}, "got dtype object"),
    "ragged": ({"W": [[1, 2], [3]]}, "weight W: rows of one length are needed"),
    "masked": ({"W": np.ma.masked_array(W, W > 0)}, "weight W: an array without masked entries"),
    "integers that float64 lacks": ({"W": np.full((3, 3), 2**60 + 1)}, r"integers beyond 2\*\*53"),
    "a rational number": (
        {"W": sp.Matrix([[sp.Rational(1, 3)]])},
        "weight W: 1/3 is not exactly a float64",
    ),
    "an irrational": ({"W": sp.Matrix([[sp.sqrt(2)]])}, r"sqrt\(2\) is not exactly a float64"),
    "a symbol": ({"W": sp.MatrixSymbol("Q", 3, 3)}, "weight W: Q is not exactly a float64"),
    "twice": ({"W": W, ELMAN.symbol("W"): W}, "weights: W is given twice"),
    "a key of another kind": ({3: B}, "weights: names are strings or symbols, got int 3"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    weights, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        bind(ELMAN, weights)


@pytest.mark.parametrize("weights", [[W], "weights.safetensors", W, 3])
def test_no_mapping(weights):
    with pytest.raises(InputError, match=r"weights: a mapping \{name: array\} is needed"):
        bind(ELMAN, weights)


@pytest.mark.parametrize(("name", "hint"), [("w_hh", "weight_hh"), ("Ww", "W"), ("weight_hh_l", "weight_hh")])
def test_unknown_names_are_answered_with_the_nearest(name, hint):
    with pytest.raises(UnknownNameError, match=f"unknown weight of model elman '{name}': did you mean '{hint}'"):
        bind(ELMAN, {name: W})


def test_states_and_inputs_are_no_weights():
    with pytest.raises(UnknownNameError, match="unknown weight of model elman 'h'"):
        bind(ELMAN, {"h": B})


def test_missing_weights_are_named_with_their_shapes():
    with pytest.raises(InputError, match=r"U \(n, m\), b \(n, 1\) of model elman missing; given: W"):
        bind(ELMAN, {"W": W}, ELMAN.parameters)
    with pytest.raises(InputError, match=r"alpha \(a number\) of model leaky missing; given: none"):
        bind(LEAKY, None, [LEAKY.symbol("alpha")])


def test_scalars():
    assert value(LEAKY, {"alpha": [0.25]}, "alpha") == 0.25
    with pytest.raises(InputError, match=r"weight alpha: one number is needed, got shape \(2,\)"):
        bind(LEAKY, {"alpha": [0.1, 0.2]})


def test_fixed_sizes():
    h, A = sp.MatrixSymbol("h", 2, 1), sp.MatrixSymbol("A", 2, 2)
    model = sg.Recurrence({h: sg.activation("tanh")(A * h)})
    assert bind(model, {"A": np.eye(2)}).sizes == {}
    with pytest.raises(InputError, match=r"weight A: got shape \(3, 3\), needed \(2, 2\)"):
        bind(model, {"A": np.eye(3)})


def test_exact_array_copies_and_labels():
    assert exact_array("x", [1, 2]).dtype == np.float64
    with pytest.raises(InputError, match=r"^x: "):
        exact_array("x", {"a": 1})


class TestTorch:
    def test_modules(self):
        torch = pytest.importorskip("torch")
        torch.manual_seed(0)
        for module, model in ((torch.nn.RNN(2, 3), ELMAN), (torch.nn.LSTM(2, 3), LSTM)):
            parameters = dict(module.named_parameters())
            found = bind(model, parameters, model.parameters)
            assert set(found.values) == set(model.parameters)
            assert found.sizes == {n: 3, m: 2}
        rows = [found.values[LSTM.symbol(f"W_h{gate}")] for gate in "ifgo"]
        assert np.array_equal(np.vstack(rows), parameters["weight_hh_l0"].detach().double().numpy())
        assert set(bind(LSTM, torch.nn.LSTMCell(2, 3).state_dict()).values) == set(LSTM.parameters)

    def test_gradients_and_narrow_types(self):
        torch = pytest.importorskip("torch")
        tensor = torch.tensor([[0.1, 2.0], [3.0, 4.0]], requires_grad=True, dtype=torch.float64)
        assert value(ELMAN, {"W": tensor}, "W")[0, 0] == 0.1
        assert value(ELMAN, {"W": tensor.bfloat16()}, "W")[0, 0] == tensor.bfloat16()[0, 0].item()
        with pytest.raises(InputError, match="got dtype complex64"):
            bind(ELMAN, {"W": torch.zeros(2, 2, dtype=torch.complex64)})
