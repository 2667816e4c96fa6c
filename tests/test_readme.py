"""Every example of README.md and of docs/ is executed as it stands.

Python blocks of a page run in order in one namespace; a block with ``>>>`` prompts is also compared with the output
that it shows. In ``console``, ``bash`` and ``sh`` blocks each command that starts with ``symgrad`` is run: it must end
with exit code 0, or with the code named in a trailing ``# exit code 1``; output shown below a ``$ symgrad`` prompt is
compared, ``...`` standing for anything.
"""

from __future__ import annotations

import doctest
import io
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from symgrad.bounds import inequality
from symgrad.cli import main
from symgrad.language.models import catalogue
from symgrad.numerics.libraries import LIBRARIES

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n`]*\n(?P<text>.*?)^(?P=indent)```[ \t]*$", re.M | re.S)
SHELL = {"console", "bash", "sh", "shell"}
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text and the line of the page on which the text starts."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """A ``symgrad`` command, the output shown for it (None if none is) and the exit code expected."""

    arguments: tuple[str, ...]
    output: str | None
    exit_code: int


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, without the indentation of the fence."""
    found = []
    for match in FENCE.finditer(page):
        lines = match["text"].splitlines(keepends=True)
        text = "".join(line.removeprefix(match["indent"]) for line in lines)
        found.append(Block(match["language"], text, page.count("\n", 0, match.start("text")) + 1))
    return found


def run_python(page: str, name: str) -> int:
    """Run the Python blocks of a page in one namespace; the number of blocks run."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    python = [block for block in blocks(page) if block.language in {"python", "pycon"}]
    for block in python:
        if ">>>" in block.text:
            run_doctest(block, name, namespace)
        else:
            # Blank lines in front make a traceback name the line of the page.
            code = compile("\n" * (block.line - 1) + block.text, name, "exec", dont_inherit=True)
            exec(code, namespace)
    return len(python)


def run_doctest(block: Block, name: str, namespace: dict[str, object]) -> None:
    """Run a block with prompts and compare its output; definitions go back into the namespace."""
    test = doctest.DocTestParser().get_doctest(block.text, {}, name, name, block.line - 1)
    test.globs = namespace
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append, clear_globs=False)
    assert result.failed == 0, "".join(report)


def commands(page: str) -> Iterator[Command]:
    """The ``symgrad`` commands of a page's shell blocks, with backslash continuations joined."""
    for block in blocks(page):
        if block.language not in SHELL:
            continue
        text = block.text.replace("\\\n", " ")
        prompted = re.search(r"^\$ ", text, re.M)
        parts = re.split(r"^\$ ", text, flags=re.M)[1:] if prompted else text.splitlines(keepends=True)
        for part in parts:
            line, _, shown = part.partition("\n")
            words = shlex.split(line, comments=True)
            if words[:1] == ["symgrad"]:
                code = re.search(r"#\s*exit code (\d+)", line)
                yield Command(tuple(words[1:]), shown.strip() or None, int(code[1]) if code else 0)


def run_command(command: Command) -> None:
    """Run one command in this process and folder; check its exit code and the output shown."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in {"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["symgrad", *command.arguments])
        code = main()
    assert code == command.exit_code, out.getvalue() + err.getvalue()
    if command.output is not None:
        assert doctest.OutputChecker().check_output(command.output + "\n", out.getvalue(), FLAGS), out.getvalue()


def page_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder in which the project's examples/ can be read; what a page writes stays in it."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.setattr(inequality, "_RULES", [*inequality._RULES])  # a page may declare what is its own
    monkeypatch.setattr(catalogue, "_FAMILIES", {**catalogue._FAMILIES})
    monkeypatch.chdir(tmp_path)
    with patch.dict(LIBRARIES):
        yield tmp_path


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_the_python_blocks_run(path: Path, folder: Path) -> None:
    count = run_python(path.read_text(encoding="utf-8"), str(path))
    assert count > 0 or path.name != "README.md", "README.md shows no Python"


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_the_commands_run(path: Path, folder: Path) -> None:
    for command in commands(path.read_text(encoding="utf-8")):
        run_command(command)


def test_blocks_are_found_with_their_lines() -> None:
    page = (
        "a\n```python\nx = 1\n```\n\n- b\n"
        "  ```console\n  $ symgrad a \\\n    b  # exit code 2\n  out\n  ```\n```\nno\n```\n"
    )
    assert blocks(page) == [
        Block("python", "x = 1\n", 3),
        Block("console", "$ symgrad a \\\n  b  # exit code 2\nout\n", 8),
        Block("", "no\n", 13),
    ]
    assert list(commands(page)) == [Command(("a", "b"), "out", 2)]


def test_commands_without_prompts_are_found() -> None:
    page = "```bash\npip install x\nsymgrad models\n\nsymgrad derive 'a b'  # exit code 0\n```\n"
    assert list(commands(page)) == [Command(("models",), None, 0), Command(("derive", "a b"), None, 0)]


def test_blocks_share_one_namespace() -> None:
    assert (
        run_python(
            "```python\nx = 1\n```\ntext\n```python\n>>> x + 1\n2\n>>> y = 3\n```\n```python\nassert y == 3\n```\n", "p"
        )
        == 3
    )


@pytest.mark.parametrize(
    "page", ["```python\n1 / 0\n```\n", "```python\nx = 1\n```\n```python\n>>> x\n2\n```\n", "```python\nx =\n```\n"]
)
def test_a_block_that_fails_is_seen(page: str) -> None:
    with pytest.raises((ZeroDivisionError, AssertionError, SyntaxError)):
        run_python(page, "page")


def test_a_command_that_fails_is_seen() -> None:
    with pytest.raises(AssertionError):
        run_command(Command(("no-such-command",), None, 0))


def test_output_that_differs_is_seen() -> None:
    with pytest.raises(AssertionError):
        run_command(Command(("models",), "not what it prints", 0))
