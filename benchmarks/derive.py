"""Time to derive and typeset the bound of each model: from the recurrence to the LaTeX of its proof.

Every family of the catalogue with every combination of its switches, stacks, and every symbolic method; then sizes n
and numbers of steps k, symbolic and up to a million. Derived ranges are cached, so processor time is taken in a fresh
process, forked once the modules are loaded, and once more in the same process. The rival writes the same product of
Jacobians out in SymPy, entry by entry. Run: python benchmarks/derive.py [--quick] [--profile MODEL]
"""

from __future__ import annotations

import argparse
import cProfile
import inspect
import multiprocessing
import pstats
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import sympy as sp
from figures import Figure

import symgrad as sg
import symgrad.present  # loaded before anything is timed

ALLOWED, ALLOWED_STACK = 0.3, 2.0  # seconds aimed at for a model, and for a stack of four
FLAT = 0.75  # at least this ratio of the time of the first size to that of any
NORMS = (1, 2, "inf")
METHODS = ("norm", "range", "perron", "diagonal", "quadratic", "best")
ACTIVATIONS = ("gelu", "mish")  # whose suprema are the hardest to derive
DEPTHS = (1, 2, 4, 8)
SIZES: dict[str, int | None] = {"n symbolic": None, "n = 1": 1, "n = 64": 64, "n = 4096": 4096}
STEPS = (1, 10**3, 10**6)
RIVAL_SIZE, RIVAL_STEPS = 2, 2
Model = Callable[[], Any]


def zoo() -> dict[str, Model]:
    """Every family of the catalogue, with every combination of its switches, ready for a bound."""
    found: dict[str, Model] = {}
    for family in sg.models.names():
        options = inspect.signature(getattr(sg.models, family)).parameters.values()
        switches = [option.name for option in options if isinstance(option.default, bool)]
        for values in product((False, True), repeat=len(switches)):
            chosen = dict(zip(switches, values, strict=True))
            marks = [name if value else f"no {name}" for name, value in chosen.items() if value != (name == "bias")]
            found[", ".join([family, *marks])] = lambda family=family, chosen=chosen: bounded(family, **chosen)
    return found | {f"elman, {name}": lambda name=name: sg.models.elman(name) for name in ACTIVATIONS}


def bounded(family: str, **options: Any) -> Any:
    """A model of the catalogue, with a range for each state where it has no bound without."""
    model = sg.models.build(family, **options)
    if _has_gated_state(model):
        return model.assuming({state: (-1, 1) for state in model.states})
    return model


def _has_gated_state(model: Any) -> bool:
    """Whether a state stands beside a function of others, so that the Jacobian is bounded only where it is."""
    return any(update.has(sp.HadamardProduct) for update in model.updates.values())


def stack(depth: int) -> Any:
    """Some layers of an LSTM."""
    return sg.stack([bounded("lstm")] * depth)


def typeset(model: Model, norm: Any = 2, method: str = "norm") -> tuple[float, float]:
    """Seconds of the processor to derive a bound, and to typeset the model, its Jacobian, the bound and its proof."""
    begin = time.process_time()
    recurrence = model()
    bound = sg.product_bound(recurrence, norm, method=method)
    derived = time.process_time()
    for page in (recurrence, sg.jacobian(recurrence), bound, bound.proof):
        page.latex()
    return derived - begin, time.process_time() - derived


