"""Cells as people write them, to be traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CELLS", "EXAMPLE", "written"]


class Chunked(nn.Module):
    """An LSTM by hand: one product for all gates."""

    def __init__(self, inputs: int = 2, size: int = 3) -> None:
        super().__init__()
        self.from_input = nn.Linear(inputs, 4 * size)
        self.from_state = nn.Linear(size, 4 * size, bias=False)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, c = state
        i, f, g, o = (self.from_input(x) + self.from_state(h)).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = o.sigmoid() * c.tanh()
        return F.softmax(h, -1), (h, c)


class MinimalGated(nn.Module):
    """Zhou et al. 2016; concatenated vectors, nested modules, a mask, a learned scalar."""

    def __init__(self, inputs: int = 2, size: int = 3) -> None:
        super().__init__()
        self.gate = nn.Linear(inputs + size, size)
        self.deep = nn.Sequential(
            nn.Linear(inputs + size, 4), nn.GELU(approximate="tanh"), nn.Dropout(0.5), nn.Linear(4, size)
        )
        self.scale = nn.Parameter(torch.tensor(0.7))
        self.row = nn.Parameter(torch.randn(1, size))
        self.register_buffer("mask", torch.tensor([1.0, 0.0, 1.0]))

    def forward(self, input: Tensor, hidden: Tensor) -> Tensor:
        f = torch.sigmoid(self.gate(torch.cat((input, hidden), 1)))
        n = self.deep(torch.cat([input, f * hidden], 1))
        return (1 - f) * hidden * self.scale + f * F.mish(n) + self.row * self.mask - hidden / 4


class Unbatched(nn.Module):
    """A leaky rate network for single vectors."""

    def __init__(self, inputs: int = 2, size: int = 3) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(size, size) / 2)
        self.U = nn.Parameter(torch.randn(size, inputs))
        self.b = nn.Parameter(torch.randn(size))
        self.tau = 2.5

    def forward(self, u: Tensor, h: Tensor) -> Tensor:
        return h + (-h + torch.tanh(self.W @ h + torch.mv(self.U, u) + self.b)) / self.tau


class Nested(nn.Module):
    """PyTorch's own cells inside, three states."""

    def __init__(self, inputs: int = 2, size: int = 3) -> None:
        super().__init__()
        self.gru = nn.GRUCell(inputs, size)
        self.lstm = nn.LSTMCell(size, size, bias=False)
        self.rnn = nn.RNNCell(size, size, nonlinearity="relu")
        self.plain = nn.RNNCell(size, size)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        a, h, c = state
        a = self.gru(x, a)
        h, c = self.lstm(a, (h, c))
        return self.rnn(h, a) - self.plain(h, c), h, c


class Pieces(nn.Module):
    """Slices of state and weights, views, permutations, sums over entries."""

    def __init__(self, inputs: int = 2, size: int = 6) -> None:
        super().__init__()
        self.lin = nn.Linear(inputs + size, size)
        self.W = nn.Parameter(torch.randn(size, size) / 3)
        self.register_buffer("upper", torch.triu(torch.ones(size, size)))
        self.register_buffer("order", torch.randperm(size))

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        a, b = h[:, :2], h[..., 2:]
        g = F.linear(torch.cat([h, x], -1), self.lin.weight, None) + self.lin.bias[None]
        g = torch.lerp(g, g.tanh(), 0.3)
        y = torch.cat([torch.relu(b), a * 2], 1)
        q = (h @ (self.W * self.upper).t()).sigmoid()
        q = q.view(-1, 2, 3).transpose(1, 2).reshape(-1, 6)
        sums = h.mean(-1, keepdim=True) * 0.2 + (h * self.lin.bias).sum(1).unsqueeze(-1)
        return (y + g * q).clamp(-1, 1) + torch.roll(h, 1, -1) * 0.1 + sums + h[:, self.order] * 0.3


class Forms(nn.Module):
    """Functions and methods in their other forms."""

    def __init__(self, inputs: int = 3, size: int = 3) -> None:
        super().__init__()
        self.A = nn.Parameter(torch.randn(inputs, size))
        self.B = nn.Parameter(torch.randn(size, size) / 2)
        self.c = nn.Parameter(torch.randn(size))
        self.p = nn.Parameter(torch.rand(1))
        self.leak = torch.tensor(0.25)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        s = torch.addmm(self.c, x, self.A, beta=0.5, alpha=2).add(torch.matmul(h, self.B), alpha=0.5)
        s = torch.sub(s, h, alpha=0.1).neg().mul(self.p) + torch.ones_like(h) - 2 * torch.zeros(x.size(0), 3)
        parts = [F.elu(s, 0.7), F.leaky_relu(s, 0.2), F.selu(s), F.softplus(s, beta=2), F.hardtanh(s, -0.5, 2.0)]
        parts += [torch.rsub(s, 1), s.square(), torch.pow(s, 3), (s * s + 1).sqrt(), torch.exp(-s), s.abs(), s.erf()]
        parts += [F.logsigmoid(s), F.hardsigmoid(s), F.relu6(s), s.sin(), torch.cos(s), F.softsign(s), F.silu(s)]
        total = torch.zeros_like(h)
        for weight, part in enumerate(parts, 1):
            total = total + part / (10 * weight)
        total = torch.addcmul(total, h, x, value=0.1) + torch.stack([h, x], 0).sum(0) * self.leak
        return torch.maximum(total, 0.1 * h) - torch.where(self.c > 0, total, h * 0.5)


