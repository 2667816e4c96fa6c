"""What differs between two sets of weights, in words and as lines of PyTorch that make the change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgrad.language.recurrence import Recurrence

__all__ = ["Change", "changes", "torch_code"]

Array = NDArray[np.float64]

_CLOSE = 1e-9


@dataclass(frozen=True)
class Change:
    """How one parameter changes.

    Attributes:
        name: of the parameter.
        kind: ``"fill"`` all entries with the number; ``"scale"`` by it; ``"identity"`` times it; ``"orthogonal"``, the
            nearest orthogonal matrix times it.
        number: the number.
    """

    name: str
    kind: str
    number: float

    @property
    def value(self) -> float | str:
        """The number, or in words what is done with it."""
        words = {
            "scale": f"{self.number:.6g} times {self.name}",
            "identity": f"{self.number:.6g} times the identity",
            "orthogonal": f"{self.number:.6g} times the orthogonal matrix nearest to {self.name}",
        }
        return words.get(self.kind, self.number)


def changes(before: Mapping[str, Array], after: Mapping[str, Array]) -> tuple[Change, ...] | None:
    """The parameters that change; None where a change is of no kind that has a name.

    >>> import numpy as np
    >>> old = {"W": np.array([[0.0, 2.0], [1.0, 0.0]]), "b": np.array([1.0, 2.0])}
    >>> [change.value for change in changes(old, {"W": old["W"] / 2, "b": np.array([3.0, 3.0])})]
    ['0.5 times W', 3.0]
    """
    found = []
    for name, new in after.items():
        old = before.get(name)
        if old is not None and old.shape == new.shape and np.array_equal(old, new):
            continue
        change = _change(name, old, new)
        if change is None:
            return None
        found.append(change)
    return tuple(found)


def _change(name: str, old: Array | None, new: Array) -> Change | None:
    if new.ndim < 2 or new.shape[1] == 1:
        values = np.unique(new)
        if len(values) == 1:
            return Change(name, "fill", float(values[0]))
    if old is None or old.shape != new.shape:
        return None
    return next((change for change in _multiples(name, old, new) if change is not None), None)


def _multiples(name: str, old: Array, new: Array) -> Iterator[Change | None]:
    yield _multiple(name, "scale", old, new)
    if new.ndim == 2 and new.shape[0] == new.shape[1]:
        yield _multiple(name, "identity", np.eye(len(new)), new)
        left, _, right = np.linalg.svd(old)
        yield _multiple(name, "orthogonal", left @ right, new)


def _multiple(name: str, kind: str, base: Array, new: Array) -> Change | None:
    largest = float(np.abs(base).max(initial=0.0))
    unit = base / largest if largest else base  # whose squares do not overflow
    size = float((unit * unit).sum())
    factor = float((unit * new).sum()) / size / largest if size else 0.0
    close = np.allclose(new, factor * base, rtol=_CLOSE, atol=_CLOSE * float(np.abs(new).max(initial=0.0)))
    return Change(name, kind, factor) if close else None


def torch_code(model: Recurrence, weights: Mapping[str, Array], changed: tuple[Change, ...]) -> str:
    """Lines of PyTorch that make the changes in ``module``, the module that the weights belong to.

    A parameter that is the sum of several tensors gets its value in the first of them, and zero in the others.

    >>> import numpy as np, symgrad as sg
    >>> lstm = sg.models.lstm()
    >>> weights = {str(symbol): np.zeros(4) for symbol in lstm.parameters}
    >>> print(torch_code(lstm, weights, (Change("b_hf", "fill", 4.5),)))
    with torch.no_grad():
        module.bias_hh[4:8] = 4.5
    """
    lines = [line for change in changed for line in _lines(model, weights, change)]
    return "\n    ".join(["with torch.no_grad():", *lines])


def _lines(model: Recurrence, weights: Mapping[str, Array], change: Change) -> Iterator[str]:
    places = list(_places(model, weights, change.name)) or [_attribute(change.name)]
    for number, place in enumerate(places):
        if change.kind == "fill":
            target = place if place.endswith("]") else f"{place}[...]"
            yield f"{target} = {change.number if number == 0 else 0.0:.9g}"
        elif change.kind == "scale":
            yield f"{place}.mul_({change.number:.9g})"
        elif change.kind == "identity":
            size = weights[change.name].shape[0]
            yield f"{place}.copy_({change.number:.9g} * torch.eye({size}))"
        else:
            yield f"left, _, right = torch.linalg.svd({place})"
            yield f"{place}.copy_({change.number:.9g} * left @ right)"


def _places(model: Recurrence, weights: Mapping[str, Array], name: str) -> Iterator[str]:
    """The tensors, or the rows of them, in which a parameter lies."""
    for tensor, parts in model.stacked.items():
        if name not in parts:
            continue
        heights = [len(np.atleast_1d(weights[part])) for part in parts]
        place = parts.index(name)
        start = sum(heights[:place])
        rows = "" if len(parts) == 1 else f"[{start}:{start + heights[place]}]"
        yield f"{_attribute(tensor)}{rows}"


def _attribute(tensor: str) -> str:
    plain = all(part.isidentifier() for part in tensor.split("."))
    return f"module.{tensor}" if plain else f'module.get_parameter("{tensor}")'
