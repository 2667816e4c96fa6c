"""Train an Elman network, a GRU and an LSTM before and after a remedy that symgrad derives.

Two tasks whose answer depends on what was read long before the end:

* ``adding``: the adding problem of Hochreiter and Schmidhuber 1997, 150 steps. An input is a number uniform in [0, 1]
  and a mark, 1 at one step of the first half and at one of the second; the answer is the sum of the two numbers marked.
  Score: mean squared error on 500 sequences kept apart; always answering 1 gives 1/6.
* ``digits``: scikit-learn's digits as in ``train_digits.py``, read row by row in 8 steps, followed by 120 blank steps.
  Score: the share of the 800 test digits classified rightly; guessing gives 0.1.

Every network is ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM`` with 32 units and a linear layer on the last hidden state. All
starts of a network are trained alike: Adam with a learning rate that falls to zero along a cosine, batches of 32,
gradient norm clipped at 1, the same number of steps and the same batches. A start is PyTorch's default or a remedy:

* ``orthogonal``: recurrent weights orthogonal times ``symgrad.init_gain("tanh", "chi1")``, biases 0;
* ``identity``: recurrent weights the identity times the gain of ``symgrad.design.identity_initialisation("relu")``,
  biases 0;
* ``bias``: the forget gate's bias is ``symgrad.design.forget_bias(T, 1/2)``, the update gate's
  ``symgrad.design.update_bias(T, 1/2)``;
* ``chrono``: biases drawn from ``symgrad.design.chrono(T)``, T the number of steps.

``log10 g`` is measured before training: the gradient of the loss by the first input over that by the last input (norms
over the sequences kept apart). Run with
``python examples/train_recurrent.py [--tasks ...] [--networks ...] [--quick] [--out FOLDER]`` where torch and
scikit-learn are installed; ``--out`` keeps the recurrent layers of seed 0 as they start and as they end.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from train_digits import load

import symgrad as sg

HIDDEN = 32
BATCH = 32
ADDING_STEPS = 150
BLANK_STEPS = 120
TESTED = 500
Examples = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Task:
    """What is learnt: training batches, examples kept apart, the loss and the score."""

    name: str
    steps: int
    inputs: int
    outputs: int
    draw: Callable[[torch.Generator], Examples]
    tested: Examples
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    score: Callable[[torch.Tensor, torch.Tensor], float]


@dataclass(frozen=True)
class Network:
    """A recurrent layer, its starts, and the training steps and learning rate that all of them get on each task."""

    layer: Callable[[int], nn.Module]
    starts: dict[str, Callable[[nn.Module, int, int], None]]
    budgets: dict[str, tuple[int, float]]


@dataclass(frozen=True)
class Outcome:
    """What one training gave: the gradient's ratio before it, the score after it."""

    ratio: float
    score: float


