"""MathML of every formula the library writes: nothing is left of LaTeX, and words are escaped."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

import symgrad as sg
from symgrad.language.norms import norm
from symgrad.present.dispatch import latex
from symgrad.present.mathml import left_over, mathml
from symgrad.present.report_contents import sections
from symgrad.present.report_html import HtmlReport
from symgrad.present.report_parts import Shown
from tests.present.zoo import FAMILIES, zoo

NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"


def texts(markup: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(markup).iter()]


def is_whole(markup: str) -> bool:
    """Whether a formula is well-formed XML of MathML's elements alone, with no backslash but one that was meant."""
    tree = ElementTree.fromstring(markup)
    return left_over(markup) is None and all(element.tag.startswith(NAMESPACE) for element in tree.iter())


LONG = {"gru", "lstm"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n in LONG else []) for n in FAMILIES])
def test_every_model_and_bound_of_the_catalogue_is_converted(name: str) -> None:
    model = zoo(name)
    shown = [model, sg.jacobian(model)]
    for side in ("upper", "lower"):
        try:
            shown.append(sg.product_bound(model, side=side))
        except sg.NoBoundError:
            continue
    for item in shown:
        markup = mathml(latex(item))
        assert is_whole(markup)
        assert "\\" not in "".join(texts(markup))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_report_of_the_catalogue_is_converted(name: str) -> None:
    writer = HtmlReport()
    for section in sections(zoo(name), [norm(p) for p in (2, 1, "inf")], None):
        for item in section.items:
            markup = writer.item(item)
            assert 'class="tex"' not in markup
            assert "\\" not in re.sub(r"<p.*?</p>", "", markup, flags=re.DOTALL)


@pytest.mark.parametrize(
    "formula",
    [
        r"\begin{cases} a & x<0 \\ b & \text{otherwise} \end{cases}",
        r"\begin{array}{l|rr} a & b & c \\ \hline 1 & 2 & 3 \end{array}",
        r"\begin{aligned} a &= b \\[1ex] &\le c \end{aligned}",
        r"\begin{gathered} a \\ b \end{gathered}",
        r"\left\lVert J_t \cdots J_{t-k+1}\right\rVert_{2} \le \Bigl\lVert W \Bigr\rVert_{\infty}^{k}",
        r"\operatorname{hard\_sigmoid}\left(x\right) + \operatorname{diag}(a) \odot \max_{i} b_i",
        r"\begin{array}{ll}\toprule a & b \\ \midrule c & d \\ \bottomrule \end{array}",
        r"\text{50 \% of } x_{\mathrm{rec}} \quad \scriptstyle \sqrt{\tfrac{1}{2}}",
        r"\sigma_{\min}(W), \rho(W), \mathcal{O}(n), \hat{h}, \dot{x}, \nabla_\theta L, \otimes, \prime",
    ],
)
def test_constructs_of_latex(formula: str) -> None:
    markup = mathml(formula)
    assert is_whole(markup)
    assert "\\" not in "".join(texts(markup))
    assert not re.search(r"\d(ex|em)\b", "".join(texts(markup)))


def test_lines_of_tables_are_marked() -> None:
    markup = mathml(r"\begin{array}{l|r} a & b \\ \hline c & d \end{array}")
    assert markup.count('<mtr class="ruled">') == 1
    assert len(re.findall(r"<mtd[^>]* class=\"ruled\"", markup)) == 2


def test_a_proof_unfolds_step_by_step() -> None:
    proof = sg.product_bound(sg.models.elman()).proof
    markup = HtmlReport().item(Shown(proof))
    assert markup.count("<details>") == len(proof)
    for step in proof:
        assert step.rule.source.split("'")[0] in markup
