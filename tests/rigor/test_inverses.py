"""Inverse functions: what is proved is the inverse, and what is not is refused."""

from __future__ import annotations

import pytest
import sympy as sp

from symgrad.rigor import inverses
from symgrad.rigor.ends import End
from symgrad.rigor.functions import logistic
from symgrad.rigor.inverses import proved_inverse, solutions

z, y = sp.symbols("z y", real=True)
LEFT, RIGHT, ZERO = End(-sp.oo, 1), End(sp.oo, -1), sp.S.Zero


@pytest.mark.parametrize(
    ("formula", "left", "right", "low", "high"),
    [
        (logistic(z), LEFT, RIGHT, ZERO, sp.S.One),
        (logistic(z) * (1 - logistic(z)), End(ZERO, 1), RIGHT, ZERO, sp.Rational(1, 4)),
        (1 - sp.tanh(z) ** 2, LEFT, End(ZERO, -1), ZERO, sp.S.One),
        (1 / (1 + z**2), LEFT, End(ZERO, -1), ZERO, sp.S.One),
        (sp.exp(-(z**2)), End(ZERO, 1), RIGHT, ZERO, sp.S.One),
        (sp.sinh(2 * z) + 1, LEFT, RIGHT, -sp.oo, sp.oo),
        (sp.tanh(z / 3) + logistic(2 * z / 3), LEFT, RIGHT, -sp.S.One, sp.Integer(2)),
        (sp.exp(2 * z) + sp.exp(z), LEFT, RIGHT, ZERO, sp.oo),
        (3 - z**3, End(ZERO, 1), RIGHT, -sp.oo, sp.Integer(3)),
    ],
)
def test_the_inverse_undoes_the_formula(formula: sp.Expr, left: End, right: End, low: sp.Expr, high: sp.Expr) -> None:
    found = proved_inverse(formula, z, y, left, right, low, high)
    assert found is not None
    start = -3 if not left.is_finite else left.value
    end = 3 if not right.is_finite else right.value
    for part in (sp.Rational(1, 7), sp.Rational(1, 2), sp.Rational(6, 7)):
        point = start + part * (end - start)
        image = formula.subs(z, point)
        assert abs((found.subs(y, image) - point).evalf(40)) < 1e-30


def test_the_other_branch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates that are wrong, or right on another branch only, are not taken."""
    formula = 1 / (1 + z**2)
    for wrong in (sp.sqrt(1 / y - 1), -sp.sqrt(1 / y - 1) + sp.Rational(1, 10**9), -sp.sqrt(1 / y)):
        proved_inverse.cache_clear()
        monkeypatch.setattr(inverses, "solutions", lambda *_, wrong=wrong: iter([wrong]))
        assert proved_inverse(formula, z, y, LEFT, End(ZERO, -1), ZERO, sp.S.One) is None
    proved_inverse.cache_clear()


def test_what_has_no_closed_form_has_none() -> None:
    assert list(solutions(z + sp.exp(z), z, y)) == []
    assert proved_inverse(z + sp.tanh(z), z, y, LEFT, RIGHT, -sp.oo, sp.oo) is None
