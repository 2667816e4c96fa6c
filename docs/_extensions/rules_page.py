"""The page of rules: every theorem that a proof can cite, with its source and its code, from the registry itself."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import symgrad.bounds
from symgrad.bounds.inequality import Rule, rules_for

DOCS = Path(__file__).parents[1]
assert symgrad.bounds  # loading it registers the rules
KINDS = {
    "OperatorNormOf": "Operator norms",
    "EntryRange": "Ranges of entries",
    "BlockNorms": "Several states",
    "ProductNorm": "Products of Jacobians",
    "MagnitudesOf": "Moduli of entries",
    "WeightedProductNorm": "Products in weighted norms",
    "MinimumModulusOf": "Least stretching",
    "ComparisonOf": "Least stretching with several states",
    "ProductModulus": "Products of Jacobians from below",
    "VectorNormOf": "Norms of vectors",
    "RowNormOf": "Derivatives by several parameters",
    "DifferentialNorm": "Sums over the steps",
    "WeightedDifferentialNorm": "Sums over the steps in weighted norms",
    "LogarithmicNormOf": "Logarithmic norms",
    "BlockLogarithmicNorms": "Flows with several states",
    "FlowNorm": "Flows over a time",
    "FlowDifferentialNorm": "Integrals along a flow",
}


def rules_page() -> str:
    """The page as Markdown."""
    theory = (DOCS / "theory.md").read_text(encoding="utf-8")
    parts = [
        "# Rules",
        "Every theorem that a proof can cite, in the order in which the engine tries them for each kind of quantity. "
        "Norms are induced p-norms, p in {1, 2, inf}, unless a subscript is written. This page is made from the "
        "registry when the documentation is built; [theory](../theory.md) says how the rules work together.",
    ]
    for kind, title in KINDS.items():
        chosen = [rule for rule in rules_for() if rule.quantity.__name__ == kind]
        parts += [f"## {title}", *(rule_section(rule, theory) for rule in chosen)]
    missing = {rule.quantity.__name__ for rule in rules_for()} - set(KINDS)
    if missing:
        raise ValueError(f"kinds of quantities without a title in rules_page.py: {missing}")
    return "\n\n".join(parts) + "\n"


def anchor(rule: Rule) -> str:
    """The target of links to a rule."""
    return "rule-" + rule.name.replace(" ", "-")


def rule_section(rule: Rule, theory: str) -> str:
    """One rule: statement, hypotheses, equality, source, its code, and the section of the theory that explains it."""
    source = Path(str(inspect.getsourcefile(rule.apply))).relative_to(DOCS.parent)
    lines = [
        f"({anchor(rule)})=",
        f"### {rule.name}",
        "",
        f"$$\n{rule.statement}\n$$",
        "",
        *(f"- *Hypothesis*: {escaped(hypothesis)}" for hypothesis in rule.hypotheses),
        f"- *Equality*: {escaped(rule.equality)}",
        f"- *Source*: {escaped(rule.source)}",
    ]
    section = explaining(rule, theory)
    if section:
        lines.append(f"- *Explained in*: [{section}](../theory.md#{slug(section)})")
    return "\n".join([*lines, "", *code(source, rule.apply.__name__)])


def code(source: Path, name: str) -> list[str]:
    """A function's source, folded away."""
    return [
        f"```{{raw}} html\n<details><summary><code>{name}</code> in <code>{source.as_posix()}</code></summary>\n```",
        "",
        f"```{{literalinclude}} ../../{source.as_posix()}\n:language: python\n:pyobject: {name}\n```",
        "",
        "```{raw} html\n</details>\n```",
    ]


def escaped(words: str) -> str:
    """Words with the characters that Markdown would read as markup."""
    return re.sub(r"([\\*_\[\]<>$`|])", r"\\\1", words)


def explaining(rule: Rule, theory: str) -> str | None:
    """The heading of the theory below which the rule is linked."""
    before, found, _ = theory.partition(f"(#{anchor(rule)})")
    headings = re.findall(r"^## (.+)$", before, re.M)
    return headings[-1] if found and headings else None


def slug(heading: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
