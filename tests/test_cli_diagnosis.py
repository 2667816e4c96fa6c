"""The command diagnose: what it prints and writes, exit codes for scripts, and one line for bad input."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.command_line import Run, runner

QUICK = ("--horizon", "30", "--trajectories", "2", "--no-remedies")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return runner(capsys, monkeypatch)


def weight_file(folder: Path, gates: int, scale: float, forget_bias: float = 0.0) -> str:
    """A file in PyTorch's names with an orthogonal matrix of a given norm for every gate."""
    n, m = 4, 2
    source = np.random.default_rng(0)
    blocks = [scale * np.linalg.qr(source.standard_normal((n, n)))[0] for _ in range(gates)]
    bias = np.zeros(gates * n)
    if gates == 4:
        bias[n : 2 * n] = forget_bias
    arrays = {
        "weight_hh_l0": np.concatenate(blocks),
        "weight_ih_l0": 0.1 * source.standard_normal((gates * n, m)),
        "bias_ih_l0": bias,
        "bias_hh_l0": np.zeros(gates * n),
    }
    path = folder / "model.safetensors"
    save_file(arrays, path)
    return str(path)


@pytest.mark.slow
def test_a_vanishing_lstm_fails_where_scripts_ask_for_it(run: Run, tmp_path: Path) -> None:
    path = weight_file(tmp_path, 4, 0.1, forget_bias=-4.0)
    done = run("diagnose", path, "--model", "lstm", *QUICK, "--fail-if", "vanishing")
    assert (done.code, done.err) == (1, "")
    assert "vanishing" in done.out
    assert "closed gate" in done.out
    assert run("diagnose", path, *QUICK, "--fail-if", "exploding").code == 0  # the shapes tell that it is an LSTM


def test_data_are_those_of_the_diagnosis(run: Run, tmp_path: Path) -> None:
    path = weight_file(tmp_path, 1, 0.5)
    done = run("diagnose", path, "--model", "elman", *QUICK, "--json", "--fail-if", "vanishing")
    data = json.loads(done.out)
    assert (done.code, data["outcome"], data["verdict"]) == (1, "vanishing", "certified")
    assert data["horizon"] == 30


@pytest.mark.slow
def test_an_open_question_has_a_code_of_its_own(run: Run, tmp_path: Path) -> None:
    # Of a random rotation whose inputs are large, some sequences keep the gradient within the limits, others do not.
    path = weight_file(tmp_path, 1, 1.0)
    limits = ("--delta", "0.04", "--trajectories", "8", "--horizon", "120", "--no-remedies")
    found = json.loads(run("diagnose", path, "--model", "elman", *limits, "--json").out)
    code = run("diagnose", path, "--model", "elman", *limits, "--fail-if", "vanishing").code
    assert code == {"vanishing": 1, "undecided": 3}.get(found["outcome"], 0)


@pytest.mark.slow
def test_pictures_and_reports_are_written(run: Run, tmp_path: Path) -> None:
    path = weight_file(tmp_path, 1, 0.5)
    page, picture = tmp_path / "page.html", tmp_path / "picture.png"
    done = run("diagnose", path, "--model", "elman", *QUICK, "--report", str(page), "--plot", str(picture))
    assert done.code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "<math" in page.read_text("utf-8")


def test_other_activations_and_inputs(run: Run, tmp_path: Path) -> None:
    path, inputs = weight_file(tmp_path, 1, 1.5), tmp_path / "inputs.npy"
    np.save(inputs, np.ones((2, 40, 2)))
    done = run(
        "diagnose", path, "--model", "elman", "--activation", "identity", "--inputs", str(inputs), "--horizon", "40",
        "--no-remedies", "--fail-if", "exploding",
    )  # fmt: skip
    assert done.code == 1
    assert "large norm" in done.out


class Harmful:
    """An object that writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_bad_input_is_one_line(run: Run, tmp_path: Path) -> None:
    path = weight_file(tmp_path, 1, 0.5)
    hostile = tmp_path / "hostile.pt"
    hostile.write_bytes(pickle.dumps(Harmful(tmp_path / "written")))
    cases = {
        ("diagnose", str(tmp_path / "none.safetensors")): "no file that exists",
        ("diagnose", path, "--model", "elmann"): "elman",
        ("diagnose", path): "activation",
        ("diagnose", path, "--model", "elman", "--delta", "2"): "delta",
        ("diagnose", path, "--model", "lstm"): "weight",
        ("diagnose", str(hostile), "--model", "elman"): "path",
    }
    for arguments, words in cases.items():
        done = run(*arguments)
        assert (done.code, done.out) == (2, ""), arguments
        assert words in done.err
        assert done.err.count("\n") == 1
    assert not (tmp_path / "written").exists()