class Reader(nn.Module):
    """A recurrent layer, and a linear layer on its last hidden state."""

    def __init__(self, layer: nn.Module, outputs: int) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(layer.hidden_size, outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Answers of shape (batch, outputs) for sequences of shape (batch, steps, inputs)."""
        hidden, _ = self.layer(inputs)
        return self.head(hidden[:, -1])


# --- tasks ------------------------------------------------------------------------


def sums(count: int, random: torch.Generator) -> Examples:
    """So many sequences of the adding problem, and their sums of shape (count, 1)."""
    numbers = torch.rand(count, ADDING_STEPS, generator=random)
    marks = torch.zeros(count, ADDING_STEPS)
    half, every = ADDING_STEPS // 2, torch.arange(count)
    marks[every, torch.randint(0, half, (count,), generator=random)] = 1
    marks[every, torch.randint(half, ADDING_STEPS, (count,), generator=random)] = 1
    return torch.stack((numbers, marks), dim=-1), (numbers * marks).sum(dim=1, keepdim=True)


def squared_error(answers: torch.Tensor, wanted: torch.Tensor) -> float:
    """Mean squared error."""
    return nn.functional.mse_loss(answers, wanted).item()


def accuracy(answers: torch.Tensor, wanted: torch.Tensor) -> float:
    """Share of the answers whose largest entry is the class wanted."""
    return (answers.argmax(dim=1) == wanted).float().mean().item()


def adding() -> Task:
    """The adding problem."""
    tested = sums(TESTED, torch.Generator().manual_seed(10_000))
    return Task("adding", ADDING_STEPS, 2, 1, partial(sums, BATCH), tested, nn.functional.mse_loss, squared_error)


def digits() -> Task:
    """Digits read row by row, with blank steps before the answer."""
    data = load()
    train, tested = (
        torch.cat((images, images.new_zeros(len(images), BLANK_STEPS, images.shape[2])), dim=1)
        for images in (data.train_images, data.test_images)
    )

    def draw(random: torch.Generator) -> Examples:
        batch = torch.randint(len(train), (BATCH,), generator=random)
        return train[batch], data.train_classes[batch]

    examples = (tested, data.test_classes)
    return Task("digits", train.shape[1], 8, 10, draw, examples, nn.functional.cross_entropy, accuracy)


# --- starts -----------------------------------------------------------------------


def default(layer: nn.Module, steps: int, seed: int) -> None:
    """Leave the layer as PyTorch initialised it."""


def orthogonal(layer: nn.Module, steps: int, seed: int) -> None:
    """Orthogonal recurrent weights at the edge of chaos of tanh."""
    nn.init.orthogonal_(layer.weight_hh_l0, float(sg.init_gain("tanh", "chi1")))
    _no_biases(layer)


def identity(layer: nn.Module, steps: int, seed: int) -> None:
    """The identity, with which no product of Jacobians of rectified linear units has a norm above 1."""
    nn.init.eye_(layer.weight_hh_l0).mul_(float(sg.design.identity_initialisation("relu").gain))
    _no_biases(layer)


def retaining(layer: nn.Module, steps: int, seed: int) -> None:
    """One bias for all gates that keep a state, so that one half is left after all steps."""
    find = sg.design.forget_bias if isinstance(layer, nn.LSTM) else sg.design.update_bias
    _keep(layer, torch.full((HIDDEN,), float(find(steps, 0.5))))


def chrono(layer: nn.Module, steps: int, seed: int) -> None:
    """Biases of the gates that keep a state drawn so that their time constants are spread over all steps."""
    keep, enter = (torch.from_numpy(values).float() for values in sg.design.chrono(steps).sample(HIDDEN, seed))
    _keep(layer, keep)
    if isinstance(layer, nn.LSTM):  # in a GRU one gate does both: it keeps z and lets in 1 - z
        layer.bias_ih_l0[:HIDDEN], layer.bias_hh_l0[:HIDDEN] = enter, 0.0


def _keep(layer: nn.Module, biases: torch.Tensor) -> None:
    """Set the second block, of the LSTM's forget gate and the GRU's update gate; PyTorch adds two biases."""
    layer.bias_ih_l0[HIDDEN : 2 * HIDDEN] = biases
    layer.bias_hh_l0[HIDDEN : 2 * HIDDEN] = 0.0


def _no_biases(layer: nn.Module) -> None:
    layer.bias_ih_l0.zero_()
    layer.bias_hh_l0.zero_()


NETWORKS = {
    "elman tanh": Network(
        lambda inputs: nn.RNN(inputs, HIDDEN, batch_first=True),
        {"default": default, "orthogonal": orthogonal},
        {"adding": (1000, 0.001), "digits": (1000, 0.001)},
    ),
    "elman relu": Network(
        lambda inputs: nn.RNN(inputs, HIDDEN, batch_first=True, nonlinearity="relu"),
        {"default": default, "identity": identity},
        {"adding": (1000, 0.001), "digits": (1000, 0.001)},
    ),
    "gru": Network(
        lambda inputs: nn.GRU(inputs, HIDDEN, batch_first=True),
        {"default": default, "bias": retaining, "chrono": chrono},
        {"adding": (400, 0.01), "digits": (400, 0.01)},
    ),
    "lstm": Network(
        lambda inputs: nn.LSTM(inputs, HIDDEN, batch_first=True),
        {"default": default, "bias": retaining, "chrono": chrono},
        {"adding": (1000, 0.01), "digits": (1000, 0.01)},
    ),
}


# --- training ---------------------------------------------------------------------


def gradient_ratio(net: Reader, task: Task) -> float:
    """log10 of the gradient of the loss by the first input over that by the last one, in double precision."""
    inputs, wanted = task.tested
    inputs = inputs.double().requires_grad_()
    wanted = wanted.double() if wanted.is_floating_point() else wanted
    (gradient,) = torch.autograd.grad(task.loss(net.double()(inputs), wanted), inputs)
    net.float()
    first, last = gradient[:, 0].norm().item(), gradient[:, -1].norm().item()
    return math.log10(first / last) if first > 0 else -math.inf


def train(net: Reader, task: Task, steps: int, rate: float, seed: int) -> None:
    """Train in place, with batches drawn from one seeded generator."""
    random = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        inputs, wanted = task.draw(random)
        optimiser.zero_grad()
        task.loss(net(inputs), wanted).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()


def trained(task: Task, name: str, start: str, seed: int, share: float, out: Path | None) -> Outcome:
    """Train one network from one start with one seed, for a share of its budget."""
    network = NETWORKS[name]
    torch.manual_seed(seed)
    net = Reader(network.layer(task.inputs), task.outputs)
    with torch.no_grad():
        network.starts[start](net.layer, task.steps, seed)
    steps, rate = network.budgets[task.name]
    path = f"{task.name}_{name.replace(' ', '_')}_{start}"
    _save(net, out if seed == 0 else None, f"{path}_start")
    ratio = gradient_ratio(net, task)
    train(net, task, max(1, round(share * steps)), rate, seed)
    _save(net, out if seed == 0 else None, path)
    with torch.no_grad():
        return Outcome(ratio, task.score(net(task.tested[0]), task.tested[1]))


def _save(net: Reader, out: Path | None, name: str) -> None:
    if out is not None:
        save_file(net.layer.state_dict(), out / f"{name}.safetensors")


def rows(options: argparse.Namespace) -> Iterator[str]:
    """The rows of the table: scores of all seeds from each start."""
    for task in (TASKS[name]() for name in options.tasks):
        for name in options.networks:
            for start in NETWORKS[name].starts:
                found = [trained(task, name, start, seed, options.share, options.out) for seed in range(options.seeds)]
                ratio = statistics.fmean(outcome.ratio for outcome in found)
                scores = " ".join(f"{outcome.score:.4f}" for outcome in found)
                yield f"{task.name}  {name:10}  {start:10}  log10 g {ratio:7.2f}  {LABELS[task.name]} {scores}"


TASKS: dict[str, Callable[[], Task]] = {"adding": adding, "digits": digits}
LABELS = {"adding": "error", "digits": "accuracy"}


def main() -> None:
    """Train every network and print one row for each start."""
    parser = argparse.ArgumentParser(description="Train recurrent networks before and after derived remedies.")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="share of the training steps to make")
    parser.add_argument("--out", type=Path, help="folder for the .safetensors files")
    parser.add_argument("--quick", action="store_true", help="one seed, a quarter of the steps on the digits, no GRU")
    options = parser.parse_args()
    if options.quick:
        options.tasks, options.networks = ["digits"], ["elman relu", "lstm"]
        options.seeds, options.share = 1, 0.25
    torch.set_num_threads(1)
    for row in rows(options):
        print(row, flush=True)


if __name__ == "__main__":
    main()
