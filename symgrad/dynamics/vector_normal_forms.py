"""Normal forms of bifurcations in several unknowns: coefficients by projection on the critical eigenvectors, in balls.

With A q = lambda q, A^T psi = lambda psi (complex: A^* psi = conj(lambda) psi), <psi, q> = 1 and B, C the second and
third derivatives by the states, the coefficients are those of Kuznetsov, *Elements of Applied Bifurcation Theory*
(3rd ed. 2004), sections 5.4 (maps and flows), theorems 3.3, 4.5 and 4.6. A parameter moves the eigenvalue along the
curve of fixed points by ``dlambda/dp = <psi, A_p q + B(x'(p), q)>``, ``x'(p) = - r_x^(-1) r_p``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from flint import acb, acb_mat, arb, arb_mat

from symgrad.dynamics.bifurcation_points import (
    FLIP,
    HOPF,
    NEIMARK_SACKER,
    PITCHFORK,
    SADDLE_NODE,
    SUBCRITICAL,
    SUPERCRITICAL,
    TRANSCRITICAL,
    BifurcationPoint,
)
from symgrad.dynamics.symmetries import Symmetry
from symgrad.dynamics.vector_augmented import CriticalZero
from symgrad.dynamics.vector_derivatives import Extended, column, dot, unit_column
from symgrad.rigor.balls import working_precision

__all__ = ["classified_complex", "classified_flip", "classified_fold", "classified_lasting"]

_BITS = 192
_NO_SIGN = arb(0, float("inf"))


class _At:
    """Multilinear forms at one critical point."""

    def __init__(self, extended: Extended, zero: CriticalZero) -> None:
        self.extended, self.zero, self.z = extended, zero, zero.z
        self.size = extended.size
        self.along_p = unit_column(self.size + 1, self.size)

    def raised(self, vector: Any) -> Any:
        """A direction of x as one of (x, p)."""
        return column([*vector.entries(), 0])

    def second(self, u: Any, v: Any) -> Any:
        """B(u, v) of real vectors."""
        first = self.raised(u)
        return self.extended.second(self.z, first, first if u is v else self.raised(v))

    def third(self, u: Any, v: Any, w: Any) -> Any:
        """C(u, v, w) of real vectors."""
        first = self.raised(u)
        middle = first if v is u else self.raised(v)
        last = middle if w is v else first if w is u else self.raised(w)
        return self.extended.third(self.z, first, middle, last)

    def by_parameter(self) -> Any:
        """r_p."""
        slopes = self.extended.slopes(self.z)
        return column([slopes[i, self.size] for i in range(self.size)])

    def drift(self) -> Any:
        """x'(p) along the curve of fixed points; unbounded balls where r_x is not proved regular."""
        slopes = self.extended.slopes(self.z)
        square = arb_mat([row[: self.size] for row in slopes.tolist()])
        return _solved(square, -self.by_parameter())

    def linearisation_drift(self) -> Any:
        """The derivative of A by p along the curve of fixed points."""
        return self.extended.linearisation_along(self.z, column([*self.drift().entries(), 1]))


def _solved(matrix: Any, right: Any) -> Any:
    try:
        return matrix.solve(right)
    except ZeroDivisionError:
        return right + right.__class__(right.nrows(), right.ncols(), [_NO_SIGN] * (right.nrows() * right.ncols()))


def _shifted(matrix: Any, value: Any) -> Any:
    kind = type(matrix) if isinstance(value, arb) else acb_mat
    size = matrix.nrows()
    return kind(matrix) - kind(size, size, [value if i == j else 0 for i in range(size) for j in range(size)])


def _bordered(matrix: Any, q: Any) -> Any:
    """``[[M, b], [q^T, 0]]`` with b about the left null vector of a real matrix."""
    floats = np.array([[float(entry) for entry in row] for row in matrix.tolist()])
    left = np.linalg.svd(floats)[0][:, -1].tolist()
    rows = [[*row, arb(b)] for row, b in zip(matrix.tolist(), left, strict=True)]
    return arb_mat([*rows, [*q.entries(), arb(0)]])


def _left_vector(bordered: Any, q: Any) -> Any:
    """The left null vector with <psi, q> = 1, from the transposed bordered equations at a singular matrix."""
    size = q.nrows()
    found = column(_solved(bordered.transpose(), unit_column(size + 1, size)).entries()[:size])
    return found / dot(found, q)


