"""Bounds as scalar formulas in plain real symbols, one for each norm and each parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from symgrad.bounds.gradient import GradientBound
from symgrad.bounds.layer_gradient import LayerGradientBound
from symgrad.bounds.product import Bound
from symgrad.bounds.steps import checked_steps
from symgrad.calculus.enclose import BoundEvaluator
from symgrad.design.signs import domain_of
from symgrad.errors import InputError, UnknownNameError
from symgrad.language.norms import MatrixScalar
from symgrad.language.numbers import exact_floats, exact_number
from symgrad.language.recurrence import Recurrence
from symgrad.language.weights import Weights, bind
from symgrad.rigor.balls import Enclosed

__all__ = ["ScalarForm", "scalar_form"]


@dataclass(frozen=True, eq=False)
class ScalarForm:
    """A bound as a formula of real numbers.

    Attributes:
        formula: in plain symbols.
        unknown: the symbol that is solved for.
        shown: symbol -> what it stands for: a norm, or a parameter as the user knows it.
        ranges: symbol -> the interval that it lies in.
        originals: the bound as it was given, with and without its number of steps.
    """

    formula: sp.Expr
    unknown: sp.Symbol
    shown: Mapping[sp.Symbol, sp.Expr]
    ranges: Mapping[sp.Symbol, sp.Interval]
    originals: tuple[sp.Expr, ...]

    @property
    def domain(self) -> sp.Interval:
        """Where the unknown lies."""
        return self.ranges[self.unknown]

    @property
    def others(self) -> tuple[sp.Symbol, ...]:
        """The other symbols of the formula."""
        return tuple(sorted(self.formula.free_symbols - {self.unknown}, key=str))

    def restored(self, expr: sp.Basic) -> sp.Basic:
        """An expression with the symbols as the user knows them."""
        return expr.xreplace(dict(self.shown))

    def plain(self, expr: sp.Basic) -> sp.Basic:
        """An expression of the user's in the plain symbols."""
        return expr.xreplace({atom: symbol for symbol, atom in self.shown.items()})


def scalar_form(
    bound: Any, unknown: Any, k: Any, values: Mapping[Any, Any] | None, also: tuple[sp.Basic, ...] = ()
) -> ScalarForm:
    """A bound, or a formula, as a formula of real numbers.

    Args:
        bound: a bound of the library, or a scalar SymPy expression.
        unknown: what is solved for: a symbol, a norm, a weight of which one norm occurs, or the name of one of these.
        k: the number of steps, or None.
        values: symbol, norm or name -> a number; for a weight of a model an array.
        also: what else gets symbols, such as the target.

    A norm of the weight of layer l, as in the bound of a model with a depth, stands for one number for all layers.

    Raises:
        InputError: no bound or formula; a value that is none.
        UnknownNameError: no such unknown or parameter.
    """
    stepped, model = _with_steps(bound, k)
    originals = (stepped, bound if isinstance(bound, sp.Expr) else bound.expr)
    expr = _with_values(exact_floats(stepped), model, values or {}, unknown)
    if not isinstance(expr, sp.Expr) or isinstance(expr, sp.MatrixBase):
        raise InputError(f"bound: a scalar is needed, got {type(expr).__name__} {expr}")
    expr = _evaluated_norms(expr)
    try:
        wanted = _found(unknown, expr)
    except UnknownNameError:
        wanted = _found(unknown, _evaluated_norms(exact_floats(stepped)))  # numbers for others made it vanish
    atoms = _unknowns(expr).union({wanted}, *map(_unknowns, also))
    symbols = {atom: _symbol_for(atom) for atom in sorted(atoms, key=str)}
    formula = _multiplied_out(expr.xreplace(symbols))
    declared = {} if model is None else model.ranges
    ranges = {symbol: _range(atom, declared) for atom, symbol in symbols.items()}
    return ScalarForm(formula, symbols[wanted], {symbol: atom for atom, symbol in symbols.items()}, ranges, originals)


def _multiplied_out(formula: sp.Expr) -> sp.Expr:
    """Products over layers written as powers: a norm that stands for that of every layer is one number for all."""
    return formula.replace(lambda node: isinstance(node, sp.Product), lambda node: node.doit())


def _with_steps(bound: Any, k: Any) -> tuple[sp.Expr, Recurrence | None]:
    """The formula of a bound at k steps, and its model."""
    if isinstance(bound, Bound):
        return (bound.expr if k is None else bound.at(k)), bound.model
    if isinstance(bound, GradientBound):
        return _put(bound.closed, bound.steps, k), bound.model
    if isinstance(bound, LayerGradientBound):
        return (bound.expr if k is None else bound.at(k)), bound.model
    if isinstance(bound, sp.Expr):
        return _put(bound, next((s for s in bound.free_symbols if str(s) == "k"), None), k), None
    expr = getattr(bound, "expr", None)  # other bounds of the library, such as those of flows
    if isinstance(expr, sp.Expr):
        return _put(expr, None, k), getattr(bound, "model", None)
    raise InputError(
        f"bound: a bound of the library or a scalar SymPy expression is needed, got {type(bound).__name__} {bound!r}"
    )


def _put(expr: sp.Expr, steps: sp.Expr | None, k: Any) -> sp.Expr:
    if k is None:
        return expr
    count = checked_steps(k)
    if steps is None or steps not in expr.free_symbols:
        raise InputError(f"k: {expr} has no symbol for the number of steps, so that it takes no k = {k!r}")
    return expr.xreplace({steps: sp.Integer(count)}).doit()


