"""Wide random cells simulated with torch, weights drawn anew at every step, independent of the package."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

__all__ = ["CELLS", "mean_squares"]

Draw = Callable[[float], torch.Tensor]
State = tuple[torch.Tensor, ...]


def _elman(draw: Draw, field: Draw, bias: float) -> Callable[..., State]:
    W, a = draw(2.0), field(1 / 3)
    return lambda h: (torch.tanh(W @ h + a),)


def _leaky(draw: Draw, field: Draw, bias: float) -> Callable[..., State]:
    W, a = draw(2.0), field(1 / 3)
    return lambda h: (0.7 * h + 0.3 * torch.relu(W @ h + a),)


def _gru(draw: Draw, field: Draw, bias: float) -> Callable[..., State]:
    (Wr, Wz, Wn), (r, z, n) = (draw(1.0) for _ in range(3)), (field(1 / 3) for _ in range(3))

    def step(h: torch.Tensor) -> State:
        gate, update = torch.sigmoid(Wr @ h + r), torch.sigmoid(Wz @ h + z + bias)
        return ((1 - update) * torch.tanh(n + gate * (Wn @ h)) + update * h,)

    return step


def _lstm(draw: Draw, field: Draw, bias: float) -> Callable[..., State]:
    (Wi, Wf, Wg, Wo), (i, f, g, o) = (draw(1.0) for _ in range(4)), (field(1 / 3) for _ in range(4))

    def step(h: torch.Tensor, c: torch.Tensor) -> State:
        kept = torch.sigmoid(Wf @ h + f + bias) * c
        cell = kept + torch.sigmoid(Wi @ h + i) * torch.tanh(Wg @ h + g)
        return torch.sigmoid(Wo @ h + o) * torch.tanh(cell), cell

    return step


CELLS = {"elman": (_elman, 1), "leaky": (_leaky, 1), "gru": (_gru, 1), "lstm": (_lstm, 2)}


def mean_squares(name: str, width: int, seed: int, steps: int = 25, bias: float = 0.0) -> np.ndarray:
    """``||J_ij||_F^2 / n`` of the blocks of one state Jacobian, after some steps."""
    make, states = CELLS[name]
    torch.manual_seed(seed)

    def draw(variance: float) -> torch.Tensor:
        return torch.randn(width, width, dtype=torch.float64) * (variance / width) ** 0.5

    def field(variance: float) -> torch.Tensor:
        return torch.randn(width, dtype=torch.float64) * variance**0.5

    state = tuple(torch.randn(width, dtype=torch.float64) * 0.1 for _ in range(states))
    for _ in range(steps):
        state = make(draw, field, bias)(*state)
    blocks = torch.autograd.functional.jacobian(make(draw, field, bias), state, vectorize=True)
    return np.array([[float((block**2).sum()) / width for block in row] for row in blocks])
