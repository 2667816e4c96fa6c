"""Random vector expressions in two forms: as a user writes them with symbolic sizes, and written out in entries.

The entries are formed here by plain SymPy matrix arithmetic and formulas typed a second time, so that comparing with
them tests the library and not one piece of it against another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

import mpmath
import sympy as sp
from hypothesis import strategies as st
from sympy.matrices.expressions.hadamard import HadamardPower

import symgrad as sg

n, m = sp.symbols("n m", integer=True, positive=True)
g, a = sp.symbols("g a", positive=True)
z = sp.Symbol("z", real=True)
MINE = sg.Activation("mine", z / (1 + z**2))

SMOOTH: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "tanh": (sg.activation("tanh"), sp.tanh),
    "sigmoid": (sg.activation("sigmoid"), lambda x: 1 / (1 + sp.exp(-x))),
    "silu": (sg.activation("silu"), lambda x: x / (1 + sp.exp(-x))),
    "softplus": (sg.activation("softplus"), lambda x: sp.log(1 + sp.exp(x))),
    "erf": (sg.activation("erf"), sp.erf),
    "gaussian": (sg.activation("gaussian"), lambda x: sp.exp(-(x**2))),
    "sin": (sg.activation("sin"), sp.sin),
    "mine": (MINE, lambda x: x / (1 + x**2)),
}


@dataclass(frozen=True)
class Pair:
    """One matrix twice: of symbolic size, and written out."""

    symbolic: Any
    explicit: sp.Matrix


class Sizes:
    """The symbols of one family of models at given sizes; parameters are written out as random rationals."""

    def __init__(self, size: int) -> None:
        self.numbers = {n: size, m: size}
        self.values: dict[sp.Expr, sp.Rational] = {g: sp.Rational(3, 7), a: sp.Rational(5, 4)}

    def matrix(self, name: str, rows: sp.Expr = n, columns: sp.Expr = n) -> Pair:
        entries = self._entries(name, rows, columns)
        draw = Random(name)
        for entry in entries:
            self.values[entry] = sp.Rational(draw.choice([-1, 1]) * draw.randint(1, 40), 41)
        return Pair(sp.MatrixSymbol(name, rows, columns), entries.xreplace(self.values))

    def state(self, name: str) -> Pair:
        return Pair(sp.MatrixSymbol(name, n, 1), self._entries(name, n, sp.S.One))

    def _entries(self, name: str, rows: sp.Expr, columns: sp.Expr) -> sp.Matrix:
        shape = (self.numbers.get(rows, rows), self.numbers.get(columns, columns))
        return sp.Matrix(sp.MatrixSymbol(name, *shape).as_explicit())

    def vector(self, name: str, size: sp.Expr = n) -> Pair:
        return self.matrix(name, size, sp.S.One)

    @property
    def eye(self) -> Pair:
        return Pair(sp.Identity(n), sp.eye(self.numbers[n]))


@lru_cache
def constants(sizes: Sizes) -> list[Pair]:
    """Matrix coefficients: symbols and expressions in them."""
    W, A, B, eye = sizes.matrix("W"), sizes.matrix("A"), sizes.matrix("B"), sizes.eye
    b, v, G = sizes.vector("b"), sizes.vector("v"), sizes.values[g]
    ones = Pair(sp.OneMatrix(n, n), sp.ones(*W.explicit.shape))

    def both(function: Callable[..., Any], *pairs: Pair) -> Pair:
        return Pair(function(*(p.symbolic for p in pairs)), function(*(p.explicit for p in pairs)))

    return [
        W,
        A,
        Pair(W.symbolic - W.symbolic.T - g * eye.symbolic, W.explicit - W.explicit.T - G * eye.explicit),
        both(lambda x, y: x * y, A, B),
        both(lambda w: w**2, W),
        both(lambda w: w.T * w, W),
        Pair(2 * eye.symbolic - g * W.symbolic, 2 * eye.explicit - G * W.explicit),
        both(lambda b, v: b * v.T, b, v),
        Pair(
            sp.Inverse(eye.symbolic + A.symbolic) * (eye.symbolic - A.symbolic),
            (eye.explicit + A.explicit).inv() * (eye.explicit - A.explicit),
        ),
        Pair(sp.DiagMatrix(b.symbolic), sp.diag(*b.explicit)),
        Pair(sp.HadamardProduct(W.symbolic, A.symbolic), W.explicit.multiply_elementwise(A.explicit)),
        both(lambda w, o: w + o, W, ones),
        Pair(sg.activation("tanh")(W.symbolic), W.explicit.applyfunc(sp.tanh)),
        eye,
    ]


def matrices(sizes: Sizes, gates: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    """Matrix coefficients: constant ones, and diagonals of what varies."""
    W, A, G = sizes.matrix("W"), sizes.matrix("A"), sizes.values[g]
    varying = [
        lambda p: Pair(sp.DiagMatrix(p.symbolic), sp.diag(*p.explicit)),
        lambda p: Pair(
            W.symbolic * sp.DiagMatrix(p.symbolic) * A.symbolic, W.explicit * sp.diag(*p.explicit) * A.explicit
        ),
        lambda p: Pair(sp.DiagMatrix(p.symbolic) - g * W.symbolic, sp.diag(*p.explicit) - G * W.explicit),
    ]
    return st.one_of(
        st.sampled_from(constants(sizes)), st.builds(lambda make, p: make(p), st.sampled_from(varying), gates)
    )


def _leaves(sizes: Sizes, states: list[Pair], inputs: list[Pair]) -> st.SearchStrategy[Pair]:
    U = sizes.matrix("U", n, m)
    fed = [Pair(U.symbolic * u.symbolic, U.explicit * u.explicit) for u in inputs]
    ones = Pair(sp.OneMatrix(n, 1), sp.ones(sizes.numbers[n], 1))
    return st.sampled_from([*states, *states, *fed, sizes.vector("b"), sizes.vector("v"), ones])


def _activated(pair: Pair, name: str) -> Pair:
    function, formula = SMOOTH[name]
    return Pair(function(pair.symbolic), pair.explicit.applyfunc(formula))


def _hadamard(factors: list[Pair]) -> Pair:
    product = factors[0].explicit
    for factor in factors[1:]:
        product = product.multiply_elementwise(factor.explicit)
    return Pair(sg.hadamard(*(factor.symbolic for factor in factors)), product)


def _power(pair: Pair, exponent: int) -> Pair:
    return Pair(HadamardPower(pair.symbolic, exponent), pair.explicit.applyfunc(lambda x: x**exponent))


def _mapped(pair: Pair) -> Pair:
    function = sp.Lambda(z, z**2 * sp.cos(z) + 1)
    return Pair(pair.symbolic.applyfunc(function), pair.explicit.applyfunc(lambda x: x**2 * sp.cos(x) + 1))


def _applied(matrix: Pair, pair: Pair) -> Pair:
    return Pair(matrix.symbolic * pair.symbolic, matrix.explicit * pair.explicit)


def vectors(sizes: Sizes, states: list[Pair], inputs: list[Pair], depth: int = 4) -> st.SearchStrategy[Pair]:
    """Vector expressions over the given states and inputs."""
    scalars = st.sampled_from([sp.Integer(-2), sp.Rational(1, 3), g, 1 - g, a * g, sp.sqrt(2)])

    def larger(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
        return st.one_of(
            st.builds(_activated, inner, st.sampled_from(sorted(SMOOTH))),
            st.builds(lambda p, q: Pair(p.symbolic + q.symbolic, p.explicit + q.explicit), inner, inner),
            st.builds(lambda c, p: Pair(c * p.symbolic, c.xreplace(sizes.values) * p.explicit), scalars, inner),
            st.builds(_hadamard, st.lists(inner, min_size=2, max_size=3)),
            st.builds(_power, inner, st.sampled_from([2, 3])),
            st.builds(_mapped, inner),
            st.builds(_applied, matrices(sizes, inner), inner),
        )

    return st.recursive(_leaves(sizes, states, inputs), larger, max_leaves=depth)


@dataclass(frozen=True)
class Case:
    """A recurrence, its next states and states written out, and the numbers that stand for its parameters there."""

    model: sg.Recurrence
    updates: list[sp.Matrix]
    states: list[sp.Matrix]
    values: dict[sp.Expr, sp.Rational]


def models(size: int, depth: int = 4) -> st.SearchStrategy[Case]:
    """Recurrences of one to three states and up to two inputs."""
    sizes = Sizes(size)

    def build(states: list[Pair], inputs: list[Pair]) -> st.SearchStrategy[Any]:
        return st.lists(vectors(sizes, states, inputs, depth), min_size=len(states), max_size=len(states)).map(
            lambda updates: Case(
                sg.Recurrence(
                    {s.symbolic: p.symbolic for s, p in zip(states, updates, strict=True)},
                    inputs=[u.symbolic for u in inputs],
                ),
                [p.explicit for p in updates],
                [s.explicit for s in states],
                sizes.values,
            )
        )

    named = [[sizes.state(name) for name in names] for names in ("h", "hc", "hcx")]
    fed = [[sizes.vector(name, m) for name in names] for names in ("", "u", "uw")]
    return st.one_of([build(states, inputs) for states in named for inputs in fed])


NAMES: Mapping[str, Callable[[Any], Any]] = {
    "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}


def numeric(matrix: sp.Matrix, values: Mapping[sp.Expr, sp.Rational], digits: int = 40) -> list[mpmath.mpf]:
    """All entries at the given values of the symbols, by mpmath."""
    symbols = sorted(values, key=str)
    names = [sp.Symbol(f"x{i}", real=True) for i in range(len(symbols))]
    function = sp.lambdify(
        names, list(matrix.xreplace(dict(zip(symbols, names, strict=True)))), modules=[dict(NAMES), "mpmath"], cse=True
    )
    with mpmath.workdps(digits):
        return [mpmath.mpf(entry) for entry in function(*(mpmath.mpf(values[s].p) / values[s].q for s in symbols))]


def random_point(states: list[sp.Matrix], seed: int = 7) -> dict[sp.Expr, sp.Rational]:
    """Small rationals for the entries of states; none of them zero, so that no kink is met."""
    draw = Random(seed)
    return {x: sp.Rational(draw.choice([-1, 1]) * draw.randint(1, 40), 43) for state in states for x in state}
