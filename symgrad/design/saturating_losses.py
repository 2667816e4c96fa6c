"""Losses that saturate beside those that do not: squared error and cross-entropy, and the two losses of a generator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from symgrad.design.losses import LossComparison, compare_losses
from symgrad.design.statements import StatedResult, Statement
from symgrad.design.verification import Verification
from symgrad.language.derivation import Derivation

__all__ = ["SaturatingLosses", "saturating_losses"]


@dataclass(frozen=True, eq=False)
class SaturatingLosses(StatedResult):
    """Comparisons in each of which the first loss saturates and the second does not; it can be iterated over.

    Attributes:
        classifier: squared error against cross-entropy with target 1.
        generator: ``log(1 - y)`` against ``-log(y)``, y what the discriminator says of a generated sample.
    """

    classifier: LossComparison
    generator: LossComparison

    def __iter__(self) -> Iterator[LossComparison]:
        return iter((self.classifier, self.generator))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> LossComparison:
        return (self.classifier, self.generator)[index]

    @property
    def title(self) -> str:
        """Which losses saturate."""
        return "; ".join(f"{pair.first.loss} saturates, {pair.second.loss} does not" for pair in self)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Those of both comparisons, each with what it is about."""
        named = (("classifier", self.classifier), ("generator", self.generator))
        return tuple(Statement(f"{name}, {row.words}", row.relation) for name, pair in named for row in pair.statements)

    @property
    def derivation(self) -> Derivation:
        """Both derivations, one after the other."""
        return Derivation(self.title, self.classifier.derivation.steps + self.generator.derivation.steps)

    def verify(self, seed: int = 0) -> Verification:
        """The checks of all four factors.

        Args:
            seed: of the points.
        """
        one, two = self.classifier.verify(seed), self.generator.verify(seed)
        return Verification("factors of four losses", one.against, one.cases + two.cases)


def saturating_losses() -> SaturatingLosses:
    """Squared error against cross-entropy with target 1, and the two losses of a generator, all of a logistic output.

    Returns:
        The two comparisons; in each the first loss saturates and the second does not.

    Source: Goodfellow et al. 2014, Generative Adversarial Nets, sec. 3, for the generator.

    >>> found = saturating_losses()
    >>> [(pair.first.saturating, pair.second.saturating) for pair in found]
    [(True, False), (True, False)]
    >>> found.generator.ratio_in_output
    -y/(y - 1)
    """
    return SaturatingLosses(
        compare_losses("(y - t)^2/2", "-t*log(y) - (1 - t)*log(1 - y)", target=1),
        compare_losses("log(1 - y)", "-log(y)"),
    )
