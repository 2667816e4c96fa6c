"""What a report says: a model's equations, Jacobian and gradient, its bounds or why there are none, and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path
from typing import Any

from symgrad.bounds.criteria import Criterion
from symgrad.bounds.gradient import gradient_bound
from symgrad.bounds.layer_gradient import layer_gradient_bound
from symgrad.bounds.product import METHODS, Bound, product_bound
from symgrad.bounds.weighted_growth import BestPower, CertifiedPower
from symgrad.calculus.jacobian import jacobian
from symgrad.calculus.unroll import unroll
from symgrad.errors import InputError, SymgradError, UnknownNameError
from symgrad.language.norms import Norm
from symgrad.language.norms import norm as norm_of
from symgrad.language.recurrence import Recurrence
from symgrad.numerics.verify import Check, verify
from symgrad.present.closed_bounds import weighted_rate
from symgrad.present.dispatch import plot
from symgrad.present.notation import LATEX
from symgrad.present.powers import DOWN, UP, power_text
from symgrad.present.quantities import QuantityWriter
from symgrad.present.report_parts import Content, Formula, Item, Picture, Section, Shown, Table, Words
from symgrad.present.report_verdicts import verdict_table
from symgrad.present.scalars import phrase
from symgrad.present.teacher import with_numbers

__all__ = ["Asked", "Experiment", "Pictures", "content", "sections"]

_SIDES = {"upper": "Bounds from above", "lower": "Bounds from below"}
_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Experiment:
    """Weights for a model, and how the bounds are held against simulated trajectories.

    Attributes:
        weights: symbol or name -> array.
        horizon: the largest number of factors.
        trajectories: how many to simulate; 0 for none.
        seed: of all that is drawn.
        picture: where the plot goes.
    """

    weights: Mapping[Any, Any]
    horizon: int
    trajectories: int
    seed: int
    picture: Path


@dataclass(frozen=True)
class Pictures:
    """Where the pictures of a report go.

    Attributes:
        folder: theirs.
        stem: what their names begin with.
        format: such as ``"svg"``.
    """

    folder: Path
    stem: str
    format: str

    def path(self, name: str) -> Path:
        """The file of one picture."""
        return self.folder / f"{self.stem}-{name}.{self.format}"

    def saved(self, axes: Any, name: str, words: str) -> Picture:
        """A picture that is written to its file."""
        save(axes.figure, self.path(name))
        return Picture(self.path(name), words)


@dataclass(frozen=True)
class Asked:
    """What a report is to say, see :func:`symgrad.report`.

    Attributes:
        pictures: where they go.
        weights: symbol or name -> array; None for none.
        norms: that products are bounded in.
        method: of bounding products and gradients.
        horizon: the largest number of factors.
        trajectories: how many to simulate.
        seed: of all that is drawn.
    """

    pictures: Pictures
    weights: Mapping[Any, Any] | None
    norms: tuple[Any, ...]
    method: str
    horizon: Any
    trajectories: Any
    seed: int


@singledispatch
def content(obj: Any, asked: Asked) -> Content:
    """What the report on an object says; each kind of object registers its own.

    Raises:
        InputError: there are no reports on such an object.
    """
    raise InputError(f"obj: a recurrence or a bound is needed, got {type(obj).__name__}; diagnoses are accepted too")


@content.register
def _(model: Recurrence, asked: Asked) -> Content:
    return _about(model, [norm_of(value) for value in asked.norms], asked.method, asked)


@content.register
def _(bound: Bound, asked: Asked) -> Content:
    if bound.factor != 1:
        raise InputError(f"obj: this bound is a claim, the theorem's with its rate times {bound.factor}")
    return _about(bound.free_model, [bound.norm], bound.method, asked)


def _about(model: Recurrence, norms: Sequence[Norm], method: str, asked: Asked) -> Content:
    for name, value, least in (("horizon", asked.horizon, 1), ("trajectories", asked.trajectories, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"{name}: an integer of at least {least} is needed, got {value!r}")
    if method not in METHODS["upper"]:
        raise UnknownNameError("method", method, METHODS["upper"])
    if not norms:
        raise InputError("norms: at least one norm is needed, got none")
    picture = asked.pictures.path("bound")
    experiment = (
        None
        if asked.weights is None
        else Experiment(asked.weights, asked.horizon, asked.trajectories, asked.seed, picture)
    )
    return Content(f"Products of Jacobians of {model.name}", sections(model, norms, experiment, method))


def save(figure: Any, path: Path) -> None:
    """Write a picture; the same one gives the same file."""
    from matplotlib import rc_context

    plain = {"metadata": {"Date": None}} if path.suffix == ".svg" else {}
    with rc_context({"svg.hashsalt": path.name}):
        figure.savefig(path, bbox_inches="tight", **plain)


def sections(
    model: Recurrence, norms: Sequence[Norm], experiment: Experiment | None, method: str = "norm"
) -> list[Section]:
    """All sections of the report on a model.

    Args:
        model: the recurrence.
        norms: that products are bounded in, the one first whose proof is shown.
        experiment: with weights, what to compute with them.
        method: of bounding products and gradients.
    """
    methods = {side: method if method in METHODS[side] else "range" for side in _SIDES}
    found = {side: [_attempt(product_bound, model, norm, side, methods[side]) for norm in norms] for side in _SIDES}
    bounds = {side: [item for item in items if isinstance(item, Bound)] for side, items in found.items()}
    proofs = {title: _proof(bounds[side][0], experiment) for side, title in _SIDES.items() if bounds[side]}
    numbers = [] if experiment is None else [_numbers([*bounds["upper"], *bounds["lower"]], experiment)]
    return [
        Section("Model", [Shown(model)]),
        Section("Jacobian", [Shown(jacobian(model))]),
        Section("Backpropagation through time", [Shown(unroll(model))]),
        *(Section(title, _bounds(found[side], norms)) for side, title in _SIDES.items()),
        Section("Gradient", [_gradient(model, norms[0], experiment, method)]),
        *(Section(f"{title}: proof in the norm {norms[0]}", [Shown(proof)]) for title, proof in proofs.items()),
        *numbers,
    ]


def _proof(bound: Bound, experiment: Experiment | None) -> Any:
    """The proof, with numbers where there are weights."""
    return bound.proof if experiment is None else with_numbers(bound.proof, experiment.weights)


def _attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result, or the message that says why there is none."""
    try:
        return function(*arguments)
    except SymgradError as error:
        return str(error)