def _with_values(expr: sp.Expr, model: Recurrence | None, values: Mapping[Any, Any], unknown: Any) -> sp.Expr:
    """The formula with numbers put in; norms of given weights become enclosed constants."""
    if not isinstance(values, Mapping):
        raise InputError(f"values: a mapping {{name: number}} is needed, got {type(values).__name__}")
    numbers: dict[sp.Expr, sp.Expr] = {}
    arrays: dict[Any, Any] = {}
    for name, value in values.items():
        if _is_array(value) and model is not None:
            arrays[name] = value
        else:
            numbers[_found(name, expr)] = exact_number(str(name), value)
    if arrays and model is not None:
        bound_weights = bind(model, arrays)
        numbers |= _enclosed_norms(expr, bound_weights, str(unknown))
    return expr.xreplace(numbers)


def _is_array(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (hasattr(value, "__array__") and np.ndim(value) > 0)


def _enclosed_norms(expr: sp.Expr, weights: Weights, unknown: str) -> dict[sp.Expr, sp.Expr]:
    """Constants for the norms of matrices that are known, and the numbers of scalar parameters and sizes."""
    evaluator = BoundEvaluator(weights)
    known = set(weights.values) | set(weights.sizes)
    found: dict[sp.Expr, sp.Expr] = {size: sp.Integer(n) for size, n in weights.sizes.items()}
    for atom in expr.atoms(MatrixScalar):
        if (
            not isinstance(atom.matrix, sp.MatrixBase)
            and atom.matrix.free_symbols <= known
            and atom.matrix.atoms(sp.MatrixSymbol)
            and str(atom) != unknown
        ):
            found[atom] = _constant(evaluator, atom)
    return found


def _constant(evaluator: BoundEvaluator, atom: sp.Expr) -> sp.Expr:
    ball = evaluator.norm(atom)
    return Enclosed(f"{atom} of the given weights in [{ball.lower()}, {ball.upper()}]", lambda bits: arb(ball))


def _evaluated_norms(expr: sp.Expr) -> sp.Expr:
    """Norms of explicit matrices, such as the powers of a gain matrix, written out where they have a closed form."""
    explicit = [atom for atom in expr.atoms(MatrixScalar) if isinstance(atom.matrix, sp.MatrixBase)]
    rule: dict[sp.Expr, sp.Expr] = {}
    for atom in explicit:
        inner = {a: _symbol_for(a) for entry in atom.matrix for a in entry.atoms(MatrixScalar)}
        entries = sp.ImmutableDenseMatrix(atom.matrix.rows, atom.matrix.cols, [e.xreplace(inner) for e in atom.matrix])
        value = atom.func(entries, *atom.args[1:]).doit()
        if value.atoms(MatrixScalar):
            raise InputError(f"bound: {atom} has no closed form; give a number of steps k and numbers for the weights")
        rule[atom] = value.xreplace({symbol: a for a, symbol in inner.items()})
    return expr.xreplace(rule)


def _unknowns(expr: sp.Basic) -> set[sp.Expr]:
    """Norms, and the symbols outside of them."""
    norms = {atom for atom in expr.atoms(MatrixScalar) if not isinstance(atom.matrix, sp.MatrixBase)}
    names = {atom: sp.Dummy(positive=True) for atom in norms}  # a number would let powers of it vanish
    bare = expr.xreplace(names)
    sizes = {size for matrix in bare.atoms(sp.MatrixSymbol) for size in matrix.shape}
    left_out = {*names.values(), *sizes}
    return {*norms, *(s for s in bare.free_symbols if not isinstance(s, sp.MatrixSymbol) and s not in left_out)}


def _found(given: Any, expr: sp.Expr) -> sp.Expr:
    """The norm or symbol of a formula that is meant.

    Raises:
        UnknownNameError: there is none of that name.
        InputError: several are meant, or the unknown is something else.
    """
    candidates = _unknowns(expr)
    if isinstance(given, sp.Expr) and given in candidates:
        return given
    if not isinstance(given, (str, sp.Expr)):
        raise InputError(
            "for_: a symbol, a norm such as sg.OperatorNorm(W) or a name is needed, "
            f"got {type(given).__name__} {given!r}"
        )
    meant = [atom for atom in candidates if str(given) in _names(atom)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise InputError(f"for_: {given} may be any of {', '.join(sorted(map(str, meant)))}; name one of them")
    raise UnknownNameError("parameter of the bound", given, {str(atom) for atom in candidates})


def _names(atom: sp.Expr) -> set[str]:
    own = {str(atom)}
    if isinstance(atom, MatrixScalar):
        own |= {str(symbol) for symbol in atom.matrix.atoms(sp.MatrixSymbol)}
    return own


def _symbol_for(atom: sp.Expr) -> sp.Symbol:
    """A real symbol with the sign of what it stands for; a number of steps is at least 1."""
    name = str(atom) if isinstance(atom, sp.Symbol) else f"norm_{atom}"
    if atom.is_integer and isinstance(atom, sp.Symbol):
        kept = {"positive": True} if atom.is_nonnegative else {}
        return sp.Dummy(name, integer=True, **kept)
    sign = "positive" if atom.is_positive else "nonnegative" if atom.is_nonnegative else None
    return sp.Dummy(name, real=True, **({sign: True} if sign else {}))


def _range(atom: sp.Expr, declared: Mapping[sp.Expr, sp.Interval]) -> sp.Interval:
    own = declared.get(atom)
    whole = domain_of(_symbol_for(atom))
    return whole if own is None or not own.is_subset(whole) else own
