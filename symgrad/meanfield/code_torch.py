"""Snippets for PyTorch that initialise layers or recurrent networks."""

from __future__ import annotations

from symgrad.meanfield.code_parts import (
    CONSTANT,
    NORMAL,
    ORTHOGONAL,
    LayerRecipe,
    ModelRecipe,
    Start,
    comment,
    size_names,
)
from symgrad.meanfield.code_shapes import Shape, shapes_of

__all__ = ["layer_code", "model_code"]

_FANS = {"in": "fan_in", "out": "fan_out", "average": "(fan_in + fan_out) / 2"}
_LAYERS = '''
import math

import torch
from torch import nn

GAIN = {gain!r}
BIAS_STD = {bias_std!r}


def init_weights(module: nn.Module) -> None:
    """Initialise a linear or convolutional layer; of a whole network: ``network.apply(init_weights)``."""
    if not isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        return
    weight = module.weight
    fan_in = weight[0].numel()
{fill}
    if module.bias is not None:
        nn.init.normal_(module.bias, 0.0, BIAS_STD)
'''
_GAUSSIAN = """    fan_out = weight.shape[0] * weight[0, 0].numel() // getattr(module, "groups", 1)
    nn.init.normal_(weight, 0.0, GAIN / math.sqrt({fan}))"""
_GAUSSIAN_IN = "    nn.init.normal_(weight, 0.0, GAIN / math.sqrt(fan_in))"
_ORTHOGONAL = "    nn.init.orthogonal_(weight, GAIN * math.sqrt(max(1.0, weight.shape[0] / fan_in)))"
_MODULE = '''
import math
import re

import torch
from torch import nn

# Tensor -> how the blocks that lie in it one below the other start.
STARTS = {{
{starts}
}}


def init_weights(module: nn.Module) -> None:
    """Initialise a recurrent module, all of its layers, by the names of its parameters."""
    with torch.no_grad():
        for name, tensor in module.named_parameters():
            starts = STARTS.get(re.sub(r"(_l[0-9]+)?(_reverse)?$", "", name.rpartition(".")[2]))
            if starts is None:
                continue
            for block, (kind, value) in zip(tensor.chunk(len(starts)), starts):
                if kind == "orthogonal":
                    nn.init.orthogonal_(block, value)
                elif kind == "normal":
                    nn.init.normal_(block, 0.0, value / math.sqrt(block.shape[-1]))
                else:
                    nn.init.constant_(block, value)
'''
_WEIGHTS = '''
import math

import torch
from torch import nn


def init_weights({arguments}) -> dict[str, torch.Tensor]:
    """The weights by name, for given sizes."""
    return {{
{entries}
    }}
'''


def layer_code(recipe: LayerRecipe) -> str:
    """A function ``init_weights(module)`` for linear and convolutional layers."""
    if recipe.orthogonal:
        fill = _ORTHOGONAL
    else:
        fill = _GAUSSIAN_IN if recipe.fan == "in" else _GAUSSIAN.format(fan=_FANS[recipe.fan])
    body = _LAYERS.format(gain=recipe.gain, bias_std=recipe.bias_std, fill=fill)
    return comment(recipe.notes) + body


def model_code(recipe: ModelRecipe) -> str:
    """A function ``init_weights(module)`` where PyTorch has names for all parameters, else ``init_weights(sizes)``."""
    named = {name for names in recipe.stacked.values() for name in names}
    if not recipe.left_out and named >= {str(start.symbol) for start in recipe.starts} and recipe.starts:
        return comment(recipe.notes) + _module_code(recipe)
    return comment(recipe.notes) + _weights_code(recipe)


def _module_code(recipe: ModelRecipe) -> str:
    starts = {str(start.symbol): start for start in recipe.starts}
    rows, seen = [], set[str]()
    for tensor, names in recipe.stacked.items():
        blocks = [(CONSTANT, 0.0) if name in seen else (starts[name].kind, starts[name].value) for name in names]
        seen.update(names)
        rows.append(f"    {tensor!r}: {blocks!r},")
    return _MODULE.format(starts="\n".join(rows))


def _weights_code(recipe: ModelRecipe) -> str:
    names = size_names(recipe.sizes)
    entries = [
        f"        {str(start.symbol)!r}: {_tensor(start, shape)},"
        for start, shape in zip(recipe.starts, shapes_of(recipe.starts, names), strict=True)
    ]
    arguments = ", ".join(["*", *(f"{name}: int" for name in names.values())] if names else [])
    return _WEIGHTS.format(arguments=arguments, entries="\n".join(entries))


def _tensor(start: Start, shape: Shape) -> str:
    if start.kind == NORMAL:
        return f"torch.randn({shape.both}) * ({start.value!r} / math.sqrt({shape.inputs}))"
    if start.kind == ORTHOGONAL:
        return f"nn.init.orthogonal_(torch.empty({shape.both}), {start.value!r})"
    return f"torch.full({shape.shape}, {start.value!r})"
