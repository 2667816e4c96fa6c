"""verify: look for a trajectory that exceeds a bound, and say so only after ball arithmetic confirms it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.product import Bound
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.weights import Weights, bind
from symgrad.numerics.backends import Backend
from symgrad.numerics.backends import backend as chosen_backend
from symgrad.numerics.confirm import Confirmation, confirm
from symgrad.numerics.exploration import NUMPY
from symgrad.numerics.findings import Findings
from symgrad.numerics.layers import steps_of_layers
from symgrad.numerics.problem import Problem
from symgrad.numerics.search import SEARCHES, explored
from symgrad.numerics.simulate import Batch, batch_of, check_fits, given_inputs, sized
from symgrad.numerics.verdict import Verdict
from symgrad.numerics.witness import Witness
from symgrad.presentable import Presentable

__all__ = ["Check", "verify"]

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

_FREE_SIZE = 2


@dataclass(frozen=True, eq=False)
class Check(Presentable):
    """What :func:`verify` found.

    Attributes:
        bound: the claim.
        verdict: a :class:`Verdict`.
        reason: one sentence on why.
        search: ``"random"`` or ``"adversarial"``.
        seed: of the search.
        horizon: the largest k.
        ks: (K,) the numbers of factors, 1 ... horizon.
        log10_bound: (K,) decimal logarithms of the bound, rounded up (of a lower bound, down).
        log10_observed: (K,) decimal logarithms of the largest norms (for a lower bound the smallest moduli) found in
            floats, moved away from the bound's side of violation by an estimate of the rounding errors; minus (for a
            lower bound plus) infinity where nothing is found.
        trajectories: how many trajectories were examined.
        left_range: how many of them left the declared ranges (or overflowed) on the way; products that
            reach beyond that step do not count.
        witness: the confirmed counter-example if the verdict is "refuted".
        versions: of the libraries that computed.
        backend: the array library, device and data type that simulated and multiplied.

    >>> import numpy as np, symgrad as sg
    >>> weights = {"W": np.eye(2), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    >>> check = sg.verify(sg.product_bound(sg.models.elman()), weights, horizon=3, trajectories=10)
    >>> check.ks.tolist(), round(check.worst_ratio, 9), check.witness is None
    ([1, 2, 3], 1.0, True)
    """

    bound: Bound
    verdict: Verdict
    reason: str
    search: str
    seed: int
    horizon: int
    ks: NDArray[np.int64]
    log10_bound: Array
    log10_observed: Array
    trajectories: int
    left_range: int
    witness: Witness | None
    versions: Mapping[str, str]
    backend: Backend = NUMPY

    @property
    def log10_ratio(self) -> Array:
        """Decimal logarithms of :attr:`ratio`, of shape (K,); 0 where both sides are zero."""
        with np.errstate(invalid="ignore"):
            difference = self.log10_observed - self.log10_bound
        difference = difference if self.bound.side == "upper" else -difference
        return np.where(np.isneginf(self.log10_observed) & np.isneginf(self.log10_bound), 0.0, difference)

    @property
    def ratio(self) -> Array:
        """The largest observed norm divided by the bound, near 1 where the bound is tight; of shape (K,).

        For a lower bound the bound divided by the smallest observed modulus.
        """
        with np.errstate(over="ignore"):
            return np.asarray(10.0**self.log10_ratio)

    @property
    def worst_k(self) -> int:
        """The k at which the ratio is largest."""
        return int(self.ks[int(np.argmax(self.log10_ratio))])

    @property
    def worst_ratio(self) -> float:
        """The largest ratio over all k."""
        return float(self.ratio.max())

    def tightness(self, k: int) -> float:
        """The ratio at one k.

        Raises:
            InputError: k is not one of ``ks``.
        """
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 1 <= k <= self.horizon:
            raise InputError(f"k: an integer from 1 to {self.horizon} is needed, got {k!r}")
        return float(self.ratio[int(k) - 1])

    def replay(self) -> bool:
        """Confirm the witness again in ball arithmetic.

        Raises:
            InputError: there is no witness.
        """
        if self.witness is None:
            raise InputError(f"witness: there is none to replay, the verdict is {self.verdict}")
        return self.witness.replay()


def verify(
    bound: Bound,
    weights: Mapping[Any, Any] | None = None,
    *,
    horizon: int = 200,
    trajectories: int = 200,
    search: str = "random",
    seed: int = 0,
    inputs: Any = None,
    progress: Progress | None = None,
    backend: str | Backend = "numpy",
    device: str | None = None,
    dtype: str = "float64",
) -> Check:
    """Look for a counter-example to a bound along simulated trajectories.

    Norms (for a lower bound minimum moduli) of products ``J_k ... J_1`` are compared with the bound for every k up to
    the horizon. The search works in floats;
    "refuted" is said only when ball arithmetic, at whatever precision it takes, separates a lower bound of the
    product's norm from an upper bound of the claim, along a trajectory within the declared ranges.

    Args:
        bound: what :func:`symgrad.product_bound` returns, or a claim made from it by ``.tightened(factor)``.
        weights: symbol or name -> array, for all parameters of the model. A size that neither weights nor
            inputs tell is taken as 2.
        horizon: the largest number of factors; for a model with a depth at most that of its layers.
        trajectories: how many trajectories to examine, besides those of ``inputs``.
        search: ``"random"`` draws states and inputs at many scales; ``"adversarial"`` also steers them to
            where the activations are steepest, follows periodic orbits along which products grow, and improves the
            largest products by gradient ascent, where slopes have derivatives, and by changing one entry at a time.
        seed: of all that is drawn, by NumPy whatever the back end is.
        inputs: sequences to examine too, as :func:`simulate` takes them, at least ``horizon`` steps long, from
            states that start at zero. Longer ones are cut into windows of ``horizon`` steps.
        progress: called with the number of trajectories done and their total.
        backend: what simulates and multiplies, ``"numpy"``, ``"torch"``, ``"jax"`` or ``"cupy"``; PyTorch and JAX
            also differentiate for the ascent. Draws, steering and ball arithmetic stay on the host.
        device: as that library spells it, such as ``"cuda"``; its own choice unless given.
        dtype: ``"float64"`` or ``"float32"``. What exceeds the bound in float32 is computed again in float64 before
            balls decide.

    Returns:
        A :class:`Check`.

    Raises:
        InputError: an argument of the wrong type or value, a missing or malformed weight, a weight outside its
            declared range.
        UnknownNameError: a name that the model does not have, an unknown search or back end.
        SymgradError: the array library is not installed; says how to install it.

    >>> import numpy as np, symgrad as sg
    >>> bound = sg.product_bound(sg.models.elman())
    >>> weights = {"W": np.eye(2), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    >>> verify(bound, weights, horizon=5, trajectories=10).verdict.value
    'observed'
    >>> check = verify(bound.tightened(0.99), weights, horizon=5, trajectories=10)
    >>> check.verdict.value, check.replay()
    ('refuted', True)
    """
    chosen = chosen_backend(backend, device, dtype)
    problem, given = _problem(bound, weights, inputs, horizon, chosen)
    counts = {"trajectories": trajectories, "seed": seed}
    for name, number in counts.items():
        _check_count(name, number, least=0 if name == "seed" else 1)
    if search not in SEARCHES:
        raise UnknownNameError("search", search, SEARCHES)
    with np.errstate(all="ignore"):  # what overflows in floats is left out, or decided in balls
        found = explored(problem, given, search, int(trajectories), int(seed), progress)
        found = problem.recomputed(found)
        confirmed = confirm(problem, found, int(seed))
    return _check(problem, found, confirmed, search, int(seed))


def _check_count(name: str, number: Any, least: int) -> None:
    if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < least:
        kind = "non-negative" if least == 0 else "positive"
        raise InputError(f"{name}: a {kind} integer is needed, got {number!r}")


def _problem(bound: Any, weights: Any, inputs: Any, horizon: Any, backend: Backend) -> tuple[Problem, Batch | None]:
    if not isinstance(bound, Bound):
        raise InputError(f"bound: a Bound as product_bound returns is needed, got {type(bound).__name__} {bound!r}")
    _check_count("horizon", horizon, least=1)
    model, steps = bound.model, int(horizon)
    numbers = bind(model, weights, model.parameters)
    check_fits(backend, numbers)
    steps = steps_of_layers(numbers, steps) or steps
    if inputs is None:
        return Problem(bound, _all_sizes(bound, numbers), steps, backend), None
    sequences = given_inputs(model, inputs)
    numbers = _all_sizes(bound, sized(model, numbers, sequences, {}))
    short = {str(s): array.shape for s, array in sequences.items() if array.shape[-2] < steps}
    if short:
        raise InputError(f"inputs: sequences of at least horizon = {steps} steps are needed, got {short}")
    problem = Problem(bound, numbers, steps, backend)
    return problem, problem.windows(batch_of(model, numbers, sequences, {}, None)[0])


def _all_sizes(bound: Bound, weights: Weights) -> Weights:
    """The weights with every size: what no weight and no input tells is free, and set to 2."""
    return weights.with_sizes({**dict.fromkeys(bound.model.sizes, _FREE_SIZE), **weights.sizes})


def _check(problem: Problem, found: Findings, confirmed: Confirmation, search: str, seed: int) -> Check:
    return Check(
        problem.bound,
        confirmed.verdict,
        confirmed.reason,
        search,
        seed,
        problem.horizon,
        np.arange(1, problem.horizon + 1),
        problem.log10_bound,
        problem.sign * problem.lowered(found) / math.log(10.0),
        found.trajectories,
        found.left,
        confirmed.witness,
        _versions(problem.backend),
        problem.backend,
    )


def _versions(backend: Backend) -> dict[str, str]:
    found = {name: metadata.version(name) for name in ("numpy", "python-flint", "sympy")}
    return found | {backend.name: str(backend.library.module().__version__)}
