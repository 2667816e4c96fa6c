"""Feed-forward PyTorch modules as layer chains: values and Jacobians are the module's, refusals name the place."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from symgrad.errors import InputError
from symgrad.interop.torch_activations import activation_of_call, activation_of_module, scalar_functions
from symgrad.interop.torch_chains import chain_from_torch
from symgrad.language.chain_layers import Affine, Entrywise, PassThrough, Residual, VectorNormalisation
from symgrad.language.layer_chain import LayerChain
from symgrad.numerics.chain_values import run_chain

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional


class PreNorm(nn.Module):
    """A residual block with the norm first, a factor and a vector of factors."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.f = nn.Sequential(nn.Linear(width, 7), nn.GELU(), nn.Linear(7, width))
        self.gamma = nn.Parameter(torch.linspace(-1, 2, width))

    def forward(self, x: Any) -> Any:
        return x + 0.3 * self.gamma * self.f(self.norm(x))


class PostNorm(nn.Module):
    """A shortcut of its own, functional forms, and a norm after the sum."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.short = nn.Linear(inputs, outputs, bias=False)
        self.a, self.b = nn.Linear(inputs, outputs), nn.Linear(outputs, outputs)

    def forward(self, x: Any, mask: Any = None) -> Any:
        x = x.view(x.size(0), -1)
        h = self.b(F.leaky_relu(self.a(x), 0.2))
        h = F.dropout(h, 0.1, training=self.training)
        return F.layer_norm(F.elu(h, 0.5) - self.short(x), (h.shape[-1],) if mask is not None else (5,))


class Plain(nn.Module):
    """Parameters of one's own, entrywise formulas and constants."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(5, 6)
        self.W, self.b = nn.Parameter(torch.randn(4, 6)), nn.Parameter(torch.randn(4))
        self.register_buffer("shift", torch.tensor([0.5, -1.0, 2.0, 0.0]))

    def forward(self, x: Any) -> Any:
        h = torch.tanh(self.fc1(x))
        h = 1 - h * torch.sigmoid(h)
        h = torch.addmm(self.b, h, self.W.t()) / 2 - self.shift
        h += torch.tensor([1.0, 2.0, 3.0, 4.0])
        return torch.pow(h, 2).neg() + (-h).exp().clamp(max=3.0)


class Long(nn.Module):
    """Two blocks in one forward, and a sum over three paths."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Any) -> Any:
        h = x + torch.relu(self.a(x))
        k = h - F.silu(self.b(h))
        return x + k + self.c(h)


class Shared(Long):
    """An activation in place before a residual sum."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.LeakyReLU(0.2, inplace=True)

    def forward(self, x: Any) -> Any:
        return x + self.a(self.act(x))


class InPlace(Long):
    """What is changed in place is changed for all that share its memory, and for copies it is not."""

    def forward(self, x: Any) -> Any:
        x = self.a(x)
        other, copy = x.contiguous(), x.clone()
        h = F.relu(x, inplace=True)
        y = other + self.b(h)
        z = y
        y.add_(torch.tanh(self.c(copy)))
        return z.sigmoid_() + y - copy


class Aliased(Long):
    """A change in place that torch.fx does not see."""

    def forward(self, x: Any) -> Any:
        y = self.a(x)
        z = y
        y += torch.tanh(self.b(x))
        return z + self.c(y)


class Failing(Long):
    def forward(self, x: Any) -> Any:
        return torch.tanh(self.a(x)) + self.b(x.to(torch.float16))


class Gate(Long):
    def forward(self, x: Any) -> Any:
        return self.a(x) * torch.sigmoid(self.b(x))


class Branching(Long):
    def forward(self, x: Any) -> Any:
        return self.a(x) if x.sum() > 0 else self.b(x)


class Joined(Long):
    def forward(self, x: Any) -> Any:
        return torch.cat([self.a(x), x], 1)


class Two(Long):
    def forward(self, x: Any) -> Any:
        return self.a(x), x


