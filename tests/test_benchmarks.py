"""The benchmarks run and say what they measured; how fast anything is, no test asks."""

import importlib.util
import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
RUN = FOLDER / "run.py"
WITHOUT_RIVAL = {"sweep_plan"}  # a simulation: it prints its own table


def loaded(name):
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their module
    spec.loader.exec_module(module)
    return module


def run(*arguments):
    return subprocess.run([sys.executable, str(RUN), *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def figures():
    return loaded("figures")


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    path = tmp_path_factory.mktemp("figures") / "made" / "figures.json"
    done = run("--quick", "--threads", 1, "--output", path, "matrix_norms")
    return done, json.loads(path.read_text())


def test_quick_run_writes_machine_and_figures(quick):
    done, found = quick
    assert done.returncode == 0, done.stderr
    assert found["quick"] is True
    assert found["failed"] == {}
    machine = found["machine"]
    assert {"cpu", "cores", "python", "libraries", "threads", "date", "revision"} <= machine.keys()
    assert machine["threads"] == 1
    assert {"numpy", "sympy", "python-flint"} <= machine["libraries"].keys()


def test_quick_run_states_medians_spread_ratio_and_targets(quick):
    for record in quick[1]["figures"]:
        assert record["benchmark"] == "matrix_norms"
        assert 0 < record["shortest"] <= record["seconds"] <= record["longest"]
        assert record["seconds"] == statistics.median(record["runs"])
        assert record["rival"] == "numpy.linalg.norm(A, 2)"
        pairs = zip(record["rival_runs"], record["runs"], strict=True)
        assert record["ratio"] == statistics.median(rival / own for rival, own in pairs)
        assert record["holds"] is True
        assert record["met"] in (None, record["target"] is not None and record["ratio"] >= record["target"])


def test_the_table_has_a_row_for_each_figure(quick):
    done, found = quick
    heads, *rows = done.stdout.splitlines()
    assert heads.split() == ["benchmark", "case", "ours", "rival", "time", "ratio", "target", "met"]
    assert sum(row.startswith("matrix_norms") for row in rows) == len(found["figures"]) > 0


def test_unknown_names_are_refused_with_those_that_there_are():
    done = run("no_such_benchmark")
    assert done.returncode == 2
    assert "no_such_benchmark" in done.stderr
    assert "matrix_norms" in done.stderr


def test_a_script_that_fails_is_named_and_the_others_still_run(tmp_path):
    for name in ("figures", "run"):
        (tmp_path / f"{name}.py").write_text((FOLDER / f"{name}.py").read_text())
    (tmp_path / "bad.py").write_text("def figures(quick):\n    raise ArithmeticError('no figure')\n")
    good = (
        "from figures import Figure\ndef figures(quick):\n    return [Figure('good', 'all', 2.0, 'other', 1.0, 4.0)]\n"
    )
    (tmp_path / "good.py").write_text(good)
    output = tmp_path / "out.json"
    call = [sys.executable, str(tmp_path / "run.py"), "--output", str(output)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    found = json.loads(output.read_text())
    assert done.returncode == 1
    assert found["failed"] == {"bad": "ArithmeticError: no figure"}
    assert [(record["benchmark"], record["ratio"], record["met"]) for record in found["figures"]] == [
        ("good", 0.5, False)  # a missed target alone is no failure
    ]


def test_every_script_takes_part():
    found = set(loaded("run").scripts())
    own = {path.stem for path in FOLDER.glob("*.py") if "def main(" in path.read_text()} - {"run"}
    assert {"fixed_points", "gaussian_means", "matrix_norms", "mean_field"} <= found
    assert own - found <= WITHOUT_RIVAL
    assert not {"run", "figures"} & found


@pytest.mark.parametrize(
    ("options", "met"),
    [
        ({}, None),
        ({"rival_seconds": 3.0, "target": 2.0}, True),
        ({"rival_seconds": 1.0, "target": 2.0}, False),
        ({"rival_seconds": 3.0, "target": 2.0, "holds": False}, False),
        ({"target": 2.0}, None),
        ({"allowed": 2.0}, True),
        ({"allowed": 0.5}, False),
        ({"allowed": 0.5, "rival_seconds": 3.0, "target": 2.0}, False),
    ],
)
def test_what_meets_a_target(figures, options, met):
    assert figures.Figure("b", "c", 1.0, "rival", **options).met is met


def test_ratios_are_taken_within_turns(figures):
    slow_machine_in_the_second_turn = figures.Figure("b", "c", (1.0, 10.0, 1.0), "r", (3.0, 30.0, 3.3))
    assert slow_machine_in_the_second_turn.ratio == pytest.approx(3.0)
    assert figures.Figure("b", "c", (1.0, 2.0, 9.0), "r", 4.0).ratio == 2.0


def test_what_numpy_found_can_be_written(figures):
    record = figures.Figure("b", "c", np.float64(1.0), "r", np.float64(3.0), 2.0, holds=np.float64(1.0) < 2).record()
    assert json.loads(json.dumps(record))["met"] is True
