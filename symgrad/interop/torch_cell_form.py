"""The arguments of a user-written cell: their names, sizes and form, stated, taken from an example or inferred."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, product
from math import prod
from typing import Any

from symgrad.errors import InputError
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_nesting import leaves

__all__ = ["TENSOR", "CellForm", "Stated", "forms"]

TENSOR, SEVERAL, SEPARATE = "a tensor", "one argument", "separate arguments"
_INPUT_NAMES = ("input_size", "in_features", "input_dim", "in_dim", "n_inputs", "n_in", "d_in", "ninp", "embed_dim")
_STATE_NAMES = (
    *("hidden_size", "state_size", "hidden_dim", "n_hidden", "hid_dim", "nhid", "d_hidden"),
    *("num_units", "units"),
)
# Names of arguments that tell a cell whose state comes first.
_INPUTS = {"x", "x_t", "xt", "u", "inp", "input", "inputs", "input_"}
_STATES = {"h", "hx", "h_prev", "hidden", "hidden_state", "state", "states", "prev_state", "carry"}
MOST_TRIALS = 400


@dataclass(frozen=True)
class CellForm:
    """How a cell is called.

    Attributes:
        input: the name of the input.
        states: the names of the states.
        shapes: name -> shape without the batch axis.
        kind: how the states are handed over.
        batch: the length of the batch axis, None without one.
        axes: name -> which axis counts the batch, where it is not the first.
        container: of several states in one argument, what holds them: a tuple, a list, a named tuple.
        keys: of states in a dictionary, theirs.
    """

    input: str
    states: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    kind: str
    batch: int | None
    axes: Mapping[str, int] = field(default_factory=dict)
    container: Callable[[Sequence[Any]], Any] = tuple
    keys: tuple[str, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """The number of entries of input and states."""
        return {name: prod(shape) for name, shape in self.shapes.items()}

    def axis(self, name: str) -> int | None:
        """Which axis of a tensor counts the batch."""
        return None if self.batch is None else self.axes.get(name, 0)

    def full(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        shape, axis = self.shapes[name], self.axes.get(name, 0)
        return shape if self.batch is None else (*shape[:axis], self.batch, *shape[axis:])

    def rows(self, name: str, tensor: Any) -> Any:
        """A tensor with one row for each element of the batch."""
        axis = self.axis(name)
        return tensor.reshape(1, -1) if axis is None else tensor.movedim(axis, 0).reshape(self.batch, -1)

    def values(self, seed: int) -> dict[str, Any]:
        """Example tensors of all arguments."""
        torch = torch_module()
        source = torch.Generator().manual_seed(seed)
        return {
            name: torch.randn(self.full(name), generator=source, dtype=torch.float64) / 2
            for name in (self.input, *self.states)
        }

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """What the cell is called with."""
        states = [values[name] for name in self.states]
        if self.keys:
            return [values[self.input], dict(zip(self.keys, states, strict=True))]
        return [values[self.input], *([self.container(states)] if self.kind == SEVERAL else states)]

    @property
    def held_as(self) -> str:
        """How the states are handed over, in words."""
        state = self.arguments(dict.fromkeys(self.shapes))[1]
        return f"a {type(state).__name__}" if self.kind == SEVERAL else self.kind

    def __str__(self) -> str:
        states = ", ".join(f"{name} {self.full(name)}" for name in self.states)
        return f"input {self.input} of shape {self.full(self.input)} and, as {self.held_as}, {states}"


@dataclass(frozen=True)
class Stated:
    """The names of the arguments of ``forward``."""

    input: str
    states: tuple[str, ...]

    @classmethod
    def of(cls, module: Any) -> Stated:
        """Read the signature.

        Raises:
            InputError: it takes no input and state.
        """
        own = inspect.signature(module.forward).parameters.values()
        places = [p for p in own if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if any(p.kind is p.VAR_POSITIONAL for p in own) and len(places) < 2:
            return cls(places[0].name if places else "input", ("state",))
        if len(places) < 2:
            names = ", ".join(p.name for p in places) or "no arguments"
            raise InputError(
                f"module: {type(module).__name__}.forward takes {names}; a cell takes forward(input, state)"
            )
        if places[0].name in _STATES and places[1].name in _INPUTS:
            raise InputError(
                f"module: {type(module).__name__}.forward takes {places[0].name} before {places[1].name}; a cell takes "
                "forward(input, state), the input first"
            )
        needed = [p.name for p in places[1:] if p.default is p.empty]
        return cls(places[0].name, tuple(needed) or (places[1].name,))

    def form(
        self,
        input_shape: tuple[int, ...],
        states: Sequence[tuple[int, ...]],
        kind: str,
        batch: int | None,
        held: Any = (),
    ) -> CellForm:
        """A form of arguments with these names; several states in one argument are held together as in ``held``."""
        keys = tuple(held) if isinstance(held, dict) else ()
        labels: Sequence[Any] = keys or getattr(held, "_fields", tuple(range(len(states))))
        names = tuple(f"{self.states[0]}_{label}" for label in labels) if kind == SEVERAL else self.states
        shapes = {self.input: input_shape, **dict(zip(names, states, strict=True))}
        container = getattr(held, "_make", list if isinstance(held, list) else tuple)
        return CellForm(self.input, names, shapes, kind, batch, container=container, keys=keys)


def forms(module: Any, example: Any, input_size: int | None, state_sizes: Any) -> tuple[list[list[CellForm]], bool]:
    """The forms of arguments that come into question, and whether the first that works is the one meant.

    The forms are in stages: those of a later one are to be tried only where none of the stages before works.

    Raises:
        InputError: what is stated is no form; nothing tells the sizes.
    """
    stated = Stated.of(module)
    batch = _batch_length(module, example)
    if example is not None:
        return [_of_example(stated, example, batch)], True
    states = _sizes("state_sizes", state_sizes) or _attribute(module, _STATE_NAMES)
    inputs = _sizes("input_size", input_size) or _attribute(module, _INPUT_NAMES)
    several = isinstance(state_sizes, (tuple, list))
    stages = [
        [form for first, second in pairs for form in _of_sizes(stated, first, second, several, batch)]
        for pairs in _stages(module, inputs, states)
    ]
    if not any(stages):
        raise InputError(
            f"module: the sizes of {type(module).__name__} are not known; pass example=(input, state), "
            "or input_size and state_sizes"
        )
    return [stage[:MOST_TRIALS] for stage in stages if stage], bool(inputs and states)


def _stages(module: Any, inputs: list[int], states: list[int]) -> Iterator[list[tuple[int, list[int]]]]:
    """Lengths of the input and of the states: those that are stated, else axes of parameters and parts of them."""
    lengths = {size for tensor in [*module.parameters(), *module.buffers()] for size in tensor.shape} - {0}
    own = [states] if states else [[size] for size in sorted(lengths)]
    yield list(product(inputs or sorted(lengths), own))
    parts = {size // count for size in lengths for count in (2, 3, 4) if size % count == 0}
    more = [states] if states else [[size] for size in sorted(lengths | parts)]
    yield [
        (size, state)
        for state in more
        for size in inputs or sorted(lengths | {length - state[0] for length in lengths if length > state[0]})
    ]


def _of_sizes(stated: Stated, input_size: int, sizes: Sequence[int], several: bool, batch: int) -> Iterator[CellForm]:
    """Forms with vectors of given lengths; one length alone may be that of each of several states."""
    names = len(stated.states)
    each = list(sizes) * names if len(sizes) == 1 else list(sizes)
    for own in (batch, None):
        if names > 1:
            kinds = [(each, SEPARATE)] if len(each) == names else []
        elif several or len(sizes) > 1:
            kinds = [(list(sizes), SEVERAL), *([(list(sizes), TENSOR)] if len(sizes) == 1 else [])]
        else:
            kinds = [(list(sizes), TENSOR), (list(sizes) * 2, SEVERAL)]
        for lengths, kind in kinds:
            yield stated.form((input_size,), [(n,) for n in lengths], kind, own)


def _of_example(stated: Stated, example: Any, batch: int) -> list[CellForm]:
    if not isinstance(example, (tuple, list)) or len(example) < 2:
        raise InputError(f"example: a pair (input, state) is needed, got {type(example).__name__}")
    first, *rest = example
    if len(rest) > 1:
        kind, states = SEPARATE, rest
        if len(stated.states) != len(rest):
            raise InputError(f"example: {len(rest)} states are given, forward takes {', '.join(stated.states)}")
    elif isinstance(rest[0], (tuple, list, dict)):
        kind, states = SEVERAL, leaves(rest[0])
    else:
        kind, states = TENSOR, rest
    held = _checked_keys(rest[0]) if kind == SEVERAL else ()
    shapes = [_shape("input", first), *(_shape("state", value) for value in states)]
    whole = stated.form(shapes[0], shapes[1:], kind, None, held)
    if len(shapes[0]) == 1:
        return [whole]
    length = shapes[0][0]
    axes = [_batch_place(shape, length) for shape in shapes]
    if len(shapes[0]) > 2 or min(axes) < 0:
        raise InputError(
            "example: an input (n,) or a batch (B, n) is needed, and states with the same B (of three axes the middle "
            f"one), got shapes {shapes}"
        )
    cut = [shape[:axis] + shape[axis + 1 :] for shape, axis in zip(shapes, axes, strict=True)]
    form = stated.form(cut[0], cut[1:], kind, batch, held)
    found = [replace(form, axes=dict(zip((form.input, *form.states), axes, strict=True)))]
    return [*found, whole] if length == 1 else found


def _checked_keys(held: Any) -> Any:
    """States held together, each by itself; those in a dictionary have names."""
    values = list(held.values()) if isinstance(held, dict) else list(held)
    if not values or any(isinstance(value, (tuple, list, dict)) for value in values):
        raise InputError("example: the states must be tensors, or tensors in one tuple, list or dictionary")
    if isinstance(held, dict) and not all(isinstance(key, str) and key.isidentifier() for key in held):
        raise InputError(f"example: states in a dictionary need names, got the keys {list(held)!r}")
    return held


def _batch_place(shape: tuple[int, ...], length: int) -> int:
    """Which axis counts the batch: of two the first, of three the middle one or the first; -1 where none fits."""
    places = {2: (0,), 3: (1, 0)}.get(len(shape), ())
    return next((place for place in places if shape[place] == length), -1)


def _shape(label: str, value: Any) -> tuple[int, ...]:
    torch = torch_module()
    if not hasattr(value, "shape"):
        raise InputError(f"example: {label} must be a tensor, got {type(value).__name__}")
    tensor = torch.as_tensor(value)
    if not tensor.is_floating_point():
        raise InputError(f"example: {label} must hold real numbers in floating point, got {tensor.dtype}")
    if not tensor.numel():
        raise InputError(f"example: {label} is empty, shape {tuple(tensor.shape)}")
    return tuple(tensor.shape)


def _sizes(label: str, value: Any) -> list[int]:
    if value is None:
        return []
    given = list(value) if isinstance(value, (tuple, list)) else [value]
    if not given or any(isinstance(size, bool) or not isinstance(size, int) or size < 1 for size in given):
        raise InputError(
            f"{label}: a positive integer, or a tuple of them for several states, is needed, got {value!r}"
        )
    return given


def _attribute(module: Any, names: Sequence[str]) -> list[int]:
    """A size that the module itself states."""
    values = [getattr(module, name, None) for name in names]
    return [value for value in values if isinstance(value, int) and not isinstance(value, bool) and value > 0][:1]


def _batch_length(module: Any, example: Any) -> int:
    """A prime that is the length of no axis of the module, so that the batch axis is told from all others."""
    lengths = {size for tensor in [*module.parameters(), *module.buffers()] for size in tensor.shape}
    for value in example if isinstance(example, (tuple, list)) else ():
        for part in leaves(value):
            lengths |= set(getattr(part, "shape", ()))
    return next(p for p in count(11) if p not in lengths and all(p % q for q in range(2, int(p**0.5) + 1)))
