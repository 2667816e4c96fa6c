"""Ready-made cells of sweeps: phase diagrams, ensembles of random weights, bounds by method, fixed points."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from symgrad.bounds.product import Bound, product_bound
from symgrad.diagnosis.lyapunov import lyapunov_spectrum
from symgrad.dynamics.fixed_points import fixed_points
from symgrad.dynamics.points import STABLE, FixedPoint
from symgrad.errors import InputError
from symgrad.language import models
from symgrad.meanfield.deep_network import MeanField
from symgrad.meanfield.mean_field import mean_field
from symgrad.numerics.product_norms import product_norms
from symgrad.sweeps.random_models import model_named, random_inputs, random_weights

__all__ = ["QUANTITIES", "bound_rate", "lyapunov_exponent", "neuron_fixed_points", "phase", "product_growth"]


@lru_cache(maxsize=32)
def _theory(activation: str) -> MeanField:
    found = mean_field(activation)
    if not isinstance(found, MeanField):
        raise InputError(f"activation: the name of an activation is needed, got {activation!r}")
    return found


def phase(sigma_w2: float, sigma_b2: float, activation: str = "tanh") -> dict[str, Any]:
    """The mean-field phase of a wide random network: one cell of a phase diagram.

    Args:
        sigma_w2: variance of the weights, times the width.
        sigma_b2: variance of the biases.
        activation: by name.

    Returns:
        ``chi``: the factor by which squared gradients grow in a layer, where the variance settles at one point;
        ``q``: the variance of the pre-activations at the largest attracting fixed point (both the midpoints of
        enclosures); ``phase`` in words; ``fixed_points``: how many there are.

    Source: Poole et al. 2016; Schoenholz et al. 2017.

    >>> found = phase(2.0, 0.1)
    >>> round(found["chi"], 6), found["phase"]
    (1.003007, 'chaotic')
    """
    found = _theory(activation).phase(sigma_w2, sigma_b2)
    attracting = found.variances.attracting
    return {
        "chi": float(attracting[0].chi.mid()) if len(attracting) == 1 else None,
        "q": float(attracting[-1].ball.mid()) if attracting else None,
        "phase": found.word,
        "fixed_points": len(found.variances),
    }


def product_growth(
    gain: float,
    size: int,
    seed: int,
    model: str = "elman",
    steps: int = 100,
    scale: float = 1.0,
    law: str = "gaussian",
    **scalars: float,
) -> dict[str, float]:
    """How the product of Jacobians grows along one trajectory of a model with random weights and inputs.

    Args:
        gain: of the recurrent weights, see :func:`~symgrad.sweeps.random_models.random_weights`.
        size: of each state.
        seed: of the draws, that of the cell unless the grid has one.
        model: of the zoo, by name.
        steps: the number of factors.
        scale: standard deviation of the inputs.
        law: of the recurrent weights, ``"gaussian"`` or ``"orthogonal"``.
        scalars: parameters of the model that are numbers, such as alpha of a leaky unit.

    Returns:
        ``log10_norm`` of the product of all factors (approximate), and ``rate``, its norm to the power ``1/steps``.

    >>> found = product_growth(0.5, 16, seed=0)
    >>> found["rate"] < 0.55, found["log10_norm"] < -25
    (True, True)
    """
    chosen, rng = model_named(model), np.random.default_rng(seed)
    weights = random_weights(chosen, size, gain, rng, law=law, scalars=scalars)
    inputs = random_inputs(chosen, steps, rng, scale)
    found = float(product_norms(chosen, weights, inputs, steps=steps, ks=[steps]).log10[-1])
    return {"rate": 10.0 ** (found / steps), "log10_norm": found}


def lyapunov_exponent(
    gain: float,
    size: int,
    seed: int,
    model: str = "elman",
    steps: int = 400,
    scale: float = 1.0,
    law: str = "gaussian",
    **scalars: float,
) -> dict[str, float]:
    """The largest Lyapunov exponent of a model with random weights and inputs.

    Args:
        gain: of the recurrent weights, see :func:`~symgrad.sweeps.random_models.random_weights`.
        size: of each state.
        seed: of the draws, that of the cell unless the grid has one.
        model: of the zoo, by name.
        steps: the number of steps, of which a fifth does not count.
        scale: standard deviation of the inputs.
        law: of the recurrent weights, ``"gaussian"`` or ``"orthogonal"``.
        scalars: parameters of the model that are numbers, such as alpha of a leaky unit.

    Returns:
        ``exponent`` in natural logarithms per step, and its standard ``error`` (both approximate).

    >>> lyapunov_exponent(0.5, 16, seed=0, steps=100)["exponent"] < -0.5
    True
    """
    chosen, rng = model_named(model), np.random.default_rng(seed)
    weights = random_weights(chosen, size, gain, rng, law=law, scalars=scalars)
    inputs = random_inputs(chosen, steps, rng, scale)
    start = {str(state): rng.normal(size=size) for state in chosen.states}
    found = lyapunov_spectrum(chosen, weights, inputs, initial=start, steps=steps, count=1)
    return {"exponent": found.largest, "error": float(found.errors[0])}


@lru_cache(maxsize=128)
def _bound(model: str, method: str, norm: Any, activation: str | None) -> Bound:
    return product_bound(model_named(model, activation), norm, method=method)


def bound_rate(
    gain: float,
    size: int,
    seed: int,
    method: str = "norm",
    model: str = "elman",
    steps: int = 100,
    law: str = "gaussian",
    norm: str = "2",
    activation: str | None = None,
    **scalars: float,
) -> dict[str, float]:
    """What a bound says about a model with random weights: bounds by method, over ensembles.

    Args:
        gain: of the recurrent weights, see :func:`~symgrad.sweeps.random_models.random_weights`.
        size: of each state.
        seed: of the draws, that of the cell unless the grid has one: with ``seed`` in the grid all methods are
            applied to the same weights.
        method: of :func:`~symgrad.product_bound`.
        model: of the zoo, by name.
        steps: the number of factors.
        law: of the recurrent weights, ``"gaussian"`` or ``"orthogonal"``.
        norm: ``"1"``, ``"2"`` or ``"inf"``.
        activation: by name; the model's own unless given.
        scalars: parameters of the model that are numbers, such as alpha of a leaky unit.

    Returns:
        ``log10_bound`` on the norm of the product of all factors (certified, rounded up), and ``rate``, the bound to
        the power ``1/steps``.

    >>> found = bound_rate(0.9, 8, seed=0, law="orthogonal")
    >>> round(found["rate"], 6)
    0.9
    """
    rng = np.random.default_rng(seed)
    weights = random_weights(model_named(model), size, gain, rng, law=law, scalars=scalars)
    found = _bound(model, method, norm, activation).evaluate(weights, k=steps)
    return {"rate": 10.0 ** (found.log10 / steps), "log10_bound": found.log10}


def neuron_fixed_points(w: float, b: float) -> dict[str, Any]:
    """The fixed points of the sigmoid neuron ``x = sigmoid(w*x + b)``, proved to be all.

    Args:
        w: the weight.
        b: the bias.

    Returns:
        ``fixed_points`` and ``stable``: how many there are; ``least`` and ``largest``: their values (midpoints of
        enclosures); ``complete``: whether it is proved that there are no others.

    >>> neuron_fixed_points(5.0, -2.5)["stable"], neuron_fixed_points(3.0, -1.5)["stable"]
    (2, 1)
    """
    found = fixed_points(models.build("neuron", w=w, b=b))
    points = [point for point in found if isinstance(point, FixedPoint)]
    places = [float(point.value) for point in points]
    return {
        "fixed_points": len(places),
        "stable": sum(point.stability == STABLE for point in points),
        "least": min(places),
        "largest": max(places),
        "complete": bool(found.complete),
    }


#: What a sweep from the command line can be told by name.
QUANTITIES: dict[str, Callable[..., Any]] = {
    "phase": phase,
    "product-growth": product_growth,
    "lyapunov-exponent": lyapunov_exponent,
    "bound-rate": bound_rate,
    "neuron-fixed-points": neuron_fixed_points,
}
