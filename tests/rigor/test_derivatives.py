"""Derivatives of our own traversal against SymPy's."""

import random

import pytest
import sympy as sp

from symgrad.rigor.derivatives import derivative
from symgrad.rigor.functions import logistic, softplus

z = sp.Symbol("z", real=True)
a = sp.Symbol("a")
PLAIN = (sp.exp, sp.log, sp.tanh, sp.sin, sp.atan, sp.erf, sp.sinh, sp.asinh, sp.loggamma, logistic, softplus)
OTHERS = (
    *(sp.Abs, sp.sign, sp.Heaviside, sp.sqrt),
    *(lambda x: sp.Max(x, 0), lambda x: x**3, lambda x: 1 / (2 + x**2), lambda x: 2**x, lambda x: (1 + x**2) ** x),
    lambda x: sp.Piecewise((x, x > 0), (sp.exp(x) - 1, True)),
)


def formula(draw, depth):
    if depth == 0:
        return draw.choice([z, z, a * z, z + sp.Rational(draw.randint(-3, 3), 2), sp.Float(0.3) * z, 2 * z])
    kind = draw.random()
    if kind < 0.3:
        return formula(draw, depth - 1) + formula(draw, depth - 1)
    if kind < 0.6:
        return formula(draw, depth - 1) * formula(draw, depth - 1)
    return draw.choice(PLAIN + OTHERS)(formula(draw, depth - 1))


@pytest.mark.parametrize("seed", range(8))
def test_written_as_sympy_writes_it(seed):
    draw = random.Random(seed)
    compared = 0
    for _ in range(25):
        expr = formula(draw, draw.randint(1, 3))
        if not isinstance(expr, sp.Expr) or expr.has(sp.nan, sp.zoo, sp.oo, sp.AccumBounds):
            continue
        assert derivative(expr, z) == expr.diff(z)
        compared += 1
    assert compared > 15


def test_of_what_does_not_depend_on_the_symbol():
    assert derivative(sp.tanh(a) + 1, z) is sp.S.Zero
    assert derivative(z, z) is sp.S.One


def test_jumps_become_point_masses():
    assert derivative(sp.Heaviside(z - 1) * sp.exp(z), z).has(sp.DiracDelta)