def _bounds(found: Sequence[Bound | str], norms: Sequence[Norm]) -> list[Item]:
    """The bounds with what they say about vanishing and exploding gradients; equal reasons for none are said once."""
    items: list[Item] = []
    reasons: dict[str, list[str]] = {}
    for norm, item in zip(norms, found, strict=True):
        if isinstance(item, Bound):
            items += [Words(f"In the norm {norm}:"), Shown(item), *_criteria(item)]
        else:
            reasons.setdefault(item, []).append(str(norm))
    return [*items, *(Words(f"In the norm {_listed(names)}: {reason}.") for reason, names in reasons.items())]


def _criteria(bound: Bound) -> list[Item]:
    """What the bound says about gradients; of several states in the letter of their gain matrix."""
    if isinstance(bound.growth, (BestPower, CertifiedPower)):
        rate = weighted_rate(bound, QuantityWriter(bound.model, LATEX, []))
        return [_criterion(rate, item, bound) for item in bound.criteria]
    if bound.gain.rows == 1 or bound.side == "lower" or bound.model.depth is not None:
        return [Shown(item) for item in bound.criteria]
    radius = LATEX.radius(QuantityWriter(bound.model, LATEX, []).gain)
    return [_criterion(radius, item, bound) for item in bound.criteria]


