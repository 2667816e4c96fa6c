"""The terms of an unrolled differential, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.calculus.unroll import UnrolledTerm
from symgrad.numerics.arrays import ArrayEvaluator


def test_each_step_adds_one_term_and_multiplies_the_others() -> None:
    unrolled = sg.unroll(sg.models.elman())
    assert unrolled.terms(3) == (
        UnrolledTerm((), 3),
        UnrolledTerm((3,), 2),
        UnrolledTerm((3, 2), 1),
        UnrolledTerm((3, 2, 1), None),
    )


@pytest.mark.parametrize("steps", [0, -1, 1.5, True, "3", None])
def test_the_number_of_steps_is_checked(steps: object) -> None:
    with pytest.raises(sg.InputError, match="steps: a positive integer is needed, got"):
        sg.unroll(sg.models.elman()).terms(steps)


def test_an_unknown_parameter_is_named() -> None:
    with pytest.raises(sg.UnknownNameError, match="parameter of model elman"):
        sg.unroll(sg.models.elman()).source("V")


def test_something_else_is_refused() -> None:
    with pytest.raises(sg.InputError, match="model: a Recurrence"):
        sg.unroll("elman")


def test_the_source_is_asked_for_by_name_or_symbol() -> None:
    model = sg.models.elman()
    unrolled = sg.unroll(model)
    assert unrolled.source("W") == unrolled.source(model.symbol("W"))


@pytest.mark.parametrize("family", sg.models.names())
def test_every_family_is_written_in_every_form(family: str) -> None:
    model = sg.models.build(family)
    unrolled = sg.unroll(model)
    data = unrolled.to_dict()
    assert data["parameters"] == [str(parameter) for parameter in model.parameters]
    assert r"\nabla_{\theta" in unrolled.latex()
    for parameter in model.parameters:
        assert re.search(rf"/d (vec\()?{parameter}", str(unrolled))


def test_layers_have_differentials_of_their_own() -> None:
    first, second, third, *_ = str(sg.unroll(sg.models.feedforward(5))).splitlines()
    assert first == "d x[l] = sum(k = 0 ... l-1) J[l]*...*J[l-k+1]*B[l-k]*d theta[l-k] + J[l]*...*J[1]*d x[0]"
    assert second == "grad_theta[l] L = grad_x[5] L*J[5]*...*J[l+1]*B[l]"
    assert third == "Delta theta[l] = -eta*(grad_theta[l] L)'"


def test_a_scalar_parameters_derivative_is_a_column() -> None:
    assert "d h[t]/d alpha = tanh(a[t]) - h[t-1]" in str(sg.unroll(sg.models.leaky()))


@pytest.mark.parametrize("name", ["sigmoid_rnn", "elman", "residual", "irnn"])
def test_the_norm_of_all_parameters_derivative_is_exact(name: str) -> None:
    """Against the matrix of all derivatives, written out at a random point."""
    model, unrolled = sg.models.build(name), sg.unroll(sg.models.build(name))
    random = np.random.default_rng(0)
    names = {size: {"n": 4, "m": 3}[str(size)] for size in model.sizes}
    shapes = {
        s: [int(sp.sympify(size).xreplace(names)) for size in s.shape] for s in model.variables + model.parameters
    }
    values = {s: random.standard_normal(shape) for s, shape in shapes.items()}
    point = ArrayEvaluator(values, names, np.zeros(0))
    dense = np.hstack([point.operator(row) for (row,) in unrolled.sources.values()])
    for p, order in ((1, 1), (2, 2), ("inf", np.inf)):
        expr = unrolled.source_norm(p)
        atoms = {atom: explicit_norm(atom, values, names) for atom in expr.atoms(sg.OperatorNorm)}
        assert float(expr.xreplace(atoms)) == pytest.approx(np.linalg.norm(dense, order), rel=1e-12)


def explicit_norm(atom: sp.Expr, values: dict[sp.Expr, np.ndarray], sizes: dict[sp.Symbol, int]) -> sp.Float:
    """A norm of an expression in vectors, by SymPy on its entries."""
    entries = {
        sp.MatrixSymbol(s.name, *array.shape)[i, j]: sp.Float(float(array[i, j]), 30)
        for s, array in values.items()
        for i, j in np.ndindex(*array.shape)
    }
    sized = atom.matrix.xreplace({size: sp.Integer(length) for size, length in sizes.items()})
    matrix = np.array(sp.Matrix(sized.as_explicit()).doit().xreplace(entries).evalf(), dtype=float)
    return sp.Float(float(np.linalg.norm(matrix, np.inf if atom.p == sp.oo else int(atom.p))), 17)


def test_no_norm_is_claimed_where_no_closed_form_is_known() -> None:
    assert sg.unroll(sg.models.lstm()).source_norm() is None
    assert sg.unroll(sg.models.gru()).source_norm() is None
