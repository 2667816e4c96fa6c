"""State dicts come out of PyTorch's files bit for bit; whatever else a pickle holds is refused, unread."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import symgrad as sg
from symgrad.errors import InputError, SymgradError


class Trap:
    """An object whose unpickling leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.trace,)


def saved(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".bin"])
@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_come_back_bit_for_bit(tmp_path: Path, suffix: str, zipped: bool) -> None:
    torch.manual_seed(1)
    module = nn.LSTM(3, 4, 2).double()
    path = saved(tmp_path / f"a{suffix}", module.state_dict(), _use_new_zipfile_serialization=zipped)
    loaded = sg.load_weights(path)
    assert list(loaded) == list(module.state_dict())
    assert all(np.array_equal(loaded[name], value.numpy()) for name, value in module.state_dict().items())
    assert all(array.dtype == np.float64 for array in loaded.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8])
def test_other_types_are_converted_exactly(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.tensor([[0.0, 3.0, 7.0], [2.5, 1e-3, 100.0]]).to(dtype)
    loaded = sg.load_weights(saved(tmp_path / "a.pt", {"x": tensor, "t": tensor.T, "s": tensor[0, 1]}))
    wide = torch.float32 if dtype.is_floating_point else torch.float64
    assert loaded["x"].dtype == (np.float32 if dtype.is_floating_point else np.float64)
    assert np.array_equal(loaded["x"], tensor.to(wide).numpy())
    assert np.array_equal(loaded["t"], tensor.to(wide).numpy().T)
    assert loaded["s"] == 3


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "anything"])
def test_a_state_dict_inside_a_training_checkpoint_is_found(tmp_path: Path, key: str) -> None:
    module = nn.Sequential(nn.Linear(2, 2))
    optimiser = torch.optim.Adam(module.parameters()).state_dict()
    content = {"epoch": 3, "optimizer": optimiser, key: module.state_dict(), "history": [1.0, 0.5]}
    loaded = sg.load_weights(saved(tmp_path / "a.ckpt", content), prefix="0.")
    assert list(loaded) == ["weight", "bias"]


def test_a_state_dict_deeper_inside_is_found_and_one_that_holds_itself_refused(tmp_path: Path) -> None:
    weights = {"w": torch.ones(2)}
    torch.save({"model": {"state_dict": weights, "epoch": 3}}, tmp_path / "deep.pt")
    assert list(sg.load_weights(tmp_path / "deep.pt")) == ["w"]
    endless: dict[str, object] = {}
    endless["model"] = endless
    torch.save(endless, tmp_path / "endless.pt")
    with pytest.raises(InputError, match="no state dict"):
        sg.load_weights(tmp_path / "endless.pt")


def test_of_several_state_dicts_the_usual_name_or_the_prefix_chooses(tmp_path: Path) -> None:
    one, two = {"W": torch.eye(2)}, {"W": torch.zeros(2)}
    usual = saved(tmp_path / "usual.pt", {"ema": two, "state_dict": one})
    assert np.array_equal(sg.load_weights(usual)["W"], np.eye(2))
    assert np.array_equal(sg.load_weights(usual, prefix="ema.")["W"], np.zeros(2))
    either = saved(tmp_path / "either.pt", {"generator": one, "critic": two})
    assert np.array_equal(sg.load_weights(either, prefix="critic.")["W"], np.zeros(2))
    with pytest.raises(InputError, match=r"several state dicts: generator, critic; choose by prefix='generator\.'"):
        sg.load_weights(either)


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("how", ["torch", "old", "raw", "nested"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_hostile_pickle_is_never_executed(tmp_path: Path, protocol: int, how: str) -> None:
    trace, path = tmp_path / "trace", tmp_path / "model.pt"
    hostile = {"weight_hh_l0": torch.eye(2), "bias": Trap(trace)}
    if how == "raw":
        path.write_bytes(pickle.dumps(Trap(trace), protocol=protocol))
        pickle.loads(path.read_bytes())
    else:
        content = {"state_dict": hostile} if how == "nested" else hostile
        saved(path, content, pickle_protocol=protocol, _use_new_zipfile_serialization=how != "old")
        torch.load(path, weights_only=False)
    assert trace.exists(), "the trap works"
    trace.unlink()
    with pytest.raises(InputError, match=r"model\.pt holds pickled objects that are no tensors") as caught:
        sg.load_weights(path)
    assert "\n" not in str(caught.value)
    assert not trace.exists()


def test_a_whole_module_is_refused_with_the_way_to_save_it(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"\(torch\.nn\.modules\.rnn\.GRU\).*torch\.save\(module\.state_dict\(\), path\)"
    ):
        sg.load_weights(saved(tmp_path / "module.pt", nn.GRU(2, 3)))


REFUSED: dict[str, tuple[Any, str]] = {
    "tensor": (torch.eye(2), "holds an object of type Tensor, not a state dict"),
    "list": ([1, 2], "of type list, not a state dict"),
    "empty mapping": ({}, r"no state dict \(names with tensors\): nothing"),
    "numbers": ({"W": torch.eye(2), "epoch": 3}, r"no state dict .*: W \(Tensor\), epoch \(int\)"),
    "number names": ({0: torch.eye(2)}, r"no state dict"),
    "complex": ({"W": torch.eye(2) * 1j}, r"W has type torch\.complex64"),
    "logical": ({"W": torch.ones(2) > 0}, r"W has type torch\.bool"),
    "eight bits": ({"W": torch.eye(2).to(torch.float8_e5m2)}, r"W has type torch\.float8_e5m2"),
    "sparse": ({"W": torch.eye(2).to_sparse()}, "W is sparse"),
    "meta": ({"W": torch.eye(2, device="meta")}, "W is without numbers"),
    "repeated": ({"W": torch.ones(1).as_strided((2**30, 2**30), (0, 0))}, "W is damaged: its shape"),
    "large integers": ({"W": torch.tensor([2**60])}, r"integers beyond 2\*\*53"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_state_dict_is_named(tmp_path: Path, name: str) -> None:
    content, message = REFUSED[name]
    with pytest.raises(InputError, match=rf"^path: .*{message}"):
        sg.load_weights(saved(tmp_path / "a.pt", content))


def test_damaged_files_give_one_clear_error(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.pt", {"W": torch.eye(50)}).read_bytes()
    old = saved(tmp_path / "old.pt", {"W": torch.eye(50)}, _use_new_zipfile_serialization=False).read_bytes()
    broken = {
        "cut": whole[:-500],
        "half": whole[:300],
        "old": old[:-500],
        "empty": b"",
        "text": b"not a file of tensors",
    }
    for name, data in broken.items():
        path = tmp_path / f"{name}.pt"
        path.write_bytes(data)
        with pytest.raises(InputError, match=rf"^path: .*{name}\.pt") as caught:
            sg.load_weights(path)
        assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_programs_are_refused(tmp_path: Path) -> None:
    torch.jit.script(nn.Linear(2, 2)).save(str(tmp_path / "script.pt"))
    with pytest.raises(InputError, match="is a TorchScript archive, which is code"):
        sg.load_weights(tmp_path / "script.pt")


def test_without_pytorch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.pt", {"W": torch.eye(2)})
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SymgradError, match=r"pip install 'symgrad\[torch\]'"):
        sg.load_weights(path)
