"""The rules by which inequalities are solved for one unknown."""

from __future__ import annotations

from symgrad.language.derivation import DerivationRule

__all__ = [
    "ABSOLUTE",
    "COMPARED",
    "EVEN_POWER",
    "EXTREMES",
    "FACTOR",
    "FUNCTION",
    "LARGEST",
    "LEAST",
    "LEVELS",
    "POWER",
    "READ_OFF",
    "SIGNS_BETWEEN_ZEROS",
    "SOLVED",
    "TERM",
]

_ORDER = "the order axioms of the real numbers"
_MONOTONE = "Rudin, Principles of Mathematical Analysis, 3rd ed. 1976, sec. 4.28-4.34, monotone functions"

TERM = DerivationRule("subtract a term", r"a + x \le b \iff x \le b - a", _ORDER)
FACTOR = DerivationRule(
    "divide by a factor",
    r"a x \le b \iff x \le b / a \ (a > 0), \quad a x \le b \iff x \ge b / a \ (a < 0)",
    _ORDER,
)
POWER = DerivationRule(
    "take a root",
    r"x^p \le b \iff x \le b^{1/p} \ (p > 0), \quad x^p \le b \iff x \ge b^{1/p} \ (p < 0), \quad x, b > 0",
    _MONOTONE,
)
EVEN_POWER = DerivationRule("even power", r"x^{2 m} = |x|^{2 m}", _ORDER)
FUNCTION = DerivationRule(
    "apply an inverse function", r"f \text{ strictly increasing: } f(x) \le f(y) \iff x \le y", _MONOTONE
)
LARGEST = DerivationRule(
    "largest of several", r"\max(a, b) \le c \iff a \le c \text{ and } b \le c; \ \ge \text{: or}", _ORDER
)
LEAST = DerivationRule(
    "least of several", r"\min(a, b) \ge c \iff a \ge c \text{ and } b \ge c; \ \le \text{: or}", _ORDER
)
ABSOLUTE = DerivationRule("absolute value", r"|x| \le c \iff x \le c \text{ and } -x \le c; \ \ge \text{: or}", _ORDER)
COMPARED = DerivationRule("compare constants", r"a \le b \text{ holds for all } x \text{ or for none}", _ORDER)
READ_OFF = DerivationRule("solved form", r"x \le b", _ORDER)
SIGNS_BETWEEN_ZEROS = DerivationRule(
    "signs between zeros",
    r"f \text{ continuous without a zero in } (a, b): \ f \text{ has the sign of one value there}",
    "Rudin, Principles of Mathematical Analysis, 3rd ed. 1976, thm. 4.23, intermediate values",
)
LEVELS = DerivationRule(
    "all crossings",
    r"f(x) = c \text{ only at the points enclosed: interval Newton, and no zero elsewhere}",
    "Neumaier, Interval Methods for Systems of Equations, 1990, thm. 5.1.7",
)
EXTREMES = DerivationRule(
    "all or none", r"\text{the target holds all values of the bound over the domain, or none}", _ORDER
)
SOLVED = DerivationRule("put together", r"\text{the conditions above at once, within the domain}", _ORDER)
