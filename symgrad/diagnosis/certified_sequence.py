"""Certified norms of products of Jacobians along the first sequence that a layer saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.diagnosis.layer_run import LayerRun
from symgrad.errors import SymgradError
from symgrad.numerics.sequence_norms import sequence_norm, sequence_norms
from symgrad.numerics.trajectory_bound import trajectory_bound
from symgrad.numerics.trajectory_bound_norms import CertifiedNorm
from symgrad.rigor.balls import log10_of

__all__ = ["Opening", "SequenceGrowth", "sequence_growth", "work_per_step"]

Array = NDArray[np.float64]

MOST_WORK = 9_000_000_000  # of the sum below, about 30 seconds of floats with error bounds
BALL_WORK = 120_000  # of the steps times the square of the states, a second of ball arithmetic
MOST_BALL_WORK = 2_000_000  # likewise, where floats lose all their digits
SHORTEST = 10  # steps that are worth enclosing
_SHARP = 256  # states up to which norms are enclosed up to rounding
_NARROW, _WIDE = 1e-6, 0.05  # decades between the two sides from which on digits beyond those of floats are spent
_TOLD = 1e-3  # decades that are worth a word


@dataclass(frozen=True)
class Opening:
    """The norm of ``dx_K/dx_0`` over the first K steps of a sequence, enclosed.

    Attributes:
        steps: K.
        least: its decimal logarithm, rounded down.
        most: rounded up.
    """

    steps: int
    least: float
    most: float


@dataclass(frozen=True, eq=False)
class SequenceGrowth:
    """Decimal logarithms of ``||dx_T/dx_{T-k}||_2`` for k = 1 ... K along one sequence, enclosed.

    Attributes:
        most: rounded up, nan for k above T; None where nothing was enclosed.
        least: rounded down.
        note: why nothing was, how far it goes, or how far both sides are apart; empty where all are known sharply.
        opening: the growth over its first steps, where only those were enclosed.
    """

    most: Array | None = None
    least: Array | None = None
    note: str = ""
    opening: Opening | None = None


def sequence_growth(run: LayerRun, horizon: int) -> SequenceGrowth:
    """Enclose the first sequence of a layer and the products of Jacobians along it, as far as its size allows.

    The states are enclosed in ball arithmetic; the products are those of floats with proved error bounds, or of balls
    with more digits where these are too far apart and the layer is small.
    """
    if run.steps > MOST_WORK // work_per_step(run.total):
        return _opening(run, min(horizon, run.steps, MOST_WORK // work_per_step(run.total, whole=True)))
    try:
        ends = _ends(run, run.steps, horizon)
    except SymgradError as error:
        return SequenceGrowth(note=f"The first sequence was not enclosed: {error}")
    most, least = np.full(horizon, np.nan), np.full(horizon, np.nan)
    least[: len(ends[0])], most[: len(ends[1])] = ends
    return SequenceGrowth(most, least, _width_note(*ends))


def _opening(run: LayerRun, count: int) -> SequenceGrowth:
    """The growth over the first steps alone."""
    long = f"{run.steps} steps of {run.total} states take longer than is spent on them"
    if count < SHORTEST:
        return SequenceGrowth(note=f"The first sequence was not enclosed: {long}.")
    try:
        norm = sequence_norm(*_given(run, count), steps=_length(run, count), sharp=run.total <= _SHARP)
    except SymgradError as error:
        return SequenceGrowth(note=f"The first sequence was not enclosed: {error}")
    least, most = _logs([norm])
    part = "dx_T/dx_0 alone was" if count == run.steps else f"the first {count} steps were"
    note = f"Of the first sequence {part} enclosed: {long}. {_width_note(least, most)}"
    return SequenceGrowth(note=note.strip(), opening=Opening(count, float(least[0]), float(most[0])))


def work_per_step(total: int, whole: bool = False) -> int:
    """About three billion of these take a second: products of matrices, vectors of balls, and what any step costs.

    Args:
        total: the number of states.
        whole: whether only the product of all Jacobians is asked for, and not those of the last 1, 2, ...
    """
    return total**3 // (3 if whole else 1) + 16_000 * total + 800_000


def _width_note(least: Array, most: Array) -> str:
    """How far apart the two sides are, in words; nothing where that is not seen in print."""
    gaps = np.where(most > least, most, 0.0) - np.where(most > least, least, 0.0)
    widest = float(gaps.max(initial=0.0))
    if widest <= _TOLD:
        return ""
    count = int((gaps > _TOLD).sum())
    size = f"a factor of {10**widest:.4g}" if widest < 4 else "many decades"
    some = f" ({count} of {len(gaps)} not sharply)" if len(gaps) > 1 else ""
    return f"Norms along the first sequence are enclosed within {size}{some}."


def _ends(run: LayerRun, steps: int, count: int) -> tuple[Array, Array]:
    """Decimal logarithms of the norms along the first steps of the first sequence from both sides.

    Raises:
        SymgradError: they were not enclosed.
    """
    given, length, work = _given(run, steps), _length(run, steps), steps * run.total**2
    try:
        ends = _logs(sequence_norms(*given, steps=length, count=count, sharp=run.total <= _SHARP))
        if not _worth_balls(work, *ends):
            return ends
    except SymgradError:
        if work > BALL_WORK:
            raise
    return _logs(trajectory_bound(*given, steps=length).norms_from_end[:count])


def _given(run: LayerRun, steps: int) -> tuple[Any, ...]:
    """Model, weights, inputs and start of the first steps of the first sequence."""
    inputs = {name: array[0, :steps] for name, array in run.inputs.items()} or None
    return run.model, run.weights, inputs, {name: array[0] for name, array in run.initial.items()}


def _length(run: LayerRun, steps: int) -> int | None:
    return None if run.inputs else steps


def _worth_balls(work: int, least: Array, most: Array) -> bool:
    """Whether more digits may bring two sides together; where one Jacobian is wide, as at a kink, they do not."""
    gaps = most - np.where(np.isneginf(most), 0.0, least)
    if work <= BALL_WORK:
        return bool((gaps > _NARROW).any())
    return work <= MOST_BALL_WORK and bool(gaps[0] <= _NARROW and (gaps > _WIDE).any())


def _logs(norms: Sequence[CertifiedNorm]) -> tuple[Array, Array]:
    least = np.array([log10_of(value.lower.ball, up=False) for value in norms])
    return least, np.array([log10_of(value.upper.ball, up=True) for value in norms])
