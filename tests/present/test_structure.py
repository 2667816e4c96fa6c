"""LaTeX is well formed for every model, norm, activation and odd name; data fits JSON; every result has both."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.present import latex, text, to_dict
from symgrad.presentable import Presentable
from tests.present.typesetting import complaints, typeset
from tests.present.zoo import FAMILIES, zoo

n, m = sp.symbols("n m", integer=True, positive=True)
Make = Callable[[], object]
PRODUCT_BOUNDED = [name for name in sg.activation_names() if sg.activation(name).slope.is_bounded]


def odd_names() -> sg.Recurrence:
    """Names with everything that means something to LaTeX, or looks like our own names."""
    W, J, G = sp.MatrixSymbol("W_{rec}^a", n, n), sp.MatrixSymbol("J", n, n), sp.MatrixSymbol("G", n, n)
    first, second = sp.MatrixSymbol(r"\hat{h}_1", n, 1), sp.MatrixSymbol("x_1__2", n, 1)
    u, a = sp.MatrixSymbol("in & out #1 50%", n, 1), sp.MatrixSymbol("a", n, 1)
    slope = sg.Activation("my_f%", sp.tanh(sp.Symbol("s")) / 2)
    inner = W * first + J * u + a
    return sg.Recurrence(
        {first: slope(inner) + G * second, second: sg.hadamard(slope(inner), slope(second))}, inputs=[u]
    ).assuming({second: (-1, sp.Rational(1, 3))})


def numeric() -> sg.Recurrence:
    W = sp.Matrix([[sp.Rational("0.12345678901234567890123"), -2], [0.1, sp.sqrt(2)]])
    h = sp.MatrixSymbol("h", 2, 1)
    return sg.Recurrence({h: W * sg.activation("selu")(h) + sp.Matrix([1, 2])})


def results() -> Iterator[tuple[str, Make]]:
    """Everything that can be typeset, with a name for the test; made only when it is asked for."""
    models = {name: cache(partial(zoo, name)) for name in FAMILIES}
    models |= {"odd names": cache(odd_names), "numeric": cache(numeric)}
    for name, model in models.items():
        yield f"{name}: model", model
        yield f"{name}: jacobian", lambda model=model: sg.jacobian(model())
        for norm in (1, 2, "inf"):
            bound = cache(lambda model=model, norm=norm: sg.product_bound(model(), norm))
            yield f"{name}: bound {norm}", bound
            yield f"{name}: claim {norm}", lambda bound=bound: bound().tightened(0.99)
            yield f"{name}: proof {norm}", lambda bound=bound: bound().proof
    for name in PRODUCT_BOUNDED:
        yield f"{name}: bound", lambda name=name: sg.product_bound(sg.models.elman(name))
    for name in sg.activation_names():
        yield f"{name}: activation", partial(sg.activation, name)


@cache
def linear_bound() -> sg.Bound:
    return sg.product_bound(sg.models.elman("identity"))


@cache
def check(factor: float) -> sg.Check:
    weights = {"W": np.eye(2), "U": np.zeros((2, 1)), "b": np.zeros(2)}
    claim = linear_bound() if factor == 1 else linear_bound().tightened(factor)
    return sg.verify(claim, weights, horizon=12, trajectories=4)


RESULTS: dict[str, Make] = dict(results())
CHECKED: dict[str, Make] = {
    "check true": lambda: check(1),
    "check false": lambda: check(0.99),
    "witness": lambda: check(0.99).witness,
    "audit": lambda: linear_bound().proof.audit(instances=1),
}
TYPESET = [name for name in RESULTS | CHECKED if name != "audit"]


@cache
def result(name: str) -> object:
    return (RESULTS | CHECKED)[name]()


def faults(formula: str) -> list[str]:
    """What would stop LaTeX: braces, brackets and environments out of balance, bare signs, double scripts."""
    found, stack = [], []
    tokens = re.findall(r"\\begin\{\w+\}|\\end\{\w+\}|\\left|\\right|\\.|[{}#%$]", formula.replace("\n", " "))
    pairs = {"}": "{", r"\right": r"\left"}
    for token in tokens:
        opener = pairs.get(token, token.replace(r"\end", r"\begin") if token.startswith(r"\end") else None)
        if opener is not None:
            if not stack or stack.pop() != opener:
                found.append(f"{token} closes nothing")
        elif token in ("{", r"\left") or token.startswith(r"\begin"):
            stack.append(token)
        elif token in "#%$":
            found.append(f"bare {token}")
    double = re.findall(r"(?:_\{[^{}]*\}\s*_|\^\{[^{}]*\}\s*[\^'])", formula)
    return found + [f"{item} is never closed" for item in stack] + [f"double script {item}" for item in double]


@pytest.mark.parametrize("name", TYPESET)
def test_the_latex_is_well_formed(name: str) -> None:
    assert faults(latex(result(name))) == []


@pytest.mark.parametrize(
    "formula",
    ["{a", "a}", r"\left(a", r"\begin{aligned}a\end{array}", "50%", "a_{1}_{2}", "W^{2}^{T}", "f^{2}'", r"{\left(}"],
)
def test_the_checker_sees_what_is_not_well_formed(formula: str) -> None:
    assert faults(formula)


@pytest.mark.parametrize("name", RESULTS | CHECKED)
def test_the_text_is_plain_ascii(name: str) -> None:
    written = text(result(name))
    assert written.isascii()
    assert written.strip() == written


@pytest.mark.parametrize("name", RESULTS | CHECKED)
def test_the_data_fits_json(name: str) -> None:
    data = to_dict(result(name))
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["kind"]


def subclasses(kind: type) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_presentable_class_has_all_three_answers() -> None:
    for module in walk_packages(sg.__path__, "symgrad."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    own = [kind for kind in subclasses(Presentable) if kind.__module__.startswith("symgrad.")]
    assert len(own) >= 6
    for generic in (latex, text, to_dict):
        default = generic.dispatch(object)
        assert [kind.__name__ for kind in own if generic.dispatch(kind) is default] == []


def test_results_answer_by_themselves() -> None:
    bound = sg.product_bound(sg.models.elman())
    assert str(bound) == text(bound)
    assert bound.latex() == latex(bound)
    assert bound.to_dict() == to_dict(bound)
    assert bound._repr_latex_() == f"$\\displaystyle {latex(bound)}$"
    assert "$" not in latex(bound.proof), "a dollar inside would end the formula that notebooks put around it"


@pytest.mark.parametrize("generic", [latex, text, to_dict])
def test_what_cannot_be_presented_is_refused(generic: object) -> None:
    with pytest.raises(sg.InputError, match="obj: dict cannot be presented; accepted are models"):
        generic({})


PAGE = r"""\documentclass{article}\usepackage{amsmath}
\usepackage[paperwidth=230mm,paperheight=600mm,margin=10mm]{geometry}
\begin{document}%s\end{document}"""


@pytest.mark.slow
def test_latex_compiles_and_fits_the_page(tmp_path: Path) -> None:
    formulas = "\n".join(rf"\[{latex(result(name))}\] \newpage" for name in TYPESET)
    inline = "\n".join(rf"$\displaystyle {latex(result(name))}$ \newpage" for name in TYPESET)
    log = typeset(PAGE % (formulas + inline), tmp_path)
    assert complaints(log) == []
    assert "Overfull \\hbox" not in log
