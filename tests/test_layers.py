"""The layer rule, read from the source with ``ast``: imports stand at the top, point down and form no cycle."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import symgrad

PACKAGE = "symgrad"
ROOT = Path(__file__).resolve().parents[1] / PACKAGE
# The first part of a module's path below the package gives its layer. The package itself offers layers 0-7 to users,
# so only the command line stands above it.
LAYERS = {
    "errors": 0,
    "rigor": 1,
    "presentable": 1,
    "language": 2,
    "calculus": 3,
    "bounds": 4,
    "dynamics": 5.5,
    "meanfield": 5.5,
    "design": 5.8,
    "numerics": 5,
    "interop": 6,
    "diagnosis": 6.5,
    "sweeps": 6.6,
    "present": 7,
    "": 7.5,
    "cli": 8,
}
# Packages that are heavy or optional: these alone may be imported inside a function.
DEFERRED = {
    "difflib",
    "torch",
    "jax",
    "cupy",
    "cupyx",
    "cvxpy",
    "matplotlib",
    "typer",
    "rich",
    "sklearn",
    "dask",
    "distributed",
    "pyarrow",
    "jinja2",
    "latex2mathml",
}
# The one module that loads a higher layer by name, on first use, and what it may load.
LOADS_BY_NAME = {"symgrad.presentable": "symgrad.present"}
LOADERS = {"import_module", "__import__"}


@dataclass(frozen=True)
class Import:
    """One imported name: ``module`` and, for ``from module import name``, the name too."""

    module: str
    name: str | None
    line: int
    in_body: bool  # inside a function or a class

    def target(self, modules: Mapping[str, Path]) -> str:
        """The module that is loaded: ``from a import b`` loads ``a.b`` where that is a module, else ``a``."""
        full = f"{self.module}.{self.name}"
        return full if full in modules else self.module


def module_files(root: Path) -> dict[str, Path]:
    """Dotted name of every module below ``root``, which is the folder of the package."""
    files = {}
    for path in sorted(root.rglob("*.py")):
        parts = (PACKAGE, *path.relative_to(root).with_suffix("").parts)
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def layer(module: str) -> float | None:
    """The layer of a module, or None if its folder is in no layer."""
    return LAYERS.get([*module.split("."), ""][1])


def statements(tree: ast.AST, in_body: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every statement below ``tree``, and whether it stands inside a function or a class."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(tree, part, ()):
            yield child, in_body
            body = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            yield from statements(child, in_body or body)


def absolute(node: ast.ImportFrom, module: str, path: Path) -> str:
    """The absolute name of the module after ``from``, with leading dots resolved."""
    if not node.level:
        return node.module or ""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def imports(module: str, path: Path, tree: ast.AST) -> Iterator[Import]:
    """Every import statement of a file, wherever it stands: also below ``if TYPE_CHECKING``."""
    for node, in_body in statements(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, None, node.lineno, in_body) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, module, path)
            yield from (Import(base, alias.name, node.lineno, in_body) for alias in node.names)


def loader_calls(tree: ast.AST) -> Iterator[tuple[str | None, int]]:
    """The name (None if not a constant) and line of each call of ``importlib.import_module`` or ``__import__``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in LOADERS:
            first = node.args[0] if node.args else None
            constant = isinstance(first, ast.Constant) and isinstance(first.value, str)
            yield (first.value if constant else None), node.lineno


def import_faults(module: str, found: Import, modules: Mapping[str, Path]) -> Iterator[str]:
    """What is wrong with one import statement."""
    root, where = found.module.split(".")[0], f"{module}:{found.line}"
    if found.in_body and root not in DEFERRED:
        yield f"{where}: {found.module} is imported inside a function or class"
    if root != PACKAGE:
        return
    target = found.target(modules)
    own, other = layer(module), layer(target)
    if target not in modules:
        yield f"{where}: {target} does not exist"
    elif own is not None and other is not None and other > own:
        yield f"{where}: layer {own:g} imports {target} of the higher layer {other:g}"


def loader_faults(module: str, tree: ast.AST) -> Iterator[str]:
    """What is wrong with modules loaded by name; the package may load what it also imports for type checkers."""
    if module == PACKAGE:
        return
    allowed = LOADS_BY_NAME.get(module)
    for name, line in loader_calls(tree):
        inside = allowed is not None and name is not None and f"{name}.".startswith(f"{allowed}.")
        if not inside and (name is None or name.split(".")[0] not in DEFERRED):
            yield f"{module}:{line}: {name or 'a computed name'} is loaded by name"


