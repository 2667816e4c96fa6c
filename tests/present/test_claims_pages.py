"""Checked claims and counter-examples as documents: they compile, and nothing leaves the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import symgrad as sg
from symgrad.present.documents import body, page
from tests.present.typesetting import complaints, typeset


def test_claims_and_counter_examples_compile(tmp_path: Path) -> None:
    rotation = np.array([[3.0, -3.0], [3.0, 1.5]])
    matrices = ([[8, -16], [4, -8]], [[1, 2], [2, 1]], rotation, [[0, 1], [0, 0]], np.diag([9.0] * 12))
    searched = [sg.claims.spectral_radius_counterexample(matrix) for matrix in matrices]
    parts = [part for found in searched for part in (found.growth, found.proof) if part is not None]
    claims = [*sg.claims.all(), sg.claims.logistic_rate("gelu"), sg.claims.stable_points(-12, 1)]
    source = page("\n\\clearpage\n".join(body(item) for item in (*claims, *searched, *parts, claims[0].demonstration)))
    assert complaints(typeset(source, tmp_path)) == []
    assert claims[1].latex(standalone=True).startswith(r"\documentclass")
