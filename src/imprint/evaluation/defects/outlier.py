"""Pictures that are unlike the others of their prompt, to a judge.

Reads: pictures. Writes: findings. Does not: know what is wrong with one.

A picture's distance is the mean of those to its nearest neighbours among the others, in the judge's features (distance
to nearest neighbours as a measure of outliers: Ramaswamy, Rastogi and Shim, SIGMOD 2000; their mean: Angiulli and
Pizzuti, PKDD 2002), itself left out. How far that is from the ordinary is counted in spreads of the logarithm of that
distance, median and MAD, which outliers among the others do not move (Leys et al., doi:10.1016/j.jesp.2013.03.013).
Both kinds of features are asked, the projected ones, which know what a picture shows, and the pooled ones, which know
textures; the more alarmed one counts.

Constants were chosen on five prompts of the embedded base and measured on four others over three blocks of seeds
(`benchmarks/defects.py`; all figures are in docs/results.md). One broken picture among sixteen is told from ordinary
ones with an area under the curve of 1.00 (guidance of 60, noise in its latent), 0.99 (shuffled), 0.97 (half empty) and
0.95 (a patch of noise), and called broken in 0.98, 0.92, 0.75, 0.69 and 0.52 of the cases; of ordinary pictures 1 in
200 is. Several broken ones among eight vouch for each other: of three, one in five is found.
"""

# N pictures looked at, M others that they are compared with, D feature width

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imprint.evaluation.defects.contract import LIMIT, DefectTools, Finding
from imprint.evaluation.judges import Features, ImageJudge, Pixels, image_features, pooled_features

NEIGHBOURS = 5
FEWEST_OTHERS = 5  # with fewer there is no telling what is ordinary
LIMIT_SPREADS = 2.5
LEAST_SPREAD = 0.15  # of the logarithm: few pictures may be evenly far from each other by chance
LEAST_DISTANCE = 1e-6  # the same picture twice


class OutlierCheck:
    """Compares pictures with the others of their prompt.

    Args:
        judge: who looks.
    """

    def __init__(self, judge: ImageJudge) -> None:
        self._judge = judge

    def check(self, pictures: Sequence[Pixels], peers: Sequence[Pixels] = ()) -> list[Finding]:
        """As `DefectCheck`; with fewer than `FEWEST_OTHERS` peers, all are compared with each other."""
        if not pictures:
            return []
        if len(pictures) + len(peers) <= FEWEST_OTHERS:
            return [Finding(0.0, broken=False, reason="too few to compare")] * len(pictures)
        everyone = [*pictures, *peers]
        spreads_KN = [
            outlier_spreads(features_MD[: len(pictures)], features_MD[len(pictures) :])
            for features_MD in (image_features(self._judge, everyone), pooled_features(self._judge, everyone))
        ]
        return [_finding(float(spreads)) for spreads in np.maximum(*spreads_KN)]


def open_outlier(tools: DefectTools) -> OutlierCheck:
    """The check "outlier"."""
    return OutlierCheck(tools.judge)


def outlier_spreads(looked_ND: Features, peers_MD: Features) -> NDArray[np.float64]:
    """How many spreads each picture is farther from its nearest neighbours than is ordinary.

    Args:
        looked_ND: features of those that are looked at; more than `FEWEST_OTHERS` together with the peers.
        peers_MD: features of others, found whole; with fewer than `FEWEST_OTHERS` all stand beside each other.
    Returns: shape (N,); below 0 for one that is nearer than ordinary.
    """
    looked_ND, peers_MD = _unit(looked_ND), _unit(peers_MD)
    if len(peers_MD) < FEWEST_OTHERS:
        everyone_MD = np.concatenate([looked_ND, peers_MD])
        ordinary_M = _nearness(everyone_MD, everyone_MD, same=True)
        far_N = ordinary_M[: len(looked_ND)]
    else:
        ordinary_M = _nearness(peers_MD, peers_MD, same=True)
        far_N = _nearness(looked_ND, peers_MD, same=False)
    median = np.median(ordinary_M)
    spread = 1.4826 * np.median(np.abs(ordinary_M - median))  # 1.4826: of a normal distribution, MAD to deviation
    return (far_N - median) / max(float(spread), LEAST_SPREAD)


def _nearness(of_ND: Features, among_MD: Features, same: bool) -> NDArray[np.float64]:
    """Logarithm of the mean distance to the nearest neighbours, (N,); itself left out where both are the `same`."""
    distance_NM = np.sqrt(np.maximum(2.0 - 2.0 * of_ND @ among_MD.T, 0.0))
    if same:
        np.fill_diagonal(distance_NM, np.inf)
    count = min(NEIGHBOURS, len(among_MD) - same)
    nearest_NK = np.sort(distance_NM, axis=1)[:, :count]
    return np.log(np.maximum(nearest_NK.mean(axis=1), LEAST_DISTANCE))


def _unit(rows_ND: Features) -> Features:
    return rows_ND / np.maximum(np.linalg.norm(rows_ND, axis=1, keepdims=True), 1e-12)


def _finding(spreads: float) -> Finding:
    broken = spreads >= LIMIT_SPREADS
    score = float(np.clip(LIMIT * spreads / LIMIT_SPREADS, 0.0, 1.0))
    return Finding(score, broken, f"unlike the others ({spreads:.1f} spreads)" if broken else "")