def in_fresh_process(function: Callable[..., Any], *arguments: Any, repetitions: int = 1) -> list[Any]:
    """What a function gives in a process forked for it, called several times there."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, function, arguments, repetitions))
    process.start()
    theirs.close()
    answer: list[Any] | Exception = ours.recv()
    process.join()
    if isinstance(answer, Exception):
        raise answer
    return answer


def _answer(pipe: Any, function: Callable[..., Any], arguments: tuple[Any, ...], repetitions: int) -> None:
    try:
        pipe.send([function(*arguments) for _ in range(repetitions)])
    except Exception as error:
        pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))


def unrolled_lstm(size: int = RIVAL_SIZE, steps: int = RIVAL_STEPS) -> float:
    """Seconds of the processor that SymPy takes to differentiate an unrolled LSTM of a few units, entry by entry."""
    begin = time.process_time()
    weights = {gate: sp.Matrix(size, size, sp.symbols(f"w{gate}:{size * size}")) for gate in "ifgo"}
    biases = {gate: sp.Matrix(size, 1, sp.symbols(f"b{gate}:{size}")) for gate in "ifgo"}
    start = sp.Matrix(2 * size, 1, sp.symbols(f"x:{2 * size}"))
    h, c = start[:size, :], start[size:, :]
    for _ in range(steps):
        inner = {gate: weights[gate] * h + biases[gate] for gate in "ifgo"}
        i, f, o = (inner[gate].applyfunc(lambda x: 1 / (1 + sp.exp(-x))) for gate in "ifo")
        c = f.multiply_elementwise(c) + i.multiply_elementwise(inner["g"].applyfunc(sp.tanh))
        h = o.multiply_elementwise(c.applyfunc(sp.tanh))
    jacobian = h.col_join(c).jacobian(start)
    assert sp.sqrt(sum(entry**2 for entry in jacobian)).free_symbols
    return time.process_time() - begin


def sized(size: int | None) -> Any:
    """An Elman network whose size is a symbol or a number."""
    n = sp.Symbol("n", positive=True, integer=True) if size is None else sp.Integer(size)
    h, u, b = (sp.MatrixSymbol(name, n, 1) for name in "hub")
    W, U = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("U", n, n)
    return sg.Recurrence({h: sg.activation("tanh")(W * h + U * u + b)}, inputs=[u])


def value_at(model: Model, weights: tuple[str, ...], k: int) -> float:
    """Seconds of the value of a bound at k for 64 x 64 weights, once these have been enclosed."""
    series = sg.product_bound(model()).with_weights(dict.fromkeys(weights, np.eye(64) / 9))
    begin = time.perf_counter()
    series.at(k)
    return time.perf_counter() - begin


def cases() -> Iterator[tuple[str, Model, Any, str, float]]:
    """(name, model, norm, method, seconds aimed at) of all that is derived and typeset."""
    for name, model in zoo().items():
        for norm in NORMS:
            yield f"{name}, norm {norm}", model, norm, "norm", ALLOWED
    for depth in DEPTHS:
        allowed = ALLOWED if depth <= 2 else ALLOWED_STACK * max(1, depth / 4) ** 2  # blocks: the square of the depth
        yield f"stack of {depth} lstm", lambda depth=depth: stack(depth), 2, "norm", allowed
    for method in METHODS[1:]:
        yield f"lstm, method {method}", lambda: bounded("lstm"), 2, method, ALLOWED
        yield f"stack of 4 lstm, method {method}", lambda: stack(4), 2, method, ALLOWED_STACK


def figures(quick: bool = False) -> list[Figure]:
    """Derivations against their targets in seconds, the LSTM also against SymPy; growth with n and with k."""
    return list(measured(quick))


def measured(quick: bool) -> Iterator[Figure]:
    """The same, one after the other; several runs where a model takes a fraction of a second."""
    repetitions = 1 if quick else 3
    for name, model, norm, method, allowed in cases():
        if quick and norm != 2:
            continue
        count = repetitions if (norm, method) == (2, "norm") and allowed == ALLOWED else 1
        runs = [in_fresh_process(typeset, model, norm, method, repetitions=2) for _ in range(count)]
        first, again = ([sum(run[turn]) for run in runs] for turn in (0, 1))
        derived = statistics.median(run[0][0] for run in runs)
        note = f"{derived:.3f} s of it to derive; again in the same process {statistics.median(again):.3f} s"
        yield Figure("derive", name, first, allowed=allowed, note=note)
    yield from (*_against_sympy(repetitions), *_over_sizes(repetitions), *_over_steps(repetitions))


def _against_sympy(repetitions: int) -> list[Figure]:
    ours = [sum(in_fresh_process(typeset, lambda: bounded("lstm"))[0]) for _ in range(repetitions)]
    rival = in_fresh_process(unrolled_lstm)
    name = f"SymPy, entry by entry, n = {RIVAL_SIZE}, k = {RIVAL_STEPS}"
    return [Figure("derive", "lstm, any n and k", ours, name, rival, 10.0, "the rival does not typeset")]


def _over_sizes(repetitions: int) -> list[Figure]:
    times: dict[str, list[float]] = {name: [] for name in SIZES}
    for _ in range(repetitions):
        for name, size in SIZES.items():
            times[name].append(sum(in_fresh_process(typeset, lambda size=size: sized(size))[0]))
    (first, before), *others = times.items()
    return [Figure("derive", f"elman, {name}", found, first, before, FLAT) for name, found in others]


def _over_steps(repetitions: int) -> list[Figure]:
    models = {
        "elman": (sg.models.elman, ("W",)),
        "lstm": (lambda: bounded("lstm"), tuple(f"W_h{gate}" for gate in "ifgo")),
    }
    found = []
    for name, (model, weights) in models.items():
        times = {
            k: [min(in_fresh_process(value_at, model, weights, k, repetitions=3)) for _ in range(repetitions)]
            for k in STEPS
        }
        for k in STEPS[1:]:
            found.append(Figure("derive", f"{name}, value at k = {k}", times[k], "k = 1", times[STEPS[0]], FLAT / 2))
    return found


def profile(name: str) -> None:
    """Print the functions that take most time of their own when one model is derived and typeset the first time."""
    known = zoo() | {f"stack of {depth} lstm": lambda depth=depth: stack(depth) for depth in DEPTHS}
    if name not in known:
        raise SystemExit(f"--profile: one of {', '.join(known)} is needed, got {name!r}")
    profiler = cProfile.Profile()
    profiler.runcall(typeset, known[name])
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(20)


def main() -> None:
    """Print a row for every case: median seconds, what is aimed at, and notes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one run of each model, for one norm")
    parser.add_argument("--profile", metavar="MODEL", help="print where the time of one model goes instead")
    arguments = parser.parse_args()
    if arguments.profile is not None:
        return profile(arguments.profile)
    begin = time.perf_counter()
    print(f"{'case':<48} {'seconds':>8} {'aim':>6} {'rival/ours':>10}  note")
    for figure in measured(arguments.quick):
        aim = "" if figure.allowed is None else f"{figure.allowed:.1f}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        note = "; ".join(part for part in (figure.rival and f"rival: {figure.rival}", figure.note) if part)
        missed = "" if figure.met in (True, None) else "  MISSED"
        print(f"{figure.case:<48} {_median(figure):8.4f} {aim:>6} {ratio:>10}  {note}{missed}", flush=True)
    print(f"({time.perf_counter() - begin:.0f} s in all)")


def _median(figure: Figure) -> float:
    seconds = figure.seconds
    return float(seconds) if isinstance(seconds, int | float) else statistics.median(seconds)


if __name__ == "__main__":
    main()
