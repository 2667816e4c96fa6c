"""The command line: what it prints, its exit codes, and one clear line for each kind of bad input."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.cli import commands
from symgrad.cli.arguments import chosen_model, parsed_activation, parsed_number, parsed_range
from tests.command_line import Run, runner
from tests.present.zoo import zoo

ROOT = Path(__file__).resolve().parents[1]
DIGITS = str(ROOT / "examples" / "digits_elman.safetensors")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return runner(capsys, monkeypatch)


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """An orthogonal matrix: the bound of a linear Elman network is attained."""
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    np.savez(tmp_path / "turn.npz", **{"net.W": turn, "net.U": np.zeros((2, 1)), "net.b": np.zeros(2), "other": turn})
    return str(tmp_path / "turn.npz")


def test_models_are_listed_with_options_and_equations(run) -> None:
    done = run("models")
    assert done.code == 0
    assert all(f"{name}(" in done.out for name in sg.models.names())
    assert "leaky(alpha=symbol, activation=tanh)\n    h[t] = (1 - alpha)*h[t-1] + alpha*tanh(" in done.out
    listed = json.loads(run("models", "--json").out)
    assert [entry["name"] for entry in listed] == sorted(sg.models.names())


@pytest.mark.parametrize("name", sg.models.names())
def test_every_model_is_derived_in_every_format(run, name: str) -> None:
    ranges = [f"--range={symbol}={held.start},{held.end}" for symbol, held in zoo(name).ranges.items()]
    arguments = ("derive", name, "--norm", "inf", *ranges)
    written = run(*arguments)
    assert (written.code, written.err) == (0, "")
    titles = ["Recurrence", "Jacobian", "Bound", "Proof"]
    assert [line for line in written.out.splitlines() if line in titles] == titles
    assert re.search(r"^\|{1,2}J\[[tL]\]\*J\[[tL]-1\]\S*(_inf)? <= ", written.out, re.MULTILINE)
    typeset = run(*arguments, "--format", "latex").out
    assert typeset.count("\\[\n") == typeset.count("\n\\]") == 4
    data = json.loads(run(*arguments, "--format", "json").out)
    assert list(data) == ["recurrence", "jacobian", "bound"]
    assert data["bound"]["norm"] == "inf"
    assert data["bound"]["proof"]["steps"][-1]["rule"].startswith(("power of", "product over layers"))
    assert json.loads(run(*arguments, "--json").out) == data


def test_activation_options_and_ranges_reach_the_model(run) -> None:
    done = run("derive", "leaky", "-a", "leaky_relu(0.2)", "-o", "alpha=1/4", "-r", "u=0,inf")
    assert "(||W||_2/4 + 3/4)**k" in done.out
    assert "each entry of u[t] in [0, oo)" in done.out
    assert "leaky_relu(slope=1/5)(z) = " in done.out


def test_bounds_from_below_and_declared_properties(run) -> None:
    done = run("derive", "elman", "-a", "leaky_relu(0.5)", "--side", "lower", "--assume", "W=orthogonal")
    assert done.code == 0
    assert "sigma_min(J[t]*J[t-1]*...*J[t-k+1]) >= (1/2)**k" in done.out
    assert "W is orthogonal" in done.out


def test_layers_are_stacked_with_the_ranges_of_each(run) -> None:
    data = json.loads(run("derive", "elman", "--layers", "2", "-r", "h=-1,1", "-r", "h_l1=-2,0.5", "--json").out)
    ranges = {entry["name"]: entry["range"] for entry in data["recurrence"]["states"]}
    assert ranges == {"h_l0": ["-1", "1"], "h_l1": ["-1", "1/2"]}


def test_options_may_be_true_or_whole_numbers(run) -> None:
    assert "p_f" in run("derive", "lstm", "-o", "peephole=true", "-r", "c=-1,1").out
    assert "p_f" not in run("derive", "lstm", "-o", "peephole=false", "-r", "c=-1,1").out
    assert "l = 1, ..., 3" in run("derive", "feedforward", "-o", "depth=3").out


def test_a_gradient_is_bounded_with_its_value(run, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", W_rec=2 * np.eye(2), W_in=np.eye(2), b=np.zeros(2))
    asked = ("gradient", "sigmoid_rnn", "--steps", "3", "-r", "u=-1,1", "-w", str(tmp_path / "w.npz"))
    value = json.loads(run(*asked, "--json").out)["value"]["value"]
    exact = np.sqrt(5) * (1 + 0.5 + 0.25)
    assert exact <= value <= exact * (1 + 1e-12)
    done = run(*asked)
    titles = ["Sum", "Bound", "Proof", "Value"]
    assert [line for line in done.out.splitlines() if line in titles] == titles
    left_out = json.loads(run(*asked, "--truncate", "1", "--json").out)["value"]["value"]
    assert left_out == pytest.approx(np.sqrt(5) * 0.75)
    assert run(*asked, "--format", "latex").out.rstrip().splitlines()[-1] == "% Value: at most 3.91312"


@pytest.mark.slow
def test_a_gradient_is_bounded_by_any_method(run, tmp_path: Path) -> None:
    """W = [[0, 4], [1, 0]]: the norm gives the rate 1, the Perron vectors 1/2."""
    np.savez(tmp_path / "w.npz", W_rec=np.array([[0.0, 4.0], [1.0, 0.0]]), W_in=np.eye(2), b=np.zeros(2))
    asked = ("gradient", "sigmoid_rnn", "--steps", "60", "-r", "u=-1,1", "-w", str(tmp_path / "w.npz"), "--json")
    values = {
        m: json.loads(run(*asked, "-m", m).out)["value"]["value"] for m in ("norm", "perron", "quadratic", "best")
    }
    assert values["best"] <= min(values.values())
    assert values["perron"] < 0.1 * values["norm"]
    free = run("gradient", "gru", "-r", "u=-1,1", "-m", "diagonal")
    assert "each entry of h[0] in [-1, 1]" in free.out


def test_the_gradient_of_each_layer(run) -> None:
    done = run("gradient", "feedforward", "-a", "sigmoid", "-r", "x=0,1")
    assert "sqrt(n + 1)*Product(||W_j||_2/4, (j, l + 1, L))/4" in done.out


def test_documents_are_whole(run) -> None:
    for arguments in (("derive", "elman"), ("gradient", "sigmoid_rnn", "-r", "u=-1,1")):
        page = run(*arguments, "--format", "document").out
        assert page.startswith(r"\documentclass")
        assert page.count(r"\section*{") >= 3


def test_a_report_is_written(run, tmp_path: Path, weights: str) -> None:
    path = tmp_path / "out.md"
    arguments = ("report", "elman", "-o", str(path), "-w", weights, "--prefix", "net.", "-k", "3", "-n", "2")
    done = run(*arguments, "-a", "identity", "--norm", "inf")
    assert (done.code, done.out, done.err) == (0, f"{path}\n", "")
    page = path.read_text(encoding="utf-8")
    assert page.startswith("# Products of Jacobians of elman")
    assert "| 3 | 1 |" in page
    assert json.loads(run(*arguments, "-a", "identity", "--json").out)["path"] == str(path)


def test_a_bound_that_holds_ends_with_0(run, weights: str) -> None:
    done = run("verify", "elman", "-w", weights, "-a", "identity", "--prefix", "net.", "-k", "20", "-n", "5")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("||J[t]*J[t-1]*...*J[t-k+1]||_2 <= ||W||_2**k\n")
    rows = [line.split() for line in done.out.splitlines() if line[:1].isdigit()]
    assert [row[0] for row in rows] == ["1", "2", "5", "10", "20"]
    assert all(row[1:] == ["1", "1", "1", "observed"] for row in rows)


def test_a_refuted_claim_ends_with_1(run, weights: str) -> None:
    arguments = ("verify", "elman", "-w", weights, "-a", "identity", "--prefix", "net.", "-k", "20", "-n", "5")
    done = run(*arguments, "--tightened", "0.99")
    assert done.code == 1
    assert "refuted: " in done.out
    assert "witness: trajectory" in done.out
    assert done.err == ""
    data = json.loads(run(*arguments, "--tightened", "0.99", "--json").out)
    assert (data["verdict"], data["holds"], data["factor"]) == ("refuted", False, "99/100")
    assert len(data["rows"]) == 20


def test_numbers_beyond_floats_are_written(run, tmp_path: Path) -> None:
    np.savez(tmp_path / "tiny.npz", W=np.eye(1) * 1e-200, U=np.zeros((1, 1)), b=np.zeros(1))
    done = run("verify", "elman", "-w", str(tmp_path / "tiny.npz"), "-k", "10", "-n", "3")
    assert done.code == 0
    last = next(line.split() for line in done.out.splitlines() if line.startswith("10 "))
    assert last[1].endswith("e-2000")
    assert last[2].endswith("e-2000")


def test_a_verdict_that_could_not_be_reached_ends_with_3(run, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(*arguments: object, **settings: object) -> sg.Check:
        return replace(sg.verify(*arguments, **settings), verdict=sg.Verdict.UNDECIDED, reason="made for this test")

    monkeypatch.setattr(commands, "verify_bound", undecided)
    done = run("verify", "elman", "-w", weights, "-a", "identity", "--prefix", "net.", "-k", "2", "-n", "3")
    assert done.code == 3
    assert "undecided: made for this test" in done.out


def test_inputs_and_seed_are_used(run) -> None:
    sequences = str(ROOT / "examples" / "digits_sequences.safetensors")
    arguments = ("verify", "elman", "-w", DIGITS, "-k", "5", "-n", "4", "--json")
    plain, again, fed = (json.loads(run(*arguments, *more).out) for more in ((), (), ("-i", sequences)))
    assert plain == again
    assert plain["trajectories"] == 4
    assert fed["trajectories"] >= 36  # 32 sequences, some cut into several
    assert json.loads(run(*arguments, "--seed", "7").out)["seed"] == 7
    assert json.loads(run(*arguments, "--search", "adversarial").out)["search"] == "adversarial"


W = ("--weights", DIGITS)
BAD = {
    "model": (("derive", "lsmt"), "unknown model 'lsmt': did you mean 'lstm'?"),
    "activation": (("derive", "elman", "-a", "tahn"), "unknown activation 'tahn': did you mean 'tanh'?"),
    "activation form": (("derive", "elman", "-a", "tanh("), "activation: a name such as tanh or leaky_relu(0.2)"),
    "activation call": (("derive", "elman", "-a", "__import__('os').system('true')"), "activation: a name such as"),
    "activation number": (("derive", "elman", "-a", "elu(alpha=x)"), "alpha of activation elu: a number such as"),
    "activation parameter": (("derive", "elman", "-a", "elu(slope=1)"), "unknown parameter of activation elu 'slope'"),
    "too many": (("derive", "elman", "-a", "tanh(1)"), "activation: tanh takes 0 parameters"),
    "no activation": (("derive", "lstm", "-a", "tanh"), "unknown option of model lstm 'activation'"),
    "norm": (("derive", "elman", "--norm", "3"), "norm: got '3', accepted are 1, 2 and inf"),
    "range form": (("derive", "lstm", "-r", "c=1"), "range: NAME=LOW,HIGH such as c=-16,16 is needed"),
    "range order": (("derive", "lstm", "-r", "c=2,1"), "range of c: the low end must be below the high end"),
    "range number": (("derive", "lstm", "-r", "c=2,exit()"), "range of c: a number such as"),
    "range name": (("derive", "lstm", "-r", "q=1,2"), "unknown symbol of model lstm 'q'"),
    "no range": (("derive", "lstm"), "sup|c| unbounded"),
    "option": (("derive", "leaky", "-o", "alpha"), "option: NAME=VALUE such as alpha=0.3 is needed"),
    "option name": (
        ("derive", "leaky", "-o", "aplha=1"),
        "unknown option of model leaky 'aplha': did you mean 'alpha'?",
    ),
    "option value": (("derive", "leaky", "-o", "alpha=abc"), "option alpha: a number such as"),
    "huge exponent": (("derive", "leaky", "-o", "alpha=1e999999999"), "option alpha: a number such as"),
    "no file": (("verify", "elman", "-w", "none.npz"), "path: none.npz is no file that exists"),
    "format": (("verify", "elman", "-w", __file__), "format .py; accepted are .safetensors, .npz and state dicts"),
    "prefix": (("verify", "elman", *W, "--prefix", "x."), "starts with 'x.'"),
    "horizon": (("verify", "elman", *W, "-k", "0"), "horizon: a positive integer is needed, got 0"),
    "search": (("verify", "elman", *W, "-s", "randm"), "unknown search 'randm': did you mean 'random'?"),
    "backend": (("verify", "elman", *W, "--backend", "numpi"), "unknown backend 'numpi': did you mean 'numpy'?"),
    "device": (("verify", "elman", *W, "--device", "tape"), "device: numpy has no 'tape'"),
    "seed": (("verify", "elman", *W, "--seed", "-1"), "seed: a non-negative integer is needed, got -1"),
    "factor": (("verify", "elman", *W, "--tightened", "-1"), "factor: a positive number is needed"),
    "side": (("derive", "elman", "--side", "under"), "unknown side 'under'"),
    "no lower bound": (("derive", "elman", "--side", "lower"), "no lower bound above zero"),
    "property": (("derive", "elman", "--assume", "W=ortho"), "unknown property of W 'ortho'"),
    "property form": (("derive", "elman", "--assume", "orthogonal"), "assume: NAME=PROPERTY such as W=orthogonal"),
    "property of a vector": (("derive", "elman", "--assume", "b=diagonal"), "diagonal is a property of weight"),
    "property name": (("derive", "elman", "--layers", "2", "--assume", "V=diagonal"), "unknown symbol of model stack"),
    "layers": (("derive", "elman", "--layers", "0"), "layers: a positive integer is needed, got 0"),
    "layers of layers": (("derive", "feedforward", "--layers", "2"), "has a depth"),
    "steps of layers": (("gradient", "feedforward", "-r", "x=0,1", "--steps", "2"), "--steps: model feedforward has"),
    "steps": (("gradient", "sigmoid_rnn", "--steps", "0", "-r", "u=-1,1"), "steps: a positive integer"),
    "truncation": (("gradient", "sigmoid_rnn", "-t", "3", "-k", "4", "-r", "u=-1,1"), "terms: at most 3"),
    "gradient range": (("gradient", "sigmoid_rnn"), "sup|u| unbounded"),
    "gradient method": (("gradient", "elman", "-m", "qadratic"), "did you mean 'quadratic'"),
    "method of layers": (
        ("gradient", "feedforward", "-r", "x=0,1", "-m", "best"),
        "method: every layer of feedforward",
    ),
    "ending": (("report", "elman", "-o", "out.doc"), "unknown ending of a report '.doc'"),
    "folder": (("report", "elman", "-o", "nowhere/out.md"), "path: there is no folder 'nowhere'"),
    "report norm": (("report", "elman", "-o", "out.md", "-p", "7"), "norm: got '7', accepted are 1, 2 and inf"),
    "other weights": (("verify", "lstm", *W, "-r", "c=-1,1"), "weight"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gives_one_line_and_2(run, name: str) -> None:
    arguments, message = BAD[name]
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert message in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "elman"),
        ("derive",),
        ("derive", "elman", "--format", "html"),
        ("simulate",),
        ("-x",),
        ("report", "elman"),
    ],
)
def test_wrong_usage_ends_with_2(run, arguments: Sequence[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Usage: " in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("models", "--help"),
        ("derive", "--help"),
        ("verify", "--help"),
        ("gradient", "--help"),
        ("report", "--help"),
        ("compare", "--help"),
        ("verdict", "--help"),
    ],
)
def test_help_is_there(run, arguments: Sequence[str]) -> None:
    done = run(*arguments)
    assert done.code == 0
    assert "Usage: " in done.out


def test_it_runs_as_a_module_without_a_traceback() -> None:
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    call = [sys.executable, "-m", "symgrad.cli"]
    done = subprocess.run([*call, "derive", "elman"], capture_output=True, text=True, env=settings)
    assert (done.returncode, done.stderr) == (0, "")
    bad = subprocess.run([*call, "derive", "none"], capture_output=True, text=True, env=settings)
    assert bad.returncode == 2
    assert "Traceback" not in bad.stderr


def test_numbers_are_exact() -> None:
    assert parsed_number("x", " 0.1 ") == sp.Rational(1, 10)
    assert parsed_number("x", "-1.5e-3/3") == sp.Rational(-1, 2000)
    for wrong in ("", "1/0", "nan", "inf", "0x1", "1_0", "2**3", "1.2.3"):
        with pytest.raises(sg.InputError, match=r"^x: "):
            parsed_number("x", wrong)


def test_activations_are_those_of_the_library() -> None:
    assert parsed_activation("elu") == sg.activation("elu")
    assert parsed_activation(" elu( alpha = 2 ) ") == parsed_activation("elu(2)") == sg.activation("elu", alpha=2)
    with pytest.raises(sg.InputError, match="given twice"):
        parsed_activation("elu(alpha=1, alpha=2)")


def test_ranges_and_models() -> None:
    assert parsed_range("u = -inf, 1/2") == ("u", sp.Interval(-sp.oo, sp.S.Half))
    assert chosen_model("elman", options=["activation=relu"]).updates == sg.models.elman("relu").updates
    with pytest.raises(sg.InputError, match="given twice"):
        chosen_model("elman", "tanh", ["activation=relu"])


def test_methods_are_chosen(run, weights: str) -> None:
    data = json.loads(run("derive", "elman", "--method", "perron", "--json").out)
    assert "rho(|W|)" in run("derive", "elman", "--method", "perron").out
    assert data["bound"]["proof"]["steps"][-1]["rule"] == "perron scaling"
    turned = ("verify", "elman", "-w", weights, "--prefix", "net.", "-k", "3", "-n", "5")
    assert run(*turned, "--method", "diagonal").code == 0
    assert run(*turned, "--method", "norm", "--tightened", "0.9", "-a", "identity").code == 1
    refused = run("derive", "elman", "--method", "sharpest")
    assert (refused.code, refused.out) == (2, "")
    assert "unknown method 'sharpest'" in refused.err
    assert run("derive", "elman", "--method", "perron", "--side", "lower").code == 2


def test_bounds_are_compared(run, weights: str, tmp_path: Path) -> None:
    call = ("compare", "elman", "-w", weights, "--prefix", "net.", "-k", "5", "-n", "5")
    written = run(*call, "-m", "norm", "-m", "perron")
    assert written.code == 0
    assert "upper bound: perron" in written.out
    assert "upper bound: quadratic" not in written.out
    picture = tmp_path / "bounds.png"
    data = json.loads(run(*call, "-m", "norm", "--json", "--plot", str(picture)).out)
    assert picture.stat().st_size > 1000
    assert data["winners"] == ["norm"] * 5
    refused = run(*call, "-m", "norm", "--plot", str(tmp_path / "bounds.sheet"))
    assert (refused.code, refused.out) == (2, "")
    assert "plot: " in refused.err
    assert run(*call, "-m", "sharpest").code == 2


def test_verdicts_have_exit_codes(run, weights: str) -> None:
    call = ("verdict", "elman", "-w", weights, "--prefix", "net.", "-a", "identity", "-k", "20")
    steady = run(*call)
    assert steady.code == 0
    assert steady.out.startswith("elman: neither (certified)")
    assert json.loads(run(*call, "--json").out)["outcome"] == "neither"
    assert run(*call, "--fail-if", "exploding").code == run(*call, "--fail-if", "vanishing").code == 0
    assert run("verdict", "neuron", "-o", "w=2", "-o", "b=0", "--fail-if", "vanishing").code == 1
    assert run("verdict", "elman", "--fail-if", "vanishing").code == 3
    assert run("verdict", "elman", "--fail-if", "often").code == 2
    refused = run("verdict", "elman", "--delta", "2")
    assert (refused.code, refused.out) == (2, "")
    assert "delta: a number between 0 and 1" in refused.err
