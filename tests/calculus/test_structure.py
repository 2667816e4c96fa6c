"""Vectors as polynomials that are affine in each of their parts."""

from __future__ import annotations

import sympy as sp

import symgrad as sg
from symgrad.calculus.structure import complementary_products, multi_affine
from symgrad.language.operators import Hadamard, Variable

n = sp.Symbol("n", integer=True, positive=True)
x, y = (Variable(sp.MatrixSymbol(name, n, 1)) for name in "xy")


def test_products_of_different_vectors_are_multiplied_out() -> None:
    model = sg.models.gru()
    terms = multi_affine(model.nodes[model.states[0]])
    assert terms is not None
    assert sorted((len(bases), int(c)) for bases, c in terms.items()) == [(1, 1), (2, -1), (2, 1)]


def test_squares_are_not_affine() -> None:
    assert multi_affine(Hadamard(x, x)) is None
    assert multi_affine(Hadamard(x, y)) == {frozenset((x, y)): 1}


def test_the_gate_itself_comes_first() -> None:
    for model in (sg.models.gru(), sg.models.highway(), sg.models.lstm(coupled=True)):
        found = complementary_products(model.nodes[model.states[-1]])
        assert found is not None
        assert type(found[0]).__name__ == "Elementwise"
