"""Where in the user's own code an operation of a traced PyTorch program stands."""

from __future__ import annotations

import linecache
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from symgrad.interop.torch_checks import torch_module

__all__ = ["describe", "message_of", "raised_at", "user_line"]

_OWN = Path(__file__).resolve().parent


def describe(node: Any) -> str:
    """The operation of a node, its name in the graph and the source line it came from, in words."""
    source = node.meta.get("source")
    where = "" if source is None else f" at {source[0]}:{source[1]}: {source[2]}"
    return f"operation {_target_name(node.target)} (node {node.name}, {node.op}){where}"


def _target_name(target: Any) -> str:
    if isinstance(target, str):
        return target
    torch, name = torch_module(), getattr(target, "__name__", repr(target))
    places = {"torch": torch, "torch.nn.functional": torch.nn.functional, "torch.special": torch.special}
    public = (home for home, place in places.items() if getattr(place, name, None) is target)
    home = next(public, (getattr(target, "__module__", None) or "").lstrip("_"))
    for part in ("fft", "linalg", "special"):  # torch.fft.rfft calls itself fft_rfft
        if getattr(getattr(torch, part), name.removeprefix(f"{part}_"), None) is target:
            return f"torch.{part}.{name.removeprefix(f'{part}_')}"
    return f"{home}.{name.lstrip('_')}" if home and not home.startswith("torch._") else name


def message_of(error: BaseException) -> str:
    """The kind of an error and what it says."""
    return f"{type(error).__name__}: {str(error).strip() or 'no message'}"


def raised_at(error: BaseException) -> str:
    """The user's line that an error came from."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    source = next((_place(frame) for frame in reversed(frames) if _is_users(frame)), None)
    return "" if source is None else f" at {source[0]}:{source[1]}: {source[2]}"


def _is_users(frame: FrameType) -> bool:
    folder = str(Path(torch_module().__file__).parent)
    name = frame.f_code.co_filename
    return not name.startswith((folder, str(_OWN))) and name != "<string>" and not name.startswith("<eval_with_key>")


def _place(frame: FrameType) -> tuple[str, int, str]:
    name, line = frame.f_code.co_filename, frame.f_lineno
    return name, line, linecache.getline(name, line).strip()


def user_line() -> tuple[str, int, str] | None:
    """File, number and text of the user's innermost line inside the forward that is traced; None where it has none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_users(frame) and not _begins_trace(frame):
        frame = frame.f_back
    return None if frame is None or _begins_trace(frame) else _place(frame)


def _begins_trace(frame: FrameType) -> bool:
    """Whether a trace was begun there, so that the lines outside are not those of the program."""
    return frame.f_code is torch_module().fx.Tracer.trace.__code__
