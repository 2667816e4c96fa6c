"""Formulas from text: the grammar against Python's own, and refusal of everything else."""

from __future__ import annotations

import contextlib
import math
import time
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.errors import InputError, SymgradError
from symgrad.language.activations import activation, activation_names
from symgrad.language.elementwise import written_out
from symgrad.language.formula_functions import function_names
from symgrad.language.parse import parse_equation, parse_expression

X = sp.Symbol("x", real=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-x^2", -(X**2)),
        ("-x**2 + 3", 3 - X**2),
        ("2^-1", sp.Rational(1, 2)),
        ("2^3^2", sp.Integer(512)),
        ("(2^3)^2", sp.Integer(64)),
        ("1 - 2 - 3", sp.Integer(-4)),
        ("8/4/2", sp.Integer(1)),
        ("- -+x", X),
        ("2*-x", -2 * X),
        ("0.1", sp.Rational(1, 10)),
        (".5e1*x", 5 * X),
        ("1/3*x", X / 3),
        ("e^x", sp.exp(X)),
        ("log(x, 2)", sp.log(X) / sp.log(2)),
        ("sqrt(x)", sp.sqrt(X)),
        ("max(x, 0, 1)", sp.Max(X, 1)),
        ("sin(pi/2)", sp.Integer(1)),
        (" x\n+\t1 ", X + 1),
    ],
)
def test_means_what_it_says(text: str, expected: sp.Expr) -> None:
    assert parse_expression(text) == expected


def test_every_function_and_activation_has_its_value() -> None:
    at = 0.625
    own = {name: getattr(math, name) for name in function_names() if hasattr(math, name)}
    own |= {"ln": math.log, "log": math.log, "abs": abs, "sigmoid": lambda z: 1 / (1 + math.exp(-z))}
    skipped = {"acosh", "e"}
    for name in set(own) - skipped:
        found = written_out(parse_expression(f"{name}(x)"))
        assert float(found.subs(X, at)) == pytest.approx(own[name](at), rel=1e-14), name
    for name in activation_names():
        found = written_out(parse_expression(f"{name}(x)"))
        z = activation(name).variable
        expected = activation(name).expr.xreplace({z: sp.Rational(5, 8)})
        assert sp.N(found.subs(X, sp.Rational(5, 8)) - expected, 20) == pytest.approx(0, abs=1e-18), name


def test_parameters_of_activations_follow_the_argument() -> None:
    assert written_out(parse_expression("leaky_relu(x, 0.2)")).subs(X, -5) == -1


def test_symbols() -> None:
    plain = sp.Symbol("w")
    assert parse_expression("w*x", [plain, "x"]) == plain * X
    assert parse_expression("e*x", ["e", "x"]).free_symbols == {X, sp.Symbol("e", real=True)}
    with pytest.raises(InputError, match="unknown name 'y'; known are e, pi, x"):
        parse_expression("x + y", ["x"])


