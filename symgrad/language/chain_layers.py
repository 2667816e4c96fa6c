"""The kinds of layer that feed-forward and residual networks are chained of; parameters by the names PyTorch gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from symgrad.errors import InputError
from symgrad.language.elementwise import Activation

__all__ = [
    "Affine",
    "ChainLayer",
    "Entrywise",
    "FixedNormalisation",
    "ParametricReLU",
    "PassThrough",
    "Residual",
    "Scaling",
    "VectorNormalisation",
    "joined_widths",
]

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class ChainLayer:
    """A map of vectors to vectors.

    Attributes:
        name: where it stands in the network, such as ``"0"`` or ``"encoder.fc1"``.
        inputs: how many entries it takes.
        outputs: how many it gives.
    """

    name: str
    inputs: int
    outputs: int

    def __post_init__(self) -> None:
        if self.inputs != self.outputs and not isinstance(self, Affine | Residual):
            raise InputError(f"outputs: {self.kind} {self.name} gives {self.inputs} entries, got {self.outputs}")

    @property
    def kind(self) -> str:
        """What kind of layer it is, in words."""
        return "layer"

    @property
    def shapes(self) -> dict[str, tuple[Shape, ...]]:
        """The parameters by name, each with the shapes that are accepted."""
        return {}


@dataclass(frozen=True)
class Affine(ChainLayer):
    """``y = W x + b``.

    Attributes:
        weight: name of W, of shape (outputs, inputs).
        bias: name of b; None for none.
        transposed: whether the parameter holds the transpose of W.
    """

    weight: str
    bias: str | None = None
    transposed: bool = False

    @property
    def kind(self) -> str:
        """What it is."""
        return "affine"

    @property
    def shapes(self) -> dict[str, tuple[Shape, ...]]:
        """Of W and b."""
        own = (self.inputs, self.outputs) if self.transposed else (self.outputs, self.inputs)
        return {self.weight: (own,), **({} if self.bias is None else {self.bias: ((self.outputs,),)})}


@dataclass(frozen=True)
class Entrywise(ChainLayer):
    """``y_i = phi(x_i)``.

    Attributes:
        activation: phi.
    """

    activation: Activation

    @property
    def kind(self) -> str:
        """Which activation it is."""
        return self.activation.name


@dataclass(frozen=True)
class ParametricReLU(ChainLayer):
    """``y_i = x_i`` for ``x_i > 0``, else ``a_i x_i``.

    Attributes:
        weight: name of a, of shape (outputs,) or (1,).
    """

    weight: str

    @property
    def kind(self) -> str:
        """What it is."""
        return "PReLU"

    @property
    def shapes(self) -> dict[str, tuple[Shape, ...]]:
        """One slope for all entries, or one for each."""
        return {self.weight: ((self.outputs,), (1,))}


@dataclass(frozen=True)
class Scaling(ChainLayer):
    """``y_i = factor d_i x_i + offset + c_i``.

    Attributes:
        factor: a number.
        weight: name of d, a vector or a scalar; None where it is 1.
        offset: a number.
        bias: name of c, likewise; None where it is 0.
    """

    factor: float = 1.0
    weight: str | None = None
    offset: float = 0.0
    bias: str | None = None

    @property
    def kind(self) -> str:
        """What it is."""
        return "scaling" if (self.factor, self.weight) != (1.0, None) else "shift"

    @property
    def shapes(self) -> dict[str, tuple[Shape, ...]]:
        """Of d and c."""
        accepted: tuple[Shape, ...] = ((self.outputs,), (1,), ())
        return {name: accepted for name in (self.weight, self.bias) if name is not None}


@dataclass(frozen=True)
class FixedNormalisation(ChainLayer):
    """``y = gamma (x - mean)/sqrt(variance + eps) + beta`` with stored statistics: batch norm at evaluation.

    Attributes:
        mean: name of the stored mean.
        variance: name of the stored variance.
        eps: what is added to it.
        weight: name of gamma; None where it is 1.
        bias: name of beta; None where it is 0.
    """

    mean: str
    variance: str
    eps: float
    weight: str | None = None
    bias: str | None = None

    @property
    def kind(self) -> str:
        """What it is."""
        return "batch norm"

    @property
    def shapes(self) -> dict[str, tuple[Shape, ...]]:
        """Statistics, gain and bias."""
        names = (self.mean, self.variance, self.weight, self.bias)
        return {name: ((self.outputs,),) for name in names if name is not None}


@dataclass(frozen=True)
class VectorNormalisation(ChainLayer):
    """Layer norm ``gamma (x - mean)/s + beta``, or RMS norm, in which no mean is subtracted.

    Attributes:
        eps: what is added to the mean square, ``s**2 = mean((x - mean)**2) + eps``.
        centred: whether the mean is subtracted.
        weight: name of gamma; None where it is 1.
        bias: name of beta; None where it is 0.
    """

    eps: float
    centred: bool = True
    weight: str | None = None
    bias: str | None = None

    @property
    def kind(self) -> str:
        """Which one it is."""
        return "layer norm" if self.centred else "RMS norm"

    @property
    def shapes(self) -> dict[str, tuple[Shape, ...]]:
        """Gain and bias."""
        return {name: ((self.outputs,),) for name in (self.weight, self.bias) if name is not None}


@dataclass(frozen=True)
class PassThrough(ChainLayer):
    """``y = x``.

    Attributes:
        reason: what the layer would do otherwise, such as ``"dropout in evaluation"``.
    """

    reason: str = "identity"

    @property
    def kind(self) -> str:
        """Why nothing is done."""
        return self.reason


@dataclass(frozen=True)
class Residual(ChainLayer):
    """``y = shortcut(x) + branch(x)``.

    Attributes:
        branch: layers of the one summand.
        shortcut: layers of the other; empty for x itself.
    """

    branch: tuple[ChainLayer, ...] = ()
    shortcut: tuple[ChainLayer, ...] = ()

    def __post_init__(self) -> None:
        for label, part in (("branch", self.branch), ("shortcut", self.shortcut)):
            ends = joined_widths(f"{label} of {self.name}", part, self.inputs)
            if ends[-1] != self.outputs:
                raise InputError(
                    f"{label}: of the residual block {self.name} it gives {ends[-1]} entries, {self.outputs} are needed"
                )

    @property
    def kind(self) -> str:
        """What it is."""
        return "residual block"

    @property
    def shapes(self) -> dict[str, tuple[Shape, ...]]:
        """Those of all layers within."""
        return {name: shape for part in (*self.shortcut, *self.branch) for name, shape in part.shapes.items()}


def joined_widths(label: str, layers: tuple[ChainLayer, ...], inputs: int) -> tuple[int, ...]:
    """The widths before the first layer and after each.

    Raises:
        InputError: a layer does not take what the one before it gives.
    """
    widths = [inputs]
    for layer in layers:
        if layer.inputs != widths[-1]:
            raise InputError(f"{label}: layer {layer.name} takes {layer.inputs} entries but is given {widths[-1]}")
        widths.append(layer.outputs)
    return tuple(widths)
