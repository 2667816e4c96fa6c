"""Bad input of ``sg.diagnose``: one clear message each, naming the argument and what is accepted."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg

torch = pytest.importorskip("torch")
nn = torch.nn

SEQUENCE = np.ones((5, 3))
ELMAN = {"W": np.eye(2), "U": np.ones((2, 3)), "b": np.zeros(2)}


class Loop(nn.Module):
    """Changes the state between the steps."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(3, 4)

    def forward(self, inputs: Any) -> Any:
        state = torch.zeros(len(inputs), 4)
        for step in range(inputs.shape[1]):
            state = self.cell(inputs[:, step], 0.5 * state + 1)
        return state


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(3, 4)

    def forward(self, inputs: Any) -> Any:
        return inputs.sum()


class Failing(Unused):
    def forward(self, inputs: Any) -> Any:
        raise KeyError("no such thing")


class Overwriting(Unused):
    def forward(self, inputs: Any) -> Any:
        output = torch.tanh(self.rnn(inputs)[0])
        result = output.pow(2)
        output[:] = 0.0
        return result


class Packing(Unused):
    def forward(self, inputs: Any) -> Any:
        lengths = torch.tensor([inputs.shape[0]] * inputs.shape[1])
        return self.rnn(nn.utils.rnn.pack_padded_sequence(inputs, lengths))[1]


def with_entry(value: float) -> Any:
    module = nn.LSTM(3, 4)
    module.weight_hh_l0.data[1, 2] = value
    return module


