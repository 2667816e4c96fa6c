"""Presentable: results answer ``.latex()``, ``.to_dict()`` and ``str()`` without an import of what presents them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Presentable"]


class Presentable:
    """Hands presentation over to :mod:`symgrad.present`, loaded by name on first use."""

    def latex(self, *, standalone: bool = False) -> str:
        """The object as LaTeX source.

        Args:
            standalone: whether to write a whole document for pdflatex, in which long formulas and proofs break over
                lines and pages, instead of display mathematics for a notebook or a paper of one's own.
        """
        present = import_module("symgrad.present")
        return str(present.document(self) if standalone else present.latex(self))

    def to_dict(self) -> dict[str, Any]:
        """The object as plain data that JSON can hold."""
        return dict(import_module("symgrad.present").to_dict(self))

    def plot(self, *args: Any, **options: Any) -> Any:
        """A picture of the object, with matplotlib; see :mod:`symgrad.present.plots` for what each kind takes.

        Returns:
            The matplotlib axes. Nothing is shown; ``.figure.savefig(...)`` of them writes a file.

        Raises:
            InputError: there is no picture of such an object.
        """
        return import_module("symgrad.present").plot(self, *args, **options)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __str__(self) -> str:
        return str(import_module("symgrad.present").text(self))
