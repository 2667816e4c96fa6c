"""``symgrad init``: gains and code on the command line."""

from __future__ import annotations

import ast
import json

import pytest

from tests.command_line import Run, runner


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return runner(capsys, monkeypatch)


def test_gain_with_derivation(run: Run) -> None:
    found = run("init", "relu", "--fan-in", "50")
    assert found.code == 0
    assert found.out.startswith("relu, mode forward: g = sqrt(2) = 1.414213562...")
    assert "standard deviation sqrt(2)*g/10 = 0.2" in found.out


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_code(run: Run, framework: str) -> None:
    found = run("init", "gelu", "--framework", framework, "--mode", "backward")
    assert found.code == 0
    tree = ast.parse(found.out)
    assert "init_weights" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_json(run: Run) -> None:
    gain = json.loads(run("init", "x*sigmoid(2*x)", "--json").out)
    assert gain["kind"] == "gain"
    assert gain["ball"]["low"] <= gain["ball"]["value"] <= gain["ball"]["high"]
    code = json.loads(run("init", "leaky_relu(0.2)", "-w", "jax", "--json").out)
    assert code["gain"]["ball"]["value"] == pytest.approx((2 / 1.04) ** 0.5)
    compile(code["code"], "snippet", "exec")


def test_models(run: Run) -> None:
    assert "('constant', 4.0)" in run("init", "lstm", "-w", "torch", "--forget-bias", "4").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gelus",), "did you mean 'gelu'"),
        (("x*y",), "one symbol"),
        (("__import__('os')",), "not accepted"),
        (("relu", "-m", "kumar"), "linearises"),
        (("relu", "-w", "tensorflow"), "framework"),
        (("lstm",), "framework"),
        (("relu", "--fan", "out"), "--framework"),
        (("relu", "-w", "torch", "--fan-in", "3"), "fan-in"),
        (("relu", "-q", "-1"), "variance"),
    ],
)
def test_bad_input_is_one_line(run: Run, arguments: tuple[str, ...], message: str) -> None:
    found = run("init", *arguments)
    assert found.code == 2
    assert message in found.err
    assert found.err.count("\n") == 1
