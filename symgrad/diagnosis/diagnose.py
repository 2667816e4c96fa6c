"""diagnose: why gradients through a network vanish or explode, with bounds, measurements, causes and remedies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from symgrad.diagnosis.deep import deep_diagnosis
from symgrad.diagnosis.deep_results import DeepDiagnosis
from symgrad.diagnosis.layer_diagnosis import Question, layer_diagnosis
from symgrad.diagnosis.results import Diagnosis
from symgrad.diagnosis.sequences import as_floats
from symgrad.diagnosis.subject import Options, Subject
from symgrad.diagnosis.subjects import chain_of, check_unused, resolved, subject_of
from symgrad.errors import InputError
from symgrad.language.layer_chain import LayerChain
from symgrad.numerics.all_bounds import checked_count
from symgrad.numerics.network_verdict import checked_limits

__all__ = ["diagnose"]

MOST_STEPS = 100_000  # of a horizon


def diagnose(
    module_or_path: Any,
    inputs: Any = None,
    loss: Any = None,
    horizon: int = 200,
    *,
    model: Any = None,
    weights: Mapping[Any, Any] | None = None,
    initial: Any = None,
    prefix: str = "",
    trajectories: int = 8,
    seed: int = 0,
    delta: Any = 1e-3,
    growth: Any = 1e3,
    methods: Any = None,
    remedies: bool = True,
    example: Any = None,
) -> Diagnosis | DeepDiagnosis:
    """Why gradients through a network vanish or explode, with proof, measurement and remedy.

    Every recurrent layer is looked at by itself, along the sequences that it sees in the network: through a layer, the
    derivative of a later state by an earlier one runs through that layer's own recurrence alone. A module is run once,
    in evaluation mode and float64 on a copy, and left as it is.

    Args:
        module_or_path: one of

            - ``nn.RNN``, ``nn.LSTM``, ``nn.GRU`` or one of PyTorch's cells;
            - a cell of one's own, ``forward(input, state)``;
            - any module that holds some of these, such as encoder, LSTM and head;
            - the path of a ``.safetensors``, ``.npz`` or ``.pt`` file of weights;
            - ``nn.Sequential`` and other feed-forward or residual modules, or a :class:`symgrad.LayerChain` with
              ``weights``, looked at over their layers instead of time;
            - a :class:`symgrad.Recurrence` or :class:`symgrad.BidirectionalStack` with ``weights``, or the pair.
        inputs: the sequences, floats: of ``nn.RNN`` and its like as the module takes them (with ``batch_first``
            (B, T, m), else (T, B, m), or (T, m)); of cells and models (T, m) or (B, T, m); of any other module what it
            is called with (a tuple for several arguments; token ids only for modules that embed them). Standard normal
            sequences of ``horizon`` steps unless given, which only modules that hold recurrent parts cannot do without.
        loss: a function that takes the module's output (of cells and models the first states (B, T, n), as a PyTorch
            tensor) and returns a scalar tensor, or an array of the derivatives of the loss by that output, of all steps
            or the last one. Without a loss the gradients of the loss are those of a unit gradient at the last step.
        horizon: the number of steps that the outcome is about, at most 100,000. Where sequences are shorter, what is
            measured ends with them, and bounds go on.
        model: of a file of weights: ``"lstm"``, ``"gru"`` or ``"elman"``, a :class:`symgrad.Recurrence`, or a PyTorch
            module to put the weights into; told from the file unless given.
        weights: of a :class:`symgrad.Recurrence` or :class:`symgrad.BidirectionalStack`: name -> array.
        initial: state -> (n,) or (B, n); zero unless given.
        prefix: of the names in a file, as in :func:`symgrad.load_weights`.
        trajectories: how many sequences to draw.
        seed: of what is drawn.
        delta: between 0 and 1: a gradient smaller than this part has vanished.
        growth: above 1: one larger than this multiple has exploded, after however many steps within the horizon.
        methods: names of methods of :func:`symgrad.product_bound` that bounds are derived by; all unless given.
        remedies: whether to look for remedies, which takes longest.
        example: of a cell of one's own an example ``(input, state)``, where its sizes do not follow from the rest.

    Returns:
        A :class:`symgrad.Diagnosis`, of a feed-forward network a :class:`symgrad.DeepDiagnosis`. Bounds are proved;
        what is measured is in floats (approximate).

    Raises:
        InputError: an argument of the wrong type, shape or value, a module that cannot be read or holds no recurrent
            part, numbers that are integers, complex, of half precision, infinite or NaN. Names the argument.
        SymgradError: PyTorch is needed and not installed.

    >>> import symgrad as sg
    >>> weights = {"W": [[0.5]], "U": [[1.0]], "b": [0.0]}
    >>> found = sg.diagnose(sg.models.elman(), weights=weights, horizon=20, remedies=False)
    >>> found.outcome.value, found.verdict.value, sorted(item.cause.value for item in found.causes)
    ('vanishing', 'certified', ['saturation', 'small norm'])
    """
    question, options = _checked(horizon, trajectories, seed, delta, growth, methods, remedies)
    given = resolved(module_or_path, model, weights, prefix)
    chain = chain_of(given)
    if chain is not None:
        for label, value in (("initial", initial), ("example", example), ("methods", methods)):
            check_unused(label, value, "a feed-forward network has no steps in time")
        return _deep(*chain, inputs, loss, question, options, given.name)
    subject = subject_of(given, inputs, loss, initial, options, example)
    paths = subject.paths or ("",) * len(subject.layers)
    layers = tuple(layer_diagnosis(run, question, path) for run, path in zip(subject.layers, paths, strict=True))
    notes = (*subject.notes, *_notes(subject, question, loss is not None))
    return Diagnosis(subject.name, layers, question.horizon, subject.inputs, subject.seed, notes)


def _deep(
    chain: LayerChain,
    weights: Mapping[Any, Any],
    inputs: Any,
    loss: Any,
    question: Question,
    options: Options,
    name: str | None,
) -> DeepDiagnosis:
    return deep_diagnosis(
        chain,
        weights,
        None if inputs is None else as_floats("inputs", inputs),
        loss,
        name=name,
        delta=question.delta,
        growth=question.growth,
        samples=options.trajectories,
        seed=options.seed,
        remedies=question.remedies,
    )


def _checked(
    horizon: Any, trajectories: Any, seed: Any, delta: Any, growth: Any, methods: Any, remedies: Any
) -> tuple[Question, Options]:
    steps, count = checked_count("horizon", horizon, 1), checked_count("trajectories", trajectories, 1)
    if steps > MOST_STEPS:
        raise InputError(f"horizon: at most {MOST_STEPS:,} steps can be looked at, got {steps:,}")
    seed = checked_count("seed", seed, 0)
    small, large = checked_limits(delta, growth)
    if not isinstance(remedies, bool):
        raise InputError(f"remedies: True or False is needed, got {remedies!r}")
    return Question(steps, small, large, methods, remedies, seed), Options(steps, count, seed)


def _notes(subject: Subject, question: Question, has_loss: bool) -> Iterator[str]:
    """What is to be kept in mind about the whole, in words."""
    if not has_loss:
        yield "no loss was given: gradients are those of a unit gradient at the last step"
    steps = {run.steps for run in subject.layers}
    if min(steps) < question.horizon:
        lengths = " and ".join(map(str, sorted(steps))) + (" step" if steps == {1} else " steps")
        yield f"the sequences have {lengths}, so measurements end there; bounds go on to {question.horizon}"
