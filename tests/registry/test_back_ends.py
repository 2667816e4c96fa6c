"""Every activation, model, stack and kind of layers on every back end against mpmath at 50 digits.

How far a float may be off is not guessed: ball arithmetic with four bits less than the data type has encloses all that
its roundings can do along the way, the sensitivity of the recurrence included.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from importlib.util import find_spec
from itertools import chain
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb_mat

import symgrad as sg
from symgrad.calculus.enclose import BallEvaluator, column_of_balls
from symgrad.language.elementwise import VARIABLE
from symgrad.language.weights import LayerWeights, Weights, bind
from symgrad.numerics.functions import array_function
from symgrad.numerics.libraries import LIBRARIES
from symgrad.numerics.multiprecision import product_log10_norms
from symgrad.numerics.multiprecision_formulas import formula_value
from symgrad.numerics.running import Batch
from symgrad.numerics.sharing import shared_nodes
from symgrad.rigor.balls import ball_function, upper_float, working_precision

BITS = {"float64": 53, "float32": 24}
SPARE = 4
STEPS = 4
L = 4
HERE = [name for name in LIBRARIES if find_spec(name)]
COMPILED = [name for name in HERE if name not in ("numpy", "torch")]  # the first call of each function takes long

MODELS = {
    **{name: getattr(sg.models, name)() for name in sg.models.names() if name not in ("feedforward", "neuron")},
    "neuron": sg.models.neuron(),
    "lstm with both": sg.models.lstm(peephole=True, coupled=True),
    "layers": sg.models.feedforward(L),
    "stack of gru and lstm": sg.stack([sg.models.gru(), sg.models.lstm()]),
    "stack of three": sg.stack([sg.models.elman("gelu"), sg.models.leaky(), sg.models.irnn()]),
}
THIN = ("lstm", "layers", "stack of three")


def cases(names: Any, compiled: tuple[str, ...] = ()) -> Iterator[Any]:
    for name in names:
        for library in HERE:
            for dtype in BITS:
                quick = name in THIN and (library not in COMPILED or (name in compiled and dtype == "float32"))
                yield pytest.param(name, library, dtype, marks=() if quick else pytest.mark.slow)


def single(array: Any) -> Any:
    """Numbers that both data types have."""
    return np.asarray(array, dtype=np.float32).astype(float)


def drawn(model: sg.Recurrence) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """Weights, inputs and initial states."""
    random = np.random.default_rng(11)
    sizes = {s: 2 if str(s).startswith("m") else 3 for s in model.sizes}

    def of(symbol: Any) -> Any:
        shape = tuple(int(sp.sympify(d).xreplace(sizes)) for d in getattr(symbol, "shape", ()))
        return shape[:1] if shape[1:] == (1,) else shape

    layers = () if model.depth is None else (L,)
    weights = {str(s): single(0.8 * abs(random.standard_normal(layers + of(s)))) for s in model.parameters}
    inputs = single(abs(random.standard_normal((STEPS, *of(model.inputs[0]))))) if model.inputs else None
    return weights, inputs, {str(s): single(abs(random.standard_normal(of(s)))) for s in model.states}


def walk(model: sg.Recurrence, bound: Weights, inputs: Any, start: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """At each step the evaluator in balls and the states that it leads to, at the working precision."""
    layers = bound.layers if isinstance(bound, LayerWeights) else (bound,) * STEPS
    states = {s: column_of_balls(np.atleast_1d(start[str(s)])) for s in model.states}
    for step in range(STEPS):
        point = BallEvaluator.of_weights(layers[step])
        point.values |= states | {s: column_of_balls(inputs[step]) for s in model.inputs}
        states = {s: point.vector(node) for s, node in model.nodes.items()}
        yield point, states


def radii(matrix: Any) -> list[float]:
    return [upper_float(entry.rad()) for entry in matrix.entries()]


def jacobian_in_balls(model: sg.Recurrence, point: BallEvaluator) -> Any:
    blocks = [[point.operator(entry).tolist() for entry in row] for row in shared_nodes(model).blocks]
    return arb_mat([list(chain(*parts)) for row in blocks for parts in zip(*row, strict=True)])


@pytest.mark.parametrize(("name", "library", "dtype"), list(cases(MODELS, compiled=("lstm",))))
def test_states_agree_with_fifty_digits(name: str, library: str, dtype: str) -> None:
    model = MODELS[name]
    weights, inputs, start = drawn(model)
    given = {"initial": start, "steps": None if model.inputs else STEPS}
    exact = sg.simulate(model, weights, inputs, **given, backend="mpmath")
    floats = sg.simulate(model, weights, inputs, **given, backend=library, dtype=dtype)
    bound = bind(model, weights, model.parameters)
    with working_precision(BITS[dtype] - SPARE):
        *_, (_, states) = walk(model, bound, inputs, start)
    for symbol, allowed in ((str(s), radii(column)) for s, column in states.items()):
        assert floats.states[symbol].dtype == np.dtype(dtype)
        last = np.atleast_1d(exact.states[symbol][-1])
        errors = [abs(float(entry) - float(x)) for entry, x in zip(floats.states[symbol][-1], last, strict=True)]
        if dtype == "float64":
            errors = [
                float(abs(mpmath.mpf(float(e)) - x)) for e, x in zip(floats.states[symbol][-1], last, strict=True)
            ]
        assert (np.array(errors) <= allowed).all(), (symbol, errors, allowed)
        assert max(allowed) < 2 ** (16 - BITS[dtype])  # so that agreement says something
        if dtype == "float32":
            assert max(errors) > 0 or name == "neuron"


@pytest.mark.parametrize(("name", "library", "dtype"), list(cases([*MODELS][:-5] + [*MODELS][-4:])))
def test_products_agree_with_fifty_digits(name: str, library: str, dtype: str) -> None:
    model = MODELS[name]
    weights, inputs, start = drawn(model)
    sizes = {s: 2 if str(s).startswith("m") else 3 for s in model.sizes}
    bound, nodes = bind(model, weights, model.parameters).with_sizes(sizes), shared_nodes(model)
    initial = {s: start[str(s)].reshape(-1, 1, 1) for s in model.states}
    batch = Batch(initial, {s: inputs[:, :, None, None] for s in model.inputs}, STEPS)
    given = {"steps": None if model.inputs else STEPS}
    exact = product_log10_norms(bound, nodes.updates, nodes.blocks, batch)
    found = sg.product_norms(
        model, weights, inputs, start, ks=[STEPS], method="dense", **given, backend=library, dtype=dtype
    )
    with working_precision(BITS[dtype] - SPARE):
        product = reduce(lambda p, step: jacobian_in_balls(model, step[0]) * p, walk(model, bound, inputs, start), 1)
    # Singular values move by no more than the perturbation's Frobenius norm, and the decomposition's rounding.
    rounding = product.nrows() * 2.0 ** (SPARE - BITS[dtype])
    allowed = np.linalg.norm(radii(product)) / 10.0 ** float(exact[-1, 0]) + rounding
    assert allowed < 2.0 ** (16 - BITS[dtype])
    assert found.log10[-1] * np.log(10) == pytest.approx(float(exact[-1, 0]) * np.log(10), rel=0, abs=allowed)


@pytest.mark.parametrize("name", sg.activation_names())
@pytest.mark.parametrize(
    "libraries",
    [[name for name in HERE if name not in COMPILED], pytest.param(COMPILED, marks=pytest.mark.slow)],
    ids=["quick", "compiled"],
)
def test_activations_and_slopes_agree_with_fifty_digits(name: str, libraries: list[str]) -> None:
    """At a precision of four bits less every rounding along the formula fits into the ball."""
    activation = sg.activation(name)
    for formula in (activation.expr, activation.derivative.expr):
        check_formula(formula, libraries)


def check_formula(formula: sp.Expr, libraries: list[str]) -> None:
    random = np.random.default_rng(3)
    points = single(np.concatenate([random.standard_normal(8) * 3, [0.0, 1.0, -1.0, 3.0, -30.0, 40.0, -40.0]]))
    with mpmath.workdps(50):
        exact = [formula_value(formula, {VARIABLE: mpmath.mpf(float(x))}) for x in points]
    for dtype, bits in BITS.items():
        with working_precision(bits - SPARE):
            balls = [ball_function(formula, VARIABLE)(float(x)) for x in points]
        least = 4 * np.finfo(dtype).tiny  # below, floats have fewer bits
        allowed = [
            upper_float(ball.rad()) + 2.0 ** (SPARE - bits) * abs(float(y)) + least
            for ball, y in zip(balls, exact, strict=True)
        ]
        for library in libraries:
            chosen = sg.backend(library, dtype=dtype)
            with chosen.scope():
                values = chosen.numpy(array_function(formula)(chosen.xp, chosen.asarray(points)))
            assert values.dtype == np.dtype(dtype)
            errors = [abs(mpmath.mpf(float(value)) - y) for value, y in zip(values, exact, strict=True)]
            assert all(error <= most for error, most in zip(errors, allowed, strict=True)), (library, dtype)
