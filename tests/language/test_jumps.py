"""Activations that jump have no derivative there; those whose slope jumps have an unbounded curvature."""

import pytest
import sympy as sp

import symgrad as sg

z = sp.Symbol("z")


@pytest.mark.parametrize(
    ("formula", "slope", "curvature"),
    [
        (sp.Abs(z), (-1, 1), (0, sp.oo)),
        (sp.Min(sp.Max(0, z), 6), (0, 1), (-sp.oo, sp.oo)),
        (sp.Heaviside(z) * z, (0, 1), (0, sp.oo)),
        (sp.Max(0, z) ** 2, (0, sp.oo), (0, 2)),
        (sp.Max(0, z) + sp.Min(0, 2 * (sp.exp(z / 2) - 1)), (0, 1), (0, sp.Rational(1, 2))),
    ],
)
def test_kinks_count_in_the_curvature(formula, slope, curvature):
    activation = sg.Activation("f", formula)
    assert (activation.slope.inf, activation.slope.sup) == slope
    assert (activation.curvature.inf, activation.curvature.sup) == curvature


@pytest.mark.parametrize(
    ("formula", "slope"),
    [
        (sp.Heaviside(z), (0, sp.oo)),
        (-sp.sign(z), (-sp.oo, 0)),
        (sp.Piecewise((z, z < 1), (z - 2, True)), (-sp.oo, 1)),
    ],
)
def test_a_jump_makes_the_slope_infinite_and_the_jacobian_is_refused(formula, slope):
    step = sg.Activation("step", formula)
    assert (step.slope.inf, step.slope.sup) == slope
    with pytest.raises(sg.InputError, match=r"'step' jumps at [01]"):
        sg.product_bound(sg.models.elman(step))


def test_a_jump_outside_the_interval_does_not_count():
    step = sg.Activation("step", sp.Heaviside(z) * z**2 + sp.Heaviside(z - 5))
    assert step.slope_on(sg.Interval(-1, 1)).sup == 2
