"""The calls of the recurrent parts of a PyTorch module while it runs: what each is given and what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from symgrad.errors import InputError
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_nesting import mapped, tensors_in

__all__ = [
    "Call",
    "has_recurrent_part",
    "is_cell",
    "is_recurrent",
    "takes_ids",
    "watched",
]


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a recurrent part.

    Attributes:
        path: where the part lies in the module.
        part: the part.
        given: the input tensor.
        state: the tensors of the state that it was given, flattened; none where it starts by itself.
        example: the input and the state as they were given, without their gradients.
        returned: the tensors that it returned, flattened.
        places: which of the returned tensors are the state that the next call was given; filled in by that call.
        before: the call whose returned state this one was given, unchanged; None where there is none.
        outer: the call of another part that this one was made in; None at the top.
    """

    path: str
    part: Any
    given: Any
    state: tuple[Any, ...]
    before: Call | None
    outer: Call | None
    example: tuple[Any, Any]
    returned: list[Any] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


class _Watch:
    """Takes note of calls as they are made."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._open: list[Call] = []

    def enter(self, path: str, part: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """Note a call. Its state is replaced by copies, through which the gradient of this very step can be asked."""
        given, state = _arguments(path, part, args, kwargs)
        tensors = tensors_in(state)
        before = self._source(path, part, tensors)
        copies = [tensor.clone() for tensor in tensors]
        outer = self._open[-1] if self._open else None
        plain = mapped((given, state), lambda tensor: tensor.detach())
        self._open.append(Call(path, part, given, tuple(copies), before, outer, plain))
        if not tensors:
            return args, kwargs
        left = iter(copies)
        changed = mapped(state, lambda _: next(left))
        if len(args) > 1:
            return (args[0], changed, *args[2:]), kwargs
        return args, {**kwargs, _positional(part)[1].name: changed}

    def leave(self, output: Any) -> None:
        """Note what the innermost open call returned."""
        call = self._open.pop()
        call.returned.extend(tensors_in(output))
        self.calls.append(call)

    def _source(self, path: str, part: Any, tensors: list[Any]) -> Call | None:
        """The latest call of the same part, not yet continued, that returned these very tensors or their numbers."""
        if not tensors or getattr(part, "bidirectional", False):
            return None
        for call in reversed(self.calls):
            if call.path == path and not call.places:
                places = [_place(tensor, call.returned) for tensor in tensors]
                if None not in places:
                    call.places.extend(place for place in places if place is not None)
                    return call
        return None


def is_recurrent(part: Any) -> bool:
    """Whether a module is one of PyTorch's recurrent layers."""
    return isinstance(part, torch_module().nn.RNNBase)


def is_cell(part: Any, *, surely: bool = False) -> bool:
    """Whether a module takes an input and a state: PyTorch's cells, and others whose forward takes two arguments.

    Args:
        part: the module.
        surely: whether the second argument must be one that cannot be left out.
    """
    if isinstance(part, torch_module().nn.RNNCellBase):
        return True
    if is_recurrent(part) or type(part).__module__.startswith("torch."):
        return False
    accepted = _positional(part)
    return len(accepted) >= 2 and not (surely and accepted[1].default is not inspect.Parameter.empty)


def _positional(part: Any) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [item for item in inspect.signature(part.forward).parameters.values() if item.kind in kinds]


@contextmanager
def watched(module: Any) -> Iterator[list[Call]]:
    """The calls of all recurrent parts of a module while the block runs, in the order in which they return."""
    watch, hooks = _Watch(), []
    for path, part in module.named_modules():
        if is_recurrent(part) or is_cell(part):
            hooks.append(part.register_forward_pre_hook(_before(watch, path), with_kwargs=True))
            hooks.append(part.register_forward_hook(lambda _part, _args, output: watch.leave(output)))
    try:
        yield watch.calls
    finally:
        for hook in hooks:
            hook.remove()


def _before(watch: _Watch, path: str) -> Callable[[Any, tuple[Any, ...], dict[str, Any]], tuple[Any, Any]]:
    return lambda part, args, kwargs: watch.enter(path, part, args, kwargs)


def _arguments(path: str, part: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """The input and the state of a call."""
    names = [parameter.name for parameter in _positional(part)[:2]]
    named = {**dict(zip(names, args, strict=False)), **kwargs}
    given, state = (named.get(name) for name in [*names, ""][:2])
    if isinstance(given, torch_module().nn.utils.rnn.PackedSequence):
        raise InputError(
            f"inputs: {path or type(part).__name__} is given a PackedSequence; sequences of unlike lengths are not "
            "diagnosed together, pass sequences of one length, unpacked"
        )
    return given, state


def _place(tensor: Any, among: list[Any]) -> int | None:
    """Where a tensor stands, or one of the same numbers and shape."""
    same = (place for place, other in enumerate(among) if other is tensor)
    equal = (place for place, item in enumerate(among) if item.shape == tensor.shape and bool((item == tensor).all()))
    return next(same, next(equal, None))


def has_recurrent_part(module: Any, *, surely: bool = False) -> bool:
    """Whether a module holds one of PyTorch's recurrent modules, or a part whose forward takes an input and a state.

    Args:
        module: the module.
        surely: whether the state of such a part must be one that cannot be left out.
    """
    return any(is_recurrent(part) or is_cell(part, surely=surely) for path, part in module.named_modules() if path)


def takes_ids(module: Any) -> bool:
    """Whether a module embeds token ids, so that integers are what it is called with."""
    nn = torch_module().nn
    return any(isinstance(part, (nn.Embedding, nn.EmbeddingBag)) for part in module.modules())
