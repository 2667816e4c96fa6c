"""The sign of ``q E[phi'^2] - E[phi^2]`` by parts, against quadrature."""

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.language.elementwise import VARIABLE as X
from symgrad.meanfield.critical_closed import closed_zeros
from symgrad.meanfield.critical_parts import Parts
from symgrad.meanfield.means import Mean
from symgrad.meanfield.variance_map import Unit

NEGATIVE = {
    "softplus": sp.log(1 + sp.exp(X)),
    "hyperbola": sp.sqrt(1 + X**2),
    "moved ramp": sp.Max(X + 1, 0),
    "ramp above one": sp.Max(X - 1, 0) + 1,
}


def difference(phi: sp.Expr, slope: sp.Expr, q: float) -> mp.mpf:
    """``q E[phi'^2] - E[phi^2]`` by quadrature, kinks at -1 and 1 among the ends."""
    value, derivative = (sp.lambdify(X, formula, "mpmath") for formula in (phi, slope))
    ends = sorted({-1.0, 0.0, 1.0, *(s * mp.sqrt(q) * k for s in (-1, 1) for k in (1, 3, 6, 12))})
    weight = mp.quad(lambda x: (q * derivative(x) ** 2 - value(x) ** 2) * mp.exp(-x * x / (2 * q)), ends)
    return weight / mp.sqrt(2 * mp.pi * q)


@pytest.mark.parametrize("name", NEGATIVE)
def test_convex_positive_activations_have_no_critical_point(name):
    phi = sg.Activation(name, NEGATIVE[name])
    assert Parts(Unit(phi)).always_negative
    line = sg.mean_field(phi).critical_points(sp.Rational(1, 5))
    assert len(line) == 0
    assert line.complete
    slope = sp.diff(NEGATIVE[name], X)
    assert all(difference(NEGATIVE[name], slope, q) < 0 for q in (0.01, 100.0))


@pytest.mark.parametrize("phi", ["gaussian", "tanh", "relu", "cos"])
def test_nothing_is_claimed_where_it_does_not_hold(phi):
    given = sg.Activation("cos", sp.cos(X)) if phi == "cos" else sg.activation(phi)
    assert not Parts(Unit(given)).always_negative


def test_a_cusp_is_no_kink():
    assert not Parts(Unit(sg.Activation("cusp", 1 + sp.sqrt(sp.Abs(X))))).always_negative


@pytest.mark.parametrize("q", [0.1, 1.0, 30.0])
def test_both_parts_add_up_to_the_difference(q):
    phi = 1 + sp.atan(X) + sp.cos(X)
    parts = Parts(Unit(sg.Activation("mixed", phi)))
    pull, bend = (float(Mean(formula).floats([q])[0]) for formula in (parts.pull, parts.bend))
    assert pull - q * bend == pytest.approx(float(difference(phi, sp.diff(phi, X), q)), rel=1e-9)


def test_no_gain_for_softplus_is_told_at_once():
    with pytest.raises(sg.errors.InputError, match=r"no gain of mode 'chi1' for softplus: q M\(q\) < K\(q\)"):
        sg.init_gain("softplus", "chi1")


CLOSED = {"exp": sp.exp(X), "cos": sp.cos(X), "bump": sp.exp(-(X**2)), "quadratic": 1 + X + X**2}


@pytest.mark.parametrize("name", CLOSED)
def test_critical_variances_from_closed_forms(name):
    """Signs on a grid of variances change at the zeros that were found, and nowhere else."""
    unit = Unit(sg.Activation(name, CLOSED[name]))
    zeros = closed_zeros(unit, sp.Rational(3, 4), sp.Rational(1, 3))
    assert zeros is not None
    q = np.geomspace(1e-2, 60, 400)
    means = [mean.floats(q) for mean in (unit.moments.slopes, unit.moments.values)]
    balance = (0.75 * q - 1 / 3) * means[0] - 0.75 * means[1]
    seen = q[:-1][np.sign(balance[:-1]) != np.sign(balance[1:])]
    assert [float(zero.mid()) for zero in zeros] == pytest.approx(seen.tolist(), rel=0.03)


def test_a_slope_of_constant_mean_square_may_have_an_attracting_variance():
    """``(sin x + cos x)^2 = 1 + sin 2x`` has mean 1 at every variance."""
    found = sg.init_gain(sp.sin(X) + sp.cos(X), "chi1")
    assert float(found) == 1
    assert found.variance.evalf() == pytest.approx(1)
