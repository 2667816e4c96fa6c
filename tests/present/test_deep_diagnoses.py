"""Layer chains, their bounds and their diagnosis in print: text, LaTeX that compiles, JSON and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.language.chain_layers import (
    Affine,
    Entrywise,
    FixedNormalisation,
    ParametricReLU,
    PassThrough,
    Residual,
    Scaling,
    VectorNormalisation,
)
from tests.present.typesetting import complaints, typeset

GELU = sg.activation("gelu")
N = 3


@pytest.fixture(scope="module")
def network() -> tuple[sg.LayerChain, dict[str, Any]]:
    block = Residual(
        "block_1 & <b>",
        N,
        N,
        branch=(VectorNormalisation("n", N, N, 0.1, False), Affine("f", N, N, "f"), Scaling("s", N, N, -0.5)),
    )
    layers = (
        Affine("0", N, N, "w_0$", "b"),
        Entrywise("1", N, N, GELU),
        block,
        ParametricReLU("2", N, N, "a"),
        FixedNormalisation("3", N, N, "m", "v", 1e-3),
        PassThrough("5", N, N, "dropout in evaluation"),
        Scaling("6", N, N, weight="d", offset=1.0, bias="c"),
        Affine("7", N, 2, "u"),
    )
    chain = sg.LayerChain(layers, "net_1 $ & <b>")
    random = np.random.default_rng(0)
    weights = {name: 0.3 * random.standard_normal(shapes[0]) for name, shapes in chain.shapes.items()}
    return chain, weights | {"v": np.ones(N)}


@pytest.fixture(scope="module")
def diagnosis(network: Any) -> sg.DeepDiagnosis:
    return sg.deep_diagnosis(*network)


def test_a_chain_is_one_equation_a_layer(network: Any) -> None:
    chain, _ = network
    lines = str(chain).splitlines()
    assert "x_1 = W_1*x_0 + b_1" in lines[3]
    assert "x_3 = x_2 - 0.5*W_3b2*RMSNorm_3b1(x_2)" in lines[5]
    assert "x_7 = d_7*x_6 + 1 + c_7" in lines[9]
    assert r"\operatorname{GELU}\left(x_{1}\right)" in chain.latex()


def test_everything_is_data_and_text(network: Any, diagnosis: sg.DeepDiagnosis) -> None:
    parts = [
        network[0],
        diagnosis,
        diagnosis.bound,
        diagnosis.measured,
        diagnosis.prediction,
        diagnosis.enclosures[0],
        diagnosis.layers[0],
        diagnosis.layers[1],
    ]
    for part in parts:
        assert json.loads(json.dumps(part.to_dict(), allow_nan=False))
        assert str(part).strip()
        assert part.latex().strip()
    data = diagnosis.to_dict()
    assert (data["kind"], data["outcome"], len(data["layers"])) == ("deep diagnosis", diagnosis.outcome.value, 8)
    assert data["bound"]["log10_upper"][0] == diagnosis.bound.upper().log10


def test_upper_bounds_are_printed_rounded_up(diagnosis: sg.DeepDiagnosis) -> None:
    row = next(line for line in str(diagnosis.bound).splitlines() if line.startswith("0 "))
    assert float(row.split()[-2]) >= float(diagnosis.bound.upper()) * (1 - 1e-12)


@pytest.mark.slow
def test_documents_compile(network: Any, diagnosis: sg.DeepDiagnosis, tmp_path: Path) -> None:
    for place, part in enumerate((network[0], diagnosis)):
        folder = tmp_path / str(place)
        folder.mkdir()
        assert complaints(typeset(part.latex(standalone=True), folder)) == []


def test_pictures_show_every_curve(diagnosis: sg.DeepDiagnosis) -> None:
    axes = diagnosis.plot()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [any(word in label for label in labels) for word in ("measured", "mean field", "at most", "enclosed")] == [
        True,
        bool(np.isfinite(diagnosis.log10_predicted).sum() > 1),
        True,
        True,
    ]
    assert axes.get_xlabel().startswith("layer")
    assert diagnosis.bound.plot().get_xlabel() == "layer $l$"


def test_deep_chains_show_some_rows_and_say_so() -> None:
    layers = tuple(Affine(str(i), 1, 1, "w") for i in range(100))
    found = sg.deep_diagnosis(sg.LayerChain(layers), {"w": [[0.5]]}, remedies=False)
    assert "40 of 101 rows are shown" in str(found)
    assert len(found.to_dict()["layers"]) == 100


def test_reports_on_chains_hold_the_proof(network: Any, diagnosis: sg.DeepDiagnosis, tmp_path: Path) -> None:
    chain, weights = network
    for subject, options in ((diagnosis.bound, {}), (chain, {"weights": weights}), (chain, {})):
        page = tmp_path / "chain.html"
        sg.report(subject, page, **options)
        written = page.read_text(encoding="utf-8")
        assert "<math" in written
        assert "<b>" not in written
        assert ("submultiplicativity" in written) == (subject is not chain or bool(options))
