"""Where to look for large products: batches of initial states and inputs, drawn or optimised, all from one seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symgrad.numerics.ascent import Ascent
from symgrad.numerics.coordinate_search import CoordinateSearch
from symgrad.numerics.examination import at_once, examine
from symgrad.numerics.exploration import Exploration
from symgrad.numerics.findings import Findings
from symgrad.numerics.orbit_batches import OrbitBatches
from symgrad.numerics.simulate import Batch
from symgrad.numerics.steering import Steering

__all__ = ["SEARCHES", "adversarial_batches", "explored", "random_batches"]

Array = NDArray[np.float64]

_STATE_SCALES = (0.0, 1e-6, 1e-2, 0.3, 1.0, 3.0, 10.0)
_INPUT_SCALES = (0.0, 0.0, 1e-3, 0.3, 1.0, 3.0)
_FEW = 20  # steered trajectories in a random search
_ASCENTS = ((1, 40), (3, 30), (12, 15))  # factors and iterations
_LONGEST = 4  # period of the inputs in coordinate searches
_LONG = 24  # factors in a coordinate search
_LEAST, _ROUNDS = 4, 24
_MOVES = 8
_WORK = 2**29  # multiplications of one coordinate search
_ENTRIES = 2**22  # of the inputs of one batch


def random_batches(problem: Exploration, count: int, random: np.random.Generator) -> Iterator[Batch]:
    """Trajectories from states and inputs at many scales, the first ones at zero; some steered to extreme slopes."""
    steered = min(count // 5, _FEW)
    yield from _drawn_batches(problem, count - steered, random)
    yield from _steered_batches(problem, steered, random)


def adversarial_batches(problem: Exploration, count: int, random: np.random.Generator) -> Iterator[Batch]:
    """A third of the trajectories drawn, a third steered to extreme slopes, a third improved.

    Of those that are steered a quarter follows periodic orbits along which products grow. Of those that are improved,
    half are by gradient ascent where it is possible, the others by coordinate search.
    """
    third = count // 3
    yield from _drawn_batches(problem, count - 2 * third, random)
    for numbers in _portions(problem, third):
        orbits = _orbits(problem, len(numbers) // 4, random)
        steered = _steered_batch(problem, numbers[orbits.size if orbits is not None else 0 :], random)
        steered = steered if orbits is None else orbits.joined(steered)
        yield steered
        yield from _improved_batches(problem, steered, numbers, random)


def _drawn_batches(problem: Exploration, count: int, random: np.random.Generator) -> Iterator[Batch]:
    for numbers in _portions(problem, count):
        yield _random_batch(problem, numbers, random)


def _steered_batches(problem: Exploration, count: int, random: np.random.Generator) -> Iterator[Batch]:
    for numbers in _portions(problem, count):
        yield _steered_batch(problem, numbers, random)


def _steered_batch(problem: Exploration, numbers: range, random: np.random.Generator) -> Batch:
    steered = Steering(problem.setting, problem.horizon).batch(len(numbers), random)
    if steered is None or steered.size == len(numbers):
        return _random_batch(problem, numbers, random) if steered is None else steered
    return steered.joined(_random_batch(problem, numbers[steered.size :], random))


def _orbits(problem: Exploration, count: int, random: np.random.Generator) -> Batch | None:
    """Trajectories along which products grow, where large ones are looked for."""
    return OrbitBatches(problem.setting, problem.horizon).batch(count, random) if problem.sign == 1 else None


def _improved_batches(
    problem: Exploration, steered: Batch, numbers: range, random: np.random.Generator
) -> Iterator[Batch]:
    """Drawn and steered starts improved for products of few, of more and of many factors."""
    pool, ascent = steered.joined(_random_batch(problem, numbers, random)), Ascent(problem)
    climbing = len(numbers) // 2 if ascent.is_possible else 0
    long = min(_LONG, problem.horizon)
    factors = [min(factors, problem.horizon) for factors, _ in _ASCENTS]
    logs = problem.estimates(pool, {*factors, long})

    def best(count: int, k: int) -> Batch:
        return pool.part(np.argsort(-logs[k], kind="stable")[:count])

    for turn, (k, (_, iterations)) in enumerate(zip(factors, _ASCENTS, strict=True)):
        count = len(range(turn, climbing, len(_ASCENTS)))
        if count:
            yield ascent.improved(best(count, k), k, iterations)
    if climbing < len(numbers):
        yield _by_coordinates(problem, best(len(numbers) - climbing, long), long, random)


def _by_coordinates(problem: Exploration, batch: Batch, factors: int, random: np.random.Generator) -> Batch:
    """Trajectories whose inputs repeat after one step, two and more, improved by coordinate search."""
    longest = min(_LONGEST, factors)
    search = CoordinateSearch(problem, longest, factors)
    rounds = max(_LEAST, min(_ROUNDS, 2 * batch.size, _WORK // (search.cost * batch.size * _MOVES)))
    return search.improved(batch, 1 + np.arange(batch.size) % longest, rounds, _MOVES, random)


def _portions(problem: Exploration, count: int) -> Iterator[range]:
    """The numbers of the trajectories of each batch, few enough to be stored."""
    width = sum(map(problem.size, problem.model.inputs)) or 1
    at_once = max(1, _ENTRIES // (width * problem.horizon))
    for start in range(0, count, at_once):
        yield range(start, min(start + at_once, count))


def _random_batch(problem: Exploration, numbers: range, random: np.random.Generator) -> Batch:
    steps = problem.horizon
    state_scales = [_STATE_SCALES[j % len(_STATE_SCALES)] for j in numbers]
    input_scales = [_INPUT_SCALES[(j + j // len(_STATE_SCALES)) % len(_INPUT_SCALES)] for j in numbers]
    initial = {}
    for symbol in problem.model.states:
        initial[symbol] = _drawn(problem, symbol, (problem.size(symbol), len(numbers)), np.array(state_scales), random)
    inputs = {}
    for symbol in problem.model.inputs:
        shape = (steps, problem.size(symbol), len(numbers))
        drawn = _drawn(problem, symbol, shape, np.array(input_scales), random)
        constant = np.array([j % 2 == 1 for j in numbers])[:, None]
        inputs[symbol] = np.where(constant, drawn[:1], drawn)
    return Batch(initial, inputs, steps)


def _drawn(
    problem: Exploration, symbol: sp.Expr, shape: tuple[int, ...], scales: Array, random: np.random.Generator
) -> Array:
    """Numbers (..., n, B, 1) of given scales around the middle of a range, its ends among them for large scales."""
    ends, scales = problem.ranges.of(symbol), scales[:, None]
    if not ends.is_bounded:
        return problem.ranges.clipped(symbol, scales * random.standard_normal(shape)[..., None])
    half = (ends.high - ends.low) / 2
    signs, within = np.sign(random.uniform(-1, 1, shape)), random.uniform(-1, 1, shape)
    around = np.where(scales > 1, signs[..., None], within[..., None])
    centre = np.where(scales == 0, ends.nearest, ends.centre)
    return problem.ranges.clipped(symbol, centre + np.minimum(scales, 1.0) * half * around)


SEARCHES: dict[str, Callable[[Exploration, int, np.random.Generator], Iterator[Batch]]] = {
    "random": random_batches,
    "adversarial": adversarial_batches,
}


def explored(
    problem: Exploration,
    given: Batch | None,
    search: str,
    count: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Findings:
    """The largest products along given trajectories and along those of a search.

    Args:
        problem: what is looked for.
        given: trajectories to examine first.
        search: a name from ``SEARCHES``.
        count: how many trajectories the search makes.
        seed: of all that is drawn.
        progress: called with the number of trajectories done and their total.
    """
    total = count + (given.size if given is not None else 0)

    def done(behind: int) -> None:
        if progress is not None:
            progress(behind, total)

    found = Findings.empty(problem.horizon)
    drawn = SEARCHES[search](problem, count, np.random.default_rng(seed))
    for batch in _gathered(problem, chain(() if given is None else (given,), drawn)):
        found = found.joined(examine(problem, batch, found.trajectories, done))
    return found


def _gathered(problem: Exploration, batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same trajectories in larger batches, as far as they can be examined at once."""
    waiting: Batch | None = None
    for batch in batches:
        if waiting is not None and (
            waiting.steps != batch.steps or waiting.size + batch.size > at_once(problem, batch.steps)
        ):
            yield waiting
            waiting = None
        waiting = batch if waiting is None else waiting.joined(batch)
    if waiting is not None:
        yield waiting
