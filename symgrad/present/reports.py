"""Reports: everything about one model in a file."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from symgrad.bounds.product import METHODS, Bound
from symgrad.errors import InputError, SymgradError, UnknownNameError
from symgrad.language.norms import norm as norm_of
from symgrad.language.recurrence import Recurrence
from symgrad.present.documents import page
from symgrad.present.report_contents import Experiment, sections
from symgrad.present.report_writers import LatexReport, MarkdownReport, ReportWriter

__all__ = ["report"]

_WRITERS: dict[str, ReportWriter] = {"tex": LatexReport(), "md": MarkdownReport(), "pdf": LatexReport()}
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
    """Write everything about a model into a file: equations, Jacobian, gradient, bounds or why there are none, proofs.

    Args:
        obj: a recurrence, or a bound, which stands for its model, norm and method.
        path: ends in ``.tex``, ``.md`` or ``.pdf``; the last needs pdflatex. Beside the others lies a plot,
            ``NAME-bound.pdf`` or ``.png``.
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
        SymgradError: jinja2 or pdflatex is missing, or pdflatex fails.

    >>> import tempfile, symgrad as sg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = sg.report(sg.models.elman(), f"{folder}/elman.md")
    ...     print(path.read_text().splitlines()[0])
    # Products of Jacobians of elman
    """
    model = _checked(obj, horizon, trajectories)
    target = _target(path)
    writer = _WRITERS[target.suffix[1:]]
    method = obj.method if isinstance(obj, Bound) else method
    if method not in METHODS["upper"]:
        raise UnknownNameError("method", method, METHODS["upper"])
    chosen = [obj.norm] if isinstance(obj, Bound) else [norm_of(value) for value in norms]
    if not chosen:
        raise InputError("norms: at least one norm is needed, got none")
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder) if target.suffix == ".pdf" else target.parent
        picture = beside / f"{_plain(target.stem)}-bound.{writer.picture_format}"
        experiment = None if weights is None else Experiment(weights, horizon, trajectories, seed, picture)
        content = _rendered(
            writer, f"Products of Jacobians of {model.name}", sections(model, chosen, experiment, method)
        )
        if target.suffix == ".pdf":
            _compiled(content, Path(folder), target)
        else:
            target.write_text(content, encoding="utf-8")
    return target


def _checked(obj: Any, horizon: Any, trajectories: Any) -> Recurrence:
    """The model that is reported on."""
    model = obj.free_model if isinstance(obj, Bound) else obj
    if not isinstance(model, Recurrence):
        raise InputError(f"obj: a recurrence or a bound is needed, got {type(obj).__name__}")
    if isinstance(obj, Bound) and obj.factor != 1:
        raise InputError(f"obj: this bound is a claim, the theorem's with its rate times {obj.factor}")
    for name, value, least in (("horizon", horizon, 1), ("trajectories", trajectories, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"{name}: an integer of at least {least} is needed, got {value!r}")
    return model


def _target(path: str | Path) -> Path:
    target = Path(path)
    if target.suffix[1:] not in _WRITERS:
        raise UnknownNameError("ending of a report", target.suffix, [f".{name}" for name in _WRITERS])
    if not target.parent.is_dir():
        raise InputError(f"path: there is no folder {str(target.parent)!r}")
    if target.suffix == ".pdf" and shutil.which("pdflatex") is None:
        raise SymgradError("path: a PDF needs pdflatex, which is not installed; write a .tex or .md instead")
    return target


def _plain(stem: str) -> str:
    """A file name that LaTeX takes."""
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-.") else "-" for sign in stem)


def _rendered(writer: ReportWriter, title: str, content: Any) -> str:
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
        autoescape=False,
    )
    environment.filters |= {"heading": writer.heading, "written": writer.item}
    rendered = str(environment.get_template(writer.template).render(title=writer.heading(title), sections=content))
    return page(rendered) if isinstance(writer, LatexReport) else rendered.strip() + "\n"


def _compiled(source: str, folder: Path, target: Path) -> None:
    """Run pdflatex in a folder of its own, and move the outcome."""
    (folder / "report.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    for _ in range(_RUNS):
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        if done.returncode:
            log = done.stdout.decode("utf-8", errors="replace").splitlines()
            reason = next((line for line in log if line.startswith("!")), "no error in its log")
            raise SymgradError(f"path: pdflatex failed: {reason.removeprefix('! ')}")
    shutil.copyfile(folder / "report.pdf", target)