class Apply(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.linear, self.function = nn.Linear(2, 2), function

    def forward(self, x: Any) -> Any:
        return self.function(self.linear(x))


class TwoInputs(Long):
    def forward(self, x: Any, y: Any) -> Any:
        return self.a(x) + y


def everything() -> Any:
    return nn.Sequential(
        nn.Linear(3, 4),
        nn.Tanh(),
        nn.Sequential(nn.PReLU(4), PreNorm(4), nn.BatchNorm1d(4), nn.Dropout(0.3)),
        nn.RMSNorm(4),
        PostNorm(4, 5),
        nn.BatchNorm1d(5, affine=False),
        nn.LayerNorm(5, elementwise_affine=False),
        nn.LayerNorm(5, bias=False),
        Plain(),
        nn.PReLU(),
        nn.Flatten(),
        nn.Identity(),
        nn.Linear(4, 2, bias=False),
    )


def old_weight_norm(part: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch has a newer form, which networks in files may not
        return nn.Sequential(nn.utils.weight_norm(part), nn.Sigmoid())


MODULES = {
    "everything": everything,
    "linear": lambda: nn.Linear(3, 2),
    "activation first": lambda: nn.Sequential(nn.Tanh(), nn.Linear(3, 2)),
    "plain": Plain,
    "long": Long,
    "in place": InPlace,
    "module in place": lambda: nn.Sequential(nn.Linear(4, 4), Shared()),
    "nested": lambda: nn.Sequential(nn.Sequential(nn.Sequential(nn.Linear(2, 3))), nn.Sequential(nn.ReLU())),
    "weight norm": lambda: old_weight_norm(nn.Linear(3, 3)),
    "spectral": lambda: nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)), nn.Sigmoid()),
}


def made(name: str) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = MODULES[name]().double()
        for part in module.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
    return module.eval()


def jacobians(module: Any, inputs: Any) -> Any:
    rows = [torch.autograd.functional.jacobian(module, row[None])[0, :, 0] for row in inputs]
    return torch.stack(rows).numpy()


@pytest.mark.parametrize("name", MODULES)
def test_values_and_jacobians_are_those_of_the_module(name: str) -> None:
    module = made(name)
    chain, weights = chain_from_torch(module)
    inputs = torch.randn(4, chain.widths[0], dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    run = run_chain(chain, weights, inputs.numpy())
    expected = module(inputs).detach().numpy()
    np.testing.assert_allclose(run.output, expected, rtol=0, atol=1e-12 * max(1, np.abs(expected).max()))
    wanted = jacobians(module, inputs)
    np.testing.assert_allclose(run.jacobian(), wanted, rtol=0, atol=1e-12 * max(1, np.abs(wanted).max()))


def test_parameters_keep_their_names_and_numbers() -> None:
    module = made("everything")
    chain, weights = chain_from_torch(module)
    state = module.state_dict()
    computed = {"2.1.gamma.mul", "8.W.t", "8.shift.negated", "_tensor_constant0"}
    assert set(weights) - set(state) <= computed
    assert {"0.weight", "2.0.weight", "2.1.f.2.bias", "2.2.running_var", "4.short.weight", "12.weight"} <= set(weights)
    np.testing.assert_array_equal(weights["0.weight"], state["0.weight"].numpy())
    assert [layer.name for layer in chain.layers][:4] == ["0", "1", "2.0", "2.1"]


def test_blocks_are_residual_and_swish_is_recognised() -> None:
    chain, _ = chain_from_torch(made("everything"))
    block = next(layer for layer in chain.layers if isinstance(layer, Residual))
    assert block.shortcut == ()
    assert isinstance(block.branch[0], VectorNormalisation)
    plain, _ = chain_from_torch(Plain())
    assert "silu" in [layer.kind for layer in plain.layers]
    kinds = [type(layer) for layer in chain.layers]
    assert kinds.count(PassThrough) == 4
    assert Affine in kinds


def test_the_module_is_left_as_it_is() -> None:
    module = made("everything")
    before, attributes = {k: v.clone() for k, v in module.state_dict().items()}, set(vars(module[8]))
    chain_from_torch(module)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert set(vars(module[8])) == attributes
    assert not any("tensor_constant" in name for name in vars(module))
    assert all(parameter.grad is None for parameter in module.parameters())


MODULE_ACTIVATIONS = [
    nn.Sigmoid(),
    nn.Tanh(),
    nn.ReLU(),
    nn.ReLU6(),
    nn.LeakyReLU(0.3),
    nn.RReLU(0.1, 0.5).eval(),
    nn.ELU(0.7),
    nn.CELU(0.4),
    nn.SELU(),
    nn.GELU(),
    nn.GELU(approximate="tanh"),
    nn.SiLU(),
    nn.Mish(),
    nn.Softplus(2.0),
    nn.Softsign(),
    nn.Hardtanh(-2, 1.5),
    nn.Hardsigmoid(),
    nn.Hardswish(),
    nn.LogSigmoid(),
    nn.Tanhshrink(),
    nn.Softshrink(0.1),
]


@pytest.mark.parametrize("module", MODULE_ACTIVATIONS, ids=repr)
def test_activations_are_those_of_pytorch(module: Any) -> None:
    found = activation_of_module(module)
    assert found is not None
    points = np.linspace(-4.03, 4.07, 30).reshape(10, 3)  # off the kinks
    chain, weights = chain_from_torch(nn.Sequential(module), input_size=3)
    run = run_chain(chain, weights, points)
    tensor = torch.from_numpy(points).requires_grad_(True)
    values = module(tensor)
    (slopes,) = torch.autograd.grad(values.sum(), tensor)
    values_tolerance = 2e-7 if isinstance(module, nn.CELU) else 1e-12
    np.testing.assert_allclose(run.output, values.detach().numpy(), rtol=values_tolerance, atol=1e-12)
    diagonals = np.einsum("bii->bi", run.jacobian())
    # PyTorch rounds 1/6 in the slope of the one and 1/alpha in that of the other to float32
    tolerance = 2e-7 if isinstance(module, (nn.Hardsigmoid, nn.CELU)) else 1e-12
    np.testing.assert_allclose(diagonals, slopes.numpy(), rtol=tolerance, atol=1e-12)


FUNCTIONS = {
    name: next((getattr(place, name) for place in (torch, F, torch.special) if hasattr(place, name)), None)
    for name in scalar_functions()
    if name not in ("pow", "rrelu", "clip", "clamp")
}


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if function is not None])
def test_scalar_functions_are_those_of_pytorch(name: str) -> None:
    found = activation_of_call(name, (), {})
    points = np.linspace(0.13, 2.9, 7)
    expected = FUNCTIONS[name](torch.from_numpy(points)).numpy()
    assert found is not None
    run = run_chain(LayerChain((Entrywise("f", 7, 7, found),)), {}, points)
    np.testing.assert_allclose(run.output[0], expected, rtol=1e-12)


