"""Derivatives by parameters against explicit SymPy differentiation of every entry."""

from __future__ import annotations

import pytest
import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement

import symgrad as sg
from symgrad.calculus.explicit import ExplicitEvaluator
from symgrad.calculus.parameters import parameter_derivative
from symgrad.errors import UnsupportedExpressionError
from symgrad.language.operators import Kronecker, OperatorSum

n = sp.Symbol("n", positive=True, integer=True)
W, V = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("V", n, n)
R = sp.MatrixSymbol("R", 3, 2)
x, b = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("b", n, 1)
a, g = sp.symbols("a g")
tanh, square = sg.activation("tanh"), sg.Activation("square", sp.Symbol("z") ** 2)
UPDATES = {
    "plain": tanh(W * x + b),
    "outside": W * tanh(V * x) + b,
    "transposed": tanh(W.T * x),
    "twice": W * tanh(W * x),
    "product": tanh(W * V * x + V * W.T * x),
    "antisymmetric": tanh((W - W.T - g * sp.Identity(n)) * x + b),
    "power": W**2 * x,
    "inverse": sp.Inverse(W) * x,
    "masked": sg.hadamard(W, V) * x,
    "masked transposed": sg.hadamard(W.T, V) * x,
    "squared entries": square(W) * x,
    "gate": sg.hadamard(tanh(W * x), square(V * x + b)),
    "scalar": (1 - a) * x + a * tanh(W * x + a * b) + a**2 * sp.OneMatrix(n, 1),
    "diagonal": sg.hadamard(b, tanh(W * x)),
    "outer": b * b.T * x,
}


def explicit(expr_node, symbols, sizes):
    return ExplicitEvaluator(symbols, sizes).vector(expr_node)


@pytest.mark.parametrize("name", UPDATES)
def test_against_the_derivative_of_every_entry(name):
    model = sg.Recurrence({x: UPDATES[name]})
    node, sizes = model.nodes[x], {n: 2}
    symbols = [x, *model.parameters]
    entries = explicit(node, symbols, sizes)
    evaluator = ExplicitEvaluator(symbols, sizes)
    for parameter in model.parameters:
        found = evaluator.operator(parameter_derivative(node, parameter))
        value = evaluator.symbol(parameter)
        expected = entries.jacobian(sp.Matrix(value.vec()))
        assert found.shape == expected.shape
        atoms = {a, g} | {atom for entry in entries for atom in entry.atoms(MatrixElement)}
        atoms |= {atom for entry in found for atom in entry.atoms(MatrixElement)}
        numbers = {s: sp.Rational(i % 7 + 2, i % 5 + 3) for i, s in enumerate(sorted(atoms, key=str))}
        difference = (found - expected).xreplace(numbers)
        assert max(abs(complex(sp.N(entry, 20))) for entry in difference) < 1e-12


def test_structure_is_kept():
    model = sg.models.elman()
    derivative = parameter_derivative(model.nodes[model.states[0]], model.symbol("W"))
    assert isinstance(derivative, Kronecker)
    assert derivative.parameter_shape == model.symbol("W").shape
    tied = sg.Recurrence({x: W * tanh(W * x)})
    assert isinstance(parameter_derivative(tied.nodes[x], W), OperatorSum)


def test_a_rectangular_matrix_and_one_that_does_not_occur():
    y, u = sp.MatrixSymbol("y", 3, 1), sp.MatrixSymbol("u", 2, 1)
    model = sg.Recurrence({y: tanh(R * u) + y}, inputs=[u])
    derivative = parameter_derivative(model.nodes[y], R)
    assert (derivative.shape, derivative.parameter_shape) == ((3, 6), (3, 2))
    assert parameter_derivative(model.nodes[y], sp.MatrixSymbol("X", 2, 2)).shape == (3, 4)


def test_what_cannot_be_differentiated_is_named():
    model = sg.Recurrence({x: sg.hadamard(W * V, V) * x})
    with pytest.raises(UnsupportedExpressionError, match="cannot be differentiated"):
        parameter_derivative(model.nodes[x], W)
