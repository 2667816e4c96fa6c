"""Gates: every factor with values in [0, 1] that multiplies something in a layer, and what it carries on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.calculus.structure import affine_terms
from symgrad.diagnosis.carried import carried_by
from symgrad.diagnosis.everywhere import Everywhere
from symgrad.diagnosis.formulas import Formulas
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.errors import SymgradError
from symgrad.language.construct import apply_operator
from symgrad.language.operators import Apply, Diagonal, Elementwise, Hadamard, Scale, Vector, walk
from symgrad.presentable import Presentable

__all__ = ["CLOSED", "LEVELS", "OPEN", "GateStatistics", "gate_nodes", "gate_statistics", "named_formulas"]

Array = NDArray[np.float64]

LEVELS = (5, 25, 50, 75, 95)
CLOSED, OPEN = 0.05, 0.95


@dataclass(frozen=True, eq=False)
class GateStatistics(Presentable):
    """The values of one gate along the sequences, in floats (approximate).

    Attributes:
        name: its short name where the parameters' names give it, such as ``f``, else its formula.
        formula: it as a SymPy expression.
        mean: of all entries at all steps.
        quantiles: the 5, 25, 50, 75 and 95 % quantiles of the entries, in this order.
        closed: the fraction of entries below 0.05.
        open: the fraction of entries above 0.95.
        carries: the state that the gate hands on to its own next value, None if it multiplies no direct path.
        carries_complement: the state that one minus the gate hands on.
        by_step: (T,), the mean at each step that was looked at; see ``steps``.
        steps: (T,), the steps, counted from 1.
    """

    name: str
    formula: sp.Expr
    mean: float
    quantiles: tuple[float, ...]
    closed: float
    open: float
    carries: str | None
    carries_complement: str | None
    by_step: Array
    steps: NDArray[np.int64]

    @property
    def median(self) -> float:
        """The 50 % quantile."""
        return self.quantiles[LEVELS.index(50)]


def gate_statistics(run: LayerRun) -> tuple[GateStatistics, ...]:
    """The statistics of all gates of a layer.

    Raises:
        InputError: every sequence overflows.

    >>> import symgrad as sg
    >>> gru = sg.models.gru()
    >>> weights = {str(p): np.zeros([1] * (1 if str(p).startswith("b") else 2)) for p in gru.parameters}
    >>> run = LayerRun("layer 0", gru, weights, {"u": np.ones((1, 4, 1))})
    >>> [(gate.name, gate.mean, gate.carries) for gate in gate_statistics(run)]
    [('z', 0.5, 'h'), ('r', 0.5, None)]
    """
    everywhere, formulas = Everywhere(run), named_formulas(run)
    return tuple(_statistics(run, everywhere, formulas, node) for node in gate_nodes(run))


def named_formulas(run: LayerRun) -> Formulas:
    """A writer of formulas in which the gates of a layer stand by their short names."""
    formulas = Formulas(run.model, run.setting.nodes.updates)
    short = {node: formulas.short_name(node) for node in gate_nodes(run)}
    names = list(short.values())
    formulas.names |= {node: name for node, name in short.items() if name is not None and names.count(name) == 1}
    return formulas


def gate_nodes(run: LayerRun) -> list[Vector]:
    """The gates of a layer; ``z`` and ``1 - z`` are one."""
    order: dict[Vector, None] = {}
    for update in run.setting.nodes.updates.values():
        for node in walk(update):
            match node:
                case Hadamard(left, right):
                    order.update(dict.fromkeys(_gates_of(left, right)))
                case Apply(Diagonal(vector), argument):
                    order.update(dict.fromkeys(_gates_of(vector, argument)))
    return list(order)


def _gates_of(left: Vector, right: Vector) -> Iterator[Vector]:
    factors = [*_factors(left), *_factors(right)]
    for place, factor in enumerate(factors):
        gate = _gate(factor)
        if gate is not None and not _acts_on_itself(gate, factors[:place] + factors[place + 1 :]):
            yield gate


def _factors(vector: Vector) -> list[Vector]:
    if isinstance(vector, Hadamard):
        return _factors(vector.left) + _factors(vector.right)
    return [vector]


def _gate(factor: Vector) -> Vector | None:
    """The function with values in [0, 1] that a factor is, or that it is one minus, or a multiple of."""
    terms = affine_terms(factor)
    bases = [base for base in terms if base is not None]
    if len(bases) != 1 or not isinstance(bases[0], Elementwise):
        return None
    base, offset, slope = bases[0], terms.get(None, sp.S.Zero), terms[bases[0]]
    if offset == 0 or (offset == 1 and slope == -1):
        return base if _within_unit(base, sp.S.Zero, sp.S.One) else None
    if not _within_unit(base, offset, slope):
        return None
    return factor


def _within_unit(base: Elementwise, offset: sp.Expr, slope: sp.Expr) -> bool:
    """Whether all values of ``offset + slope * base`` lie in [0, 1]."""
    if not (offset.is_number and slope.is_number):
        return False
    try:
        values = base.function.range
    except SymgradError:
        return False
    if not values.is_bounded:
        return False
    ends = [offset + slope * end for end in (values.inf, values.sup)]
    return all((end >= 0) == sp.true and (end <= 1) == sp.true for end in ends)


def _acts_on_itself(gate: Vector, others: list[Vector]) -> bool:
    """Whether the gate multiplies its own argument, as in ``x o sigmoid(2 x)``, which is an activation and no gate."""
    inside = _parts(gate.argument if isinstance(gate, Elementwise) else gate)
    return any(_parts(other) == inside for other in others)


def _parts(vector: Vector) -> frozenset[Vector]:
    """What a vector is a sum of multiples of."""
    bases = [base for base in affine_terms(vector) if base is not None]
    return frozenset(
        apply_operator(base.operator.operand, base.argument)
        if isinstance(base, Apply) and isinstance(base.operator, Scale)
        else base
        for base in bases
    )


def _statistics(run: LayerRun, everywhere: Everywhere, formulas: Formulas, node: Vector) -> GateStatistics:
    values, formula = everywhere.values(node), formulas.of(node)
    carries, complement = carried_by(run.model, node)
    spread = np.broadcast_to(values.mean(axis=(0, 2)), len(everywhere.steps))
    return GateStatistics(
        name=formulas.names.get(node, str(formula)),
        formula=formula,
        mean=float(values.mean()),
        quantiles=tuple(np.quantile(values, np.array(LEVELS) / 100).tolist()),
        closed=float((values < CLOSED).mean()),
        open=float((values > OPEN).mean()),
        carries=carries,
        carries_complement=complement,
        by_step=np.array(spread),
        steps=everywhere.steps + 1,
    )
