"""Configuration of the documentation: ``sphinx-build -W --keep-going -b html docs OUT``; no network is needed."""

from __future__ import annotations

import inspect
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import symgrad.bounds
from symgrad.bounds.inequality import Rule, rules_for

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "symgrad"
author = "The symgrad developers"
html_show_copyright = False
release = metadata.version("symgrad")
extensions = [
    "mathml",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
html_theme = "furo"
html_math_renderer = "mathml"
html_title = f"symgrad {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
exclude_patterns = ["_build"]
nitpicky = True  # every reference must lead somewhere, but those to packages that the pages are built without
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|sympy|flint|collections|enum)\..*"),
    ("py:.*", r".*\._[A-Za-z]\w*"),  # private base classes
]
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signatures of the source, with its type hints, are one click away
autodoc_default_options = {"members": True, "inherited-members": False, "show-inheritance": False}
napoleon_google_docstring = True
napoleon_use_ivar = True  # attributes are listed with the class and not a second time as members

KINDS = {
    "OperatorNormOf": "Operator norms",
    "EntryRange": "Ranges of entries",
    "BlockNorms": "Several states",
    "ProductNorm": "Products of Jacobians",
    "MinimumModulusOf": "Least stretching",
    "ComparisonOf": "Least stretching with several states",
    "ProductModulus": "Products of Jacobians from below",
    "VectorNormOf": "Norms of vectors",
    "RowNormOf": "Derivatives by several parameters",
    "DifferentialNorm": "Sums over the steps",
}


def rules_page() -> str:
    """The registered rules as a page: made from the registry itself, so that it is never out of date."""
    theory = (HERE / "theory.md").read_text(encoding="utf-8")
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
        raise ValueError(f"kinds of quantities without a title in conf.py: {missing}")
    return "\n\n".join(parts) + "\n"


def anchor(rule: Rule) -> str:
    """The target of links to a rule."""
    return "rule-" + rule.name.replace(" ", "-")


def rule_section(rule: Rule, theory: str) -> str:
    """One rule: statement, hypotheses, equality, source, its code, and the section of the theory that explains it."""
    source = Path(str(inspect.getsourcefile(rule.apply))).relative_to(HERE.parent)
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


def write_pages(app: Any) -> None:
    """Write what is generated before the sources are read."""
    folder = HERE / "_generated"
    folder.mkdir(exist_ok=True)
    page, text = folder / "rules.md", rules_page()
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def setup(app: Any) -> None:
    """Hook the generated pages in."""
    assert symgrad.bounds  # loading it registers the rules
    app.connect("builder-inited", write_pages)
