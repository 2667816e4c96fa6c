"""Presentable: results answer ``.latex()``, ``.to_dict()`` and ``str()`` without an import of what presents them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

__all__ = ["Presentable"]


class Presentable:
    """Hands presentation over to :mod:`symgrad.present`, loaded by name on first use."""

    def latex(self, *, standalone: bool = False, weights: Mapping[Any, Any] | None = None, k: int | None = None) -> str:
        """The object as LaTeX source.

        Args:
            standalone: whether to write a whole document for pdflatex, in which long formulas and proofs break over
                lines and pages, instead of display mathematics for a notebook or a paper of one's own.
            weights: symbol or name -> array. Of bounds and proofs: after each formula, the formula with numbers.
            k: with weights, the number of factors (of a bound on gradients the number of steps).

        Raises:
            InputError: malformed or missing weights; weights for something they cannot be put into.
        """
        present = import_module("symgrad.present")
        shown = self if weights is None and k is None else present.with_numbers(self, weights, k)
        return str(present.document(shown) if standalone else present.latex(shown))

    def text(self, *, weights: Mapping[Any, Any] | None = None, k: int | None = None) -> str:
        """The object as plain text, as ``str()`` gives it; with weights also the numbers, as for :meth:`latex`.

        >>> import symgrad as sg
        >>> print(sg.product_bound(sg.models.elman("sigmoid")).text(weights={"W": [[3.0]]}, k=2))
        ||J[t]*J[t-1]*...*J[t-k+1]||_2 <= (||W||_2/4)**k
         = (3/4)**2
         = 0.5625
        k = 2
        """
        present = import_module("symgrad.present")
        return str(present.text(self if weights is None and k is None else present.with_numbers(self, weights, k)))

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

    def __rich__(self) -> Any:
        return import_module("symgrad.present").terminal(self)

    def __str__(self) -> str:
        return self.text()
