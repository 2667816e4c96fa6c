"""Bounds solved for a parameter: against mpmath, by evaluation at the ends, and under mutation."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.design.solutions import Solution
from symgrad.design.solving import solve
from symgrad.design.spans import Span
from symgrad.errors import InputError, UnknownNameError
from symgrad.rigor.balls import to_ball

X = sp.Symbol("x", real=True)
C = sp.Symbol("C", positive=True)


def residual() -> sg.Bound:
    return sg.product_bound(sg.models.residual("sigmoid"))


def moved(found: Solution, factor: sp.Expr) -> Solution:
    """The same answer with all finite ends multiplied."""
    cases = []
    for case in found.cases:
        spans = tuple(
            replace(span, low=span.low * factor, high=span.high * factor) if span.low != -sp.oo else span
            for span in case.spans
        )
        cases.append(replace(case, spans=spans))
    return replace(found, cases=tuple(cases))


def test_a_product_bound_is_inverted_for_a_norm() -> None:
    found = solve(residual(), for_="W", target=sg.Interval(1, 2))
    k = residual().k
    W = residual().model.symbol("W")
    assert found.formula == sp.Le(sg.OperatorNorm(W), 4 * 2 ** (1 / k) - 4)
    assert found.method == "inverted"
    assert found.check().holds


def test_the_ends_give_the_target_of_the_bound_itself() -> None:
    bound = residual()
    found = solve(bound, for_="W", target=sp.Le(bound.at(7), 3), k=7)
    largest = found.values.sup
    below, above = (bound.evaluate({"W": [[float(largest) * f]]}, 7).log10 for f in (1 - 1e-12, 1 + 1e-12))
    assert below < np.log10(3) < above


def test_a_million_steps_are_no_trouble() -> None:
    bound = residual()
    found = solve(bound, for_="W", target=2, k=10**6)
    (value,) = found.values
    with mpmath.workdps(40):
        exact = 4 * (mpmath.mpf(2) ** (mpmath.mpf(1) / 10**6) - 1)
        assert abs(mpmath.mpf(str(to_ball(value, 120).mid().str(30, radius=False))) - exact) < mpmath.mpf("1e-30")
    assert found.check().holds


def test_a_tightened_answer_is_caught() -> None:
    found = solve(residual(), for_="W", target=sg.Interval(sp.Rational(3, 2), 2), k=5)
    assert found.check().holds
    for factor in (sp.Rational(99, 100), sp.Rational(101, 100)):
        assert not moved(found, factor).check().holds


@settings(max_examples=3, deadline=None)
@given(
    st.integers(1, 40),
    st.fractions(min_value="1/20", max_value=5, max_denominator=50),
    st.fractions(min_value="1/10", max_value=20, max_denominator=20),
)
def test_the_bound_at_the_answer_is_the_target(k: int, size: object, target: object) -> None:
    a, L = sp.symbols("a L", positive=True)
    found = solve((1 + a * L) ** k, for_=a, target=sp.Rational(target), values={"L": sp.Rational(size)})
    if sp.Rational(target) <= 1:
        assert found.impossible
        return
    (value,) = found.values
    ball = (1 + to_ball(value, 200) * to_ball(sp.Rational(size), 200)) ** k
    assert ball.overlaps(to_ball(sp.Rational(target), 200))


@settings(max_examples=3, deadline=None)
@given(st.floats(0.05, 0.35), st.floats(0.3, 3.0))
def test_crossings_of_a_hump_are_all_found(level: float, rate: float) -> None:
    hump = X * sp.exp(-sp.nsimplify(rate) * X)
    found = solve(hump, for_=X, target=sp.Interval(level, sp.oo), within=sg.Interval(0, sp.oo))
    top = float(1 / (sp.nsimplify(rate) * sp.E))
    assert found.impossible == (level > top)
    assert found.check().holds
    for span in found.cases[0].spans:
        for end in (span.low, span.high):
            assert abs(float(end) * np.exp(-rate * float(end)) - level) < 1e-12


def test_the_number_of_steps_is_solved_for_in_whole_numbers() -> None:
    bound = residual()
    found = solve(bound, for_="k", target=sp.Le(bound.expr, 100), values={"W": 1})
    assert max(found.values) == int(mpmath.floor(mpmath.log(100) / mpmath.log(1.25)))
    assert found.check().holds
    assert solve(bound, for_="k", target=sp.Le(bound.expr, sp.Rational(25, 16)), values={"W": 1}).values == {1, 2}


def test_weights_as_arrays_become_enclosed_norms() -> None:
    bound = sg.product_bound(sg.models.leaky())
    W = np.array([[0.3, 0.2], [-0.1, 0.4]])
    found = solve(bound, for_="alpha", target=sp.Le(bound.expr, sp.Rational(1, 2)), k=3, values={"W": W})
    size = np.linalg.norm(W, 2)
    rate = 0.5 ** (1 / 3)
    assert float(found.values.inf) == pytest.approx((1 - rate) / (1 - size))
    assert float(found.values.sup) == pytest.approx((1 + rate) / (1 + size))
    assert found.check().holds


@pytest.mark.slow
def test_cases_of_symbols_are_told_apart() -> None:
    bound = sg.product_bound(sg.models.leaky())
    found = solve(bound, for_="alpha", target=sp.Le(bound.expr, 2), k=10)
    assert len(found.cases) == 3
    assert found.check(seed=3).holds
    assert not moved(found, sp.Rational(101, 100)).check(seed=3).holds
    W = sg.OperatorNorm(bound.model.symbol("W"))
    for size in (sp.Rational(1, 2), sp.Integer(1), sp.Rational(3, 2)):
        numeric = solve(bound, for_="alpha", target=sp.Le(bound.expr, 2), k=10, values={"W": size})
        (case,) = [c for c in found.cases if c.condition.xreplace({W: size}) == sp.true]
        assert sp.simplify(case.values.xreplace({W: size}).sup - numeric.values.sup) == 0


def test_a_target_in_symbols_has_conditions() -> None:
    a, L = sp.symbols("a L", positive=True)
    k = sp.Symbol("k", positive=True, integer=True)
    found = solve((1 + a * L) ** k, for_=a, target=sp.Le((1 + a * L) ** k, C))
    assert found.formula == sp.Le(a, (C ** (1 / k) - 1) / L)
    assert found.condition == (C > 1)
    assert found.check().holds


@pytest.mark.parametrize(
    ("formula", "target", "expected"),
    [
        (X**2 + 4 * X, sp.Interval(-sp.oo, 5), sp.Interval(-5, 1)),
        (
            X / (1 + X),
            sp.Interval(sp.Rational(1, 4), sp.oo),
            sp.Union(sp.Interval.open(-sp.oo, -1), sp.Interval(sp.Rational(1, 3), sp.oo)),
        ),
        (sp.Abs(X - 1) + sp.Abs(X + 1), 2, sp.Interval(-1, 1)),
        (X**3, sp.Interval(-8, 27), sp.Interval(-2, 3)),
        (1 / X, sp.Interval(2, sp.oo), sp.Interval.Lopen(0, sp.Rational(1, 2))),
        (
            X**-2,
            sp.Interval(4, sp.oo),
            sp.Union(sp.Interval.Ropen(-sp.Rational(1, 2), 0), sp.Interval.Lopen(0, sp.Rational(1, 2))),
        ),
        (sp.Heaviside(X), sp.Interval(sp.Rational(7, 10), 2), sp.Interval.open(0, sp.oo)),
        (sp.Heaviside(X), sp.Interval(sp.Rational(1, 2), 2), sp.Interval(0, sp.oo)),
        (sp.exp(-(X**2)), 1, sp.FiniteSet(0)),
        (sp.Max(X, 2 - X), sp.Interval(-sp.oo, 3), sp.Interval(-1, 3)),
        (sp.sqrt(X), sp.Interval(-1, 2), sp.Interval(0, 4)),
        (sp.log(X), sp.Interval(-sp.oo, 0), sp.Interval.Lopen(0, 1)),
        (2**X, sp.Interval(1, 8), sp.Interval(0, 3)),
        (sp.Rational(1, 2) ** X, sp.Interval(1, 8), sp.Interval(-3, 0)),
        (sp.tanh(X), sp.Interval(-5, 5), sp.Interval(-sp.oo, sp.oo)),
        (sp.tanh(X), sp.Interval(1, 5), sp.EmptySet),
        (X * (X - 1) ** 2, 0, sp.FiniteSet(0, 1)),
        (sp.Piecewise((0, X < 1), (X, True)), sp.Interval(-1, 0), sp.Interval.Ropen(-sp.oo, 1)),
    ],
)
def test_known_answers(formula: sp.Expr, target: object, expected: sp.Set) -> None:
    found = solve(formula, for_=X, target=target)
    assert found.complete
    assert found.values == expected
    assert found.check().holds


def test_strict_relations_leave_their_ends_out() -> None:
    assert solve(2 * X, for_=X, target=sp.Lt(2 * X, 4)).values == sp.Interval.open(-sp.oo, 2)
    assert solve(X**2 + sp.sin(X) - sp.sin(X), for_=X, target=sp.Gt(X**2, 4)).values == sp.Union(
        sp.Interval.open(-sp.oo, -2), sp.Interval.open(2, sp.oo)
    )


def test_a_gradient_bound_is_solved() -> None:
    model = sg.models.elman("relu").assuming({"u": (-1, 1), "h": (0, 4)})
    bound = sg.gradient_bound(model, steps=5)
    found = solve(bound, for_="W", target=sp.Le(bound.closed, 100), values={"n": 4, "m": 2, "g": 1})
    edge = float(found.values.sup)
    assert np.sqrt(2 + 64 + 1) * sum(edge**j for j in range(5)) == pytest.approx(100, rel=1e-12)
    assert found.check().holds


@pytest.mark.slow
def test_a_gated_bound_of_two_states_is_solved() -> None:
    model = sg.models.lstm().assuming({"u": (-1, 1), "h": (-1, 1), "c": (-4, 4)})
    bound = sg.product_bound(model)
    numbers = {"W_hg": 0.1, "W_hi": 0.1, "W_ho": 0.2}
    found = solve(bound, for_="W_hf", target=sp.Le(bound.at(2), 3), k=2, values=numbers)
    edge = float(found.values.sup)
    weights = {name: [[value]] for name, value in (numbers | {"W_hf": edge}).items()}
    assert 10 ** bound.evaluate(weights, 2).log10 == pytest.approx(3, rel=1e-9)


def test_why_no_value_works_is_said() -> None:
    a = sp.Symbol("a", positive=True)
    found = solve(2 + sp.exp(-a), for_=a, target=sp.Interval(-sp.oo, 2))
    assert found.impossible
    assert "infimum 2" in found.reason
    assert solve(2 + sp.exp(-a), for_=a, target=sp.Interval(0, 4)).always


def test_what_is_not_found_is_undecided() -> None:
    found = solve(sp.sin(X), for_=X, target=sp.Ge(sp.sin(X), sp.Rational(1, 4)))
    assert not found.complete
    assert not found.check().holds


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"target": "x"}, "target"),
        ({"target": True}, "target"),
        ({"target": sp.true}, "before it got here"),
        ({"target": sp.Le(sp.Symbol("y"), 2)}, "neither side"),
        ({"target": sp.Le(X**2, X, evaluate=False)}, "must not contain"),
        ({"target": 1, "k": 3}, "takes no k"),
        ({"target": 1, "values": [1]}, "mapping"),
        ({"target": 1, "values": {"x": "a"}}, "x: a finite real number"),
        ({"target": 1, "within": 3}, "within"),
        ({"target": sp.nan}, "target"),
        ({"target": 1, "for_": 3}, "for_"),
    ],
)
def test_malformed_arguments_are_named(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        solve(X**2, **({"for_": X} | arguments))


def test_unknown_parameters_and_bounds_are_refused() -> None:
    with pytest.raises(UnknownNameError):
        solve(X**2, for_="y", target=1)
    with pytest.raises(InputError, match="bound"):
        solve("x**2", for_="x", target=1)


def test_symbols_without_a_closed_form_ask_for_numbers() -> None:
    b = sp.Symbol("b", positive=True)
    with pytest.raises(InputError, match="with numbers for b"):
        solve(X * sp.exp(-b * X) + X**3, for_=X, target=1)


def test_a_span_writes_its_relation() -> None:
    assert Span(1, 2, True, False).relation(X, Span()) == sp.And(X > 1, X <= 2)


def test_a_bound_that_is_a_power_of_a_norm_keeps_its_steps() -> None:
    """A norm must not be put to 1 while symbols are collected: the power would vanish."""
    bound = sg.product_bound(sg.models.elman("tanh"))
    d = sp.Symbol("d", positive=True)
    found = solve(bound, for_="W", target=sp.Le(bound.expr, d))
    assert found.formula == sp.Le(sg.OperatorNorm(bound.model.symbol("W")), d ** (1 / bound.k))
    assert found.check().holds


def test_steps_are_solved_for_in_every_case_of_the_rate() -> None:
    bound = sg.product_bound(sg.models.elman("tanh"))
    W, d = sg.OperatorNorm(bound.model.symbol("W")), sp.Rational(1, 1000)
    found = solve(bound, for_="k", target=sp.Le(bound.expr, d))
    conditions = {case.condition: case.spans for case in found.cases}
    assert conditions[(W > 0) & (W < 1)][0].low == -sp.log(1000) / sp.log(W)
    assert any(not spans for spans in conditions.values())
    assert found.check().holds
    assert solve(bound, for_="k", target=sp.Le(bound.expr, d), values={"W": 1}).impossible
    assert solve(bound, for_="k", target=sp.Le(bound.expr, d), values={"W": 0}).always
    assert solve(bound, for_="k", target=sp.Le(bound.expr, d), values={"W": 0.5}).values.inf == 10


def test_inverse_error_functions_are_enclosed() -> None:
    found = solve(sp.erf(X), for_=X, target=sp.Interval(sp.Rational(1, 10), sp.Rational(1, 2)))
    assert float(found.values.sup) == pytest.approx(float(mpmath.erfinv(0.5)), rel=1e-15)
    assert found.check().holds


def test_poles_within_a_given_interval() -> None:
    found = solve(sp.tan(X), for_=X, target=sp.Interval(0, 1), within=sg.Interval(-3, 3))
    assert found.values == sp.Union(sp.Interval(-3, -3 * sp.pi / 4), sp.Interval(0, sp.pi / 4))
    assert found.check().holds


@pytest.mark.parametrize(("power", "level"), [(10**9, sp.Rational(7, 6)), (-(10**9), sp.Rational(7, 16))])
def test_huge_powers_are_never_multiplied_out(power: int, level: sp.Rational) -> None:
    x = sp.Symbol("x", positive=True)
    found = solve((1 + x / 3) ** power, for_=x, target=level)
    with mpmath.workdps(50):
        exact = 3 * mpmath.expm1(mpmath.log(mpmath.mpf(level.p) / level.q) / power)
        (value,) = found.values
        assert abs(mpmath.mpf(to_ball(value, 120).mid().str(40, radius=False)) / exact - 1) < mpmath.mpf("1e-30")
    assert found.check().holds


def test_a_bound_for_layers_is_solved_for_one_norm_of_all_layers() -> None:
    bound = sg.layer_gradient_bound(sg.models.feedforward(activation="sigmoid").assuming({"x": (0, 1)}))
    (norm,) = [atom for atom in bound.expr.atoms(sg.OperatorNorm)]
    found = solve(bound, for_=norm, target=sp.Le(bound.expr, 1), values={"l": 2, "L": 12, "n": 8, "g": 1})
    assert float(found.values.sup) == pytest.approx(4 * (4 / 3) ** 0.1)


def test_a_relation_is_solved_as_it_stands() -> None:
    a = sp.Symbol("a", positive=True)
    assert solve(sp.Le(a**2, 2 * a), for_=a).values == sp.Interval.Lopen(0, 2)
    assert solve(sp.Eq(sp.exp(X), 3), for_=X).values == sp.FiniteSet(sp.log(3))
    with pytest.raises(InputError, match="one already"):
        solve(sp.Eq(sp.exp(X), 3), for_=X, target=2)


def test_the_bound_of_a_flow_is_solved() -> None:
    x, w, b = sp.symbols("x w b")
    bound = sg.flow_bound(sg.Flow({x: -x + sg.activation("sigmoid")(w * x + b)}))
    found = solve(bound, for_="w", target=sp.Le(bound.expr, 1), values={"T": 3})
    assert float(found.values.sup) == pytest.approx(4)
    assert found.check().holds


def test_a_case_that_a_range_excludes_is_left_out() -> None:
    M, s = sp.Symbol("M", nonnegative=True), sp.Symbol("s", positive=True)
    found = solve(sp.Float(0.999, 17) * M + sp.Float(0.17, 17) * s, for_=s, target=1)
    assert found.complete
    assert found.check().holds
    assert {case.values.subs(M, 0) for case in found.cases} >= {sp.FiniteSet(1 / sp.Rational(0.17))}


def test_powers_with_any_exponent_are_of_numbers_that_are_not_negative() -> None:
    x, k = sp.symbols("x k")
    found = solve(x**k, for_=x, target=sp.Le(x**k, 4))
    assert found.complete
    assert found.check().holds
    assert all(not span.low.is_negative for case in found.cases if case.condition != sp.Eq(k, 0) for span in case.spans)
