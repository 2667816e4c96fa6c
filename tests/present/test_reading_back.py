"""Printed equations read back as numbers: an independent check of every bracket, sign and name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray

import symgrad as sg
from symgrad.present import latex, text

Array = NDArray[np.float64]

FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "tanh_p": lambda z: 1 - np.tanh(z) ** 2,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "sigmoid_p": lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    "relu": lambda z: np.maximum(z, 0),
    "relu_p": lambda z: (z > 0) * 1.0,
    "ReLU": lambda z: np.maximum(z, 0),
    "ReLU_p": lambda z: (z > 0) * 1.0,
    "sin": np.sin,
    "sin_p": np.cos,
    "exp": np.exp,
    "softsign": lambda z: z / (1 + np.abs(z)),
    "softsign_p": lambda z: 1 / (1 + np.abs(z)) ** 2,
}


class Value:
    """A matrix, column or number: ``*`` is the matrix product, ``@`` the entrywise one; numbers act as on paper."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array, dtype=float)

    @staticmethod
    def of(other: Any) -> Value:
        return other if isinstance(other, Value) else Value(other)

    @property
    def T(self) -> Value:
        return Value(self.array.T)

    def __neg__(self) -> Value:
        return Value(-self.array)

    def __add__(self, other: Any) -> Value:
        return Value(self.array + Value.of(other).array)

    def __sub__(self, other: Any) -> Value:
        return Value(self.array - Value.of(other).array)

    def __mul__(self, other: Any) -> Value:
        left, right = self.array, Value.of(other).array
        scalar = not left.ndim or not right.ndim
        if not scalar:
            assert left.shape[1] == right.shape[0], f"product of {left.shape} and {right.shape}"
        return Value(left * right if scalar else left @ right)

    def __truediv__(self, other: Any) -> Value:
        assert not Value.of(other).array.ndim, "division by a matrix"
        return Value(self.array / Value.of(other).array)

    def __pow__(self, other: Any) -> Value:
        if self.array.ndim:
            return Value(np.linalg.matrix_power(self.array, other))
        return Value(self.array ** Value.of(other).array)

    def __matmul__(self, other: Any) -> Value:
        zero = not (self.array.ndim and other.array.ndim) and 0 in (self.array.sum(), other.array.sum())
        assert zero or self.array.shape == other.array.shape, "entrywise product of different shapes"
        return Value(self.array * other.array)

    __radd__ = __add__

    def __rsub__(self, other: Any) -> Value:
        return Value.of(other) - self

    def __rmul__(self, other: Any) -> Value:
        return Value.of(other) * self

    def __rtruediv__(self, other: Any) -> Value:
        return Value.of(other) / self


@dataclass
class Reader:
    """Equations ``name = expression`` by name; a name is evaluated when it is asked for."""

    numbers: Mapping[str, Any]
    equations: dict[str, str] = field(default_factory=dict)

    def namespace(self) -> dict[str, Any]:
        found: dict[str, Any] = {name: lambda v, f=f: Value(f(Value.of(v).array)) for name, f in FUNCTIONS.items()}
        found |= {"diag": lambda v: Value(np.diag(v.array[:, 0])), "hadamard": self.hadamard}
        return found

    @staticmethod
    def hadamard(first: Value, *others: Value) -> Value:
        for other in others:
            first = first @ other
        return first

    def value(self, name: str) -> Value:
        if name in self.numbers:
            return Value(self.numbers[name])
        assert name in self.equations, f"{name} is not explained; known are {sorted(self.equations)}"
        expression = self.equations[name]
        code = compile(expression, name, "eval")
        known = self.namespace()
        return Value.of(eval(code, known | {n: self.value(n) for n in code.co_names if n not in known and n != "T"}))


