"""The commands about dynamics: what they print, the pictures they write, exit codes, and one line for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from symgrad.cli.systems import Neuron, asked_system, parsed_box, parsed_constant, parsed_interval, parsed_values
from symgrad.errors import InputError
from tests.command_line import Outcome, Run, runner


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return runner(capsys, monkeypatch)


@pytest.fixture
def network(tmp_path: Path) -> str:
    path = tmp_path / "network.npz"
    np.savez(path, W=np.diag([2.0, 0.5]), U=np.zeros((2, 3)), b=np.zeros(2))
    return str(path)


def _points(done: Outcome) -> list[float]:
    return [point["point"]["value"] for point in json.loads(done.out)["points"]]


def test_all_fixed_points_of_a_neuron(run: Run) -> None:
    done = run("fixed-points", "--activation", "sigmoid", "-w", "5", "-b", "-2.5")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("neuron: 3 fixed points in the real numbers, proved to be all\n")
    points = _points(run("fixed-points", "-w", "5", "-b", "-2.5", "--json"))
    assert points == pytest.approx([0.14479410825606477, 0.5, 0.8552058917439352], abs=1e-15)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("x = ln(x/(1-x)) - 5*x",), [0.9974899507619163]),
        (("x = w*x*(1 - x)", "-w", "2"), [0, 0.5]),
        (("x = tanh(g*x)", "--value", "g=-3"), [0]),
        (("x^2 = 2", "--box", "0,inf"), [2**0.5]),
        (("-a", "relu", "-w", "2", "-b", "-1"), [0, 1]),
        (("-a", "leaky_relu(0.5)", "-w", "2", "-b", "-1"), [1]),
        (("-a", "identity", "-w", "1/2", "-b", "-1", "--input", "3"), [4]),
        (("-a", "identity", "-w", "1/2", "-b", "-1", "-v", "u=3", "--w-in", "-1", "--eps", "0.1"), [-8]),
        (("-w", "-1e4", "-b", "-5e3", "--flow", "--box", "0.01,1"), []),
    ],
)
def test_forms_of_the_question(run: Run, arguments: tuple[str, ...], expected: list[float]) -> None:
    done = run("fixed-points", *arguments, "--json")
    assert (done.code, done.err) == (0, "")
    assert _points(done) == pytest.approx(expected, abs=1e-14)


def test_flows_have_eigenvalues(run: Run) -> None:
    for arguments in (("-a", "tanh", "-w", "2", "-b", "0"), ("x = tanh(2*x)",)):
        data = json.loads(run("fixed-points", *arguments, "--flow", "--json").out)
        assert data["system"] == "flow"
        assert [point["stability"] for point in data["points"]] == ["stable", "unstable", "stable"]
        assert data["points"][1]["multiplier"]["value"] == 1


@pytest.mark.slow
def test_models_with_weights(run: Run, network: str, tmp_path: Path) -> None:
    arguments = ("fixed-points", "--model", "elman", "--weights", network, "--input", "0")
    done = run(*arguments, "--plot", str(tmp_path / "plane.svg"))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("3 fixed points of elman, proved to be all")
    assert (tmp_path / "plane.svg").read_text().lstrip().startswith("<?xml")
    assert run(*arguments, "--search", "sampled", "--starts", "8").code == 0
    missing = run("fixed-points", "--model", "elman", "--weights", network)
    assert missing.code == 2
    assert "u (m, 1)" in missing.err.replace("(3, 1)", "(m, 1)")


def test_an_unfinished_search_is_told_by_the_exit_code(run: Run, network: str) -> None:
    done = run("fixed-points", "--model", "elman", "--weights", network, "--input", "0", "--boxes", "1")
    assert done.code == 3


@pytest.mark.slow
def test_bifurcations(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "diagram.pdf"
    done = run("bifurcations", "-w", "5", "--plot", str(picture))
    assert (done.code, done.err) == (0, "")
    assert done.out.count("saddle-node") == 2
    assert picture.read_bytes().startswith(b"%PDF")
    points = json.loads(run("bifurcations", "x = r*x*(1-x)", "-p", "r", "--interval", "0.5,3.5", "--json").out)[
        "points"
    ]
    assert [point["kind"] for point in points] == ["transcritical", "flip"]


@pytest.mark.slow
def test_cusps_are_drawn_in_their_region(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "region.png"
    done = run("bifurcations", "-p", "w,b", "--format", "latex", "--plot", str(picture))
    assert (done.code, done.err) == (0, "")
    assert r"\text{cusp} & 4 & -2" in done.out
    assert picture.read_bytes().startswith(b"\x89PNG")


GEOMETRIC = ("landscape", "--example", "geometric", "--points", "41")


@pytest.mark.slow
def test_the_wall_of_the_geometric_example(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "wall.png"
    done = run(*GEOMETRIC, "--plot", str(picture), "--json")
    assert (done.code, done.err) == (0, "")
    assert "-5/2" in done.out
    assert picture.read_bytes().startswith(b"\x89PNG")
    written_out = run(
        "landscape", "-w", "5", "--loss", "(0.855 - x)^2", "--interval", "-4,-1", "--start", "0.5", "--horizon", "500",
        "--points", "41", "--json",
    )  # fmt: skip
    assert written_out.out == done.out


def test_a_step_at_the_wall_is_clipped(run: Run) -> None:
    done = run(*GEOMETRIC[:-1], "9", "--horizon", "30", "--at", "-2.5", "--rate", "1", "--clip", "0.5", "--json")
    assert (done.code, done.err) == (0, "")
    assert set(json.loads(done.out)) == {"landscape", "step"}


@pytest.mark.slow
def test_a_surface(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "surface.png"
    done = run("landscape", "--example", "unit", "--points", "11", "--at", "w=5,b=-2.6", "--plot", str(picture))
    assert (done.code, done.err) == (0, "")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fixed-points", "__import__('os')"), "formula: at character 1"),
        (("fixed-points", "x = y.z"), "formula: at character 6"),
        (("fixed-points", "x = tanh(w*x)"), "numbers for w"),
        (("fixed-points", "-w", "5"), "numbers for b of neuron"),
        (("fixed-points", "-w", "abc", "-b", "1"), "-w: at character 1 of 'abc'"),
        (("fixed-points", "-w", "5", "-b", "1", "--value", "b=2"), "b is given twice"),
        (("fixed-points", "-w", "5", "-b", "1", "--value", "b"), "NAME=NUMBER"),
        (("fixed-points", "-w", "5", "-b", "1", "--box", "1,0"), "the low end must be below"),
        (("fixed-points", "-w", "5", "-b", "1", "--search", "sampled"), "search"),
        (("fixed-points", "-w", "5", "-b", "1", "--weights", "f.npz"), "--weights: not accepted"),
        (("fixed-points", "x = x^2", "--model", "elman"), "--model: not accepted"),
        (("fixed-points", "--model", "elman", "-w", "1"), "-w: not accepted"),
        (("fixed-points", "--model", "elmann"), "did you mean 'elman'"),
        (("fixed-points", "-a", "tan", "-w", "1", "-b", "1"), "unknown activation"),
        (("fixed-points", "-w", "5", "-b", "1", "--plot", "picture.xyz"), "plot: 'picture.xyz' cannot be written"),
        (("fixed-points", "-w", "5", "-b", "1", "--plot", "no/where.png"), "plot: 'no/where.png' cannot be written"),
        (("bifurcations", "-w", "5", "-b", "1"), "b varies, so that it takes no number"),
        (("bifurcations", "-w", "5", "-p", "q"), "unknown symbol of neuron 'q'"),
        (("bifurcations", "-w", "5", "-p", "W[0,0]"), "which only --model has"),
        (("bifurcations", "-w", "5", "-p", "os.system"), "a name such as b"),
        (("landscape", "-w", "5"), "--loss is needed"),
        (("landscape", "-w", "5", "--loss", "x^2"), "interval: 1 are needed"),
        (("landscape", "-w", "5", "--loss", "y^2", "-i", "0,1"), "y"),
        (("landscape", "-w", "5", "--loss", "x.y", "-i", "0,1"), "character 2"),
        (("landscape", "-w", "5", "-b", "1", "--loss", "x^2", "-i", "0,1"), "b varies"),
        (("landscape", "x^2 = 2", "--loss", "x^2", "-p", "q", "-i", "0,1"), "q"),
        (("landscape", "--example", "geometric", "--at", "-2", "--rate", "0"), "rate: a positive number"),
        (("landscape", "--example", "geometric", "--start", "sin"), "start: at character 1"),
        (("bifurcations", "-w", "5", "-i", "0,1", "-i", "0,1"), "1 parameters take as many intervals, got 2"),
    ],
)
def test_bad_input_gets_one_line(run: Run, arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert words in done.err


def test_parts_of_options() -> None:
    assert parsed_constant("b", "-2.5e-1") == sp.Rational(-1, 4)
    assert parsed_values(["w=ln(2)", " b = -1 "]) == {"w": sp.log(2), "b": -1}
    assert parsed_interval("interval", "-inf,2") == sp.Interval(-sp.oo, 2)
    assert parsed_interval("interval", "0,2") == sp.Interval(0, 2)
    assert parsed_box([]) is None
    with pytest.raises(InputError, match="of several boxes each names its state"):
        parsed_box(["-1,1", "h=0,1"])
    with pytest.raises(InputError, match="h is given twice"):
        parsed_box(["h=-1,1", "h=0,1"])
    asked = asked_system(None, None, None, Neuron(weight="5"), constant_input="0.1", flow=True)
    assert asked.values == {"w": 5, "u": sp.Rational(1, 10)}
