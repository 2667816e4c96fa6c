"""Diagnoses in print: text, terminal, data, LaTeX, pictures and reports say the same, and names stay names."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import symgrad as sg
from symgrad.diagnosis.causes import Cause, CauseFound
from symgrad.diagnosis.diagnose import diagnose
from symgrad.diagnosis.results import Diagnosis
from symgrad.present.diagnoses import verdict_row
from symgrad.present.diagnosis_terminal import rich_table
from symgrad.present.dispatch import latex, plot, terminal, text, to_dict
from symgrad.present.growth_bounds import bound_rows, shown_steps
from symgrad.present.mathml import left_over, mathml
from tests.present.browser import Browser
from tests.present.test_hostile_names import COMMAND, HOSTILE, innocent, parsed
from tests.present.typesetting import complaints, typeset

NAME = "<script>alert(1)</script> & [red]x[/red] $y$ \\input{z}"


@pytest.fixture(scope="module")
def found() -> Diagnosis:
    """Two layers with a hostile name: one that contracts and one that keeps what it gets."""
    random = np.random.default_rng(0)
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    weights = {"W": 0.5 * turn, "U": np.eye(3), "b": np.zeros(3)}
    first = diagnose(sg.models.elman(), random.normal(size=(3, 24, 3)), weights=weights, horizon=24, methods=["norm"])
    second = diagnose(
        sg.models.elman("identity"),
        0.1 * random.normal(size=(3, 24, 3)),
        weights={**weights, "W": turn},
        horizon=24,
        methods=["norm"],
        remedies=False,
    )
    return replace(first, name=NAME, layers=(*first.layers, replace(second.layers[0])))


def printed(obj: Any, width: int = 150) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(obj)
    return stream.getvalue()


def test_the_text_names_every_layer_cause_and_remedy(found: Diagnosis) -> None:
    written = text(found)
    assert str(found) == written
    for layer in found:
        assert f"{layer.name}: {layer.outcome.value}, {layer.verdict.value}: " in written
        for item in (*layer.causes, *layer.remedies, *layer.saturation, layer.memory):
            first = text(item).splitlines()[0]
            assert first in written


def test_the_terminal_shows_words_as_they_are(found: Diagnosis) -> None:
    written = printed(found, 400)
    assert NAME in written
    for cause in found.causes:
        assert cause.evidence in written
    assert rich_table(found).row_count == len(found)
    assert printed(found.layers[0].found).split() == text(found.layers[0].found).split()


def test_no_word_of_the_verdicts_is_broken_at_80_columns(found: Diagnosis) -> None:
    row = replace(found[0], causes=tuple(CauseFound(cause, "", None) for cause in Cause))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(rich_table(replace(found, layers=(row,))))
    words = console.export_text().replace(",", "").split()
    for cause in Cause:
        assert set(cause.value.split()) <= set(words)
    assert {row.outcome.value, row.verdict.value, "gradient", "exponent"} <= set(words)


def test_other_results_print_in_a_terminal_as_text() -> None:
    assert terminal(sg.models.elman()).plain == text(sg.models.elman())


def test_the_data_holds_the_curves(found: Diagnosis) -> None:
    data = json.loads(json.dumps(to_dict(found), allow_nan=False))
    assert data["outcome"] == found.outcome.value
    layer, own = data["layers"][0], found.layers[0]
    assert layer["bounds"]["upper_log10"]["norm"] == [float(v) for v in own.bounds.upper["norm"]]
    assert len(layer["measured"]["typical"]) == 25
    assert [cause["cause"] for cause in layer["causes"]] == [cause.cause.value for cause in own.causes]
    assert [remedy["code"] for remedy in layer["remedies"]] == [remedy.code for remedy in own.remedies]


def test_bounds_are_printed_on_their_own_side(found: Diagnosis) -> None:
    """An upper bound is never printed below its value, a lower one never above."""
    bounds = found.layers[1].bounds
    values = {**{("at most", k): v for k, v in bounds.upper.items()}}
    values |= {("at least", k): v for k, v in bounds.lower.items()}
    assert {side for side, _ in values} == {"at most", "at least"}
    for row in bound_rows(bounds):
        side, _, name = row[0].partition(", method ")
        for k, cell in zip(shown_steps(bounds), row[1:], strict=True):
            if (side, name) in values:
                exact = float(values[side, name][k - 1])
                assert np.log10(float(cell)) >= exact if side == "at most" else np.log10(float(cell)) <= exact
                assert abs(np.log10(float(cell)) - exact) < 0.01


def test_the_picture_has_all_curves(found: Diagnosis) -> None:
    axes = plot(found)
    assert len(axes.figure.axes) == 2
    labels = axes.get_legend_handles_labels()[1]
    for words in ("measured", "at most, by norm", "Lyapunov slope", r"\delta"):
        assert any(words in label for label in labels), words
    layer = found.layers[0]
    line = next(line for line in axes.get_lines() if "measured" in str(line.get_label()))
    np.testing.assert_array_equal(line.get_ydata(), layer.measured.typical)
    low, high = axes.get_ylim()
    assert low <= layer.measured.typical.min() <= layer.measured.typical.max() <= high
    axes.figure.savefig(io.BytesIO())


def test_bounds_far_from_what_was_measured_are_named_without_a_curve(found: Diagnosis) -> None:
    layer = found.layers[0]
    far = replace(layer.bounds, upper={**layer.bounds.upper, "far": 300.0 + np.arange(24.0), "near": np.zeros(24)})
    axes = plot(replace(layer, bounds=far))
    labels = {str(line.get_label()): line for line in axes.get_lines()}
    (named,) = (line for label, line in labels.items() if "by far:" in label)
    assert not len(named.get_xdata())
    assert any(len(line.get_xdata()) for label, line in labels.items() if "by near" in label)
    assert axes.get_ylim()[1] < 300


def test_marks_of_bounds_that_agree_stand_apart(found: Diagnosis) -> None:
    layer = found.layers[0]
    (logs,) = layer.bounds.upper.values()
    axes = plot(replace(layer, bounds=replace(layer.bounds, upper={"one": logs, "two": logs})))
    marked = [line.get_markevery() for line in axes.get_lines() if "at most" in str(line.get_label())]
    assert len(marked) == 2
    assert marked[0] != marked[1]


def test_axes_of_ones_own(found: Diagnosis) -> None:
    from matplotlib.figure import Figure

    given = Figure().subplots(1, 2)
    assert found.plot(ax=given) is given[0]
    with pytest.raises(sg.InputError, match="2 axes are needed"):
        found.plot(ax=Figure().subplots())
    alone = Figure().subplots()
    assert found[0].plot(ax=alone) is alone


def test_formulas_are_whole(found: Diagnosis, tmp_path: Path) -> None:
    parts = [*found.layers[0].remedies, *found.layers[0].causes, found.layers[0].found, found.layers[0].bounds]
    for part in (found, *found, *parts):
        assert left_over(mathml(latex(part))) is None
    assert complaints(typeset(found.latex(standalone=True), tmp_path)) == []


@pytest.fixture(scope="module")
def page(found: Diagnosis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sg.report(found, tmp_path_factory.mktemp("diagnosis") / "out.html")


def test_the_page_begins_with_the_verdicts(found: Diagnosis, page: Path) -> None:
    written = page.read_text(encoding="utf-8")
    assert innocent(written)
    assert [entry.name for entry in page.parent.iterdir()] == ["out.html"]
    headings = re.findall(r"<h2>\d+\. (.*?)</h2>", written)
    assert headings[0] == "Verdicts"
    assert len(headings) == 1 + len(found)
    assert [mark for mark in re.findall(r'class="mark \w+">(\w+)<', written)] == [o.outcome.value for o in found]
    assert parsed(written).tags.count("svg") == len(found)
    for remedy in found.remedies:
        assert remedy.code is None or remedy.code.splitlines()[0] in written
    assert "\\" not in re.sub(r"<(style|h1|title|p|td|code)\b.*?</\1>", "", written, flags=re.DOTALL)


@pytest.mark.slow
def test_the_page_works_in_a_browser(page: Path, tmp_path: Path) -> None:
    with Browser(tmp_path) as browser:
        browser.open(page)
        assert browser.console == []
        assert browser.requests == [page.resolve().as_uri()]
        assert browser.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        boxes = "[...document.querySelectorAll('details[open] math')].map(m => m.getBoundingClientRect().height)"
        heights = browser.value(boxes)
        assert heights
        assert min(heights) > 8
        assert NAME in browser.value("document.querySelector('h1').textContent")


@pytest.mark.slow
def test_markdown_and_tex(found: Diagnosis, tmp_path: Path) -> None:
    written = sg.report(found, tmp_path / "out.md").read_text(encoding="utf-8")
    assert written.count("```python") == sum(remedy.code is not None for remedy in found.remedies)
    assert "| layer | outcome |" in written
    assert (tmp_path / "out-layer-0.png").exists()
    source = sg.report(found, tmp_path / "out.tex").read_text(encoding="utf-8")
    assert not COMMAND.search(source.split(r"\begin{document}")[1].rsplit(r"\end{document}", 1)[0])
    assert complaints(typeset(source, tmp_path)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_reports_of_hostile_names(found: Diagnosis, name: str, tmp_path: Path) -> None:
    run = replace(found.layers[0].run, name=name)
    hostile = replace(found, name=name, layers=(replace(found.layers[0], run=run),), notes=(name,))
    assert innocent(sg.report(hostile, tmp_path / "out.html").read_text(encoding="utf-8"))
    source = sg.report(hostile, tmp_path / "out.tex").read_text(encoding="utf-8")
    assert not COMMAND.search(source.split(r"\begin{document}")[1].rsplit(r"\end{document}", 1)[0])
    assert [line for line in complaints(typeset(source, tmp_path)) if not line.startswith("Overfull")] == []


def test_rows_say_what_was_found(found: Diagnosis) -> None:
    row = verdict_row(found.layers[0])
    assert row[1:3] == [found.layers[0].outcome.value, found.layers[0].verdict.value]
    assert float(row[3]) == pytest.approx(10 ** found.layers[0].measured.typical[24], rel=0.01)


def test_one_layer_has_a_report_of_its_own(found: Diagnosis, tmp_path: Path) -> None:
    written = sg.report(found.layers[1], tmp_path / "out.html").read_text(encoding="utf-8")
    assert f"<h1>Diagnosis of {found.layers[1].name}</h1>" in written
    assert "theorem and proof" in written


@pytest.fixture(scope="module")
def deep() -> Any:
    """Eight layers that contract, of a hostile name."""
    random = np.random.default_rng(1)
    layers = [(0.5 * np.linalg.qr(random.normal(size=(4, 4)))[0], np.zeros(4)) for _ in range(4)]
    return deep_network(layers, random.normal(size=(3, 4)))


def deep_network(layers: list[Any], inputs: Any) -> Any:
    torch = pytest.importorskip("torch")
    modules: list[Any] = []
    for matrix, shift in layers:
        linear = torch.nn.Linear(4, 4).double()
        with torch.no_grad():
            linear.weight[:] = torch.from_numpy(matrix)
            linear.bias[:] = torch.from_numpy(shift)
        modules += [linear, torch.nn.Tanh()]
    return replace(diagnose(torch.nn.Sequential(*modules).eval(), inputs), name=NAME)


@pytest.mark.slow
def test_a_deep_network_in_every_format(deep: Any, tmp_path: Path) -> None:
    written = sg.report(deep, tmp_path / "out.html").read_text(encoding="utf-8")
    assert innocent(written)
    assert "\\" not in re.sub(r"<(style|h1|title|p|td|code)\b.*?</\1>", "", written, flags=re.DOTALL)
    rows = re.findall(r'<tr><td class="number">(\d+)</td>', written)
    assert rows == [str(place) for place in range(deep.depth + 1)]
    source = sg.report(deep, tmp_path / "out.tex").read_text(encoding="utf-8")
    assert not COMMAND.search(source.split(r"\begin{document}")[1].rsplit(r"\end{document}", 1)[0])
    assert [line for line in complaints(typeset(source, tmp_path)) if not line.startswith("Overfull")] == []
    assert "Diagnosis" in sg.report(deep, tmp_path / "out.md").read_text(encoding="utf-8")
    shown = printed(deep, 300)
    for cause in deep.causes:
        assert cause.evidence in shown
