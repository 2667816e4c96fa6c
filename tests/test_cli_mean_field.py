"""The command mean-field: what it prints, the pictures it writes, exit codes, and one line for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import symgrad as sg
from tests.command_line import Run, runner


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return runner(capsys, monkeypatch)


def test_the_critical_line_for_one_variance_of_the_biases(run: Run) -> None:
    done = run("mean-field", "erf", "--sigma-b2", "0.05")
    assert (done.code, done.err) == (0, "")
    assert "Theory\n======\nmean field of erf: Gaussian weights, infinite width\n" in done.out
    assert "1.375839007...  0.5171768379...  attracting  0.4915566117...  edge of chaos" in done.out


@pytest.mark.slow
def test_tanh_at_the_published_variance_of_the_biases(run: Run) -> None:
    data = json.loads(run("mean-field", "tanh", "--sigma-b2", "0.05", "--json").out)["criticality"]
    (point,) = data["points"]
    assert point["sigma_w2"]["value"] == pytest.approx(1.76, abs=0.005)  # Schoenholz et al. 2017
    assert (point["edge_of_chaos"], point["stability"], data["complete"]) == (True, "attracting", True)


def test_phase_fixed_points_and_depth_scales(run: Run) -> None:
    done = run("mean-field", "erf", "--sigma-w2", "3/2", "--sigma-b2", "0.05", "--depth", "10", "--json")
    data = json.loads(done.out)
    assert done.code == 0
    assert list(data) == ["theory", "phase", "variances", "correlations", "scales", "gradient"]
    assert data["phase"]["phase"] == "chaotic"
    (point,) = data["variances"]["points"]
    assert (point["stability"], round(point["variance"]["value"], 10)) == ("attracting", 0.6017531671)
    chi = point["chi"]["value"]
    assert data["gradient"]["value"]["value"] == pytest.approx(chi**10, rel=1e-12)
    assert data["scales"]["xi_c"]["value"] == pytest.approx(32.34023964, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("relu", "--sigma-w2", "2", "--sigma-b2", "0"), "critical: chi_1 = 1 and every variance is a fixed point"),
        (("relu", "--sigma-w2", "2", "--sigma-b2", "0.1"), "variance diverges: no fixed point of the variance"),
        (("relu", "--sigma-b2", "0.1"), "there the variance grows without a fixed point: no edge of chaos"),
        (("gelu", "--sigma-b2", "0"), "4          0   repelling  1       no edge of chaos"),
        (("x + sin(x)", "--sigma-b2", "0"), "0.25       0   attracting algebraically  1       edge of chaos"),
        (("relu", "--skip", "1"), "no edge of chaos: chi is larger than 1 at every q > 0"),
        (("erf", "--dropout", "0.1", "--sigma-b2", "0.05"), "do not stay equal: no edge of chaos"),
        (("erf", "--weights", "orthogonal"), "mean field of erf: orthogonal weights"),
        (("relu", "-f", "latex"), r"\chi_1 &= \frac{\sigma_{w}^{2}}{2}"),
        (("relu", "--sigma-b2", "0", "-f", "document"), r"\end{document}"),
    ],
)
def test_statements(run: Run, arguments: tuple[str, ...], words: str) -> None:
    done = run("mean-field", *arguments)
    assert (done.code, done.err) == (0, "")
    assert words in done.out


def test_a_model_has_the_recurrent_theory(run: Run) -> None:
    done = run("mean-field", "elman", "--variance", "2", "--inputs", "0", "-o", "activation=relu", "--json")
    data = json.loads(done.out)["theory"]
    assert (data["kind"], data["model"]) == ("recurrent mean field", "elman")
    theory = sg.mean_field(sg.models.elman(activation="relu"), variances=2, inputs=0)
    assert data["mean_squared_singular_value"]["text"] == str(theory.chi_formula)
    decided = bool(theory.points) and all(point.attracting is not None for point in theory.points)
    assert done.code == (0 if decided else 3)


@pytest.mark.slow
def test_approximate_stationary_points_leave_it_undecided(run: Run) -> None:
    done = run("mean-field", "lstm", "--mean", "b_if=1", "--variance", "weight_hh=1")
    assert done.code == 3
    assert "status: approximate" in done.out


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (None, ()),
        (None, ("--sigma-w2", "1.5", "--sigma-b2", "0.05")),
        ("correlation", ("--sigma-w2", "1.5", "--sigma-b2", "0.05")),
    ],
)
def test_pictures(run: Run, tmp_path: Path, kind: str | None, numbers: tuple[str, ...]) -> None:
    path = tmp_path / "picture.svg"
    chosen = () if kind is None else ("--kind", kind)
    done = run("mean-field", "relu", *numbers, "--plot", str(path), *chosen)
    assert (done.code, done.err) == (0, "")
    assert path.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("thanh",), "unknown activation 'thanh': did you mean 'tanh'?"),
        (("tanh", "--sigma-w2", "2"), "sigma-b2: the variance of the biases is needed beside that of the weights"),
        (("tanh", "--depth", "5"), "depth: gradients need the variances"),
        (("tanh", "--sigma-b2", "x"), "sigma-b2: a number such as 2"),
        (("tanh", "--sigma-b2", "-1"), "sigma_b2: a number that is not negative"),
        (("tanh", "--dropout", "1"), "dropout: a probability in [0, 1) is needed"),
        (("tanh", "--weights", "uniform"), "weights: 'gaussian' or 'orthogonal' is needed"),
        (("tanh", "--kind", "phase"), "kind: of a picture, which --plot asks for"),
        (("relu", "--plot", "x.png", "--kind", "map"), "kind: 'phase', 'cobweb', 'correlation' or 'depth' is needed"),
        (("relu", "--plot", "x.nothing"), "plot: 'x.nothing' cannot be written"),
        (("relu", "--plot", "x.png", "--kind", "cobweb"), "sigma_w2, sigma_b2: two numbers are needed"),
        (("tanh", "--variance", "2"), "variance: of a model, got the activation tanh"),
        (("lstm", "--sigma-b2", "0"), "sigma-b2: of an activation, got the model lstm"),
        (("lstm", "--mean", "3"), "mean: NAME=NUMBER such as W=2 is needed, got '3'"),
        (("lstm", "--variance", "W=2", "--variance", "W=3"), "variance: W is given twice"),
        (("x*tanh(x", "--sigma-b2", "0"), "activation: at character 9"),
    ],
)
def test_bad_input_is_one_line(run: Run, arguments: tuple[str, ...], message: str) -> None:
    done = run("mean-field", *arguments)
    assert done.code == 2
    assert done.out == ""
    assert message in done.err
    assert done.err.count("\n") == 1
