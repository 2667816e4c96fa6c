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

* ``advised``: the first remedy of ``symgrad.diagnose``, which looks at the layer as PyTorch initialised it, along the
  sequences kept apart; its lines of code are run as they are;
* ``bias``: the forget gate's bias alone, ``symgrad.design.forget_bias(T, 1/e)``, with the input gate as it was;
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

import sympy as sp
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
DIAGNOSED = 4
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
    starts: dict[str, Callable[[nn.Module, Task, int], None]]
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


def default(layer: nn.Module, task: Task, seed: int) -> None:
    """Leave the layer as PyTorch initialised it."""


def advised(layer: nn.Module, task: Task, seed: int) -> None:
    """The first remedy of the diagnosis, by the code that it gives; without a remedy the layer is left as it is."""
    remedies = diagnosis(layer, task).remedies
    if remedies and remedies[0].code is not None:
        exec(remedies[0].code, {"module": layer, "torch": torch})


def diagnosis(layer: nn.Module, task: Task) -> sg.Diagnosis:
    """Why gradients through the layer vanish over all steps of the task, and what to do about it."""
    return sg.diagnose(layer, task.tested[0][:DIAGNOSED], horizon=task.steps)


def bias(layer: nn.Module, task: Task, seed: int) -> None:
    """One forget bias for all cells; what the gates let in stays as it is."""
    _keep(layer, torch.full((HIDDEN,), float(sg.design.forget_bias(task.steps, sp.exp(-1)))), None)


def chrono(layer: nn.Module, task: Task, seed: int) -> None:
    """Biases of the gates that keep a state drawn so that their time constants are spread over all steps."""
    keep, enter = (torch.from_numpy(values).float() for values in sg.design.chrono(task.steps).sample(HIDDEN, seed))
    _keep(layer, keep, enter if isinstance(layer, nn.LSTM) else None)  # a GRU's one gate keeps z and lets in 1 - z


def _keep(layer: nn.Module, keep: torch.Tensor, enter: torch.Tensor | None) -> None:
    """Set the biases of the LSTM's forget gate or the GRU's update gate, and of the LSTM's input gate.

    The keeping gate is the second block in both. PyTorch adds two biases, one of which is set to 0.
    """
    for block, biases in ((slice(HIDDEN, 2 * HIDDEN), keep), (slice(HIDDEN), enter)):
        if biases is not None:
            layer.bias_ih_l0[block], layer.bias_hh_l0[block] = biases, 0.0


NETWORKS = {
    "elman tanh": Network(
        lambda inputs: nn.RNN(inputs, HIDDEN, batch_first=True),
        {"default": default, "advised": advised},
        {"adding": (1000, 0.001), "digits": (1000, 0.001)},
    ),
    "elman relu": Network(
        lambda inputs: nn.RNN(inputs, HIDDEN, batch_first=True, nonlinearity="relu"),
        {"default": default, "advised": advised},
        {"adding": (1000, 0.001), "digits": (1000, 0.001)},
    ),
    "gru": Network(
        lambda inputs: nn.GRU(inputs, HIDDEN, batch_first=True),
        {"default": default, "advised": advised, "chrono": chrono},
        {"adding": (400, 0.02), "digits": (400, 0.01)},
    ),
    "lstm": Network(
        lambda inputs: nn.LSTM(inputs, HIDDEN, batch_first=True),
        {"default": default, "bias": bias, "advised": advised, "chrono": chrono},
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
        network.starts[start](net.layer, task, seed)
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
            yield f"{task.name}  {name:10}  {_words(name, task)}"
            for start in NETWORKS[name].starts:
                found = [trained(task, name, start, seed, options.share, options.out) for seed in range(options.seeds)]
                ratio = statistics.fmean(outcome.ratio for outcome in found)
                scores = " ".join(f"{outcome.score:.4f}" for outcome in found)
                yield f"{task.name}  {name:10}  {start:10}  log10 g {ratio:7.2f}  {LABELS[task.name]} {scores}"


def _words(name: str, task: Task) -> str:
    """What the diagnosis says of the layer that PyTorch makes with seed 0: outcome, first cause and first remedy."""
    torch.manual_seed(0)
    found = diagnosis(NETWORKS[name].layer(task.inputs), task)
    cause = found.causes[0].cause if found.causes else "none"
    remedy = found.remedies[0].name if found.remedies else "none"
    return f"diagnosis: {found.outcome}, {found.verdict}; cause: {cause}; remedy: {remedy}"


TASKS: dict[str, Callable[[], Task]] = {"adding": adding, "digits": digits}
LABELS = {"adding": "error", "digits": "accuracy"}


def main() -> None:
    """Train every network and print one row for each start."""
    parser = argparse.ArgumentParser(description="Train recurrent networks before and after derived remedies.")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument(
        "--seeds", type=int, default=3, choices=range(1, 11), metavar="N", help="train with the seeds 0 to N-1"
    )
    parser.add_argument("--share", type=float, default=1.0, help="share of the training steps to make")
    parser.add_argument("--out", type=Path, help="folder for the .safetensors files")
    parser.add_argument("--quick", action="store_true", help="LSTM, digits, one seed, 250 steps")
    options = parser.parse_args()
    if options.quick:
        options.tasks, options.networks, options.seeds, options.share = ["digits"], ["lstm"], 1, 0.25
    torch.set_num_threads(1)
    for row in rows(options):
        print(row, flush=True)


if __name__ == "__main__":
    main()
