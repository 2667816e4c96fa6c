"""Direct paths against finite differences of simulated steps in which all weight matrices are zero."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.design.direct_paths import direct_paths, entering_gate

N, EPS = 3, 1e-6
GATED: dict[str, Callable[[], sg.Recurrence]] = {
    "lstm": sg.models.lstm,
    "coupled": lambda: sg.models.lstm(coupled=True),
    "peephole": lambda: sg.models.lstm(peephole=True),
    "gru": sg.models.gru,
    "highway": sg.models.highway,
    "leaky": sg.models.leaky,
    "residual": sg.models.residual,
    "two gates": lambda: own_cell(),
}


def own_cell() -> sg.Recurrence:
    """A cell that nobody published: it keeps ``arctan(b)`` of half the state and ``exp(-a**2)`` of the rest."""
    n = sp.Symbol("n", integer=True, positive=True)
    W = sp.MatrixSymbol("W", n, n)
    h, a, b = (sp.MatrixSymbol(name, n, 1) for name in "hab")
    kept = sg.hadamard(sg.activation("arctan")(W * h + b), h) / 2
    return sg.Recurrence({h: kept + sg.hadamard(sg.activation("gaussian")(a), h) + sg.activation("tanh")(W * h)})


def numbers(model: sg.Recurrence, seed: int = 0) -> dict[str, np.ndarray]:
    """Random biases and scalars, zero matrices; zero too what multiplies a state entry by entry."""
    source = np.random.default_rng(seed)
    values = {}
    for parameter in model.parameters:
        if isinstance(parameter, sp.Symbol):
            values[str(parameter)] = source.uniform(0.2, 0.8)
        elif parameter.shape[1] == 1:
            values[str(parameter)] = source.normal(size=N) * (not str(parameter).startswith("p_"))
        else:
            values[str(parameter)] = np.zeros((N, N))
    return values


def slope(model: sg.Recurrence, weights: dict[str, np.ndarray], state: str) -> np.ndarray:
    inputs = {str(u): np.zeros((1, N)) for u in model.inputs}
    steps = {"inputs": inputs} if inputs else {"steps": 1}
    ends = [sg.simulate(model, weights, initial={state: np.full(N, e)}, **steps).states[state][-1] for e in (EPS, -EPS)]
    return (ends[0] - ends[1]) / (2 * EPS)


@pytest.mark.parametrize("name", GATED)
def test_the_factor_is_the_derivative_without_weights(name: str) -> None:
    model = GATED[name]()
    weights = numbers(model)
    paths = direct_paths(model)
    assert paths
    for path in paths:
        for entry in range(N):
            values = {
                s: float(np.atleast_1d(weights[str(p)])[entry % np.size(weights[str(p)])])
                for s, p in path.parameters.items()
            }
            assert float(path.factor.subs(values)) == pytest.approx(
                slope(model, weights, str(path.state))[entry], abs=1e-8
            )


@pytest.mark.parametrize("model", [sg.models.elman(), sg.models.irnn(), sg.models.neuron(w=2, b=0)], ids=str)
def test_states_that_only_pass_through_weights_have_none(model: sg.Recurrence) -> None:
    assert direct_paths(model) == ()


def entering(content: str, kept: str = "sigmoid", more: bool = False) -> sp.Expr | None:
    """The factor of the gate that lets ``content`` in, of a cell that keeps ``kept(b) o h``."""
    n = sp.Symbol("n", integer=True, positive=True)
    h, b, c, W = *(sp.MatrixSymbol(name, n, 1) for name in "hbc"), sp.MatrixSymbol("W", n, n)
    let_in = sg.hadamard(sg.activation("sigmoid")(c), sg.activation(content)(W * h))
    model = sg.Recurrence({h: sg.hadamard(sg.activation(kept)(b), h) + let_in + (c if more else sp.ZeroMatrix(n, 1))})
    (path,) = direct_paths(model)
    gate = entering_gate(model, path)
    return None if gate is None else gate.factor


def test_the_entering_gate_is_the_only_gate_of_bounded_content() -> None:
    factor = entering("tanh")
    assert factor is not None
    assert float(factor.subs({s: 2 for s in factor.free_symbols})) == pytest.approx(1 / (1 + np.exp(-2)))
    assert entering("sin") is not None
    assert entering("relu") is None  # its content may grow
    assert entering("sigmoid") is None  # which of two gates is to close?
    assert entering("tanh", more=True) is None  # a bias is let in by no gate
