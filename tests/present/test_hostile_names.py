"""Names and words of users stay names and words: no command gets into TeX, no markup into pages."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.language.elementwise import Activation
from symgrad.present.documents import page as whole_page
from symgrad.present.harmless import harmless
from symgrad.present.mathml import formula_html, left_over, mathml
from symgrad.present.scalars import phrase, prose
from symgrad.present.titles import literal
from tests.present.typesetting import complaints, typeset

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    r"\input{/etc/passwd}",
    r"\immediate\write18{touch hacked}",
    r"}\input{/etc/hostname}{",
    "^^5cinput{/etc/hostname}",
    r"\csname input\endcsname /etc/hostname ",
    r"\\input{/etc/hostname}",
    r"$\catcode`\@=0$ %",
    "a\n\n\\end{document}",
    r"\href{javascript:alert(1)}{x}",
    "a_b & c # d ~ e^f | `rm`",
]
COMMAND = re.compile(r"\\(input|write|immediate|csname|catcode|end\{document|href|def|read|openin|include)(?![a-z])")


class Elements(HTMLParser):
    """What a page consists of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def parsed(page: str) -> Elements:
    found = Elements()
    found.feed(page)
    return found


def innocent(page: str) -> bool:
    """Whether a page holds no script, no handler of events and no address but places in itself."""
    found = parsed(page)
    unwanted = {"script", "img", "iframe", "object", "embed", "link", "form", "base"} & set(found.tags)
    handlers = [name for name, _ in found.attributes if name.startswith("on")]
    places = [value or "" for name, value in found.attributes if name in {"href", "src", "xlink:href", "action"}]
    return not unwanted and not handlers and all(place.startswith("#") for place in places)


def model_named(name: str) -> sg.Recurrence:
    """A recurrence with the same hostile name everywhere: model, state, weights and activation."""
    n = sp.Symbol("n", integer=True, positive=True)
    x = sp.Symbol("x", real=True)
    W, h = sp.MatrixSymbol(name, n, n), sp.MatrixSymbol(f"{name} h", n, 1)
    phi = Activation(name, sp.tanh(x) / 2, latex=name)
    return sg.Recurrence({h: phi(W * h)}, name=name)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_no_command(name: str) -> None:
    for written in (harmless(name), phrase(name), prose(name)):
        assert not COMMAND.search(written)
        assert "^^" not in written
        assert "\n" not in written
        assert not re.search(r"(?<!\\)[%#&]", written)


def test_commands_that_typeset_stay() -> None:
    for name in (r"\hat{W}_{1}", r"\mathcal{L}", r"W_{\mathrm{rec}}", r"\left|{x}\right|", r"\alpha'"):
        assert harmless(name) == name
        assert harmless(harmless(r"\input{a}")) == harmless(r"\input{a}")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_formula_is_never_markup(name: str) -> None:
    for latex in (name, harmless(name), phrase(name), rf"\operatorname{{{name}}}", rf"\text{{{name}}}"):
        assert innocent(formula_html(latex))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_page_about_hostile_names_is_innocent(name: str, tmp_path: Path) -> None:
    page = sg.report(model_named(name), tmp_path / "out.html", norms=(2,)).read_text(encoding="utf-8")
    assert innocent(page)
    assert "default-src 'none'" in page


def test_the_check_of_pages_finds_what_it_looks_for() -> None:
    for page in ("<script>1</script>", "<p onclick='f()'>", "<a href='http://a.b'>", "<img src='x'>"):
        assert not innocent(page)


def test_tex_about_hostile_names_reads_no_file(tmp_path: Path) -> None:
    for name in HOSTILE:
        page = sg.report(model_named(name), tmp_path / "out.tex", norms=(2,)).read_text(encoding="utf-8")
        content = page.split(r"\begin{document}")[1].rsplit(r"\end{document}", 1)[0]
        assert not COMMAND.search(content), name


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_typeset(name: str, tmp_path: Path) -> None:
    page = sg.report(model_named(name), tmp_path / "out.tex", norms=(2,)).read_text(encoding="utf-8")
    assert [line for line in complaints(typeset(page, tmp_path)) if not line.startswith("Overfull")] == []
    assert not (tmp_path / "hacked").exists()


@pytest.mark.slow
def test_a_picture_takes_any_name(tmp_path: Path) -> None:
    for name in (r"$\frac$", "a $ b", "<script>alert(1)</script>"):
        model = model_named(name)
        weights = {str(symbol): np.eye(2) / 2 for symbol in model.parameters}
        page = sg.report(model, tmp_path / "out.html", weights, norms=(2,), horizon=3, trajectories=0)
        text = page.read_text(encoding="utf-8")
        assert innocent(text)
        assert "<svg" in text
        assert [entry.name for entry in tmp_path.iterdir()] == ["out.html"]


def test_pages_take_signs_that_their_fonts_lack(tmp_path: Path) -> None:
    """Signs from all over Unicode, in words and in a formula."""
    far = filter(str.isprintable, map(chr, range(0xA1, 0x3000, 41)))
    signs = "\N{SLIGHTLY SMILING FACE}日本語\u202e" + "".join(far)
    written = whole_page(f"{prose(signs)} ${phrase(signs)}$")
    assert [line for line in complaints(typeset(written, tmp_path)) if not line.startswith("Overfull")] == []
    assert "[U+65E5]" in written


def test_no_file_holds_what_controls_a_terminal(tmp_path: Path) -> None:
    for ending in ("html", "md", "tex"):
        path = sg.report(model_named("a\x07b\x1b[31mc"), tmp_path / f"out.{ending}", norms=(2,))
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", path.read_text(encoding="utf-8"))


def test_titles_of_pictures_hold_what_their_font_draws() -> None:
    from matplotlib.figure import Figure

    title = literal("RNN \N{SLIGHTLY SMILING FACE} 日 \r\n é $x$")
    assert title == r"RNN ? ? ?? é \$x\$"
    figure = Figure()
    figure.suptitle(title)
    figure.savefig(io.BytesIO())  # warnings are errors


def test_markdown_escapes_names(tmp_path: Path) -> None:
    page = sg.report(model_named("<script>alert(1)</script>"), tmp_path / "out.md", norms=(2,)).read_text("utf-8")
    assert page.splitlines()[0] == r"# Products of Jacobians of \<script\>alert(1)\</script\>"


def test_what_is_left_of_a_command_is_told() -> None:
    assert left_over(mathml(r"\foo{x}")) == r"\foo"
    assert formula_html(r"\foo{<x>}") == r'<code class="tex">\foo{&lt;x&gt;}</code>'
