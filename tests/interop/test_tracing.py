"""The algebra of block matrices that programs are traced with, against numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.interop.tracing import Trace, Traced, TraceRefusal, traced_recurrence

N, M = 4, 3
RNG = np.random.default_rng(0)
W, U, B = RNG.normal(size=(N, N)), RNG.normal(size=(N, M)), RNG.normal(size=N)
ROW = RNG.normal(size=(1, N))
TANH = sg.activation("tanh")


def wide(t: Trace, h: Any, u: Any) -> Traced:
    return t.apply(TANH, t.add(t.matmul(t.parameter("W", W), h), t.matmul(t.parameter("U", U), u)))


def scalar(t: Trace, h: Any, u: Any) -> Traced:
    alpha = t.parameter("alpha", 0.3)
    return t.add(t.multiply(alpha, h), t.multiply(t.subtract(sp.S.One, alpha), t.parameter("b", B)))


def turned(t: Trace, h: Any, u: Any) -> Traced:
    return t.concatenated([t.piece(h, 1, N), t.piece(h, 0, 1)])


def row(t: Trace, h: Any, u: Any) -> Traced:
    both = t.add(t.matmul(t.parameter("r", ROW), h), t.total(u))
    return t.multiply(t.expanded(both, N), t.parameter("r", ROW).transposed)


def mixed(t: Trace, h: Any, u: Any) -> Traced:
    cut = t.piece(t.parameter("W", W), 1, 3, axis=1)
    low = t.matmul(cut, t.piece(h, 2, 4))
    return t.subtract(t.divide(low, sp.Integer(3)), t.power(t.matmul(t.parameter("W", W).transposed, h), sp.Integer(2)))


CASES: dict[str, tuple[Callable[..., Traced], Callable[[Any, Any], Any]]] = {
    "wide": (wide, lambda h, u: np.tanh(W @ h + U @ u)),
    "scalar": (scalar, lambda h, u: 0.3 * h + 0.7 * B),
    "turned": (turned, lambda h, u: np.roll(h, -1)),
    "row": (row, lambda h, u: (ROW[0] @ h + u.sum()) * ROW[0]),
    "mixed": (mixed, lambda h, u: W[:, 1:3] @ h[2:] / 3 - (W.T @ h) ** 2),
    "constant": (lambda t, h, u: t.number(2), lambda h, u: np.full(N, 2.0)),
    "unchanged": (lambda t, h, u: h, lambda h, u: h),
    "cancelled": (lambda t, h, u: t.subtract(t.add(h, t.parameter("b", B)), h), lambda h, u: B),
}


@pytest.mark.parametrize("name", CASES)
def test_traced_programs_compute_what_numpy_does(name: str) -> None:
    program, expected = CASES[name]
    model, weights = traced_recurrence(lambda t: [program(t, t.vector("h", N), t.vector("u", M))], {"h": N}, {"u": M})
    h, u = RNG.normal(size=N), RNG.normal(size=M)
    starts = dict(zip(map(str, model.states), np.split(h, cuts(model.states)), strict=True))
    fed = dict(zip(map(str, model.inputs), (part[None] for part in np.split(u, cuts(model.inputs))), strict=True))
    run = sg.simulate(model, weights, fed, initial=starts)
    found = np.concatenate([run.states[str(state)][-1] for state in model.states])
    assert np.abs(found - expected(h, u)).max() < 1e-13
    assert set(weights) == {str(symbol) for symbol in model.parameters}


def cuts(symbols: Any) -> np.ndarray:
    return np.cumsum([int(symbol.shape[0]) for symbol in symbols])[:-1]


def test_cut_symbols_come_in_pieces_that_are_named_in_order() -> None:
    model, weights = traced_recurrence(lambda t: [turned(t, t.vector("h", N), None)], {"h": N}, {})
    assert [str(state) for state in model.states] == ["h_0", "h_1", "h_2", "h_3"]

    def half(t: Trace) -> list[Traced]:
        return [t.piece(t.matmul(t.parameter("G", np.vstack([W, W]), "g"), t.vector("h", N)), N, 2 * N)]

    model, weights = traced_recurrence(half, {"h": N}, {})
    assert {name: array.shape for name, array in weights.items()} == {"G_1": (N, N)}
    assert model.stacked == {}  # the first half of the tensor is in no formula


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (lambda t: [t.add(t.vector("h", N), t.vector("u", M))], "do not fit"),
        (lambda t: [t.matmul(t.parameter("U", U), t.vector("h", N))], "cannot be multiplied"),
        (lambda t: [t.piece(t.vector("h", N), 2, 9)], "2 to 9 of 4"),
        (lambda t: [t.vector("u", M)], r"the next h has shape \(3, 1\)"),
        (lambda t: [], "0 next states"),
        (lambda t: [t.divide(t.vector("h", N), sp.S.Zero)], "division by zero"),
        (lambda t: [t.multiply(t.number(float("inf")), t.vector("h", N))], "finite real number"),
        (lambda t: [t.parameter("T", np.zeros((2, 2, 2)))], "scalars, vectors and matrices"),
    ],
)
def test_what_has_no_form_is_refused_with_a_reason(program: Callable[[Trace], Any], words: str) -> None:
    with pytest.raises(TraceRefusal, match=words):
        traced_recurrence(program, {"h": N}, {"u": M})


def test_a_symbol_in_too_many_pieces_is_refused() -> None:
    size = 80

    def shuffled(t: Trace) -> list[Traced]:
        h = t.vector("h", size)
        return [t.concatenated([t.piece(h, place, place + 1) for place in reversed(range(size))])]

    with pytest.raises(TraceRefusal, match="h is cut into more than 64 pieces"):
        traced_recurrence(shuffled, {"h": size}, {})
