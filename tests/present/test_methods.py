"""Bounds of every method in print: text, LaTeX that compiles, data, numbers put in, lemmas, boxes and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.present import latex, text, to_dict, with_numbers
from symgrad.present.documents import body, page
from tests.present.test_standalone import unseen
from tests.present.test_structure import faults
from tests.present.typesetting import complaints, typeset
from tests.present.zoo import FAMILIES, zoo

METHODS = ("range", "perron", "diagonal", "quadratic", "best")
SHARED = [name for name in FAMILIES if zoo(name).depth is None]
NEW = ["three states", "greek", "scalars", "peephole", "orthogonal", "powers in names", "long numbers"]
s, t, a = sp.symbols("s t a", real=True)
SCALARS = sg.Recurrence({s: sp.tanh(a * s + t / 2) / 2, t: sp.sin(s) / 3})


def named(name: str) -> sg.Recurrence:
    return zoo(name) if name in FAMILIES else unseen()[name]


def weights_of(model: sg.Recurrence, size: int = 2) -> dict[str, Any]:
    random = np.random.default_rng(0)
    sizes = dict.fromkeys(model.sizes, size)
    shapes = {
        p: () if isinstance(p, sp.Symbol) else tuple(int(d.xreplace(sizes)) for d in p.shape) for p in model.parameters
    }
    drawn = {str(p): 0.3 * random.standard_normal(shape) for p, shape in shapes.items()}
    return {key: value.reshape(-1) if value.shape[1:] == (1,) else value for key, value in drawn.items()}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["elman", pytest.param("lstm", marks=pytest.mark.slow), "scalars"])
def test_text_latex_and_data_are_well_formed(name: str, method: str) -> None:
    bound = sg.product_bound(named(name), method=method)
    for item in (bound, bound.tightened(0.9), bound.proof, bound.box, *bound.criteria):
        assert text(item).isascii()
        assert text(item).strip() == text(item)
        assert faults(latex(item)) == []
        data = to_dict(item)
        assert json.loads(json.dumps(data, allow_nan=False)) == data
    data = to_dict(bound)
    assert data["method"] == method
    assert set(data["box"]) == {str(state) for state in bound.box.ranges}


def test_the_least_of_all_bounds_says_what_it_is_made_of() -> None:
    assert text(sg.product_bound(sg.models.elman(), method="best")) == (
        "||J[t]*J[t-1]*...*J[t-k+1]||_2 <= min(kappa_2(|W|)*rho(|W|)**k, C*gamma**k, ||W||_2**k)\n"
        "kappa_2(|W|) = max(sqrt(w/v))/min(sqrt(w/v)), |W|*v = rho(|W|)*v, w'*|W| = rho(|W|)*w'\n"
        "||S*J[t]*S**-1||_2 <= gamma, C = cond(S), diagonal S, found for given weights\n"
        "J[t]'*P*J[t] <= gamma**2*P, C = sqrt(cond(P)), positive definite P, found for given weights\n"
        "each entry of h[0] in [-1, 1]"
    )


def test_a_long_matrix_of_moduli_gets_a_letter() -> None:
    written = text(sg.product_bound(sg.models.gru(), "inf", method="perron"))
    assert "kappa_inf(N) = max(v)/min(v), N*v = rho(N)*v" in written
    assert written.count("|W_hr|") == 1


def test_blocks_of_numbers_are_numbers() -> None:
    assert "N = [[|a|/2, 1/4], [1/3, 0]]" in text(sg.product_bound(SCALARS, method="perron"))


def test_letters_of_the_model_are_not_taken() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    x, C, S, N, v = (
        sp.MatrixSymbol(name, n, width) for name, width in (("x", 1), ("C", n), ("S", n), ("N", n), ("v", n))
    )
    model = sg.Recurrence({x: sg.activation("tanh")((C + S) * x) + (N + v) * x / 4})
    written = text(sg.product_bound(model, method="best"))
    assert "K*gamma**k" in written
    assert "kappa_2(A)*rho(A)**k" in written
    assert "||D*J[t]*D**-1||_2" in written


def test_numbers_follow_the_formula() -> None:
    weights = {"W": [[0.5, 0.25], [0.25, 0.5]]}
    bound = sg.product_bound(sg.models.elman(), method="perron")
    assert bound.text(weights=weights).splitlines()[1] == " <= 0.75**k"
    assert bound.text(weights=weights, k=3).splitlines()[1] == " <= 0.4219"
    assert "[[0.5, 0.25], [0.25, 0.5]]" in bound.proof.text(weights=weights, k=3)


@pytest.mark.parametrize("method", [m if m == "perron" else pytest.param(m, marks=pytest.mark.slow) for m in METHODS])
def test_numbers_in_a_proof_are_those_of_the_bound(method: str) -> None:
    model = sg.models.gru()
    weights = weights_of(model)
    bound = sg.product_bound(model, method=method)
    value = bound.evaluate(weights, 6)
    written = bound.proof.text(weights=weights, k=6).replace("\n", " ")
    digits = bound.text(weights=weights, k=6).split("<= ")
    assert any(abs(float(part.split()[0]) / value - 1) < 1e-3 for part in digits if part[:1].isdigit())
    assert "(k = 6)" in " ".join(written.split())


def test_the_lemma_stands_before_the_bound() -> None:
    proof = sg.product_bound(sg.models.gru(), method="perron").proof
    written = text(proof)
    lemma = "Lemma, one step maps the box of states into itself: each entry of h[t] in [-1, 1]"
    assert written.startswith(lemma)
    assert written.index("Bound, for states in the box") > written.index(lemma)
    assert "convex combination" in written.split("Bound, for states in the box")[0]
    assert to_dict(proof)["lemmas"][0]["steps"]
    assert body(proof).index("Lemma") < body(proof).index("Bound, for states in the box")


def test_boxes_are_written_with_their_ends_rounded_outwards() -> None:
    model = sg.models.elman("tanh").assuming({"u": (-1, 1)})
    units = sg.invariant_box(model).with_weights({"W": [[0.1]], "U": [[1.0]], "b": [0.0]})
    (low,), (high,) = units.ranges[model.states[0]].low, units.ranges[model.states[0]].high
    line = text(units).splitlines()[0]
    assert line.startswith("(h[t])_1 in [")
    ends = [float(end) for end in line.partition("[-")[2].rstrip("]").split(", ")]
    assert -ends[0] <= low.item() < 0 < high.item() <= ends[1]
    assert to_dict(units)["invariant"] is True
    assert faults(latex(units)) == []
    axes = units.plot()
    assert axes.get_xlabel() == "unit"
    assert text(sg.invariant_box(sg.models.irnn())) == "no range is known of the states of irnn"


@pytest.mark.parametrize("method", ["perron", "best"])
def test_pictures_show_the_bound_above_what_trajectories_reach(method: str) -> None:
    weights = {"W": 0.4 * np.ones((2, 2)), "U": np.eye(2), "b": np.zeros(2)}
    axes = sg.product_bound(sg.models.elman(), method=method).plot(weights, horizon=12, trajectories=3)
    bound, observed = (line.get_ydata() for line in axes.get_lines()[:2])
    assert (np.asarray(observed) <= np.asarray(bound) * (1 + 1e-9)).all()


def pages(names: list[str], norms: tuple[Any, ...], methods: tuple[str, ...]) -> str:
    parts = []
    for name in names:
        for norm in norms:
            for method in methods:
                bound = sg.product_bound(named(name), norm, method=method)
                parts += [body(bound), body(bound.proof), body(bound.box)]
    return page("\n\\clearpage\n".join(parts))


@pytest.mark.slow
def test_long_bounds_and_their_proofs_compile(tmp_path: Path) -> None:
    model = sg.models.gru()
    numbers = body(with_numbers(sg.product_bound(model, method="best").proof, weights_of(model), 4))
    source = pages(["lstm", "scalars"], (2,), ("best",)).replace(r"\end{document}", numbers + "\n\\end{document}")
    assert complaints(typeset(source, tmp_path)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SHARED, *NEW])
def test_every_method_of_every_model_compiles(name: str, tmp_path: Path) -> None:
    assert complaints(typeset(pages([name], (1, 2, "inf"), METHODS), tmp_path)) == []


def test_a_report_is_about_the_method_asked_for(tmp_path: Path) -> None:
    bound = sg.product_bound(sg.models.gru(), method="perron")
    by_bound, by_name = (tmp_path / name for name in ("bound.md", "model.md"))
    sg.report(bound, by_bound)
    sg.report(sg.models.gru(), by_name, norms=(2,), method="perron")
    written = by_bound.read_text()
    assert written == by_name.read_text()
    assert r"\kappa_{2}" in written
    assert "Lemma, one step maps the box of states into itself" in written
    assert r"\rho\left(N\right) + 1 > 1" in written
    with pytest.raises(sg.UnknownNameError, match="method"):
        sg.report(sg.models.gru(), tmp_path / "other.md", method="perrin")
