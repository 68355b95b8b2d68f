"""The choice: which of the drawn pictures are the best, and which were drawn again.

Reads: pictures as they are drawn. Writes: a choice. Does not: save anything.

No more pictures are held at a time than are drawn at first: a broken one is let go before another is drawn for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from imprint.artifacts.picture import Picture
from imprint.evaluation.best import PictureScores, ScoreWeights, ranking
from imprint.evaluation.judges import Pixels
from imprint.jobs.best_of.recipe import BestOf
from imprint.jobs.progress import announce

Draw = Callable[[Sequence[int]], Iterator[Picture]]  # pictures by their numbers: the first seed's is 0
Score = Callable[[Sequence[Pixels], Sequence[Pixels]], list[PictureScores]]  # pictures, and others found whole


@dataclass(frozen=True)
class Candidate:
    """A picture that was drawn.

    Attributes:
        number: of its seed, counted from the recipe's.
        seed: of its noise.
        variation_seed: of the noise mixed into it, or None.
        scores: its own.
        rank: among those that were not drawn again, the best is 1; None for those that were.
        instead_of: the number of the broken one that it was drawn for, or None.
    """

    number: int
    seed: int
    variation_seed: int | None
    scores: PictureScores
    rank: int | None = None
    instead_of: int | None = None


@dataclass(frozen=True)
class Choice:
    """What was drawn and what is kept.

    Attributes:
        kept: with their pictures, the best first.
        drawn: every candidate, in the order drawn.
    """

    kept: tuple[tuple[Candidate, Picture], ...]
    drawn: tuple[Candidate, ...]


def choose_best(best: BestOf, keep: int, draw: Draw, score: Score) -> Choice:
    """Draw, draw the broken ones again, rank.

    Args:
        best: how many, how often again, by which weights.
        keep: how many are kept, 1 to `best.draw`.
        draw: gives the pictures of numbers, one after another.
        score: scores pictures, given others that were found whole.
    """
    pool = _Pool(draw, score)
    pool.add(range(best.draw), "pictures")
    for attempt in range(best.redraw):
        broken = pool.broken()
        if not broken:
            break
        pool.draw_again(broken, f"broken ones drawn again, {attempt + 1} of {best.redraw} times at most")
    return pool.choice(keep, best.weights.plain())


class _Pool:
    """The pictures in the running, and what is known of all that were drawn."""

    def __init__(self, draw: Draw, score: Score) -> None:
        self._draw, self._score = draw, score
        self._pictures: dict[int, Picture] = {}
        self._candidates: dict[int, Candidate] = {}

    def broken(self) -> list[int]:
        """Numbers of those in the running that a check calls broken."""
        return [number for number in self._pictures if self._candidates[number].scores.broken]

    def draw_again(self, broken: Sequence[int], what: str) -> None:
        """Let broken ones go, and draw one for each from the seeds that follow."""
        for number in broken:
            del self._pictures[number]
        first = len(self._candidates)
        self.add(range(first, first + len(broken)), what, broken)

    def add(self, numbers: Sequence[int], what: str, instead: Sequence[int] = ()) -> None:
        """Draw pictures and score them beside those in the running, which are whole."""
        tell = announce(what)
        fresh: list[Picture] = []
        for picture in self._draw(numbers):
            fresh.append(picture)
            tell(len(fresh), len(numbers))
        peers = [picture.pixels_HWC for picture in self._pictures.values()]
        scores = self._score([picture.pixels_HWC for picture in fresh], peers)
        for place, (number, picture) in enumerate(zip(numbers, fresh, strict=True)):
            record = picture.record
            self._pictures[number] = picture
            self._candidates[number] = Candidate(
                number, record.seed, record.variation_seed, scores[place],
                instead_of=instead[place] if instead else None,
            )

    def choice(self, keep: int, weights: ScoreWeights) -> Choice:
        """Rank those in the running."""
        running = list(self._pictures)
        order = [running[place] for place in ranking([self._candidates[n].scores for n in running], weights)]
        ranks = {number: rank for rank, number in enumerate(order, 1)}
        ranked = {number: replace(one, rank=ranks.get(number)) for number, one in self._candidates.items()}
        return Choice(tuple((ranked[n], self._pictures[n]) for n in order[:keep]), tuple(ranked.values()))
