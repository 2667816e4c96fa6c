"""Measured gradients against autograd of PyTorch in float64, linear cases in closed form and both ways of computing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray

import symgrad as sg
from symgrad.diagnosis.adjoints import adjoints
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.measured import measure
from symgrad.diagnosis.step_jacobians import StepJacobians
from symgrad.errors import InputError

torch = pytest.importorskip("torch")
Array = NDArray[np.float64]
SIZES = {"rnn": 1, "gru": 3, "lstm": 4}
MODELS = {"rnn": sg.models.elman, "gru": sg.models.gru, "lstm": sg.models.lstm}


def trained(kind: str, n: int = 5, m: int = 3, seed: int = 0) -> dict[str, Array]:
    draw = np.random.default_rng(seed)
    rows = SIZES[kind] * n
    shapes = {"weight_ih": (rows, m), "weight_hh": (rows, n), "bias_ih": (rows,), "bias_hh": (rows,)}
    return {name: draw.standard_normal(shape) / n**0.5 for name, shape in shapes.items()}


def run_of(kind: str, batch: int = 3, steps: int = 7, n: int = 5, m: int = 3, **more: Any) -> LayerRun:
    draw = np.random.default_rng(1)
    initial = {str(s): draw.standard_normal((batch, n)) for s in MODELS[kind]().states}
    inputs = {"u": draw.standard_normal((batch, steps, m))}
    return LayerRun(kind, MODELS[kind](), trained(kind, n, m), inputs, initial, **more)


def torch_run(kind: str, run: LayerRun, start: int = 0) -> tuple[list[list[Any]], Any]:
    """All states of the same cell in PyTorch from some step on, one list a step, and the inputs, with gradients."""
    n, m = run.setting.size(run.model.states[0]), run.inputs["u"].shape[2]
    cell = {"rnn": torch.nn.RNNCell, "gru": torch.nn.GRUCell, "lstm": torch.nn.LSTMCell}[kind](m, n).double()
    weights = trained(kind, n, m)
    with torch.no_grad():
        for name, value in cell.named_parameters():
            value.copy_(torch.from_numpy(weights[name]))
    inputs = torch.from_numpy(run.inputs["u"]).requires_grad_()
    states = [[torch.from_numpy(array[:, start].copy()).requires_grad_() for array in run.states.values()]]
    for step in range(start, run.steps):
        new = cell(inputs[:, step], tuple(states[-1]) if kind == "lstm" else states[-1][0])
        states.append(list(new) if kind == "lstm" else [new])
    return states, inputs


@pytest.mark.parametrize("kind", SIZES)
def test_norms_are_those_of_autograd(kind: str) -> None:
    run = run_of(kind)
    found = measure(run)
    for k in (1, 3, run.steps):
        states, _ = torch_run(kind, run, run.steps - k)
        for b in range(run.size):
            rows = [entry for new in states[-1] for entry in new[b]]
            grads = [torch.autograd.grad(row, states[0], retain_graph=True, allow_unused=True) for row in rows]
            full = np.array([np.concatenate([np.zeros(5) if g is None else g[b].numpy() for g in gs]) for gs in grads])
            assert found.log10_products[b, k] == pytest.approx(np.log10(np.linalg.norm(full, 2)), abs=1e-9)
            assert found.log10_first[b, k] == pytest.approx(np.log10(np.linalg.norm(full[:5, :5], 2)), abs=1e-9)
    assert found.log10_products[:, 0].tolist() == [0.0] * run.size
    assert found.ks.tolist() == list(range(run.steps + 1))


@pytest.mark.parametrize("kind", SIZES)
def test_adjoints_are_those_of_autograd(kind: str) -> None:
    direct = np.random.default_rng(2).standard_normal((3, 7, 5))
    run = run_of(kind, loss={"h": direct})
    found = adjoints(run)
    states, inputs = torch_run(kind, run)
    loss = sum((torch.from_numpy(direct[:, t]) * states[t + 1][0]).sum() for t in range(run.steps))
    wanted = torch.autograd.grad(loss, [s for step in states for s in step] + [inputs], allow_unused=True)
    count = len(run.model.states)
    for t in range(run.steps + 1):
        for index, name in enumerate(found.states):
            value = wanted[t * count + index]
            # the gradient by a state of the model also runs through those of the same step that are made from it
            if kind != "lstm" or index == 0 or t == 0:
                here = np.ldexp(found.states[name][:, t], found.exponent[:, t, None])
                np.testing.assert_allclose(here, 0 if value is None else value.numpy(), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found.input_gradient("u"), wanted[-1].numpy(), rtol=1e-10, atol=1e-13)
    norms = measure(run).log10_loss
    assert norms is not None
    np.testing.assert_array_equal(norms, found.log10_norms[:, ::-1])
    by_first = [np.zeros(3) if g is None else g.norm(dim=1).numpy() for g in wanted[: -1 : len(run.model.states)]]
    first = measure(run).log10_loss_first
    assert first is not None
    np.testing.assert_allclose(10 ** first[:, ::-1], np.array(by_first).T, rtol=1e-10)


def test_a_linear_network_is_known_in_closed_form() -> None:
    W = np.array([[0.3, 5.0], [0.0, 0.2]])
    weights = {"W": W, "U": np.ones((2, 1)), "b": np.zeros(2)}
    loss = {"h": np.zeros((1, 400, 2))}
    loss["h"][0, -1] = [1.0, 0.0]
    found = measure(LayerRun("linear", sg.models.elman("identity"), weights, {"u": np.zeros((1, 400, 1))}, loss=loss))
    powers = [np.log10(np.linalg.norm(np.linalg.matrix_power(W, k), 2)) for k in range(60)]
    np.testing.assert_allclose(found.typical[:60], powers, atol=1e-9)
    assert found.slope == pytest.approx(np.log10(0.3), abs=1e-4)
    assert found.typical[-1] < -200
    rows = [np.log10(np.linalg.norm(np.linalg.matrix_power(W, k)[0])) for k in range(60)]
    assert found.typical_loss is not None
    np.testing.assert_allclose(found.typical_loss[:60], rows, atol=1e-9)


def test_no_length_underflows() -> None:
    weights = {"W": [[1e-3]], "U": [[1.0]], "b": [0.0]}
    loss = {"h": np.full((1, 300, 1), 1.0)}
    run = LayerRun("small", sg.models.elman("identity"), weights, {"u": np.zeros((1, 300, 1))}, loss=loss)
    assert measure(run).typical[-1] == pytest.approx(-900)
    only_last = {"h": np.where(np.arange(300)[None, :, None] == 299, 1.0, 0.0)}
    run = LayerRun("small", sg.models.elman("identity"), weights, {"u": np.zeros((1, 300, 1))}, loss=only_last)
    assert adjoints(run).log10_norms[0, 0] == pytest.approx(-900)


def test_a_direct_gradient_joins_one_that_has_vanished() -> None:
    weights = {"W": [[1e-3]], "U": [[1.0]], "b": [0.0]}
    direct = np.zeros((1, 300, 1))
    direct[0, -1], direct[0, 3] = 1.0, 1e-5
    run = LayerRun("small", sg.models.elman("identity"), weights, {"u": np.zeros((1, 300, 1))}, loss={"h": direct})
    norms = adjoints(run).log10_norms[0]
    assert norms[5] == pytest.approx(-3 * 295)
    assert norms[4] == pytest.approx(-5)
    assert norms[0] == pytest.approx(-17)


def test_dead_units_give_zero() -> None:
    weights = {"W": np.eye(2), "U": np.zeros((2, 1)), "b": -np.ones(2)}
    found = measure(LayerRun("dead", sg.models.elman("relu"), weights, {"u": np.zeros((2, 4, 1))}))
    assert found.typical[1:].tolist() == [-np.inf] * 4


def test_overflow_is_left_out_and_said() -> None:
    x = sp.Symbol("x")
    run = LayerRun("square", sg.Recurrence({x: x**2}), {}, {}, {"x": [[0.5], [1e200]]}, length=5)
    found = measure(run)
    assert found.notes == ("1 of 2 sequences overflow and are left out",)
    assert np.isnan(found.log10_products[1]).all()
    assert found.typical[1] == pytest.approx(np.log10(2 * 0.5**16))
    with pytest.raises(InputError, match="every sequence overflows"):
        measure(run.part(np.array([1])))


def test_quartiles_are_curves_of_the_sequences() -> None:
    found = measure(run_of("gru", batch=8))
    ordered = np.sort(found.log10_products, axis=0)
    np.testing.assert_array_equal(found.lower_quartile, ordered[1])
    np.testing.assert_array_equal(found.typical, ordered[3])
    np.testing.assert_array_equal(found.upper_quartile, ordered[5])


@pytest.mark.parametrize("kind", SIZES)
def test_vectors_alone_never_claim_too_much_and_come_close(kind: str) -> None:
    run = run_of(kind, steps=16, n=12)
    dense, free = measure(run), measure(run, dense_limit=0)
    assert not free.exact_norms
    assert "lower estimate" in free.notes[0]
    for one, other in ((dense.log10_products, free.log10_products), (dense.log10_first, free.log10_first)):
        assert (other <= one + 1e-9).all()
        assert np.abs(other - one).max() < 0.2
        assert np.abs(other - one)[:, -1].max() < 0.02


@pytest.mark.parametrize("kind", SIZES)
def test_vectors_are_pulled_back_by_the_transposed_matrix(kind: str) -> None:
    run = run_of(kind)
    steps, vectors = StepJacobians(run), np.random.default_rng(3).standard_normal((run.total, run.size, 2))
    matrices = steps.dense(2)
    np.testing.assert_allclose(steps.forward(2, vectors), np.einsum("bij,jbp->ibp", matrices, vectors), atol=1e-13)
    np.testing.assert_allclose(steps.backward(2, vectors), np.einsum("bji,jbp->ibp", matrices, vectors), atol=1e-13)
