"""Step functions written in JAX: values and Jacobians against the functions and ``jax.jacobian`` in float64."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import SymgradError
from symgrad.interop import jax_cells
from symgrad.interop.jax_checks import double_precision
from symgrad.language.weights import bind
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.products import products
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.simulate import Batch
from tests.interop.written_jax_cells import CELLS, FUNCTIONS

STEPS = 3
N = 3
W = {"W": np.random.default_rng(5).normal(size=(N, N)) / 2}
H, U = np.zeros(N), np.zeros(N)


def split(symbols: Any, values: np.ndarray) -> dict[str, np.ndarray]:
    """Values in the order of the entries, by the names of the symbols."""
    ends = np.cumsum([int(symbol.shape[0]) for symbol in symbols])[:-1]
    return dict(zip(map(str, symbols), np.split(values, ends, axis=-1), strict=True)) if symbols else {}


def steps_of(step: Callable[..., Any], params: Any, state: Any, input: Any, inputs: np.ndarray, row: bool) -> Any:
    """The states after all steps, as a function of all states' entries before; of a batch the only row."""
    leaves, structure = jax.tree_util.tree_flatten(state)
    shapes = [(1, *leaf.shape[1:]) if row else np.shape(leaf) for leaf in leaves]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1].tolist()

    def run(flat: Any) -> Any:
        parts = [part.reshape(shape) for part, shape in zip(jnp.split(flat, ends), shapes, strict=True)]
        own = jax.tree_util.tree_unflatten(structure, parts)
        for u in inputs:
            found = (
                step(params, own)
                if input is None
                else step(params, own, u[None] if row else u.reshape(np.shape(input)))
            )
            forms = [found, *(found if isinstance(found, tuple) else ())]
            own = next(part for part in forms if same_form(part, own))
        return jnp.concatenate([leaf.reshape(-1) for leaf in jax.tree_util.tree_leaves(own)])

    return run


def same_form(one: Any, other: Any) -> bool:
    shapes = [[jnp.shape(leaf) for leaf in jax.tree_util.tree_leaves(value)] for value in (one, other)]
    return jax.tree_util.tree_structure(one) == jax.tree_util.tree_structure(other) and shapes[0] == shapes[1]


def check(step: Callable[..., Any], params: Any, state: Any, input: Any, row: bool = False) -> sg.Recurrence:
    """Compare the recurrence with the function over several steps."""
    model, weights = sg.from_jax(step, params, state, input)
    rng = np.random.default_rng(1)
    start = rng.normal(size=sum(int(symbol.shape[0]) for symbol in model.states)) / 2
    inputs = rng.normal(size=(STEPS, sum(int(symbol.shape[0]) for symbol in model.inputs)))
    states, fed = split(model.states, start), split(model.inputs, inputs)
    found = sg.simulate(model, weights, fed, initial=states, **({} if fed else {"steps": STEPS}))
    got = np.concatenate([found.states[str(state)][-1] for state in model.states])
    with double_precision():
        run = steps_of(step, params, state, input, inputs, row)
        expected, slopes = (np.asarray(jax.jit(f)(start)) for f in (run, jax.jacobian(run)))
    assert np.abs(got - expected).max() < 1e-12 * (1 + np.abs(expected).max())
    assert np.abs(jacobian_at(model, weights, states, fed) - slopes).max() < 1e-12 * (1 + np.abs(slopes).max())
    return model


def jacobian_at(model: sg.Recurrence, weights: Any, start: Any, fed: Any) -> np.ndarray:
    """The product of the Jacobians of all steps."""
    evaluator = ArrayEvaluator.of_weights(bind(model, weights, model.parameters))
    run = sg.simulate(model, weights, fed, initial=start, **({} if fed else {"steps": STEPS}))
    states = {model.symbol(name): value[:, :, None, None] for name, value in run.states.items()}
    inputs = {model.symbol(name): value[:, :, None, None] for name, value in fed.items()}
    batch = Batch({symbol: array[0] for symbol, array in states.items()}, inputs, STEPS)
    *_, found = products(evaluator, shared_nodes(model).blocks, batch, states)
    return found.matrix[:, 0, :] * 2.0 ** found.exponent[0]


QUICK = ("lstm",)


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in CELLS])
def test_values_and_jacobians_equal_the_function(name: str) -> None:
    check(*CELLS[name], row=name in ("gru", "scan order"))


SOME = ("softplus", "elu 0.5", "exact gelu")