def classified_fold(extended: Extended, zero: CriticalZero) -> BifurcationPoint:
    """A saddle-node: ``a = <psi, B(q, q)>/2`` and ``<psi, r_p>`` are not zero."""
    with working_precision(_BITS):
        at, q = _At(extended, zero), _unit(zero.vector)
        matrix = _shifted(extended.linearisation(zero.z), zero.eigenvalue)
        psi = _left_vector(_bordered(matrix, q), q)
        coefficients = {"a": dot(psi, at.second(q, q)) / 2, "<psi, r_p>": dot(psi, at.by_parameter())}
        return _record(extended, zero, SADDLE_NODE, coefficients, (), None)


def classified_lasting(extended: Extended, zero: CriticalZero, symmetry: Symmetry) -> BifurcationPoint:
    """An eigenvalue 1 (of a flow: 0) on a branch that a symmetry keeps: transcritical, or a pitchfork where a = 0.

    A pitchfork has ``c = <psi, C(q, q, q) + 3 B(q, h)>/6`` with ``r_x h = - B(q, q)``.
    """
    with working_precision(_BITS):
        at, q = _At(extended, zero), _unit(zero.vector)
        matrix = _shifted(extended.linearisation(zero.z), zero.eigenvalue)
        bordered = _bordered(matrix, q)
        psi = _left_vector(bordered, q)
        square = at.second(q, q)
        drift = _inner(bordered, -at.by_parameter())
        moved = extended.linearisation_along(zero.z, column([*drift.entries(), 1]))
        speed = {"dlambda/dp": dot(psi, moved * q)}
        if not symmetry.odd and not all(entry.is_zero() for entry in square.entries()):
            return _record(extended, zero, TRANSCRITICAL, {"a": dot(psi, square) / 2} | speed, (symmetry.text,), None)
        bent = at.second(q, _inner(bordered, -square))
        cubic = dot(psi, at.third(q, q, q) + bent * 3) / 6
        return _record(extended, zero, PITCHFORK, {"c": cubic} | speed, (symmetry.text, "a = 0"), -1)


def _inner(bordered: Any, right: Any) -> Any:
    """The solution of the singular equations ``M h = right`` with q . h = 0."""
    size = right.nrows()
    return column(_solved(bordered, column([*right.entries(), 0])).entries()[:size])


def classified_flip(extended: Extended, zero: CriticalZero) -> BifurcationPoint:
    """A flip: ``c = <psi, C(q, q, q) + 3 B(q, (I - A)^(-1) B(q, q))>/6``, positive if supercritical."""
    with working_precision(_BITS):
        at, q = _At(extended, zero), _unit(zero.vector)
        a = extended.linearisation(zero.z)
        psi = _left_vector(_bordered(_shifted(a, zero.eigenvalue), q), q)
        inner = _solved(-_shifted(a, arb(1)), at.second(q, q))
        cubic = dot(psi, at.third(q, q, q) + at.second(q, inner) * 3) / 6
        speed = dot(psi, at.linearisation_drift() * q)
        return _record(extended, zero, FLIP, {"c": cubic, "dlambda/dp": speed}, (), 1)


def classified_complex(extended: Extended, zero: CriticalZero) -> BifurcationPoint:
    """A Neimark-Sacker or Hopf point with its first Lyapunov coefficient, negative if supercritical; <q, q> = 1."""
    with working_precision(_BITS):
        at, form = _At(extended, zero), _ComplexForm(extended, zero)
        is_map = extended.system.is_map
        value = form.value
        speed = form.paired(acb_mat(at.linearisation_drift()) * form.q)
        if is_map:
            first = (form.cubic(at) * value.conjugate()).real / 2
            coefficients = {"d": first, "d|lambda|/dp": (value.conjugate() * speed).real}
            theta = acb(value).log().imag
            resonances = [value**k - 1 for k in (1, 2, 3, 4)]
            clear = all(not ball.contains(0) for ball in resonances)
            notes: tuple[str, ...] = (f"multipliers exp(+-i theta), theta = {float(theta):.12g}",)
            notes += ("exp(i k theta) is not 1 for k = 1, 2, 3, 4",) if clear else ()
            record = _record(extended, zero, NEIMARK_SACKER, coefficients | {"theta": theta}, notes, -1)
            return record if clear else replace(record, nondegenerate=None, criticality=None)
        omega = value.imag
        coefficients = {"l1": form.cubic(at).real / (2 * omega), "dRe(lambda)/dp": speed.real}
        notes = (f"eigenvalues +-i omega, omega = {float(omega):.12g}",)
        return _record(extended, zero, HOPF, coefficients | {"omega": omega}, notes, -1)


