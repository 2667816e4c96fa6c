"""Every public name says what it is, and those offered to users show an example that runs."""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import symgrad
from symgrad.bounds.inequality import rules_for

MODULES = ["symgrad", *(found.name for found in pkgutil.walk_packages(symgrad.__path__, "symgrad."))]


def is_method(member: object) -> bool:
    return isinstance(member, property | classmethod | staticmethod) or inspect.isfunction(member)


def undocumented_methods(owner: type) -> Iterator[str]:
    """Public methods that have no text of their own and whose name has none in a base class either."""
    for name, member in vars(owner).items():
        family = [vars(base)[name] for base in owner.__mro__ if name in vars(base)]
        if is_method(member) and not name.startswith("_") and not any(inspect.getdoc(other) for other in family):
            yield f"{owner.__name__}.{name}"


def undocumented(module: ModuleType) -> list[str]:
    """What a module defines under a public name without saying what it is."""
    found: list[str] = []
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
        if own and (inspect.isclass(value) or inspect.isroutine(value)):
            found += [] if inspect.getdoc(value) else [name]
            found += undocumented_methods(value) if inspect.isclass(value) else []
    return found


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_documented(name: str) -> None:
    module = import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    assert undocumented(module) == []


def test_a_missing_docstring_is_found_and_an_inherited_one_accepted() -> None:
    module = ModuleType("sample")
    code = (
        "class A:\n    'Text.'\n    def f(self):\n        'Text.'\n    def g(self): pass\n"
        "    @property\n    def p(self): pass\n    def _private(self): pass\n"
        "class B(A):\n    'Text.'\n    def f(self): pass\n    def g(self): pass\n"
        "def h(): pass\ndef _private(): pass\n"
    )
    exec(code, vars(module))
    assert undocumented(module) == ["A.g", "A.p", "B.g", "h"]


def test_every_name_offered_to_users_has_an_example() -> None:
    offered = {name: getattr(symgrad, name) for name in symgrad.__all__}
    shown = {name: value for name, value in offered.items() if inspect.isclass(value) or inspect.isfunction(value)}
    assert shown
    failing = [name for name, value in shown.items() if ">>>" not in (inspect.getdoc(value) or "")]
    assert [name for name in failing if not is_exception(shown[name])] == []


def is_exception(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Exception)


def test_every_rule_is_explained_in_the_theory() -> None:
    """From a theorem to its code: each rule is linked once at least, and no link leads nowhere."""
    theory = (Path(__file__).resolve().parents[1] / "docs" / "theory.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\(#rule-([\w-]+)\)", theory))
    assert linked == {rule.name.replace(" ", "-") for rule in rules_for()}


def test_every_name_offered_to_users_stands_in_the_api() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
    assert [name for name in symgrad.__all__ if not re.search(rf"\b{name}\b", page)] == []