def identifier(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_")


def from_text(page: str, numbers: Mapping[str, Any]) -> Reader:
    """Equations in the plain text notation; layers are read as steps."""
    page = page.replace("[l]", "[t]").replace("[l-1]", "[t-1]").replace("_l", "")
    page = re.sub(r"\n +", " ", page)
    page = re.sub(r"d (\w+\[t\])/d (\w+\[t-1\])", lambda m: identifier(f"D{m[1]}{m[2]}"), page)
    page = re.sub(r"(\w+)\[([^\]]*)\]", lambda m: identifier(m[0]), page).replace("'", "_p")
    lines = [line.split(" = ", 1) for line in page.splitlines() if " = " in line]
    return Reader(numbers, {left.strip(): right for left, right in lines})


LATEX_WORDS = {
    r"\sigma": "sigmoid",
    r"\mathbf{1}": " ones ",
    r"\odot": "@",
    r"\left": "",
    r"\right": "",
    r"\quad": "",
    r"\begin{aligned}": "",
    r"\end{aligned}": "",
    "&": "",
    "\\": "",
}


def from_latex(page: str, numbers: Mapping[str, Any]) -> Reader:
    """Equations in LaTeX, for letters as names; juxtaposition is the product; layers are read as steps."""
    page = re.sub(r"\b([Wb])_\{l\}", r"\1", page).replace("_{l}", "_{t}").replace("_{l-1}", "_{t-1}")
    page = page.replace(" \\\\\n&\\quad", "").replace(r"\left.", "").replace(r"\right.", "").replace(r"{} \cdot ", "")
    page = page.replace("{} ", "")
    lines = []
    for line in page.split(r" \\" + "\n"):
        line = re.sub(r"\\frac\{\\partial ([^{}]*\{[^{}]*\})\}\{\\partial ([^{}]*\{[^{}]*\})\}", _partial, line)
        line = re.sub(r"\^\{([0-9])\}", r"**\1", re.sub(r"\^\{T\}", ".T", line))
        while re.search(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", line):
            line = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", line)
        line = re.sub(r"\\operatorname\{(\w+)\}", r"\1", line).replace("'", "_p")
        line = re.sub(r"(\w+)_\{([^{}]*)\}", lambda m: identifier(m[0]), line)
        for word, replacement in LATEX_WORDS.items():
            line = line.replace(word, replacement)
        if " = " in line:
            left, right = line.split(" = ", 1)
            lines.append((identifier(left.strip()), _products(right)))
    return Reader(numbers, dict(lines))


def _partial(match: re.Match[str]) -> str:
    return " " + identifier(f"D{identifier(match[1])}_{identifier(match[2])}") + " "


def _products(expression: str) -> str:
    """Stars between neighbours; a function keeps its bracket."""
    tokens = re.findall(r"[A-Za-z_]\w*|\d+\.?\d*|\.T|\S", expression)
    result = ""
    for before, token in zip(["", *tokens], tokens, strict=False):
        starts = token[0].isalnum() or token == "("
        ends = before == ")" or before == ".T" or (before[:1].isalnum() and before not in {*FUNCTIONS, "diag"})
        result += f"*{token}" if starts and ends else token
    return result


SEEDS = 12

# --- models and their numbers ------------------------------------------------------

n = sp.Symbol("n", integer=True, positive=True)
W, B, U = (sp.MatrixSymbol(name, n, n) for name in "WBU")
h, u, b, v = (sp.MatrixSymbol(name, n, 1) for name in "hubv")
x, y, r, w = sp.symbols("x y r w")
g, b_in = sp.Symbol("g", positive=True), sp.Symbol("b_in")
ones = sp.OneMatrix(n, 1)
tanh, sigmoid, sin, softsign = map(sg.activation, ("tanh", "sigmoid", "sin", "softsign"))
gate = sigmoid(W * h + U * u + b)

MODELS: dict[str, Callable[[], sg.Recurrence]] = {
    **{name: lambda name=name: sg.models.build(name) for name in sg.models.names()},
    "residual sigmoid": lambda: sg.models.residual("sigmoid"),
    "minimal gate": lambda: sg.Recurrence(
        {h: sg.hadamard(gate, h) + sg.hadamard(ones - gate, tanh(B * h))}, inputs=[u]
    ),
    "antisymmetric": lambda: sg.Recurrence({h: h + tanh((W - W.T - g * sp.Identity(n)) * h + u) / 10}, inputs=[u]),
    "minus": lambda: sg.Recurrence({h: -2 * W * h - tanh(-B * h - b) + sp.Rational(3, 7) * b}),
    "products": lambda: sg.Recurrence({h: (W * B).T * tanh(W * B * sin(W * h))}),
    "gates in gates": lambda: sg.Recurrence({h: sg.hadamard(sigmoid(sg.hadamard(v, h)), W * (h - v), sin(B * h))}),
    "matrix of a product": lambda: sg.Recurrence({h: W * sg.hadamard(tanh(h), v) - sg.hadamard(W * h, v)}),
    "diagonal": lambda: sg.Recurrence({h: sp.DiagMatrix(v) * W * tanh(h) + sp.DiagMatrix(h) * v}),
    "two states": lambda: sg.Recurrence({h: tanh(W * h + v), v: sg.hadamard(sigmoid(W * h + v), v) + softsign(h)}),
    "three states": lambda: sg.Recurrence({h: tanh(v), v: sigmoid(W * u + b), u: u - sg.hadamard(tanh(W * u + b), h)}),
    "equal updates": lambda: sg.Recurrence({h: tanh(W * h + v), v: tanh(W * h + v)}),
    "powers": lambda: sg.Recurrence({h: tanh(W**3 * h) + (W**2).T * B * B * h}),
    "entrywise weights": lambda: sg.Recurrence({h: (sp.HadamardProduct(W, B) - 2 * W * B) * sin(h)}),
    "shift": lambda: sg.Recurrence({h: v, v: h + b}),
}
SCALAR_MODELS: dict[str, Callable[[], sg.Recurrence]] = {
    "map": lambda: sg.Recurrence({x: r * x * (1 - x)}),
    "pair": lambda: sg.Recurrence(
        {x: w * tanh(x) - y + sp.exp(-(x**2)), y: sigmoid(x - r) * y / 2 + b_in}, inputs=[b_in]
    ),
    "nested": lambda: sg.Recurrence({x: tanh(w * sigmoid(r * x + 1) - x) * x**3}),
}


def drawn(model: sg.Recurrence, size: int) -> dict[sp.Expr, Any]:
    """Random numbers for all symbols, positive where a symbol is declared so."""
    random = np.random.default_rng(5)
    found: dict[sp.Expr, Any] = {}
    for symbol in model.variables + model.parameters:
        shape = () if isinstance(symbol, sp.Symbol) else (size, 1 if symbol.shape[1] == 1 else size)
        found[symbol] = np.abs(random.normal(size=shape)) if symbol.is_positive else random.normal(size=shape)
    return found


def names(model: sg.Recurrence, numbers: dict[sp.Expr, Any]) -> dict[str, Any]:
    """The numbers under the names that the readers give: old states at t-1, inputs at t."""
    size = next((value.shape[0] for value in numbers.values() if value.ndim), 1)
    step = {s: "_t_1" for s in model.states} | {s: "_t" for s in model.inputs}
    greek = {"alpha": "alpha"}
    named = {greek.get(str(s), str(s)) + step.get(s, ""): value for s, value in numbers.items()}
    return named | {"I": np.eye(size), "ones": np.ones((size, 1))}


def explicit(model: sg.Recurrence, matrix: Any, numbers: dict[sp.Expr, Any]) -> np.ndarray:
    """A matrix of entries ``W[i, j]`` in numbers, by SymPy."""
    flat: dict[sp.Expr, Any] = {}
    for symbol, value in numbers.items():
        entries = (
            {symbol: float(value)}
            if not value.ndim
            else {sp.MatrixSymbol(symbol.name, *value.shape)[i, j]: value[i, j] for i, j in np.ndindex(*value.shape)}
        )
        flat |= entries
    return np.array(matrix.xreplace({key: sp.Float(float(val), 20) for key, val in flat.items()}).evalf(), dtype=float)


def random_vector(random: np.random.Generator, depth: int) -> sp.Expr:
    """A vector expression of the language, drawn from all its constructions."""
    if depth == 0:
        return [h, v, u, b, ones, W * h, B * v][random.integers(7)]
    first, second = random_vector(random, depth - 1), random_vector(random, depth - 1)
    factor = [-1, 2, sp.Rational(-1, 3), g, 1 - g, -g / 2][random.integers(6)]
    matrix = [W, B.T, W - W.T, W * B, 2 * W - g * sp.Identity(n), (W + B).T][random.integers(6)]
    kinds = [
        lambda: first + second,
        lambda: first - second,
        lambda: factor * first,
        lambda: matrix * first,
        lambda: sg.hadamard(first, second),
        lambda: (tanh, sigmoid, sin, softsign)[random.integers(4)](first),
        lambda: sp.DiagMatrix(first) * second,
    ]
    return kinds[random.integers(len(kinds))]()


def random_model(seed: int) -> sg.Recurrence:
    """A drawn model without powers, whose functions are named by letters that the readers do not know."""
    random = np.random.default_rng(seed)
    while True:
        updates = {h: random_vector(random, 3) + h, v: random_vector(random, 3) + v}
        if not any(expr.has(sp.HadamardPower) for expr in updates.values()):
            return sg.Recurrence(updates, inputs=[u])


MODELS |= {f"random {seed}": lambda seed=seed: random_model(seed) for seed in range(SEEDS)}
LONG = {"random 2", "random 11"}
CASES = [(name, notation) for name in MODELS if name not in LONG for notation in ("text", "latex")]
CASES += [
    pytest.param(name, notation, marks=pytest.mark.slow) for name in sorted(LONG) for notation in ("text", "latex")
]
CASES += [(name, "text") for name in SCALAR_MODELS]
READERS = {"text": (text, from_text), "latex": (latex, from_latex)}


@pytest.mark.parametrize(("name", "notation"), CASES)
def test_the_printed_jacobian_has_the_entries_that_sympy_gives(name: str, notation: str) -> None:
    model = (MODELS | SCALAR_MODELS)[name]()
    write, read = READERS[notation]
    numbers = drawn(model, 2)
    derivative = sg.jacobian(model)
    expected = explicit(model, derivative.explicit(2) if model.sizes else derivative.explicit(), numbers)
    reader = read(write(derivative), names(model, numbers))
    size = 2 if model.sizes else 1
    printed = [[reader.value(f"D{a}_t_{b}_t_1").array for b in model.states] for a in model.states]
    blocks = [[np.broadcast_to(block, (size, size)) for block in row] for row in printed]  # zero is written 0
    assert np.allclose(np.block(blocks), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "notation"), CASES)
def test_the_printed_equations_give_the_next_states(name: str, notation: str) -> None:
    model = (MODELS | SCALAR_MODELS)[name]()
    write, read = READERS[notation]
    numbers = drawn(model, 2)
    known = names(model, numbers)
    reader = read(write(model), known)
    simulated = sg.simulate(model, **arguments(model, numbers))
    for state in model.states:
        assert np.allclose(reader.value(f"{state}_t").array.reshape(-1), simulated.states[str(state)][1], rtol=1e-12)


def arguments(model: sg.Recurrence, numbers: dict[sp.Expr, Any]) -> dict[str, Any]:
    """One step from the drawn states."""
    inputs = {str(s): numbers[s].reshape(1, -1) for s in model.inputs}
    initial = {str(s): numbers[s].reshape(-1) for s in model.states}
    weights = {str(s): numbers[s] if model.depth is None else [numbers[s]] for s in model.parameters}
    return {"weights": weights, "initial": initial} | ({"inputs": inputs} if inputs else {"steps": 1})
