"""deep_diagnosis: what gradients do over the layers of a feed-forward or residual network, with proof and remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgrad.bounds.chain import ChainBound, chain_bound
from symgrad.diagnosis.deep_causes import deep_causes
from symgrad.diagnosis.deep_outcome import deep_outcome
from symgrad.diagnosis.deep_remedies import deep_remedies
from symgrad.diagnosis.deep_results import ChainLayerDiagnosis, DeepDiagnosis
from symgrad.diagnosis.measured import MeasuredGradients
from symgrad.diagnosis.precision import Underflow, underflow
from symgrad.errors import InputError, SymgradError
from symgrad.interop.torch_checks import torch_module
from symgrad.interop.torch_losses import scalar_loss
from symgrad.language.chain_layers import ChainLayer, Entrywise
from symgrad.language.layer_chain import LayerChain
from symgrad.meanfield.chain_prediction import ChainPrediction, predict_chain
from symgrad.numerics.all_bounds import checked_count
from symgrad.numerics.chain_enclosure import MOST_PRODUCTS, ChainEnclosure, enclosed_gradients, enclosure_work
from symgrad.numerics.chain_gradients import ChainGradients, measured_gradients
from symgrad.numerics.chain_values import ChainRun, run_chain
from symgrad.numerics.functions import array_function
from symgrad.numerics.network_verdict import Outcome
from symgrad.rigor.balls import to_ball

__all__ = ["deep_diagnosis"]

Array = NDArray[np.float64]

_SATURATED = 0.05


def deep_diagnosis(
    chain: LayerChain,
    weights: Any,
    inputs: Any = None,
    loss: Callable[[Any], Any] | Any = None,
    *,
    name: str | None = None,
    delta: float = 1e-3,
    growth: float = 1e3,
    samples: int = 8,
    seed: int = 0,
    enclosed: int = 1,
    remedies: bool = True,
) -> DeepDiagnosis:
    """What gradients do over the layers of a network: measured, bounded and predicted, with cause and remedy.

    Args:
        chain: the network; :func:`symgrad.from_torch` gives it from a module.
        weights: its parameters.
        inputs: (B, n) or (n,); standard normal numbers are drawn unless given.
        loss: a function of the output, a float64 tensor (B, m) of PyTorch, that returns a scalar; or an array (B, m) of
            ``dL/dx_L``. Unless given, a random gradient of norm 1 is drawn for each sample.
        name: of the network.
        delta: what counts as vanished.
        growth: what counts as exploded.
        samples: how many inputs are drawn if none are given.
        seed: of what is drawn.
        enclosed: along how many inputs, the first ones, norms are enclosed in ball arithmetic, as far as the sizes of
            the layers allow.
        remedies: whether to look for remedies.

    Returns:
        A :class:`DeepDiagnosis`. Outcomes are about ``dx_L/dx_0``. Bounds and enclosures are proved; what is measured
        or predicted is approximate.

    Raises:
        InputError: malformed arguments; values that overflow for every input.
        SymgradError: the loss is a function and PyTorch is not installed.

    Source: Schoenholz et al., Deep information propagation, 2017, for the prediction; the rules in the derivation of
    ``.bound`` for the bounds.

    >>> import symgrad as sg
    >>> from symgrad.language.chain_layers import Affine, Entrywise
    >>> layers = [(Affine(f"{i}", 2, 2, "w"), Entrywise(f"{i}.1", 2, 2, sg.activation("tanh"))) for i in range(10)]
    >>> chain = LayerChain(tuple(layer for pair in layers for layer in pair))
    >>> found = deep_diagnosis(chain, {"w": [[0.3, 0.1], [-0.1, 0.3]]}, remedies=False)
    >>> found.outcome.value, found.verdict.value, found.causes[0].cause.value
    ('vanishing', 'certified', 'small norm')
    """
    if not isinstance(chain, LayerChain):
        raise InputError(f"chain: a LayerChain is needed, got {type(chain).__name__}")
    arrays = chain.bind(weights)
    count, tried = checked_count("samples", samples, 1), checked_count("enclosed", enclosed, 0)
    random = np.random.default_rng(seed)
    given = inputs if inputs is not None else random.standard_normal((count, chain.widths[0]))
    run, lost = _usable(run_chain(chain, arrays, given))
    gradient, words = _loss_gradient(loss, run, random, lost)
    bound = chain_bound(chain, arrays)
    measured = measured_gradients(run, gradient)
    prediction = predict_chain(chain, arrays, square=float(np.mean(run.values[0] ** 2)), gaussian=inputs is None)
    enclosures, left = _enclosures(run, gradient, tried)
    layers = _layers(run, bound, measured, prediction)
    found = deep_outcome(bound, measured, enclosures, delta=delta, growth=growth)
    ill = found.outcome in (Outcome.VANISHING, Outcome.EXPLODING)
    return DeepDiagnosis(
        name=chain.name if name is None else name,
        chain=chain,
        weights=arrays,
        layers=layers,
        bound=bound,
        measured=measured,
        prediction=prediction,
        enclosures=enclosures,
        precision=_precision(measured, loss is not None),
        found=found,
        causes=deep_causes(layers, found.outcome),
        remedies=deep_remedies(run, measured, delta=delta, growth=growth, seed=seed) if ill and remedies else (),
        inputs=f"{len(run.output)} given" if inputs is not None else f"{count} standard normal inputs, drawn",
        loss=words,
        delta=delta,
        growth=growth,
        seed=seed if inputs is None or loss is None or (ill and remedies) else None,
        notes=tuple(filter(None, (_overflow_note(lost), measured.note, left))),
    )


def _usable(run: ChainRun) -> tuple[ChainRun, NDArray[np.bool_]]:
    """The samples whose values are finite, and which are not."""
    finite = np.all([np.isfinite(values).all(axis=1) for values in run.values], axis=0)
    if not finite.any():
        place = next(i for i, values in enumerate(run.values) if not np.isfinite(values).any(axis=1).all())
        raise InputError(f"inputs: the values of every sample overflow, at the latest in layer {max(place, 1)}")
    kept = run if finite.all() else run_chain(run.chain, run.weights, run.values[0][finite])
    return kept, ~finite


def _overflow_note(lost: NDArray[np.bool_]) -> str:
    return f"{int(lost.sum())} of {len(lost)} inputs overflow and are left out" if lost.any() else ""


def _loss_gradient(loss: Any, run: ChainRun, random: np.random.Generator, lost: NDArray[np.bool_]) -> tuple[Array, str]:
    """``dL/dx_L`` of each sample, and what it is in words."""
    if loss is None:
        drawn = random.standard_normal(run.output.shape)
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True), "a random gradient of norm 1 at the output, drawn"
    if callable(loss):
        return _by_torch(loss, run.output), "the given function of the output"
    try:
        array = np.atleast_2d(np.asarray(loss.detach() if hasattr(loss, "detach") else loss, dtype=np.float64))
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"loss: a function or an array dL/dx_L is needed, got {type(loss).__name__}") from error
    shape = (len(lost), run.output.shape[1])
    if array.shape != shape or not np.isfinite(array).all():
        raise InputError(f"loss: finite gradients dL/dx_L of shape {shape} are needed, got shape {array.shape}")
    return array[~lost], "the given gradient at the output"


def _by_torch(loss: Callable[[Any], Any], output: Array) -> Array:
    torch = torch_module()
    leaf = torch.from_numpy(output.copy()).requires_grad_(True)
    with torch.enable_grad():
        value = scalar_loss(loss, leaf)
        (found,) = torch.autograd.grad(value, [leaf])
    gradient: Array = found.numpy().astype(np.float64)
    if not np.isfinite(gradient).all():
        raise InputError("loss: its gradient at the output is not finite")
    return gradient


def _enclosures(run: ChainRun, gradient: Array, count: int) -> tuple[tuple[ChainEnclosure, ...], str]:
    """Norms along the first inputs, proved, and what was left out."""
    rows = run.chain.widths[-1]
    if not count:
        return (), ""
    if enclosure_work(run.chain, 1) > MOST_PRODUCTS:
        return (), f"nothing is enclosed in ball arithmetic: it takes more than {MOST_PRODUCTS:.0e} multiplications"
    pairs = list(zip(run.values[0], gradient, strict=True))[:count]
    found = tuple(enclosed_gradients(run.chain, run.weights, point, row) for point, row in pairs)
    if enclosure_work(run.chain, rows) > MOST_PRODUCTS:
        return found, f"dx_L/dx_l is not enclosed: it takes more than {MOST_PRODUCTS:.0e} multiplications of balls"
    return found, ""


def _layers(
    run: ChainRun, bound: ChainBound, measured: ChainGradients, prediction: ChainPrediction
) -> tuple[ChainLayerDiagnosis, ...]:
    typical, products = measured.typical_loss, measured.typical_products
    upper, lower = bound.log10_upper, bound.log10_lower
    predicted = prediction.log10_gradients + typical[-1]
    return tuple(
        ChainLayerDiagnosis(
            position=place,
            layer=layer,
            log10_gradient=float(typical[place]),
            log10_input_gradient=float(typical[place - 1]),
            log10_product=float(products[place]),
            log10_upper=float(upper[place]),
            log10_lower=float(lower[place]),
            log10_predicted=float(predicted[place]),
            prediction=prediction.layers[place - 1],
            saturation=_saturation(layer, run.values[place - 1]),
        )
        for place, layer in enumerate(run.chain.layers, start=1)
    )


def _saturation(layer: ChainLayer, values: Array) -> float | None:
    """The fraction of entries with next to no slope."""
    if not isinstance(layer, Entrywise):
        return None
    slopes = np.abs(array_function(layer.activation.derivative.expr)(np, values))
    try:
        steepest = layer.activation.slope.sup_abs
        largest = float(to_ball(steepest).mid()) if steepest.is_finite else float(slopes.max())
    except SymgradError:
        largest = float(slopes.max())
    return float(np.mean(slopes < _SATURATED * largest))


def _precision(measured: ChainGradients, given: bool) -> tuple[Underflow, ...]:
    """Where the typical gradient leaves the formats of numbers, counted in layers back from the output."""
    back = MeasuredGradients(
        np.arange(measured.log10_loss.shape[1]),
        measured.log10_loss[:, ::-1],
        measured.log10_loss[:, ::-1],
        measured.log10_loss[:, ::-1] if given else None,
    )
    return underflow(back)
