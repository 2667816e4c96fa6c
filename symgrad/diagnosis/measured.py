"""Measured gradients: how large products of the Jacobians of the last steps are along the sequences that were seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.adjoints import adjoints
from symgrad.diagnosis.layer_run import LayerRun
from symgrad.diagnosis.matrix_free import vector_products
from symgrad.errors import InputError
from symgrad.numerics.backends import backend
from symgrad.numerics.jacobian_steps import StepJacobian, transposed_steps
from symgrad.numerics.low_rank_products import Factors, log10_norms
from symgrad.presentable import Presentable

__all__ = ["DENSE_LIMIT", "MeasuredGradients", "measure"]

Array = NDArray[np.float64]

DENSE_LIMIT = 512  # entries of all states, beyond which no product of Jacobians is formed
_TOLERANCE = 1e-6  # of the norms


@dataclass(frozen=True, eq=False)
class MeasuredGradients(Presentable):
    """What gradients do on their way back along the sequences of a run, in floats (approximate).

    Attributes:
        ks: (T + 1,) the numbers of steps back, 0 ... T.
        log10_products: (B, T + 1), ``log10 ||dx_T / dx_{T-k}||_2`` of all states together; NaN along a sequence that
            overflows, minus infinity where the product is zero.
        log10_first: the same of the first state alone, ``log10 ||dh_T / dh_{T-k}||_2``.
        log10_loss: ``log10 ||dL / dx_{T-k}||_2``, through all steps from there on; None without a loss. Each state is a
            variable by itself: of an LSTM, dL/dc_t does not take in what h_t of the same step makes of c_t.
        state: the name of the first state.
        exact_norms: whether each norm is that of the whole product; else it was sought with products of vectors alone,
            and is a lower estimate.
        notes: what was left out, in words.
        log10_loss_first: the same as ``log10_loss`` of the first state alone, ``log10 ||dL / dh_{T-k}||_2``.
    """

    ks: NDArray[np.int64]
    log10_products: Array
    log10_first: Array
    log10_loss: Array | None
    state: str = "h"
    exact_norms: bool = True
    notes: tuple[str, ...] = ()
    log10_loss_first: Array | None = None

    @property
    def typical(self) -> Array:
        """The median over the sequences of ``log10_products``, (T + 1,)."""
        return self.quantile(0.5)

    @property
    def typical_first(self) -> Array:
        """The median over the sequences of ``log10_first``, (T + 1,)."""
        return _quantile(self.log10_first, 0.5)

    @property
    def typical_loss(self) -> Array | None:
        """The median over the sequences of ``log10_loss``, (T + 1,); None without a loss."""
        return None if self.log10_loss is None else _quantile(self.log10_loss, 0.5)

    def quantile(self, level: float) -> Array:
        """A quantile over the sequences of ``log10_products``, (T + 1,); one that was reached, not between two."""
        return _quantile(self.log10_products, level)

    @property
    def lower_quartile(self) -> Array:
        """The quarter of the sequences with the smallest norms lies below, (T + 1,)."""
        return self.quantile(0.25)

    @property
    def upper_quartile(self) -> Array:
        """The quarter of the sequences with the largest norms lies above, (T + 1,)."""
        return self.quantile(0.75)

    @property
    def has_other_states(self) -> bool:
        """Whether there are states beside the first, so that its norms differ from those of the whole."""
        return not np.array_equal(self.log10_first, self.log10_products, equal_nan=True)

    @property
    def slope(self) -> float:
        """Decades per step, by least squares through the second half of the typical curve; NaN where it is zero.

        The first half is left out, in which the gradient still turns to the directions that decay slowest.
        """
        ks, typical = self.ks[len(self.ks) // 2 :], self.typical[len(self.ks) // 2 :]
        finite = np.isfinite(typical)
        if finite.sum() < 2:
            return float("nan")
        return float(np.polyfit(ks[finite], typical[finite], 1)[0])


def _quantile(curves: Array, level: float) -> Array:
    """A quantile over the rows without NaN; minus infinity takes part."""
    kept = curves[~np.isnan(curves).any(axis=1)]
    if not len(kept):
        return np.full(curves.shape[1], np.nan)
    return np.asarray(np.quantile(kept, level, axis=0, method="inverted_cdf"))


def measure(run: LayerRun, *, dense_limit: int = DENSE_LIMIT, seed: int = 0) -> MeasuredGradients:
    """The norms of ``dx_T / dx_{T-k} = J_T J_{T-1} ... J_{T-k+1}`` for k = 0 ... T along every sequence of a run.

    Args:
        run: the layer with its sequences.
        dense_limit: up to this many entries of all states the norms are found to a part in a million, on as few
            directions as that takes; beyond, they are sought with a few vectors alone.
        seed: of the directions that such searches start from.

    Returns:
        :class:`MeasuredGradients`; its values are approximate.

    Raises:
        InputError: every sequence overflows; see :func:`symgrad.diagnosis.layer_run.usable`.

    >>> import symgrad as sg
    >>> weights = {"W": 0.1 * np.eye(2), "U": np.ones((2, 1)), "b": np.zeros(2)}
    >>> run = LayerRun("layer 0", sg.models.elman("identity"), weights, {"u": np.ones((4, 3, 1))})
    >>> measure(run).typical.round(12).tolist()
    [0.0, -1.0, -2.0, -3.0]
    """
    finite = run.finite_steps == run.steps
    if not finite.any():
        raise InputError(f"{run.name}: every sequence overflows, the last at step {int(run.finite_steps.max()) + 1}")
    lost = int((~finite).sum())
    notes = [f"{lost} of {run.size} sequences overflow and are left out"] if lost else []
    exact = run.total <= dense_limit
    if exact:
        norms = _norms(run, seed)
    else:
        norms = vector_products(run, seed)
        notes.append(
            f"norms sought with products of vectors, a lower estimate: {run.total} entries of the states are more "
            f"than {dense_limit}"
        )
    norms[:, :, ~finite] = np.nan
    loss, first = _loss(run, finite)
    state, ks = str(run.model.states[0]), np.arange(run.steps + 1)
    return MeasuredGradients(ks, norms[:, 0].T, norms[:, 1].T, loss, state, exact, tuple(notes), first)


def _loss(run: LayerRun, finite: NDArray[np.bool_]) -> tuple[Array, Array] | tuple[None, None]:
    """The norms of the gradients of the loss going back, of all states and of the first alone."""
    if run.loss is None:
        return None, None
    found = adjoints(run)
    whole, first = (
        np.where(finite[:, None], norms[:, ::-1], np.nan) for norms in (found.log10_norms, found.log10_first)
    )
    return whole, first


def _norms(run: LayerRun, seed: int) -> Array:
    """(T + 1, 2, B) for k = 0 ... T the logarithms of the norms, of all states and of the first alone."""
    first = slice(0, run.setting.size(run.model.states[0]))
    whole = _log10_norms(run, seed, None)
    part = whole if len(run.model.states) == 1 else _log10_norms(run, seed, first)
    return np.stack([whole, part], axis=1)


def _log10_norms(run: LayerRun, seed: int, rows: slice | None) -> Array:
    """(T + 1, B) of the transposed products, multiplied up from the last step on."""

    def steps(places: NDArray[np.int64]) -> Iterator[StepJacobian]:
        states, inputs = ({s: a[:, :, places] for s, a in d.items()} for d in (run.columns, run.batch.inputs))
        return transposed_steps(run.setting.evaluator, run.model, states, inputs)

    return log10_norms(Factors(steps, run.size, run.total, rows), run.steps, _TOLERANCE, backend(), seed)
