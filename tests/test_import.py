"""What ``import symgrad`` loads, seen from fresh interpreters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("matplotlib", "torch", "jax", "cvxpy", "typer", "sklearn", "dask", "distributed")
# Imports a statement's modules, then names those of the rest that came with them.
PROBE = "import sys\n{statement}\nprint(*[name for name in sys.argv[1:] if name in sys.modules])"
# Imports every module first of all, in a child of a process that has loaded only the slow foundations; the arguments
# are a folder for byte code and the modules.
EACH_FIRST = """
import os, sys, importlib, traceback
import array_api_compat, flint, mpmath, numpy, rich, safetensors, scipy.linalg, scipy.optimize, sympy, typer
sys.dont_write_bytecode = False  # each child would compile the whole package again
sys.pycache_prefix = sys.argv[1]
failed = []
for name in sys.argv[2:]:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        failed.append(name)
print(*failed)
"""


def fresh(code: str, *arguments: str) -> list[str]:
    """The words that a fresh interpreter prints, run in the project's folder with warnings as errors."""
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def loaded_by(statement: str, candidates: tuple[str, ...]) -> list[str]:
    return fresh(PROBE.format(statement=statement), *candidates)


def test_the_package_loads_no_heavy_library() -> None:
    assert loaded_by("import symgrad", HEAVY) == []


@pytest.mark.parametrize("name", ["typer", "matplotlib"])
def test_the_probe_sees_a_library_that_is_loaded(name: str) -> None:
    assert loaded_by(f"import symgrad\nimport {name}", HEAVY) == [name]


def test_every_public_name_is_there() -> None:
    code = "import symgrad\nprint(*[name for name in symgrad.__all__ if not hasattr(symgrad, name)])"
    assert fresh(code) == []


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_every_module_can_be_imported_first(tmp_path: Path) -> None:
    paths = sorted((ROOT / "symgrad").rglob("*.py"))
    parts = [path.relative_to(ROOT).with_suffix("").parts for path in paths]
    names = [".".join(part[:-1] if part[-1] == "__init__" else part) for part in parts]
    assert "symgrad.errors" in names
    assert fresh(EACH_FIRST, str(tmp_path), *names) == []
