"""A plain network of 50 layers that PyTorch's default initialisation does not train, and a derived one does.

Data: scikit-learn's 8 x 8 digits as in ``train_digits.py``, 64 grey values, shifted and scaled to mean 0 and variance 1
over the training digits. Networks: 50 times a linear layer of 64 units and an activation, then a linear layer of 10
classes; no residual connection, no normalisation. Adam, learning rate 0.0003, batches of 64, the same for all.

* *default* is what ``nn.Linear`` starts with: entries uniform between -1/8 and 1/8, variance 1/(3 n).
* *derived* has orthogonal weights times the gain of ``symgrad.init_gain(activation, "chi1")``, at which the mean
  squared gradient keeps its size from layer to layer, and biases 0.

``log10 g`` is, before training, the decimal logarithm of the gradient of the loss by the first layer's output divided
by that by the last hidden layer's output (Frobenius norms over the training digits).

Run with ``python examples/train_deep_mlp.py [--quick] [--out FOLDER]`` where torch and scikit-learn are installed;
``--out`` keeps the networks as they start and as they end, by PyTorch's names.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from train_digits import Digits, load

import symgrad as sg

DEPTH = 50
WIDTH = 64
BATCH = 64
LEARNING_RATE = 0.0003
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


@dataclass(frozen=True)
class Outcome:
    """What one training gave: the gradient's ratio before it, loss and test accuracy after it."""

    ratio: float
    loss: float
    accuracy: float


def network(activation: str) -> nn.Sequential:
    """The plain network as PyTorch initialises it."""
    layers = [layer for _ in range(DEPTH) for layer in (nn.Linear(WIDTH, WIDTH), ACTIVATIONS[activation]())]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 10))


@torch.no_grad()
def derive(net: nn.Sequential, activation: str) -> None:
    """Set orthogonal weights times the gain at the edge of chaos, and biases 0."""
    gain = float(sg.init_gain(activation, "chi1"))
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.orthogonal_(layer.weight, gain)
            nn.init.zeros_(layer.bias)


def pixels(digits: Digits) -> tuple[torch.Tensor, torch.Tensor]:
    """Training and test digits as rows of 64 numbers of mean 0 and variance 1 over the training digits."""
    mean, std = digits.train_images.mean(), digits.train_images.std()
    return tuple((images.flatten(1) - mean) / std for images in (digits.train_images, digits.test_images))


def gradient_ratio(net: nn.Sequential, inputs: torch.Tensor, classes: torch.Tensor) -> float:
    """log10 of the gradient by the first layer's output over that by the last hidden layer's output."""
    net = net.double()
    first = net[:2](inputs.double()).detach().requires_grad_()
    last = net[2:-1](first)
    loss = nn.functional.cross_entropy(net[-1](last), classes)
    early, late = torch.autograd.grad(loss, (first, last))
    net.float()
    return math.log10(early.norm().item() / late.norm().item())


def train(net: nn.Sequential, inputs: torch.Tensor, classes: torch.Tensor, steps: int, seed: int) -> float:
    """Train in place; the mean loss of the last tenth of the steps."""
    order = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    losses = []
    for _ in range(steps):
        batch = torch.randint(len(inputs), (BATCH,), generator=order)
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(net(inputs[batch]), classes[batch])
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return statistics.fmean(losses[-max(1, steps // 10) :])


def trained(activation: str, start: str, seed: int, steps: int, digits: Digits, out: Path | None) -> Outcome:
    """Train one network from one start with one seed."""
    torch.manual_seed(seed)
    net = network(activation)
    if start == "derived":
        derive(net, activation)
    inputs, tested = pixels(digits)
    name = f"mlp_{activation}_{start}_{seed}"
    _save(net, out, f"{name}_start")
    ratio = gradient_ratio(net, inputs, digits.train_classes)
    loss = train(net, inputs, digits.train_classes, steps, seed)
    _save(net, out, name)
    with torch.no_grad():
        right = net(tested).argmax(dim=1) == digits.test_classes
    return Outcome(ratio, loss, right.float().mean().item())


def _save(net: nn.Sequential, out: Path | None, name: str) -> None:
    if out is not None:
        save_file(net.state_dict(), out / f"{name}.safetensors")


def rows(options: argparse.Namespace) -> Iterator[str]:
    """The rows of the table, one a start."""
    digits = load()
    for activation in options.activations:
        for start in ("default", "derived"):
            seeds = range(options.seeds)
            found = [trained(activation, start, seed, options.steps, digits, options.out) for seed in seeds]
            ratio = statistics.fmean(outcome.ratio for outcome in found)
            losses = " ".join(f"{outcome.loss:.3f}" for outcome in found)
            accuracies = " ".join(f"{outcome.accuracy:.3f}" for outcome in found)
            yield f"{activation:5} {start:8} log10 g {ratio:7.2f}  loss {losses}  accuracy {accuracies}"


def main() -> None:
    """Train every network and print one row for each start."""
    parser = argparse.ArgumentParser(description="Train plain networks of 50 layers from two initialisations.")
    parser.add_argument("--activations", nargs="+", choices=ACTIVATIONS, default=list(ACTIVATIONS))
    parser.add_argument("--steps", type=int, default=1000, help="training steps of each network")
    parser.add_argument(
        "--seeds", type=int, default=3, choices=range(1, 11), metavar="N", help="train with the seeds 0 to N-1"
    )
    parser.add_argument("--out", type=Path, help="folder for the .safetensors files")
    parser.add_argument("--quick", action="store_true", help="tanh, one seed, 200 steps")
    options = parser.parse_args()
    if options.quick:
        options.activations, options.steps, options.seeds = ["tanh"], 200, 1
    torch.set_num_threads(1)
    print(f"digits, {DEPTH} layers of {WIDTH} units, {options.steps} steps of Adam; accuracy by guessing 0.1")
    for row in rows(options):
        print(row, flush=True)


if __name__ == "__main__":
    main()