def scripted(module: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch announces that it is old
        return torch.jit.script(module)


MODULES: dict[str, tuple[Any, str]] = {
    "dropout in training mode": (
        lambda: nn.LSTM(3, 4, 2, dropout=0.5),
        r"training mode with dropout.*module\.eval\(\)",
    ),
    "inner dropout": (lambda: nn.Sequential(nn.RNN(3, 4), nn.Dropout(0.3)), r"1 \(Dropout\).*module\.eval\(\)"),
    "half precision": (lambda: nn.GRU(3, 4).half(), r"weight_ih_l0 has half precision"),
    "bfloat16": (lambda: nn.GRU(3, 4).bfloat16(), r"weight_ih_l0 has half precision"),
    "complex": (lambda: nn.RNN(3, 4, dtype=torch.complex64), r"weight_ih_l0 is complex"),
    "NaN": (lambda: with_entry(float("nan")), r"weight_hh_l0 has 1 of 64 entries that are NaN"),
    "infinity": (lambda: with_entry(float("inf")), r"weight_hh_l0 has 1 of 64 entries that are inf"),
    "projections": (lambda: nn.LSTM(3, 4, proj_size=2), r"proj_size=2.*proj_size=0"),
    "convolution": (lambda: nn.Conv2d(1, 2, 3), r"module: .*conv2d.*accepted"),
    "no numbers": (lambda: nn.LSTM(3, 4, device="meta"), r"meta device"),
    "compiled to TorchScript": (lambda: scripted(nn.LSTM(3, 4)), r"compiled to TorchScript"),
    "a class": (lambda: nn.LSTM, r"an instance is needed, got the class LSTM"),
    "unused network": (Unused, r"Unused calls no recurrent part"),
    "failing module": (Failing, r"inputs: Failing.*KeyError"),
    "packed inside": (Packing, r"rnn is given a PackedSequence"),
    "huge": (lambda: nn.RNN(3, 20000, device="meta"), r"module: .*(parameters; the limit is|meta device)"),
}


@pytest.mark.parametrize("kind", MODULES)
def test_modules_that_are_refused(kind: str) -> None:
    make, message = MODULES[kind]
    with pytest.raises(sg.SymgradError, match=message):
        sg.diagnose(make(), torch.ones(5, 2, 3), horizon=5, remedies=False)


def test_a_state_that_is_changed_between_the_steps_is_refused() -> None:
    with pytest.raises(sg.SymgradError, match=r"the state that cell \(GRUCell\) is given at its second call"):
        sg.diagnose(Loop(), torch.ones(2, 5, 3), horizon=5)


ARGUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "integer inputs": ({"inputs": torch.ones(5, 2, 3, dtype=torch.int64)}, r"inputs: floats.*int64.*embedding\(ids\)"),
    "integer array": ({"inputs": np.ones((5, 3), dtype=np.int32)}, r"inputs: floats are needed, got int32"),
    "integer lists": ({"inputs": [[1, 2, 3]]}, r"inputs: floats are needed, got int64"),
    "booleans": ({"inputs": np.ones((5, 3), dtype=bool)}, r"inputs: floats are needed, got bool"),
    "complex inputs": ({"inputs": SEQUENCE * 1j}, r"inputs: an array of real numbers"),
    "text": ({"inputs": "abc"}, r"inputs: an array of real numbers"),
    "ragged": ({"inputs": [[1.0, 2.0, 3.0], [1.0]]}, r"inputs: rows of one length"),
    "NaN": ({"inputs": SEQUENCE * np.nan}, r"inputs: NaN and infinity"),
    "input size": ({"inputs": np.ones((5, 4))}, r"inputs: .*input_size = 3, got \(5, 4\)"),
    "one dimension": ({"inputs": np.ones(3)}, r"inputs: .*got \(3,\)"),
    "four dimensions": ({"inputs": np.ones((1, 1, 5, 3))}, r"inputs: .*got \(1, 1, 5, 3\)"),
    "no steps": ({"inputs": np.ones((0, 2, 3))}, r"inputs: a non-empty array.*got \(0, 2, 3\)"),
    "mapping": ({"inputs": {"u": SEQUENCE}}, r"inputs: an array is needed, got dict with 'u'"),
    "packed": (
        {"inputs": nn.utils.rnn.pack_sequence([torch.ones(5, 3), torch.ones(2, 3)])},
        r"inputs: a PackedSequence.*unpacked",
    ),
    "horizon": ({"horizon": 0}, r"horizon: a positive integer"),
    "endless horizon": ({"horizon": 10**9}, r"horizon: at most 100,000 steps .* got 1,000,000,000"),
    "horizon of floats": ({"horizon": 2.5}, r"horizon: a positive integer"),
    "trajectories": ({"trajectories": 0}, r"trajectories: a positive integer"),
    "seed": ({"seed": -1}, r"seed: a non-negative integer"),
    "delta": ({"delta": 1}, r"delta: a number between 0 and 1"),
    "growth": ({"growth": 1}, r"growth: a number above 1"),
    "remedies": ({"remedies": "no"}, r"remedies: True or False"),
    "methods": ({"methods": ["nrom"]}, r"nrom.*did you mean 'norm'"),
    "weights": ({"weights": {}}, r"weights: a module holds them"),
    "model": ({"model": "lstm"}, r"model: .*file"),
    "prefix": ({"prefix": "rnn."}, r"prefix: .*file"),
    "example": ({"example": (1, 2)}, r"example: "),
    "hidden size": ({"initial": {"h_l0": np.ones(3)}}, r"initial h_l0: .*\(4,\).*got \(3,\)"),
    "hidden sizes": ({"initial": torch.ones(1, 2, 7)}, r"initial: a tensor of .*\(1, 2, 4\).*got \(1, 2, 7\)"),
    "unknown state": ({"initial": {"x": np.ones(4)}}, r"unknown state 'x'.*h_l0"),
    "shape of a loss": ({"loss": np.ones((2, 9))}, r"loss: .*\(2, 5, 4\), is needed, got \(2, 9\)"),
    "loss by name": ({"loss": {"h": np.ones(4)}}, r"loss: .*function of its output or an array"),
    "loss of vectors": ({"loss": lambda output: output[0]}, r"loss: a real scalar tensor.*sum it"),
    "loss of nothing": ({"loss": lambda _: 1.0}, r"loss: a scalar tensor is needed, the function returned float"),
    "loss of several": ({"loss": lambda output: output}, r"loss: a scalar tensor .* returned tuple$"),
    "constant loss": ({"loss": lambda _: torch.tensor(1.0)}, r"loss: it does not depend"),
    "failing loss": ({"loss": lambda output: output.missing}, r"loss: the function fails.*AttributeError"),
    "infinite loss": ({"loss": lambda output: output[0].sum() * np.inf}, r"loss: a finite number"),
}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_arguments_that_are_refused(kind: str) -> None:
    options, message = ARGUMENTS[kind]
    with pytest.raises(sg.SymgradError, match=message) as caught:
        sg.diagnose(nn.GRU(3, 4), **{"inputs": np.ones((5, 2, 3)), "horizon": 5, "remedies": False, **options})
    assert len(str(caught.value).splitlines()) == 1


