"""Functions and methods of tensors in a feed-forward network: which layer each call is."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.errors import InputError
from symgrad.interop.torch_activations import activation_of_call
from symgrad.interop.torch_chain_calls import Call, Keep, reshaped, shape_question, unchanged
from symgrad.interop.torch_chain_values import Constant, Path, added, combined, is_in_place, scaled, shifted
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_nesting import leaves
from symgrad.interop.torch_operations import SAME, operation_name
from symgrad.language.chain_layers import Affine, Entrywise, ParametricReLU, VectorNormalisation
from symgrad.language.elementwise import VARIABLE, Activation
from symgrad.language.numbers import exact_number

__all__ = ["called_function"]

_SILENT = ("requires_grad_", *SAME - {"clone", "real"})
_SHAPES = ("view", "reshape", "flatten")


def called_function(
    target: Any, name: str, arguments: Sequence[Any], options: Mapping[str, Any], keep: Keep
) -> Path | Constant | Any:
    """What a function, or a method named by a string, makes of values and constants.

    Raises:
        InputError: it is none that is accepted, or is given something that is not.
    """
    values = (*arguments, *options.values())
    if not any(isinstance(value, Path) for value in leaves(values)):
        name_of = target if isinstance(target, str) else getattr(target, "__name__", "")
        if is_in_place(name_of, target) and isinstance(arguments[0], Constant):
            raise InputError("it changes a parameter or a constant while the module is run")
        return _computed(target, name, arguments, options, keep)
    kind = operation_name(target)
    call = Call(kind, name, tuple(arguments), options, keep)
    if kind in ("getattr", "size", "dim") or (kind == "getitem" and not isinstance(arguments[0], Path)):
        return shape_question(call)
    if kind in _BINARY:
        return _binary(call, _BINARY[kind])
    if kind in _OTHERS:
        return _OTHERS[kind](call)
    return _scalar_function(call, target)


def _computed(target: Any, name: str, arguments: Sequence[Any], options: Mapping[str, Any], keep: Keep) -> Any:
    """What is computed from constants alone, by PyTorch itself in float64."""
    torch = torch_module()

    def tensor(value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return type(value)(tensor(item) for item in value)
        return torch.from_numpy(value.array.copy()) if isinstance(value, Constant) else value

    given, named = tensor(tuple(arguments)), {key: tensor(value) for key, value in options.items()}
    try:
        with torch.no_grad():
            call = getattr(given[0], target) if isinstance(target, str) else target
            found = call(*(given[1:] if isinstance(target, str) else given), **named)
    except Exception as error:  # whatever PyTorch says about the arguments
        raise InputError(f"it cannot be computed from constants ({type(error).__name__}: {error})") from error
    if not isinstance(found, torch.Tensor):
        return found
    base = next(
        (value.name for value in leaves(tuple(arguments)) if isinstance(value, Constant) and value.name), "constant"
    )
    array = found.detach().to(torch.float64).numpy().copy()
    if not np.isfinite(array).all():
        raise InputError("what is computed from constants is not finite")
    return keep(Constant(f"{base}.{name.rsplit('.', 1)[-1]}", array))


def _constant(value: Any) -> Constant:
    if isinstance(value, Constant):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"a number or a parameter is needed, got {value!r}")
    return Constant("", np.asarray(float(value)))


def _binary(call: Call, kind: str) -> Path:
    left, right = call.argument(0, "input"), call.argument(1, "other")
    alpha = call.options.get("alpha", 1)
    if call.options.get("rounding_mode") is not None:
        raise InputError("a division that rounds")
    if alpha != 1:
        right = scaled(right, _constant(alpha), call.name) if isinstance(right, Path) else _times(call, right, alpha)
    if kind == "matmul":
        return _matmul(call, left, right)
    if isinstance(left, Path) and isinstance(right, Path):
        return _both(call, kind, left, right)
    if isinstance(left, Path):
        return _with_constant(call, kind, left, _constant(right))
    return _constant_first(call, kind, _constant(left), right)


def _times(call: Call, value: Any, factor: float) -> Constant:
    constant = _constant(value)
    return call.keep(constant.renamed("scaled", constant.array * factor))


def _both(call: Call, kind: str, left: Path, right: Path) -> Path:
    if kind == "add":
        return added(left, right, call.name)
    if kind == "sub":
        found = combined("sub", left, right, call.name)
        return found or added(left, scaled(right, _constant(-1), f"{call.name}.negated"), call.name)
    found = combined(kind, left, right, call.name)
    if found is None:
        what = "product" if kind == "mul" else "quotient"
        raise InputError(
            f"a {what} of two functions of the input, which is no feed-forward layer (a gate, for example)"
        )
    return found


def _with_constant(call: Call, kind: str, value: Path, constant: Constant) -> Path:
    if kind == "add":
        return shifted(value, constant, call.name)
    if kind == "sub":
        return shifted(value, call.keep(constant.renamed("negated", -constant.array)), call.name)
    if kind == "mul":
        return scaled(value, constant, call.name)
    if bool((constant.array == 0).any()):
        raise InputError("a division by zero")
    return scaled(value, call.keep(constant.renamed("reciprocal", 1 / constant.array)), call.name)


def _constant_first(call: Call, kind: str, constant: Constant, value: Path) -> Path:
    if kind == "add":
        return shifted(value, constant, call.name)
    if kind == "sub":
        return shifted(scaled(value, _constant(-1), f"{call.name}.negated"), constant, call.name)
    if kind == "mul":
        return scaled(value, constant, call.name)
    width = value.known_width()
    path = value.then(Entrywise(call.name, width, width, Activation("reciprocal", 1 / VARIABLE)))
    return scaled(path, constant, call.name)


def _matmul(call: Call, left: Any, right: Any) -> Path:
    if not isinstance(left, Path) or not isinstance(right, Constant) or right.array.ndim != 2:
        raise InputError("a matrix product other than of x (batch, n) with a parameter of two dimensions")
    inputs, outputs = right.array.shape
    left.known_width(inputs)
    return left.then(Affine(call.name, inputs, outputs, right.name, transposed=True))


def _linear(call: Call) -> Path:
    value, weight, bias = (call.argument(i, label) for i, label in enumerate(("input", "weight", "bias")))
    if not isinstance(value, Path) or not isinstance(weight, Constant) or weight.array.ndim != 2:
        raise InputError("linear: a value that depends on the input and a parameter of two dimensions are needed")
    outputs, inputs = weight.array.shape
    value.known_width(inputs)
    return value.then(Affine(call.name, inputs, outputs, weight.name, None if bias is None else _constant(bias).name))


def _addmm(call: Call) -> Path:
    if call.options.get("beta", 1) != 1 or call.options.get("alpha", 1) != 1:
        raise InputError("addmm with factors beta or alpha")
    path = _matmul(call, call.argument(1, "mat1"), call.argument(2, "mat2"))
    return shifted(path, _constant(call.argument(0, "input")), call.name)


def _negated(call: Call) -> Path:
    return scaled(call.argument(0, "input"), _constant(-1), call.name)


def _normalised(call: Call, centred: bool) -> Path:
    value, shape = call.argument(0, "input"), tuple(call.argument(1, "normalized_shape"))
    if len(shape) != 1 or not isinstance(value, Path):
        raise InputError(f"a normalisation over the shape {shape}; vectors have one dimension")
    width = value.known_width(int(shape[0]))
    names = [call.argument(2, "weight"), call.argument(3, "bias") if centred else None]
    eps = call.argument(4, "eps", 1e-5) if centred else call.argument(3, "eps")
    if eps is None:
        eps = torch_module().finfo(torch_module().get_default_dtype()).eps
    kept = [None if part is None else _constant(part).name for part in names]
    return value.then(VectorNormalisation(call.name, width, width, float(eps), centred, *kept))


def _prelu(call: Call) -> Path:
    value, weight = call.argument(0, "input"), call.argument(1, "weight")
    if not isinstance(value, Path) or not isinstance(weight, Constant):
        raise InputError("prelu: a value that depends on the input and a parameter are needed")
    width = value.known_width(weight.array.size if weight.array.size > 1 else None)
    return value.then(ParametricReLU(call.name, width, width, weight.name))


def _dropped(call: Call) -> Path:
    rate, training = call.argument(1, "p", 0.5), call.argument(2, "training", call.kind != "feature_alpha_dropout")
    if rate and training:
        raise InputError(f"dropout of {rate:g} that is active; pass training=self.training and call module.eval()")
    return unchanged(call, "dropout in evaluation")


def _scalar_function(call: Call, target: Any) -> Path:
    value = call.argument(0, "input")
    given = "pow" if target is operator.pow else target
    rest = call.arguments[1:] if call.arguments else ()
    if isinstance(value, Path) and not any(isinstance(item, (Path, Constant)) for item in leaves(rest)):
        options = {key: item for key, item in call.options.items() if not isinstance(item, Path)}
        found = activation_of_call(given, rest, options)
        if found is not None:
            width = value.known_width()
            return value.then(Entrywise(call.name, width, width, found))
    if target is operator.pow and isinstance(rest[0], Path):
        return _exponential(call, value, rest[0])
    raise InputError("it is no layer or function of vectors that is known")


def _exponential(call: Call, base: Any, value: Path) -> Path:
    number = exact_number("base", base)
    width = value.known_width()
    return value.then(Entrywise(call.name, width, width, Activation(f"{number}^z", number**VARIABLE)))


_BINARY = {"add": "add", "sub": "sub", "mul": "mul", "div": "div", "matmul": "matmul", "mm": "matmul"}
_OTHERS: dict[str, Callable[[Call], Path]] = {
    "linear": _linear,
    "addmm": _addmm,
    "neg": _negated,
    "layer_norm": lambda call: _normalised(call, centred=True),
    "rms_norm": lambda call: _normalised(call, centred=False),
    "prelu": _prelu,
    "clone": lambda call: unchanged(call, "copy"),
    "dropout": _dropped,
    "alpha_dropout": _dropped,
    **dict.fromkeys(_SILENT, unchanged),
    **dict.fromkeys(_SHAPES, reshaped),
}
