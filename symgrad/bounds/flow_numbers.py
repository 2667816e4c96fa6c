"""Certified rates of growth of a flow with weights put in: the closed form, and what its slopes and entries give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.bounds.flow_quadratic import rate_from_multipliers
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.calculus.slope_form import SlopeForm, slope_form
from symgrad.errors import InputError, NoBoundError
from symgrad.language.norms import Norm
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights
from symgrad.language.well_formed import distinct_nodes
from symgrad.rigor.balls import exact_ball, working_precision
from symgrad.rigor.interval_arrays import Intervals
from symgrad.rigor.logarithmic_norms import logarithmic_norm

__all__ = ["FlowRate", "flow_rates"]

Array = NDArray[np.float64]

_BITS = 128
_HUGE = 2.0**300  # from where on products of entries may overflow: there the closed form says enough
_LEAST_ENTRY = 1e-9  # of a Perron vector, relative to its largest


@dataclass(frozen=True)
class FlowRate:
    """A certified bound ``C exp(rate T)`` on the derivative of the state by the initial state.

    Attributes:
        rate: an exact ball; the bound on the logarithmic norm where the constant is 1.
        method: ``"closed form"``; ``"entries"`` from intervals of the Jacobian's entries; ``"slopes"`` from intervals
            of the slopes, unit by unit; ``"comparison"`` from the Perron vectors of a matrix that is at least the
            Jacobian on the diagonal and at least its moduli elsewhere. With the addition ``, Euclidean`` it is a bound
            in the 2-norm times the square root of the number of entries.
        constant: C, an exact ball.
    """

    rate: arb
    method: str
    constant: arb


def flow_rates(field: Recurrence, weights: Weights, mu: sp.Expr, norm: Norm) -> tuple[FlowRate, ...]:
    """The closed form, then the bounds that numbers give beside it.

    Args:
        field: the right sides of the flow.
        weights: the numbers; of a parameter that is not given nothing is supposed but what the closed form needs.
        mu: the bound in closed form.
        norm: the norm.
    """
    with working_precision(_BITS):
        closed = _plain(_closed(weights, mu), "closed form")
        try:
            form = slope_form(field, _with_any_input(field, weights))
        except (InputError, NoBoundError):  # a size that only the missing weights tell, or an unbounded slope
            return (closed,)
        if not form.intervals.magnitude.max(initial=0.0) < _HUGE:
            return (closed,)
        return (closed, *_from_slopes(form, norm))


def _with_any_input(field: Recurrence, weights: Weights) -> Weights:
    """With a size of 1 for inputs whose size no weight tells, where it does not matter.

    All matrices that act on them are then parameters that are not given, of which nothing is supposed, so that what
    they contribute is any number, whatever the size.
    """
    free = [size for size in field.sizes if size not in weights.sizes and _is_of_inputs(field, size)]
    return weights.with_sizes({**weights.sizes, **dict.fromkeys(free, 1)}) if free else weights


def _is_of_inputs(field: Recurrence, size: sp.Symbol) -> bool:
    """Whether no state, no constant matrix and no parameter of which something is declared has that size."""
    nodes = [node for expr in field.updates.values() for node in distinct_nodes(expr)]
    constants = [node for node in nodes if isinstance(node, (sp.OneMatrix, sp.Identity, sp.ZeroMatrix, sp.MatrixBase))]
    declared = [symbol for symbol in field.parameters if symbol in field.ranges or symbol in field.properties]
    shapes = [getattr(item, "shape", ()) for item in (*field.states, *constants, *declared)]
    return not any(size in sp.sympify(length).free_symbols for shape in shapes for length in shape)


def _closed(weights: Weights, mu: sp.Expr) -> arb:
    """The upper end of the closed form; infinite where norms of blocks are beyond all floats."""
    try:
        return BoundEvaluator(weights).ball(mu).upper()
    except InputError:
        return arb("inf")


def _plain(rate: float | arb, method: str) -> FlowRate:
    """A bound on the logarithmic norm itself."""
    return FlowRate(exact_ball(rate) if isinstance(rate, float) else rate, method, arb(1))


def _from_slopes(form: SlopeForm, norm: Norm) -> Iterator[FlowRate]:
    entries = form.intervals
    largest = entries.magnitude.copy()
    np.fill_diagonal(largest, np.diag(entries.high))  # of a Jacobian no entry is above, no modulus beside the diagonal
    yield _plain(logarithmic_norm(largest, float(norm.p)).upper, "entries")
    yield _comparison(largest, norm)
    euclidean = arb(1 if norm.p == 2 else form.size).sqrt().upper()
    name = "{}" if norm.p == 2 else "{}, Euclidean"
    yield FlowRate(exact_ball(_around_the_middle(entries)), name.format("entries"), euclidean)
    yield from (FlowRate(exact_ball(r), name.format("slopes"), euclidean) for r in rate_from_multipliers(form))
    if norm.p != 2 and all(entry.is_zero() for entry in form.inner.entries()):
        yield _plain(_line_by_line(form, norm), "slopes")


def _around_the_middle(entries: Intervals) -> float:
    """Of all matrices within a radius of the middle of the intervals."""
    middle = entries.low / 2 + entries.high / 2
    radius = (Intervals(entries.low, entries.high) + Intervals(-middle, -middle)).magnitude
    return logarithmic_norm(middle, 2, radius=radius).upper


def _line_by_line(form: SlopeForm, norm: Norm) -> float:
    """For p = inf the row of the largest term, each bounded by the least of three; for p = 1 the column.

    The term of a row, its entry on the diagonal plus the moduli of the others, is convex in the slopes. Where one
    slope alone enters a row it is largest at an end; else the entries' intervals, or the middle and the radius, bound
    it: ``r ||into||_1 |out|`` for every slope.
    """
    direct, out, into = map(Intervals.of_balls, (form.direct, form.out, form.into))
    entries = form.intervals
    if norm.p == 1:
        direct, out, into, entries = direct.transposed, into.transposed, out.transposed, entries.transposed
    low, high = (Intervals.exact(end[:, None]) for end in (form.low, form.high))
    middle = Intervals.exact(form.low[:, None] / 2 + form.high[:, None] / 2)
    radius = (high + (-middle)).hull(middle + (-low))
    around = (Intervals.exact(out.magnitude) @ (radius * Intervals.exact(_sums(into.magnitude)[:, None]))).high[:, 0]
    centre = _row_terms(direct + _product(out, middle * into))
    terms = np.minimum(_row_terms(entries), np.nextafter(centre + around, np.inf))
    alone = (out.magnitude > 0).sum(axis=1) <= 1
    if alone.any():
        ends = np.maximum(*(_row_terms(direct + _product(out, end * into)) for end in (low, high)))
        terms = np.where(alone, np.minimum(terms, ends), terms)
    return float(terms.max())


def _product(out: Intervals, scaled: Intervals) -> Intervals:
    """A product whose left factor often has one entry a row at most."""
    size = out.magnitude
    if not size.size or ((size > 0).sum(axis=1) > 1).any():
        return out @ scaled
    rows, places = np.arange(len(size)), size.argmax(axis=1)
    factor = Intervals(out.low[rows, places][:, None], out.high[rows, places][:, None])
    return factor * Intervals(scaled.low[places], scaled.high[places])


def _row_terms(matrix: Intervals) -> Array:
    """For every row the upper end of its entry on the diagonal plus the moduli of the others, rounded up."""
    sizes = matrix.magnitude.copy()
    np.fill_diagonal(sizes, np.diag(matrix.high))
    return _sums(sizes)


def _sums(sizes: Array) -> Array:
    """The sum of every row, rounded up."""
    return (Intervals.exact(sizes) @ Intervals.exact(np.ones((sizes.shape[1], 1)))).high[:, 0]


def _comparison(largest: Array, norm: Norm) -> FlowRate:
    """From positive vectors v and w with ``M v <= a v`` and ``w M <= b w``: in the norm weighted by them.

    For p = inf the weights 1 / v give the rate a, for p = 1 the weights w give b, and for p = 2 the weights
    sqrt(w / v) give (a + b) / 2 (Schur's test); the constant is the ratio of the largest weight to the least.
    """
    right, left = _perron(largest), _perron(largest.T)
    rates = [_growth_of(largest, right), _growth_of(largest.T, left)]
    if norm.p == 2:
        weights = [exact_ball(float(b)) / exact_ball(float(a)) for a, b in zip(right, left, strict=True)]
        constant, rate = (_largest(weights) / -_largest([-item for item in weights])).sqrt(), sum(rates, arb(0)) / 2
    else:
        vector, rate = (right, rates[0]) if norm.p == sp.oo else (left, rates[1])
        constant = exact_ball(float(vector.max())) / exact_ball(float(vector.min()))
    return FlowRate(rate.upper(), "comparison", constant.upper())


def _perron(matrix: Array) -> Array:
    """About the positive vector that a matrix, non-negative off the diagonal, maps to a multiple of itself."""
    shifted = matrix + (1.0 + np.abs(matrix).max()) * np.eye(len(matrix)) + _LEAST_ENTRY
    values, vectors = np.linalg.eig(shifted)
    vector = np.abs(vectors[:, int(np.argmax(values.real))].real)
    return np.asarray(np.maximum(vector / vector.max(), _LEAST_ENTRY))


def _growth_of(matrix: Array, vector: Array) -> arb:
    """The least a with ``M v <= a v``, rounded up."""
    product = Intervals.exact(matrix) @ Intervals.exact(vector[:, None])
    return _largest(
        [exact_ball(float(p)) / exact_ball(float(v)) for p, v in zip(product.high[:, 0], vector, strict=True)]
    )


def _largest(balls: list[arb]) -> arb:
    """The largest of some balls: an upper bound of all whose upper end counts."""
    found = balls[0]
    for ball in balls[1:]:
        found = found.max(ball)
    return found
