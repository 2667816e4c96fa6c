"""Snippets for JAX that initialise layers or the weights of a recurrence, with functions of ``jax.random`` alone."""

from __future__ import annotations

from symgrad.meanfield.code_parts import NORMAL, ORTHOGONAL, LayerRecipe, ModelRecipe, Start, comment, size_names
from symgrad.meanfield.code_shapes import Shape, shapes_of

__all__ = ["layer_code", "model_code"]

_FANS = {"in": "fan_in", "out": "fan_out", "average": "(fan_in + fan_out) / 2"}
_HEAD = """
import math

import jax
import jax.numpy as jnp
"""
_QR = '''

def orthogonal(key, rows, columns, dtype=jnp.float32):
    """A matrix with orthonormal rows or columns, whichever are fewer, uniformly distributed."""
    shape = max(rows, columns), min(rows, columns)
    q, r = jnp.linalg.qr(jax.random.normal(key, shape, dtype))
    q = q * jnp.sign(jnp.diagonal(r))
    return q if rows >= columns else q.T
'''
_LAYERS = '''

def init_weights(key, shape, dtype=jnp.float32):
    """Weights and biases of a layer, as in ``x @ weights + biases``.

    ``shape`` is (inputs, outputs), or (height, width, inputs, outputs) of a convolution.
    """
    weight_key, bias_key = jax.random.split(key)
    fan_in = math.prod(shape[:-1])
{fill}
    return weights, BIAS_STD * jax.random.normal(bias_key, shape[-1:], dtype)


def init_network(key, widths, dtype=jnp.float32):
    """Weights and biases of dense layers between layers of given widths."""
    keys = jax.random.split(key, len(widths) - 1)
    return [init_weights(*layer, dtype) for layer in zip(keys, zip(widths[:-1], widths[1:]))]
'''
_GAUSSIAN = """    fan_out = math.prod(shape[:-2]) * shape[-1]
    weights = GAIN / math.sqrt({fan}) * jax.random.normal(weight_key, shape, dtype)"""
_GAUSSIAN_IN = "    weights = GAIN / math.sqrt(fan_in) * jax.random.normal(weight_key, shape, dtype)"
_ORTHOGONAL = """    scale = GAIN * math.sqrt(max(1.0, shape[-1] / fan_in))
    weights = scale * orthogonal(weight_key, fan_in, shape[-1], dtype).reshape(shape)"""
_WEIGHTS = '''

def init_weights({arguments}, dtype=jnp.float32):
    """The weights by name, for given sizes."""
    keys = jax.random.split(key, {count})
    return {{
{entries}
    }}
'''


def layer_code(recipe: LayerRecipe) -> str:
    """Functions ``init_weights(key, shape)`` and ``init_network(key, widths)``."""
    if recipe.orthogonal:
        fill = _ORTHOGONAL
    else:
        fill = _GAUSSIAN_IN if recipe.fan == "in" else _GAUSSIAN.format(fan=_FANS[recipe.fan])
    numbers = f"\nGAIN = {recipe.gain!r}\nBIAS_STD = {recipe.bias_std!r}\n"
    return comment(recipe.notes) + _HEAD + numbers + (_QR if recipe.orthogonal else "") + _LAYERS.format(fill=fill)


def model_code(recipe: ModelRecipe) -> str:
    """A function ``init_weights(key, sizes)`` that returns the weights by name."""
    names = size_names(recipe.sizes)
    entries = [
        f"        {str(start.symbol)!r}: {_array(start, shape, index)},"
        for index, (start, shape) in enumerate(zip(recipe.starts, shapes_of(recipe.starts, names), strict=True))
    ]
    qr = _QR if any(start.kind == ORTHOGONAL for start in recipe.starts) else ""
    body = _WEIGHTS.format(
        arguments=", ".join(["key", "*", *names.values()]), count=len(recipe.starts), entries="\n".join(entries)
    )
    return comment(recipe.notes) + _HEAD + qr + body


def _array(start: Start, shape: Shape, index: int) -> str:
    if start.kind == NORMAL:
        scale = f"{start.value!r} / math.sqrt({shape.inputs})"
        return f"{scale} * jax.random.normal(keys[{index}], {shape.shape}, dtype)"
    if start.kind == ORTHOGONAL:
        return f"{start.value!r} * orthogonal(keys[{index}], {shape.both}, dtype)"
    return f"jnp.full({shape.shape}, {start.value!r}, dtype)"
