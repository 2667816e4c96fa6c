"""Code that initialises networks: snippets for PyTorch and JAX with the derivation in their comments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sympy as sp

from symgrad.errors import InputError, UnknownNameError
from symgrad.language import models
from symgrad.language.activations import activation_names
from symgrad.language.matrix_properties import orthogonal
from symgrad.language.recurrence import Recurrence
from symgrad.meanfield import code_jax, code_torch
from symgrad.meanfield.code_parts import CONSTANT, NORMAL, ORTHOGONAL, LayerRecipe, ModelRecipe, Start
from symgrad.meanfield.gains import InitGain, init_gain
from symgrad.meanfield.starting_weights import (
    RECURRENT,
    Matrix,
    hidden_activation,
    matrices_of,
    retaining_biases,
    vectors_of,
)

__all__ = ["init_code"]

_LAYERS: dict[str, Callable[[LayerRecipe], str]] = {"torch": code_torch.layer_code, "jax": code_jax.layer_code}
_MODELS: dict[str, Callable[[ModelRecipe], str]] = {"torch": code_torch.model_code, "jax": code_jax.model_code}
_WEIGHTS = ("gaussian", "orthogonal")
_FANS = ("in", "out", "average")


def init_code(
    subject: Any,
    framework: str = "torch",
    mode: str | None = None,
    *,
    variance: Any = None,
    weights: str | None = None,
    fan: str | None = None,
    bias_variance: float = 0.0,
    forget_bias: float | None = None,
) -> str:
    """A snippet of Python that initialises a network, with the derivation of its numbers in comments.

    For an activation PyTorch's snippet defines ``init_weights(module)`` for linear and convolutional layers, to be used
    as ``network.apply(init_weights)``; JAX's defines ``init_weights(key, shape)`` and ``init_network(key, widths)``.
    For a recurrence it is ``init_weights(module)`` where PyTorch has names for the parameters (``nn.RNN``, ``nn.LSTM``,
    ``nn.GRU`` and their cells), and else ``init_weights(n=..., m=...)`` (in JAX ``init_weights(key, n=..., m=...)``),
    which takes the sizes and returns the parameters by the names that the model gives them.

    Args:
        subject: an activation (name, :class:`~symgrad.Activation` or SymPy formula), an :class:`InitGain`, or a
            recurrence (object or name of a family).
        framework: ``"torch"`` or ``"jax"``.
        mode: of the gain, see :func:`init_gain`; ``"forward"`` unless given. Gated models take none.
        variance: of the gain.
        weights: ``"gaussian"``, the default for an activation, or ``"orthogonal"``, the default for the recurrent
            matrices of a model.
        fan: ``"in"`` (the default), ``"out"`` or ``"average"``: over how many connections the variance is spread.
        bias_variance: of the biases of an activation's layers.
        forget_bias: the pre-activation at which the gates start that keep a state: of the forget gate of the LSTM or
            the update gate of the GRU; where an open gate forgets, the bias is its negative.

    Returns:
        Source text that runs by itself.

    Raises:
        InputError: malformed arguments; there is no such gain; the model has no gate that keeps a state.
        UnknownNameError: no such framework, mode, activation or model.

    >>> print(init_code("relu").splitlines()[0])
    # relu, mode forward: g = sqrt(2) = 1.414213562...
    >>> compile(init_code("lstm", "jax", forget_bias=5.0), "snippet", "exec") is not None
    True
    """
    _known("framework", framework, _LAYERS)
    if weights is not None:
        _known("weights", weights, _WEIGHTS)
    if fan is not None:
        _known("fan", fan, _FANS)
    model = _model(subject)
    if model is None or model.depth is not None:
        return _LAYERS[framework](_layers(subject, model, mode, variance, weights, fan, bias_variance, forget_bias))
    if fan is not None:
        raise InputError("fan: recurrent matrices are square and take none, got a model")
    if bias_variance:
        raise InputError("bias_variance: it belongs to an activation, got a model, whose biases start at 0")
    return _MODELS[framework](_recurrence(model, mode, variance, weights, forget_bias))


def _known(label: str, value: Any, accepted: Any) -> None:
    if not isinstance(value, str) or value not in accepted:
        raise UnknownNameError(label, value, accepted)


def _model(subject: Any) -> Recurrence | None:
    if isinstance(subject, str) and subject not in activation_names() and subject in models.names():
        return models.build(subject)
    return subject if isinstance(subject, Recurrence) else None


def _layers(
    subject: Any,
    model: Recurrence | None,
    mode: str | None,
    variance: Any,
    weights: str | None,
    fan: str | None,
    bias_variance: Any,
    forget_bias: Any,
) -> LayerRecipe:
    if forget_bias is not None:
        raise InputError("forget_bias: a layer without gates has none; a model such as 'lstm' is needed")
    if model is not None:
        subject = hidden_activation(model)
        if subject is None:
            raise InputError(
                f"model: {model.name} has layers with gates or several activations, which have no one gain"
            )
    gain = _gain(subject, mode, variance)
    std = math.sqrt(_nonnegative("bias_variance", bias_variance))
    if weights == ORTHOGONAL and fan not in (None, "in"):
        raise InputError(f"fan: orthogonal weights keep norms and take no fan, got {fan!r}")
    spread = "orthogonal" if weights == ORTHOGONAL else f"Gaussian, variance g^2/{_fan_words(fan)}"
    notes = (*str(gain).splitlines(), f"weights here: {spread}; biases: variance {std**2:.6g}")
    return LayerRecipe(notes, float(gain), fan or "in", weights == ORTHOGONAL, std)


def _fan_words(fan: str | None) -> str:
    return {"out": "fan_out", "average": "((fan_in + fan_out)/2)"}.get(fan or "", "fan_in")


def _gain(subject: Any, mode: str | None, variance: Any) -> InitGain:
    if isinstance(subject, InitGain):
        if mode is not None or variance is not None:
            raise InputError("mode, variance: they are those of the gain that was given")
        return subject
    return init_gain(subject, mode or "forward", variance=variance)


def _nonnegative(label: str, value: Any) -> float:
    number = _number(label, value)
    if number < 0:
        raise InputError(f"{label}: a number of at least 0 is needed, got {value!r}")
    return number


def _number(label: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, (bool, str)) or not math.isfinite(number):
        raise InputError(f"{label}: a finite number is needed, got {type(value).__name__} {value!r}")
    return number


def _recurrence(
    model: Recurrence, mode: str | None, variance: Any, weights: str | None, forget_bias: Any
) -> ModelRecipe:
    phi = hidden_activation(model)
    if phi is None and (mode is not None or variance is not None):
        raise InputError(f"mode, variance: {model.name} has gates or several activations, so that no one gain applies")
    gain = None if phi is None else _gain(phi, mode, variance)
    notes = _gated_notes(model, weights) if gain is None else _plain_notes(gain)
    matrices = matrices_of(model)
    starts = [_matrix(model, matrix, gain, weights) for matrix in matrices]
    biases, more = _biases(model, forget_bias)
    left = tuple(str(p) for p in model.parameters if isinstance(p, sp.Symbol))
    if left:
        more = (*more, f"not set here, as they are numbers of the model: {', '.join(left)}")
    return ModelRecipe((*notes, *more), (*starts, *biases), dict(model.stacked), model.sizes, left)


def _matrix(model: Recurrence, matrix: Matrix, gain: InitGain | None, weights: str | None) -> Start:
    if matrix.role != RECURRENT:
        return Start(matrix.symbol, NORMAL, 1.0, matrix.transposed)
    declared = orthogonal in model.properties.get(matrix.symbol, frozenset())
    kind = ORTHOGONAL if matrix.is_square and (declared or weights != "gaussian") else NORMAL
    return Start(matrix.symbol, kind, 1.0 if gain is None or declared else float(gain), matrix.transposed)


def _biases(model: Recurrence, forget_bias: Any) -> tuple[list[Start], tuple[str, ...]]:
    gates = retaining_biases(model)
    if forget_bias is None:
        return [Start(vector, CONSTANT, 0.0) for vector in vectors_of(model)], ()
    value = _number("forget_bias", forget_bias)
    if not gates:
        raise InputError(f"forget_bias: {model.name} has no gate with a bias that keeps a state")
    names = ", ".join(map(str, gates))
    note = f"Gates that keep a state start at the pre-activation {value:.10g}, by the biases {names}."
    return [Start(v, CONSTANT, value * gates.get(v, 0)) for v in vectors_of(model)], (note,)


def _plain_notes(gain: InitGain) -> tuple[str, ...]:
    return (
        *str(gain).splitlines(),
        "Recurrent matrices have this gain. Input matrices have variance 1/inputs, so that inputs of variance v add v "
        "to the variance of the pre-activations. Biases, and weights of single units, start at 0.",
    )


def _gated_notes(model: Recurrence, weights: str | None) -> tuple[str, ...]:
    recurrent = "Gaussian of variance 1/inputs" if weights == "gaussian" else "orthogonal, so that they keep lengths"
    return (
        f"{model.name}: recurrent matrices are {recurrent}; input matrices are Gaussian of variance 1/inputs. Biases, "
        "and weights of single units, start at 0, except as said below.",
    )
