"""Every rule: states and weights that attain its bound, and what goes wrong without one of its hypotheses.

In ``WITHOUT`` the hypothesis named there is dropped (or the conclusion replaced by a tempting sharper one), and the
first number, which should be at most the second, is larger. Definitions, which cannot be false, say so. In ``UNMET``
are quantities that lack a hypothesis, about which the rule must not say anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.bounds.inequality import EntryRange, Inequality, Lacking, MinimumModulusOf, ProductModulus, rules_for
from symgrad.bounds.weighted_quantities import MagnitudesOf, WeightedDifferentialNorm, WeightedProductNorm
from symgrad.language.norms import NORMS
from tests.registry.evaluation import answer, both_sides, rate
from tests.registry.rule_cases import ATTAINED, MODEL, NO_END, UNMET, Y

INF = np.inf
EYE = np.eye(2)
A = np.array([[1.0, 2.0], [0.0, 3.0]])
UP, DOWN = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])
TURN = np.array([[0.6, -0.8], [0.8, 0.6]])
SYMMETRIC = np.array([[2.0, 1.0], [1.0, -3.0]])
SKEW = UP - DOWN
M_MATRIX = np.array([[3.0, -1.0], [-1.0, 2.0]])


def norm(matrix, p=2):
    return np.linalg.norm(np.atleast_2d(matrix), p)


def least(matrix, p=2):
    """min ||A x|| / ||x|| of an invertible matrix."""
    return 1 / np.linalg.norm(np.linalg.inv(matrix), p)


def sigma_min(matrix):
    return np.linalg.svd(np.atleast_2d(matrix))[1][-1]


def slope(z):
    return 1 - np.tanh(z) ** 2


def row(*blocks):
    return np.hstack(blocks)


def kron(vector, outer):
    return np.kron(np.atleast_2d(vector), outer)


def mu(matrix, p=2):
    """The logarithmic norm."""
    return rate(np.atleast_2d(matrix), NORMS[sp.oo if p == INF else sp.Integer(p)])


power = np.linalg.matrix_power
v, w = np.array([1.0, -2.0]), np.array([3.0, 0.5])

DEFINITION = "a definition: nothing is supposed"
WITHOUT = {
    "identity and zero": DEFINITION,
    "constant sub matrix": ("no state stands in A", norm(np.diag([2.0, 1.0])), norm(np.diag([1.0, 1.0]))),
    "scalar multiple": ("the modulus", norm(-3 * A), -3 * norm(A)),
    "transpose": ("the dual norm", norm(np.ones((2, 1)), 1), norm(np.ones((1, 2)), 1)),
    "diagonal affine in ranges": ("v in its range [-1, 1]", norm(np.diag([1 - (-3.0)])), 2.0),
    "diagonal matrix": ("the modulus of the lower end", norm(np.diag([1.0, -2.0])), 1.0),
    "composition": ("norms, not spectral radii", norm(UP @ DOWN), 0.0),
    "common factor": ("one factor A, not A and 5 A", norm(A + 5 * A), norm(2 * A)),
    "convex gate": ("0 <= z <= 1, here z = 3", norm(3 * EYE - 2 * -EYE), np.hypot(1.0, 1.0)),
    "triangle inequality": ("the sum, not the largest", norm(A + A), norm(A)),
    "blocks to gain": ("the norm of the block norms, not the largest", norm(np.ones((2, 2))), 1.0),
    "gain matrix": ("norms, not entries", norm(-3.0), -3.0),
    "power of a rate": ("at every step, here only at the first", norm(5 * EYE @ EYE), 1.0**2),
    "power of a gain matrix": ("at every step, here only at the first", norm(5 * EYE @ EYE), norm(power(EYE, 2))),
    "constant entries": DEFINITION,
    "invariant box": ("the first state lies in the box [-1, 1], here x -> x^2 from 2", 2.0**2, 1.0),
    "moduli of identity and zero": DEFINITION,
    "moduli of a multiple": ("the modulus of the factor, not the factor", abs(-3 * 1.0), -3 * 1.0),
    "moduli of a constant": ("no state stands in A", 2.0, 1.0),
    "moduli of a transpose": ("|A|^T, not |A|", UP.T[1, 0], UP[1, 0]),
    "moduli of a diagonal": ("v in its range [-1, 1]", abs(-3.0), 1.0),
    "moduli of a composition": (
        "matrices multiplied, not their largest entries",
        (np.ones((1, 2)) @ np.ones((2, 1)))[0, 0],
        1.0 * 1.0,
    ),
    "common factor of moduli": ("one factor A, not A and 5 A", abs(1.0 + 5 * 1.0), 2 * 1.0),
    "moduli of a sum": ("the sum, not the larger one", 1.0 + 1.0, 1.0),
    "moduli of blocks": ("every entry, not eigenvalues of the blocks", np.kron(EYE, UP).max(), 0.0),
    "perron scaling": ("the ratio of Perron vectors, here left out", norm([[0.0, 4.0], [1.0, 0.0]]), 2.0),
    "diagonal scaling": (
        "the condition of S, here left out for S = diag(1, 2)",
        norm(np.diag([1, 0.5]) @ [[0.0, 2.0], [2.0, 0.0]] @ np.diag([1.0, 2.0])),
        2.0,
    ),
    "common quadratic norm": (
        "one P for all Jacobians: the products of two nilpotent ones grow",
        np.abs(np.linalg.eigvals(2 * UP @ (2 * DOWN))).max(),
        1.0,
    ),
    "weighted geometric series": ("the constant, here left out", norm([[1.0, 4.0], [1.0, 1.0]]), 1.0 + 2.0),
    "least of several sums": ("each is a bound, here that of spectral radii is none", norm(EYE + UP), 1.0 + 0.0),
    "least of several bounds": ("each is a bound, here the spectral radius is none", norm(UP), min(norm(UP), 0.0)),
    "declared range": ("every step stays in [0, 1], the first included", 2.0, 1.0),
    "parameter vector": ("no state stands in p", np.abs(w).max(), np.abs(v).max()),
    "undeclared variable": DEFINITION,
    "fused function": ("one vector, here x y with two in [-1, 1]: its least value", 0.0, -1.0 * 1.0),
    "function values": ("the argument in its range [-1, 1]", np.tanh(2.0), np.tanh(1.0)),
    "scaled entries": ("ends swapped for a negative factor: -2 [0, 1]", -2.0 * 0.0, -2.0 * 1.0),
    "convex combination of entries": ("0 <= z <= 1, here z = 3", 3 * 1.0 - 2 * -1.0, 1.0),
    "summed entries": ("both ends added", 1.0 + 1.0, 1.0),
    "multiplied entries": ("all four corners, not the product of the upper ends", -1.0 * -3.0, 1.0 * 2.0),
    "weighted sum of entries": ("the inf-norm, not the 2-norm", 4.0, norm(np.ones((1, 4)))),
    "least stretching of identity and zero": DEFINITION,
    "least stretching of a constant": (
        "singular values, not eigenvalues",
        1.0,
        sigma_min(np.array([[1, 9.0], [0, 1]])),
    ),
    "least stretching of a multiple": ("the modulus of the factor, not its root", 0.5, sigma_min(0.25 * EYE)),
    "least stretching of a transpose": ("a square matrix, here a column", norm(v[:, None]), 0.0),
    "least entry affine in ranges": ("v in its range [-1, 1]", 1.0, abs(3 + 2 * -1.5)),
    "least value of a hump": ("rising to 0 and falling from there, here z^2 on [-1, 2]", min(1.0, 4.0), 0.0**2),
    "least entry of a diagonal": ("a range without zero, here [-1, 1]", min(abs(-1.0), abs(1.0)), 0.0),
    "least stretching of a composition": (
        "square factors, here a row and a column",
        1.0 * 1.0,
        norm(np.array([[1.0, 0.0]]) @ np.array([[0.0], [1.0]])),
    ),
    "common factor stretching least": ("one factor A, not A and -A", sigma_min(2 * A), sigma_min(A - A)),
    "perturbation of a term": (
        "the norm of the other, not its least stretching",
        1 - 0.0,
        sigma_min(EYE - np.diag([1, 0])),
    ),
    "comparison matrix": (
        "norms subtracted off the diagonal, not left out",
        3.0,
        sigma_min(np.array([[3, 9], [1, 3.0]])),
    ),
    "power of a least rate": ("at every step, here only at the first", 2.0**2, sigma_min(2 * EYE @ (0.5 * EYE))),
    "power of a comparison matrix": (
        "M^-1 >= 0, here for M = [[1, -2], [-2, 1]] and J = [[1, 1], [1, 1]]",
        least(np.array([[1.0, -2.0], [-2.0, 1.0]])),
        sigma_min(np.ones((2, 2))),
    ),
    "norm of an orthogonal matrix": ("Q is orthogonal", norm(A), 1.0),
    "orthogonal factor": ("Q is orthogonal", norm(A @ A), norm(A)),
    "least stretching of an orthogonal matrix": ("Q is orthogonal", 1.0, sigma_min(A)),
    "orthogonal factor stretching least": ("Q is orthogonal", sigma_min(EYE), sigma_min(A @ EYE)),
    "norm of a symmetric matrix": ("S is symmetric", norm(UP), np.abs(np.linalg.eigvals(UP)).max()),
    "norm of a diagonal weight": ("D is diagonal", norm(A, 1), norm(A, 2)),
    "least stretching of a diagonal weight": ("D is diagonal", sigma_min(A), least(A, INF)),
    "non negative sum of entries": ("A >= 0, here [1, -1] on [0, 1]: its least value", 0.0, -1.0),
    "product over layers": ("each layer's own bound, not the first one's", norm(5 * EYE @ EYE), 1.0**2),
    "product of gain matrices": ("each layer's own bound, not the first one's", norm(5 * EYE @ EYE), 1.0),
    "least product over layers": ("each layer's own bound, not the first one's", 1.0, sigma_min(0.1 * EYE)),
    "product of comparison matrices": (
        "each M_l^-1 >= 0",
        least(np.array([[1, -2.0], [-2, 1]])),
        sigma_min(np.ones((2, 2))),
    ),
    "constant vector": ("no state stands in p", np.linalg.norm(w), np.linalg.norm(v)),
    "image of a vector": ("norms, not spectral radii", np.linalg.norm(UP @ [0.0, 1.0]), 0.0),
    "vector of bounded entries": ("the root of the size", np.linalg.norm([1.0, 1.0]), 1.0),
    "kronecker product with a row": ("the dual norm of v", norm(kron(v, EYE), INF), np.abs(v).max()),
    "column vector": ("the norm of the vector itself, not its dual", norm(v[:, None], 1), np.abs(v).max()),
    "sum of kronecker products": ("the sum, not the largest", norm(kron(v, A) + kron(v, A)), norm(kron(v, A))),
    "common left factor": ("one factor, not I and 3 I", norm(row(EYE, 3 * EYE)), np.hypot(1.0, 1.0)),
    "row of blocks": ("the dual norm, here for p = inf", norm(row(EYE, EYE), INF), max(1.0, 1.0)),
    "geometric series": ("at every step, here only at the first", norm(EYE + 5 * EYE), 1.0 + 0.5),
    "geometric series of gain matrices": ("at every step", norm(EYE + 5 * EYE), norm(EYE + 0.5 * EYE)),
    "logarithmic norm of identity and zero": DEFINITION,
    "logarithmic norm of a constant": ("no state stands in A", mu(np.diag([2.0, 1.0])), mu(np.diag([1.0, 1.0]))),
    "logarithmic norm of a diagonal": ("v in its range [-1, 1]", mu(np.diag([-1.0, 3.0])), 1.0),
    "shift by a multiple of the identity": (
        "c in every entry, not only in one",
        mu(np.diag([1.0, -1.0]) + np.diag([0.0, 5.0])),
        mu(np.diag([1.0, -1.0])) + 0.0,
    ),
    "logarithmic norm of a multiple": ("mu(-A), not -mu(A)", mu(-UP), -mu(UP)),
    "logarithmic norm of a transpose": (
        "the dual norm",
        mu(np.eye(3, 1) @ [[0.0, 1.0, 1.0]], INF),
        mu(np.eye(3, 1) @ [[0.0, 1.0, 1.0]], 1),
    ),
    "rows or columns scaled": ("not for p = 2", mu(np.diag([1.0, 0.0]) @ SKEW), max(0.0, mu(SKEW))),
    "scaling around the middle": ("r ||A||, not r mu(A)", mu(np.diag([1.0, 0.0]) @ SKEW), mu(SKEW) / 2 + mu(SKEW) / 2),
    "common factor in a logarithmic norm": ("one factor A, not A and 5 A", mu(A + 5 * A), mu(2 * A)),
    "logarithmic norm of a sum": ("the sum, not the largest", mu(A + A), mu(A)),
    "blocks to a metzler matrix": (
        "norms off the diagonal, not logarithmic norms",
        mu(np.kron(UP, SKEW)),
        mu(mu(SKEW) * UP),
    ),
    "logarithmic norm below the norm": ("the norm, not the spectral radius", mu(UP), 0.0),
    "metzler matrix": ("norms off the diagonal, not entries", norm(-3.0), -3.0),
    "integral along a flow": ("at all times, here only at first", 1.0 + 5.0, 2 * 1.0),
    "growth along a flow": ("at all times, here only at first", np.exp(1.0 + 5.0), np.exp(1.0 * 2)),
}


# The bounds are proved for all states and inputs at once, and all steps share the parameters: no quantity lacks this.
EVERY_STEP = {"weighted geometric series", "geometric series", "geometric series of gain matrices"}


def test_every_rule_is_in_every_table() -> None:
    names = {rule.name for rule in rules_for()}
    assert set(ATTAINED) | {NO_END} == names
    assert set(WITHOUT) == names
    assert set(UNMET) | EVERY_STEP == {rule.name for rule in rules_for() if rule.hypotheses}


@pytest.mark.parametrize(("name", "p"), [(name, p) for name, case in ATTAINED.items() for p in case.norms])
def test_the_equality_case_is_attained(name: str, p: Any) -> None:
    value, bound = both_sides(name, ATTAINED[name], NORMS[sp.sympify(p)])
    np.testing.assert_allclose(value, bound, rtol=1e-12, atol=1e-12)


def test_no_end_is_claimed_for_a_free_variable() -> None:
    assert isinstance(found := answer(NO_END, EntryRange(Y), MODEL), Inequality)
    assert found.bound == sp.Tuple(-sp.oo, sp.oo)


@pytest.mark.parametrize(
    ("name", "goal", "model"), [(name, goal, model) for name, cases in UNMET.items() for goal, model in cases]
)
def test_without_a_hypothesis_the_rule_says_nothing(name: str, goal: Any, model: sg.Recurrence) -> None:
    """It names what it lacks, or its bound is the trivial one: a least stretching of zero, or infinity from above."""
    found = answer(name, goal, model)
    if isinstance(found, Lacking):
        assert found.reason
    elif isinstance(goal, (MagnitudesOf, WeightedProductNorm, WeightedDifferentialNorm)):
        assert not found.is_finite
    else:
        assert isinstance(goal, (MinimumModulusOf, ProductModulus))
        assert found.bound == 0


@pytest.mark.parametrize("name", [name for name, case in WITHOUT.items() if case != DEFINITION])
def test_without_the_hypothesis_it_is_false(name: str) -> None:
    hypothesis, larger, smaller = WITHOUT[name]
    assert hypothesis
    assert larger > smaller + 1e-6


def test_only_rules_without_hypotheses_are_definitions() -> None:
    definitions = {name for name, case in WITHOUT.items() if case == DEFINITION}
    assert all(not rule.hypotheses for rule in rules_for() if rule.name in definitions)
