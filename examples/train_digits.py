"""Train the two recurrent networks whose bounds ``digits.py`` derives, evaluates and verifies.

Data: the 1797 handwritten digits that scikit-learn ships (8 x 8 grey values 0..16, here divided by 16), from the test
part of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak, UCI Machine Learning Repository,
CC BY 4.0. An image is read row by row: a sequence of 8 steps of 8 pixels in [0, 1]. 997 digits train, 800 test, each
class in proportion.

Networks: ``nn.RNN(8, 32, tanh)`` and ``nn.LSTM(8, 32)``, torch's default initialisation, a linear layer of 10 classes
on the last hidden state. Settings are ordinary ones: Adam, learning rate 0.005 falling to zero along a cosine,
cross-entropy, batches of 16, 60 epochs, gradient norm clipped at 1, no weight decay, one fixed seed.

Files written next to this script, all float32:

* ``digits_elman.safetensors``, ``digits_lstm.safetensors``: the recurrent layer alone, under torch's own names
  (``weight_ih_l0``, ``weight_hh_l0``, ``bias_ih_l0``, ``bias_hh_l0``);
* ``digits_sequences.safetensors``: ``inputs`` of shape (32, 200, 8), the rows of 25 test digits read one after
  another, no digit used twice; the last axis is the input u of one step, in [0, 1].

Run with ``python examples/train_digits.py [--out FOLDER]`` where torch and scikit-learn are installed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

SEED = 0
HIDDEN = 32
EPOCHS = 60
BATCH = 16
LEARNING_RATE = 0.005
TEST_DIGITS = 800
DIGITS_PER_SEQUENCE = 25


@dataclass(frozen=True)
class Digits:
    """Images as sequences of shape (digits, 8 steps, 8 pixels), values in [0, 1], and their classes."""

    train_images: torch.Tensor
    train_classes: torch.Tensor
    test_images: torch.Tensor
    test_classes: torch.Tensor


class Reader(nn.Module):
    """A recurrent layer that reads the rows, and a linear layer on its last hidden state."""

    def __init__(self, layer: nn.RNN | nn.LSTM) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(layer.hidden_size, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores of shape (batch, 10) for images of shape (batch, 8, 8)."""
        hidden, _ = self.layer(images)
        return self.head(hidden[:, -1])


def load() -> Digits:
    """Load, scale and split scikit-learn's digits, always in the same way."""
    data = load_digits()
    images = (data.images / 16).astype(np.float32)
    parts = train_test_split(images, data.target, test_size=TEST_DIGITS, random_state=SEED, stratify=data.target)
    train_images, test_images, train_classes, test_classes = (torch.from_numpy(part) for part in parts)
    return Digits(train_images, train_classes, test_images, test_classes)


def train(model: Reader, digits: Digits, epochs: int) -> None:
    """Train in place, with batches drawn from one seeded generator."""
    order = torch.Generator().manual_seed(SEED)
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        for batch in torch.randperm(len(digits.train_images), generator=order).split(BATCH):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(model(digits.train_images[batch]), digits.train_classes[batch])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        schedule.step()


@torch.no_grad()
def accuracy(model: Reader, digits: Digits) -> float:
    """Fraction of the test digits that are classified rightly."""
    return (model(digits.test_images).argmax(dim=1) == digits.test_classes).float().mean().item()


def sequences(digits: Digits) -> torch.Tensor:
    """Rows of test digits one after another: shape (32, 200, 8), every digit used once."""
    count = len(digits.test_images) // DIGITS_PER_SEQUENCE
    return digits.test_images[: count * DIGITS_PER_SEQUENCE].reshape(count, -1, digits.test_images.shape[-1])


@torch.no_grad()
def largest_cell(layer: nn.LSTM, inputs: torch.Tensor) -> float:
    """Largest absolute cell state that the LSTM reaches on the sequences, started at h = c = 0."""
    weight, bias = layer.weight_hh_l0, layer.bias_ih_l0 + layer.bias_hh_l0
    hidden = cell = inputs.new_zeros(inputs.shape[0], layer.hidden_size)
    largest = 0.0
    for step in inputs.unbind(dim=1):
        i, f, g, o = (step @ layer.weight_ih_l0.T + hidden @ weight.T + bias).chunk(4, dim=1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        largest = max(largest, cell.abs().max().item())
    return largest


def save(layer: nn.RNN | nn.LSTM, path: Path) -> None:
    """Write the recurrent layer alone, under torch's names."""
    save_file({name: value.numpy() for name, value in layer.state_dict().items()}, path)


def report(name: str, model: Reader, digits: Digits, inputs: torch.Tensor) -> None:
    """Print accuracy, the spectral norm of each recurrent matrix and, for the LSTM, the largest cell state."""
    print(f"{name}: test accuracy {accuracy(model, digits):.4f}")
    matrix = model.layer.weight_hh_l0.detach().double()
    gates = ("W_hi", "W_hf", "W_hg", "W_ho") if isinstance(model.layer, nn.LSTM) else ("W_hh",)
    for gate, block in zip(gates, matrix.chunk(len(gates)), strict=True):
        print(f"{name}: spectral norm of {gate} {torch.linalg.matrix_norm(block, 2).item():.4f}")
    if isinstance(model.layer, nn.LSTM):
        print(f"{name}: spectral norm of weight_hh_l0 {torch.linalg.matrix_norm(matrix, 2).item():.4f}")
        print(f"{name}: largest |c| over {inputs.shape[1]} steps {largest_cell(model.layer, inputs):.4f}")


def main() -> None:
    """Train both networks, print their figures and write the three files."""
    parser = argparse.ArgumentParser(description="Train the networks of examples/digits.py.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for the .safetensors files")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    digits = load()
    inputs = sequences(digits)
    save_file({"inputs": inputs.numpy()}, options.out / "digits_sequences.safetensors")
    layers = {
        "elman": lambda: nn.RNN(8, HIDDEN, batch_first=True),
        "lstm": lambda: nn.LSTM(8, HIDDEN, batch_first=True),
    }
    for name, layer in layers.items():
        torch.manual_seed(SEED)
        model = Reader(layer())
        train(model, digits, options.epochs)
        report(name, model, digits, inputs)
        save(model.layer, options.out / f"digits_{name}.safetensors")


if __name__ == "__main__":
    main()
