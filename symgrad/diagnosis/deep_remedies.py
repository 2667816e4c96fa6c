"""What to change in a deep network whose gradients vanish or explode; each remedy is tried on the network itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import ROUND_FLOOR, Context, Decimal

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.bounds.chain import chain_bound
from symgrad.bounds.chain_layers import composed_ends, layer_ends
from symgrad.design.residual import residual_scale
from symgrad.diagnosis.deep_changes import (
    redrawn,
    with_normalisation,
    with_scaled_branches,
    with_skips,
)
from symgrad.diagnosis.remedies import RemedyFound
from symgrad.errors import SymgradError
from symgrad.language.chain_layers import Affine, Entrywise, Residual
from symgrad.language.elementwise import Activation
from symgrad.language.layer_chain import ChainWeights, LayerChain, all_layers
from symgrad.meanfield.gains import InitGain, init_gain
from symgrad.meanfield.init_code import init_code
from symgrad.numerics.chain_gradients import ChainGradients, measured_gradients
from symgrad.numerics.chain_values import ChainRun, run_chain

__all__ = ["deep_remedies"]

Array = NDArray[np.float64]

_DEPTH = sp.Symbol("L", positive=True)


def deep_remedies(
    run: ChainRun, measured: ChainGradients, *, delta: float = 1e-3, growth: float = 1e3, seed: int = 0
) -> tuple[RemedyFound, ...]:
    """Remedies for gradients that vanish or explode over layers, those that bring them nearest to 1 first.

    Weights drawn anew with the gain at the edge of chaos, Gaussian and orthogonal; smaller residual branches; residual
    connections around layers that have none; layer norm before activations. Each is put into the network, and the
    norms are measured again for the same inputs: what does not bring the norm between ``delta`` and ``growth`` is left
    out, unless nothing does; then the best one stays.

    Args:
        run: the network at its inputs.
        measured: its gradients.
        delta: what counts as vanished.
        growth: what counts as exploded.
        seed: of weights that are drawn.
    """
    before = _whole(measured)
    tried = [found for found in _candidates(run, before, growth, seed) if abs(found.growth[1]) < abs(before)]
    tried.sort(key=lambda found: abs(found.growth[1]))
    good = [found for found in tried if np.log10(delta) < found.growth[1] < np.log10(growth)]
    return tuple(good or tried[:1])


def _whole(measured: ChainGradients) -> float:
    """The logarithm of the typical ``||dx_L/dx_0||``, or of the gradient's growth where that was not measured."""
    typical = measured.typical_products if len(measured.log10_products) else measured.typical_ratio
    return float(typical[0])


def _after(run: ChainRun, chain: LayerChain, weights: ChainWeights) -> float:
    """The same with another chain or other weights; infinite where values overflow."""
    other = run_chain(chain, weights, run.values[0])
    if not all(np.isfinite(values).all() for values in other.values):
        return float("inf")
    return _whole(measured_gradients(other, np.ones_like(other.output)))


def _candidates(run: ChainRun, before: float, growth: float, seed: int) -> Iterator[RemedyFound]:
    phi = _main_activation(run.chain)
    affine = [layer for layer in all_layers(run.chain.layers) if isinstance(layer, Affine)]
    if phi is not None and affine:
        yield from _gains(run, before, phi, seed)
    if any(isinstance(layer, Residual) for layer in run.chain.layers):
        yield from _smaller_branches(run, before, growth)
    yield from _skips(run, before)
    yield from _norms(run, before)


def _main_activation(chain: LayerChain) -> Activation | None:
    """The activation that most layers have."""
    counts = Counter(layer.activation for layer in all_layers(chain.layers) if isinstance(layer, Entrywise))
    return counts.most_common(1)[0][0] if counts else None


def _gain_of(phi: Activation) -> InitGain | None:
    """The gain at the edge of chaos, or else the one that keeps squared gradients at variance 1."""
    for mode in ("chi1", "backward"):
        try:
            return init_gain(phi, mode)
        except SymgradError:
            continue
    return None


