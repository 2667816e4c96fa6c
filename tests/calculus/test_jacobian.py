"""The derived Jacobian against SymPy's own differentiation of the entries."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import mpmath
import pytest
import sympy as sp
from flint import arb, arb_mat
from hypothesis import HealthCheck, given, settings

import symgrad as sg
from symgrad.calculus.enclose import BallEvaluator
from symgrad.calculus.explicit import explicit_symbol
from symgrad.rigor.balls import to_ball, working_precision
from tests.calculus.expressions import Case, m, models, n, numeric, random_point


def assert_same(case: Case, found: sp.Matrix) -> None:
    """Equal at a random rational point to many more digits than any wrong formula could share."""
    expected = sp.Matrix.vstack(*case.updates).jacobian(sp.Matrix.vstack(*case.states))
    assert found.shape == expected.shape
    point = random_point(case.states)
    pairs = zip(numeric(found.xreplace(case.values), point), numeric(expected, point), strict=True)
    assert all(abs(left - right) <= mpmath.mpf(10) ** -30 * (1 + abs(right)) for left, right in pairs)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(models(size=2))
def test_random_models_of_size_two(case):
    assert_same(case, sg.jacobian(case.model).explicit(2))


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(models(size=2))
def test_more_random_models_of_size_two(case):
    assert_same(case, sg.jacobian(case.model).explicit(2))


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(models(size=3, depth=3))
def test_random_models_of_size_three(case):
    assert_same(case, sg.jacobian(case.model).explicit(3))


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(models(size=3, depth=3))
def test_more_random_models_of_size_three(case):
    assert_same(case, sg.jacobian(case.model).explicit(3))


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(models(size=2))
def test_round_trip_through_sympy_of_symbolic_size(case):
    assert_round_trip(case)


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(models(size=2))
def test_more_round_trips_through_sympy_of_symbolic_size(case):
    assert_round_trip(case)


def assert_round_trip(case):
    jacobian = sg.jacobian(case.model)
    sized = jacobian.to_sympy().xreplace({n: sp.Integer(2), m: sp.Integer(2)})
    found = sp.Matrix(sized.as_explicit()).applyfunc(lambda entry: entry.doit())
    point = random_point(case.states)
    pairs = zip(numeric(found.xreplace(case.values), point), numeric(entries(jacobian, 2, case), point), strict=True)
    assert all(abs(left - right) <= mpmath.mpf(10) ** -30 * (1 + abs(right)) for left, right in pairs)


def entries(jacobian: sg.Jacobian, size: int, case: Case) -> sp.Matrix:
    return sp.Matrix(jacobian.explicit(size).xreplace(case.values))


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(models(size=2))
def test_balls_contain_the_exact_values(case):
    assert_balls_contain_values(case)


@pytest.mark.slow
@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(models(size=2))
def test_balls_contain_more_exact_values(case):
    assert_balls_contain_values(case)


def assert_balls_contain_values(case):
    jacobian = sg.jacobian(case.model)
    point = random_point(case.states)
    exact = numeric(entries(jacobian, 2, case), point, digits=60)
    found = ball_entries(jacobian, {**case.values, **point}, size=2)
    for value, ball in zip(exact, found, strict=True):
        assert ball.is_finite()
        assert ball.rad() <= 2.0**-60 * (1 + abs(float(value)))
        with mpmath.workdps(60):
            middle, radius = (mpmath.mpf(sp.Rational(*part).p) / sp.Rational(*part).q for part in ball_parts(ball))
            assert abs(value - middle) <= radius + mpmath.mpf(10) ** -50 * (1 + abs(value))


def ball_parts(ball: arb) -> list[tuple[int, int]]:
    pairs = [part.fmpq() for part in (ball.mid(), ball.rad())]
    return [(int(pair.p), int(pair.q)) for pair in pairs]


def ball_entries(jacobian: sg.Jacobian, values: dict[sp.Expr, sp.Rational], size: int) -> list[arb]:
    """The Jacobian in balls at 128 bits, every symbol enclosed around a rational that no float holds."""
    with working_precision(128):
        symbols = {
            symbol: arb_mat(
                [
                    [
                        to_ball(explicit_symbol(symbol, {n: size, m: size}).xreplace(values)[i, j])
                        for j in range(columns)
                    ]
                    for i in range(rows)
                ]
            )
            for symbol in jacobian.model.variables + jacobian.model.parameters
            for rows, columns in [explicit_symbol(symbol, {n: size, m: size}).shape]
        }
        evaluator = BallEvaluator(symbols, {n: size, m: size})
        rows = [[evaluator.operator(block) for block in row] for row in jacobian.blocks]
        return [block[i, j] for row in rows for i in range(size) for block in row for j in range(size)]


def test_numerator_layout_and_order_of_blocks():
    W, V = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("V", n, m)
    x, y = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("y", m, 1)
    jacobian = sg.jacobian(sg.Recurrence({x: W * x + V * y, y: y}))
    explicit = jacobian.explicit(n=2, m=3)
    assert explicit.shape == (5, 5)
    assert explicit[0, 1] == sp.MatrixSymbol("W", 2, 2)[0, 1]
    assert explicit[1, 0] == sp.MatrixSymbol("W", 2, 2)[1, 0]
    assert explicit[1, 4] == sp.MatrixSymbol("V", 2, 3)[1, 2]
    assert explicit[4, 1] == 0
    assert jacobian.block("x", "y").shape == (n, m)
    assert jacobian.block(y, x).shape == (m, n)
    assert sg.jacobian(sg.Recurrence({x: W * x})).to_sympy() == W
    with pytest.raises(sg.UnknownNameError, match="unknown symbol of model recurrence 'z'"):
        jacobian.block("z", "x")


@pytest.mark.parametrize(
    ("arguments", "sizes", "message"),
    [
        ((), {}, "size m: a positive integer is needed, got None"),
        ((0,), {}, "size m: a positive integer is needed, got 0"),
        ((2.0,), {}, "got 2.0"),
        ((True,), {}, "got True"),
        ((2,), {"k": 3}, "unknown size of model .* 'k'"),
        ((), {"n": 2.5}, "got 2.5"),
    ],
)
def test_sizes_are_checked(arguments, sizes, message):
    W, U = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("U", n, m)
    x, u = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("u", m, 1)
    jacobian = sg.jacobian(sg.Recurrence({x: W * x + U * u}, inputs=[u]))
    with pytest.raises(sg.InputError, match=message):
        jacobian.explicit(*arguments, **sizes)


def test_one_named_size_stands_for_the_others():
    W, U = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("U", n, m)
    x, u = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("u", m, 1)
    jacobian = sg.jacobian(sg.Recurrence({x: sg.hadamard(W * x, U * u)}, inputs=[u]))
    assert jacobian.explicit(n=2) == jacobian.explicit(2) == jacobian.explicit(n=2, m=2)


def test_only_recurrences_have_a_jacobian():
    with pytest.raises(sg.InputError, match="model: a Recurrence is needed, got str 'lstm'"):
        sg.jacobian("lstm")


class TestWhereSympyStops:
    """Expressions of symbolic size that SymPy's own matrix derivative refuses or transposes."""

    W, x, b = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("b", n, 1)
    tanh, sigmoid = sg.activation("tanh"), sg.activation("sigmoid")

    def check(self, update: sp.Expr, by_hand: Callable[[sp.Matrix, sp.Matrix, sp.Matrix], sp.Matrix]) -> None:
        W, x, b = (sp.Matrix(explicit_symbol(symbol, {n: 3})) for symbol in (self.W, self.x, self.b))
        expected = by_hand(W, x, b).jacobian(x)
        found = sp.Matrix(sg.jacobian(sg.Recurrence({self.x: update})).explicit(3))
        draw = Random(3)
        point = {entry: sp.Rational(draw.randint(-20, 20), 21) for part in (W, x, b) for entry in part}
        for left, right in zip(numeric(found, point), numeric(expected, point), strict=True):
            assert abs(left - right) < mpmath.mpf(10) ** -30

    def test_one_step_is_not_transposed(self):
        self.check(self.tanh(self.W * self.x + self.b), lambda W, x, b: (W * x + b).applyfunc(sp.tanh))

    @pytest.mark.parametrize("steps", [2, 3])
    def test_several_steps(self, steps):
        def by_hand(W: sp.Matrix, x: sp.Matrix, b: sp.Matrix) -> sp.Matrix:
            for _ in range(steps):
                x = (W * x + b).applyfunc(sp.tanh)
            return x

        update = self.x
        for _ in range(steps):
            update = self.tanh(self.W * update + self.b)
        self.check(update, by_hand)

    def test_residual(self):
        self.check(self.x + self.tanh(self.W * self.x), lambda W, x, b: x + (W * x).applyfunc(sp.tanh))

    def test_gate(self):
        self.check(
            sg.hadamard(self.sigmoid(self.W * self.x), self.x),
            lambda W, x, b: (W * x).applyfunc(lambda t: 1 / (1 + sp.exp(-t))).multiply_elementwise(x),
        )

    def test_two_gates(self):
        self.check(
            sg.hadamard(self.tanh(self.W * self.x), self.tanh(self.W * self.x + self.b)),
            lambda W, x, b: (W * x).applyfunc(sp.tanh).multiply_elementwise((W * x + b).applyfunc(sp.tanh)),
        )
