"""Back ends: what is chosen and refused, that settings outside stay, and derivatives by the libraries."""

from __future__ import annotations

import builtins
from threading import Barrier, Event, Thread
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.errors import InputError, SymgradError, UnknownNameError
from symgrad.language.weights import bind
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.backends import Backend
from symgrad.numerics.libraries import LIBRARIES
from symgrad.numerics.running import Batch, run
from symgrad.numerics.setting import Setting
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.simulate import simulate

HERE = ("numpy", "torch", "jax")
RANDOM = np.random.default_rng(5)
ELMAN = {"W": RANDOM.standard_normal((3, 3)), "U": RANDOM.standard_normal((3, 2)), "b": RANDOM.standard_normal(3)}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", HERE)
def test_numbers_go_there_and_back(name: str, dtype: str) -> None:
    pytest.importorskip(name)
    chosen = sg.backend(name, "cpu", dtype)
    given = RANDOM.standard_normal((2, 3)).astype(dtype)
    there = chosen.asarray(given)
    assert there.dtype == chosen.like.dtype
    back = chosen.numpy(there)
    assert back.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(back, given)
    with chosen.scope():
        assert chosen.xp.zeros(2, dtype=there.dtype).dtype == there.dtype
    assert chosen == sg.backend(chosen)
    assert str(chosen) == f"{name}, cpu, {dtype}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("numpy", "cuda"), "numpy has no 'cuda' .* there are: cpu"),
        (("torch", "nowhere"), "torch has no 'nowhere'"),
        (("torch", "cpu:x"), "torch has no 'cpu:x'"),
        (("torch", "meta"), "torch has no 'meta'"),
        (("jax", "cpu:7"), "jax has no 'cpu:7'"),
        (("jax", "cpu:-1"), "jax has no 'cpu:-1'"),
        (("numpy", 3), "device: a name .* got int 3"),
        (("numpy", None, "float16"), "float64 or float32 is needed, got 'float16'"),
        (("numpy", None, np.zeros(2)), "float64 or float32 is needed, got array"),
        ((7,), "numpy, torch, jax, cupy is needed, got int 7"),
    ],
)
def test_what_is_not_there_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    if isinstance(arguments[0], str):
        pytest.importorskip(arguments[0])
    with pytest.raises(InputError, match=message):
        sg.backend(*arguments)


def test_an_unknown_library_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="unknown backend 'nunpy': did you mean 'numpy'"):
        sg.backend("nunpy")


def test_a_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def without_torch(name: str, *rest: Any) -> Any:
        if name == "torch":
            raise ImportError(name)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    with pytest.raises(SymgradError, match=r"pip install 'symgrad\[torch\]'"):
        sg.backend("torch")


def test_a_back_end_and_other_wishes_contradict() -> None:
    with pytest.raises(InputError, match="states device and data type itself"):
        sg.backend(sg.backend("numpy"), dtype="float32")


@pytest.mark.parametrize("name", HERE)
def test_layers_of_different_widths_give_arrays_that_may_be_written_to(name: str) -> None:
    pytest.importorskip(name)
    random = np.random.default_rng(2)
    weights = {"W": [random.normal(size=shape) for shape in ((5, 3), (2, 5))], "b": [np.zeros(5), np.zeros(2)]}
    (states,) = simulate(sg.models.feedforward(), weights, initial={"x": np.ones(3)}, backend=name).states.values()
    expected = np.tanh(weights["W"][1] @ np.tanh(weights["W"][0] @ np.ones(3)))
    np.testing.assert_allclose(states[-1][:2], expected, rtol=1e-14)
    states[0] = 0.0


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_polygamma_has_all_digits_in_every_library(name: str, order: int) -> None:
    """PyTorch's trigamma has nine of sixteen, so that it is not what is used."""
    pytest.importorskip(name)
    points = np.concatenate([np.linspace(0.3, 9.0, 40), 10.0 ** np.arange(1, 9)])
    chosen = sg.backend(name)
    with chosen.scope():
        found = chosen.numpy(chosen.library.special()["polygamma"](order, chosen.asarray(points)))
    expected = [float(mpmath.polygamma(order, point)) for point in points]
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("given", [Backend("nunpy", None, "float64"), Backend("numpy", "cuda", "float64")])
def test_a_back_end_made_by_hand_is_checked_too(given: Backend) -> None:
    with pytest.raises(SymgradError, match=r"nunpy|numpy has no .cuda."):
        sg.backend(given)


@pytest.mark.parametrize("device", ["", "cpu:", "cpu:00", "cpu:-1", "CPU"])
def test_jax_takes_only_its_own_names_of_devices(device: str) -> None:
    pytest.importorskip("jax")
    with pytest.raises(InputError, match="device: jax has no"):
        sg.backend("jax", device)


def test_pytorch_differentiates_within_its_inference_mode_too() -> None:
    torch = pytest.importorskip("torch")
    chosen = sg.backend("torch")
    with torch.inference_mode():
        given = torch.ones(1, 2)
        with chosen.scope():
            squares = chosen.value_and_gradient(lambda arrays: (arrays[0] ** 2)[0, :])
            values, (gradient,) = squares([chosen.asarray(given)])
        assert torch.is_inference_mode_enabled()
    assert values.tolist() == [1.0, 1.0]
    assert gradient.tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize("name", ["W", "u", "h"])
