"""Backpropagation through time in print: the sum over the steps, the loss gradient, the step of gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from symgrad.calculus.sources import common_factors, pointwise_norm
from symgrad.calculus.unroll import Unrolled
from symgrad.language.norms import NORMS
from symgrad.language.operators import Identity, Kronecker, Operator, Zero
from symgrad.present.dispatch import latex, text, to_dict
from symgrad.present.equations import function_equations
from symgrad.present.layout import Equation, aligned, plain_lines
from symgrad.present.lines import equations
from symgrad.present.notation import LATEX, TEXT, Notation
from symgrad.present.parameter_rows import by_parameter
from symgrad.present.shorthand import Shorthand
from symgrad.present.writer import Term

__all__ = ["SIGNS"]


@dataclass(frozen=True)
class Signs:
    """What differs between LaTeX and plain text beyond the notation."""

    dots: str
    gradient: str
    transposed: str
    differential: str
    change: str
    rate: str


SIGNS = {
    LATEX: Signs(
        dots=r" \cdots ",
        gradient=r"\nabla_{{{by}}} {loss}",
        transposed=r"\left({inner}\right)^{{T}}",
        differential=r"\, d{of}",
        change=r"\Delta {of}",
        rate=r"\eta",
    ),
    TEXT: Signs(
        dots="*...*",
        gradient="grad_{by} {loss}",
        transposed="({inner})'",
        differential="*d{of}",
        change="Delta {of}",
        rate="eta",
    ),
}


class _Unroller:
    """The equations of one unrolled model in one notation."""

    def __init__(self, unrolled: Unrolled, notation: Notation) -> None:
        self.unrolled = unrolled
        self.notation = notation
        self.signs = SIGNS[notation]
        self.operators = [entry for entries in unrolled.sources.values() for entry in entries if not _is_zero(entry)]
        blocks = [entry for row in unrolled.jacobian.blocks for entry in row]
        several = len(unrolled.model.states) > 1
        roots = [*self.operators, *blocks]
        self.shorthand = Shorthand(unrolled.model, notation, roots, unrolled.jacobian if several else None)
        self.vocabulary = self.shorthand.vocabulary
        self.jacobian, self.source, self.loss = (
            self.vocabulary.letter(*letters) for letters in (("J", "F", "D"), ("B", "S", "C"), ("L", "E", "R"))
        )
        states = unrolled.model.states
        self.state = self.vocabulary.plain[states[0]] if not several else self.vocabulary.letter("x", "s", "y")
        self.roots = roots
        depth = unrolled.model.depth
        self.layered = depth is not None
        self.last = notation.plain(depth) if isinstance(depth, sp.Symbol) else str(depth) if self.layered else "T"

    def equations(self) -> list[Equation]:
        """All of them: the sums first, then what the names mean."""
        signs, notation = self.signs, self.notation
        parameters = self.at(notation.parameters, "t") if self.layered else notation.parameters
        gradient = signs.gradient.format(by=parameters, loss=self.loss)
        end = signs.gradient.format(by=self.at(self.state, self.last), loss=self.loss)
        descent = signs.transposed.format(inner=gradient)
        moved = [(False, self._sum("t", with_parameters=True)), self._initial()]
        found = [
            Equation(self._difference("t"), "=", moved),
            Equation(gradient, "=", [(False, notation.product([end, self._last_step()]))]),
            Equation(signs.change.format(of=parameters), "=", [(True, notation.product([signs.rate, descent]))]),
        ]
        return [*found, *self._names(parameters), *self._derivatives(parameters), *self._explanations()]

    def at(self, name: str, step: str) -> str:
        return self.vocabulary.stepped(name, step)

    def _d(self, name: str) -> str:
        return self.signs.differential.format(of=name if self.notation is LATEX else f" {name}")

    def _difference(self, step: str) -> str:
        return self._d(self.at(self.state, step)).removeprefix(r"\, ").removeprefix("*")

    def _jacobians(self, first: str, last: str) -> str:
        return self.signs.dots.join(self.at(self.jacobian, step) for step in (first, last))

    def _sum(self, last: str, with_parameters: bool = False) -> str:
        parts = [self._jacobians(last, f"{last}-k+1"), self.at(self.source, f"{last}-k")]
        term = self.notation.product(parts)
        if with_parameters:
            name = self.notation.parameters
            term += self._d(self.at(name, f"{last}-k") if self.layered else name)
        return self.notation.total(term, "0", f"{last.replace('t', self.vocabulary.step)}-1")

    def _last_step(self) -> str:
        """The last state by the parameters: of all steps together, or of one layer."""
        if not self.layered:
            return self._sum("T")
        return self.notation.product([self._jacobians(self.last, "t+1"), self.at(self.source, "t")])

    def _initial(self) -> Term:
        return False, self._jacobians("t", "1") + self._d(self.at(self.state, "0"))

    def _names(self, parameters: str) -> list[Equation]:
        """What the state and the parameters are, where several stand for one."""
        model, vocabulary = self.unrolled.model, self.vocabulary
        found = []
        if len(model.states) > 1:
            parts = [[vocabulary.at(state, "t")] for state in model.states]
            found.append(Equation(self.at(self.state, "t"), "=", [(False, self.notation.matrix(parts))]))
        listed = ", ".join(vocabulary.plain[parameter] for parameter in self.unrolled.sources)
        return [*found, Equation(parameters, "=", [(False, self.notation.brackets(listed))])]

    def _derivatives(self, parameters: str) -> list[Equation]:
        """The Jacobian, and the derivatives by each parameter."""
        model, notation, vocabulary = self.unrolled.model, self.notation, self.vocabulary
        rows = self.unrolled.jacobian.blocks
        states = model.states
        partials = [
            [notation.partial(vocabulary.at(new, "t"), vocabulary.at(old, "t-1")) for old in states] for new in states
        ]
        left = self.at(self.jacobian, "t")
        if len(states) == 1:
            found = [Equation(left, "=", self.shorthand.writer.terms(rows[0][0]))]
        else:
            found = [Equation(left, "=", [(False, notation.matrix(partials))])]
        whole = notation.partial(self.at(self.state, "t"), parameters)
        found.append(Equation(self.at(self.source, "t"), "=", [(False, whole)]))
        found += self._norm()
        for parameter, entries in self.unrolled.sources.items():
            for state, entry in zip(states, entries, strict=True):
                if not _is_zero(entry):
                    name = notation.partial(vocabulary.at(state, "t"), by_parameter(vocabulary, parameter))
                    found.append(Equation(name, "=", self.shorthand.writer.terms(entry)))
        return found

    def _norm(self) -> list[Equation]:
        """The exact 2-norm of the derivative by all parameters, where they have one factor in common."""
        if self.unrolled.source_norm() is None or self.unrolled.model.is_scalar:
            return []
        two = NORMS[sp.Integer(2)]
        ((factor, vectors),) = common_factors([entry for (entry,) in self.unrolled.sources.values()]).items()
        unit = Identity(factor.shape[1])
        rows = [unit if vector is None else Kronecker(vector, unit) for vector in vectors]
        lengths = self.vocabulary.scalar(pointwise_norm(rows, two))
        outer = [] if isinstance(factor, Identity) else [self.notation.norm(self.shorthand.writer.write(factor), two)]
        left = self.notation.norm(self.at(self.source, "t"), two)
        return [Equation(left, "=", [(False, self.notation.product([*outer, lengths]))])]

    def _explanations(self) -> list[Equation]:
        definitions = self.shorthand.definitions(self.roots, spelled_out=False)
        return [*definitions, *function_equations(self.vocabulary, self.roots)]


def _is_zero(operator: Operator) -> bool:
    return isinstance(operator, Zero)


@equations.register
def _(unrolled: Unrolled, notation: Notation) -> list[Equation]:
    return _Unroller(unrolled, notation).equations()


@latex.register
def _(unrolled: Unrolled) -> str:
    return aligned(equations(unrolled, LATEX))


@text.register
def _(unrolled: Unrolled) -> str:
    return plain_lines(equations(unrolled, TEXT))


@to_dict.register
def _(unrolled: Unrolled) -> dict[str, Any]:
    return {
        "kind": "unrolled",
        "model": unrolled.model.name,
        "states": list(map(str, unrolled.model.states)),
        "parameters": list(map(str, unrolled.sources)),
        "layout": "numerator; matrices of parameters column by column",
        "equations": {"text": text(unrolled), "latex": latex(unrolled)},
    }
