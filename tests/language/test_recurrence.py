"""The Recurrence object: its parts, sizes, declared ranges and look-up by name."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.sizes import sizes_from_shapes
from symgrad.language.weights import bind

N, K = sp.symbols("N K", integer=True, positive=True)
x, y = sp.MatrixSymbol("x", N, 1), sp.MatrixSymbol("y", K, 1)
A, B = sp.MatrixSymbol("A", N, K), sp.MatrixSymbol("B", K, N)
tanh = sg.activation("tanh")


def test_states_of_different_sizes():
    model = sg.Recurrence({x: tanh(A * y), y: tanh(B * x) + y})
    assert model.states == (x, y)
    assert model.sizes == (K, N)
    assert model.parameters == (A, B)
    assert sg.jacobian(model).explicit(N=2, K=3).shape == (5, 5)


def test_fixed_sizes():
    h, W = sp.MatrixSymbol("h", 3, 1), sp.MatrixSymbol("W", 3, 3)
    model = sg.Recurrence({h: tanh(W * h)})
    assert model.sizes == ()
    assert sg.jacobian(model).explicit().shape == (3, 3)


def test_written_out_weights():
    h, c = sp.MatrixSymbol("h", 2, 1), sp.Symbol("c")
    model = sg.Recurrence({h: sp.Matrix([[1, c], [0.5, 3]]) * h + sp.Matrix([1, c])})
    assert model.parameters == (c,)
    assert sg.jacobian(model).explicit() == sp.Matrix([[1, c], [0.5, 3]])


def test_sizes_that_are_expressions():
    C, D = sp.MatrixSymbol("C", N + K, N), sp.MatrixSymbol("D", N, N + K)
    model = sg.Recurrence({x: tanh(D * tanh(C * x)) / N})
    assert sg.jacobian(model).explicit(2).shape == (2, 2)
    assert bind(model, {"C": np.ones((5, 2)), "D": np.ones((2, 5))}).sizes == {N: 2, K: 3}
    with pytest.raises(InputError, match=r"weight [CD]: got shape .* with K = [23], N = 2"):
        bind(model, {"C": np.ones((5, 2)), "D": np.ones((2, 4))})
    with pytest.raises(InputError, match=r"weight C: got shape \(2, 5\), needed \(K \+ N, N\) with K = -3, N = 5"):
        bind(model, {"C": np.ones((2, 5))})


def test_sizes_from_shapes():
    assert sizes_from_shapes({sp.MatrixSymbol("P", 2 * N, K): (6, 4), x: (3,)}) == {N: 3, K: 4}
    with pytest.raises(InputError, match=r"weight P: got shape \(5, 4\), needed \(2\*N, K\)"):
        sizes_from_shapes({sp.MatrixSymbol("P", 2 * N, K): (5, 4), x: (3,)})
    assert sizes_from_shapes({sp.MatrixSymbol("P", N + K, 1): (5,)}) == {}
    with pytest.raises(InputError, match=r"weight x: got shape \(0,\), needed \(N, 1\) with N = 0"):
        sizes_from_shapes({x: (0,)})


def test_a_parameter_used_twice_and_in_several_roles():
    W, b, c = sp.MatrixSymbol("W", N, N), sp.MatrixSymbol("b", N, 1), sp.Symbol("c")
    gate = sg.activation("sigmoid")(W * x + b)
    model = sg.Recurrence({x: sg.hadamard(b, gate) + c * W * tanh(W.T * x) + sp.DiagMatrix(b) * x / (1 + c**2)})
    assert model.parameters == (W, b, c)


def test_inputs_that_are_not_used_and_unusual_names():
    u, W = sp.MatrixSymbol("u_t", K, 1), sp.MatrixSymbol(r"W_{\mathrm{rec}}", N, N)
    model = sg.Recurrence({x: W * x}, inputs=[u])
    assert model.inputs == (u,)
    assert model.variables == (x, u)
    assert model.sizes == (K, N)
    assert model.symbol(r"W_{\mathrm{rec}}") == W


def test_symbols_are_found_by_name():
    model = sg.models.elman()
    assert [str(model.symbol(name)) for name in ("h", "u", "W", "b")] == ["h", "u", "W", "b"]
    assert model.symbol(model.states[0]) == model.states[0]
    for unknown in ("X", 3, None):
        with pytest.raises(UnknownNameError, match="unknown symbol of model elman"):
            model.symbol(unknown)


def test_stacked_tensors_must_name_parameters():
    with pytest.raises(UnknownNameError, match="unknown parameter in stacked tensor weight 'Q'"):
        sg.Recurrence({x: tanh(sp.MatrixSymbol("W", N, N) * x)}, stacked={"weight": ("W", "Q")})


class TestAssuming:
    model = sg.models.elman()
    u = model.inputs[0]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ((-1, 1), sp.Interval(-1, 1)),
            ([0, 2], sp.Interval(0, 2)),
            (sg.Interval(-1, 1), sp.Interval(-1, 1)),
            ((0.1, 0.3), sp.Interval(sp.Rational(1, 10), sp.Rational(3, 10))),
            ((-math.inf, 1), sp.Interval(-sp.oo, 1)),
            ((0, sp.oo), sp.Interval(0, sp.oo)),
            ((-sp.pi, sp.sqrt(2)), sp.Interval(-sp.pi, sp.sqrt(2))),
            ((np.float64(-0.5), np.float64(0.5)), sp.Interval(-sp.S.Half, sp.S.Half)),
            (sg.Interval(-0.1, 0.1), sp.Interval(-sp.Rational(1, 10), sp.Rational(1, 10))),
            (sg.Interval.open(0, 1), sp.Interval.open(0, 1)),
        ],
    )
    def test_intervals(self, given, expected):
        for key in ("u", self.u):
            assert self.model.assuming({key: given}).ranges == {self.u: expected}
        assert self.model.ranges == {}

    def test_later_ones_are_added_to_earlier_ones(self):
        model = self.model.assuming({"u": (0, 1), "b": (0, 1)}).assuming({"u": (0, 2)})
        assert model.ranges == {self.u: sp.Interval(0, 1), model.symbol("b"): sp.Interval(0, 1)}
        assert model.name == "elman"
        assert model.stacked == self.model.stacked

    def test_symbols_in_ranges_are_parameters(self):
        top = sp.Symbol("top", positive=True)
        assert top in self.model.assuming({"u": (-top, top)}).parameters
        with pytest.raises(InputError, match="different symbols share the name W"):
            self.model.assuming({"u": (0, sp.Symbol("W", positive=True))})

    @pytest.mark.parametrize(
        "given",
        [
            (1, -1),
            (0, 0),
            5,
            None,
            (0, 1, 2),
            sp.EmptySet,
            sp.FiniteSet(1, 2),
            sp.Union(sp.Interval(0, 1), sp.Interval(2, 3)),
        ],
    )
    def test_no_interval(self, given):
        with pytest.raises(InputError, match=r"range of u: an Interval\(low, high\) with low < high is needed, got"):
            self.model.assuming({"u": given})

    @pytest.mark.parametrize("end", ["1", "__import__('os')", float("nan"), sp.nan, sp.zoo, sp.I, True, None, 1j])
    def test_ends_that_are_no_real_numbers(self, end):
        with pytest.raises(InputError, match="range of u: a finite real number is needed, got"):
            self.model.assuming({"u": (-5, end)})

    @pytest.mark.parametrize("key", ["q", "n", 3, None])
    def test_unknown_symbols(self, key):
        with pytest.raises(UnknownNameError, match="unknown symbol of model elman"):
            self.model.assuming({key: (0, 1)})

    @pytest.mark.parametrize("ranges", [[("u", (0, 1))], None, "u"])
    def test_no_mapping(self, ranges):
        with pytest.raises(InputError, match="ranges: a mapping"):
            self.model.assuming(ranges)
        with pytest.raises(InputError, match="ranges: a mapping"):
            sg.Recurrence({x: x}, ranges=ranges)


def test_a_function_of_a_weight_matrix_adds_no_parameter():
    W, h = sp.MatrixSymbol("W", 3, 3), sp.MatrixSymbol("h", 3, 1)
    model = sg.Recurrence({h: tanh(tanh(W) * h)})
    assert model.parameters == (W,)
    weights = np.linspace(-1, 1, 9).reshape(3, 3)
    found = sg.simulate(model, {"W": weights}, initial={"h": np.ones(3)}, steps=1).states["h"][-1]
    assert np.abs(found - np.tanh(np.tanh(weights) @ np.ones(3))).max() < 1e-15
