"""Standalone documents compile with pdflatex, break over lines and pages, and stay within the margins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.present.documents import body, page
from tests.present.typesetting import complaints, typeset
from tests.present.zoo import FAMILIES, zoo

n = sp.Symbol("n", integer=True, positive=True)


def within(model: sg.Recurrence, high: float = 1) -> sg.Recurrence:
    """The model with ranges for all that has none."""
    free = [symbol for symbol in (*model.states, *model.inputs) if symbol not in model.ranges]
    return model.assuming({symbol: (-high, high) for symbol in free})


def derivations(model: sg.Recurrence, norms: tuple[object, ...] = (2,)) -> Iterator[object]:
    """All that can be typeset of one model."""
    yield from (model, sg.jacobian(model), sg.unroll(model))
    for norm in norms:
        for side in ("upper", "lower"):
            try:
                bound = sg.product_bound(model, norm, side=side)
            except sg.NoBoundError:
                continue
            yield from (bound, bound.proof, bound.tightened(0.99))
        try:
            gradient = sg.gradient_bound(within(model), norm=norm)
        except (sg.NoBoundError, sg.InputError):
            continue
        yield from (gradient, gradient.proof)


def unseen() -> dict[str, sg.Recurrence]:
    """Models outside of the catalogue, among them wide and awkward ones."""
    W, V = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("V_{rec}", n, n)
    first, second, third = (sp.MatrixSymbol(name, n, 1) for name in ("alpha", r"\hat{h}_1", "a very long name"))
    tanh, sigmoid = sg.activation("tanh"), sg.activation("sigmoid")
    longest = sum((tanh(sp.Rational(i, 7) * W * first + V * second) for i in range(1, 12)), W * first)
    x, y = sp.symbols("x y")
    return {
        "three states": sg.Recurrence(
            {first: tanh(W * first + third), second: sg.hadamard(sigmoid(V * third), second), third: tanh(longest)}
        ).assuming({first: (-1, 1), second: (-1, 1), third: (-3, 3)}),
        "greek": sg.Recurrence({sp.MatrixSymbol("αβ_Ω", n, 1): tanh(W * sp.MatrixSymbol("αβ_Ω", n, 1))}),
        "scalars": sg.Recurrence({x: sp.tanh(x + y) / 2, y: sp.sin(x) * sp.exp(-(y**2))}).assuming({y: (-2, 2)}),
        "peephole": sg.models.lstm(peephole=True).assuming({"c": (-16, 16)}),
        "coupled": sg.models.lstm(coupled=True).assuming({"c": (-16, 16)}),
        "two LSTMs": sg.stack([sg.models.lstm()] * 2).assuming({"c_l0": (-16, 16), "c_l1": (-16, 16)}),
        "two GRUs": sg.stack([sg.models.gru()] * 2).assuming({"h_l0": (-1, 1), "h_l1": (-1, 1)}),
        "orthogonal": sg.models.leaky(0.3, "leaky_relu").assuming({"W": sg.orthogonal}),
        "powers in names": sg.Recurrence(
            {
                sp.MatrixSymbol("x_1__2", n, 1): tanh(W * sp.MatrixSymbol("x_1__2", n, 1))
                + V * sp.MatrixSymbol("é", n, 1),
                sp.MatrixSymbol("é", n, 1): sp.MatrixSymbol("in & out 50% #1", n, n) * sp.MatrixSymbol("é", n, 1) / 3,
            }
        ),
        "linear": sg.models.elman("identity"),
        "long numbers": sg.models.elman("selu"),
        "three layers": sg.models.feedforward(3, "softplus"),
    }


def pages(models: dict[str, sg.Recurrence], norms: tuple[object, ...]) -> str:
    parts = [body(item) for model in models.values() for item in derivations(model, norms)]
    return page("\n\\clearpage\n".join(parts))


@pytest.mark.slow
def test_wide_and_awkward_derivations_compile(tmp_path: Path) -> None:
    names = ("three states", "greek", "scalars", "three layers", "orthogonal")
    models = {name: unseen()[name] for name in names} | {"lstm": zoo("lstm"), "gru": zoo("gru")}
    assert complaints(typeset(pages(models, (2,)), tmp_path)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FAMILIES, *unseen()])
def test_every_derivation_compiles(name: str, tmp_path: Path) -> None:
    model = zoo(name) if name in FAMILIES else unseen()[name]
    assert complaints(typeset(pages({name: model}, (1, 2, "inf")), tmp_path)) == []


def test_every_kind_of_result_is_a_document(tmp_path: Path) -> None:
    model = sg.models.elman()
    bound = sg.product_bound(model)
    weights = {"W": 0.5 * np.eye(2), "U": np.eye(2), "b": np.zeros(2)}
    check = sg.verify(bound, weights, horizon=3, trajectories=2)
    refuted = sg.verify(bound.tightened(0.01), weights, horizon=3, trajectories=2)
    assert refuted.witness is not None
    results = [model, sg.jacobian(model), bound, bound.proof, bound.criteria[0], check, refuted.witness]
    results += [bound.proof.audit(2), sg.unroll(model), sg.gradient_bound(within(model))]
    for item in results:
        source = item.latex(standalone=True)
        assert source.startswith(r"\documentclass")
        assert source.rstrip().endswith(r"\end{document}")
        assert source.count(r"\begin{document}") == 1
        assert complaints(typeset(source, tmp_path)) == [], type(item).__name__


def test_a_long_proof_breaks_over_pages(tmp_path: Path) -> None:
    log = typeset(sg.product_bound(zoo("lstm")).proof.latex(standalone=True), tmp_path)
    assert complaints(log) == []
    assert "Overfull \\vbox" not in log
    assert "(3 pages" in log


def test_complaints_are_found(tmp_path: Path) -> None:
    wide = typeset(page(r"\noindent\rule{25cm}{1pt}"), tmp_path)
    assert any("Overfull" in line for line in complaints(wide))
    assert complaints(typeset(page(r"\unheardof"), tmp_path))


def test_a_notebook_gets_display_mathematics_only() -> None:
    bound = sg.product_bound(zoo("lstm"))
    assert "document" not in bound.latex()
    assert bound._repr_latex_() == f"$\\displaystyle {bound.latex()}$"
