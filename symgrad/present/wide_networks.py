"""Simulated wide networks in print, next to the limits of infinite width."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.meanfield.infinite_width import InfiniteWidth, infinite_width
from symgrad.numerics.wide_networks import Estimate, WideNetwork
from symgrad.present.data import expression, number
from symgrad.present.dispatch import latex, text, to_dict

__all__: list[str] = []

Array = NDArray[np.float64]
Row = tuple[str, str, float, float, float]


def _rows(network: WideNetwork, limit: InfiniteWidth) -> list[Row]:
    """Name, LaTeX, mean, standard error and limit of what is compared: of the last layer, and over all."""
    last = network.depth
    rows = [
        ("q in the last layer", r"q_L", network.q, limit.q, last),
        ("correlation there", r"c_L", network.correlation, limit.correlation, last),
        ("gradient by the input", r"\|\delta_0\|^2/\|\delta_L\|^2", network.gradient, limit.gradient, 0),
    ]
    found: list[Row] = [
        (name, sign, float(e.mean[i]), float(e.error[i]), float(values[i])) for name, sign, e, values, i in rows
    ]
    if network.singular_values is not None:
        mean, spread = network.squared_mean, network.squared_variance
        other = np.nan if limit.squared_variance is None else limit.squared_variance
        found.append(("mean of squared singular values", r"\mathbb{E}[s^2]", *_both(mean), limit.squared_mean))
        found.append(("their variance", r"\operatorname{Var}[s^2]", *_both(spread), other))
    return found


def _both(estimate: Estimate) -> tuple[float, float]:
    return float(estimate.mean), float(estimate.error)


@text.register
def _(network: WideNetwork) -> str:
    rows = [
        f"{network.samples} random networks of {network.activation.name}, width {network.width}, depth "
        f"{network.depth}, {network.weights} weights, sigma_w^2 = {network.sigma_w2:g}, "
        f"sigma_b^2 = {network.sigma_b2:g}{_extras(network)} (seed {network.seed}):"
    ]
    for name, _, mean, error, limit in _rows(network, infinite_width(network)):
        known = f"; infinite width {limit:.5g}" if np.isfinite(limit) else ""
        rows.append(f"  {name}: {mean:.5g} +- {error:.2g}{known}")
    return "\n".join([*rows, "  (simulated; +- one standard error)"])


def _extras(network: WideNetwork) -> str:
    parts = [f"{name} {value:g}" for name in ("skip", "dropout") if (value := getattr(network, name))]
    return "".join(f", {part}" for part in parts)


@latex.register
def _(network: WideNetwork) -> str:
    head = r" & \text{simulated} & n \to \infty"
    rows = [head]
    for _, sign, mean, error, limit in _rows(network, infinite_width(network)):
        rows.append(rf"{sign} & {_number(mean)} \pm {_number(error, 2)} & {_number(limit)}")
    return "\\begin{array}{lrr}\n" + " \\\\\n".join(rows) + "\n\\end{array}"


def _number(value: float, digits: int = 5) -> str:
    if not np.isfinite(value):
        return r"\text{--}" if np.isnan(value) else r"\infty"
    written = f"{value:.{digits}g}"
    head, _, power = written.partition("e")
    return rf"{head} \cdot 10^{{{int(power)}}}" if power else head


@to_dict.register
def _(network: WideNetwork) -> dict[str, Any]:
    limit = infinite_width(network)
    settings = {
        name: getattr(network, name)
        for name in ("width", "depth", "sigma_w2", "sigma_b2", "weights", "skip", "dropout", "samples", "seed")
    }
    return {
        "kind": "wide network",
        "activation": expression(network.activation.expr),
        **settings,
        "q": _data(network.q, limit.q),
        "correlation": _data(network.correlation, limit.correlation),
        "gradient": _data(network.gradient, limit.gradient),
        "singular_values": None if network.singular_values is None else network.singular_values.tolist(),
        "squared_singular_values": [
            {"name": name, "mean": number(mean), "error": number(error), "infinite_width": number(value)}
            for name, _, mean, error, value in _rows(network, limit)[3:]
        ],
    }


def _data(estimate: Estimate, limit: Array) -> dict[str, list[float | str]]:
    columns = {"mean": estimate.mean, "error": estimate.error, "infinite_width": limit}
    return {name: [number(value) for value in values] for name, values in columns.items()}