class InPlace(nn.Module):
    """In-place forms and keyword arguments, two states as separate arguments."""

    def __init__(self, inputs: int = 2, size: int = 3) -> None:
        super().__init__()
        self.input_size, self.hidden_size = inputs, size
        self.lin = nn.Linear(inputs, size)
        self.rec = nn.Linear(size, size)

    def forward(self, x: Tensor, h: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if x.dim() == 1:
            x = x.unsqueeze(0)
        total = self.lin(x)
        total += self.rec(h)
        total.mul_(0.5).tanh_()
        other = F.relu(self.rec(v) + 0, inplace=True)
        v = torch.stack((v, other), dim=1).mean(dim=1)
        return total * 2, total, v


class Reduced(nn.Module):
    """Weights worked out from parameters: softmax of parameters, norms, products of matrices, a low rank."""

    def __init__(self, inputs: int = 2, size: int = 3) -> None:
        super().__init__()
        self.left = nn.Parameter(torch.randn(size, 1))
        self.right = nn.Parameter(torch.randn(1, size))
        self.logits = nn.Parameter(torch.randn(size))
        self.S = nn.Parameter(torch.randn(size, size))
        self.lin = nn.utils.parametrizations.weight_norm(nn.Linear(inputs, size))
        self.out = nn.Linear(size, 1)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        W = self.left @ self.right + torch.matrix_exp(self.S - self.S.T)
        mix = self.logits.softmax(0)
        return torch.tanh(h @ W.T + self.lin(x)) * mix + self.out(h) * torch.exp(-self.logits.abs())


class Oscillator(nn.Module):
    """coRNN of Rusch and Mishra 2021: a second-order equation in two states given as a list."""

    def __init__(self, inputs: int = 1, size: int = 3) -> None:
        super().__init__()
        self.i2h = nn.Linear(inputs + 2 * size, size)
        self.dt, self.gamma, self.epsilon = 0.1, 1.3, 0.7

    def forward(self, x: Tensor, state: list[Tensor]) -> tuple[Tensor, Tensor]:
        y, z = state[0], state[1]
        z = z + self.dt * (torch.tanh(self.i2h(torch.cat((x, z, y), 1))) - self.gamma * y - self.epsilon * z)
        return y + self.dt * z, z


class Single(nn.Module):
    """One hidden unit, one input."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Linear(2, 1)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(self.cell(torch.cat([x, h], 1))) + h * h


class Layers(nn.Module):
    """Two layers whose states lie in one tensor (layers, batch, size); entries are set in place."""

    def __init__(self, inputs: int = 2, size: int = 3) -> None:
        super().__init__()
        self.cells = nn.ModuleList([nn.GRUCell(inputs, size), nn.GRUCell(size, size)])

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        new = torch.zeros_like(h)
        for layer, cell in enumerate(self.cells):
            x = cell(x, h[layer])
            new[layer] = x
        new[1, :, 0] = 0.5
        return new


CELLS = {
    "chunked": (Chunked, {"input_size": 2, "state_sizes": (3, 3)}),
    "minimal gated": (MinimalGated, {"input_size": 2, "state_sizes": 3}),
    "unbatched": (Unbatched, {}),
    "nested": (Nested, {"input_size": 2, "state_sizes": (3, 3, 3)}),
    "pieces": (Pieces, {"input_size": 2, "state_sizes": 6}),
    "forms": (Forms, {}),
    "in place": (InPlace, {}),
    "reduced": (Reduced, {}),
    "oscillator": (Oscillator, {"example": (torch.zeros(5, 1), [torch.zeros(5, 3), torch.zeros(5, 3)])}),
    "layers": (Layers, {"example": (torch.zeros(4, 2), torch.zeros(2, 4, 3))}),
    "single": (Single, {"input_size": 1, "state_sizes": 1}),
}


def written(forward: Callable[..., Any], **attributes: Any) -> nn.Module:
    """A cell of two linear maps ``w`` (2 to 3) and ``u`` (3 to 3) with a forward function of its own."""

    class Written(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w, self.u = nn.Linear(2, 3), nn.Linear(3, 3, bias=False)
            for name, value in attributes.items():
                setattr(self, name, value)

    Written.forward = forward
    torch.manual_seed(0)
    return Written().double().eval()


EXAMPLE = (torch.zeros(4, 2), torch.zeros(4, 3))
