"""Which of several pictures of one prompt are the best, from their scores.

Reads: scores. Writes: a ranking. Does not: look at pictures, or compute a score of its own.

| score | range | better | weight | what it is |
|---|---|---|---|---|
| subject | 0..1 | higher | 1 | likeness to the photos: 0 the base's class pictures, 1 another photo (`SubjectScale`) |
| prompt | 0..1 | higher | 1 | cosine of picture and prompt, below 0 as 0 (`metrics.prompt_similarity`) |
| a check's | 0..1 | lower | 0.5 | how broken: the worst of all checks counts (`defects.Finding`) |
| total | 0..1 | higher | | the mean, by weight, of subject, prompt and 1 - the worst check, of those there are |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from imprint.evaluation.defects.contract import Finding


@dataclass(frozen=True)
class ScoreWeights:
    """How much each score counts in the total; each >= 0, only their ratios matter.

    Defects count half: to the check "outlier" an unusual picture is a little broken, and it may be the best of all.
    """

    subject: float = 1.0
    prompt: float = 1.0
    defects: float = 0.5


@dataclass(frozen=True)
class PictureScores:
    """What is known of one picture.

    Attributes:
        subject: 0..1; None where there are no photos to compare with.
        prompt: 0..1; None where the prompt says nothing that could be looked for.
        findings: of the checks, by their names.
    """

    subject: float | None = None
    prompt: float | None = None
    findings: Mapping[str, Finding] = field(default_factory=dict[str, Finding])

    @property
    def broken(self) -> bool:
        """Whether any check says so."""
        return any(finding.broken for finding in self.findings.values())

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, by the checks that say so."""
        return tuple(finding.reason for finding in self.findings.values() if finding.broken)

    def total(self, weights: ScoreWeights) -> float:
        """One number, 0..1: the mean, by weight, of what is known; 0 where nothing is that counts."""
        worst = max((finding.score for finding in self.findings.values()), default=None)
        known = (
            (self.subject, weights.subject),
            (self.prompt, weights.prompt),
            (None if worst is None else 1.0 - worst, weights.defects),
        )
        counted = [(value, weight) for value, weight in known if value is not None and weight > 0]
        together = sum(weight for _, weight in counted)
        return sum(value * weight for value, weight in counted) / together if together else 0.0

    def numbers(self, weights: ScoreWeights) -> dict[str, float]:
        """Every score by its name, the total first, the checks' under their own names."""
        known = {"total": self.total(weights), "subject": self.subject, "prompt": self.prompt}
        known |= {name: finding.score for name, finding in self.findings.items()}
        return {name: value for name, value in known.items() if value is not None}


def ranking(scores: Sequence[PictureScores], weights: ScoreWeights) -> tuple[int, ...]:
    """The pictures' indices, the best first.

    A broken picture stands behind every one that is not, whatever its total; equal ones stand in the order given.

    Args:
        scores: of each picture, for one prompt and by one judge.
        weights: of each score.
    """
    return tuple(sorted(range(len(scores)), key=lambda place: (scores[place].broken, -scores[place].total(weights))))
