"""Norms of products of Jacobians that were computed in floats: a table, data, and a picture with the ranks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.errors import InputError
from symgrad.numerics.product_norms import ProductNorms
from symgrad.present.data import number
from symgrad.present.dispatch import latex, plot, text, to_dict
from symgrad.present.layout import column_table
from symgrad.present.plots import new_axes
from symgrad.present.powers import UP, power_latex, power_text
from symgrad.present.titles import literal

__all__ = ["plot_product_norms"]

Array = NDArray[np.float64]

_WIDTHS = (10, 16, 16, 12)
_COLOUR, _RANKS = "#0072B2", "#D55E00"
_CURVES = 12  # trajectories that are drawn one by one; of more, the median and the range
_DIGITS = 7


def _columns(found: ProductNorms) -> tuple[Array, Array, NDArray[np.int64]]:
    """(K, B) of what was found, at most and the ranks, also for a single trajectory."""
    size = len(found.ks)
    logs, above = (values.astype(float).reshape(size, -1) for values in (found.log10, found.log10_upper))
    return logs, above, found.ranks.reshape(size, -1)


def _shown(found: ProductNorms) -> list[int]:
    """The places of the horizons worth a row: those next to 1, 2, 5, 10, ..., and the last."""
    last = int(found.ks[-1])
    series = [base * 10**power for power in range(len(str(last))) for base in (1, 2, 5)]
    places = {int(np.searchsorted(found.ks, k)) for k in series if k <= last}
    return sorted(places | {len(found.ks) - 1})


def _rows(found: ProductNorms, power: Any) -> list[tuple[str, str, str, str]]:
    """For each horizon shown the norm of the largest product of the batch, what it can be at most, and its rank."""
    rows = []
    for place in _shown(found):
        logs, above, ranks = (values[place] for values in _columns(found))
        known = np.flatnonzero(~np.isnan(logs))
        if not known.size:
            rows.append((str(found.ks[place]), power(math.nan), power(math.nan), str(ranks.max())))
            continue
        where = int(known[np.argmax(logs[known])])
        norm, most = power(float(logs[where]), _DIGITS), power(float(above[known].max()), _DIGITS, UP)
        rows.append((str(found.ks[place]), norm, most, str(ranks[where])))
    return rows


@text.register
def _(found: ProductNorms) -> str:
    size = _columns(found)[0].shape[1]
    along = "one trajectory" if size == 1 else f"{size} trajectories (the largest of each k)"
    head = f"||J[k]*...*J[1]||_{found.norm} of {found.model.name} along {along}, approximate ({found.method})"
    table = column_table(("k", "norm", "at most", "rank"), _rows(found, power_text), _WIDTHS)
    sure = f", but for a probability of {found.failure:.1g}" if found.failure else ""
    foot = (
        f"both sides within {found.reached:.1e} of each other{sure}; {found.products} products of weights with columns"
    )
    return f"{head}\n{table}\n{foot}"


@latex.register
def _(found: ProductNorms) -> str:
    rows = []
    for k, norm, most, _ in _rows(found, power_latex):
        factors = {"1": "J_1", "2": "J_2 J_1"}.get(k, rf"J_{{{k}}} \cdots J_1")
        product = rf"\left\lVert {factors}\right\rVert_{{{found.norm.latex}}}"
        rows.append(rf"{k} & {product} & \approx & {norm} & \le & {most}")
    body = " \\\\\n".join(rows)
    return f"\\begin{{array}}{{rrclcl}}\n{body}\n\\end{{array}}"


@to_dict.register
def _(found: ProductNorms) -> dict[str, Any]:
    return {
        "kind": "product norms",
        "model": found.model.name,
        "norm": str(found.norm),
        "method": found.method,
        "tolerance": found.tolerance,
        "reached": number(found.reached),
        "failure": found.failure,
        "products": found.products,
        "ks": found.ks.tolist(),
        "log10": _plain(found.log10),
        "log10_upper": _plain(found.log10_upper),
        "ranks": found.ranks.tolist(),
    }


def _plain(values: Array) -> list[Any]:
    if values.ndim == 1:
        return [number(float(value)) for value in values]
    return [_plain(row) for row in values]


@plot.register
def plot_product_norms(found: ProductNorms, *, ax: Any = None) -> Any:
    """The norms of products of k Jacobians against k, a band up to what they can be at most, and the ranks below.

    Args:
        found: the norms.
        ax: the axes to draw the norms on, without ranks; by default those of a new figure with both panels.

    Returns:
        The axes of the norms.

    Raises:
        InputError: nothing to draw: no finite norm.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": np.diag([0.5, 0.25]), "U": np.ones((2, 1)), "b": np.zeros(2)}
    >>> axes = sg.product_norms(sg.models.elman("identity"), weights, np.zeros((3, 1))).plot()
    >>> len(axes.figure.axes)
    2
    """
    logs, above, ranks = _columns(found)
    if not np.isfinite(logs).any():
        raise InputError("product norms: every product is zero or overflows, there is nothing to draw")
    axes, below = (new_axes(ax), None) if ax is not None else _two_panels()
    _draw_norms(axes, found.ks, logs, above, f"at most, within {found.reached:.1e} of it")
    symbol = rf"$\log_{{10}}\ \Vert J_k \cdots J_1\Vert_{{{found.norm.latex}}}$"
    axes.set_ylabel(symbol)
    axes.set_title(f"{literal(found.model.name)}: norms of products ({found.method}, approximate)")
    axes.legend()
    if below is None:
        axes.set_xlabel("number of factors $k$")
        return axes
    below.plot(found.ks, ranks.max(axis=1), color=_RANKS, drawstyle="steps-post", **_marks(found.ks))
    below.set_ylabel("rank")
    below.set_ylim(bottom=0)
    below.set_xlabel("number of factors $k$")
    return axes


def _two_panels() -> tuple[Any, Any]:
    axes = new_axes(None)
    figure = axes.figure
    figure.set_size_inches(6.4, 5.4)
    axes.remove()
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1]})
    return upper, lower


def _marks(ks: Any) -> dict[str, Any]:
    """A mark for each horizon where they are so few that a line does not show them."""
    return {"marker": "o", "markersize": 4} if len(ks) <= _CURVES else {}


def _draw_norms(axes: Any, ks: Any, logs: Array, above: Array, most: str) -> None:
    shown = np.where(np.isfinite(logs), logs, np.nan)
    top = np.where(np.isfinite(logs) & np.isfinite(above), above, np.nan)
    if logs.shape[1] <= _CURVES:
        for place in range(logs.shape[1]):
            band = {"label": most} if not place else {}
            axes.fill_between(ks, shown[:, place], top[:, place], color=_COLOUR, alpha=0.25, linewidth=0, **band)
            name = {"label": "found"} if not place else {}
            axes.plot(ks, shown[:, place], color=_COLOUR, linewidth=1.5, **_marks(ks), **name)
        return
    known = ~np.isnan(shown).all(axis=1)
    low, middle, high = np.full((3, len(ks)), np.nan)
    low[known], middle[known], high[known] = (
        np.nanmin(shown[known], 1),
        np.nanmedian(shown[known], 1),
        np.nanmax(top[known], 1),
    )
    axes.fill_between(ks, low, high, color=_COLOUR, alpha=0.25, linewidth=0, label=f"all {logs.shape[1]} trajectories")
    axes.plot(ks, middle, color=_COLOUR, linewidth=2, label="median", **_marks(ks))