@pytest.mark.parametrize("own", [SOME, pytest.param(tuple(FUNCTIONS), marks=pytest.mark.slow)])
def test_scalar_functions_equal_the_function_and_have_their_names(own: tuple[str, ...]) -> None:
    names = {name.replace(" ", "_").replace(".", "_"): name for name in own}

    def step(params: Any, state: Any) -> Any:
        return {key: FUNCTIONS[name][0](state[key]) for key, name in names.items()}

    state = {key: np.zeros(1) for key in names}
    model = check(step, None, state, None) if own != SOME else sg.from_jax(step, None, state)[0]
    for key, name in names.items():
        symbol = model.symbol(key)
        assert str(model.updates[symbol]) == f"{FUNCTIONS[name][1]}({key})"


def test_symbols_are_called_as_the_parameters() -> None:
    model, weights = sg.from_jax(*CELLS["elman"])
    assert set(weights) == {"rec_W", "in", "b"}
    assert weights["rec_W"].dtype == np.float64
    assert [str(state) for state in model.states] == ["h"]
    assert [str(state) for state in sg.from_jax(*CELLS["lstm"])[0].states] == ["h", "c"]
    assert set(sg.from_jax(*CELLS["alone"])[1]) == {"params", "params_0_0"}


def test_a_parameter_with_the_name_of_a_state_gets_another() -> None:
    _, weights = sg.from_jax(lambda p, h, u: jnp.tanh(p["h"] @ h + p["u"] * u), {"h": W["W"], "u": H + 1}, H, U)
    assert set(weights) == {"h_", "u_"}


def test_numbers_may_be_scalars() -> None:
    model, _ = sg.from_jax(lambda p, h, u: jnp.tanh(p * h + u), 0.5, 0.0, 0.0)
    assert str(model) == "h[t] = tanh(p*h[t-1] + u[t])"


def test_float32_is_widened_exactly_and_the_setting_outside_stays() -> None:
    before = jax.config.jax_enable_x64
    params = {"W": jnp.asarray(W["W"], jnp.float32)}
    _, weights = sg.from_jax(lambda p, h, u: jnp.tanh(0.1 * (p["W"] @ h) + u), params, jnp.zeros(N), jnp.zeros(N))
    assert (weights["W"] == np.asarray(params["W"]).astype(np.float64)).all()
    assert jax.config.jax_enable_x64 == before
    assert jnp.zeros(1).dtype == jnp.float32


def test_numbers_of_the_closure_are_parameters_or_numbers() -> None:
    other = jnp.asarray(np.arange(9.0).reshape(3, 3), jnp.float32)
    model, weights = sg.from_jax(lambda p, h, u: jnp.tanh(other @ h + 2 * u), None, H, U)
    (name,) = weights
    assert (weights[name] == np.arange(9.0).reshape(3, 3)).all()
    assert str(model) == f"h[t] = tanh({name}*h[t-1] + 2*u[t])"


def test_what_only_the_output_needs_is_not_read() -> None:
    model, _ = sg.from_jax(lambda p, h, u: (p["W"] @ h, jnp.argmax(jax.nn.softmax(h))), W, H, U)
    assert str(model) == "h[t] = W*h[t-1]"


def test_a_diagnosis_takes_the_pair() -> None:
    found = sg.diagnose(sg.from_jax(*CELLS["elman"]), horizon=5, trajectories=2, remedies=False)
    assert found.layers[0].model.name == "elman"


def while_loop(p: Any, h: Any, u: Any) -> Any:
    return jax.lax.while_loop(lambda y: y.sum() < 1, lambda y: 2 * y + 1, h)


@jax.custom_jvp
def spike(x: Any) -> Any:
    return jnp.maximum(x, 0.0)


spike.defjvp(lambda primals, tangents: (spike(primals[0]), tangents[0] / (1 + jnp.abs(primals[0]))))

