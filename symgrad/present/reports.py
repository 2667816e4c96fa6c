"""Reports: everything about one model, or one diagnosis, in a file."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from symgrad.errors import InputError, SymgradError, UnknownNameError
from symgrad.present.report_contents import Asked, Pictures, content
from symgrad.present.report_html import HtmlReport
from symgrad.present.report_markdown import MarkdownReport
from symgrad.present.report_parts import Content
from symgrad.present.report_writers import LatexReport, ReportWriter

__all__ = ["report"]

_WRITERS: dict[str, Callable[[], ReportWriter]] = {
    "html": HtmlReport,
    "tex": LatexReport,
    "md": MarkdownReport,
    "pdf": LatexReport,
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # no part of any format, but of names perhaps
_RUNS = 2  # the second one settles the widths of tables over several pages


def report(
    obj: Any,
    path: str | Path,
    weights: Mapping[Any, Any] | None = None,
    *,
    norms: Iterable[Any] = (2, 1, "inf"),
    method: str = "norm",
    horizon: int = 100,
    trajectories: int = 50,
    seed: int = 0,
) -> Path:
    """Write everything about a model or a diagnosis into a file.

    Of a model: equations, Jacobian, gradient, bounds or why there are none, proofs.

    Args:
        obj: a recurrence, or a bound, which stands for its model, norm and method; or a diagnosis, which has numbers
            of its own: what follows the path is for recurrences and bounds.
        path: ends in ``.html``, ``.tex``, ``.md`` or ``.pdf``; the last needs pdflatex. A page for browsers is one
            file that loads nothing; beside ``.tex`` and ``.md`` lie plots such as ``NAME-bound.pdf`` or ``.png``.
        weights: symbol or name -> array. With them the report has a table of the bounds' values, and a plot of the
            first one against simulated trajectories; these need all parameters.
        norms: that products are bounded in, the one first whose proof is shown.
        method: how products and gradients are bounded, see :func:`symgrad.product_bound`; from below by ``"range"``
            where it is for bounds from above only.
        horizon: the largest number of factors in table and plot.
        trajectories: how many are simulated; 0 for none.
        seed: of all that is drawn.

    Returns:
        The path of the file.

    Raises:
        InputError: another object or ending, a folder that is not there, malformed weights.
        SymgradError: jinja2, latex2mathml or pdflatex is missing, or pdflatex fails.

    >>> import tempfile, symgrad as sg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = sg.report(sg.models.elman(), f"{folder}/elman.md")
    ...     print(path.read_text().splitlines()[0])
    # Products of Jacobians of elman
    """
    target = _target(path)
    writer = _WRITERS[target.suffix[1:]]()
    with tempfile.TemporaryDirectory() as folder:
        beside = target.parent if writer.beside and target.suffix != ".pdf" else Path(folder)
        pictures = Pictures(beside, _plain(target.stem), writer.picture_format)
        asked = Asked(pictures, weights, tuple(norms), method, horizon, trajectories, seed)
        written = _rendered(writer, content(obj, asked))
        if target.suffix == ".pdf":
            _compiled(written, Path(folder), target)
        else:
            target.write_text(written, encoding="utf-8")
    return target


def _target(path: str | Path) -> Path:
    target = Path(path)
    if target.suffix[1:] not in _WRITERS:
        raise UnknownNameError("ending of a report", target.suffix, [f".{name}" for name in _WRITERS])
    if not target.parent.is_dir():
        raise InputError(f"path: there is no folder {str(target.parent)!r}")
    if target.suffix == ".pdf" and shutil.which("pdflatex") is None:
        raise SymgradError("path: a PDF needs pdflatex, which is not installed; write a .html, .tex or .md instead")
    return target


def _plain(stem: str) -> str:
    """A file name that LaTeX takes."""
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-.") else "-" for sign in stem)


def _rendered(writer: ReportWriter, found: Content) -> str:
    """The template filled in."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise SymgradError("reports need jinja2: pip install 'symgrad[report]'") from None
    environment = Environment(
        loader=PackageLoader("symgrad.present"),
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        undefined=StrictUndefined,
        autoescape=writer.escapes,
    )
    environment.filters |= {"heading": writer.heading, "written": writer.item}
    template = environment.get_template(writer.template)
    rendered = writer.finished(str(template.render(title=found.title, sections=found.sections)))
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}" if writer.escapes else " ", rendered)


def _compiled(source: str, folder: Path, target: Path) -> None:
    """Run pdflatex in a folder of its own, and move the outcome."""
    (folder / "report.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    for _ in range(_RUNS):
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        if done.returncode:
            log = done.stdout.decode("utf-8", errors="replace").splitlines()
            reason = next((line for line in log if line.startswith("!")), "no error in its log")
            raise SymgradError(f"path: pdflatex failed: {reason.removeprefix('! ')}")
    shutil.copyfile(folder / "report.pdf", target)
