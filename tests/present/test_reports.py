"""Reports: complete, compiled by pdflatex, read as Markdown, and errors in one line."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from tests.present.test_standalone import unseen
from tests.present.typesetting import complaints, typeset
from tests.present.zoo import FAMILIES, zoo

SECTIONS = ["Model", "Jacobian", "Backpropagation", "above", "below", "Gradient"]


def weights(model: sg.Recurrence, seed: int = 0) -> dict[str, Any]:
    """Random parameters for states of size 2."""
    random = np.random.default_rng(seed)
    found: dict[str, Any] = {}
    for symbol in model.parameters:
        shape = () if isinstance(symbol, sp.Symbol) else symbol.subs(dict.fromkeys(model.sizes, 2)).shape
        found[str(symbol)] = random.uniform(0.1, 0.4, size=[int(size) for size in shape])
    return found


def headings(page: str) -> list[str]:
    return re.findall(r"^## \d+\. (.*)$", page, re.MULTILINE)


def test_a_report_in_markdown_says_everything(tmp_path: Path) -> None:
    model = sg.models.sigmoid_rnn().assuming({"u": (-1, 1)})
    path = sg.report(model, tmp_path / "out.md", weights(model), horizon=7, trajectories=3)
    page = path.read_text(encoding="utf-8")
    for section, word in zip(headings(page), SECTIONS, strict=False):
        assert word in section
    assert headings(page)[-2:] == ["Bounds from above: proof in the norm 2", "Numbers"]
    assert page.count("$$") % 2 == 0
    assert not re.search(r"\\[,;!{}]", page.replace(r"\\{", "").replace(r"\\}", "")[: page.index("below")])
    picture = re.search(r"!\[.*\]\((.*)\)", page)
    assert picture is not None
    assert (tmp_path / picture[1]).read_bytes().startswith(b"\x89PNG")
    rows = re.findall(r"^\| (\d+) \| ([^|]*) \|", page, re.MULTILINE)
    assert [int(k) for k, _ in rows] == [1, 2, 5, 7]
    total = sg.gradient_bound(model).evaluate(weights(model), 7)
    factor = re.search(r"&\\le ([0-9.]+) \\left\\lVert \\nabla_", page)
    assert factor is not None
    assert total <= float(factor[1]) <= total * 1.002
    bound = sg.product_bound(model)
    for k, written in rows:
        exact = bound.evaluate(weights(model), int(k))
        assert exact <= float(written) <= exact * 1.002


def test_a_missing_range_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    page = sg.report(sg.models.lstm(), tmp_path / "out.md").read_text(encoding="utf-8")
    assert "declare the range with model.assuming" in page
    assert len(headings(page)) == len(SECTIONS)


def test_a_bound_stands_for_its_norm(tmp_path: Path) -> None:
    page = sg.report(sg.product_bound(sg.models.elman(), "inf"), tmp_path / "out.md").read_text(encoding="utf-8")
    assert "norm inf" in page
    assert "norm 2" not in page


def test_a_claim_is_not_reported_as_a_theorem(tmp_path: Path) -> None:
    claim = sg.product_bound(sg.models.elman()).tightened(0.5)
    with pytest.raises(sg.InputError, match="claim"):
        sg.report(claim, tmp_path / "out.md")


def test_weights_of_the_bound_alone_give_a_table_and_a_plot(tmp_path: Path) -> None:
    page = sg.report(sg.models.elman(), tmp_path / "a b_c.tex", {"W": np.eye(2) / 2}).read_text(encoding="utf-8")
    assert "No trajectories are simulated: " in page
    assert (tmp_path / "a-b-c-bound.pdf").exists()
    assert complaints(typeset(page, tmp_path)) == []


def test_a_report_of_layers(tmp_path: Path) -> None:
    model = sg.models.feedforward(2)
    layers = {"W": [np.eye(2) / 2, np.eye(2)], "b": [np.zeros(2), np.ones(2)]}
    page = sg.report(model, tmp_path / "out.tex", layers).read_text(encoding="utf-8")
    assert complaints(typeset(page, tmp_path)) == []


def test_a_report_as_pdf(tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        typeset("", tmp_path)
    model = sg.models.leaky(0.5)
    path = sg.report(model, tmp_path / "out.pdf", weights(model), horizon=5, trajectories=2)
    assert path.read_bytes().startswith(b"%PDF")
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.pdf"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FAMILIES, "powers in names", "linear", "long numbers", "three states"])
def test_the_report_of_every_model_compiles(name: str, tmp_path: Path) -> None:
    model = zoo(name) if name in FAMILIES else unseen()[name]
    given = None if model.depth is not None else weights(model)
    page = sg.report(model, tmp_path / "out.tex", given, horizon=5, trajectories=2).read_text(encoding="utf-8")
    assert complaints(typeset(page, tmp_path)) == []


def test_bad_input_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = sg.models.elman()
    cases: list[tuple[Any, str, dict[str, Any], str]] = [
        (3, "out.md", {}, "obj: a recurrence or a bound is needed, got int"),
        (model, "out.doc", {}, r"ending of a report '.doc'.*\.md"),
        (model, "nowhere/out.md", {}, "path: there is no folder"),
        (model, "out.md", {"norms": ()}, "norms: at least one"),
        (model, "out.md", {"norms": (3,)}, "norm"),
        (model, "out.md", {"horizon": 0}, "horizon: "),
        (model, "out.md", {"trajectories": -1}, "trajectories: "),
        (model, "out.md", {"horizon": True}, "horizon: "),
        (model, "out.md", {"weights": {"V": np.eye(2)}}, "V"),
        (model, "out.md", {"weights": 3}, "weights: "),
    ]
    for obj, name, options, message in cases:
        with pytest.raises(sg.SymgradError, match=message):
            sg.report(obj, tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(sg.SymgradError, match="pdflatex, which is not installed"):
        sg.report(model, tmp_path / "out.pdf")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(sg.SymgradError, match=r"jinja2.*report"):
        sg.report(model, tmp_path / "out.md")


def test_what_the_fonts_of_pdflatex_lack_is_told_by_code_points(tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        typeset("", tmp_path)
    n = sp.Symbol("n", integer=True, positive=True)
    W, state = sp.MatrixSymbol("W", n, n), sp.MatrixSymbol("状", n, 1)
    assert sg.report(sg.Recurrence({state: W * state}), tmp_path / "out.pdf").read_bytes().startswith(b"%PDF")


def test_an_error_of_pdflatex_comes_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = tmp_path / "pdflatex"
    failing.write_text("#!/bin/sh\necho '! No room for a new count.'\nexit 1\n", encoding="utf-8")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(sg.SymgradError, match=r"pdflatex failed: No room for a new count\."):
        sg.report(sg.models.elman(), tmp_path / "out.pdf")
    assert not (tmp_path / "out.pdf").exists()