MODELS: dict[str, tuple[dict[str, Any], str]] = {
    "no weights": ({"weights": None}, r"weights: a mapping"),
    "missing weight": ({"weights": {"W": np.eye(2)}}, r"weights: .*missing"),
    "unknown weight": ({"weights": {**ELMAN, "V": np.eye(2)}}, r"unknown weight.*'V'"),
    "NaN": ({"weights": {**ELMAN, "b": np.full(2, np.nan)}}, r"weight b: NaN"),
    "input size": ({"inputs": np.ones((5, 4))}, r"inputs: .*input size 3, got shape \(1, 5, 4\)"),
    "unknown input": ({"inputs": {"x": SEQUENCE}}, r"unknown symbol.*'x'"),
    "numbers of sequences": (
        {"inputs": np.ones((3, 5, 3)), "initial": {"h": np.ones((2, 2))}},
        r"initial: numbers of sequences must agree.*\[2, 3\]",
    ),
    "hidden size": ({"initial": {"h": np.ones(3)}}, r"initial h: shape \(2,\).*got \(3,\)"),
    "unknown state in a loss": ({"loss": {"c": np.ones(2)}}, r"unknown state 'c'"),
    "shape of a loss": ({"loss": np.ones(3)}, r"loss: .*got \(3,\)"),
    "example": ({"example": (1, 2)}, r"example: "),
}


@pytest.mark.parametrize("kind", MODELS)
def test_arguments_of_models_that_are_refused(kind: str) -> None:
    options, message = MODELS[kind]
    with pytest.raises(sg.SymgradError, match=message):
        sg.diagnose(sg.models.elman(), **{"weights": ELMAN, "inputs": SEQUENCE, "horizon": 5, **options})


@pytest.mark.parametrize("target", [3, None, np.ones(3), len, (1, 2), object()])
def test_what_is_no_network_is_refused(target: Any) -> None:
    with pytest.raises(sg.SymgradError, match=r"module_or_path: a PyTorch module, the path"):
        sg.diagnose(target)


def test_flows_and_models_with_a_depth_are_refused() -> None:
    with pytest.raises(sg.SymgradError, match=r"layers; a recurrence over steps in time"):
        sg.diagnose(sg.models.feedforward(), weights={"W": np.eye(2), "b": np.zeros(2)})


def test_composite_modules_need_inputs_and_start_by_themselves() -> None:
    module = nn.Sequential(nn.RNN(3, 4, batch_first=True))
    with pytest.raises(sg.SymgradError, match="inputs: Sequential holds recurrent parts"):
        sg.diagnose(module)
    with pytest.raises(sg.SymgradError, match="initial: Sequential starts its recurrent parts by itself"):
        sg.diagnose(module, SEQUENCE, initial={"h_l0": np.ones(4)})


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{name: value.detach().numpy() for name, value in nn.LSTM(3, 4).state_dict().items()})
    with pytest.raises(sg.SymgradError, match=r"model: a\.npz does not fit LSTM: .*size mismatch"):
        sg.diagnose(tmp_path / "a.npz", model=nn.LSTM(3, 5))
    with pytest.raises(sg.SymgradError, match=r"lstm.*gru"):
        sg.diagnose(tmp_path / "a.npz", model="gru")
    with pytest.raises(sg.SymgradError, match="no file that exists"):
        sg.diagnose(tmp_path / "b.npz", model="gru")
    with pytest.raises(sg.SymgradError, match="weights: a file holds them"):
        sg.diagnose(tmp_path / "a.npz", weights={})


def test_a_derivative_that_fails_is_said_to() -> None:
    with pytest.raises(sg.SymgradError, match=r"loss: its derivative fails: .*inplace"):
        sg.diagnose(Overwriting(), np.ones((5, 2, 3)), lambda output: output.sum(), horizon=5)


def test_too_many_numbers_are_refused_with_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("symgrad.diagnosis.sequences.MOST_NUMBERS", 100)
    for given in (np.ones((50, 1, 3)), None):
        with pytest.raises(sg.SymgradError, match=r"inputs: .* numbers are more than the 100 "):
            sg.diagnose(nn.GRU(3, 4), given, horizon=50)
