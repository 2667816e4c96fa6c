"""Weights come out of files bit for bit; whatever is not a plain array of real numbers is refused, unread."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from symgrad.errors import InputError
from symgrad.interop.checkpoints import load_inputs, load_weights

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RANDOM = np.random.default_rng(3)
W, B = RANDOM.normal(size=(3, 4)), RANDOM.normal(size=3).astype(np.float32)


class Trap:
    """An object whose unpickling leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.trace,)


def npy_bytes(shape: tuple[int, ...], descr: str = "<f8", data: bytes = b"") -> bytes:
    stream = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + data


def zip_of(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_arrays_come_back_bit_for_bit(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    arrays = {"W": W, "b": B, "n": np.array([3, -7], dtype=np.int64), "s": np.array(0.1)}
    save_file(arrays, path) if suffix == ".safetensors" else np.savez_compressed(path, **arrays)
    loaded = load_weights(str(path))
    assert set(loaded) == set(arrays)
    assert [loaded[name].dtype for name in "Wbns"] == [np.float64, np.float32, np.float64, np.float64]
    assert all(
        np.array_equal(loaded[name], arrays[name]) and loaded[name].shape == arrays[name].shape for name in arrays
    )


def test_layout_and_byte_order_do_not_matter(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", big=W.astype(">f8"), fortran=np.asfortranarray(W), f=W[:, ::2])
    loaded = load_weights(tmp_path / "a.npz")
    assert np.array_equal(loaded["big"], W)
    assert np.array_equal(loaded["fortran"], W)
    assert np.array_equal(loaded["f"], W[:, ::2])
    assert all(array.dtype.isnative for array in loaded.values())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_converted_exactly(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.cat([torch.randn(50, generator=torch.Generator().manual_seed(1)), torch.tensor([0.0, 1e-7, 3e4])])
    save_torch({"x": tensor.to(dtype).reshape(-1, 1)}, tmp_path / "half.safetensors")
    loaded = load_weights(tmp_path / "half.safetensors")["x"]
    assert loaded.dtype == np.float32
    assert np.array_equal(loaded, tensor.to(dtype).to(torch.float32).reshape(-1, 1).numpy())


def test_a_prefix_selects_and_is_taken_off(tmp_path: Path) -> None:
    save_torch({"rnn.W": torch.eye(2), "head.W": torch.ones(2).to(torch.float8_e5m2)}, tmp_path / "a.safetensors")
    loaded = load_weights(tmp_path / "a.safetensors", prefix="rnn.")
    assert list(loaded) == ["W"]
    with pytest.raises(InputError, match=r"head\.W has type F8_E5M2"):
        load_weights(tmp_path / "a.safetensors")
    with pytest.raises(
        InputError, match=r"no name in .* starts with 'lstm\.'; it holds head\.W, rnn\.W|rnn\.W, head\.W"
    ):
        load_weights(tmp_path / "a.safetensors", prefix="lstm.")
    with pytest.raises(InputError, match="prefix: a string is needed, got int"):
        load_weights(tmp_path / "a.safetensors", prefix=3)


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".safetensors", ".pkl", ".pt", ".dat"])
def test_a_pickle_is_never_executed(tmp_path: Path, suffix: str) -> None:
    trace, path = tmp_path / "trace", tmp_path / f"weights{suffix}"
    payload = pickle.dumps(Trap(trace))
    pickle.loads(payload)
    assert trace.exists(), "the trap works"
    trace.unlink()
    if suffix == ".npz":
        np.savez(path, W=np.array([Trap(trace)], dtype=object))
    elif suffix == ".npy":
        np.save(path, np.array([Trap(trace)], dtype=object))
    else:
        path.write_bytes(payload)
    for load in (load_weights, load_inputs):
        with pytest.raises(InputError, match=r"pickled|unknown format"):
            load(path)
    assert not trace.exists()


@pytest.mark.parametrize("name", ["model.safetensors", "model.npz", "model.pkl"])
def test_a_torch_checkpoint_is_refused_with_the_way_to_convert_it(tmp_path: Path, name: str) -> None:
    torch.save({"W": torch.eye(2)}, tmp_path / name)
    with pytest.raises(InputError, match=r"weights_only=True\), 'weights\.safetensors'"):
        load_weights(tmp_path / name)


HOSTILE = {
    "empty.safetensors": b"",
    "short.safetensors": b"\x10\x00",
    "header.safetensors": struct.pack("<Q", 2**60) + b"{}",
    "offsets.safetensors": struct.pack("<Q", 62)
    + json.dumps({"W": {"dtype": "F64", "shape": [9], "data_offsets": [0, 72]}}).encode().ljust(62),
    "empty.npz": b"",
    "text.npz": b"not a zip archive at all",
    "magic.npy": b"\x93NUMPY\x09\x00" + bytes(100),
    "huge.npy": npy_bytes((2**40, 2**10)),
    "negative.npy": npy_bytes((-4,), data=bytes(32)),
    "early.npy": npy_bytes((3,), data=bytes(16)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_files_give_one_clear_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    with pytest.raises(InputError, match=r"^path: ") as caught:
        (load_inputs if name.endswith(".npy") else load_weights)(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_members_of_an_archive_give_one_clear_error(tmp_path: Path) -> None:
    whole = zip_of(tmp_path / "a.npz", **{"W.npy": npy_bytes((3,), data=bytes(24))})
    assert load_weights(whole)["W"].tolist() == [0.0, 0.0, 0.0]
    data = bytearray(whole.read_bytes())
    data[data.index(b"NUMPY") + 130] ^= 255
    (tmp_path / "flipped.npz").write_bytes(data)
    (tmp_path / "cut.npz").write_bytes(whole.read_bytes()[:-30])
    zip_of(tmp_path / "huge.npz", **{"W.npy": npy_bytes((2**50,))})
    zip_of(tmp_path / "other.npz", **{"W.npy": npy_bytes((0,)), "data.pkl": b""})
    zip_of(tmp_path / "none.npz")
    for name in ("flipped", "cut", "huge", "other", "none"):
        with pytest.raises(InputError, match=f"{name}.npz"):
            load_weights(tmp_path / f"{name}.npz")


@pytest.mark.parametrize("value", [np.array(["a"]), np.array([1j]), np.array([True]), np.array([2**60])])
def test_other_types_are_named(tmp_path: Path, value: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", x=value)
    with pytest.raises(InputError, match=r"a\.npz: x has (type|integers)"):
        load_weights(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("path", "message"),
    [(3, "a file name is needed, got int"), ("none.npz", "no file that exists"), (".", "a folder"), (None, "NoneType")],
)
def test_paths_are_checked(path: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_weights(path)


def test_a_file_that_may_not_be_read_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((2, 2)))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        load_inputs(path)


def test_inputs_are_found_by_name_or_alone(tmp_path: Path) -> None:
    assert load_inputs(EXAMPLES / "digits_sequences.safetensors").shape == (32, 200, 8)
    np.savez(tmp_path / "alone.npz", x=np.zeros((5, 2)))
    np.savez(tmp_path / "named.npz", inputs=np.ones((5, 2)), other=W)
    np.savez(tmp_path / "many.npz", x=W, y=W)
    np.savez(tmp_path / "flat.npz", x=B)
    assert load_inputs(tmp_path / "alone.npz").shape == (5, 2)
    assert load_inputs(tmp_path / "named.npz").all()
    with pytest.raises(InputError, match="holds x, y; needed is an array named 'inputs'"):
        load_inputs(tmp_path / "many.npz")
    with pytest.raises(InputError, match=r"shape \(3,\), needed \(steps, size\)"):
        load_inputs(tmp_path / "flat.npz")
