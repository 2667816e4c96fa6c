"""The command ``symgrad sweep``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import symgrad as sg
from symgrad.cli.sweeps import parsed_grid
from symgrad.errors import InputError
from symgrad.sweeps.cells import product_growth
from tests.command_line import Run, runner


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    return runner(capsys, monkeypatch)


GROWTH = ("sweep", "product-growth", "--grid", "gain=0.5:1.5:3", "--grid", "size=4,6", "--grid", "steps=5")


def test_a_sweep_is_stored_drawn_and_returned_at_once(run: Run, tmp_path: Path) -> None:
    arguments = (*GROWTH, "--repetitions", "2", "--seed", "3", "--store", "r.npz", "--json", "--plot", "r.png")
    first, second = run(*arguments), run(*arguments)
    assert (first.code, first.err) == (0, "")
    assert first == second
    data = json.loads(first.out)
    expected = sg.sweep(
        product_growth,
        {"gain": np.linspace(0.5, 1.5, 3), "size": [4, 6], "steps": [5]},
        seed=3,
        repetitions=2,
    )
    assert data["columns"]["rate"] == expected.column("rate").tolist()
    assert (tmp_path / "r.png").stat().st_size > 1000
    other = run(*GROWTH, "--store", "r.npz")
    assert other.code == 2
    assert "repetitions 2 there, 1 here" in other.err
    assert run(*GROWTH, "--store", "r.npz", "--restart").code == 0


def test_functions_of_the_users_own_modules(run: Run, tmp_path: Path) -> None:
    Path(tmp_path / "own_cells.py").write_text("def third(a):\n    if a == 2:\n        1 / 0\n    return a / 3\n")
    failed = run("sweep", "own_cells:third", "-g", "a=0,1,2")
    assert failed.code == 4
    assert "1 failed with ZeroDivisionError: division by zero (first: cell 2)" in failed.out
    early = run("sweep", "own_cells:third", "-g", "a=0:5:6", "--fail-fast", "--store", "t.npz")
    assert early.code == 5
    assert "the same call" in early.err
    Path(tmp_path / "own_cells.py").unlink()


def test_what_is_kept_after_an_interruption(run: Run) -> None:
    ended = run(
        "sweep", "tests.sweeps.functions:interrupts", "-g", "i=0:9:10", "-g", "at=6", "-s", "i.npz", "--chunk", "2"
    )
    assert ended.code == 130
    assert "ended after 6 of 10 cells: interrupted. What is finished is kept in 'i.npz.parts'" in ended.err


BAD = {
    "quantity": (("sweep", "fase", "-g", "a=1"), "did you mean 'phase'"),
    "no module": (("sweep", "no_such:f", "-g", "a=1"), "no_such cannot be imported"),
    "no function": (("sweep", "math:nothing", "-g", "a=1"), "math has no nothing"),
    "no call": (("sweep", "math:pi", "-g", "a=1"), "no function but float"),
    "code": (("sweep", "os:system('x')", "-g", "a=1"), "package.module:function is needed"),
    "no grid": (("sweep", "phase"), "at least one --grid"),
    "twice": (("sweep", "phase", "-g", "a=1", "-g", "a=2"), "a is given twice"),
    "form": (("sweep", "phase", "-g", "a"), "NAME=VALUES"),
    "both": ((*GROWTH, "--workers", "2", "--scheduler", "tcp://h:1"), "one of both"),
    "address": ((*GROWTH, "--scheduler", "h:1"), "an address such as"),
    "value": ((*GROWTH, "--value", "rate"), "of a picture"),
    "name": (("sweep", "phase", "-g", "sigma=1"), "phase does not take sigma"),
    "ending": ((*GROWTH, "--store", "r.csv"), "ending in .parquet or .npz"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_2(case: str, run: Run) -> None:
    arguments, words = BAD[case]
    outcome = run(*arguments)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert words in outcome.err


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("0.5:2:4", [0.5, 1.0, 1.5, 2.0]),
        ("1:5:3", [1, 3, 5]),
        ("5:1:3", [5, 3, 1]),
        ("1:4:3", [1.0, 2.5, 4.0]),
        ("1.0:3:3", [1.0, 2.0, 3.0]),
        ("3:3:1", [3]),
        ("log:1:100:3", [1.0, 10.0, 100.0]),
        ("16,32", [16, 32]),
        ("1,0.5", [1.0, 0.5]),
        ("1/2", [0.5]),
        ("true,false", [True, False]),
        ("norm,2x", ["norm", "2x"]),
    ],
)
def test_values_are_read_exactly(written: str, values: list[object]) -> None:
    found = [value.item() if hasattr(value, "item") else value for value in parsed_grid([f"a={written}"])["a"]]
    assert found == pytest.approx(values) if written.startswith("log") else found == values
    assert list(map(type, found)) == list(map(type, values))


@pytest.mark.parametrize(
    "written", ["1:2", "1:2:3:4", "1:2:1", "1:1:2", "1:2:2.5", "log:0:1:3", "log:2:1:3", "a:b:c", "1,,2"]
)
def test_other_forms_are_refused(written: str) -> None:
    with pytest.raises(InputError, match="a"):
        parsed_grid([f"a={written}"])