def _gains(run: ChainRun, before: float, phi: Activation, seed: int) -> Iterator[RemedyFound]:
    found = _gain_of(phi)
    if found is None:
        return
    sigma = float(found)
    for kind in ("gaussian", "orthogonal"):
        weights = redrawn(run.chain, run.weights, sigma, kind == "orthogonal", seed)
        after = _after(run, run.chain, weights)
        deviation = "times an orthogonal matrix" if kind == "orthogonal" else "over the root of the inputs"
        yield RemedyFound(
            name=f"weights at the edge of chaos, {kind}",
            formula=found.condition,
            values={"sigma_w": sigma, "weights": f"{kind}, {sigma:.6g} {deviation}", "biases": 0.0},
            promise=f"keeps {found.preserves}",
            code=_code(found, kind),
            growth=(before, after),
        )


def _code(found: InitGain, kind: str) -> str:
    """The snippet that initialises a network, without the derivation in its comments, which the gain itself has."""
    lines = init_code(found, weights=kind).rstrip().splitlines()
    start = next(place for place, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join([lines[0], *lines[start:], "", "network.apply(init_weights)", ""])


def _smaller_branches(run: ChainRun, before: float, growth: float) -> Iterator[RemedyFound]:
    """The factor of residual branches that keeps their product of bounds below the limit."""
    blocks = [layer for layer in run.chain.layers if isinstance(layer, Residual) and not layer.shortcut]
    steepest = [
        composed_ends(tuple(layer_ends(part, run.weights) for part in block.branch)).upper.upper() for block in blocks
    ]
    limits = [float(value) for value in steepest if value.is_finite() and value > 0]
    if not blocks or len(limits) < len(blocks) or not np.isfinite(max(limits)):
        return
    lipschitz = float(np.nextafter(max(limits), np.inf))
    remedy = residual_scale(lipschitz, steps=len(blocks), at_most=growth)
    scale = _rounded_down(float(remedy))
    if not 0 < scale < 1:
        return
    chain = with_scaled_branches(run.chain, scale)
    yield RemedyFound(
        name="smaller residual branches",
        formula=remedy.formula,
        values={"a": scale, "Lipschitz constant of the branches": lipschitz, "blocks": float(len(blocks))},
        promise=f"the {len(blocks)} blocks together stretch gradients by at most {growth:g}, for every input",
        code=f"# in the forward of each block\nreturn x + {scale!r} * self.branch(x)\n",
        growth=(before, _after(run, chain, run.weights)),
        proved=chain_bound(chain, run.weights).upper().log10,
    )


def _rounded_down(value: float) -> float:
    """A positive number of six digits below a float, so that what holds below the float holds for what is printed."""
    below = Decimal(float(np.nextafter(value, 0.0)))
    return float(Context(prec=6, rounding=ROUND_FLOOR).create_decimal(below))


def _skips(run: ChainRun, before: float) -> Iterator[RemedyFound]:
    """Residual connections with branches over the root of their number, whose mean factor stays below e^(sigma_w^2)."""
    count, chain = with_skips(run.chain)
    if count < 2:
        return
    scale = 1 / np.sqrt(count)
    a = sp.Symbol("a", positive=True)
    yield RemedyFound(
        name="residual connections",
        formula=sp.Eq(a, 1 / sp.sqrt(_DEPTH), evaluate=False),
        values={"a": float(scale), "L": float(count)},
        promise="in mean-field theory the mean squared gradient grows by at most exp(sigma_w^2 sup|phi'|^2) in all",
        code=f"# around each of the {count} layers of equal width\nx = x + {scale:.6g} * phi(linear(x))\n",
        growth=(before, _after(run, chain, run.weights)),
    )


def _norms(run: ChainRun, before: float) -> Iterator[RemedyFound]:
    """Layer norm between each weight matrix and its activation."""
    count, chain = with_normalisation(run.chain)
    if not count:
        return
    gamma, spread = sp.Symbol("gamma", real=True), sp.Symbol("s", positive=True)
    y, x, mean = sp.symbols("y x xbar", real=True)
    yield RemedyFound(
        name="layer norm",
        formula=sp.Eq(y, gamma * (x - mean) / spread, evaluate=False),
        values={"gamma": 1.0, "eps": 1e-5, "layers": float(count)},
        promise="pre-activations have variance 1 in every layer, so that activations do not saturate",
        code=f"# for the {count} linear layers before an activation\nx = phi(torch.nn.LayerNorm(width)(linear(x)))\n",
        growth=(before, _after(run, chain, run.weights)),
    )
