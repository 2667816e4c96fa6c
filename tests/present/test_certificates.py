"""Certificates of rates in print: LaTeX, text and data that JSON holds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from symgrad.bounds.diagonal_scaling import diagonal_certificate
from symgrad.bounds.perron_scaling import perron_certificate
from symgrad.bounds.quadratic import quadratic_certificate
from symgrad.present.certificates import named_norm
from tests.bounds.slope_forms import elman

MAKERS = {"perron": perron_certificate, "diagonal": diagonal_certificate, "quadratic": quadratic_certificate}


@pytest.mark.parametrize("kind", MAKERS)
def test_text_latex_and_data_say_the_same(kind):
    certificate = MAKERS[kind](elman([[0.3, 0.8], [-0.2, 0.3]]))
    data = json.loads(json.dumps(certificate.to_dict()))
    assert data["method"] == kind
    assert data["rate"] == certificate.rate
    assert np.array_equal(np.array(data["scaling"]), certificate.scaling)
    assert all(data["constants"][name] >= float(certificate.constants[p]) for name, p in (("1", 1.0), ("2", 2.0)))
    shown = str(certificate).split("C_p*")[1].split("**")[0]
    assert certificate.rate <= float(shown) <= certificate.rate * (1 + 1e-5)
    assert named_norm(certificate) in str(certificate)
    source = certificate.latex()
    assert shown in source
    assert source.count("{") == source.count("}")
    assert source.count(r"\begin") == source.count(r"\end")


def test_a_rate_is_never_rounded_down_in_print():
    certificate = perron_certificate(elman([[1 / 3, 0.0], [0.0, 0.1]]))
    rate = str(certificate).split("C_p*")[1].split("**")[0]
    assert certificate.rate <= float(rate) <= certificate.rate * (1 + 1e-5)


def test_what_vanishes_says_so():
    certificate = perron_certificate(elman([[0.0, 1.0], [0.0, 0.0]]))
    assert "0 for k >= 2" in certificate.text()
    assert r"k \ge 2" in certificate.latex()
    assert certificate.to_dict()["vanishes_after"] == 2
