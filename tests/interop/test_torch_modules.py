"""Recurrences made of PyTorch's own recurrent modules compute what the modules do; what cannot be read is refused."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import symgrad as sg
from symgrad.errors import InputError, SymgradError
from symgrad.interop import torch_checks
from symgrad.interop.torch_modules import is_built_in
from symgrad.language.layer_chain import LayerChain
from symgrad.language.weights import bind
from symgrad.numerics.arrays import ArrayEvaluator
from symgrad.numerics.products import products
from symgrad.numerics.sharing import shared_nodes
from symgrad.numerics.simulate import Batch, run

KINDS = {"tanh": nn.RNN, "relu": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CELLS = {"tanh": nn.RNNCell, "relu": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}


def made(classes: dict[str, type[nn.Module]], kind: str, *sizes: int, seed: int = 0, **options: Any) -> nn.Module:
    torch.manual_seed(seed)
    extra = {"nonlinearity": kind} if kind in ("tanh", "relu") else {}
    return classes[kind](*sizes, **extra, **options).double()


def numbers(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_stacks_equal_the_module(kind: str, layers: int, bias: bool) -> None:
    module = made(KINDS, kind, 3, 5, layers, bias=bias)
    inputs = numbers(2, 7, 3)
    model, weights = sg.from_torch(module)
    assert set(weights) == {name for name, _ in module.named_parameters()}
    assert all(array.dtype == np.float64 for array in weights.values())
    assert bias or not any(str(symbol).startswith("b") for symbol in model.parameters)
    assert set(bind(model, weights, model.parameters).values) == set(model.parameters)
    start = {str(state): numbers(2, 5, seed=9 + i) for i, state in enumerate(model.states)}
    run = sg.simulate(model, weights, inputs, initial=start)
    stacked = [
        torch.tensor(np.stack([start[f"{name}_l{layer}"] for layer in range(layers)]))
        for name in ("hc" if kind == "lstm" else "h")
    ]
    output, last = module(torch.tensor(inputs).swapaxes(0, 1), tuple(stacked) if kind == "lstm" else stacked[0])
    assert np.abs(run.states[f"h_l{layers - 1}"][1:] - output.detach().numpy()).max() < 1e-12
    for name, state in zip("hc", last if kind == "lstm" else (last,), strict=False):
        for layer in range(layers):
            assert np.abs(run.states[f"{name}_l{layer}"][-1] - state[layer].detach().numpy()).max() < 1e-12


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("bias", [True, False])
def test_jacobians_of_cells_equal_autograd(kind: str, bias: bool) -> None:
    cell = made(CELLS, kind, 2, 4, bias=bias)
    model, weights = sg.from_torch(cell)
    assert set(weights) == {name for name, _ in cell.named_parameters()}
    u, count = numbers(2), 2 if kind == "lstm" else 1
    states = numbers(4 * count, seed=3)

    def step(flat: torch.Tensor) -> torch.Tensor:
        parts = flat.chunk(count)
        new = cell(torch.tensor(u), parts if kind == "lstm" else parts[0])
        return torch.cat(new) if kind == "lstm" else new

    start = dict(zip(map(str, model.states), np.split(states, count), strict=True))
    run = sg.simulate(model, weights, u[None], initial=start)
    found = np.concatenate([run.states[name][1] for name in start])
    assert np.abs(found - step(torch.tensor(states)).detach().numpy()).max() < 1e-12
    expected = torch.autograd.functional.jacobian(step, torch.tensor(states)).numpy()
    assert np.abs(jacobian_at(model, weights, start, u) - expected).max() < 1e-12


def jacobian_at(model: sg.Recurrence, weights: Any, start: dict[str, np.ndarray], u: np.ndarray) -> np.ndarray:
    evaluator = ArrayEvaluator.of_weights(bind(model, weights, model.parameters))
    initial = {model.symbol(name): value[:, None, None] for name, value in start.items()}
    batch = Batch(initial, {model.inputs[0]: u[None, :, None, None]}, 1)
    nodes = shared_nodes(model)
    (found,) = products(evaluator, nodes.blocks, batch, run(evaluator, nodes.updates, batch))
    return found.matrix[:, 0, :] * 2.0 ** found.exponent[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("layers", "bias"), [(1, True), (2, False), (3, True)])
def test_both_directions_equal_the_module(kind: str, layers: int, bias: bool) -> None:
    module = made(KINDS, kind, 3, 4, layers, bias=bias, bidirectional=True)
    inputs = numbers(2, 6, 3)
    model, weights = sg.from_torch(module)
    assert isinstance(model, sg.BidirectionalStack)
    assert len(model.layers) == layers
    assert set(weights) == {name for name, _ in module.named_parameters()}
    names = "hc" if kind == "lstm" else "h"
    ends = [f"l{layer}{end}" for layer in range(layers) for end in ("", "_reverse")]
    start = {f"{name}_{end}": numbers(2, 4, seed=ord(name) + i) for name in names for i, end in enumerate(ends)}
    stacked = [torch.tensor(np.stack([start[f"{name}_{end}"] for end in ends])) for name in names]
    output, last = module(torch.tensor(inputs).swapaxes(0, 1), tuple(stacked) if kind == "lstm" else stacked[0])
    run = model.simulate(weights, inputs, initial=start)
    assert np.abs(run.outputs - output.detach().numpy()).max() < 1e-12
    finals = [
        run.runs[layer][turn].states[f"h_{ends[2 * layer + turn]}"][-1] for layer in range(layers) for turn in (0, 1)
    ]
    assert np.abs(np.stack(finals) - (last[0] if kind == "lstm" else last).detach().numpy()).max() < 1e-12
    single = model.simulate(weights, inputs[0], initial={name: value[0] for name, value in start.items()})
    assert np.abs(single.outputs - run.outputs[:, 0]).max() < 1e-13


def test_the_outputs_of_both_directions_differ_where_one_is_swapped() -> None:
    module = made(KINDS, "gru", 3, 4, bidirectional=True)
    model, weights = sg.from_torch(module)
    swapped = {
        name: weights[name.removesuffix("_reverse") if "reverse" in name else f"{name}_reverse"] for name in weights
    }
    inputs = numbers(6, 3)
    assert np.abs(model.simulate(weights, inputs).outputs - model.simulate(swapped, inputs).outputs).max() > 1e-3


def test_the_module_is_left_as_it_is() -> None:
    module = made(KINDS, "lstm", 3, 4, 2, dropout=0.0)
    before = copy.deepcopy(module.state_dict())
    _, weights = sg.from_torch(module)
    weights["weight_hh_l0"][:] = 7.0
    assert module.training
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in before.items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in module.parameters())


def test_single_precision_is_taken_over_exactly() -> None:
    torch.manual_seed(0)
    module = nn.GRU(2, 3)
    _, weights = sg.from_torch(module)
    assert weights["weight_hh_l0"].dtype == np.float64
    assert np.array_equal(weights["weight_hh_l0"].astype(np.float32), module.weight_hh_l0.detach().numpy())


def test_inter_layer_dropout_counts_only_in_training() -> None:
    module = made(KINDS, "lstm", 3, 4, 2, dropout=0.5)
    with pytest.raises(InputError, match=r"module: LSTM is in training mode with dropout 0\.5.*call module\.eval\(\)"):
        sg.from_torch(module)
    module.eval()
    model, weights = sg.from_torch(module)
    inputs = numbers(5, 3)
    found = sg.simulate(model, weights, inputs).states["h_l1"][1:]
    assert np.abs(found - module(torch.tensor(inputs))[0].detach().numpy()).max() < 1e-12


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "reparametrise",
    [
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.spectral_norm,
        nn.utils.parametrizations.orthogonal,
        nn.utils.weight_norm,
        nn.utils.spectral_norm,
    ],
)
def test_effective_weights_are_taken(reparametrise: Callable[..., Any]) -> None:
    module = made(KINDS, "lstm", 3, 4)
    reparametrise(module, "weight_hh_l0")
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "weight_hh_l0" in name:
                parameter.mul_(1.5)
    before = copy.deepcopy(dict(module.named_buffers()))
    model, weights = sg.from_torch(module)
    assert all(torch.equal(before[name], buffer) for name, buffer in module.named_buffers())
    inputs = numbers(5, 3)
    expected = module.eval()(torch.tensor(inputs))[0].detach().numpy()
    assert np.abs(sg.simulate(model, weights, inputs).states["h_l0"][1:] - expected).max() < 1e-12


@pytest.mark.parametrize("wrap", [nn.DataParallel, pytest.param(torch.compile, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_wrappers_are_taken_off(wrap: Callable[[nn.Module], Any]) -> None:
    module = made(KINDS, "gru", 2, 3)
    plain, found = sg.from_torch(module)[1], sg.from_torch(wrap(module))[1]
    assert list(plain) == list(found)
    assert all(np.array_equal(plain[name], array) for name, array in found.items())


def with_entry(module: nn.Module, name: str, value: float) -> nn.Module:
    with torch.no_grad():
        getattr(module, name).view(-1)[:2] = value
    return module


def quantised() -> nn.Module:
    module = nn.GRU(2, 3)
    module.register_buffer("scale", torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8))
    return module


def quantised_layers() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.LSTM(2, 3)).eval(), {nn.LSTM}, dtype=torch.qint8)[0]


def quantised_inside() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(2, 3)).eval(), {nn.Linear}, dtype=torch.qint8)


def sparse() -> nn.Module:
    module = nn.RNNCell(3, 3)
    module.weight_hh = nn.Parameter(torch.eye(3).to_sparse(), requires_grad=False)
    return module


def integers() -> nn.Module:
    module = nn.RNNCell(3, 3)
    module.weight_hh = nn.Parameter(torch.eye(3, dtype=torch.int64), requires_grad=False)
    return module


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "no module": (lambda: 3, r"a torch\.nn\.Module is needed, got int 3"),
    "path": (lambda: "model.pt", r"needed, got str 'model\.pt'"),
    "class": (lambda: nn.LSTM, r"an instance is needed, got the class LSTM"),
    "function": (lambda: torch.tanh, r"needed, got builtin_function_or_method"),
    "projection": (lambda: nn.LSTM(3, 4, proj_size=2), r"projections \(proj_size=2\) is not accepted"),
    "complex": (lambda: nn.RNNCell(2, 3).to(torch.complex64), r"weight_ih is complex \(torch\.complex64\)"),
    "float16": (lambda: nn.GRU(2, 3).half(), r"weight_ih_l0 has half precision \(torch\.float16\); call module\.float"),
    "bfloat16": (lambda: nn.LSTM(2, 3).bfloat16(), r"weight_ih_l0 has half precision \(torch\.bfloat16\)"),
    "integers": (integers, r"weight_hh has type torch\.int64; float32 or float64"),
    "NaN": (lambda: with_entry(nn.GRU(2, 3), "weight_hh_l0", np.nan), r"weight_hh_l0 has 2 of 27 entries that are NaN"),
    "infinite": (lambda: with_entry(nn.LSTM(2, 3, 2), "bias_ih_l1", np.inf), r"bias_ih_l1 has 2 of 12 .* infinite"),
    "meta": (lambda: nn.LSTM(2, 3, device="meta"), r"weight_ih_l0 is on the meta device"),
    "quantised": (quantised, r"scale is quantised"),
    "quantised network": (quantised_layers, r"LSTM is quantised; pass the module before quantisation"),
    "quantised layer": (quantised_inside, r"0 \(Linear\) is quantised"),
    "sparse": (sparse, r"weight_hh is sparse"),
    "script": (lambda: torch.jit.script(nn.LSTM(2, 3)), r"compiled to TorchScript"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(3)), r"parameter 0\.weight is lazy"),
    "list": (lambda: nn.ModuleList([nn.Linear(2, 2)]), r"ModuleList has no forward function"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_named(name: str) -> None:
    build, message = REFUSED[name]
    with pytest.raises(InputError, match=r"^module: ") as caught:
        sg.from_torch(build())
    assert "\n" not in str(caught.value)
    assert caught.match(message)


def test_large_modules_are_refused_with_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_checks, "LARGEST", 100)
    sg.from_torch(nn.RNNCell(3, 3))
    with pytest.raises(InputError, match=r"LSTM has 144 parameters; the limit is 100"):
        sg.from_torch(nn.LSTM(3, 4, bias=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_size": 4}, r"input_size: the module takes inputs of size 3, got 4"),
        ({"state_sizes": 5}, r"state_sizes: the module has states of size 4, got 5"),
        ({"state_sizes": (4, 5)}, r"states of size 4, got \(4, 5\)"),
        ({"example": torch.zeros(2, 5)}, r"input must have last dimension 3.*got \(2, 5\)"),
        ({"example": (torch.zeros(2, 3), (torch.zeros(4), torch.zeros(7)))}, r"state must have last dimension 4"),
        ({"example": torch.zeros(2, 3, dtype=torch.int64)}, r"must be of floats, got torch\.int64"),
        ({"example": [[1.0]]}, r"must be a tensor, got list"),
    ],
)
def test_stated_sizes_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        sg.from_torch(nn.LSTM(3, 4), **options)
    sg.from_torch(nn.LSTM(3, 4), example=(torch.zeros(1, 2, 3), None), input_size=3, state_sizes=4)


def test_without_pytorch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SymgradError, match=r"pip install 'symgrad\[torch\]'"):
        sg.from_torch(object())


def test_subclasses_with_a_forward_of_their_own_are_not_built_in() -> None:
    class Doubled(nn.RNNCell):
        def forward(self, u: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(u, h)

    class Named(nn.LSTM):
        pass

    assert is_built_in(Named(2, 3))
    assert not is_built_in(Doubled(2, 3))


def test_a_forward_put_on_an_instance_is_not_taken_for_that_of_the_class() -> None:
    cell = made(CELLS, "gru", 2, 3)
    inner = copy.deepcopy(cell)
    cell.forward = lambda u, h: 0.5 * inner(u, h)
    assert not is_built_in(cell)
    with pytest.raises(InputError, match="does not compute what its trace computes"):
        sg.from_torch(cell)


def test_recurrent_parts_of_other_modules_are_named() -> None:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = nn.LSTM(2, 3), nn.Linear(3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.encoder(x)[0])

    with pytest.raises(InputError, match=r"Tagger is no recurrence itself but holds encoder \(LSTM\)"):
        sg.from_torch(Tagger())


class Minimal(nn.Module):
    """A cell of a user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.fed, self.recalled = nn.Linear(2, 3), nn.Linear(3, 3)

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.fed(x) + self.recalled(h))