def _criterion(rate: str, item: Criterion, bound: Bound) -> Item:
    signs = {"sufficient": "<", "necessary": ">" if bound.growth.is_steady else r"\ge"}
    return Formula(rf"{rate} {signs[item.kind]} 1 {phrase(f' is {item.kind} for {item.phenomenon} gradients')}")


def _listed(names: Sequence[str]) -> str:
    *before, last = names
    return f"{', '.join(before)} or {last}" if before else last


def _gradient(model: Recurrence, norm: Norm, experiment: Experiment | None, method: str) -> Item:
    """The bound on gradients, over as many steps as the horizon says where the weights tell its value."""
    if model.depth is not None:
        of_layers = _attempt(lambda: layer_gradient_bound(model, norm))
        return Words(f"{of_layers}.") if isinstance(of_layers, str) else Shown(of_layers)
    bound = _attempt(lambda: gradient_bound(model, norm=norm, method=method))
    if isinstance(bound, str):
        return Words(f"{bound}.")
    if experiment is None or isinstance(_attempt(bound.evaluate, experiment.weights, experiment.horizon), str):
        return Shown(bound)
    return Shown(with_numbers(bound, experiment.weights, experiment.horizon))


# --- with weights ---------------------------------------------------------------


def _numbers(bounds: Sequence[Bound], experiment: Experiment) -> Section:
    if not bounds:
        return Section("Numbers", [Words("There is no bound to evaluate.")])
    layers = bounds[0].with_weights(experiment.weights).layers
    horizon = experiment.horizon if layers is None else min(experiment.horizon, layers)
    items: list[Item] = verdict_table(bounds, experiment.weights, horizon)
    for side in _SIDES:
        chosen = [bound for bound in bounds if bound.side == side]
        items += [Shown(with_numbers(bound, experiment.weights)) for bound in chosen]
        items += [_table(chosen, experiment.weights, horizon)] if chosen else []
    return Section("Numbers", [*items, *_simulated(bounds[0], experiment, horizon)])


def _table(bounds: Sequence[Bound], weights: Mapping[Any, Any], horizon: int) -> Table:
    """The values of bounds of one side."""
    upper = bounds[0].side == "upper"
    series = [bound.with_weights(weights) for bound in bounds]
    header = ["k", *(f"{'at most' if upper else 'at least'}, norm {bound.norm}" for bound in bounds)]
    rows = []
    for k in _shown(horizon):
        values = (power_text(one.at(k).log10, 4, UP if upper else DOWN) for one in series)
        rows.append([str(k), *values])
    return Table(header, rows)


def _shown(horizon: int) -> list[int]:
    """The numbers of steps with a row: 1, 2, 5, 10, ... and the horizon."""
    decades = (base * 10**power for power in range(len(str(horizon))) for base in _STEPS)
    return sorted({k for k in decades if k <= horizon} | {horizon})


def _verified(bound: Bound, experiment: Experiment, horizon: int) -> Check:
    count, seed = experiment.trajectories, experiment.seed
    return verify(bound, experiment.weights, horizon=horizon, trajectories=count, seed=seed)


def _simulated(bound: Bound, experiment: Experiment, horizon: int) -> list[Item]:
    """The bound against what trajectories reach."""
    check = _attempt(_verified, bound, experiment, horizon) if experiment.trajectories else None
    if check is None or isinstance(check, str):
        picture = plot(bound, experiment.weights, horizon=horizon, trajectories=0)
        reason = "" if check is None else f"No trajectories are simulated: {check}."
        words = [Words(reason)] if reason else []
    else:
        picture, words = plot(check), [Words(f"Simulated trajectories: {check.verdict}: {check.reason}.")]
    save(picture.figure, experiment.picture)
    return [*words, Picture(experiment.picture, f"The bound in the norm {bound.norm} against the number of factors.")]
