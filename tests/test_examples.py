"""The shipped example data are what the training script says, and the script still makes them."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SHAPES = {
    "elman": {
        "weight_ih_l0": (32, 8),
        "weight_hh_l0": (32, 32),
        "bias_ih_l0": (32,),
        "bias_hh_l0": (32,),
    },
    "lstm": {
        "weight_ih_l0": (128, 8),
        "weight_hh_l0": (128, 32),
        "bias_ih_l0": (128,),
        "bias_hh_l0": (128,),
    },
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_weights_have_torchs_names_and_shapes(name: str) -> None:
    weights = load_file(EXAMPLES / f"digits_{name}.safetensors")
    assert {key: value.shape for key, value in weights.items()} == SHAPES[name]
    assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in weights.values())


def test_the_sequences_are_rows_of_real_digits_each_used_once() -> None:
    inputs = load_file(EXAMPLES / "digits_sequences.safetensors")["inputs"]
    assert inputs.shape == (32, 200, 8)
    assert inputs.dtype == np.float32
    shipped = [image.tobytes() for image in (load_digits().images / 16).astype(np.float32)]
    read = [image.tobytes() for image in inputs.reshape(-1, 8, 8)]
    assert set(read) <= set(shipped)
    assert all(read.count(image) <= shipped.count(image) for image in set(read))


@pytest.mark.slow
def test_the_training_script_still_reaches_its_accuracy(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "train_digits.py"), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    accuracies = [float(value) for value in re.findall(r"test accuracy ([\d.]+)", done.stdout)]
    assert len(accuracies) == 2
    assert min(accuracies) > 0.94  # 0.9588 and 0.9737 where the files were made; other machines round differently
    made = load_file(tmp_path / "digits_sequences.safetensors")["inputs"]
    assert np.array_equal(made, load_file(EXAMPLES / "digits_sequences.safetensors")["inputs"])


def table(script: str, *options: str) -> list[str]:
    """The rows that a training script prints."""
    command = [sys.executable, str(EXAMPLES / script), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture
def recurrent(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script train_recurrent.py as a module."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(EXAMPLES)
    return import_module("train_recurrent")


def test_the_adding_problem_marks_one_number_in_each_half_and_asks_for_their_sum(recurrent: ModuleType) -> None:
    import torch

    inputs, wanted = recurrent.sums(40, torch.Generator().manual_seed(3))
    numbers, marks = inputs.double().numpy().transpose(2, 0, 1)
    halves = np.split(marks, 2, axis=1)
    assert all((half.sum(axis=1) == 1).all() for half in halves)
    picked = numbers[marks == 1].reshape(40, 2)
    assert np.allclose(picked.sum(axis=1), wanted[:, 0].double().numpy(), atol=1e-6)
    assert numbers.min() >= 0
    assert numbers.max() <= 1


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("lstm", "bias"),
        pytest.param("lstm", "advised", marks=pytest.mark.slow),
        pytest.param("gru", "advised", marks=pytest.mark.slow),
    ],
)
def test_gates_that_are_set_keep_the_part_wanted_of_a_gradient_over_all_steps(
    recurrent: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str, start: str
) -> None:
    import torch

    monkeypatch.setattr(recurrent, "HIDDEN", 6)
    monkeypatch.setattr(recurrent, "ADDING_STEPS", 80)
    torch.manual_seed(1)
    network, task = recurrent.NETWORKS[name], recurrent.adding()
    layer = network.layer(task.inputs)
    with torch.no_grad():
        network.starts[start](layer, task, 0)
        for tensor in (layer.weight_ih_l0, layer.weight_hh_l0):
            tensor.zero_()  # so that the biases alone set the gates and the state's own path is all there is
    layer.double()
    kept = torch.zeros(1, 1, 6, dtype=torch.double, requires_grad=True)
    begin = (torch.zeros_like(kept), kept) if name == "lstm" else kept
    _, last = layer(torch.zeros(1, task.steps, task.inputs, dtype=torch.double), begin)
    (gradient,) = torch.autograd.grad((last[1] if name == "lstm" else last).sum(), kept)
    assert np.allclose(gradient.numpy(), np.exp(-1), rtol=1e-4)  # the bias was rounded to single precision


@pytest.mark.slow
def test_a_deep_network_trains_from_the_derived_weights_alone() -> None:
    default, derived = (row.split() for row in table("train_deep_mlp.py", "--quick")[1:])
    assert float(default[4]) < -10 < -2 < float(derived[4])  # log10 of the gradient's ratio
    assert float(default[-1]) < 0.2 < 0.85 < float(derived[-1])  # test accuracy


@pytest.mark.slow
def test_an_lstm_remembers_a_digit_from_the_advised_biases_and_not_from_the_default() -> None:
    said, *rows = table("train_recurrent.py", "--quick")
    assert "diagnosis: vanishing" in said
    assert "closed gate" in said
    scores = {row.split()[2]: float(row.split()[-1]) for row in rows}
    assert max(scores["default"], scores["bias"]) < 0.15 < 0.25 < min(scores["advised"], scores["chrono"])
