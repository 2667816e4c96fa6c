r"""What users call things, in LaTeX: symbols and accents are typeset, and no other command gets through.

A name may be LaTeX of one's own, such as ``\hat{W}_{1}``. A name may also come out of a file from elsewhere, and TeX
reads files and defines commands where it is told to; so the commands that stay are listed.
"""

from __future__ import annotations

import re

__all__ = ["harmless"]

_KEPT = frozenset(
    re.findall(
        r"\w+",
        """
        alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu nu xi omicron pi
        varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma
        Upsilon Phi Psi Omega aleph beth gimel daleth ell hbar hslash imath jmath Re Im wp mho eth partial nabla infty
        prime backprime emptyset
        hat widehat tilde widetilde bar overline underline vec dot ddot dddot ddddot check breve acute grave mathring
        overbrace underbrace
        mathrm mathbf mathit mathsf mathtt mathcal mathscr mathbb mathfrak mathnormal boldsymbol bm text textrm textbf
        textit textsf texttt operatorname displaystyle textstyle scriptstyle
        left right big Big bigl bigr Bigl Bigr lvert rvert lVert rVert vert Vert langle rangle lfloor rfloor lceil rceil
        lbrace rbrace mid
        frac tfrac dfrac sqrt sum prod int max min sup inf lim log ln lg exp sin cos tan cot sec csc sinh cosh tanh coth
        arcsin arccos arctan det dim ker deg arg gcd Pr
        cdot cdots ldots dots times div pm mp ast star circ bullet oplus ominus otimes oslash odot dagger ddagger top
        bot perp parallel to rightarrow leftarrow uparrow downarrow leftrightarrow Rightarrow Leftarrow mapsto sim simeq
        approx equiv cong propto neq ne le leq ge geq ll gg in notin ni subset subseteq supset cup cap setminus wedge
        vee neg forall exists triangle square diamond clubsuit diamondsuit heartsuit spadesuit flat natural sharp
        backslash quad qquad thinspace thickspace medspace negthinspace limits nolimits
        """,
    )
)
_PART = re.compile(r"\\([A-Za-z]+)|\\([^A-Za-z])|(\\)|(\^{2,})|([#%&$])|(~)", re.DOTALL)
_ALONE = {"\\": r"\backslash ", "^": r"\wedge ", "~": r"\sim "}
_BRACES = re.compile(r"(?<!\\)([{}])")


def harmless(name: str) -> str:
    r"""A name in LaTeX without characters that end or break a formula and without commands that do more than typeset.

    Args:
        name: plain, or LaTeX of a formula's part.

    >>> print(harmless(r"\hat{W}_{1}"), harmless("50 %"), harmless(r"\input{secret}"))
    \hat{W}_{1} 50 \% \backslash \mathrm{input}{secret}
    """
    plain = "".join(sign if sign.isprintable() else " " for sign in name)
    return _PART.sub(_shown, plain if _is_balanced(plain) else _BRACES.sub(r"\\\1", plain))


def _shown(found: re.Match[str]) -> str:
    word, sign, _, carets, special, tilde = found.groups()
    if word is not None:
        return found[0] if word in _KEPT else rf"\backslash \mathrm{{{word}}}"
    if sign is not None:
        return found[0] if sign in "{}_#%&$|,;:!> " else r"\backslash " + _ALONE.get(sign, sign)
    if carets is not None:
        return r"\wedge " * len(carets)  # TeX reads two of them as the start of a character's number
    if special is not None:
        return "\\" + special
    return r"\sim " if tilde is not None else "\\backslash "


def _is_balanced(name: str) -> bool:
    """Whether each brace has its other one."""
    depth = 0
    for brace in _BRACES.findall(re.sub(r"\\\\", "  ", name)):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0