REFUSED = {
    "convolution": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Conv2d(1, 1, 1)), r"1 \(Conv2d\)"),
    "softmax": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Softmax(1)), r"1 \(Softmax\)"),
    "widths": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(3, 4)), "3 entries are taken, but 4 are given"),
    "unknown width": (nn.Tanh, "input_size"),
    "attention": (lambda: nn.MultiheadAttention(4, 1), "takes query"),
    "batch norm in training": (lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), "in training mode"),
    "dropout in training": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5)), "in training mode"),
    "gate": (Gate, r"node mul, .*test_torch_chains.py:\d+.*product of two functions"),
    "control flow": (Branching, "control flow"),
    "cat": (Joined, r"node cat, .*test_torch_chains.py:\d+"),
    "logarithm": (lambda: Apply(torch.log), "node log, "),
    "power": (lambda: Apply(lambda x: x**0.5), "node pow_1 .*real"),
    "changed in place behind its back": (Aliased, "gives other values than Aliased itself"),
    "failing in float64": (Failing, "fails on an input"),
    "two outputs": (Two, "several values"),
    "two inputs": (TwoInputs, "takes x, y"),
    "no module": (lambda: 3, "torch.nn.Module is needed"),
    "half precision": (lambda: nn.Linear(2, 2).half(), "half precision"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_chain_is_refused(case: str) -> None:
    module, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        chain_from_torch(module())


def test_nan_in_a_parameter_is_named() -> None:
    module = nn.Sequential(nn.Linear(2, 2))
    with torch.no_grad():
        module[0].weight[0, 1] = float("nan")
    with pytest.raises(InputError, match=r"0\.weight"):
        chain_from_torch(module)


def test_the_module_and_the_generator_are_left_as_they_are() -> None:
    class Keeping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))
            self.register_buffer("seen", torch.zeros(1))
            self.last = None

        def forward(self, x: Any) -> Any:
            self.seen.add_(1)
            self.last = x
            return self.a(x.float().view(x.shape[0], -1)) * torch.tensor(0.1)

    module = Keeping()
    before, noise = {name: value.clone() for name, value in module.state_dict().items()}, torch.get_rng_state()
    chain, weights = chain_from_torch(module)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.last is None
    assert module.training
    x = np.linspace(-1, 1, 4)
    with torch.no_grad():
        expected = module.eval()(torch.tensor(x[None], dtype=torch.float32))[0].numpy()
    assert np.abs(run_chain(chain, weights, x).output[0] - expected).max() < 1e-6
    with pytest.raises(InputError, match="draws random numbers"):
        chain_from_torch(Drawing())
    assert torch.equal(torch.get_rng_state(), noise)


class Drawing(nn.Module):
    """Noise that is added to the values."""

    def forward(self, x: Any) -> Any:
        return torch.tanh(x) + torch.randn(4)
