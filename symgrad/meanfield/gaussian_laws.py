"""Centred Gaussian laws of one or two variables, tilted by exponentials of quadratics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

__all__ = ["TiltedLaw"]


@dataclass(frozen=True)
class TiltedLaw:
    """The law of x, y with variance q each and correlation c, tilted by ``exp(a1 x^2 + a2 y^2 + b1 x + b2 y)``.

    Attributes:
        variance: q.
        correlation: c.
        quadratics: a1 and a2.
        linears: b1 and b2, which may be complex.
    """

    variance: sp.Expr
    correlation: sp.Expr
    quadratics: tuple[sp.Expr, sp.Expr]
    linears: tuple[sp.Expr, sp.Expr]

    def determinant(self, less_first: sp.Expr = sp.S.Zero, less_second: sp.Expr = sp.S.Zero) -> sp.Expr:
        """``det(I - 2 A Sigma)``, with a1 or a2 made less by a number."""
        q, c = self.variance, self.correlation
        first, second = self.quadratics[0] - less_first, self.quadratics[1] - less_second
        return 1 - sp.expand(2 * (first + second)) * q + 4 * first * second * q**2 * (1 - c**2)

    def scaled(self, i: int, j: int) -> sp.Expr:
        """The entry of the tilted covariance, times the determinant."""
        q, c = self.variance, self.correlation
        if i != j:
            return c * q
        return q * (1 - 2 * self.quadratics[1 - i] * q * (1 - c**2))

    def covariance(self, i: int, j: int) -> sp.Expr:
        """The entry of the tilted covariance."""
        return self.scaled(i, j) / self.determinant()

    @cached_property
    def means(self) -> tuple[sp.Expr, sp.Expr]:
        """The tilted means."""
        b = self.linears
        first, second = (sum((self.covariance(i, j) * b[j] for j in (0, 1)), sp.S.Zero) for i in (0, 1))
        return first, second

    @cached_property
    def factor(self) -> sp.Expr:
        """The mean of the exponential."""
        exponent = sp.expand(sum((m * b for m, b in zip(self.means, self.linears, strict=True)), sp.S.Zero) / 2)
        return sp.exp(exponent) / sp.sqrt(self.determinant())

    @property
    def is_tilted(self) -> bool:
        """Whether there is an exponential."""
        return any(self.quadratics) or any(self.linears)

    @property
    def exists(self) -> sp.Basic:
        """When the exponential has a mean (sufficient, and necessary but for equality)."""
        q, c = self.variance, self.correlation
        if all(a.is_nonpositive for a in self.quadratics):
            return sp.true
        marginals = [1 - 2 * a * q * (1 - c**2) > 0 for a in self.quadratics if c and not a.is_nonpositive]
        return sp.And(self.determinant() > 0, *marginals)

    def central_moment(self, n: int, m: int) -> sp.Expr:
        """``E[x^n y^m]`` for the tilted law moved to mean 0."""
        if (n + m) % 2:
            return sp.S.Zero
        total = sp.S.Zero
        for k in range(n % 2, min(n, m) + 1, 2):
            i, j = (n - k) // 2, (m - k) // 2
            count = sp.factorial(n) * sp.factorial(m) / (sp.factorial(k) * sp.factorial(i) * sp.factorial(j))
            powers = self.covariance(0, 0) ** i * self.covariance(1, 1) ** j * self.covariance(0, 1) ** k
            total += count * powers / sp.Integer(2) ** (i + j)
        return total

    def moment(self, n: int, m: int) -> sp.Expr:
        """``E[x^n y^m]`` for the tilted law."""
        first, second = self.means
        total = sp.S.Zero
        for i in range(n + 1) if first else (n,):
            for j in range(m + 1) if second else (m,):
                shift = sp.binomial(n, i) * sp.binomial(m, j) * first ** (n - i) * second ** (m - j)
                total += shift * self.central_moment(i, j)
        return total