def cycle_faults(graph: Mapping[str, set[str]]) -> Iterator[str]:
    """One cycle of the import graph, if there is any."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"import cycle: {' -> '.join(error.args[1])}"


def faults(root: Path) -> list[str]:
    """Every breach of the layer rule in the package whose folder is ``root``."""
    modules, graph, found = module_files(root), {}, []
    for module, path in modules.items():
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, str(path))
        listed = list(imports(module, path, tree))
        if layer(module) is None:
            found.append(f"{module}: in no layer")
        for item in listed:
            found += import_faults(module, item, modules)
        found += loader_faults(module, tree) if any(name in text for name in LOADERS) else ()
        graph[module] = {item.target(modules) for item in listed} & modules.keys()
    return found + list(cycle_faults(graph))


def test_the_package_obeys_the_layer_rule() -> None:
    assert faults(ROOT) == []


def test_what_the_package_loads_on_first_use_is_what_it_imports_for_type_checkers() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    declared = {item.name: item.module for item in imports(PACKAGE, ROOT / "__init__.py", tree)}
    assert symgrad._ON_FIRST_USE
    assert all(declared[name] == module for name, module in symgrad._ON_FIRST_USE.items())


def test_the_package_is_found() -> None:
    modules = module_files(ROOT)
    assert {"symgrad", "symgrad.errors", "symgrad.rigor", "symgrad.language.models"} <= modules.keys()
    assert all(layer(module) is not None for module in modules)


def tree_at(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a small package; folders get an empty ``__init__.py`` where none is given."""
    root = folder / PACKAGE
    for name, text in {"__init__.py": "", "errors.py": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for parent in [parent for parent in path.parents if parent.is_relative_to(root)]:
            (parent / "__init__.py").touch()
        path.write_text(text, encoding="utf-8")
    return root


GOOD = {
    "down": {"bounds/a.py": "import sympy\nfrom symgrad.rigor.b import x\nfrom ..errors import E\n", "rigor/b.py": ""},
    "same layer": {"bounds/a.py": "from symgrad.bounds import b\n", "bounds/b.py": ""},
    "public names": {
        "__init__.py": "from symgrad.interop import a\n",
        "interop/a.py": "",
        "cli.py": "import symgrad\n",
    },
    "heavy, deferred": {"numerics/a.py": "def f():\n    import torch\n    from jax import numpy\n"},
    "heavy, by name": {"numerics/a.py": "import importlib\ndef f():\n    return importlib.import_module('torch.fx')\n"},
    "presentable": {
        "presentable.py": "import importlib\ndef f():\n    importlib.import_module('symgrad.present.latex')\n"
    },
    "types only, down": {"bounds/a.py": "if TYPE_CHECKING:\n    from symgrad.rigor import b\n", "rigor/b.py": ""},
}

BAD = {
    "upwards": (
        {"rigor/a.py": "from symgrad.bounds.b import x\n", "bounds/b.py": ""},
        "layer 1 imports symgrad.bounds.b",
    ),
    "upwards, folder": ({"rigor/a.py": "from symgrad import bounds\n", "bounds/b.py": ""}, "imports symgrad.bounds of"),
    "upwards, plain": ({"rigor/a.py": "import symgrad.cli\n", "cli.py": ""}, "higher layer 8"),
    "upwards, relative": ({"rigor/a.py": "from ..bounds import b\n", "bounds/b.py": ""}, "imports symgrad.bounds.b of"),
    "upwards, deep": (
        {"language/models/a.py": "from ...calculus import b\n", "calculus/b.py": ""},
        "symgrad.calculus.b",
    ),
    "upwards, types only": (
        {"rigor/a.py": "if TYPE_CHECKING:\n    from symgrad.bounds import b\n", "bounds/b.py": ""},
        "imports symgrad.bounds.b of the higher layer 4",
    ),
    "upwards, in try": (
        {"rigor/a.py": "try:\n    import symgrad.cli\nexcept ImportError:\n    pass\n", "cli.py": ""},
        "higher layer 8",
    ),
    "package from below": ({"numerics/a.py": "import symgrad as sg\n"}, "layer 5 imports symgrad of"),
    "package loads cli": ({"__init__.py": "from symgrad.cli import a\n", "cli/a.py": ""}, "higher layer 8"),
    "errors import": ({"errors.py": "from symgrad.rigor import a\n", "rigor/a.py": ""}, "layer 0 imports"),
    "in function": (
        {"bounds/a.py": "def f():\n    from symgrad.rigor import b\n", "rigor/b.py": ""},
        "symgrad.rigor is imported inside",
    ),
    "in method": ({"bounds/a.py": "class A:\n    def f(self):\n        import json\n"}, "json is imported inside"),
    "in class": ({"bounds/a.py": "class A:\n    import json\n"}, "json is imported inside"),
    "in lambda's neighbour": ({"bounds/a.py": "async def f():\n    import numpy\n"}, "numpy is imported inside"),
    "by name": ({"bounds/a.py": "import importlib\nimportlib.import_module('symgrad.cli')\n"}, "loaded by name"),
    "by computed name": (
        {"presentable.py": "from importlib import import_module\ndef f(x):\n    import_module(x)\n"},
        "a computed name is loaded by name",
    ),
    "presentable elsewhere": (
        {"presentable.py": "__import__('symgrad.presents')\n"},
        "symgrad.presents is loaded by name",
    ),
    "cycle of two": (
        {"rigor/a.py": "from symgrad.rigor import b\n", "rigor/b.py": "import symgrad.rigor.a\n"},
        "import cycle",
    ),
    "cycle of three": (
        {"bounds/a.py": "from . import b\n", "bounds/b.py": "from . import c\n", "bounds/c.py": "from .a import x\n"},
        "import cycle",
    ),
    "cycle with the folder": (
        {"rigor/__init__.py": "from symgrad.rigor.a import x\n", "rigor/a.py": "from symgrad.rigor import y\n"},
        "import cycle",
    ),
    "cycle through types": (
        {"rigor/a.py": "if TYPE_CHECKING:\n    from .b import x\n", "rigor/b.py": "from .a import y\n"},
        "import cycle",
    ),
    "itself": ({"rigor/a.py": "import symgrad.rigor.a\n"}, "import cycle"),
    "missing": ({"rigor/a.py": "import symgrad.rigor.gone\n"}, "symgrad.rigor.gone does not exist"),
    "no layer": ({"utils.py": ""}, "symgrad.utils: in no layer"),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_tree_that_obeys_has_no_fault(case: str, tmp_path: Path) -> None:
    assert faults(tree_at(tmp_path, GOOD[case])) == []


@pytest.mark.parametrize("case", BAD)
def test_a_breach_is_found(case: str, tmp_path: Path) -> None:
    files, expected = BAD[case]
    found = faults(tree_at(tmp_path, files))
    assert any(expected in fault for fault in found), found