class _ComplexForm:
    """q with <q, q> = 1 and psi with <psi, q> = 1 for a complex eigenvalue."""

    def __init__(self, extended: Extended, zero: CriticalZero) -> None:
        self.value = acb(zero.eigenvalue)
        length = (dot(zero.vector, zero.vector) + dot(zero.imaginary, zero.imaginary)).sqrt()
        self.real, self.imaginary = zero.vector / length, zero.imaginary / length
        self.q = _complex(self.real, self.imaginary)
        self.matrix = extended.linearisation(zero.z)
        self.is_map, self.psi = extended.system.is_map, self._left()

    def _left(self) -> Any:
        """A row with ``row (A - lambda) = 0`` and ``row q = 1``."""
        shifted, size = _shifted(self.matrix, self.value), self.q.nrows()
        floats = np.array([[complex(entry) for entry in row] for row in shifted.tolist()])
        border = np.linalg.svd(floats)[0][:, -1].tolist()
        rows = [[*row, acb(b.real, b.imag)] for row, b in zip(shifted.tolist(), border, strict=True)]
        bottom = [entry.conjugate() for entry in self.q.entries()]
        bordered = acb_mat([*rows, [*bottom, acb(0)]])
        right = acb_mat(size + 1, 1, [int(i == size) for i in range(size + 1)])
        found = acb_mat(1, size, _solved(bordered.transpose(), right).entries()[:size])
        return found / (found * self.q)[0, 0]

    def paired(self, vector: Any) -> acb:
        """<psi, v>."""
        return (self.psi * vector)[0, 0]

    def cubic(self, at: _At) -> acb:
        """``<psi, C(q, q, q') + 2 B(q, h11) + B(q', h20)>`` with q' = conj(q)."""
        r, s = self.real, self.imaginary
        rr, ss, rs = at.second(r, r), at.second(s, s), at.second(r, s)
        squared, modulus = _complex(rr - ss, rs * 2), rr + ss
        one = acb(1) if self.is_map else acb(0)
        h11 = _solved(-_shifted(self.matrix, one.real), modulus)
        double = self.value**2 if self.is_map else 2 * self.value
        h20 = _solved(-_shifted(self.matrix, double), squared)
        cubes = _complex(at.third(r, r, r) + at.third(r, s, s), at.third(r, r, s) + at.third(s, s, s))
        mixed = _complex(at.second(r, h11), at.second(s, h11)) * 2
        u, v = _parts(h20)
        turned = _complex(at.second(r, u) + at.second(s, v), at.second(r, v) - at.second(s, u))
        return self.paired(cubes + mixed + turned)


def _complex(real: Any, imaginary: Any) -> Any:
    pairs = zip(real.entries(), imaginary.entries(), strict=True)
    return acb_mat(real.nrows(), 1, [acb(a, b) for a, b in pairs])


def _parts(vector: Any) -> tuple[Any, Any]:
    entries = vector.entries()
    return column([entry.real for entry in entries]), column([entry.imag for entry in entries])


def _unit(vector: Any) -> Any:
    """Of length 1, its largest entry positive: coefficients then depend on no choice."""
    entries = vector.entries()
    largest = max(entries, key=lambda entry: float(abs(entry)))
    length = dot(vector, vector).sqrt()
    return vector / (length if largest > 0 else -length)


def _record(
    extended: Extended,
    zero: CriticalZero,
    kind: str,
    coefficients: dict[str, arb],
    notes: tuple[str, ...],
    supercritical: int | None,
) -> BifurcationPoint:
    """The point with what its coefficients prove; the first decides on the criticality."""
    signs = {name: _sign(ball) for name, ball in coefficients.items()}
    facts = tuple(f"{name} {'>' if sign > 0 else '<'} 0" for name, sign in signs.items() if sign)
    proved = all(signs.values())
    first = next(iter(signs.values()))
    words = None
    if supercritical is not None and proved:
        words = SUPERCRITICAL if first == supercritical else SUBCRITICAL
    entries, value = zero.z.entries(), zero.eigenvalue
    pair = (value, acb(value).conjugate()) if isinstance(value, acb) else (value,)
    return BifurcationPoint(
        kind=kind,
        parameter=entries[-1],
        state=tuple(entries[:-1]),
        eigenvalues=pair,
        coefficients={name: ball for name, ball in coefficients.items() if ball.is_finite()},
        criticality=words,
        nondegenerate=True if proved else False if any(ball.is_zero() for ball in coefficients.values()) else None,
        conditions=("the augmented system has one zero in the balls", *notes, *facts),
    )


def _sign(ball: arb) -> int:
    return 1 if ball > 0 else -1 if ball < 0 else 0
