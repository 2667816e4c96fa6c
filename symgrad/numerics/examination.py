"""Examining trajectories: the largest products of Jacobians along a batch, measured only where they may be largest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from symgrad.numerics.exploration import Exploration
from symgrad.numerics.findings import Findings
from symgrad.numerics.products import largest, log_frobenius
from symgrad.numerics.simulate import Batch

__all__ = ["at_once", "examine"]

_CACHED = 2**16  # entries of one array of products: what stays in a processor's cache
_SHORT = 4  # factors of products that are measured all; their singular values are not far apart yet
_STORED = 2**23  # entries of the inputs of one chunk


def examine(
    problem: Exploration, batch: Batch, offset: int = 0, done: Callable[[int], None] = lambda count: None
) -> Findings:
    """The largest products along the trajectories of a batch; a few at a time, to stay within caches.

    Of large models a few columns of the products tell first which trajectories are worth measuring.

    Args:
        problem: what is looked for.
        batch: the trajectories.
        offset: the number of the first one.
        done: called with the number of trajectories that are behind.
    """
    examined = _screened if problem.is_screened else _examined
    found = Findings.empty(problem.horizon)
    for places in _slices(batch.size, at_once(problem, batch.steps)):
        found = found.joined(examined(problem, problem.rounded(batch.part(places)), offset + places.start))
        done(offset + found.trajectories)
    return found


def at_once(problem: Exploration, steps: int) -> int:
    """How many trajectories are examined at a time."""
    return _fitting(problem, problem.probes.shape[2] if problem.is_screened else problem.total, steps)


def _fitting(problem: Exploration, columns: int, steps: int) -> int:
    width = sum(map(problem.size, problem.model.inputs)) or 1
    return max(1, min(_CACHED // (problem.total * columns), _STORED // (width * steps)))


def _examined(problem: Exploration, batch: Batch, offset: int, factors: int | None = None) -> Findings:
    """The largest of all products, or of those of the first factors."""
    log, trajectory = np.full(batch.steps, -np.inf), np.full(batch.steps, -1, dtype=np.int64)
    counted = np.zeros(batch.steps, dtype=np.int64)
    with problem.backend.scope():
        for item, inside in problem.followed(batch.first(factors or batch.steps)):
            if not inside.any():
                break
            counted[item.k - 1] = inside.sum()
            log[item.k - 1], trajectory[item.k - 1] = largest(item, problem.norm, inside)
    return Findings.of(log, trajectory, counted, batch, offset, problem.horizon)


def _screened(problem: Exploration, batch: Batch, offset: int) -> Findings:
    """Of long products only those are measured along whose trajectories a few columns are the largest at some k."""
    counted, chosen = np.zeros(batch.steps, dtype=np.int64), set()
    with problem.backend.scope():
        for item, inside in problem.followed(batch, problem.probes):
            if not inside.any():
                break
            counted[item.k - 1] = inside.sum()
            size = np.nan_to_num(log_frobenius(item), nan=-np.inf, posinf=-np.inf)
            chosen.add(int(np.where(inside, size, -np.inf).argmax()))
    short = _examined(problem, batch, offset, min(_SHORT, batch.steps))
    long = _measured(problem, batch, np.array(sorted(chosen), dtype=np.int64), offset)
    return short.joined(long).recounted(counted, batch.size)


def _measured(problem: Exploration, batch: Batch, chosen: NDArray[np.int64], offset: int) -> Findings:
    """What is found along some of the trajectories."""
    found = Findings.empty(problem.horizon)
    for places in _slices(len(chosen), _fitting(problem, problem.total, batch.steps)):
        here = chosen[places]
        found = found.joined(_examined(problem, batch.part(here), 0).renumbered(offset + here))
    return found


def _slices(total: int, count: int) -> Iterator[slice]:
    return (slice(start, min(start + count, total)) for start in range(0, total, count))