REFUSED: dict[str, tuple[Callable[..., Any], list[str]]] = {
    "softmax": (lambda p, h, u: jax.nn.softmax(p["W"] @ h) + u, ["reduce_max", "(3,)", "jax.nn.softmax(p"]),
    "while": (while_loop, ["while", "control flow that depends on data", "while_loop"]),
    "cond": (
        lambda p, h, u: jax.lax.cond(h[0] > 0, jnp.tanh, jnp.sin, h),
        ["cond", "control flow", "jax.lax.cond(h[0]"],
    ),
    "branch": (lambda p, h, u: h if h[0] > 0 else u, ["TracerBool", "h if h[0] > 0", "depends on data"]),
    "stopped gradient": (lambda p, h, u: jax.lax.stop_gradient(h) * u + h, ["stop_gradient", "Jacobian"]),
    "sort": (lambda p, h, u: jnp.sort(h) + u, ["sort", "cannot be traced"]),
    "jump": (lambda p, h, u: jnp.where(h > 0, 1.0, 0.0) + u, ["select_n", "jumps at 0"]),
    "condition": (lambda p, h, u: jnp.where(h > u, h * h, u), ["select_n"]),
    "places": (lambda p, h, u: h[jnp.argmax(h)] + u, ["argmax"]),
    "rounding": (lambda p, h, u: jnp.round(h) + u, ["round"]),
    "own rule": (lambda p, h, u: spike(p["W"] @ h) + u, ["custom_jvp", "not the derivative"]),
    "logarithm": (lambda p, h, u: jnp.log(h) + u, ["log", "not"]),
    "fails": (lambda p, h, u: p["V"] @ h, ["KeyError", "V", 'p["V"] @ h']),
    "larger": (lambda p, h, u: jnp.concatenate([h, u]), ["(6,)", "(3,)", "next state"]),
    "structure": (lambda p, h, u: {"h": h}, ["structure"]),
    "integers": (lambda p, h, u: (h > 0).astype(int), ["type int", "floats"]),
    "constant": (lambda p, h, u: h / 0.0, ["div"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_primitive_and_line(name: str) -> None:
    step, words = REFUSED[name]
    with pytest.raises(sg.InputError) as caught:
        sg.from_jax(step, W, H, U)
    assert str(caught.value).startswith("step_fn: ")
    assert [word for word in words if word not in str(caught.value)] == []


BAD = {
    "integer parameter": ({"W": np.eye(3, dtype=int)}, H, U, ["params['W']", "int"]),
    "complex parameter": ({"a": [W["W"] * 1j]}, H, U, ["params['a'][0]", "complex"]),
    "half precision": ({"W": jnp.ones((3, 3), jnp.bfloat16)}, H, U, ["params['W']", "bfloat16"]),
    "NaN": ({"W": W["W"] * np.nan}, H, U, ["params['W']", "9 of 9", "NaN"]),
    "infinite": ({"W": np.diag([np.inf, 1, 1])}, H, U, ["infinite"]),
    "word": ({"W": "tanh"}, H, U, ["params['W']", "str 'tanh'"]),
    "integer state": (W, np.zeros(3, int), U, ["state", "int"]),
    "integer input": (W, H, np.zeros(3, int), ["input", "int"]),
    "no state": (W, None, U, ["state", "None"]),
    "empty state": (W, np.zeros(0), U, ["state", "(0,)"]),
    "abstract": ({"W": jax.ShapeDtypeStruct((3, 3), np.float32)}, H, U, ["params['W']", "ShapeDtypeStruct"]),
    "size": ({"W": np.zeros((4, 4))}, H, U, ["step_fn", "p["]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name: str) -> None:
    *arguments, words = BAD[name]
    with pytest.raises(sg.InputError) as caught:
        sg.from_jax(lambda p, h, u: jnp.tanh(p["W"] @ h + u), *arguments)
    assert [word for word in words if word not in str(caught.value)] == []


def test_no_function() -> None:
    with pytest.raises(sg.InputError, match="step_fn"):
        sg.from_jax(None, W, H, U)


def test_rows_that_are_mixed_are_no_batch() -> None:
    def centred(p: Any, h: Any, u: Any) -> Any:
        return jnp.tanh((h - h.mean(0)) @ p["W"]) + u

    model, _ = sg.from_jax(centred, W, np.zeros((2, N)), np.zeros((2, N)))
    assert sum(int(state.shape[0]) for state in model.states) == 2 * N


def test_a_wrong_trace_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = jax_cells.traced_recurrence

    def wrong(*arguments: Any) -> Any:
        model, weights = right(*arguments)
        return model, {name: array * (1 + 1e-6) for name, array in weights.items()}

    monkeypatch.setattr(jax_cells, "traced_recurrence", wrong)
    with pytest.raises(sg.InputError, match="does not compute what its trace computes"):
        sg.from_jax(lambda p, h, u: jnp.tanh(p["W"] @ h + u), W, H, U)


def test_without_jax_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(SymgradError, match=r"symgrad\[jax\]"):
        sg.from_jax(lambda p, h, u: h, W, H, U)


def test_jax_is_not_loaded_with_symgrad() -> None:
    code = "import sys, symgrad; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
