"""The theorems about Jacobians of single layers, and of chains of them, that bounds of layer chains rest on."""

from __future__ import annotations

from symgrad.language.derivation import DerivationRule

__all__ = [
    "AFFINE",
    "DIAGONAL",
    "NORMALISATION",
    "PASS",
    "PRODUCT",
    "PRODUCT_LOWER",
    "SLOPE",
    "SUM",
    "SUM_LOWER",
    "UNBOUNDED",
]

_HORN = "Horn and Johnson, Matrix Analysis, 2nd ed. 2013"

AFFINE = DerivationRule(
    "affine layer",
    r"D(W x + b) = W,\quad \sigma_{\min}(W)\,\lVert v\rVert \le \lVert W v\rVert \le \lVert W\rVert_2\,\lVert v\rVert",
    f"{_HORN}, sec. 2.6; both numbers enclosed for the given weights",
)
SLOPE = DerivationRule(
    "entrywise activation",
    r"D\varphi(x) = \operatorname{diag}(\varphi'(x_i)),\quad \lVert\operatorname{diag}(d)\rVert_2 = \max|d_i| "
    r"\le \sup|\varphi'|",
    f"{_HORN}, sec. 5.6; the extrema of the slope are exact or enclosed",
)
DIAGONAL = DerivationRule(
    "diagonal layer",
    r"\lVert\operatorname{diag}(d)\rVert_2 = \max|d_i|,\quad \sigma_{\min} = \min|d_i|",
    f"{_HORN}, sec. 5.6",
)
NORMALISATION = DerivationRule(
    "normalisation",
    r"J = \tfrac1s\operatorname{diag}(\gamma)\left(I - \tfrac1n \mathbf 1\mathbf 1^T - \tfrac1n\hat x\hat x^T\right),"
    r"\quad s \ge \sqrt\varepsilon \;\Rightarrow\; \lVert J\rVert_2 \le \max|\gamma_i|/\sqrt\varepsilon",
    "Ba, Kiros and Hinton 2016, sec. 3; Xiong et al. 2020, lemma 3; RMS norm without the mean: Zhang and Sennrich 2019",
)
PASS = DerivationRule("identity", r"D x = I,\quad \lVert I\rVert_2 = 1", "definition")
UNBOUNDED = DerivationRule(
    "no bound", r"\lVert J\rVert_2 \le \infty", "nothing better is proved about the slope of the function"
)
SUM = DerivationRule(
    "triangle inequality", r"\lVert A + B\rVert \le \lVert A\rVert + \lVert B\rVert", f"{_HORN}, sec. 5.6"
)
SUM_LOWER = DerivationRule(
    "reverse triangle inequality",
    r"\sigma_{\min}(A + B) \ge \sigma_{\min}(A) - \lVert B\rVert",
    f"{_HORN}, sec. 5.1 and 7.3",
)
PRODUCT = DerivationRule(
    "submultiplicativity", r"\lVert A B\rVert \le \lVert A\rVert\,\lVert B\rVert", f"{_HORN}, sec. 5.6"
)
PRODUCT_LOWER = DerivationRule(
    "products from below",
    r"\lVert A B C\rVert \ge \sigma(A)\,\lVert B\rVert\,\sigma(C^T),\quad \sigma(M) = \min_{\lVert v\rVert = 1} "
    r"\lVert M v\rVert",
    f"{_HORN}, sec. 5.6 and 7.3: A stretches every vector by at least sigma(A), and so does the transpose of C",
)
