"""Gates and saturation are read off any model; their statistics against PyTorch's own gates and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray

import symgrad as sg
from symgrad.diagnosis.gates import LEVELS, GateStatistics, gate_statistics
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.saturation import Saturation, saturation
from symgrad.errors import InputError

Array = NDArray[np.float64]
n, m = sp.symbols("n m", positive=True, integer=True)
H, C, U = sp.MatrixSymbol("h", n, 1), sp.MatrixSymbol("c", n, 1), sp.MatrixSymbol("u", m, 1)
SIGMOID, TANH = sg.activation("sigmoid"), sg.activation("tanh")
ONES = sp.OneMatrix(n, 1)


def affine(name: str) -> sp.MatrixExpr:
    W, V, b = sp.MatrixSymbol(f"{name}_W", n, n), sp.MatrixSymbol(f"{name}_U", n, m), sp.MatrixSymbol(f"{name}_b", n, 1)
    return W * H + V * U + b


def run_of(model: sg.Recurrence, size: int = 4, columns: int = 3, seed: int = 0) -> LayerRun:
    draw = np.random.default_rng(seed)
    known = {str(s): size for s in model.sizes} | {"m": columns}
    weights: dict[str, Any] = {}
    for parameter in model.parameters:
        shape = (
            []
            if isinstance(parameter, sp.Symbol)
            else [known[str(length)] for length in parameter.shape if length != 1]
        )
        weights[str(parameter)] = draw.standard_normal(shape) if shape else 0.3
    return LayerRun(model.name, model, weights, {"u": draw.standard_normal((3, 6, columns))})


def found(model: sg.Recurrence) -> dict[str, tuple[str | None, str | None]]:
    return {gate.name: (gate.carries, gate.carries_complement) for gate in gate_statistics(run_of(model))}


ZOO = {
    "elman": (sg.models.elman(), {}),
    "leaky": (sg.models.leaky(), {}),
    "lstm": (sg.models.lstm(), {"i": (None, None), "f": ("c", None), "o": (None, None)}),
    "peephole": (sg.models.lstm(peephole=True), {"i": (None, None), "f": ("c", None), "o": (None, None)}),
    "coupled": (sg.models.lstm(coupled=True), {"f": ("c", None), "o": (None, None)}),
    "gru": (sg.models.gru(), {"r": (None, None), "z": ("h", None)}),
    "highway": (sg.models.highway(), {"t": (None, "h")}),
}


@pytest.mark.parametrize("name", ZOO)
def test_the_gates_of_the_catalogue(name: str) -> None:
    model, expected = ZOO[name]
    assert found(model) == expected


def test_a_stack_keeps_the_names_of_its_layers_out() -> None:
    model = sg.stack([sg.models.lstm(), sg.models.gru()])
    run = run_of(model)
    assert [gate.carries for gate in gate_statistics(run) if gate.carries] == ["c_l0", "h_l1"]


z, r = SIGMOID(affine("update")), SIGMOID(affine("reset"))
candidate = TANH(affine("candidate"))
WRITTEN = {
    "sum": sg.hadamard(z, H) + sg.hadamard(ONES - z, candidate),
    "difference": H + sg.hadamard(ONES - z, candidate - H),
    "other way": candidate + sg.hadamard(z, H - candidate),
    "diagonal": sp.DiagMatrix(z) * H + sp.DiagMatrix(ONES - z) * candidate,
    "halved": sg.hadamard(z, H) + sg.hadamard(ONES - z, candidate) / 2,
    "residual": H + sg.hadamard(z, H) - H + candidate,
}


@pytest.mark.parametrize("way", WRITTEN)
def test_however_a_gate_is_written(way: str) -> None:
    assert found(sg.Recurrence({H: WRITTEN[way]}, inputs=[U])) == {"update": ("h", None)}


@pytest.mark.parametrize("way", ["sum", "difference"])
def test_one_minus_the_gate_carries(way: str) -> None:
    ways = {
        "sum": sg.hadamard(ONES - z, H) + sg.hadamard(z, candidate),
        "difference": H + sg.hadamard(z, candidate - H),
    }
    assert found(sg.Recurrence({H: ways[way]}, inputs=[U])) == {"update": (None, "h")}


def test_factors_of_several_gates_and_other_unit_functions() -> None:
    both = sg.hadamard(z, r, H) + candidate
    assert found(sg.Recurrence({H: both}, inputs=[U])) == {"update": ("h", None), "reset": ("h", None)}
    hard = ONES / 2 + TANH(affine("hard")) / 2
    (gate,) = gate_statistics(run_of(sg.Recurrence({H: sg.hadamard(hard, H) + candidate}, inputs=[U])))
    assert (gate.name, gate.carries) == ("hard", "h")
    assert 0 <= gate.quantiles[0] <= gate.mean <= gate.quantiles[-1] <= 1
    inside = TANH(sp.MatrixSymbol("W", n, n) * sg.hadamard(r, H) + sp.MatrixSymbol("V", n, m) * U)
    assert found(sg.Recurrence({H: inside}, inputs=[U])) == {"reset": (None, None)}


@pytest.mark.parametrize(
    "factor", [TANH(affine("a")), 2 * SIGMOID(affine("a")) - ONES, sg.activation("relu")(affine("a"))]
)
def test_what_leaves_the_unit_interval_is_no_gate(factor: sp.MatrixExpr) -> None:
    assert found(sg.Recurrence({H: sg.hadamard(factor, candidate)}, inputs=[U])) == {}


def test_a_function_times_its_own_argument_is_an_activation() -> None:
    a = affine("a")
    assert found(sg.Recurrence({H: sg.hadamard(a, SIGMOID(a))}, inputs=[U])) == {}
    assert found(sg.Recurrence({H: sg.hadamard(a, SIGMOID(2 * a))}, inputs=[U])) == {}


def test_names_that_are_not_plain_fall_back_to_the_formula() -> None:
    W, V = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("V", n, m)
    model = sg.Recurrence({H: sg.hadamard(SIGMOID(W * H + V * U), H) + TANH(V * U)}, inputs=[U])
    assert list(found(model)) == ["sigmoid(V*u + W*h)"]
    pieces = [sp.MatrixSymbol(f"weight_{i}", n, n) * H + sp.MatrixSymbol(f"bias_{i}", n, 1) for i in range(2)]
    model = sg.Recurrence(
        {H: sg.hadamard(SIGMOID(pieces[0]), H) + TANH(pieces[1]) + sp.MatrixSymbol("V", n, m) * U}, [U]
    )
    assert list(found(model)) == ["sigmoid(bias_0 + weight_0*h)"]


def test_statistics_are_those_of_pytorchs_gates() -> None:
    torch = pytest.importorskip("torch")
    draw = np.random.default_rng(4)
    size, batch, steps = 5, 3, 8
    shapes = {"weight_ih": (4 * size, 2), "weight_hh": (4 * size, size), "bias_ih": (4 * size,), "bias_hh": (4 * size,)}
    weights = {name: 2 * draw.standard_normal(shape) for name, shape in shapes.items()}
    inputs = draw.standard_normal((batch, steps, 2))
    run = LayerRun("lstm", sg.models.lstm(), weights, {"u": inputs})
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    h = c = torch.zeros(batch, size, dtype=torch.float64)
    values: dict[str, list[Array]] = {"i": [], "f": [], "o": [], "g": [], "c": []}
    for step in range(steps):
        inner = torch.from_numpy(inputs[:, step]) @ tensors["weight_ih"].T + tensors["bias_ih"]
        i, f, g, o = (inner + h @ tensors["weight_hh"].T + tensors["bias_hh"]).chunk(4, dim=1)
        i, f, o = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)
        c = f * c + i * torch.tanh(g)
        h = o * torch.tanh(c)
        for name, value in {"i": i, "f": f, "o": o, "g": 1 - torch.tanh(g) ** 2, "c": 1 - torch.tanh(c) ** 2}.items():
            values[name].append(value.numpy())
    arrays = {name: np.array(rows) for name, rows in values.items()}
    for gate in gate_statistics(run):
        mine = arrays[gate.name]
        assert gate.mean == pytest.approx(mine.mean(), abs=1e-12)
        np.testing.assert_allclose(gate.quantiles, np.quantile(mine, [level / 100 for level in LEVELS]), atol=1e-12)
        assert (gate.closed, gate.open) == (float((mine < 0.05).mean()), float((mine > 0.95).mean()))
        np.testing.assert_allclose(gate.by_step, mine.mean(axis=(1, 2)), atol=1e-12)
    slopes = {"W_hg": arrays["g"], "c_next": arrays["c"], "W_hf": arrays["f"] * (1 - arrays["f"]) * 4}
    for one in saturation(run):
        for key, mine in slopes.items():
            if key in one.name:
                assert one.fraction == (mine < 0.05).mean()
                np.testing.assert_allclose(one.by_step, (mine < 0.05).mean(axis=(1, 2)))
                assert one.mean_slope == pytest.approx(mine.mean() * one.steepest, abs=1e-12)
    assert [one.name for one in saturation(run) if "tanh" in one.name][-1] == "tanh(c_next)"


def saturated(activation: str, values: list[float]) -> Saturation:
    """An activation at given pre-activations, one a unit, at every step."""
    size = len(values)
    weights = {"W": np.zeros((size, size)), "U": np.zeros((size, 1)), "b": np.array(values)}
    (one,) = saturation(LayerRun("one", sg.models.elman(activation), weights, {"u": np.zeros((2, 3, 1))}))
    return one


def test_saturation_is_a_slope_below_a_twentieth_of_the_largest() -> None:
    edge = float(np.arctanh(np.sqrt(0.95)))
    one = saturated("tanh", [0.0, edge - 1e-9, edge + 1e-9, -5.0])
    assert (one.fraction, one.stuck, one.steepest) == (0.5, 0.5, 1.0)
    assert saturated("relu", [1.0, -1.0, -2.0, 3.0]).fraction == 0.5
    assert saturated("relu", [1.0, -1.0, -2.0, 3.0]).name == "relu(U*u + W*h + b)"
    assert saturated("sigmoid", [0.0, 6.0]).mean_slope == pytest.approx((0.25 + np.exp(-6) / (1 + np.exp(-6)) ** 2) / 2)


def test_what_never_saturates_is_left_out() -> None:
    weights = {"W": np.eye(2), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    assert saturation(LayerRun("linear", sg.models.elman("identity"), weights, {"u": np.zeros((2, 3, 1))})) == ()
    x = sp.Symbol("x")
    assert saturation(LayerRun("square", sg.Recurrence({x: x**2}), {}, {}, {"x": [0.5]}, length=4)) == ()


def test_scalar_models_have_gates_too() -> None:
    x, w, a = sp.symbols("x w a")
    model = sg.Recurrence({x: SIGMOID(w * x) * sp.tanh(a * x)})
    run = LayerRun("scalar", model, {"w": 2.0, "a": -1.0}, {}, {"x": [[0.4], [-1.0]]}, length=5)
    (gate,) = gate_statistics(run)
    assert str(gate.formula) == "sigmoid(w*x)"
    assert len(saturation(run)) == 2


def test_a_gate_of_parameters_alone_is_one_too() -> None:
    a = sp.MatrixSymbol("a", n, 1)
    model = sg.Recurrence({H: sg.hadamard(SIGMOID(a), H) + candidate}, inputs=[U])
    run = run_of(model)
    (gate,) = gate_statistics(run)
    assert gate.mean == pytest.approx((1 / (1 + np.exp(-run.weights["a"]))).mean())
    assert gate.carries == "h"
    assert gate.by_step.shape == (6,)


def test_overflow_is_not_hidden() -> None:
    x = sp.Symbol("x")
    run = LayerRun("square", sg.Recurrence({x: x**2 * SIGMOID(x)}), {}, {}, {"x": [1e200]}, length=5)
    for function in (gate_statistics, saturation):
        with pytest.raises(InputError, match="overflows"):
            function(run)


def test_statistics_are_plain_numbers() -> None:
    for gate in gate_statistics(run_of(sg.models.gru())):
        assert isinstance(gate, GateStatistics)
        assert all(isinstance(value, float) for value in (gate.mean, gate.median, *gate.quantiles))
