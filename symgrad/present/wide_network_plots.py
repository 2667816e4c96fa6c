"""Pictures of simulated wide networks: layer by layer with error bars, and the histogram of singular values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.meanfield.infinite_width import InfiniteWidth, infinite_width
from symgrad.numerics.wide_networks import Estimate, WideNetwork
from symgrad.present.dispatch import plot
from symgrad.present.plots import new_axes
from symgrad.present.titles import activation_title

__all__ = ["plot_wide_network"]

Array = NDArray[np.float64]

_THEORY, _SIMULATION, _SPREAD = "#D55E00", "#0072B2", "#009E73"  # Okabe and Ito (2008)
_LABELS = {
    "gradient": r"$\|\partial L/\partial h_l\|^2 \,/\, \|\partial L/\partial h_L\|^2$",
    "variance": r"variance of pre-activations $q_l$",
    "correlation": r"correlation of two inputs $c_l$",
}
_HISTOGRAM = "singular values"
_BARS = 50
_MOST_MARKS = 26


@plot.register
def plot_wide_network(network: WideNetwork, kind: str = "gradient", *, ax: Any = None) -> Any:
    """What was simulated, with error bars, against the limit of infinite width.

    Args:
        network: the simulation.
        kind: ``"gradient"`` for its variance against the layer, on a logarithmic axis; ``"variance"`` or
            ``"correlation"`` of the pre-activations; ``"singular values"`` for the histogram of their squares, with
            the mean and the standard deviation that theory gives.
        ax: the matplotlib axes to draw on; new ones unless given.

    Returns:
        The axes. Error bars are twice the standard error.

    Raises:
        InputError: another kind, or singular values that were not asked for.
    """
    if kind not in (*_LABELS, _HISTOGRAM):
        kinds = ", ".join(repr(name) for name in (*_LABELS, _HISTOGRAM))
        raise InputError(f"kind: one of {kinds} is needed, got {kind!r}")
    limit = infinite_width(network)
    if kind == _HISTOGRAM:
        return _histogram(network, limit, ax)
    shown: dict[str, tuple[Estimate, Array]] = {
        "gradient": (network.gradient, limit.gradient),
        "variance": (network.q, limit.q),
        "correlation": (network.correlation, limit.correlation),
    }
    axes = _against_layers(network, *shown[kind], new_axes(ax))
    axes.set_ylabel(_LABELS[kind])
    if kind == "gradient" and (limit.gradient > 0).all():
        axes.set_yscale("log")
    return axes


def _against_layers(network: WideNetwork, seen: Estimate, expected: Array, axes: Any) -> Any:
    layers = np.arange(network.depth + 1)
    axes.plot(layers, expected, color=_THEORY, linestyle="--", label=r"theory, $n \to \infty$", zorder=3)
    some = layers[:: max(1, -(-len(layers) // _MOST_MARKS))]
    axes.errorbar(
        some,
        seen.mean[some],
        yerr=2 * seen.error[some],
        color=_SIMULATION,
        marker="o",
        markersize=4,
        linestyle="none",
        capsize=2,
        label=f"{network.samples} networks, $n = {network.width}$, $\\pm 2$ s.e.",
    )
    axes.set_xlabel("layer $l$")
    axes.set_title(_title(network), fontsize="medium")
    axes.legend()
    return axes


def _title(network: WideNetwork) -> str:
    variances = rf"$\sigma_w^2 = {network.sigma_w2:.4g}$, $\sigma_b^2 = {network.sigma_b2:.4g}$"
    return f"{activation_title(network.activation)}, {network.weights} weights, {variances}"


def _histogram(network: WideNetwork, limit: InfiniteWidth, ax: Any) -> Any:
    if network.singular_values is None:
        raise InputError("kind: the singular values were not asked for; pass spectrum=True to the simulation")
    squares = (network.singular_values**2).ravel()
    axes = new_axes(ax)
    axes.hist(squares, bins=_BARS, color="0.8", edgecolor="0.4", linewidth=0.5, label=_simulated(network))
    axes.set_yscale("log")
    mean = limit.squared_mean
    axes.axvline(mean, color=_THEORY, linestyle="--", label=rf"theory: mean $= {mean:.3g}$")
    if limit.squared_variance is not None:
        deviation = float(np.sqrt(limit.squared_variance))
        label = rf"theory: mean $\pm$ st. dev. $= {deviation:.3g}$"
        axes.axvline(mean + deviation, color=_SPREAD, linestyle=":", label=label)
        if mean > deviation:
            axes.axvline(mean - deviation, color=_SPREAD, linestyle=":")
    axes.set_xlabel(r"squared singular value $s^2$")
    axes.set_ylabel("count")
    axes.set_title(f"{_title(network)}, $L = {network.depth}$", fontsize="medium")
    axes.legend()
    return axes


def _simulated(network: WideNetwork) -> str:
    mean, spread = float(network.squared_mean.mean), float(np.sqrt(network.squared_variance.mean))
    return f"{network.samples} networks, $n = {network.width}$: ${mean:.3g} \\pm {spread:.3g}$"
