"""Formulas from text by a recursive-descent parser of our own: nothing that is written is ever evaluated as code."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping

import sympy as sp

from symgrad.errors import InputError
from symgrad.language.formula_functions import CONSTANTS, applied, checked_constant, function_names, power, quotient
from symgrad.language.tokens import END, NAME, NUMBER, SIGN, Token, refusal, tokens_of

__all__ = ["parse_equation", "parse_expression"]

_DEEPEST = 40
_LARGEST_POWER_OF_TEN = 999
_TIMES = "a sign is missing here: products are written with *, as in 2*x or x*(1 + x)"


def parse_expression(text: str, symbols: Iterable[sp.Symbol | str] | None = None, *, label: str = "formula") -> sp.Expr:
    """A formula as a SymPy expression with exact numbers, in real symbols.

    Numbers (decimals are taken exactly), names, the constants pi and e, ``+ - * / ^ **``, parentheses, and functions:
    the elementary ones, abs, sign, max, min, and every activation of the library, as in ``leaky_relu(x, 0.2)``.

    Args:
        text: the formula.
        symbols: those that may occur; a SymPy symbol is taken as it is. By default any name is a real symbol.
        label: what messages call the formula.

    Raises:
        InputError: something else stands there; the message tells where, and what is accepted.

    >>> parse_expression("ln(x/(1 - x)) - 2.5*x^2")
    -5*x**2/2 + log(x/(1 - x))
    >>> parse_expression("__import__('os')")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    symgrad.errors.InputError: formula: at character 1 of "__import__('os')": '_' is not accepted; ...
    """
    parser = _Parser(text, symbols, label)
    found = parser.sum()
    parser.expect_end("a formula")
    return found


def parse_equation(text: str, symbols: Iterable[sp.Symbol | str] | None = None) -> sp.Equality:
    """An equation ``left = right`` as a SymPy equality; both sides as for :func:`parse_expression`.

    Raises:
        InputError: it is none; the message tells where, and what is accepted.

    >>> parse_equation("x = ln(x/(1-x)) - 5*x")
    Eq(x, -5*x + log(x/(1 - x)))
    """
    parser = _Parser(text, symbols, "formula")
    left = parser.sum()
    parser.expect("=", "an equation has two sides, as in x = tanh(2*x)")
    right = parser.sum()
    parser.expect_end("an equation")
    return sp.Eq(left, right, evaluate=False)


class _Parser:
    """One method for each level of precedence, from sums to single numbers and names."""

    def __init__(self, text: str, symbols: Iterable[sp.Symbol | str] | None, label: str) -> None:
        self._text = text
        self._label = label
        self._tokens = tokens_of(text, label)
        self._index = 0
        self._depth = 0
        self._symbols = None if symbols is None else _named(symbols)

    @property
    def _next(self) -> Token:
        return self._tokens[self._index]

    def _take(self) -> Token:
        token = self._next
        self._index += token.kind != END
        return token

    def _takes(self, *signs: str) -> Token | None:
        return self._take() if self._next.kind == SIGN and self._next.text in signs else None

    def _refused(self, token: Token, reason: str) -> InputError:
        return refusal(self._text, token.position, reason, self._label)

    def expect(self, sign: str, reason: str) -> None:
        """Go over a sign that has to stand here."""
        if self._takes(sign) is None:
            self._refuse_product()
            raise self._refused(self._next, f"{sign!r} is needed, got {self._next.shown}: {reason}")

    def expect_end(self, what: str) -> None:
        """Nothing may follow."""
        if self._next.kind != END:
            self._refuse_product()
            raise self._refused(self._next, f"{what} ends before {self._next.shown}")

    def _refuse_product(self) -> None:
        if self._next.kind in (NUMBER, NAME) or (self._next.kind == SIGN and self._next.text == "("):
            raise self._refused(self._next, _TIMES)

    def _worked_out(self, token: Token, rule: Callable[..., sp.Expr], *parts: sp.Expr) -> sp.Expr:
        """The result of an operation, with the place in the message where it has none."""
        try:
            return rule(*parts)
        except InputError as error:
            raise self._refused(token, str(error)) from error

    def sum(self) -> sp.Expr:
        """Terms between + and -."""
        found = self._product()
        while (token := self._takes("+", "-")) is not None:
            term = self._product()
            found = self._worked_out(token, _plus, found, term if token.text == "+" else -term)
        return found

    def _product(self) -> sp.Expr:
        found = self._signed()
        while (token := self._takes("*", "/")) is not None:
            factor = self._signed()
            found = self._worked_out(token, _times if token.text == "*" else quotient, found, factor)
        return found

    def _signed(self) -> sp.Expr:
        """A power with signs before it; every nesting passes here."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._refused(self._next, f"a nesting of at most {_DEEPEST} levels is accepted")
        token = self._takes("+", "-")
        found = self._power() if token is None else self._signed()
        self._depth -= 1
        return -found if token is not None and token.text == "-" else found

    def _power(self) -> sp.Expr:
        base = self._atom()
        token = self._takes("^", "**")
        return base if token is None else self._worked_out(token, power, base, self._signed())

    def _atom(self) -> sp.Expr:
        token = self._take()
        if token.kind == NUMBER:
            return self._number(token)
        if token.kind == NAME:
            return self._call(token) if self._takes("(") is not None else self._name(token)
        if token.kind == SIGN and token.text == "(":
            found = self.sum()
            self.expect(")", "a parenthesis is open")
            return found
        raise self._refused(token, f"a number, a name or '(' is needed, got {token.shown}")

    def _number(self, token: Token) -> sp.Expr:
        _, _, exponent = token.text.lower().partition("e")
        if exponent and abs(int(exponent)) > _LARGEST_POWER_OF_TEN:
            raise self._refused(token, f"a power of ten beyond {_LARGEST_POWER_OF_TEN} is not accepted")
        return sp.Rational(token.text)

    def _name(self, token: Token) -> sp.Expr:
        if self._symbols is not None and token.text in self._symbols:
            return self._symbols[token.text]
        if token.text in CONSTANTS:
            return CONSTANTS[token.text]
        if self._symbols is not None:
            known = ", ".join(sorted({*self._symbols, *CONSTANTS}))
            raise self._refused(token, f"unknown name {token.text!r}; known are {known}")
        if token.text in function_names():
            raise self._refused(token, f"{token.text} is a function: its argument in parentheses is needed")
        return sp.Symbol(token.text, real=True)

    def _call(self, token: Token) -> sp.Expr:
        known = function_names()
        if token.text not in known:
            near = difflib.get_close_matches(token.text, known, n=1)
            hint = f"did you mean {near[0]}? " if near else "" if not self._is_symbol(token.text) else f"{_TIMES}; "
            reason = f"unknown function {token.text!r}; {hint}known are {', '.join(known)}"
            raise self._refused(token, reason)
        arguments = [self.sum()]
        while self._takes(",") is not None:
            arguments.append(self.sum())
        self.expect(")", f"the arguments of {token.text} are not closed")
        return self._worked_out(token, lambda *parts: applied(token.text, list(parts)), *arguments)

    def _is_symbol(self, name: str) -> bool:
        return name in CONSTANTS or len(name) == 1 or name in (self._symbols or ())


def _named(symbols: Iterable[sp.Symbol | str]) -> Mapping[str, sp.Symbol]:
    """Symbols by name."""
    if isinstance(symbols, str):
        raise InputError(f"symbols: a sequence of symbols or names is needed, got the string {symbols!r}")
    found: dict[str, sp.Symbol] = {}
    for symbol in symbols:
        if not isinstance(symbol, (str, sp.Symbol)):
            raise InputError(f"symbols: SymPy symbols or names are needed, got {type(symbol).__name__} {symbol!r}")
        found[str(symbol)] = sp.Symbol(symbol, real=True) if isinstance(symbol, str) else symbol
    return found


def _plus(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    return checked_constant(left + right)


def _times(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    return checked_constant(left * right)