@pytest.mark.parametrize("compute", [sg.simulate, sg.product_norms])
def test_numbers_beyond_float32_are_refused_there(compute: Any, name: str) -> None:
    numbers = {"W": np.eye(2), "U": np.eye(2), "b": np.zeros(2), "u": np.ones((3, 2)), "h": np.ones(2)}
    numbers[name] = 1e200 * numbers[name]
    weights = {key: numbers[key] for key in ("W", "U", "b")}
    with pytest.raises(InputError, match=rf"dtype: float32 does not hold all numbers of {name}, up to 1e\+200"):
        compute(sg.models.elman(), weights, numbers["u"], initial={"h": numbers["h"]}, dtype="float32")


def test_settings_outside_a_scope_stay() -> None:
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    before = torch.get_float32_matmul_precision(), jax.config.jax_enable_x64, np.geterr()
    for name in HERE:
        with pytest.raises(KeyError), sg.backend(name).scope():
            raise KeyError
    assert before == (torch.get_float32_matmul_precision(), jax.config.jax_enable_x64, np.geterr())


def test_settings_of_pytorch_stay_when_threads_compute_at_the_same_time() -> None:
    torch = pytest.importorskip("torch")
    before, library, entered = torch.get_float32_matmul_precision(), LIBRARIES["torch"], Barrier(2)

    def computes(last: Event) -> None:
        with library.scope(None):
            entered.wait(10)
            last.wait(10)

    try:
        torch.set_float32_matmul_precision("high")
        first, second = Event(), Event()
        threads = [Thread(target=computes, args=(leave,)) for leave in (first, second)]
        for thread in threads:
            thread.start()
        for thread, leave in zip(threads, (first, second), strict=True):
            leave.set()
            thread.join()
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(
    ("name", "model", "compiled"), [("torch", "lstm", False), ("jax", "elman", False), ("jax", "lstm", True)]
)
def test_gradients_through_a_simulation(name: str, model: str, compiled: bool) -> None:
    """The derivative of the last state along every input against central differences."""
    pytest.importorskip(name)
    recurrence = getattr(sg.models, model)()
    weights = bind(recurrence, _drawn(recurrence), recurrence.parameters)
    updates = shared_nodes(recurrence).updates
    start = {s: RANDOM.standard_normal((3, 2, 1)) for s in recurrence.states}
    inputs = RANDOM.standard_normal((4, 2, 2, 1))
    chosen = sg.backend(name, "cpu")

    def last(evaluator: ArrayEvaluator, u: Any) -> Any:
        states = run(evaluator, updates, Batch(start, {recurrence.inputs[0]: u}, 4))
        return evaluator.xp.sum(next(iter(states.values()))[-1] ** 2, axis=(0, 2))

    evaluator = Setting(recurrence, weights).on(chosen)
    with chosen.scope():
        both = chosen.value_and_gradient(lambda arrays: last(evaluator, arrays[0]), compiled)
        values, (gradient,) = both([chosen.asarray(inputs)])
    host, gradient = ArrayEvaluator.of_weights(weights), chosen.numpy(gradient)
    np.testing.assert_allclose(chosen.numpy(values), last(host, inputs), rtol=1e-12)
    for place in np.ndindex(2, 2, 2):
        moved = np.zeros_like(inputs)
        moved[(*place, 0)] = 1e-6
        slope = (last(host, inputs + moved) - last(host, inputs - moved)).sum() / 2e-6
        assert gradient[(*place, 0)] == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_numpy_has_no_derivatives() -> None:
    chosen = sg.backend("numpy")
    assert not chosen.has_autodiff
    with pytest.raises(InputError, match="no automatic differentiation"):
        chosen.value_and_gradient(lambda arrays: arrays[0])


@pytest.mark.parametrize("name", HERE)
def test_float32_stays_float32_and_results_are_on_the_host(name: str) -> None:
    pytest.importorskip(name)
    inputs = RANDOM.standard_normal((2, 5, 2))
    exact = simulate(sg.models.elman(), ELMAN, inputs)
    single = simulate(sg.models.elman(), ELMAN, inputs, backend=name, dtype="float32")
    assert type(single.states["h"]) is np.ndarray
    assert single.states["h"].dtype == np.float32
    np.testing.assert_allclose(single.states["h"], exact.states["h"], atol=1e-5)
    assert (single.states["h"] != exact.states["h"]).any()


@pytest.mark.parametrize("name", HERE)
def test_an_update_to_a_constant_and_no_steps(name: str) -> None:
    pytest.importorskip(name)
    n = sp.Symbol("n", integer=True, positive=True)
    h, b = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("b", n, 1)
    constant = simulate(
        sg.Recurrence({h: b}), {"b": [1.0, 2.0]}, initial={"h": np.zeros((3, 2))}, steps=2, backend=name
    )
    np.testing.assert_array_equal(constant.states["h"][1:], np.broadcast_to([1.0, 2.0], (2, 3, 2)))
    model = sg.models.elman()
    none = simulate(model, ELMAN, np.zeros((3, 0, 2)), initial={"h": np.ones(3)}, backend=name)
    np.testing.assert_array_equal(none.states["h"], np.ones((1, 3, 3)))


def _drawn(model: sg.Recurrence) -> dict[str, Any]:
    sizes = {s: 2 if str(s) == "m" else 3 for s in model.sizes}
    shapes = {s: tuple(int(d.xreplace(sizes)) for d in s.shape) for s in model.parameters}
    drawn = {str(s): RANDOM.standard_normal(shape) for s, shape in shapes.items()}
    return {name: array[:, 0] if array.shape[1] == 1 else array for name, array in drawn.items()}


def test_every_library_has_all_special_functions_or_none() -> None:
    for name in HERE:
        pytest.importorskip(name)
        assert set(LIBRARIES[name].special()) == {"expit", "erf", "erfc", "gamma", "gammaln", "polygamma"}
