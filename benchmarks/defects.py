"""How well the check "outlier" tells broken pictures of the embedded base from ordinary ones, over seeds.

Reads: the embedded base and judge. Writes: a table on stdout. Does not: keep pictures.

    python benchmarks/defects.py                  # docs/results.md: four prompts, three blocks of seeds
    python benchmarks/defects.py --seeds 4 5

The prompts are not those that the check's constants were chosen on.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

if __package__ in (None, ""):  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from tests.broken_pictures import BREAKINGS

from imprint.evaluation import open_judge
from imprint.evaluation.defects.contract import Finding
from imprint.evaluation.defects.outlier import OutlierCheck
from imprint.evaluation.judges import Pixels
from imprint.families import Family
from imprint.generation.text_to_image import TextToImage, text_to_image
from imprint.jobs.bases import open_base

PROMPTS = (
    "a photo of a black cat in the city",
    "a noir picture of an old man in a suit",
    "a watercolour painting of a blue boat at the beach",
    "a pixel art picture of a winged fire creature in space",
)
DRAWN, BURNT = 16, 4
BURNT_CFG = 60.0
SIZES = (16, 8)
AT_ONCE = 3

Findings = dict[str, list[Finding]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="blocks of seeds")
    parser.add_argument("--steps", type=int, default=8, help="network calls for each picture")
    options = parser.parse_args(arguments)
    family, check = open_base("nano"), OutlierCheck(open_judge("nano"))
    blocks: list[dict[int, Findings]] = []
    for block in options.seeds:
        found: dict[int, Findings] = {size: defaultdict(list) for size in SIZES}
        for prompt in PROMPTS:
            ordinary = drawn(family, prompt, 1000 * block, DRAWN, 4.0, options.steps)
            burnt = drawn(family, prompt, 1000 * block + DRAWN, BURNT, BURNT_CFG, options.steps)
            for size in SIZES:
                look(check, family, ordinary[:size], burnt, 1000 * block, found[size])
        blocks.append(found)
        print(f"block {block}: {len(PROMPTS) * (DRAWN + BURNT)} pictures", file=sys.stderr, flush=True)
    for size in SIZES:
        print_table(size, [found[size] for found in blocks])
    return 0


def drawn(family: Family, prompt: str, seed: int, count: int, cfg_scale: float, steps: int) -> list[Pixels]:
    """Pictures of one prompt."""
    shared = {"prompt": prompt, "steps": steps, "cfg_scale": cfg_scale}
    requests = [TextToImage.model_validate({**shared, "seed": seed + number}) for number in range(count)]
    return [picture.pixels_HWC for picture in text_to_image(family, requests, batch=4)]


def look(
    check: OutlierCheck, family: Family, ordinary: list[Pixels], burnt: list[Pixels], seed: int, found: Findings
) -> None:
    """What the check finds with none, one and several broken pictures among ordinary ones."""
    found["ordinary"] += check.check(ordinary)
    kinds = {name: [broken(family, one, seed + n) for n, one in enumerate(ordinary[:BURNT])]
             for name, broken in BREAKINGS.items()}  # fmt: skip
    for name, several in {**kinds, "burnt": burnt}.items():
        for place, one in enumerate(several):
            found[name] += check.check([one, *ordinary[:place], *ordinary[place + 1 :]])[:1]
        among = check.check([*several[:AT_ONCE], *ordinary[AT_ONCE:]])
        found[f"{name}, {AT_ONCE} at once"] += among[:AT_ONCE]
        found[f"ordinary beside {AT_ONCE} broken"] += among[AT_ONCE:]


def print_table(size: int, blocks: Sequence[Findings]) -> None:
    """One row a kind: area under the curve and share called broken, over all blocks and from block to block."""
    print(f"\n{size} drawn for a prompt\n\n| | pictures | AUC | called broken |\n|---|---|---|---|")
    for name in blocks[0]:
        shares = [float(np.mean([finding.broken for finding in found[name]])) for found in blocks]
        areas = [area(scores(found[name]), scores(found["ordinary"])) for found in blocks]
        auc = "" if name.startswith("ordinary") else f"{np.mean(areas):.2f} ({min(areas):.2f} to {max(areas):.2f})"
        count = sum(len(found[name]) for found in blocks)
        print(f"| {name} | {count} | {auc} | {np.mean(shares):.3f} ({min(shares):.2f} to {max(shares):.2f}) |")


def scores(findings: Iterable[Finding]) -> np.ndarray:
    """The scores of findings."""
    return np.array([finding.score for finding in findings])


def area(broken: np.ndarray, ordinary: np.ndarray) -> float:
    """Chance that a broken picture scores above an ordinary one, ties counted half."""
    above, equal = broken[:, None] > ordinary, broken[:, None] == ordinary
    return float(above.mean() + equal.mean() / 2)


if __name__ == "__main__":
    sys.exit(main())