def test_equations() -> None:
    equation = parse_equation("x = ln(x/(1-x)) - 5*x")
    assert isinstance(equation, sp.Equality)
    assert equation.lhs == X
    assert equation.rhs == sp.log(X / (1 - X)) - 5 * X
    assert isinstance(parse_equation("x = x"), sp.Equality)
    for text in ("x", "x = 1 = 2", "x == 1", "= x", "x =", "x = 1,"):
        with pytest.raises(InputError, match="at character"):
            parse_equation(text)


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("__import__('os')", 1, "'_' is not accepted"),
        ("x.real", 2, "'.' is not accepted"),
        ("x[0]", 2, r"'\[' is not accepted"),
        ("'x'", 1, "is not accepted"),
        ("lambda: 0", 7, "':' is not accepted"),
        ("x; y", 2, "';' is not accepted"),
        ("x\x00", 2, r"'\\x00' is not accepted"),
        ("x \u2212 1", 3, r"'\\u2212' is not accepted"),
        ("\uff58", 1, r"'\\uff58' is not accepted"),
        ("2x", 2, "a sign is missing"),
        ("x x", 3, "a sign is missing"),
        ("(x)(x)", 4, "a sign is missing"),
        ("2 pi", 3, "a sign is missing"),
        ("eval(x)", 1, "unknown function 'eval'"),
        ("sigmod(x)", 1, "did you mean sigmoid"),
        ("x(1 + x)", 1, "products are written with"),
        ("sin", 1, "is a function"),
        ("sin()", 5, "a number, a name"),
        ("sin(x, x)", 1, "takes 1 arguments, got 2"),
        ("(x", 3, "a parenthesis is open"),
        ("x)", 2, "ends before"),
        ("", 1, "got the end"),
        ("1/0", 2, "division by zero"),
        ("1/(x - x)", 2, "division by zero"),
        ("ln(0)", 1, "no"),
        ("sqrt(-1)", 1, "not a finite real"),
        ("asin(2)", 1, "not a finite real"),
        ("9**9**9", 2, "so many digits"),
        ("x^1000000", 2, "an exponent beyond 100"),
        ("((x^99)^99)", 8, "an exponent beyond 100"),
        ("exp(exp(exp(9)))", 5, "exp of a constant beyond"),
        ("exp(1000000000000*ln(2))", 1, "exp of a constant beyond"),
        ("10^600*10^600", 7, "beyond 10"),
        ("1e9999", 1, "power of ten"),
        ("1" * 61, 1, "at most 60 characters"),
        ("a" * 41, 1, "at most 40 characters"),
        ("leaky_relu(x, x)", 1, "slope"),
    ],
)
def test_refused_with_the_place(text: str, position: int, reason: str) -> None:
    with pytest.raises(InputError, match=f"^formula: at character {position} of .*{reason}") as caught:
        parse_expression(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    "text", ["(" * 1500, "-" * 1500, "x^" * 900 + "x", "x+" * 999 + "x", "x" * 3000, "(" * 39 + "x"]
)
def test_long_and_deep_input_ends_soon(text: str) -> None:
    begin = time.perf_counter()
    with contextlib.suppress(SymgradError):
        parse_expression(text)
    assert time.perf_counter() - begin < 2


@pytest.mark.parametrize("given", [None, 3, b"x", ["x"], X])
def test_other_types_are_refused(given: Any) -> None:
    with pytest.raises(InputError, match="a formula as a string is needed"):
        parse_expression(given)


_SIGNS = ["+", "-", "*", "/", "^", "**", "(", ")", "(", ")", ",", "=", ".", "'", "\x00", "\u00b2", " "]
_PIECES = st.sampled_from([*function_names(), "x", "pi", "e", "_", "9", "0", "0.5", "1e300", *_SIGNS])


@settings(max_examples=150, deadline=2000, derandomize=True)
@given(st.one_of(st.text(max_size=40), st.lists(_PIECES, max_size=14).map("".join)))
def test_never_anything_but_an_expression_or_a_refusal(text: str) -> None:
    for parse in (parse_expression, parse_equation):
        try:
            found = parse(text)
        except SymgradError:
            continue
        assert isinstance(found, (sp.Expr, sp.Equality))


_DECIMALS = st.floats(0.01, 99).map(lambda value: f"{value:.4f}")
_LEAVES = st.one_of(st.integers(0, 20).map(str), st.sampled_from(["x", "0.5", "2.25", "pi"]), _DECIMALS)


def _joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    sums = st.tuples(parts, st.sampled_from([" + ", "-", "*", " * "]), parts).map("".join)
    calls = st.tuples(st.sampled_from(["sin", "tanh", "atan", "cos"]), parts).map(lambda both: f"{both[0]}({both[1]})")
    return st.one_of(sums, parts.map(lambda p: f"({p})"), parts.map(lambda p: f"-({p})"), calls)


@settings(max_examples=60, deadline=2000, derandomize=True)
@given(st.recursive(_LEAVES, _joined, max_leaves=8))
def test_agrees_with_python(text: str) -> None:
    names = {"x": 0.375, "pi": math.pi, "sin": math.sin, "tanh": math.tanh, "atan": math.atan, "cos": math.cos}
    expected = eval(text, {"__builtins__": {}}, names)
    assert float(parse_expression(text).subs(X, sp.Rational(3, 8))) == pytest.approx(expected, rel=1e-9, abs=1e-9)