class Masked(nn.Module):
    """Layers without a state, although a second argument is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return x + torch.tanh(self.inner(x))


class Bare(nn.Module):
    """A network inside a forward with a state, which is no cell."""

    def __init__(self) -> None:
        super().__init__()
        self.core = nn.GRU(2, 3)

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        return self.core(x, h)[0]


def test_modules_with_a_state_are_recurrences_and_others_chains_of_layers() -> None:
    torch.manual_seed(0)
    cell = Minimal().double()
    model, weights = sg.from_torch(cell)
    assert isinstance(model, sg.Recurrence)
    u, h = numbers(1, 2), numbers(3, seed=2)
    found = sg.simulate(model, weights, u, initial={model.states[0]: h}).states["h"][1]
    assert np.abs(found - cell(torch.tensor(u[0]), torch.tensor(h)).detach().numpy()).max() < 1e-12
    for module in (Masked(), nn.Sequential(nn.Linear(3, 4), nn.Tanh())):
        assert isinstance(sg.from_torch(module)[0], LayerChain)


class Sequences(nn.LSTM):
    """A network of a user's own over whole sequences."""

    def forward(self, x: torch.Tensor, hx: Any = None) -> Any:
        output, last = super().forward(x, hx)
        return 2 * output, last


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Sequences(2, 3), r"Sequences runs over whole sequences with a forward function of its own; pass a cell"),
        (Bare(), r"Bare is no recurrence itself but holds core \(GRU\)"),
        (nn.Sequential(nn.GRU(2, 3)), r"Sequential is no recurrence itself but holds 0 \(GRU\)"),
        (
            nn.MultiheadAttention(4, 2),
            r"MultiheadAttention is no recurrent module and no chain of layers; accepted are",
        ),
        (nn.Conv2d(1, 2, 3), r"conv2d.*accepted are linear layers"),
        (nn.Embedding(3, 4), r"embedding.*accepted are linear layers"),
    ],
)
def test_modules_of_other_kinds_are_refused(module: nn.Module, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sg.from_torch(module)
