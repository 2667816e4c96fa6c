"""All zeros of systems of formulas against closed forms, mpmath and counts."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from flint import arb, arb_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.rigor.balls import Enclosed, working_precision
from symgrad.rigor.system_zeros import system_zeros

x, y, z = sp.symbols("x y z", real=True)


def test_closed_forms_and_completeness() -> None:
    found = system_zeros([x**2 + y**2 - 4, x * y - 1], [x, y], ((-3.0, 3.0), (-3.0, 3.0)))
    assert len(found.certified) == 4
    assert not found.undecided
    for zero in found.certified:
        assert sp.simplify(zero.constants[0] * zero.constants[1]) == 1


def test_transcendental_zeros_at_any_precision() -> None:
    found = system_zeros([sp.cos(x) - y, sp.exp(-y) - x], [x, y], ((0.0, 2.0), (-1.0, 1.0)))
    (zero,) = found.certified
    with mp.workdps(60):
        root = mp.findroot(lambda a, b: [mp.cos(a) - b, mp.exp(-b) - a], [0.7, 0.8])
        for constant, exact in zip(zero.constants, root, strict=True):
            assert isinstance(constant, Enclosed)
            with working_precision(220):
                assert constant.ball(180).overlaps(arb(mp.nstr(exact, 58), 1e-55))
                assert constant.ball(180).rad() < 1e-50
                assert not (constant.ball(180) + arb("1e-45")).overlaps(arb(mp.nstr(exact, 58), 1e-55))


def test_multiple_zeros_and_kinks_stay_undecided() -> None:
    double = system_zeros([x**2 - y, y], [x, y], ((-1.0, 1.0), (-1.0, 1.5)), smallest=1e-3)
    assert not double.certified
    assert double.undecided
    assert any(a <= 0 <= b and c <= 0 <= d for (a, b), (c, d) in double.undecided)
    kink = system_zeros([sp.Abs(x) - y, y - x / 2], [x, y], ((-1.0, 1.2), (-1.0, 1.0)), smallest=1e-3)
    assert not kink.certified
    assert any(a <= 0 <= b and c <= 0 <= d for (a, b), (c, d) in kink.undecided)
    smooth = system_zeros([sp.Abs(x) - y, y - 1], [x, y], ((-2.0, 2.5), (-1.0, 2.0)))
    assert [zero.constants for zero in smooth.certified] == [(-1, 1), (1, 1)]


def test_a_limit_leaves_the_rest_undecided() -> None:
    found = system_zeros([sp.sin(9 * x) - y, sp.cos(7 * y) - x], [x, y], ((-1.0, 1.0), (-1.0, 1.0)), max_boxes=20)
    assert found.undecided


def test_three_unknowns() -> None:
    found = system_zeros(
        [x + y + z - 3, x * y + y * z + z * x - 2, x * y * z + sp.Rational(1, 2)], [x, y, z], ((-4.0, 4.0),) * 3
    )
    roots = sorted(complex(r).real for r in np.roots([1, -3, 2, 0.5]) if abs(complex(r).imag) < 1e-9)
    assert not found.undecided
    assert len(found.certified) == (6 if len(roots) == 3 else 0)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(st.integers(-9, 9), min_size=4, max_size=4))
def test_counts_of_random_curves(numbers: list[int]) -> None:
    """Zeros of ``y = cubic(x)`` and ``y = x`` as often as the cubic minus x changes sign."""
    a, b, c, d = (sp.Rational(n, 7) for n in numbers)
    cubic = x**3 + a * x**2 + b * x + c
    line = d * x / 3
    found = system_zeros([cubic - y, line - y], [x, y], ((-5.0, 5.03), (-9.0, 9.1)), smallest=1e-4, max_boxes=4000)
    poly = sp.Poly(cubic - line, x)
    roots = [r for r in sp.real_roots(poly, multiple=False) if -5 <= r[0] <= 5.03 and abs(line.subs(x, r[0])) <= 9]
    if not found.undecided:
        assert len(found.certified) == len(roots)
        assert all(m == 1 for _, m in roots)


def test_a_wrong_zero_is_not_refined() -> None:
    """The enclosure is made by Krawczyk's operator: from a point that is no zero it proves nothing."""
    from symgrad.rigor.krawczyk import krawczyk_zero

    with working_precision(100):
        proved = krawczyk_zero(lambda u: u[0, 0] * u - arb_mat([[-1]]), lambda u: 2 * u, arb_mat([[0.3]]))
    assert proved is None


@pytest.mark.parametrize("corner", [sp.S.Zero, sp.S.Half])
def test_zeros_on_edges_of_boxes_are_found_once(corner: sp.Expr) -> None:
    found = system_zeros([x - corner, y - corner], [x, y], ((-1.0 + 2 * float(corner), 1.0), (0.0, 1.0)))
    assert [zero.constants for zero in found.certified] == [(corner, corner)]


def test_no_zero_is_lost_at_an_edge_of_an_image() -> None:
    """The image of a box may touch it in the zero only: a triple zero, from many boxes."""
    for low in np.linspace(-5, -1, 9).tolist():
        found = system_zeros([x**3 - y, y], [x, y], ((low, 5.03), (-9.0, 9.1)), smallest=1e-4, max_boxes=3000)
        assert any(a <= 0 <= b and c <= 0 <= d for (a, b), (c, d) in found.undecided)
