"""Statements, their derivations and checks in print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad import design
from symgrad.design.statements import StatedResult
from tests.present.typesetting import complaints, typeset


def results() -> Iterator[StatedResult]:
    yield from (design.layer_norm(), design.rms_norm(3, [1, 2, -3], 0.1), design.batch_norm(8, [1, 2]))
    yield design.batch_norm_evaluation([1, 2], [3, 4], 0.1)
    yield from (design.pre_norm(design.layer_norm()), design.post_norm(design.layer_norm(4, 1, 0), std=2))
    yield from (design.clipping(norm=1), design.clipping(value=sp.Symbol("v", positive=True), ratio=4, momentum=0.9))
    yield from (design.loss_factor("(y - t)^2"), design.loss_factor("-log(y)", "hard_sigmoid"))
    yield from (design.saturating_losses(), *design.saturating_losses())
    yield design.truncation(sg.models.sigmoid_rnn().assuming({"u": (-1, 1)}), delta=0.1)
    yield design.spectral_normalisation(sg.models.elman(), radius=0.5)
    yield design.weight_decay(target=0.5)
    yield from (design.orthogonal_initialisation("gelu"), design.identity_initialisation())


RESULTS = list(results())


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.title)
def test_every_result_has_text_data_and_balanced_latex(result: StatedResult) -> None:
    text = str(result)
    assert text.splitlines()[0] == result.title
    assert len(text.splitlines()) == len(result.statements) + 1
    data = result.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert [row["words"] for row in data["statements"]] == [item.words for item in result.statements]
    source = result.latex()
    assert source.count("{") == source.count("}")
    assert source.count(r"\left") == source.count(r"\right")
    assert "Enclosed" not in source
    assert result.derivation.conclusion in [step.relation for step in result.derivation.steps]


@pytest.mark.slow
def test_all_documents_compile(tmp_path: Path) -> None:
    for result in RESULTS:
        assert complaints(typeset(result.latex(standalone=True), tmp_path)) == []


def test_checks_in_print() -> None:
    check = design.clipping(norm=1).verify()
    assert str(check).startswith("clipping by norm: observed in 28 cases")
    assert check.to_dict()["verdict"] == "observed"
    assert r"\text{clipping by norm" in check.latex()
    assert design.Verification("a", "b", ()).holds is False
    assert json.dumps(check.to_dict())


def test_differences_of_matrices_have_one_sign() -> None:
    written = design.layer_norm().latex()
    assert "+ -" not in written
    assert np.all([written.count(r"\hat{x}") > 0, r"I - \frac{1}{n}" in written])
