"""Gradients through layer chains: measured as PyTorch's are, and enclosed in balls that hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import InputError
from symgrad.interop.torch_chains import chain_from_torch
from symgrad.language.chain_layers import (
    Affine,
    Entrywise,
    FixedNormalisation,
    ParametricReLU,
    PassThrough,
    Residual,
    Scaling,
    VectorNormalisation,
)
from symgrad.language.layer_chain import LayerChain
from symgrad.numerics import chain_gradients
from symgrad.numerics.chain_enclosure import enclosed_gradients
from symgrad.numerics.chain_gradients import measured_gradients
from symgrad.numerics.chain_values import run_chain

WIDTH = 4


def mixed() -> tuple[LayerChain, dict[str, Any]]:
    """A chain with a layer of every kind."""
    n = WIDTH
    block = Residual(
        "r",
        n,
        n,
        branch=(VectorNormalisation("r.n", n, n, 0.1, False), Affine("r.f", n, n, "f"), Entrywise("r.g", n, n, GELU)),
        shortcut=(Scaling("r.s", n, n, factor=-0.5, weight="d", offset=0.25, bias="c"),),
    )
    layers = (
        Affine("0", 3, n, "w", "b"),
        Entrywise("1", n, n, sg.activation("tanh")),
        block,
        ParametricReLU("2", n, n, "a"),
        FixedNormalisation("3", n, n, "m", "v", 1e-3, "g", "h"),
        VectorNormalisation("4", n, n, 1e-5, True, "g", "h"),
        PassThrough("5", n, n),
        Affine("6", n, 2, "u", transposed=True),
    )
    chain = LayerChain(layers)
    random = np.random.default_rng(7)
    weights = {name: random.standard_normal(shapes[0]) for name, shapes in chain.shapes.items()}
    return chain, weights | {"v": random.uniform(0.5, 2, n)}


GELU = sg.activation("gelu")


def test_pulled_back_rows_are_differences_of_values() -> None:
    chain, weights = mixed()
    point = np.array([0.3, -0.7, 1.1])
    jacobian = run_chain(chain, weights, point).jacobian()[0]
    step = 1e-6
    ends = [[run_chain(chain, weights, point + sign * step * unit).output[0] for unit in np.eye(3)] for sign in (1, -1)]
    np.testing.assert_allclose(jacobian, (np.array(ends[0]) - np.array(ends[1])).T / (2 * step), rtol=1e-7, atol=1e-9)


def test_norms_are_those_of_autograd() -> None:
    torch = pytest.importorskip("torch")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layers = [part for _ in range(6) for part in (torch.nn.Linear(5, 5), torch.nn.Tanh())]
        module = torch.nn.Sequential(*layers).double()
    chain, weights = chain_from_torch(module)
    inputs = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    values = [inputs]
    for layer in module:
        values.append(layer(values[-1]))
        values[-1].retain_grad()
    (values[-1] ** 2).sum().backward()
    run = run_chain(chain, weights, inputs.detach().numpy())
    found = measured_gradients(run, 2 * run.output)
    expected = np.log10([np.linalg.norm(value.grad.numpy(), axis=1) for value in values]).T
    np.testing.assert_allclose(found.log10_loss, expected, rtol=0, atol=1e-9)
    whole = torch.autograd.functional.jacobian(module, inputs[:1].detach())[0, :, 0].numpy()
    assert found.log10_products[0, 0] == pytest.approx(np.log10(np.linalg.norm(whole, 2)), abs=1e-12)


def test_gradients_beyond_the_range_of_floats_are_measured() -> None:
    chain = LayerChain(tuple(Affine(str(i), 1, 1, "w") for i in range(200)))
    for size, sign in ((1e-3, -1), (1e3, 1)):
        found = measured_gradients(run_chain(chain, {"w": [[size]]}, [[0.0]]), [[1.0]])
        np.testing.assert_allclose(found.log10_loss[0], sign * 3.0 * np.arange(200, -1, -1), rtol=1e-12, atol=1e-9)
        np.testing.assert_allclose(found.log10_products, found.log10_loss, rtol=1e-12, atol=1e-9)


def test_a_gradient_of_zero_is_minus_infinity() -> None:
    chain = LayerChain((Affine("0", 1, 1, "w"), Entrywise("1", 1, 1, sg.activation("relu"))))
    found = measured_gradients(run_chain(chain, {"w": [[1.0]]}, [[-1.0]]), [[1.0]])
    assert found.log10_loss.tolist() == [[-np.inf, -np.inf, 0.0]]
    assert found.typical_ratio[0] == -np.inf


def test_too_much_work_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    chain, weights = mixed()
    run = run_chain(chain, weights, np.ones((4, 3)))
    monkeypatch.setattr(chain_gradients, "MOST_WORK", 300)
    found = measured_gradients(run, np.ones((4, 2)))
    assert len(found.log10_products) < 4
    assert "of 4 samples" in found.note
    assert np.isnan(found.typical_products).all() == (len(found.log10_products) == 0)


def test_enclosures_hold_what_is_measured_and_tightened_ones_do_not() -> None:
    chain, weights = mixed()
    point, gradient = np.array([0.3, -0.7, 1.1]), np.array([1.0, -2.0])
    found = enclosed_gradients(chain, weights, point, gradient)
    measured = measured_gradients(run_chain(chain, weights, point), gradient[None])
    assert found.products is not None
    assert found.losses is not None
    for norms, logs in ((found.products, measured.log10_products[0]), (found.losses, measured.log10_loss[0])):
        for norm, log10 in zip(norms, logs, strict=True):
            value = 10**log10
            assert float(norm.lower) * (1 - 1e-13) <= value <= float(norm.upper) * (1 + 1e-13)
            assert float(norm.upper) - float(norm.lower) <= 1e-9 * value
            assert value > float(norm.upper) * (1 - 1e-6)  # one that is a millionth smaller does not hold it
            assert value < float(norm.lower) * (1 + 1e-6)
    outputs = run_chain(chain, weights, point).output[0]
    assert all(abs(float(ball.mid()) - value) < 1e-12 for ball, value in zip(found.outputs, outputs, strict=True))


def test_both_slopes_count_at_a_kink_that_is_met() -> None:
    chain = LayerChain((Entrywise("0", 1, 1, sg.activation("relu")), Affine("1", 1, 1, "w")))
    (norm, *_) = enclosed_gradients(chain, {"w": [[2.0]]}, [0.0], [1.0]).products or ()
    assert float(norm.lower) <= 0
    assert float(norm.upper) >= 2


def test_precision_rises_in_a_chaotic_network() -> None:
    random = np.random.default_rng(0)
    layers = [(Affine(f"{i}", 8, 8, f"w{i}"), Entrywise(f"{i}t", 8, 8, sg.activation("sin"))) for i in range(60)]
    chain = LayerChain(tuple(layer for pair in layers for layer in pair))
    weights = {f"w{i}": random.standard_normal((8, 8)) * 2.5 for i in range(60)}
    found = enclosed_gradients(chain, weights, np.ones(8), np.ones(8))
    assert found.bits > 128
    assert found.products is not None
    assert float(found.products[0].upper.log10 - found.products[0].lower.log10) < 1e-8


def test_a_flatten_joins_the_dimensions_of_inputs() -> None:
    chain = LayerChain((PassThrough("0", 6, 6, "flatten"), Affine("1", 6, 1, "w")))
    inputs = np.random.default_rng(0).standard_normal((4, 2, 3))
    found = run_chain(chain, {"w": np.ones((1, 6))}, inputs)
    np.testing.assert_allclose(found.output[:, 0], inputs.sum(axis=(1, 2)))
    with pytest.raises(InputError, match="shape"):
        run_chain(chain, {"w": np.ones((1, 6))}, inputs[:, :, :2])


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="at least one entry"):
        LayerChain((Affine("0", 0, 2, "w"),))
    chain, weights = mixed()
    for inputs, message in (
        (np.ones((2, 4)), "shape"),
        (np.ones((2, 3), dtype=int), "int"),
        (np.full((1, 3), np.nan), "finite"),
        (np.ones((0, 3)), "shape"),
        ("text", "type|read"),
    ):
        with pytest.raises(InputError, match=message):
            run_chain(chain, weights, inputs)
    run = run_chain(chain, weights, np.ones((2, 3)))
    with pytest.raises(InputError, match="loss"):
        measured_gradients(run, np.ones((2, 3)))
    with pytest.raises(InputError, match="start, stop"):
        run.jacobian(3, 1)
