"""Reports as pages: one file that loads nothing, checked as text and in a real browser."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import symgrad as sg
from symgrad.present.report_html import HtmlReport, inline_svg
from symgrad.present.report_verdicts import verdict_table
from tests.present.browser import Browser
from tests.present.test_hostile_names import innocent, parsed
from tests.present.test_reports import weights

NAME = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on a model with weights, and a name that would be a script."""
    n_model = sg.models.sigmoid_rnn().assuming({"u": (-1, 1)})
    model = sg.Recurrence(n_model.updates, inputs=n_model.inputs, ranges=n_model.ranges, name=NAME)
    return sg.report(model, tmp_path_factory.mktemp("page") / "out.html", weights(model), horizon=9, trajectories=3)


def test_it_is_one_file_of_elements_that_load_nothing(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [entry.name for entry in page.parent.iterdir()] == ["out.html"]
    assert innocent(text)
    found = parsed(text)
    assert {"math", "svg", "details", "summary", "table", "nav"} <= set(found.tags)
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org/)", text)


def test_all_places_are_there_once(page: Path) -> None:
    attributes = parsed(page.read_text(encoding="utf-8")).attributes
    ids = [value for name, value in attributes if name == "id"]
    assert len(set(ids)) == len(ids)
    places = [value or "" for name, value in attributes if name in {"href", "xlink:href"}]
    assert places
    assert {place.removeprefix("#") for place in places} <= set(ids)


def test_the_name_is_shown_as_it_is(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<h1>Products of Jacobians of &lt;script&gt;alert(1)&lt;/script&gt;</h1>" in text


def test_numbers_and_reasons_are_the_same_as_in_markdown(page: Path, tmp_path: Path) -> None:
    model = sg.models.sigmoid_rnn().assuming({"u": (-1, 1)})
    other = sg.report(model, tmp_path / "out.md", weights(model), horizon=9, trajectories=3).read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| ([\d.e+-]+) \|", other, re.MULTILINE)
    cells = re.findall(r"<tr><td>(\d+)</td><td>([\d.e+-]+)</td>", page.read_text(encoding="utf-8"))
    assert rows == cells != []


def test_verdicts_of_bounds_are_those_of_their_values() -> None:
    model, turn = sg.models.elman("identity"), np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    bounds = [sg.product_bound(model, side=side) for side in ("upper", "lower")]
    cases = {0.5: ("vanishing", "undecided"), 2.0: ("undecided", "exploding"), 1.0: ("undecided", "undecided")}
    for scale, outcomes in cases.items():
        markup = HtmlReport().item(verdict_table(bounds, {"W": scale * turn}, 20)[1])
        marks = re.findall(r'class="mark (\w+)">(\w+)<', markup)
        assert tuple(outcome for _, outcome in marks) == outcomes
        assert {tone for tone, outcome in marks if outcome == "undecided"} == {"open"}


@pytest.mark.slow
def test_the_same_report_is_the_same_file(tmp_path: Path) -> None:
    model = sg.models.elman()
    given = {"W": np.eye(2) / 2}
    first, second = (sg.report(model, tmp_path / name / "out.html", given, norms=(2,)) for name in made(tmp_path))
    assert first.read_bytes() == second.read_bytes()


def made(folder: Path) -> list[str]:
    names = ["a", "b"]
    for name in names:
        (folder / name).mkdir()
    return names


def test_names_in_pictures_are_told_apart() -> None:
    source = '<?xml version="1.0"?><svg width="1pt"><g id="a"/><use xlink:href="#a" clip-path="url(#a)"/></svg>'
    drawn = inline_svg(source, "p1-", 'a "b" <c>')
    assert drawn.startswith("<svg")
    assert drawn.count("p1-a") == 3
    assert 'aria-label="a &quot;b&quot; &lt;c&gt;"' in drawn


def test_without_the_converter_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "latex2mathml", None)
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    with pytest.raises(sg.SymgradError, match=r"latex2mathml.*symgrad\[report\]"):
        sg.report(sg.models.elman(), tmp_path / "out.html")
    assert list(tmp_path.iterdir()) == []


SIZES = "[...document.querySelectorAll('main > section > .math > math')].map(m => m.getBoundingClientRect())"


def test_in_a_browser(page: Path, tmp_path: Path) -> None:
    with Browser(tmp_path) as browser:
        browser.open(page)
        assert browser.console == []
        assert browser.requests == [page.resolve().as_uri()]
        assert browser.value("document.title") == f"Products of Jacobians of {NAME}"
        assert browser.value("document.scripts.length") == 0
        boxes = browser.value(f"{SIZES}.map(box => [box.width, box.height])")
        assert len(boxes) > 5
        assert all(width > 20 and height > 10 for width, height in boxes)
        assert browser.value("getComputedStyle(document.querySelector('mfrac')).display") == "block math"
        drawn = browser.value("document.querySelector('figure svg').getBoundingClientRect().toJSON()")
        assert drawn["width"] > 300
        assert drawn["height"] > 150
        folds(browser)
        no_overflow(browser)
        browser.open(page, width=380, dark=True)
        no_overflow(browser)
        assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 28)"
        browser.open(page, media="print")
        assert browser.value("document.querySelector('.steps .rule').checkVisibility()") is True
        assert browser.console == []


def folds(browser: Browser) -> None:
    """A click on a step shows its rule, and another one hides it."""
    shown = "document.querySelector('.steps details .rule').checkVisibility()"
    assert browser.value(shown) is False
    browser.value("document.querySelector('.steps summary').click()")
    assert browser.value(shown) is True
    browser.value("document.querySelector('.steps summary').click()")
    assert browser.value(shown) is False


def no_overflow(browser: Browser) -> None:
    """Nothing makes the page wider than its window: what is too wide scrolls by itself."""
    assert browser.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.slow
def test_the_browser_notices_what_it_looks_for(tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text("<script>console.log(1); throw 2</script><img src='nothing.png'>", encoding="utf-8")
    with Browser(tmp_path) as browser:
        browser.open(path)
        assert len(browser.console) >= 2
        assert len(browser.requests) == 2
