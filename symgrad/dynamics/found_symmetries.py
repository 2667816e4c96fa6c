"""Finds the symmetries of a vector system that its equations prove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import sympy as sp
from flint import arb
from numpy.typing import NDArray

from symgrad.calculus.explicit import ExplicitEvaluator
from symgrad.dynamics.symmetries import Symmetry, lasting_point, reflection
from symgrad.dynamics.vector_derivatives import Extended, column
from symgrad.dynamics.vector_system import VectorSystem, entry_place
from symgrad.language.elementwise import written_out
from symgrad.rigor.functions import canonical

__all__ = ["symmetries_of"]

Array = NDArray[np.float64]

_MOST_UNKNOWNS = 6  # for reflections: there are 1312 of six coordinates
_TOLERANCE = 1e-9
_LASTING = (0.0, 1.0, 0.5, -1.0)


def symmetries_of(extended: Extended, parameter: arb) -> tuple[Symmetry, ...]:
    """Reflections that commute with the right sides, and points that are fixed for all values of the parameter.

    Reflections exchange coordinates or change their signs: a network of tanh without bias has ``x -> - x``, two equal
    neurons can be exchanged. Points are looked for among those whose coordinates are all 0, 1, 1/2 or -1, and that the
    residual vanishes there is seen in exact arithmetic.

    Args:
        extended: the equations.
        parameter: a ball around all of its values.

    >>> import symgrad as sg
    >>> from symgrad.dynamics.vector_values import vector_system
    >>> g, h = sp.Symbol("g"), sp.MatrixSymbol("h", 2, 1)
    >>> model = sg.Recurrence({h: sg.activation("tanh")(g * sp.ImmutableMatrix([[0, 1], [1, 0]]) * h)})
    >>> for found in symmetries_of(Extended(vector_system(model, {}, free=[g])), arb(1, 1)):
    ...     print(found.text)
    symmetry (h_1, h_2) -> (-h_1, -h_2)
    symmetry (h_1, h_2) -> (-h_2, -h_1)
    symmetry (h_1, h_2) -> (h_2, h_1)
    """
    mirrors = _reflections(extended) if extended.size <= _MOST_UNKNOWNS else ()
    names, size = _names(extended.system), extended.size
    points = []
    for value in _LASTING:
        x = np.full(size, value)
        residual = extended.residual(column([*x, parameter]))
        has_mirror = any(not mirror.kept.shape[1] for mirror in mirrors) and value == 0
        if not has_mirror and all(entry.is_zero() for entry in residual.entries()):
            text = ", ".join(f"{name} = {value:g}" for name in names)
            points.append(lasting_point(x, f"{text} is a fixed point for every {extended.system.free[0]}"))
    return (*mirrors, *points)


def _names(system: VectorSystem) -> list[str]:
    sizes = zip(system.states, system.sizes, strict=True)
    return [str(s) if size == 1 else f"{s}_{i + 1}" for s, size in sizes for i in range(size)]


def _reflections(extended: Extended) -> tuple[Symmetry, ...]:
    """Those that random points do not refute and that are proved."""
    candidates = [c for c in _involutions(extended.size) if c != (tuple(range(extended.size)), (1,) * extended.size)]
    likely = [c for c in candidates if _is_likely(extended.system, *c)]
    if not likely:
        return ()
    sides, states = _written(extended.system)
    names = _names(extended.system)
    return tuple(
        reflection(places, signs, _text(names, places, signs))
        for places, signs in likely
        if _is_proved(sides, states, places, signs)
    )


def _text(names: Sequence[str], places: Sequence[int], signs: Sequence[int]) -> str:
    images = [("-" if sign < 0 else "") + names[k] for k, sign in zip(places, signs, strict=True)]
    return f"symmetry ({', '.join(names)}) -> ({', '.join(images)})"


def _involutions(size: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    for places in sorted(_pairings(list(range(size))), key=lambda k: sum(i != j for i, j in enumerate(k))):
        orbits = sorted({(min(i, k), max(i, k)) for i, k in enumerate(places)})
        for chosen in product((-1, 1), repeat=len(orbits)):
            sign = dict(zip(orbits, chosen, strict=True))
            yield tuple(places), tuple(sign[min(i, k), max(i, k)] for i, k in enumerate(places))


def _pairings(rest: list[int]) -> Iterator[list[int]]:
    """The permutations that are their own inverses, as lists of images in order."""
    size = len(rest)

    def build(images: dict[int, int]) -> Iterator[list[int]]:
        free = [i for i in range(size) if i not in images]
        if not free:
            yield [images[i] for i in range(size)]
            return
        for other in free:
            yield from build({**images, free[0]: other, other: free[0]})

    yield from build({})


def _is_likely(system: VectorSystem, places: Sequence[int], signs: Sequence[int]) -> bool:
    rng = np.random.default_rng(1)
    points, mirror = rng.uniform(-1, 1, (3, system.size)), np.array(signs)
    with np.errstate(all="ignore"):
        for parameter in (0.371, 1.293):
            plain, turned = (system.floats(x, [parameter])[0] for x in (points, points[:, places] * mirror))
            wanted = plain[:, places] * mirror
            if not np.allclose(turned, wanted, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
                return False
    return True


def _written(system: VectorSystem) -> tuple[list[sp.Expr], list[sp.Expr]]:
    """The right sides and the states entry by entry, with exact numbers."""
    model, sizes = system.model, system.weights.sizes
    evaluator = ExplicitEvaluator(model.variables + model.parameters, sizes)
    numbers: dict[Any, Any] = dict(system.scalars)
    for symbol, array in system.weights.values.items():
        entries = evaluator.values[symbol]
        table = array.reshape(entries.shape)
        for i, j in product(*map(range, entries.shape)):
            numbers[entries[i, j]] = sp.Rational(float(table[i, j]))
    for item in system.free:
        if not isinstance(item, sp.Symbol):
            symbol, i, j = entry_place(item)
            numbers[evaluator.values[symbol][i, j]] = sp.Dummy("p", real=True)
    columns = [evaluator.vector(node) for node in system.nodes.updates.values()]
    states = [entry for state in system.states for entry in evaluator.values[state]]
    reals = {state: sp.Dummy(f"x{i}", real=True) for i, state in enumerate(states)}
    return [side.xreplace({**numbers, **reals}) for one in columns for side in one], list(reals.values())


def _is_proved(
    sides: Sequence[sp.Expr], states: Sequence[sp.Symbol], places: Sequence[int], signs: Sequence[int]
) -> bool:
    """Whether ``F_i(S x) = s_i F_(k_i)(x)`` by the rules of algebra."""
    mirrored = {states[i]: sign * states[k] for i, (k, sign) in enumerate(zip(places, signs, strict=True))}
    for i, (k, sign) in enumerate(zip(places, signs, strict=True)):
        difference = canonical(written_out(sides[i].xreplace(mirrored))) - sign * canonical(written_out(sides[k]))
        if sp.expand(difference) != 0 and sp.expand(difference.doit()) != 0:
            return False
    return True
